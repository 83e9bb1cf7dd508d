// Package doctor is the command `mesh doctor`: it looks for what keeps hub,
// runtime and command line from working on this machine, and says what to do.
//
// A check is a function from an [examination] to a [Check]; the list of them
// is the package's content. Checks read and measure; they change nothing but a
// file of their own that they remove again.
package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/decide"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// requestTimeout bounds each request of a check.
const requestTimeout = 5 * time.Second

// Options are the arguments of the command.
type Options struct {
	session.Flags
	Runtime     string
	DataDir     string
	TrustPolicy string
	JSON        bool
}

// Result is what the command prints.
type Result struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// The outcomes of a check.
const (
	StatusOK      = "ok"
	StatusWarning = "warning" // works, but not as it should
	StatusFailed  = "failed"
	StatusSkipped = "skipped" // could not be looked at, because of another check
)

// Check is the outcome of one check.
type Check struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitzero"` // what to do
}

// NewCmdDoctor returns `doctor`. A nil runF means the command's own work.
func NewCmdDoctor(env *command.Env, runF func(*Options) error) *cobra.Command {
	opts := &Options{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what does not work, and what to do",
		Long: `Look at everything hub, runtime and command line need: the ports, the hub and
whether it is ready, the token, the clock against the hub's, the disk, the trust
policy, the runtime with its journal, and what a stopped runtime left on disk.
Each finding says what to do. Exit code 1 says that something fails.`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.DataDir == "" {
				opts.DataDir = command.DataDir(env)
			}
			if runF != nil {
				return runF(opts)
			}
			return doctorRun(cmd.Context(), env, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Runtime, "runtime", decide.DefaultRuntime, "`address` of the runtime (env MESH_RUNTIME)")
	flags.StringVar(&opts.DataDir, "data-dir", "", "`directory` that hub or runtime keep their data in (default: aimesh in the user's data directory)")
	flags.StringVar(&opts.TrustPolicy, "trust-policy", "", "trust.yaml `file` of the runtime (env MESH_TRUST_POLICY)")
	command.BindEnv(flags, "runtime", "MESH_RUNTIME")
	command.BindEnv(flags, "trust-policy", "MESH_TRUST_POLICY")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, Result{})
	return cmd
}

// examination is what the checks look at, and what earlier ones found out.
type examination struct {
	opts    *Options
	session *session.Session
	http    *http.Client

	hub     hubFound
	runtime runtimeFound
}

func doctorRun(ctx context.Context, env *command.Env, opts *Options) error {
	s, err := session.Open(env, opts.Flags)
	if err != nil {
		return err
	}
	e := &examination{opts: opts, session: s, http: &http.Client{Timeout: requestTimeout}}
	result := Result{OK: true, Checks: []Check{}}
	progress := env.IO.Progress()
	for _, check := range []struct {
		name string
		run  func(context.Context, *examination) Check
	}{
		{"hub", checkHub},
		{"ready", checkReady},
		{"token", checkToken},
		{"clock", checkClock},
		{"hub port", checkHubPort},
		{"runtime port", checkRuntimePort},
		{"runtime", checkRuntime},
		{"journal", checkJournal},
		{"runtime data", checkData},
		{"disk space", checkSpace},
		{"disk sync", checkSync},
		{"trust policy", checkTrust},
	} {
		progress.Step("checking the %s", check.name)
		c := check.run(ctx, e)
		c.Name = check.name
		result.OK = result.OK && c.Status != StatusFailed
		result.Checks = append(result.Checks, c)
	}
	progress.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	return printResult(env, opts, result)
}

func printResult(env *command.Env, opts *Options, r Result) error {
	failed := 0
	for _, c := range r.Checks {
		if c.Status == StatusFailed {
			failed++
		}
	}
	if opts.JSON {
		if err := env.WriteJSON(r); err != nil {
			return err
		}
	} else {
		for _, c := range r.Checks {
			_, _ = fmt.Fprintf(env.IO.Out, "%s  %-12s  %s\n", env.IO.Paint(style(c.Status), fmt.Sprintf("%-7s", c.Status)), c.Name, c.Message)
			if c.Hint != "" {
				_, _ = fmt.Fprintf(env.IO.Out, "%23s%s\n", "", env.IO.Paint(iostreams.Cyan, "do: ")+c.Hint)
			}
		}
	}
	if failed > 0 {
		return &command.Quiet{Err: mesh.Errorf(mesh.CodeUnavailable, "%d checks failed", failed)}
	}
	return nil
}

func style(status string) iostreams.Style {
	switch status {
	case StatusOK:
		return iostreams.Green
	case StatusWarning:
		return iostreams.Yellow
	case StatusFailed:
		return iostreams.Red
	}
	return iostreams.Faint
}

// The constructors of outcomes.

func ok(format string, args ...any) Check {
	return Check{Status: StatusOK, Message: fmt.Sprintf(format, args...)}
}

func warning(hint, format string, args ...any) Check {
	return Check{Status: StatusWarning, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func failed(hint, format string, args ...any) Check {
	return Check{Status: StatusFailed, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func skipped(format string, args ...any) Check {
	return Check{Status: StatusSkipped, Message: fmt.Sprintf(format, args...)}
}
