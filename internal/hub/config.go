package hub

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// The defaults of a [Config].
const (
	DefaultListen = "127.0.0.1:8080"
	// DefaultShutdownTimeout is how long requests that run may take to finish
	// once the hub is told to stop.
	DefaultShutdownTimeout = 10 * time.Second

	dataDirName = "aimesh/hub"
)

// Config is the hub's section of the configuration, "hub". The zero value
// after [Config.SetDefaults] is the embedded default: loopback, one SQLite
// file, blobs on disk.
type Config struct {
	// Listen is the address of API, registry and pages: host:port. Port 0
	// takes a free one.
	Listen string `yaml:"listen"`
	// DataDir holds everything the hub keeps. One hub at a time uses it.
	DataDir string `yaml:"dataDir"`
	// Database is the path of the SQLite file; empty: hub.db in DataDir.
	Database string `yaml:"database"`
	// Blobs is the directory of registry content; empty: blobs in DataDir.
	Blobs string `yaml:"blobs"`
	// TLSCert and TLSKey are PEM files; both or none.
	TLSCert string `yaml:"tlsCert"`
	TLSKey  string `yaml:"tlsKey"`
	// PublicURL is how clients reach the hub where it is not what they asked
	// for, such as behind a proxy that ends TLS: "https://hub.example.com".
	PublicURL string `yaml:"publicURL"`
	// ShutdownTimeout bounds how long Close waits for running requests.
	ShutdownTimeout time.Duration `yaml:"shutdownTimeout"`
}

// Key returns the name of the section.
func (*Config) Key() string { return "hub" }

// SetDefaults fills what is empty.
func (c *Config) SetDefaults() {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.DataDir == "" {
		c.DataDir = defaultDataDir()
	}
	if c.Database == "" {
		c.Database = filepath.Join(c.DataDir, "hub.db")
	}
	if c.Blobs == "" {
		c.Blobs = filepath.Join(c.DataDir, "blobs")
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = DefaultShutdownTimeout
	}
}

// defaultDataDir is below the user's data directory (XDG base directory
// specification), or in the working directory where there is no home.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, dataDirName)
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", dataDirName)
	}
	return filepath.Join(".", dataDirName)
}

// Validate reports everything that is wrong, each finding positioned by the
// name of its key.
func (c *Config) Validate() []mesh.Finding {
	var findings []mesh.Finding
	report := func(key, rule, hint, format string, args ...any) {
		findings = append(findings, mesh.Finding{
			Level: mesh.LevelError, Rule: rule, Hint: hint,
			Message: "hub." + key + ": " + fmt.Sprintf(format, args...),
		})
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		report("listen", "address", "write host:port, for example "+DefaultListen, "%v", err)
	}
	if c.DataDir == "" {
		report("dataDir", "missing", "name a directory with --data-dir", "it is empty")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		report("tlsCert", "tls-pair", "give --tls-cert and --tls-key, or neither",
			"a certificate without its key, or the reverse, would serve without TLS")
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
			report("publicURL", "address", "for example https://hub.example.com", "%q is not the address of a server", c.PublicURL)
		case u.Scheme == "http" && c.TLS():
			report("publicURL", "tls-public", "write https://, or leave it out",
				"clients would be sent to an address without TLS although the hub has a certificate")
		}
	}
	if c.ShutdownTimeout < 0 {
		report("shutdownTimeout", "negative", "leave it out for "+DefaultShutdownTimeout.String(), "%v is negative", c.ShutdownTimeout)
	}
	return findings
}

// TLS reports whether the hub serves TLS itself.
func (c *Config) TLS() bool { return c.TLSCert != "" && c.TLSKey != "" }
