package frameworks_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/mutation"
)

// packSuites reads the cases of a pack, which must be without any finding.
func packSuites(t *testing.T, name string) []*cases.Suite {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("packs", name, "*_test.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var suites []*cases.Suite
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite, findings := cases.Parse(t.Context(), file, src)
		for _, f := range findings {
			t.Errorf("%s", f)
		}
		if suite != nil {
			suites = append(suites, suite)
		}
	}
	return suites
}

// TestPackCasesCatchMutants changes every rule of the packs in one place at a
// time and demands that a case then fails. Lists of values may have elements
// that no case names: they are data, such as the regions of Europe, and a case
// for each would say the same twice.
func TestPackCasesCatchMutants(t *testing.T) {
	t.Parallel()
	for _, name := range packs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, err := cases.Mutate(t.Context(), compilePack(t, name, nil), packSuites(t, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			if run.Truncated || run.Skipped > 0 {
				t.Errorf("truncated %t, %d cases fail", run.Truncated, run.Skipped)
			}
			for _, m := range run.Mutants {
				if !m.Caught && m.Kind != string(mutation.ElementDropped) {
					t.Errorf("%s %s: %s is not noticed: %s", m.Position, m.RuleID, m.Change, m.Hint)
				}
			}
			t.Logf("%d of %d mutants caught", run.Caught, run.Tried)
		})
	}
}
