package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ai-agent-mesh/mesh/internal/cli"
	"github.com/ai-agent-mesh/mesh/internal/cli/buildinfo"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/edge"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// TestMain lets scripts exec both programs as processes of their own, which
// are this test binary.
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
	runScripts(t, "testdata/script", map[string]string{
		// Nothing listens on port 1.
		"MESH_HUB":     "http://127.0.0.1:1",
		"MESH_RUNTIME": "http://127.0.0.1:1",
	})
}

// runScripts runs the scripts of a directory, each in a home of its own and
// with further variables. It returns when all of them have ended.
//
// Most commands run in this process (see [exits]): starting a process costs
// more than what the command does, and much more so under the race detector.
func runScripts(t *testing.T, dir string, variables map[string]string) {
	t.Helper()
	inDirectory.Lock() // or dir would be below where a script is
	dir, err := filepath.Abs(dir)
	inDirectory.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 dir,
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup: func(env *testscript.Env) error {
				home := filepath.Join(env.WorkDir, "home")
				env.Setenv("HOME", home)
				env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
				env.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
				for name, value := range variables {
					env.Setenv(name, value)
				}
				return os.MkdirAll(home, 0o700)
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "eventually": eventually, "keypair": keypair, "append": appendText, "digest": digest},
		})
	})
}

// exits runs a program and demands its exit code:
//
//	exits CODE [<FILE] PROGRAM [ARGUMENT...]
//
// FILE is its standard input. The programs of the product run in this process;
// what only a process of its own can show is run with exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE [<FILE] PROGRAM [ARGUMENT...]")
	}
	code, err := run(ts, args[1:])
	ts.Check(err)
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// keyPassword opens the keys of scripts.
const keyPassword = "scripts"

// sharedKey makes the files of the key pair of all scripts that are not about
// making one: deriving the key of its file takes seconds under the race
// detector.
var sharedKey = sync.OnceValues(func() (files [2][]byte, err error) {
	dir, err := os.MkdirTemp("", "keypair")
	if err != nil {
		return files, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	key, err := sign.GenerateKey([]byte(keyPassword))
	if err != nil {
		return files, err
	}
	prefix := filepath.Join(dir, "shared")
	if err := key.WriteFiles(prefix); err != nil {
		return files, err
	}
	files[0], err = os.ReadFile(prefix + ".key")
	files[1] = key.PublicKeyPEM()
	return files, err
})

// keypair writes the files of a key pair: keypair NAME makes NAME.key and
// NAME.pub. It is the same pair every time.
func keypair(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keypair NAME")
	}
	files, err := sharedKey()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), files[0], 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), files[1], 0o644))
}

// appendText makes a file longer, as no script can hold it: append FILE COUNT
// TEXT. TEXT may have Go's escapes.
func appendText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: append FILE COUNT TEXT")
	}
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[2], `"`, `\"`) + `"`)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = f.WriteString(strings.Repeat(text, count))
	ts.Check(errors.Join(err, f.Close()))
}

// digest puts the first digest on the standard output of the command before
// into a variable: digest NAME.
func digest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: digest NAME")
	}
	found := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("no digest on standard output")
	}
	ts.Setenv(args[0], found)
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
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var out, errOut strings.Builder
		code, err := runWith(ts, args[1:], &out, &errOut)
		if err == nil && code == 0 && pattern.MatchString(out.String()) {
			_, _ = io.WriteString(ts.Stdout(), out.String())
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no match for %q in time (exit code %d, %v):\n%s%s", args[0], code, err, &out, &errOut)
		}
	}
}

// run executes a program, whose output the script's stdout and stderr then
// look at.
func run(ts *testscript.TestScript, args []string) (code int, err error) {
	return runWith(ts, args, ts.Stdout(), ts.Stderr())
}

// inDirectory holds the working directory, which a process has only one of,
// for the command that runs.
var inDirectory sync.Mutex

func runWith(ts *testscript.TestScript, args []string, stdout, stderr io.Writer) (code int, err error) {
	input, redirected := strings.CutPrefix(args[0], "<")
	streams, in, _, _ := iostreams.Test()
	if redirected {
		in.WriteString(ts.ReadFile(input))
		args = args[1:]
	}
	streams.Out, streams.Err = stdout, stderr
	env := &command.Env{IO: streams, Build: buildinfo.Read(), LookupEnv: func(name string) (string, bool) {
		value := ts.Getenv(name)
		return value, value != ""
	}}
	root := cli.NewCmdRoot(env)
	switch args[0] {
	case "mesh":
	case "mesh-runtime":
		root = edge.NewCmdRoot(env)
	default:
		return 0, fmt.Errorf("%q is not a program of the product", args[0])
	}
	inDirectory.Lock()
	defer inDirectory.Unlock()
	before, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	if err := os.Chdir(ts.MkAbs(".")); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.Chdir(before)) }()
	return command.Execute(context.Background(), env, root, args[1:]), nil
}
