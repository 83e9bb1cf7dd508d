package session_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

const (
	local  = "http://127.0.0.1:8080"
	remote = "https://hub.example.com"
)

// newEnv returns an environment with its own home and the given variables.
func newEnv(t *testing.T, variables map[string]string) *command.Env {
	t.Helper()
	streams, _, _, _ := iostreams.Test()
	env := command.NewEnv(streams)
	home := t.TempDir()
	env.LookupEnv = func(name string) (string, bool) {
		if name == "XDG_CONFIG_HOME" {
			return home, true
		}
		v, ok := variables[name]
		return v, ok
	}
	return env
}

// write makes a file and returns its name.
func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestOpen(t *testing.T) {
	t.Parallel()
	file := write(t, " from-file\n")
	stored := session.Logins{Current: remote, Hubs: map[string]session.Login{remote: {Token: "stored", At: time.Now()}}}
	tests := []struct {
		name      string
		flags     session.Flags
		variables map[string]string
		logins    session.Logins
		hub       string
		token     string
		source    string
	}{
		{name: "nothing given", hub: local},
		{name: "the last login", logins: stored, hub: remote, token: "stored", source: session.SourceLogin},
		{name: "a stored token stays with its hub", flags: session.Flags{Hub: local}, logins: stored, hub: local},
		{name: "an address is brought into one form", flags: session.Flags{Hub: "https://HUB.example.com/"}, logins: stored, hub: remote, token: "stored", source: session.SourceLogin},
		{name: "MESH_TOKEN over the login", variables: map[string]string{"MESH_TOKEN": "env"}, logins: stored, hub: remote, token: "env", source: "MESH_TOKEN"},
		{name: "MESH_TOKEN over MESH_TOKEN_FILE", variables: map[string]string{"MESH_TOKEN": "env", "MESH_TOKEN_FILE": file}, hub: local, token: "env", source: "MESH_TOKEN"},
		{name: "MESH_TOKEN_FILE over the login", variables: map[string]string{"MESH_TOKEN_FILE": file}, logins: stored, hub: remote, token: "from-file", source: "MESH_TOKEN_FILE"},
		{name: "the flag over everything", flags: session.Flags{TokenFile: file}, variables: map[string]string{"MESH_TOKEN": "env"}, logins: stored, hub: remote, token: "from-file", source: "--token-file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := newEnv(t, tt.variables)
			if tt.logins.Hubs != nil {
				if err := session.NewStore(env).Save(tt.logins); err != nil {
					t.Fatal(err)
				}
			}
			s, err := session.Open(env, tt.flags)
			if err != nil {
				t.Fatal(err)
			}
			if s.Hub.String() != tt.hub || s.Token != tt.token || s.Source != tt.source {
				t.Errorf("got %s, token %q from %q", s.Hub, s.Token, s.Source)
			}
		})
	}
}

func TestTokenThatIsNone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"empty": "\n", "too large": strings.Repeat("a", session.MaxTokenBytes+1), "two lines": "a\nb", "control characters": "a\x00b", "not ASCII": "tökén"} {
		if _, err := session.ReadTokenFile(write(t, content)); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTokenFromEnv(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": "", " \n": "", "tok\n": "tok", "a b": "!", "tökén": "!"} {
		got, err := session.TokenFromEnv(newEnv(t, map[string]string{"MESH_TOKEN": value}))
		if want == "!" && mesh.CodeOf(err) != mesh.CodeInvalid || want != "!" && (err != nil || got != want) {
			t.Errorf("%q: got %q, %v", value, got, err)
		}
	}
}

func TestCheckTransport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hub      string
		insecure bool
		refused  bool
	}{
		{hub: "http://127.0.0.1:8080"},
		{hub: "http://[::1]:8080"},
		{hub: "http://localhost"},
		{hub: "https://hub.example.com"},
		{hub: "http://hub.example.com", refused: true},
		{hub: "http://10.0.0.1:8080", refused: true},
		{hub: "http://localhost.example.com", refused: true},
		{hub: "http://hub.example.com", insecure: true},
	}
	for _, tt := range tests {
		u, err := url.Parse(tt.hub)
		if err != nil {
			t.Fatal(err)
		}
		err = session.CheckTransport(u, tt.insecure)
		if usage := (*command.UsageError)(nil); errors.As(err, &usage) != tt.refused {
			t.Errorf("%s, insecure %v: got %v", tt.hub, tt.insecure, err)
		}
	}
}

func TestParseHubRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"hub.example.com", "ftp://hub", "http://", "http://hub/path", "http://user@hub", "http://hub?x=1", "://"} {
		if _, err := session.ParseHub(address); err == nil {
			t.Errorf("%q was accepted", address)
		}
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	env := newEnv(t, nil)
	store := session.NewStore(env)
	if logins, err := store.Load(); err != nil || logins.Hubs == nil {
		t.Fatalf("a missing file is an empty one: %v, %v", logins, err)
	}
	if err := store.Save(session.Logins{Current: local, Hubs: map[string]session.Login{local: {Token: "t"}}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(store.Path())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %04o", info.Mode().Perm())
	}
	if err := os.Chmod(store.Path(), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(); mesh.CodeOf(err) != mesh.CodeInvalid || mesh.HintOf(err) == "" {
		t.Errorf("a file that others can read: got %v", err)
	}
	if err := os.WriteFile(store.Path(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(store.Path(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a damaged file: got %v", err)
	}
}
