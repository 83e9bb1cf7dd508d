package engine_test

import (
	"context"
	"fmt"
	"strings"
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
		`!(context.deep in ["x", "y"])`,
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

// TestKeysComeInOrderWhereConstantsCount: also a comparison with a constant may
// take steps.
func TestKeysComeInOrderWhereConstantsCount(t *testing.T) {
	t.Parallel()
	list := "[true"
	for i := range 200 {
		list += fmt.Sprintf(", \"q%d\"", i)
	}
	list += ", \"a\"]"
	args := map[string]any{"a": int64(1)}
	for _, k := range numbered("k", 2_000) {
		args[k] = int64(1)
	}
	a := &mesh.Action{Action: mesh.Operation{Type: "t"}, Tool: &mesh.Tool{Args: args}}
	for _, back := range []engine.BackEnd{engine.Bitmaps, engine.Closures} {
		p, err := engine.CompileWith([]engine.Policy{{ID: "a/b", Document: document(t, "p.yaml",
			custom("    - {id: r, require: 'tool.args.exists(k, k in "+list+")'}\n"))}}, back)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			var r engine.Result
			if p.Evaluate(t.Context(), a, engine.Inline, &r); !r.Allowed {
				t.Fatalf("back end %d: errors %v; the first key decides", back, r.Errors)
			}
		}
	}
}

// TestFailuresNameTheirBound: of many rules in one block and few steps, each says
// what it ran into, and finding out does not look at all rules for each.
func TestFailuresNameTheirBound(t *testing.T) {
	t.Parallel()
	const rules = 2_000
	p := program(t, document(t, "p.yaml", custom(rulesOf(`data.fields.all(f, f == "a%d") || data.categories.exists(c, c == "b")`, rules)+
		"    - {id: plain, require: 'context.x == 1'}\n")))
	a := action(t, `{"action":{"type":"t"},"data":{"categories":["c"],"fields":["f"]}}`)
	var in engine.Input
	var v engine.Verdict
	var r engine.Result
	in.Limit(0)
	for range 20 {
		p.Bind(t.Context(), a, engine.Inline, &in)
		p.Decide(&in, &v)
	}
	p.Expand(&in, &v, &r)
	if len(r.Errors) != rules+1 {
		t.Fatalf("%d errors", len(r.Errors))
	}
	for i, e := range r.Errors {
		if bound := strings.Contains(e.Message, "million steps"); bound != (i < rules) {
			t.Errorf("rule %s: %s", e.RuleID, e.Message)
		}
	}
}

// TestOrderedTextsCount: what is less is found out by looking at both.
func TestOrderedTextsCount(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	a := &mesh.Action{Action: mesh.Operation{Type: "t"}, Data: &mesh.Data{Categories: numbered("c", 1_000)},
		Context: map[string]any{"a": long + "a", "b": long + "b", "c": "c"}}
	for _, op := range []string{"<", "<=", ">", ">="} {
		p := program(t, document(t, "p.yaml", custom("    - {id: long, require: 'data.categories.exists(c, !(context.a "+op+" context.b) && c == \"x\")'}\n"+
			"    - {id: short, require: '!data.categories.exists(c, context.a "+op+" context.c && c == \"x\")'}\n")))
		var r engine.Result
		if p.Evaluate(t.Context(), a, engine.Inline, &r); len(r.Errors) != 1 || r.Errors[0].RuleID != "long" || !strings.Contains(r.Errors[0].Message, "more steps than one rule") {
			t.Errorf("%s: errors %v, violations %v", op, r.Errors, r.Violations)
		}
	}
}

// TestBeginningsCount: how a text begins or ends is found out by looking at no more
// than what it should begin with.
func TestBeginningsCount(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	a := &mesh.Action{Action: mesh.Operation{Type: "t"}, Data: &mesh.Data{Purpose: &long, Fields: numbered("f", 10_000)}}
	require := `data.fields.all(f, data.purpose.startsWith("x") && data.purpose.endsWith("x") && f != data.purpose && !(data.purpose in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]))`
	for _, back := range []engine.BackEnd{engine.Bitmaps, engine.Closures} {
		p, err := engine.CompileWith([]engine.Policy{{ID: "a/b", Document: document(t, "p.yaml", custom("    - {id: r, require: '"+require+"'}\n"))}}, back)
		if err != nil {
			t.Fatal(err)
		}
		var r engine.Result
		if p.Evaluate(t.Context(), a, engine.Inline, &r); !r.Allowed {
			t.Errorf("back end %d: violations %v, errors %v", back, r.Violations, r.Errors)
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

// fieldsNamed returns which fields the first clause of each violation names.
func fieldsNamed(r *engine.Result) [][]string {
	var out [][]string
	for _, v := range r.Violations {
		var fields []string
		for _, f := range v.Clauses[0].Fields {
			fields = append(fields, f.Field)
		}
		out = append(out, fields)
	}
	return out
}

// rulesOf makes rules r0 to rn of what they require, which says the number by %d.
func rulesOf(require string, n int) string {
	var rules string
	for i := range n {
		rules += fmt.Sprintf("    - {id: r%d, require: '"+require+"'}\n", i, i)
	}
	return rules
}

// TestWordsOfLongLists does not take apart what no violation names. It is by
// itself: it looks at what is allocated.
func TestWordsOfLongLists(t *testing.T) {
	const rules, elements = 100, 10_000
	a := &mesh.Action{Action: mesh.Operation{Type: "t"}, Data: &mesh.Data{Categories: numbered("c", elements)}, Context: map[string]any{"x": int64(-1)}}
	args := map[string]any{}
	for _, k := range numbered("c", elements) {
		args[k] = int64(1)
	}
	a.Tool = &mesh.Tool{Args: args}
	for require, want := range map[string]string{
		`!data.categories.exists(c, c == "c0" || c == "y%d")`: "data.categories[0]",
		`!tool.args.exists(c, c == "c0" || c == "y%d")`:       "tool.args.c0",
		`!("c9999" in data.categories) || context.x == %d`:    "data.categories[9999]",
	} {
		p := program(t, document(t, "p.yaml", custom(rulesOf(require, rules))))
		var in engine.Input
		var v engine.Verdict
		var r engine.Result
		p.Bind(t.Context(), a, engine.Inline, &in)
		p.Decide(&in, &v)
		if n := testing.AllocsPerRun(2, func() { p.Expand(&in, &v, &r) }); n > rules*50 {
			t.Errorf("%s: %v allocations for %d rules", require, n, rules)
		}
		if got := fieldsNamed(&r); len(got) != rules || got[0][len(got[0])-1] != want {
			t.Errorf("%s: names %v, want %s", require, got, want)
		}
	}
}

// TestWordsAreBounded: what is left to be said when the words have taken a few
// times what the decision took names lists as a whole.
func TestWordsAreBounded(t *testing.T) {
	t.Parallel()
	a := action(t, `{"action":{"type":"t"},"context":{"q":-1}}`)
	a.Data = &mesh.Data{Categories: append(numbered("c", 10_000), "pii")}
	p := program(t, document(t, "p.yaml", custom(rulesOf("!personalData() || context.q == %d", 100))))
	var in engine.Input
	var v engine.Verdict
	var r, again engine.Result
	ctx, cancel := context.WithCancel(t.Context())
	p.Bind(ctx, a, engine.Inline, &in)
	p.Decide(&in, &v)
	p.Expand(&in, &v, &r)
	p.Expand(&in, &v, &again)
	got := fieldsNamed(&r)
	if first := []string{"context.q", "data.categories", "data.categories[10000]"}; len(got) != 100 || !cmp.Equal(got[0], first) {
		t.Fatalf("%d violations, the first names %v, want %v", len(got), got[0], first)
	}
	if last := got[99]; !cmp.Equal(last, []string{"context.q", "data.categories", "action.type", "resource.type", "content.findings"}) {
		t.Errorf("the last names %v", last)
	}
	if diff := cmp.Diff(got, fieldsNamed(&again)); diff != "" {
		t.Errorf("the same verdict in other words (-first +second):\n%s", diff)
	}
	cancel()
	p.Expand(&in, &v, &r)
	if got := fieldsNamed(&r); !cmp.Equal(got[0], []string{"context.q", "data.categories", "action.type", "resource.type", "content.findings"}) {
		t.Errorf("for nobody names %v", got[0])
	}
}

// TestComparisonsByCELCount: what cel-go compares and searches counts for the rule
// and for the decision, too.
func TestComparisonsByCELCount(t *testing.T) {
	t.Parallel()
	list := func() []any {
		out := make([]any, 50_000)
		for i := range out {
			out[i] = int64(i)
		}
		return out
	}
	a := &mesh.Action{
		Action: mesh.Operation{Type: "t"}, Data: &mesh.Data{Categories: numbered("c", 30_000), Fields: numbered("f", 30_000)},
		Context: map[string]any{"a": list(), "b": list(), "m": map[string]any{"l": list()}, "n": map[string]any{"l": list()}},
	}
	for _, require := range []string{
		`[context.a, %d] == [context.b, %d]`, `context.a in [context.b, %d]`, `[context.m, %d] == [context.n, %d]`,
		`!([context.a, %d] != [context.b, %d])`, `!("x%d" in (data.categories + data.fields))`,
	} {
		var rules string
		for i := range 60 {
			rules += fmt.Sprintf("    - {id: r%d, require: '"+strings.ReplaceAll(require, "%d", "%[1]d")+"'}\n", i)
		}
		var r engine.Result
		p := program(t, document(t, "p.yaml", custom(rules)))
		p.Evaluate(t.Context(), a, engine.Inline, &r)
		if len(r.Violations) > 0 || len(r.Errors) < 10 || len(r.Errors) > 50 || !strings.Contains(r.Errors[0].Message, "million steps") {
			t.Errorf("%s: violations %v, %d errors, %v", require, r.Violations, len(r.Errors), r.Errors[:min(1, len(r.Errors))])
		}
	}
	other := list()
	other[len(other)-1] = "other"
	a.Context["c"] = other
	for _, require := range []string{
		`data.fields.map(f, context.a) == data.fields.map(f, context.b)`, `data.fields.map(f, context.a) != data.fields.map(f, context.b)`,
		`context.c in data.fields.map(f, context.a)`,
	} {
		var r engine.Result
		p := program(t, document(t, "p.yaml", custom("    - {id: r, require: '"+require+"'}\n")))
		p.Evaluate(t.Context(), a, engine.Inline, &r)
		if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "than one rule may") {
			t.Errorf("%s: violations %v, errors %v", require, r.Violations, r.Errors)
		}
	}
	a.Context["b"], a.Context["n"] = append(list(), "more"), map[string]any{}
	var r engine.Result
	p := program(t, document(t, "p.yaml", custom(rulesOf(`[context.a, %d] == [context.b, 1]`, 60))))
	if p.Evaluate(t.Context(), a, engine.Inline, &r); len(r.Errors) > 0 || len(r.Violations) != 60 {
		t.Errorf("what differs at once: %d violations, errors %v", len(r.Violations), r.Errors)
	}
}

// TestReasonsAreMadeOnce: why a rule fails for an absent field is said without
// compiling it anew. It is by itself: it looks at what is allocated.
func TestReasonsAreMadeOnce(t *testing.T) {
	const rules = 100
	p := program(t, document(t, "p.yaml", custom(rulesOf(`context.k%d in ["a", "b"] && data.purpose == "p"`, rules))))
	var in engine.Input
	var v engine.Verdict
	var r engine.Result
	p.Bind(t.Context(), action(t, `{"action":{"type":"t"}}`), engine.Inline, &in)
	p.Decide(&in, &v)
	if n := testing.AllocsPerRun(2, func() { p.Expand(&in, &v, &r) }); n > rules*20 {
		t.Errorf("%v allocations for %d rules", n, rules)
	}
	if want := "require: it reads context.k0, which is absent"; len(r.Errors) != rules || r.Errors[0].Message != want {
		t.Errorf("%d errors, the first %v, want %s", len(r.Errors), r.Errors[0], want)
	}
}

// TestMatchesCount: matching takes steps by what a pattern unfolds into and how
// long the text is, of the decision, too.
func TestMatchesCount(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", custom(rulesOf(`!tool.args.s.matches("^([a-z0-9]{0,900})*z%d$")`, 8))))
	a := &mesh.Action{Action: mesh.Operation{Type: "t"}, Tool: &mesh.Tool{Args: map[string]any{"s": strings.Repeat("a", 8_000)}}}
	var r engine.Result
	p.Evaluate(t.Context(), a, engine.Inline, &r)
	if len(r.Errors) == 0 || len(r.Errors) > 6 || !strings.Contains(r.Errors[0].Message, "million steps") {
		t.Errorf("%d errors, %v", len(r.Errors), r.Errors)
	}
	a.Tool.Args["s"] = strings.Repeat("a", 100)
	if p.Evaluate(t.Context(), a, engine.Inline, &r); len(r.Errors) > 0 || !r.Allowed {
		t.Errorf("a short text: %+v", r)
	}
}

// TestLimit: decisions that share a budget have what is left of it, and none when
// nothing is.
func TestLimit(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", custom(`    - {id: loops, require: '!data.categories.exists(c, c in data.fields)'}
    - {id: plain, require: 'action.type == "t"'}
`)))
	a := &mesh.Action{Action: mesh.Operation{Type: "t"}, Data: &mesh.Data{Categories: numbered("c", 100), Fields: numbered("f", 100)}}
	var in engine.Input
	var v engine.Verdict
	decide := func() {
		p.Bind(t.Context(), a, engine.Inline, &in)
		p.Decide(&in, &v)
	}
	decide()
	took := in.Took()
	if took == 0 || !v.Allowed {
		t.Fatalf("it took %d steps, %+v", took, v)
	}
	for _, limit := range []int{took / 2, 0, -1} {
		in.Limit(limit)
		if decide(); v.Allowed || len(v.Failures) != 1 || in.Took() > took {
			t.Errorf("with %d steps: %+v, it took %d", limit, v, in.Took())
		}
	}
	var r engine.Result
	p.Expand(&in, &v, &r)
	if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "fewer actions at a time") {
		t.Errorf("errors %v", r.Errors)
	}
	in.Limit(2 * engine.MaxSteps)
	if decide(); !v.Allowed {
		t.Errorf("with all steps again: %+v", v)
	}
}
