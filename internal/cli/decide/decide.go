// Package decide is the command `mesh decide`: it asks a runtime whether an
// action is allowed.
package decide

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// DefaultRuntime is the address of a runtime on its own defaults.
const DefaultRuntime = "http://127.0.0.1:7070"

// maxActionBytes bounds what is read of a file. It is above what a runtime
// accepts, so that the runtime's own answer is seen.
const maxActionBytes = 16 << 20

// Options are the arguments of the command.
type Options struct {
	File      string // "-": standard input
	Runtime   string
	Socket    string
	TokenFile string
	Wait      time.Duration
	JSON      bool
}

// NewCmdDecide returns `decide`. A nil runF means the command's own work.
func NewCmdDecide(env *command.Env, runF func(*Options) error) *cobra.Command {
	opts := &Options{}
	cmd := &cobra.Command{
		Use:   "decide -f FILE",
		Short: "Ask a runtime whether an action is allowed",
		Long: `Send an action, as JSON, to a runtime and print its decision: the rules that
are violated, the controls these serve, and what to do instead. A document
{"actions": […]} asks about several at once. The runtime records every decision;
where it did not, the answer says so.

Exit code 6 says that an action was denied. With --json the decision is printed
as the runtime gave it; for several actions {"decisions": […]}.`,
		Example: `    mesh decide -f action.json
    echo '{"action": {"type": "data.read"}, "data": {"categories": ["pii"]}}' | mesh decide -f -`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.File == "" {
				return command.UsageErrorf("which action? -f FILE is missing").WithHint("-f - reads standard input; `mesh policy schema --action` says what an action can hold")
			}
			if opts.Socket != "" && command.Typed(cmd, "runtime") {
				return command.UsageErrorf("--runtime and --socket exclude each other")
			}
			if opts.Wait < 0 {
				return command.UsageErrorf("--wait %v is negative", opts.Wait)
			}
			if runF != nil {
				return runF(opts)
			}
			return decideRun(cmd.Context(), env, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.File, "file", "f", "", "`file` with the action as JSON; - is standard input")
	flags.StringVar(&opts.Runtime, "runtime", DefaultRuntime, "`address` of the runtime (env MESH_RUNTIME)")
	flags.StringVar(&opts.Socket, "socket", "", "unix `socket` of the runtime, in place of its address")
	flags.StringVar(&opts.TokenFile, "token-file", "", "`file` with the agent's token, for a runtime that asks for one")
	flags.DurationVar(&opts.Wait, "wait", 0, "first wait at most this `duration` for the runtime to have a bundle in force for each of its subscriptions")
	command.BindEnv(flags, "runtime", "MESH_RUNTIME")
	command.AddJSON(cmd, &opts.JSON, mesh.Decision{})
	return cmd
}

func decideRun(ctx context.Context, env *command.Env, opts *Options) error {
	action, err := ReadAction(ctx, env, opts.File)
	if err != nil {
		return err
	}
	target := Target{URL: opts.Runtime, Socket: opts.Socket}
	if opts.TokenFile != "" {
		if target.Token, err = session.ReadTokenFile(opts.TokenFile); err != nil {
			return err
		}
	}
	if opts.Wait > 0 {
		if err := awaitReady(ctx, target, opts.Wait); err != nil {
			return err
		}
	}
	got, err := Ask(ctx, target, action)
	if err != nil {
		return Placed(err, opts.File)
	}
	if len(got.Decisions) == 0 {
		return mesh.Errorf(mesh.CodeInvalid, "%s asks about no action", opts.File).
			WithHint("put at least one into \"actions\", or send the action itself")
	}
	if opts.JSON {
		if err := env.WriteJSON(got.Raw); err != nil {
			return err
		}
	} else {
		for i := range got.Decisions {
			Print(env.IO, &got.Decisions[i])
		}
	}
	denied := 0
	for _, d := range got.Decisions {
		if !d.Allowed {
			denied++
		}
	}
	switch {
	case denied == 0:
		return nil
	case len(got.Decisions) == 1:
		return &command.Quiet{Err: mesh.Errorf(mesh.CodePolicyViolated, "the action was denied")}
	}
	return &command.Quiet{Err: mesh.Errorf(mesh.CodePolicyViolated, "%d of %d actions were denied", denied, len(got.Decisions))}
}

// Placed names the file in findings that say where in the action something is
// wrong.
func Placed(err error, file string) error {
	coded := (*mesh.Error)(nil)
	if !errors.As(err, &coded) || file == "-" {
		return err
	}
	findings := slices.Clone(coded.Findings)
	for i := range findings {
		if p := &findings[i].Position; p.File == "" && p.Line > 0 {
			p.File = file
		}
	}
	return coded.WithFindings(findings)
}

// ReadAction reads an action, still in JSON, from a file or, if that is "-",
// from standard input.
func ReadAction(ctx context.Context, env *command.Env, file string) ([]byte, error) {
	read := env.IO.ReadAll
	if file != "-" {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, mesh.Errorf(mesh.CodeNotFound, "%s does not exist", file)
		}
		if err != nil {
			return nil, mesh.Errorf(mesh.CodeInvalid, "reading %s: %w", file, err)
		}
		defer func() { _ = f.Close() }()
		read = func(_ context.Context, limit int64) ([]byte, error) { return io.ReadAll(io.LimitReader(f, limit)) }
	}
	data, err := read(ctx, maxActionBytes+1)
	if err != nil {
		return nil, fmt.Errorf("reading the action: %w", err)
	}
	if len(data) > maxActionBytes {
		return nil, mesh.Errorf(mesh.CodeTooLarge, "%s is larger than %d bytes", file, maxActionBytes)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%s is empty", file).WithHint("the least action is {\"action\": {\"type\": \"data.read\"}}")
	}
	return data, nil
}
