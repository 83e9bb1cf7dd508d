package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// step is a command of the scripts. It returns what it prints, which `stdout`
// and `json` then look at.
type step func(ts *testscript.TestScript, args []string) (out string, err error)

// steps are the commands that scripts have beyond testscript's own. Each may
// be negated with "!" and repeated with retry.
//
//	addr VAR…                          put a free loopback address into each variable
//	start NAME [K=V…] PROGRAM ARG…     run a server in the background, logging to NAME.log
//	halt NAME, kill9 NAME              SIGTERM and an orderly exit; SIGKILL
//	alive NAME                         the server has not ended
//	maxfile NAME BYTES|unlimited       the largest file the server can make: 0 is a full disk
//	hub [K=V…] [FLAG…]                 a hub on $HUB with data in $WORK/hub; waits until it is ready
//	runtime NAME [K=V…] [FLAG…]        mesh-runtime on $NAME (an address) with data in $WORK/NAME
//	registry                           the distribution registry on $REGISTRY
//	http [-status N] [-H HEADER]… [-d BODY|@FILE] METHOD URL
//	exit CODE PROGRAM ARG…             run and compare the exit code
//	json PATH VALUE                    compare a value in the JSON printed last; VALUE may be ~REGEXP
//	setjson VAR PATH                   put such a value into a variable
//	logged NAME REGEXP                 the server has logged it
//	setfile VAR FILE                   put a file's trimmed content into a variable
//	expand FILE…                       replace $VARIABLES inside files
//	fill FILE SIZE                     write SIZE bytes
//	retry [-for DURATION] STEP… [:: STEP…]
//	                                   repeat the steps until all of them succeed in one go
func steps() map[string]step {
	return map[string]step{
		"addr": stepAddr, "start": stepStart, "halt": stepHalt, "kill9": stepKill, "alive": stepAlive,
		"hub": stepHub, "runtime": stepRuntime, "registry": stepRegistry,
		"http": stepHTTP, "exit": stepExit, "json": stepJSON, "setjson": stepSetJSON,
		"setfile": stepSetFile, "expand": stepExpand, "fill": stepFill, "maxfile": stepMaxFile, "logged": stepLogged,
	}
}

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){}
	for name, do := range steps() {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) { finish(ts, name, neg, do, args) }
	}
	all["retry"] = func(ts *testscript.TestScript, neg bool, args []string) { finish(ts, "retry", neg, stepRetry, args) }
	return all
}

// finish runs a step and makes its outcome the script's.
func finish(ts *testscript.TestScript, name string, neg bool, do step, args []string) {
	out, err := do(ts, args)
	if out != "" {
		fmt.Fprint(ts.Stdout(), out)
	}
	switch usage := (usageError("")); {
	case errors.As(err, &usage):
		ts.Fatalf("usage: %s %s", name, string(usage))
	case err != nil && !neg:
		ts.Fatalf("%s: %v", name, err)
	case err == nil && neg:
		ts.Fatalf("%s succeeded, which it must not", name)
	}
}

// usageError is a mistake in the script, which no "!" excuses.
type usageError string

// Error implements error.
func (e usageError) Error() string { return "usage: " + string(e) }

func state(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

func stepAddr(ts *testscript.TestScript, args []string) (string, error) {
	for _, name := range args {
		addr, err := freePort()
		if err != nil {
			return "", err
		}
		ts.Setenv(name, addr)
	}
	return "", nil
}

func stepStart(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) < 2 {
		return "", usageError("NAME [K=V…] PROGRAM ARG…")
	}
	env, command := leadingVars(args[1:])
	if len(command) == 0 {
		return "", usageError("NAME [K=V…] PROGRAM ARG…")
	}
	return "", state(ts).start(args[0], env, command[0], command[1:]...)
}

var assignment = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

func leadingVars(args []string) (env, rest []string) {
	i := slices.IndexFunc(args, func(arg string) bool { return !assignment.MatchString(arg) })
	if i < 0 {
		return args, nil
	}
	return args[:i], args[i:]
}

func stepHalt(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 1 {
		return "", usageError("NAME")
	}
	return "", state(ts).end(args[0], syscall.SIGTERM)
}

func stepKill(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 1 {
		return "", usageError("NAME")
	}
	return "", state(ts).end(args[0], syscall.SIGKILL)
}

func stepAlive(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 1 {
		return "", usageError("NAME")
	}
	return "", state(ts).alive(args[0])
}

// stepHub starts the hub and hands the script what its administrator has:
// $MESH_HUB for the command line, $ADMIN for requests by hand. The script logs
// in by setting MESH_TOKEN=$ADMIN.
func stepHub(ts *testscript.TestScript, args []string) (string, error) {
	addr, err := address(ts, "HUB")
	if err != nil {
		return "", err
	}
	ts.Setenv("MESH_HUB", "http://"+addr)
	data := filepath.Join(state(ts).dir, "hub")
	env, flags := leadingVars(args)
	if err := state(ts).start("hub", env, "mesh", append(hubArgs(addr, data), flags...)...); err != nil {
		return "", err
	}
	if err := state(ts).ready("hub", "http://"+addr+"/readyz"); err != nil {
		return "", err
	}
	token, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		return "", err
	}
	ts.Setenv("ADMIN", strings.TrimSpace(string(token)))
	return "", nil
}

// stepRuntime starts the edge program under the hub's administrator token. It
// does not wait: a script says itself what it expects of the new runtime.
func stepRuntime(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) == 0 {
		return "", usageError("NAME [K=V…] [FLAG…]")
	}
	name := args[0]
	addr, err := address(ts, strings.ToUpper(name))
	if err != nil {
		return "", err
	}
	s := state(ts)
	env, flags := leadingVars(args[1:])
	return "", s.start(name, env, "mesh-runtime", append(runtimeArgs(name, addr, s.dir, ts.Getenv("MESH_HUB")), flags...)...)
}

func hubArgs(addr, data string) []string {
	return []string{"hub", "serve", "--listen", addr, "--data-dir", data}
}

// runtimeArgs expects the hub's data in the folder hub of the same directory.
func runtimeArgs(name, addr, dir, hub string) []string {
	return []string{"serve", "--name", name, "--listen", addr, "--data-dir", filepath.Join(dir, name),
		"--hub", hub, "--token-file", filepath.Join(dir, "hub", "admin-token")}
}

func stepRegistry(ts *testscript.TestScript, _ []string) (string, error) {
	addr, err := address(ts, "REGISTRY")
	if err != nil {
		return "", err
	}
	s := state(ts)
	config := filepath.Join(s.dir, "registry.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n",
		filepath.Join(s.dir, "registry"), addr)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return "", err
	}
	if err := s.start("registry", []string{"OTEL_TRACES_EXPORTER=none"}, "registry", "serve", config); err != nil {
		return "", err
	}
	return "", s.ready("registry", "http://"+addr+"/v2/")
}

// address returns the variable's address, a free one at its first use.
func address(ts *testscript.TestScript, variable string) (string, error) {
	if addr := ts.Getenv(variable); addr != "" {
		return addr, nil
	}
	addr, err := freePort()
	if err == nil {
		ts.Setenv(variable, addr)
	}
	return addr, err
}

func stepHTTP(ts *testscript.TestScript, args []string) (string, error) {
	status, header, body := http.StatusOK, http.Header{}, io.Reader(nil)
	for len(args) >= 2 && strings.HasPrefix(args[0], "-") {
		switch value := args[1]; args[0] {
		case "-status":
			n, err := strconv.Atoi(value)
			if err != nil {
				return "", usageError("-status N")
			}
			status = n
		case "-H":
			name, content, _ := strings.Cut(value, ":")
			header.Add(name, strings.TrimSpace(content))
		case "-d":
			data := []byte(value)
			if file, ok := strings.CutPrefix(value, "@"); ok {
				data = []byte(ts.ReadFile(file))
			}
			body = bytes.NewReader(data)
		default:
			return "", usageError("[-status N] [-H HEADER]… [-d BODY|@FILE] METHOD URL")
		}
		args = args[2:]
	}
	if len(args) != 2 {
		return "", usageError("[-status N] [-H HEADER]… [-d BODY|@FILE] METHOD URL")
	}
	if body != nil && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	return request(args[0], args[1], header, body, status)
}

func request(method, url string, header http.Header, body io.Reader, status int) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return "", err
	}
	maps.Copy(req.Header, header)
	res, err := http.DefaultTransport.RoundTrip(req) // redirects are answers, too
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != status {
		return string(data), fmt.Errorf("%s %s: %s, want %d", method, url, res.Status, status)
	}
	return string(data), nil
}

func stepExit(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) < 2 {
		return "", usageError("CODE PROGRAM ARG…")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return "", usageError("CODE PROGRAM ARG…")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		return "", err
	}
	if got != want {
		return "", fmt.Errorf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
	return "", nil
}

func stepJSON(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("PATH VALUE")
	}
	got, err := jsonText(ts, args[0])
	if err != nil {
		return "", err
	}
	if expression, ok := strings.CutPrefix(args[1], "~"); ok {
		matched, err := regexp.MatchString(expression, got)
		if err != nil {
			return "", usageError(err.Error())
		}
		if !matched {
			return "", fmt.Errorf("%s is %s, want a match of %s", args[0], got, expression)
		}
		return "", nil
	}
	if got != args[1] {
		return "", fmt.Errorf("%s is %s, want %s", args[0], got, args[1])
	}
	return "", nil
}

func stepSetJSON(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("VAR PATH")
	}
	value, err := jsonText(ts, args[1])
	if err == nil {
		ts.Setenv(args[0], value)
	}
	return "", err
}

// jsonText looks the path up in what the last command printed. Text comes
// without its quotes, everything else as compact JSON.
func jsonText(ts *testscript.TestScript, path string) (string, error) {
	printed := ts.ReadFile("stdout")
	decoder := json.NewDecoder(strings.NewReader(printed))
	decoder.UseNumber()
	var doc any
	if err := decoder.Decode(&doc); err != nil {
		return "", fmt.Errorf("what was printed is no JSON: %w: %.200s", err, printed)
	}
	value, err := lookUp(doc, path)
	if err != nil {
		return "", fmt.Errorf("%w in %.2000s", err, printed)
	}
	if text, ok := value.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}

func stepSetFile(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("VAR FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
	return "", nil
}

func stepLogged(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("NAME REGEXP")
	}
	matched, err := regexp.MatchString("(?m)"+args[1], ts.ReadFile(state(ts).logFile(args[0])))
	if err != nil {
		return "", usageError(err.Error())
	}
	if !matched {
		return "", fmt.Errorf("%s has not logged %s", args[0], args[1])
	}
	return "", nil
}

func stepExpand(ts *testscript.TestScript, args []string) (string, error) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		if err := os.WriteFile(ts.MkAbs(name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return "", nil
}

func stepFill(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("FILE SIZE")
	}
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return "", usageError("FILE SIZE")
	}
	return "", os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte{'x'}, size), 0o644)
}

func stepRetry(ts *testscript.TestScript, args []string) (string, error) {
	deadline := patience
	if len(args) > 2 && args[0] == "-for" {
		d, err := time.ParseDuration(args[1])
		if err != nil {
			return "", usageError("[-for DURATION] STEP… [:: STEP…]")
		}
		deadline, args = d, args[2:]
	}
	var usage usageError
	err := eventually(deadline, func() error {
		err := sequence(ts, args)
		if errors.As(err, &usage) {
			return nil
		}
		return err
	})
	if usage != "" {
		return "", usage
	}
	return "", err
}

// sequence runs steps that "::" separates, each optionally negated.
func sequence(ts *testscript.TestScript, args []string) error {
	for len(args) > 0 {
		one := args
		if i := slices.Index(args, "::"); i >= 0 {
			one, args = args[:i], args[i+1:]
		} else {
			args = nil
		}
		if err := single(ts, one); err != nil {
			return err
		}
	}
	return nil
}

func single(ts *testscript.TestScript, args []string) error {
	neg := len(args) > 0 && args[0] == "!"
	if neg {
		args = args[1:]
	}
	if len(args) == 0 {
		return usageError("retry STEP…")
	}
	var err error
	switch do, known := steps()[args[0]]; {
	case args[0] == "exec" && len(args) > 1:
		err = ts.Exec(args[1], args[2:]...)
	case known:
		var out string
		out, err = do(ts, args[1:])
		if out != "" {
			// What a step prints has to be what the next one looks at.
			printed := filepath.Join(state(ts).dir, ".printed")
			err = errors.Join(err, os.WriteFile(printed, []byte(out), 0o644), ts.Exec("cat", printed))
		}
	default:
		return usageError("retry knows exec and the steps of e2e, not " + args[0])
	}
	if neg && err == nil {
		return fmt.Errorf("%s succeeded", strings.Join(args, " "))
	}
	if neg && !errors.As(err, new(usageError)) {
		return nil
	}
	return err
}
