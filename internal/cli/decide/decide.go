// Package decide is the command `mesh decide`: it asks a runtime whether an
// action is allowed.
package decide

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// DefaultRuntime is the address of a runtime on its own defaults.
const DefaultRuntime = "http://127.0.0.1:7070"

const (
	// maxActionBytes bounds what is read of a file. It is above what a runtime
	// accepts, so that the runtime's own answer is seen.
	maxActionBytes = 16 << 20
	// maxAnswerBytes bounds what is read of an answer.
	maxAnswerBytes = 64 << 20
	// timeout bounds one question.
	timeout = 30 * time.Second
)

// Options are the arguments of the command.
type Options struct {
	File      string // "-": standard input
	Runtime   string
	Socket    string
	TokenFile string
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
{"actions": […]} asks about several at once. The runtime records every decision.

Exit code 6 says that an action was denied. With --json the decision is printed
as the runtime gave it; for several actions {"decisions": […]}.`,
		Example: `    mesh decide -f action.json
    echo '{"action": {"type": "data.read"}, "data": {"categories": ["pii"]}}' | mesh decide -f -`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.File == "" {
				return command.UsageErrorf("which action? -f FILE is missing").WithHint("-f - reads standard input; `mesh policy schema --action` says what an action can hold")
			}
			if opts.Socket != "" && cmd.Flags().Changed("runtime") {
				return command.UsageErrorf("--runtime and --socket exclude each other")
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
	command.BindEnv(flags, "runtime", "MESH_RUNTIME")
	command.AddJSON(cmd, &opts.JSON, mesh.Decision{})
	return cmd
}

// answer is what a runtime answers to one action or to several.
type answer struct {
	raw       json.RawMessage
	decisions []mesh.Decision
}

func decideRun(ctx context.Context, env *command.Env, opts *Options) error {
	action, err := readAction(env, opts.File)
	if err != nil {
		return err
	}
	got, err := ask(ctx, opts, action)
	if err != nil {
		return err
	}
	if opts.JSON {
		if err := env.WriteJSON(got.raw); err != nil {
			return err
		}
	} else {
		for i := range got.decisions {
			Print(env.IO, &got.decisions[i])
		}
	}
	denied := 0
	for _, d := range got.decisions {
		if !d.Allowed {
			denied++
		}
	}
	switch {
	case denied == 0:
		return nil
	case len(got.decisions) == 1:
		return &command.Quiet{Err: mesh.Errorf(mesh.CodePolicyViolated, "the action was denied")}
	}
	return &command.Quiet{Err: mesh.Errorf(mesh.CodePolicyViolated, "%d of %d actions were denied", denied, len(got.decisions))}
}

func readAction(env *command.Env, file string) ([]byte, error) {
	var in io.Reader = env.IO.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, mesh.Errorf(mesh.CodeNotFound, "reading the action: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxActionBytes+1))
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

// ask sends the action and reads the answer.
func ask(ctx context.Context, opts *Options, action []byte) (*answer, error) {
	client, base, err := dialer(opts)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/decisions", bytes.NewReader(action))
	if err != nil {
		return nil, fmt.Errorf("preparing the question: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if opts.TokenFile != "" {
		token, err := session.ReadTokenFile(opts.TokenFile)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, unreachable(ctx, opts, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return nil, unreachable(ctx, opts, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, hubapi.ErrorOf(resp, body)
	}
	return parseAnswer(body)
}

func parseAnswer(body []byte) (*answer, error) {
	var batch struct {
		Decisions []mesh.Decision `json:"decisions"`
	}
	notRuntime := func(err error) error {
		return mesh.Errorf(mesh.CodeUnavailable, "the answer is no decision: %w", err).WithHint("check that the address is a runtime's, not a hub's")
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, notRuntime(err)
	}
	if batch.Decisions != nil {
		return &answer{raw: body, decisions: batch.Decisions}, nil
	}
	var probe struct {
		Allowed *bool `json:"allowed"`
	}
	var one mesh.Decision
	if err := json.Unmarshal(body, &probe); err != nil {
		return nil, notRuntime(err)
	}
	if probe.Allowed == nil {
		return nil, notRuntime(fmt.Errorf("it does not say whether the action is allowed"))
	}
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, notRuntime(err)
	}
	return &answer{raw: body, decisions: []mesh.Decision{one}}, nil
}

// dialer returns a client for the runtime and the base of its URLs.
func dialer(opts *Options) (*http.Client, string, error) {
	if opts.Socket != "" {
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", opts.Socket)
		}}
		return &http.Client{Timeout: timeout, Transport: transport}, "http://runtime", nil
	}
	base := strings.TrimRight(opts.Runtime, "/")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, "", command.UsageErrorf("runtime address %q is not an http or https URL", opts.Runtime).WithHint("for example " + DefaultRuntime)
	}
	return &http.Client{Timeout: timeout}, base, nil
}

func unreachable(ctx context.Context, opts *Options, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where := opts.Runtime
	if opts.Socket != "" {
		where = opts.Socket
	}
	return mesh.Errorf(mesh.CodeUnavailable, "the runtime at %s does not answer: %w", where, err).
		WithHint("start one with `mesh dev` or `mesh runtime serve`, or name another with --runtime or --socket")
}
