package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ai-agent-mesh/mesh/internal/cli"
	"github.com/ai-agent-mesh/mesh/internal/cli/edge"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// TestMain lets scripts run both programs as processes of their own, which are
// this test binary.
func TestMain(m *testing.M) {
	program := func(run func(context.Context, []string, *iostreams.Streams) int) func() {
		return func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(run(ctx, os.Args[1:], iostreams.System()))
		}
	}
	testscript.Main(m, map[string]func(){
		"mesh":         program(cli.Main),
		"mesh-runtime": program(edge.Main),
	})
}

// TestScripts runs the commands that need no server as people and scripts run
// them.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
			env.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
			// Nothing listens on port 1.
			env.Setenv("MESH_HUB", "http://127.0.0.1:1")
			env.Setenv("MESH_RUNTIME", "http://127.0.0.1:1")
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program and demands its exit code: exits 3 mesh policy lint x.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	ts.Check(checkCode(args[0], err))
}

// checkCode compares how a process ended with the exit code that is wanted.
func checkCode(want string, err error) error {
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		return err
	}
	if strconv.Itoa(code) != want {
		return fmt.Errorf("exit code %d, want %s", code, want)
	}
	return nil
}

// eventually runs a program until it succeeds and its standard output matches:
// eventually 'pattern' mesh decisions query. Evidence travels by itself, so
// scripts have to wait for it.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN PROGRAM [ARGUMENT...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no match for %q in time (%v)", args[0], err)
		}
	}
}
