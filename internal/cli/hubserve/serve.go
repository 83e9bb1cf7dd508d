// Package hubserve is the command `mesh hub serve`: it runs the hub until it
// is told to stop.
//
// Flags win over environment variables, which win over the configuration
// file, which wins over the defaults. What a hub does is in internal/hub.
package hubserve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/config"
	"github.com/ai-agent-mesh/mesh/internal/hub"
)

// NewCmdHub returns `hub` with its verbs.
func NewCmdHub(env *command.Env) *cobra.Command {
	return command.Group("hub", "Run the hub: registry, catalog and evidence", newCmdServe(env, nil))
}

// options are the arguments of `hub serve`.
type options struct {
	ConfigFile string
	// Set are the settings that flags or environment variables gave, laid
	// over the configuration file's.
	Set  []func(*hub.Config)
	Log  command.LogOptions
	JSON bool
}

// result is what the command prints once the hub answers.
type result struct {
	URL            string `json:"url"`
	AdminTokenFile string `json:"adminTokenFile"`
	DataDir        string `json:"dataDir"`
}

func newCmdServe(env *command.Env, runF func(*options) error) *cobra.Command {
	opts := &options{}
	var given hub.Config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the hub",
		Long: `Run the hub: the OCI registry that bundles are pushed to, the catalog that lists
them, the runtimes that enforce them and the evidence these report. Without
flags it listens on loopback and keeps everything in one directory.

The first start publishes the official bundles and writes the administrator's
token to admin-token in the data directory.

The configuration file has a section "hub" with the same settings.`,
		Example: `    mesh hub serve
    mesh hub serve --listen 0.0.0.0:8443 --tls-cert hub.pem --tls-key hub.key`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := embedded(&given); err != nil {
				return err
			}
			opts.Set = overrides(cmd, given)
			if runF != nil {
				return runF(opts)
			}
			return serveRun(cmd.Context(), env, opts)
		},
	}
	addFlags(cmd, opts, &given)
	command.AddLogFlags(cmd, &opts.Log, slog.LevelInfo)
	command.AddJSON(cmd, &opts.JSON, result{})
	return cmd
}

func addFlags(cmd *cobra.Command, opts *options, c *hub.Config) {
	flags := cmd.Flags()
	text := func(target *string, name, variable, usage string) {
		flags.StringVar(target, name, "", usage+" (env "+variable+")")
		command.BindEnv(flags, name, variable)
	}
	text(&opts.ConfigFile, "config", "MESH_CONFIG", "configuration `file`")
	text(&c.Listen, "listen", "MESH_HUB_LISTEN", "`address` of API, registry and pages (default "+hub.DefaultListen+")")
	text(&c.DataDir, "data-dir", "MESH_HUB_DATA_DIR", "`directory` for everything the hub keeps (default: aimesh/hub in the user's data directory)")
	text(&c.Database, "database", "MESH_HUB_DATABASE", "SQLite `file` (default: hub.db in the data directory)")
	text(&c.Blobs, "blobs", "MESH_HUB_BLOBS", "`directory` of the registry's content (default: blobs in the data directory)")
	text(&c.TLSCert, "tls-cert", "MESH_HUB_TLS_CERT", "PEM `file` with the certificate chain")
	text(&c.TLSKey, "tls-key", "MESH_HUB_TLS_KEY", "PEM `file` with the certificate's key")
	text(&c.PublicURL, "public-url", "MESH_HUB_PUBLIC_URL", "`address` clients reach the hub at, where a proxy stands before it")
}

// embedded refuses databases and stores that this build does not have: their
// addresses have a scheme.
func embedded(c *hub.Config) error {
	scheme := func(value string) string {
		scheme, _, found := strings.Cut(value, "://")
		if !found {
			return ""
		}
		return scheme
	}
	if s := scheme(c.Database); s != "" {
		return command.UsageErrorf("--database %s://… is not supported: the database is an SQLite file", s).WithHint("give the path of a file, or leave it out")
	}
	if s := scheme(c.Blobs); s != "" {
		return command.UsageErrorf("--blobs %s://… is not supported: content is kept in a directory", s).WithHint("give the path of a directory, or leave it out")
	}
	return nil
}

// overrides returns the settings that were given, by flag or environment.
func overrides(cmd *cobra.Command, given hub.Config) []func(*hub.Config) {
	byFlag := map[string]func(*hub.Config){
		"listen":     func(c *hub.Config) { c.Listen = given.Listen },
		"data-dir":   func(c *hub.Config) { c.DataDir = given.DataDir },
		"database":   func(c *hub.Config) { c.Database = given.Database },
		"blobs":      func(c *hub.Config) { c.Blobs = given.Blobs },
		"tls-cert":   func(c *hub.Config) { c.TLSCert = given.TLSCert },
		"tls-key":    func(c *hub.Config) { c.TLSKey = given.TLSKey },
		"public-url": func(c *hub.Config) { c.PublicURL = given.PublicURL },
	}
	var set []func(*hub.Config)
	for name, apply := range byFlag {
		if cmd.Flags().Changed(name) {
			set = append(set, apply)
		}
	}
	return set
}

func serveRun(ctx context.Context, env *command.Env, opts *options) error {
	var c hub.Config
	file, err := config.Load(opts.ConfigFile, &c, config.Other("runtime"))
	if err != nil {
		return err
	}
	for _, set := range opts.Set {
		set(&c)
	}
	if err := embedded(&c); err != nil {
		return err
	}
	if err := file.Finish(); err != nil {
		return err
	}
	logger := env.Logger(opts.Log)
	logger.LogAttrs(ctx, slog.LevelInfo, "effective configuration", file.Effective()...)
	h, err := hub.New(ctx, c, hub.Options{Logger: logger, Version: env.Build.Version})
	if err != nil {
		return err
	}
	if err := announce(env, opts.JSON, result{URL: h.URL(), AdminTokenFile: h.AdminTokenFile(), DataDir: c.DataDir}); err != nil {
		return errors.Join(err, h.Close())
	}
	return errors.Join(h.Run(ctx), h.Close())
}

// announce tells where the hub answers.
func announce(env *command.Env, asJSON bool, r result) error {
	if asJSON {
		return env.WriteJSONLine(r)
	}
	_, err := fmt.Fprintf(env.IO.Out, "hub    %s\ntoken  %s\ndata   %s\n", r.URL, r.AdminTokenFile, r.DataDir)
	return err
}
