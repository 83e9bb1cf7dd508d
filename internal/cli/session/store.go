package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

const (
	configDirName = "mesh"
	loginFileName = "login.json"
)

// Logins is what `mesh login` keeps.
type Logins struct {
	Current string           `json:"current"` // the hub of commands that name none
	Hubs    map[string]Login `json:"hubs"`    // by address
}

// Login is a token for one hub.
type Login struct {
	Token              string    `json:"token"`
	At                 time.Time `json:"at"`
	InsecureHTTPUnsafe bool      `json:"insecureHTTPUnsafe,omitzero"`
}

// Store is the file that logins are kept in, readable only by its owner.
type Store struct{ path string }

// NewStore returns the user's store: mesh/login.json in XDG_CONFIG_HOME (XDG
// base directory specification), else in the system's directory for the
// user's configuration.
func NewStore(env *command.Env) *Store {
	dir := env.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		// Without a home directory there is no login, and saving one says so.
		dir, _ = os.UserConfigDir()
	}
	if dir == "" {
		return &Store{}
	}
	return &Store{path: filepath.Join(dir, configDirName, loginFileName)}
}

// Path returns the name of the file; empty if the user has no home.
func (s *Store) Path() string { return s.path }

// Load returns what is stored. A file that is missing is an empty one; one
// that others can read is refused.
func (s *Store) Load() (Logins, error) {
	logins := Logins{Hubs: map[string]Login{}}
	if s.path == "" {
		return logins, nil
	}
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return logins, nil
	}
	if err != nil {
		return logins, fmt.Errorf("reading the stored logins: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return logins, mesh.Errorf(mesh.CodeInvalid, "%s holds tokens and can be read by others (mode %04o)", s.path, info.Mode().Perm()).
			WithHint("run `chmod 600 " + s.path + "`, and replace the tokens if others use this machine")
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return logins, fmt.Errorf("reading the stored logins: %w", err)
	}
	if err := json.Unmarshal(data, &logins); err != nil {
		return logins, mesh.Errorf(mesh.CodeInvalid, "%s is damaged: %w", s.path, err).WithHint("remove it and log in again with `mesh login`")
	}
	if logins.Hubs == nil {
		logins.Hubs = map[string]Login{}
	}
	return logins, nil
}

// Save replaces what is stored.
func (s *Store) Save(logins Logins) error {
	if s.path == "" {
		return mesh.Errorf(mesh.CodeInvalid, "there is no directory to keep the login in").WithHint("set XDG_CONFIG_HOME or HOME, or use MESH_TOKEN instead of a login")
	}
	data, err := json.MarshalIndent(logins, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the logins: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("making the directory for logins: %w", err)
	}
	return durable.WriteFile(s.path, append(data, '\n'), 0o600)
}
