// Package dev is the command `mesh dev`: a hub and a runtime with the official
// packs in one process, to try everything out on one machine.
package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/hub"
	"github.com/ai-agent-mesh/mesh/internal/node"
)

const (
	// runtimeName is what the hub lists the runtime as.
	runtimeName = "dev"
	// hubTimeout bounds how long the hub may take to become ready; a first
	// start publishes and indexes the official bundles.
	hubTimeout = 60 * time.Second
	// runtimeTimeout is how long the runtime is waited for.
	runtimeTimeout = 20 * time.Second
	// readyInterval is how often it is looked whether they are.
	readyInterval = 50 * time.Millisecond
)

// Options are the arguments of the command.
type Options struct {
	Listen        string
	RuntimeListen string
	DataDir       string
	TrustPolicy   string
	Subscriptions []mesh.Subscription
	Demo          bool
	Log           command.LogOptions
	JSON          bool
}

// Result is what the command prints once everything answers.
type Result struct {
	Hub            string   `json:"hub"`
	Runtime        string   `json:"runtime"`
	Socket         string   `json:"socket"`
	AdminTokenFile string   `json:"adminTokenFile"`
	DataDir        string   `json:"dataDir"`
	Subscriptions  []string `json:"subscriptions"`
}

// NewCmdDev returns `dev`. A nil runF means the command's own work.
func NewCmdDev(env *command.Env, runF func(*Options) error) *cobra.Command {
	opts := &Options{}
	var subscribe []string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a hub and a runtime on this machine",
		Long: `Run a hub and a runtime in one process, on loopback, with everything in one
directory, and put the runtime under the official GDPR and HIPAA packs. Ctrl-C
stops both; the next start goes on where they were.`,
		Example: "    mesh dev --demo\n    mesh dev --data-dir /tmp/mesh --listen 127.0.0.1:0 --runtime-listen 127.0.0.1:0 --json",
		Args:    command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, text := range subscribe {
				s, err := mesh.ParseSubscription(text)
				if err != nil {
					return command.Usage(err)
				}
				opts.Subscriptions = append(opts.Subscriptions, s)
			}
			if opts.Demo && opts.JSON {
				return command.UsageErrorf("--demo is for people and --json for programs; they exclude each other")
			}
			if opts.DataDir == "" {
				opts.DataDir = filepath.Join(command.DataDir(env), "dev")
			}
			if runF != nil {
				return runF(opts)
			}
			return devRun(cmd.Context(), env, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Listen, "listen", hub.DefaultListen, "`address` of the hub")
	flags.StringVar(&opts.RuntimeListen, "runtime-listen", node.DefaultListen, "loopback `address` of the runtime")
	flags.StringVar(&opts.DataDir, "data-dir", "", "`directory` for everything (default: aimesh/dev in the user's data directory)")
	flags.StringArrayVar(&subscribe, "subscribe", []string{"gdpr", "hipaa"}, "`bundle` to enforce; may be repeated")
	flags.StringVar(&opts.TrustPolicy, "trust-policy", "", "trust.yaml `file` of the runtime (default: the official key for mesh/**)")
	flags.BoolVar(&opts.Demo, "demo", false, "show an allowed and a blocked action, then stay up")
	command.AddLogFlags(cmd, &opts.Log, slog.LevelWarn)
	command.AddJSON(cmd, &opts.JSON, Result{})
	return cmd
}

// devRun runs both parts until ctx ends. The runtime stops first, so that it
// can still deliver its evidence.
func devRun(ctx context.Context, env *command.Env, opts *Options) (err error) {
	logger := env.Logger(opts.Log)
	progress := env.IO.Progress()
	defer progress.Done()
	progress.Step("starting the hub")
	h, err := startHub(ctx, env, opts, logger.With(slog.String("part", "hub")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.stop()) }()
	progress.Step("publishing the official packs")
	if ready, err := h.await(ctx, hubTimeout, func() bool { return h.value.Ready(ctx) }); err != nil {
		return err
	} else if !ready {
		return mesh.Errorf(mesh.CodeUnavailable, "the hub is not ready after %v", hubTimeout).WithHint("look at its log: --log-level info")
	}
	progress.Step("starting the runtime")
	n, socket, err := startRuntime(ctx, env, opts, h.value, logger.With(slog.String("part", "runtime")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	progress.Step("pulling and verifying the packs")
	// A runtime that waits for a bundle, which may still have to be published,
	// is no reason not to stay up.
	var status []subscription
	ready, err := n.await(ctx, runtimeTimeout, func() bool {
		status = subscriptions(ctx, n.value.URL())
		return status != nil && !slices.ContainsFunc(status, subscription.waits)
	})
	if err != nil {
		return err
	}
	progress.Done()
	if !ready {
		warn(env.IO, status)
	}
	result := Result{
		Hub: h.value.URL(), Runtime: n.value.URL(), Socket: socket, AdminTokenFile: h.value.AdminTokenFile(),
		DataDir: opts.DataDir, Subscriptions: []string{},
	}
	for _, s := range opts.Subscriptions {
		result.Subscriptions = append(result.Subscriptions, s.String())
	}
	if err := show(ctx, env, opts, result); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-h.done:
		return h.failure()
	case <-n.done:
		return n.failure()
	}
}

// show tells a program what runs where, or a person, for whom it runs the demo if
// that is wanted.
func show(ctx context.Context, env *command.Env, opts *Options, r Result) error {
	if opts.JSON {
		return env.WriteJSONLine(r)
	}
	if opts.Demo {
		if err := demo(ctx, env.IO, r.Runtime); err != nil {
			return err
		}
	}
	io := env.IO
	_, err := fmt.Fprintf(io.Out, `%s
  hub      %s  (pages, /api/v1, registry; API document at /openapi.json)
  runtime  %s  (decisions at /v1/decisions; also %s)
  enforces %s
  token    %s

%s
  mesh login --hub %s --token-file %s
  mesh catalog search
  mesh posture show

Ctrl-C stops it.
`, io.Paint(iostreams.Bold, "AI-Agent Mesh is up"), r.Hub, r.Runtime, r.Socket, strings.Join(r.Subscriptions, ", "), r.AdminTokenFile,
		io.Paint(iostreams.Bold, "Next"), r.Hub, r.AdminTokenFile)
	return err
}

func startHub(ctx context.Context, env *command.Env, opts *Options, logger *slog.Logger) (*part[*hub.Hub], error) {
	c := hub.Config{Listen: opts.Listen, DataDir: filepath.Join(opts.DataDir, "hub")}
	c.SetDefaults()
	h, err := hub.New(ctx, c, hub.Options{Logger: logger, Version: env.Build.Version})
	if err != nil {
		return nil, err
	}
	return start(ctx, "the hub", h), nil
}

func startRuntime(ctx context.Context, env *command.Env, opts *Options, h *hub.Hub, logger *slog.Logger) (_ *part[*node.Node], socket string, err error) {
	c := node.Config{
		Name: runtimeName, DataDir: filepath.Join(opts.DataDir, "runtime"), Hub: h.URL(), Listen: opts.RuntimeListen,
		TrustPolicy: opts.TrustPolicy, Subscriptions: opts.Subscriptions, Version: env.Build.Version,
	}
	if c.Token, err = h.AdminToken(); err != nil {
		return nil, "", err
	}
	c.SetDefaults()
	n, err := node.New(ctx, c, logger)
	if err != nil {
		return nil, "", err
	}
	return start(ctx, "the runtime", n), c.Socket, nil
}
