package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// TestLintOfRests breaks an example in one place at a time: what is left is
// checked without a panic and is not compiled, and one fault brings no crowd of
// others along.
func TestLintOfRests(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("..", "catalog", "examples", "bank", "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const few, some = 2, 12 // proofs take their time, so that only some lines have them
	lines := strings.Split(string(src), "\n")
	for i, line := range lines {
		for _, broken := range mangled(line) {
			text := strings.Join(slices.Concat(lines[:i], []string{broken}, lines[i+1:]), "\n")
			if errs := errorsOf(t, text, i%some == 0); len(errs) > few {
				t.Errorf("line %d, %q:\n%s", i+1, broken, strings.Join(errs, "\n"))
			}
		}
	}
}

// mangled returns a line with one fault each.
func mangled(line string) []string {
	key, value, ok := strings.Cut(line, ": ")
	name := strings.TrimLeft(key, " -{")
	if !ok || name == "" || strings.Contains(name, "#") {
		return nil
	}
	prefix := strings.TrimSuffix(key, name)
	return []string{
		prefix + name[:len(name)-1] + "_x: " + value, // an unknown key
		key + ": &a " + value,
		key + ": 0100",
		key + ": .nan",
		key + ": !x " + value,
	}
}

// errorsOf returns the errors in what can be understood of a policy.
func errorsOf(t *testing.T, src string, lint bool) []string {
	t.Helper()
	doc, findings := policy.Salvage("p.yaml", []byte(src))
	if doc != nil && lint {
		findings = append(findings, engine.Lint(doc, nil)...)
		if _, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}}); doc.Partial() && mesh.CodeOf(err) != mesh.CodePolicyInvalid && mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("what is left of a policy compiles: %v", err)
		}
	}
	var errs []string
	for _, f := range findings {
		if f.Level == mesh.LevelError && f.Rule != "yaml-syntax" {
			errs = append(errs, fmt.Sprint(f))
		}
	}
	return errs
}
