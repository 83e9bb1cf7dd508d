package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

// parsed runs one of the package's commands with args and returns the options
// it parsed, or the error.
func parsed[T any](t *testing.T, newCmd func(*command.Env, func(*T) error) *cobra.Command, args ...string) (*T, error) {
	t.Helper()
	streams, _, _, _ := iostreams.Test()
	var got *T
	cmd := newCmd(command.NewEnv(streams), func(opts *T) error {
		got = opts
		return nil
	})
	cmd.SetArgs(args)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.Err)
	return got, cmd.ExecuteContext(t.Context())
}

func want[T any](t *testing.T, got *T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Errorf("options differ (-want +got):\n%s", diff)
	}
}

// TestParamValues reads values as policies are read: nothing is text or a number
// that does not look like it.
func TestParamValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"2026-02-28": "2026-02-28", "2026-02-28T10:00:00Z": "2026-02-28T10:00:00Z", "": "", "12": int64(12), "1.5": 1.5, "true": true, "yes": "yes",
		"[a, 2]": []any{"a", int64(2)}, "'0100'": "0100", `"#x"`: "#x", "null": nil,
	} {
		got, err := paramFlags{Params: []string{"p=" + text}}.values()
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(map[string]any{"p": want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"&a x":             "--param p: the anchor &a is not allowed",
		"!!binary aGk=":    "--param p: the tag !!binary is not allowed",
		".nan":             "--param p: .nan is no number",
		".inf":             "--param p: the number .inf is out of range",
		"0100":             "--param p: some readers take 0100 for an octal number and others do not",
		"1_000":            "--param p: some readers take 1_000 for a number and others for text",
		"*a":               "--param p: aliases are not allowed",
		"#x":               "--param p: # begins a comment",
		"{a: 1, a: 2}":     "--param p: the key a stands here for the second time",
		"%YAML 1.1\n---\n": "--param p: the directive %YAML 1.1 is not allowed",
	} {
		_, err := paramFlags{Params: []string{"p=" + text}}.values()
		if err == nil || err.Error() != want || mesh.HintOf(err) == "" {
			t.Errorf("%s: %v (%s), want %s", text, err, mesh.HintOf(err), want)
		}
	}
}

// TestParamsAreRefusedTogether: who corrects one sees the others, too.
func TestParamsAreRefusedTogether(t *testing.T) {
	t.Parallel()
	_, err := paramFlags{Params: []string{"n", "a=&a x", "b=1", "b=2", "c=1"}}.values()
	const malformed = `--param "n" is not name=value; --param a: the anchor &a is not allowed; --param b is given twice`
	if err == nil || err.Error() != malformed || command.ExitCode(err) != command.ExitUsage {
		t.Errorf("got %v, want %s", err, malformed)
	}

	doc, findings := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\ndefault: deny\nrules: {}\nparams: {n: {type: integer}, m: {type: boolean}}\n"))
	if doc == nil {
		t.Fatalf("findings: %v", findings)
	}
	policies := []engine.Policy{{Document: doc}}
	err = bind([]string{"p.yaml"}, policies, map[string]any{"n": "x", "m": int64(1), "z": true, "y": true})
	if err == nil || command.ExitCode(err) != command.ExitUsage {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"--param y: no policy declares the parameter y; --param z: no policy", "p.yaml: parameter m", "p.yaml: parameter n"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if err := bind([]string{"p.yaml"}, policies, map[string]any{"n": int64(1)}); err != nil || !cmp.Equal(policies[0].Params, map[string]any{"n": int64(1)}) {
		t.Errorf("sound values: %v, %v", err, policies[0].Params)
	}
}

// touch makes an empty file.
func touch(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	guard := mesh.BundleRef{Namespace: "acme", Name: "guard"}
	digest := "sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

	i, err := parsed(t, newCmdInit, "some/My Dir")
	want(t, i, err, initOptions{Dir: "some/My Dir", Namespace: "acme", Name: "my-dir"})
	layout, sources := t.TempDir(), t.TempDir()
	touch(t, layout, layoutFile)
	touch(t, sources, publish.MetadataFile)
	l, err := parsed(t, newCmdLint, "a", "b", "--json", "--base", layout, "--base", sources)
	want(t, l, err, lintOptions{baseFlags: baseFlags{Bases: []string{layout, sources}}, Paths: []string{"a", "b"}, JSON: true})
	te, err := parsed(t, newCmdTest, ".", "-v", "--min-coverage", "80.5")
	want(t, te, err, testOptions{Paths: []string{"."}, MinCoverage: 80.5, Verbose: true})
	te, err = parsed(t, newCmdTest, "a", "b", "--min-clause-coverage", "50", "--mutate", "--junit", "r.xml")
	want(t, te, err, testOptions{Paths: []string{"a", "b"}, MinClauseCoverage: 50, Mutate: true, JUnit: "r.xml"})
	te, err = parsed(t, newCmdTest, ".", "--min-mutation", "90", "--watch")
	want(t, te, err, testOptions{Paths: []string{"."}, Mutate: true, MinMutation: 90, Watch: true})
	sc, err := parsed(t, newCmdSchema, "--cases")
	want(t, sc, err, schemaOptions{Cases: true})
	ex, err := parsed(t, newCmdExplain, "a.yaml", "acme/guard:1.0.0", "-f", "-", "--rule", "r", "--param", "n=1", "--hub", "http://h", "--json", "--base", layout)
	want(t, ex, err, explainOptions{
		Policies: []string{"a.yaml", "acme/guard:1.0.0"}, File: "-", Rules: []string{"r"}, JSON: true,
		paramFlags: paramFlags{[]string{"n=1"}}, baseFlags: baseFlags{Flags: session.Flags{Hub: "http://h"}, Bases: []string{layout}},
	})
	di, err := parsed(t, newCmdDiff, "acme/guard:1.0.0", ".", "--exit-code", "--param", "n=1", "--param", "m=[a]", "--token-file", "f", "--base", layout)
	want(t, di, err, diffOptions{
		Older: "acme/guard:1.0.0", Newer: ".", ExitCode: true, paramFlags: paramFlags{[]string{"n=1", "m=[a]"}},
		baseFlags: baseFlags{Flags: session.Flags{TokenFile: "f"}, Bases: []string{layout}},
	})
	b, err := parsed(t, newCmdBuild, ".", "-o", "dist", "--ref", "acme/guard:1.0.0")
	want(t, b, err, buildOptions{Path: ".", Output: "dist", Ref: "acme/guard:1.0.0"})
	pu, err := parsed(t, newCmdPush, ".", "--sign", "--key", "k", "--hub", "http://h", "--token-file", "f", "--insecure-http-unsafe", "--base", layout)
	want(t, pu, err, pushOptions{Path: ".", Sign: true, Key: "k", baseFlags: baseFlags{Flags: session.Flags{Hub: "http://h", TokenFile: "f", InsecureHTTPUnsafe: true}, Bases: []string{layout}}})
	pl, err := parsed(t, newCmdPull, "acme/guard@"+digest, "-o", "x", "--layout", "--force", "--key", "a", "--key", "b")
	want(t, pl, err, pullOptions{Release: release{guard, digest}, Output: "x", Layout: true, Force: true, trustFlags: trustFlags{Keys: []string{"a", "b"}}})
	s, err := parsed(t, newCmdSign, "acme/guard:stable", "--key", "k")
	want(t, s, err, signOptions{Release: release{guard, "stable"}, Key: "k"})
	v, err := parsed(t, newCmdVerify, "dist:1.0.0", "--trust-policy", "t.yaml")
	want(t, v, err, verifyOptions{Target: "dist:1.0.0", trustFlags: trustFlags{TrustPolicy: "t.yaml"}})
}

func TestFlagsThatAreRefused(t *testing.T) {
	t.Parallel()
	refuses := func(name string, err error) {
		t.Helper()
		if command.ExitCode(err) != command.ExitUsage {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := parsed(t, newCmdPush, ".", "--key", "k")
	refuses("a key without --sign", err)
	for _, flag := range []string{"--min-coverage", "--min-clause-coverage", "--min-mutation"} {
		for _, value := range []string{"-1", "100.5", "NaN"} {
			_, err = parsed(t, newCmdTest, ".", flag+"="+value)
			refuses(flag+" of "+value, err)
		}
	}
	_, err = parsed(t, newCmdTest, ".", "--watch", "--json")
	refuses("one result of what never ends", err)
	_, err = parsed(t, newCmdTest, ".", "--watch", "--junit", "r.xml")
	refuses("one result of what never ends", err)
	_, err = parsed(t, newCmdPush, ".", "--ref", "guard")
	refuses("a ref without namespace and version", err)
	_, err = parsed(t, newCmdPull, "acme/guard:1.0.0")
	refuses("a pull to nowhere", err)
	_, err = parsed(t, newCmdPull, "acme/guard:1.0.0", "-o", "x", "--key", "k", "--trust-policy", "t")
	refuses("keys and a trust policy", err)
	_, err = parsed(t, newCmdVerify, "x", "--key", "k", "--trust-policy", "t")
	refuses("keys and a trust policy", err)
	_, err = parsed(t, newCmdSign, "acme/guard:1.0.0")
	refuses("a signature without a key", err)
	_, err = parsed(t, newCmdSign, "acme/guard:", "--key", "k")
	refuses("an empty tag", err)
	_, err = parsed(t, newCmdSchema, "--cases", "--action")
	refuses("two schemas", err)

	dir := t.TempDir()
	touch(t, dir, "policy.yaml")
	for name, path := range map[string]string{"nothing": filepath.Join(dir, "none"), "a file": filepath.Join(dir, "policy.yaml"), "no base": dir} {
		_, err = parsed(t, newCmdLint, ".", "--base", path)
		refuses("lint with "+name+" as base", err)
		_, err = parsed(t, newCmdTest, ".", "--base", path)
		refuses("test with "+name+" as base", err)
		_, err = parsed(t, newCmdBuild, ".", "-o", "x", "--base", path)
		refuses("build with "+name+" as base", err)
		_, err = parsed(t, newCmdPush, ".", "--base", path)
		refuses("push with "+name+" as base", err)
		_, err = parsed(t, newCmdDiff, "a", "b", "--base", path)
		refuses("diff with "+name+" as base", err)
		_, err = parsed(t, newCmdExplain, "a", "-f", "-", "--base", path)
		refuses("explain with "+name+" as base", err)
	}
}

func TestReleaseVersion(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{"1.0.0": "1.0.0", "1.0.0-rc.1": "1.0.0-rc.1", "stable": "", "latest": "", "sha256:00": ""} {
		if got := (release{Target: target}).version(); got != want {
			t.Errorf("version of %q is %q, want %q", target, got, want)
		}
	}
}
