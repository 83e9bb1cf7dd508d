package node

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/runtime/subscribe"
)

// DefaultListen is where a runtime answers unless told otherwise. Loopback:
// without authenticated agents, who may reach the runtime may ask it.
const DefaultListen = "127.0.0.1:7070"

// DefaultHub is the address of a hub on its own defaults.
const DefaultHub = "http://127.0.0.1:8080"

// The values of [Config.Journal].
const (
	JournalOn = "on" // every decision is on disk before it is released
	// JournalOffUnsafe records no decision: there is no evidence of any, and
	// audit mode evaluates none. It is for measuring.
	JournalOffUnsafe = "off-unsafe"
)

// socketName is the unix socket in the data directory.
const socketName = "runtime.sock"

// maxSocketPath is what every system takes: macOS has 104 bytes for the path
// and the zero behind it.
const maxSocketPath = 103

// Config says how a runtime runs. The zero value becomes usable by
// [Config.SetDefaults] except for DataDir, which must be given.
type Config struct {
	// Name is what the hub lists the runtime as; default: the name it is
	// enrolled under, at first the host's. An enrolled runtime refuses to start
	// under another.
	Name string `json:"name" yaml:"name"`
	// DataDir holds key, journal and the last good set. One runtime uses it
	// at a time.
	DataDir string `json:"dataDir" yaml:"dataDir"`
	// Hub is the hub's base URL. The runtime starts and decides without it.
	Hub string `json:"hub" yaml:"hub"`
	// Token is the credential that enrols the runtime at the hub, once. It is
	// not needed afterwards and never stored. TokenFile is read where Token
	// is empty.
	Token     string `json:"-" yaml:"-"`
	TokenFile string `json:"tokenFile,omitzero" yaml:"tokenFile"`
	// Subscriptions are the runtime's own. The hub may add others and cannot
	// remove these.
	Subscriptions []mesh.Subscription `json:"subscriptions" yaml:"subscriptions"`
	// Parameters are the values of bundles' parameters, by "namespace/name".
	// Only the runtime's own configuration sets them.
	Parameters map[string]map[string]any `json:"parameters,omitzero" yaml:"parameters"`
	// Mode weakens policies that are stricter; empty weakens none.
	Mode mesh.Mode `json:"mode,omitzero" yaml:"mode"`
	// Listen is the TCP address of the decision API; it must be a loopback
	// address. Port 0 takes a free one.
	Listen string `json:"listen" yaml:"listen"`
	// Socket is the path of the unix socket of the same API; default:
	// runtime.sock in DataDir, where that is short enough for a socket.
	Socket string `json:"socket" yaml:"socket"`
	// TrustPolicy is a trust.yaml; empty trusts the official key for mesh/**
	// and nothing else.
	TrustPolicy string `json:"trustPolicy,omitzero" yaml:"trustPolicy"`
	// Journal is JournalOn, which is the default, or JournalOffUnsafe.
	Journal string `json:"journal" yaml:"journal"`
	// AllowDowngradeUnsafe accepts a version below the highest that was ever
	// in force for its bundle.
	AllowDowngradeUnsafe bool `json:"allowDowngradeUnsafe,omitzero" yaml:"allowDowngradeUnsafe"`
	// Version is the program's, as reported to the hub.
	Version string `json:"version" yaml:"-"`
}

// SetDefaults fills what is empty.
func (c *Config) SetDefaults() {
	if c.Hub == "" {
		c.Hub = DefaultHub
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if path := filepath.Join(c.DataDir, socketName); c.Socket == "" && c.DataDir != "" && len(path) <= maxSocketPath {
		c.Socket = path
	}
	if c.Journal == "" {
		c.Journal = JournalOn
	}
	if c.Version == "" {
		c.Version = "devel"
	}
}

// Validate reports everything that is wrong with the configuration at once.
// Its errors have [mesh.CodeInvalid] and say what to do.
func (c *Config) Validate() error {
	var errs []error
	refuse := func(hint, format string, args ...any) {
		errs = append(errs, mesh.Errorf(mesh.CodeInvalid, format, args...).WithHint(hint))
	}
	if c.DataDir == "" {
		refuse("name one with --data-dir", "the runtime has no data directory")
	}
	if u, err := url.Parse(c.Hub); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		refuse("for example --hub http://127.0.0.1:8080", "hub address %q is not an http or https URL", c.Hub)
	}
	if c.Mode != "" && !c.Mode.Valid() {
		refuse("use enforce, monitor or audit; it can only weaken what a policy says", "mode %q is not one", c.Mode)
	}
	if len(c.Subscriptions) > subscribe.MaxSubscriptions {
		refuse("subscribe to fewer bundles", "%d subscriptions are more than the %d a runtime follows", len(c.Subscriptions), subscribe.MaxSubscriptions)
	}
	for i, s := range c.Subscriptions {
		if s.Kind() == mesh.SelectRange {
			if _, err := bundle.ParseRange(s.Selector); err != nil {
				errs = append(errs, fmt.Errorf("subscription %s: %w", s, err))
			}
		}
		for _, other := range c.Subscriptions[:i] {
			if s.Bundle == other.Bundle {
				refuse("keep one of them", "subscriptions %s and %s name the same bundle", other, s)
			}
		}
	}
	if c.Journal != JournalOn && c.Journal != JournalOffUnsafe {
		refuse("use on; off-unsafe is for measuring and leaves no evidence", "journal %q is neither %s nor %s", c.Journal, JournalOn, JournalOffUnsafe)
	}
	for name := range c.Parameters {
		if _, err := mesh.ParseBundleRef(name); err != nil {
			errs = append(errs, fmt.Errorf("parameters: %w", err))
		}
	}
	if err := checkListen(c.Listen); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkListen refuses addresses that others can reach. Agents are not
// authenticated, so anybody who reaches the runtime could ask it and fill its
// evidence with agent ids of their choice.
func checkListen(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return mesh.Errorf(mesh.CodeInvalid, "listen address %q is not host:port", addr).WithHint("for example " + DefaultListen)
	}
	if !httpx.IsLoopback(addr) {
		return mesh.Errorf(mesh.CodeInvalid, "listening on %s is refused: it is reachable from other machines and callers are not authenticated", addr).
			WithHint("listen on 127.0.0.1 or [::1], or use the unix socket; agents on other machines need a runtime of their own")
	}
	return nil
}

// token returns the credential that enrols the runtime.
func (c *Config) token() (string, error) {
	if c.Token != "" || c.TokenFile == "" {
		return c.Token, nil
	}
	data, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", mesh.Errorf(mesh.CodeInvalid, "reading the token to enrol with: %w", err).WithHint("name a readable file with --token-file")
	}
	return strings.TrimSpace(string(data)), nil
}
