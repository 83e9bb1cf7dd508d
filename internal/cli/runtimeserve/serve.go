// Package runtimeserve is the command `runtime serve`: it runs an enforcement
// runtime until it is told to stop. Both programs have it; the edge build has
// nothing else.
//
// Flags win over environment variables, which win over the configuration
// file, which wins over the stored login and the defaults. What a runtime does
// is in internal/node.
package runtimeserve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/node"
)

// Options are the arguments of `runtime serve`.
type Options struct {
	ConfigFile string
	// Set are the settings that flags or environment variables gave, laid
	// over the configuration file's.
	Set                []func(*node.Config)
	TokenFile          string
	InsecureHTTPUnsafe bool
	Log                command.LogOptions
	JSON               bool
}

// Result is what the command prints once the runtime answers.
type Result struct {
	URL     string `json:"url"`
	Socket  string `json:"socket"`
	Hub     string `json:"hub"`
	DataDir string `json:"dataDir"`
	Journal string `json:"journal"` // "on", or "off-unsafe": decisions are not recorded
}

// NewCmdServe returns `serve` for the noun runtime. A nil runF means the
// command's own work.
func NewCmdServe(env *command.Env, runF func(*Options) error) *cobra.Command {
	opts := &Options{}
	var given node.Config
	var subscribe []string
	var mode string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run an enforcement runtime",
		Long: `Run a runtime: it enrols at the hub, pulls the bundles it is subscribed to,
verifies them against its own trust policy, and answers whether agents may do
what they ask. It keeps deciding with the last good set while the hub is away.

A subscription is [NAMESPACE/]NAME[@RANGE | @CHANNEL | @DIGEST]. Without
--trust-policy only official bundles are trusted. The token is needed to enrol,
once.

The configuration file has a section "runtime" with the same settings.`,
		Example: `    mesh runtime serve --subscribe 'gdpr@^3' --subscribe 'hipaa@^3'
    mesh runtime serve --hub https://hub.example.com --subscribe acme/guardrails --trust-policy trust.yaml`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := parse(subscribe, mode, &given); err != nil {
				return err
			}
			opts.Set = overrides(cmd, given)
			if runF != nil {
				return runF(opts)
			}
			return serveRun(cmd.Context(), env, opts)
		},
	}
	addFlags(cmd, opts, &given, &subscribe, &mode)
	command.AddLogFlags(cmd, &opts.Log, slog.LevelInfo)
	command.AddJSON(cmd, &opts.JSON, Result{})
	return cmd
}

// parse turns what flags give as text into what it means.
func parse(subscribe []string, mode string, c *node.Config) error {
	for _, text := range subscribe {
		s, err := mesh.ParseSubscription(text)
		if err != nil {
			return command.Usage(err)
		}
		c.Subscriptions = append(c.Subscriptions, s)
	}
	c.Mode = mesh.Mode(mode)
	if mode != "" && !c.Mode.Valid() {
		return command.UsageErrorf("--mode %q is none", mode).WithHint("use enforce, monitor or audit; it can only weaken what a policy says")
	}
	if c.Journal != "" && c.Journal != node.JournalOn && c.Journal != node.JournalOffUnsafe {
		return command.UsageErrorf("--journal %q is none", c.Journal).
			WithHint("use " + node.JournalOn + "; " + node.JournalOffUnsafe + " is for measuring and leaves no evidence")
	}
	return nil
}

func serveRun(ctx context.Context, env *command.Env, opts *Options) error {
	section, file, err := configure(env, opts)
	if err != nil {
		return err
	}
	logger := env.Logger(opts.Log)
	logger.LogAttrs(ctx, slog.LevelInfo, "effective configuration", file.Effective()...)
	section.Version = env.Build.Version
	n, err := node.New(ctx, section.Config, logger)
	if err != nil {
		return err
	}
	if err := announce(env, opts.JSON, Result{URL: n.URL(), Socket: section.Socket, Hub: section.Hub, DataDir: section.DataDir, Journal: section.Journal}); err != nil {
		return errors.Join(err, n.Close())
	}
	return errors.Join(n.Run(ctx), n.Close())
}

// announce tells where the runtime answers.
func announce(env *command.Env, asJSON bool, r Result) error {
	if asJSON {
		return env.WriteJSONLine(r)
	}
	_, err := fmt.Fprintf(env.IO.Out, "runtime  %s\nsocket   %s\nhub      %s\ndata     %s\n", r.URL, r.Socket, r.Hub, r.DataDir)
	if r.Journal == node.JournalOffUnsafe && err == nil {
		_, err = fmt.Fprintf(env.IO.Out, "journal  %s: decisions are NOT recorded\n", env.IO.Paint(iostreams.Red, r.Journal))
	}
	return err
}
