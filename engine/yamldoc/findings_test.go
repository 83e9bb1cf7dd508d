package yamldoc_test

import (
	"fmt"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

func findingsOf(file string, level mesh.FindingLevel, first, n int) []mesh.Finding {
	var out []mesh.Finding
	for i := range n {
		out = append(out, mesh.Finding{Position: mesh.Position{File: file, Line: first + i}, Level: level, Message: "m"})
	}
	return out
}

// TestBound: what is left out is counted, and no error is left out for a
// warning.
func TestBound(t *testing.T) {
	t.Parallel()
	const most = yamldoc.MaxFindings
	join := func(lists ...[]mesh.Finding) (all []mesh.Finding) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return yamldoc.Bound(yamldoc.InOrder(all))
	}
	warnings := func(first, n int) []mesh.Finding { return findingsOf("a", mesh.LevelWarning, first, n) }
	errs := func(first, n int) []mesh.Finding { return findingsOf("a", mesh.LevelError, first, n) }
	tests := []struct {
		name             string
		found            []mesh.Finding
		errors, warnings int
		more             string // empty: nothing is left out
	}{
		{"few", join(errs(1, 1), warnings(2, most-1)), 1, most - 1, ""},
		{"twice the same", join(errs(1, most), errs(1, most)), most, 0, ""},
		{"warnings", join(warnings(1, 3_900)), 0, most, "a:201: warning: and 3700 more findings (correct these first)"},
		{"an error behind", join(warnings(1, 3_900), errs(3_901, 1)), 1, most - 1, "a:3901: warning: and 3701 more findings (correct these first)"},
		{"too many errors", join(warnings(1, 50), errs(51, most+1)), most, 0, "a:251: error: and 51 more findings (correct these first)"},
		{"joined anew", join(join(errs(1, most+100)), warnings(1_000, 7)), most, 0, "a:1000: error: and 107 more findings (correct these first)"},
		{"joined with the same", join(join(warnings(1, most+100)), join(warnings(1, most+100))), 0, most, "a:200: warning: and 100 more findings (correct these first)"},
		{"two documents", join(findingsOf("0", mesh.LevelError, 1, most), warnings(1, most+1)), most, most, "a:201: warning: and 1 more findings (correct these first)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, more := tt.found, ""
			if last := found[len(found)-1]; last.Rule != "" {
				found, more = found[:len(found)-1], last.String()
			}
			count := map[mesh.FindingLevel]int{}
			for _, f := range found {
				count[f.Level]++
			}
			if count[mesh.LevelError] != tt.errors || count[mesh.LevelWarning] != tt.warnings || more != tt.more {
				t.Errorf("%v and %q, want %d errors, %d warnings and %q", count, more, tt.errors, tt.warnings, tt.more)
			}
		})
	}
}

// TestBoundCounts holds the count of what is left out to a field, which does not
// depend on how the sentence puts it.
func TestBoundCounts(t *testing.T) {
	t.Parallel()
	more := func(findings []mesh.Finding) *mesh.Finding { return &findings[len(findings)-1] }
	bounded := yamldoc.Bound(findingsOf("a", mesh.LevelWarning, 1, yamldoc.MaxFindings+100))
	if got := more(bounded).More; got != 100 {
		t.Errorf("%d more, want 100", got)
	}
	more(bounded).Message = "it goes on"
	anew := yamldoc.Bound(yamldoc.InOrder(append(bounded, findingsOf("a", mesh.LevelError, 1_000, 7)...)))
	if got := more(anew); got.More != 107 || got.Message != "and 107 more findings" {
		t.Errorf("joined anew there are %d more: %s", got.More, got)
	}
	for _, f := range anew[:len(anew)-1] {
		if f.More != 0 {
			t.Errorf("%s stands for %d more", f, f.More)
		}
	}
}

func TestListKeepsErrors(t *testing.T) {
	t.Parallel()
	var found yamldoc.Findings
	found.Add(findingsOf("a", mesh.LevelWarning, 1, 300)...)
	found.Add(findingsOf("a", mesh.LevelError, 301, 1)...)
	list := found.List()
	if len(list) != yamldoc.MaxFindings+1 || list[yamldoc.MaxFindings-1].Level != mesh.LevelError {
		t.Errorf("%d findings: %s", len(list), fmt.Sprint(list[max(0, len(list)-3):]))
	}
}
