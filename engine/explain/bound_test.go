package explain

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// TestSearchIsBounded: to look for what would allow an action takes a few times
// of what one decision may, whatever its lists and the rules are.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	many := func(n int, rule string) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, "\n    - {id: r%d, require: '%s'}", i, strings.ReplaceAll(rule, "#", fmt.Sprint(i)))
		}
		return out.String()
	}
	texts := func(prefix string, n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf("%s%d", prefix, i)
		}
		return out
	}
	purpose := "x"
	tests := []struct {
		name, rules string
		most        int // of the steps
		found       bool
	}{
		{"a list compared with a list", many(1, "!data.fields.exists(a, a in context.list)"), MaxSteps + engine.MaxSteps, true},
		{"many such rules", many(300, "data.fields.exists(a, a in context.list && a != \"#\")"), MaxSteps + engine.MaxSteps, false},
		{"more rules than are looked at", many(1_000, "data.purpose == \"#\""), MaxSteps, false},
		{"a text that is one of a long list", many(1, "data.purpose in context.list && data.purpose != \"g0\""), MaxSteps, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc, findings := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nrules:\n  custom:"+tt.rules+"\n"))
			if doc == nil {
				t.Fatal(findings)
			}
			p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}})
			if err != nil {
				t.Fatal(err)
			}
			list := make([]any, 9_000)
			for i, text := range texts("g", len(list)) {
				list[i] = text
			}
			a := &mesh.Action{
				Action: mesh.Operation{Type: "data.read"}, Context: map[string]any{"list": list},
				Data: &mesh.Data{Fields: texts("f", 9_000), Purpose: &purpose},
			}
			x := newExplainer(t.Context(), a)
			r := remedy(x, p, decide(t.Context(), p, a))
			if took := MaxSteps - x.left; took > tt.most {
				t.Errorf("it took %d steps", took)
			}
			if found := len(r.Changes) > 0; found != tt.found || !found && !r.GivenUp {
				t.Errorf("changes %v, given up: %v", r.Changes, r.GivenUp)
			}
		})
	}
}

// TestTraceIsBounded: parts that are left once too many steps are taken are
// errors, and what becomes of the rules is as it was decided.
func TestTraceIsBounded(t *testing.T) {
	t.Parallel()
	doc, findings := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nrules: {custom: [{id: r, require: '!data.fields.exists(a, a == \"x\")'}]}\n"))
	if doc == nil {
		t.Fatal(findings)
	}
	p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	a := &mesh.Action{Action: mesh.Operation{Type: "data.read"}, Data: &mesh.Data{Fields: []string{"a", "b"}}}
	x := newExplainer(t.Context(), a)
	x.left = 1
	rules := p.Rules()
	if got := x.rule(&rules[0], decide(t.Context(), p, a)); got.Outcome != Satisfied || got.Require[0].Truth != "error" {
		t.Errorf("%s, %s", got.Outcome, got.Require[0].Truth)
	}
}
