package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// TestLintWithoutTheHub: what needs no base is checked where nobody can be asked
// for it.
func TestLintWithoutTheHub(t *testing.T) {
	t.Parallel()
	src := "version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:" + strings.Repeat("0", 64) + "\nrules:\n  custom:\n" +
		"    - {id: a, require: 'data.purpos == \"x\"', controls: [Art.6]}\n    - {id: b, require: 'params.limit > 1'}\n"
	silent := func(mesh.BundleRef, mesh.Digest) (*bundle.Base, error) {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "the hub does not answer")
	}
	_, findings, err := lintPolicy("p.yaml", []byte(src), nil, silent)
	if mesh.CodeOf(err) != mesh.CodeUnavailable || len(findings) != 1 || findings[0].Rule != "cel-unknown-field" || findings[0].Line != 6 {
		t.Errorf("%v, %v", findings, err)
	}
	_, findings, err = lintPolicy("p.yaml", []byte(src+"extra: 1\n"), nil, silent)
	if err != nil || len(findings) != 3 || findings[0].Rule != "unknown-key" {
		t.Errorf("with another fault: %v, %v", findings, err)
	}
}

// TestLintSaysEverything lints a bundle with one fault of every kind: no fault
// hides another one, whichever stage finds it, and none is said twice.
func TestLintSaysEverything(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "faulty")
	streams, _, out, _ := iostreams.Test()
	err := lintRun(t.Context(), command.NewEnv(streams), &lintOptions{Paths: []string{dir}, JSON: true})
	if command.ExitCode(err) != command.ExitPolicyInvalid {
		t.Fatalf("it ends with %v", err)
	}
	var result lintResult
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		got = append(got, fmt.Sprintf("%s:%d:%d %s", strings.TrimSuffix(filepath.Base(f.File), ".yaml"), f.Line, f.Column, f.Rule))
	}
	want := []string{
		"bundle:3:10 bundle-version",
		"bundle:4:1 unknown-key",
		"policy:1:1 yaml-directive",
		"policy:3:10 unknown-version",
		"policy:6:10 wrong-value",
		"policy:7:14 yaml-alias",
		"policy:9:3 reserved-id",
		"policy:10:49 yaml-value",
		"policy:11:17 wrong-value",
		"policy:12:28 wrong-value",
		"policy:13:36 yaml-value",
		"policy:14:30 param-value",
		"policy:16:3 unknown-rule",
		"policy:17:38 unknown-control",
		"policy:20:23 wrong-type",
		"policy:22:5 duplicate-key",
		"policy:23:28 duplicate-value",
		"policy:25:17 unknown-key",
		"policy:25:46 wrong-value",
		"policy:26:24 yaml-tag",
		"policy:27:5 unknown-key",
		"policy:29:15 yaml-key",
		"policy:29:15 no-controls",
		"policy:31:34 cel-unknown-field",
		"policy:32:12 duplicate-id",
		"policy:32:41 cel-type",
		"policy:33:12 reserved-id",
		"policy:33:40 cel-syntax",
		"policy:34:22 unknown-key",
		"policy:35:57 yaml-alias",
		"policy:35:74 wrong-value",
		"policy:36:44 cel-unknown-field",
		"policy:36:59 cel-unknown-name",
		"policy:38:61 unknown-control",
		"policy:39:12 wrong-value",
		"policy:39:55 cel-regex",
		"policy:40:7 missing-key",
		"policy:40:38 cel-regex",
		"policy:41:30 cel-has",
		"policy:41:77 unusual-action-type",
		"policy:41:108 unknown-key",
		"policy:43:80 yaml-value",
		"policy:44:26 unreachable-rule",
		"policy:45:7 wrong-type",
		"policy:47:9 wrong-value",
		"policy:50:7 duplicate-action",
		"policy:51:21 misplaced-key",
		"policy:52:1 unknown-key",
		"policy_test:2:1 unknown-key",
		"policy_test:6:12 unknown-key",
		"policy_test:9:25 unknown-rule",
		"policy_test:11:47 unknown-key",
		"policy_test:11:70 yaml-value",
		"policy_test:12:27 duplicate-key",
		"policy_test:13:11 duplicate-name",
		"policy_test:14:54 wrong-type",
		"policy_test:15:26 missing-key",
		"policy_test:16:5 wrong-type",
		"policy_test:17:5 missing-key",
		"policy_test:17:37 unknown-rule",
		"policy_test:17:54 yaml-alias",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestLintIsBounded: a person reads so many findings, and an error is among them.
func TestLintIsBounded(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString("version: \"3.0.0\"\nname: n\nrules:\n  custom:\n")
	for i := range 300 {
		fmt.Fprintf(&src, "    - {id: r%d, require: \"data.purpose == 'x'\"}\n", i)
	}
	src.WriteString("    - {id: last, require: data.purpos == 'x'}\n")
	file := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(file, []byte(src.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	streams, _, out, _ := iostreams.Test()
	err := lintRun(t.Context(), command.NewEnv(streams), &lintOptions{Paths: []string{file}, JSON: true})
	var result lintResult
	if unread := json.Unmarshal(out.Bytes(), &result); unread != nil || command.ExitCode(err) != command.ExitPolicyInvalid {
		t.Fatalf("it ends with %v and prints %s", err, out)
	}
	n := len(result.Findings)
	if n != 201 || result.Findings[199].Line != 305 || result.Findings[200].Rule != "more-findings" || result.Errors != 1 || result.Warnings < 290 {
		t.Errorf("%d findings, %d errors, %d warnings, the last: %v", n, result.Errors, result.Warnings, result.Findings[max(0, n-2):])
	}
}
