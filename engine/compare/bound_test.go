package compare_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/compare"
)

// alternatives are rules of twelve alternatives each, of which questions take
// many steps.
func alternatives(count int, relation string) string {
	var out strings.Builder
	for i := range count {
		var parts []string
		for j := range 12 {
			parts = append(parts, fmt.Sprintf(`(tool.args.a%d == %d && data.purpose %s "p%d")`, j, i, relation, j))
		}
		fmt.Fprintf(&out, "    - {id: r%d, require: '%s'}\n", i, strings.Join(parts, " || "))
	}
	return rules(out.String())
}

// TestStepsAreBounded: what a comparison takes does not grow with the rules once
// the steps are spent, and what was not asked is said in one line.
func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	const steps = 400_000
	for _, count := range []int{20, 60} {
		older, newer := parse(t, alternatives(count, "!=")), parse(t, alternatives(count, "=="))
		r, taken, err := compare.Within(t.Context(), steps, older, newer)
		if err != nil {
			t.Fatal(err)
		}
		if most := steps + 4*compare.MaxQuestion; taken < steps || taken > most {
			t.Errorf("%d rules: it took %d steps, at most %d should do", count, taken, most)
		}
		var rest []string
		for _, g := range r.Incomplete {
			if g.Why == fmt.Sprintf("to compare all rules takes more than %d steps", steps) {
				rest = append(rest, g.What)
			}
		}
		if len(rest) != 1 || !strings.HasSuffix(rest[0], " others") || len(r.Incomplete) >= count {
			t.Errorf("%d rules: what was not asked should be one gap, got %q of %d", count, rest, len(r.Incomplete))
		}
		for _, c := range r.Changes {
			if strings.Contains(c.Words, "proved") {
				t.Errorf("%d rules: nothing was asked to prove it: %s", count, c.Words)
			}
		}
		if r.Identical || r.Differ == compare.No {
			t.Errorf("%d rules: identical %t, differ %s", count, r.Identical, r.Differ)
		}
	}
}

// TestUnansweredIsUnknown: with no step at all nothing is claimed but what needs
// no question.
func TestUnansweredIsUnknown(t *testing.T) {
	t.Parallel()
	const same, was, is = "    - {id: same, require: 'has(data.purpose)'}\n", "    - {id: a, require: 'has(data.region)'}\n", "    - {id: a, require: 'has(data.retentionDays)'}\n"
	for _, tt := range []struct {
		newer string
		want  string
	}{
		{rules(same + was), "identical"},
		{rules(same + is), "? rule | what else changes by rule a: to compare all rules takes more than 0 steps"},
		{rules(same), "? rule | what else changes by rule a: to compare all rules takes more than 0 steps"},
	} {
		r, _, err := compare.Within(t.Context(), 0, parse(t, rules(same+was)), parse(t, tt.newer))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(lines(t, r), "\n"); got != tt.want {
			t.Errorf("got %s\nwant %s", got, tt.want)
		}
	}
}

// impatient is a context that is canceled after it was asked a few times.
type impatient struct {
	context.Context
	asked *int
}

func (c impatient) Err() error {
	const patience = 20
	if *c.asked++; *c.asked > patience {
		return context.Canceled
	}
	return nil
}

// TestCanceled: also between the questions about one rule, nobody waits for the
// rest.
func TestCanceled(t *testing.T) {
	t.Parallel()
	older, newer := parse(t, alternatives(3, "!=")), parse(t, alternatives(3, "=="))
	_, all, err := compare.Within(t.Context(), compare.MaxSteps, older, newer)
	if err != nil {
		t.Fatal(err)
	}
	_, taken, err := compare.Within(impatient{t.Context(), new(int)}, compare.MaxSteps, older, newer)
	if !errors.Is(err, context.Canceled) || taken > all/4 {
		t.Errorf("comparing what nobody waits for took %d steps of %d: %v", taken, all, err)
	}
}
