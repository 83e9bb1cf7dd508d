package lower_test

import (
	"fmt"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
)

// TestTestsAreBounded: each answer has the steps of a rule, whatever was asked
// before, but no more than its limit.
func TestTestsAreBounded(t *testing.T) {
	t.Parallel()
	list := func(prefix string) []string {
		out := make([]string, 500)
		for i := range out {
			out[i] = fmt.Sprint(prefix, i)
		}
		return out
	}
	a := &mesh.Action{Data: &mesh.Data{Fields: list("f"), Categories: list("c")}}
	test := lower.NewTest(compile(t, `data.fields.exists(f, f in data.categories)`), nil)
	first := 0
	for i := range 10 {
		truth := test.Truth(t.Context(), a)
		if i == 0 {
			first = test.Took()
		}
		if truth != lower.False || first == 0 || test.Took() != first {
			t.Fatalf("answer %d is %s after %d steps, the first took %d", i, truth, test.Took(), first)
		}
	}
	if test.Reasons(t.Context(), a); test.Took() <= 0 || test.Took() > first {
		t.Errorf("the reasons took %d steps", test.Took())
	}
	test.Limit(first / 2)
	if truth := test.Truth(t.Context(), a); truth != lower.Error || test.Took() > first/2 {
		t.Errorf("it is %s after %d steps of %d", truth, test.Took(), first/2)
	}
}
