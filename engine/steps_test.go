package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
)

// numbered returns texts that begin with a prefix.
func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(prefix, i)
	}
	return out
}

// TestKeysComeInOrder: where a loop over the keys of a map ends, and what it takes
// until then, does not differ from call to call.
func TestKeysComeInOrder(t *testing.T) {
	t.Parallel()
	args := map[string]any{"c9999": 1}
	for _, k := range numbered("k", 200) {
		args[k] = int64(1)
	}
	a := &mesh.Action{
		Action: mesh.Operation{Type: "tool.call"}, Tool: &mesh.Tool{Args: args},
		Data: &mesh.Data{Categories: numbered("c", 10_000)}, Context: map[string]any{"deep": map[string]any{"args": args}},
	}
	for _, require := range []string{
		`tool.args.exists(k, k in data.categories)`,
		`!tool.args.all(k, !(k in data.categories))`,
		`tool.args.exists(k, data.categories.exists(c, c == k))`,
		`context.deep.args.exists(k, data.categories.exists(c, c == k))`,
		`tool.args.map(k, k)[0] == "c9999"`,
		`context.deep.args.filter(k, k != "c9999")[0] == "k0"`,
		`context.deep.args.map(k, k + "x")[200] == "k99x"`,
	} {
		doc := document(t, "p.yaml", custom("    - {id: r, require: '"+require+"'}\n"))
		for _, back := range []engine.BackEnd{engine.Bitmaps, engine.Closures, engine.CEL} {
			p, err := engine.CompileWith([]engine.Policy{{ID: "a/b", Document: doc}}, back)
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				var r engine.Result
				if p.Evaluate(t.Context(), a, engine.Inline, &r); !r.Allowed {
					t.Fatalf("%s, back end %d: violations %v, errors %v; the first key decides", require, back, r.Violations, r.Errors)
				}
			}
		}
	}
}

// TestTrialsForget: the words of what a mutant changes are about the action that
// is tried, also where what the program makes of it is known.
func TestTrialsForget(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", custom(`    - {id: reads, require: 'personalData() || context.q == 1'}
    - {id: changed, require: 'has(data.purpose) && data.purpose == "a"'}
    - {id: other, require: '!has(data.region)'}
`)))
	actions := []*mesh.Action{
		action(t, `{"action":{"type":"t"},"data":{"purpose":"a"},"context":{"r":1}}`),
		action(t, `{"action":{"type":"t"},"data":{"categories":["pii"],"purpose":"a"},"context":{"q":2}}`),
	}
	trial, tries := p.NewTrial(), 0
	for _, m := range mutants(t, p) {
		trial.Use(m)
		for i, a := range actions {
			var tried, whole engine.Result
			if !trial.Evaluate(t.Context(), a, &tried) {
				continue
			}
			tries++
			m.Program().Evaluate(t.Context(), a, engine.Inline, &whole)
			if diff := cmp.Diff(whole.Errors, tried.Errors); diff != "" {
				t.Errorf("%s %s, action %d: errors (-mutant's program +trial):\n%s", m.ID, m.What, i, diff)
			}
		}
	}
	if tries < 6 {
		t.Errorf("%d tries", tries)
	}
}
