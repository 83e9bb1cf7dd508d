package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/compare"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// TestPrintManyChanges holds that nobody has to read thousands of changes, and
// that nothing is left out in silence.
func TestPrintManyChanges(t *testing.T) {
	t.Parallel()
	r := &compare.Report{Differ: compare.Yes}
	for i := range 1000 {
		kind := compare.Allowed
		if i%4 == 0 {
			kind = compare.Denied
		}
		r.Changes = append(r.Changes, compare.Change{Kind: kind, Words: fmt.Sprint("change ", i), Example: &mesh.Action{}})
	}
	for i := range 60 {
		r.Incomplete = append(r.Incomplete, compare.Gap{What: fmt.Sprint("question ", i)})
	}
	printed := func(all bool) []string {
		streams, _, out, _ := iostreams.Test()
		printDiff(streams, r, all)
		return strings.Split(strings.TrimSpace(out.String()), "\n")
	}
	short := printed(false)
	if got := strings.Count(strings.Join(short, "\n"), "for example"); got != shownChanges {
		t.Errorf("%d examples, want %d", got, shownChanges)
	}
	for _, want := range []string{
		"and 950 more changes: 237 denied now, 713 allowed now (--all lists them)",
		"and 10 more questions that could not be answered (--all lists them)",
		"there may be more differences: see what is not known",
	} {
		if !strings.Contains(strings.Join(short, "\n"), want) {
			t.Errorf("no line %q in\n%s", want, strings.Join(short[len(short)-4:], "\n"))
		}
	}
	if got, want := len(printed(true)), 2*1000+60+1; got != want {
		t.Errorf("with --all %d lines, want %d", got, want)
	}
}

// TestPrintWhatIsSaid: that other rules may refuse an action is said once, and
// what is not known of a rule takes one line.
func TestPrintWhatIsSaid(t *testing.T) {
	t.Parallel()
	gap := func(kind compare.Kind, rule string) compare.Gap {
		return compare.Gap{Kind: kind, Rules: []string{rule}, What: string(kind) + " of " + rule, Why: "why"}
	}
	r := &compare.Report{
		Differ: compare.Yes,
		Changes: []compare.Change{
			{Kind: compare.Denied, Rules: []string{"a"}, Words: "one", OtherRules: true}, {Kind: compare.Denied, Rules: []string{"b"}, Words: "two", OtherRules: true},
		},
		Incomplete: []compare.Gap{gap(compare.Denied, "a"), gap(compare.Allowed, "c"), gap(compare.Allowed, "a"), gap(compare.Parameter, "a"), gap(compare.Failing, "c")},
	}
	streams, _, out, _ := iostreams.Test()
	printDiff(streams, r, false)
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		"one", "two", "each is said of actions that no other rule refuses",
		"not known: what else changes by rule a: it takes more than 50000 steps",
		"not known: whether rule c decides, or obliges to, anything else than before: it takes more than 50000 steps",
		"not known: parameter of a: why",
		"there may be more differences: see what is not known",
	}
	if !slices.Equal(got, want) {
		t.Errorf("printed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
