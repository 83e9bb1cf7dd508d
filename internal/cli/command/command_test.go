package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want int
	}{
		{name: "none"},
		{name: "plain", err: errors.New("x"), want: 1},
		{name: "not found", err: mesh.Errorf(mesh.CodeNotFound, "x"), want: 1},
		{name: "usage", err: command.UsageErrorf("x"), want: 2},
		{name: "usage over a code", err: command.Usage(mesh.Errorf(mesh.CodeForbidden, "x")), want: 2},
		{name: "policy", err: mesh.Errorf(mesh.CodePolicyInvalid, "x"), want: 3},
		{name: "cases", err: &command.Shown{Err: mesh.Errorf(mesh.CodeCasesFailed, "x")}, want: 4},
		{name: "signature, wrapped", err: fmt.Errorf("pulling: %w", mesh.Errorf(mesh.CodeSignatureRefused, "x")), want: 5},
		{name: "violated", err: &command.Quiet{Err: mesh.Errorf(mesh.CodePolicyViolated, "x")}, want: 6},
		{name: "no credentials", err: mesh.Errorf(mesh.CodeUnauthenticated, "x"), want: 7},
		{name: "not allowed", err: mesh.Errorf(mesh.CodeForbidden, "x"), want: 7},
		{name: "interrupted", err: fmt.Errorf("asking: %w", context.Canceled), want: 130},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := command.ExitCode(tt.err); got != tt.want {
				t.Errorf("ExitCode = %d, want %d", got, tt.want)
			}
		})
	}
}

// run executes a program with one command "do" that ends with err.
func run(t *testing.T, err error, variables map[string]string, args ...string) (code int, out, errOut string, got flags) {
	t.Helper()
	streams, _, stdout, stderr := iostreams.Test()
	env := command.NewEnv(streams)
	env.LookupEnv = func(name string) (string, bool) {
		v, ok := variables[name]
		return v, ok
	}
	root := command.Root(env, "prog", "A program", "A program.")
	do := &cobra.Command{Use: "do", Short: "Do", Args: command.Arguments(0, 1, "a thing"), RunE: func(*cobra.Command, []string) error { return err }}
	do.Flags().StringVar(&got.hub, "hub", "default", "")
	command.BindEnv(do.Flags(), "hub", "MESH_HUB")
	do.Flags().StringArrayVar(&got.list, "item", nil, "")
	command.BindEnvList(do.Flags(), "item", "MESH_ITEMS")
	command.AddLogFlags(do, &got.log, slog.LevelInfo)
	command.AddJSON(do, &got.json, mesh.Finding{})
	root.AddCommand(command.Group("thing", "Things", do))
	code = command.Execute(t.Context(), env, root, append([]string{"thing", "do"}, args...))
	return code, stdout.String(), stderr.String(), got
}

type flags struct {
	hub  string
	list []string
	log  command.LogOptions
	json bool
}

func TestErrorsForPeople(t *testing.T) {
	t.Parallel()
	finding := mesh.Finding{Position: mesh.Position{File: "p.yaml", Line: 3, Column: 7}, Level: mesh.LevelError, Rule: "cel-type", Message: "wrong type", Hint: "use a number"}
	refused := mesh.Errorf(mesh.CodePolicyInvalid, "p does not compile").WithHint("correct it").WithFindings([]mesh.Finding{finding})
	tests := []struct {
		name string
		err  error
		args []string
		want string
	}{
		{name: "findings, message, hint", err: refused, want: "p.yaml:3:7: wrong type [cel-type]\n    hint: use a number\nerror: p does not compile\nhint: correct it\n"},
		{name: "findings that were shown", err: &command.Shown{Err: refused}, want: "error: p does not compile\nhint: correct it\n"},
		{
			name: "a message that repeats its findings",
			err:  mesh.Errorf(mesh.CodeInvalid, "not valid:\np.yaml:3:7: wrong type").WithFindings([]mesh.Finding{finding}),
			want: "p.yaml:3:7: wrong type [cel-type]\n    hint: use a number\nerror: not valid\n",
		},
		{name: "the result says it", err: &command.Quiet{Err: refused}, want: ""},
		{name: "usage shows usage", args: []string{"a", "b"}, want: "error: prog thing do takes only a thing; \"b\" is too many\n\nUsage: prog thing do [flags]\nSee `prog thing do --help`.\n"},
		{name: "interrupted", err: context.Canceled, want: "error: interrupted\n"},
		{
			name: "interrupted halfway",
			err:  mesh.Errorf(mesh.CodeCanceled, "it was pushed, but not its signature: %w", context.Canceled).WithHint("push it again"),
			want: "error: it was pushed, but not its signature: context canceled\nhint: push it again\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, out, errOut, _ := run(t, tt.err, nil, tt.args...)
			if diff := cmp.Diff(tt.want, errOut); diff != "" {
				t.Errorf("standard error differs (-want +got):\n%s", diff)
			}
			if out != "" {
				t.Errorf("standard output holds %q", out)
			}
		})
	}
}

func TestErrorsForPrograms(t *testing.T) {
	t.Parallel()
	err := mesh.Errorf(mesh.CodeForbidden, "not yours").WithHint("ask")
	code, out, errOut, _ := run(t, &command.Quiet{Err: err}, nil, "--json")
	if code != command.ExitNotAuthorized || out != "" {
		t.Errorf("exit code %d, standard output %q", code, out)
	}
	var got command.ErrorDocument
	if err := json.Unmarshal([]byte(errOut), &got); err != nil {
		t.Fatalf("%q is no JSON: %v", errOut, err)
	}
	want := command.ErrorDocument{Error: command.ErrorBody{Code: mesh.CodeForbidden, Message: "not yours", Hint: "ask", ExitCode: 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error differs (-want +got):\n%s", diff)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	variables := map[string]string{"MESH_HUB": "from-env", "MESH_ITEMS": "a  b", "MESH_LOG_LEVEL": "debug"}
	_, _, _, got := run(t, nil, variables)
	if got.hub != "from-env" || !cmp.Equal(got.list, []string{"a", "b"}) || got.log.Level != slog.LevelDebug {
		t.Errorf("environment was not applied: %+v", got)
	}
	_, _, _, got = run(t, nil, variables, "--hub", "from-flag", "--item", "c", "--log-level", "error")
	if got.hub != "from-flag" || !cmp.Equal(got.list, []string{"c"}) || got.log.Level != slog.LevelError {
		t.Errorf("a flag does not win over the environment: %+v", got)
	}
	code, _, errOut, _ := run(t, nil, map[string]string{"MESH_LOG_FORMAT": "xml"})
	if code != command.ExitUsage || !strings.Contains(errOut, "environment variable MESH_LOG_FORMAT") {
		t.Errorf("exit code %d, %s", code, errOut)
	}
}

func TestLoggerWritesToStandardError(t *testing.T) {
	t.Parallel()
	streams, _, out, errOut := iostreams.Test()
	env := command.NewEnv(streams)
	logger := env.Logger(command.LogOptions{Level: slog.LevelWarn, Format: "json"})
	logger.InfoContext(t.Context(), "quiet")
	logger.WarnContext(t.Context(), "loud", slog.Int("n", 1))
	if out.Len() != 0 || !strings.Contains(errOut.String(), `"msg":"loud","n":1`) || strings.Contains(errOut.String(), "quiet") {
		t.Errorf("out %q, err %q", out, errOut)
	}
}
