package engine_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
)

const patternRules = `version: "3.0.0"
name: forms
params:
  form: {type: string, default: "^pay"}
  forms: {type: array, items: {type: string}, default: ["^pay", "^refund"]}
  stem: {type: string, default: pay}
rules:
  custom:
    - {id: direct, require: 'has(tool.name) && tool.name.matches(params.form)'}
    - {id: listed, require: 'has(tool.name) && params.forms.exists(f, tool.name.matches(f))'}
    - {id: joined, require: 'has(tool.name) && tool.name.matches("^(?:" + params.stem + ")$") || params.forms.exists(f, tool.name.matches("^" + f))'}
    - {id: picked, require: 'has(tool.name) && tool.name.matches(size(params.forms) > 0 ? params.forms[0] : "x")'}
`

// TestParameterPatterns: a pattern that a parameter makes is refused before it
// decides anything.
func TestParameterPatterns(t *testing.T) {
	t.Parallel()
	doc := document(t, "p.yaml", patternRules)
	tests := []struct {
		name   string
		params map[string]any
		err    string // empty: compiles
	}{
		{"the defaults", nil, ""},
		{"others", map[string]any{"form": "a+", "forms": []any{}, "stem": "a|b"}, ""},
		{"malformed", map[string]any{"form": "(a"}, "params.form does not do for the rule direct: the regular expression does not compile: missing closing ) in (a"},
		{"unfolding", map[string]any{"form": "(a{1000}){1000}"}, "params.form does not do for the rule direct: the regular expression unfolds into more than 2000 steps"},
		{"one of a list", map[string]any{"forms": []any{"a", "b", "(c"}}, "params.forms does not do for the rule listed: the regular expression does not compile: missing closing ) in (c"},
		{"joined", map[string]any{"stem": "(a"}, "params.stem does not do for the rule joined: the regular expression does not compile"},
		{"too long once it is joined", map[string]any{"stem": strings.Repeat(`\d`, 998)}, "params.stem does not do for the rule joined: the regular expression has 2002 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := engine.Compile([]engine.Policy{{ID: "acme/forms", Document: doc, Params: tt.params}})
			if tt.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Compile: %v, want %s: %s", err, mesh.CodeInvalid, tt.err)
			}
		})
	}
}

// TestParameterPatternsAreCompiledOnce: a decision compiles no regular
// expression, wherever the pattern comes from.
func TestParameterPatternsAreCompiledOnce(t *testing.T) {
	const few = 500 // beyond what cel-go allocates; compiling one of these takes thousands
	long := strings.Repeat("(a|b)[c-f]{3}", 100)
	doc := document(t, "p.yaml", patternRules)
	p, err := engine.Compile([]engine.Policy{{ID: "acme/forms", Document: doc, Params: map[string]any{"form": long, "forms": []any{long, long + "x"}, "stem": long}}})
	if err != nil {
		t.Fatal(err)
	}
	a := action(t, `{"action":{"type":"tool.call"},"tool":{"name":"pay"}}`)
	var in engine.Input
	var verdict engine.Verdict
	decide := func() {
		p.Bind(t.Context(), a, engine.Inline, &in)
		p.Decide(&in, &verdict)
	}
	decide()
	if len(verdict.Violations) == 0 || len(verdict.Failures) > 0 {
		t.Fatalf("violations %v, failures %v", verdict.Violations, verdict.Failures)
	}
	if n := testing.AllocsPerRun(20, decide); n > few {
		t.Errorf("a decision allocates %v times, more than %d", n, few)
	}
}

// TestFirstDecisionPlansNothing: what cel-go evaluates is ready once a policy is
// compiled.
func TestFirstDecisionPlansNothing(t *testing.T) {
	const few = 500 // making the programs takes twice as many
	doc := document(t, "p.yaml", patternRules)
	p, err := engine.Compile([]engine.Policy{{ID: "acme/forms", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	a := action(t, `{"action":{"type":"tool.call"},"tool":{"name":"pay"}}`)
	var in engine.Input
	var verdict engine.Verdict
	p.Bind(t.Context(), a, engine.Inline, &in)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p.Decide(&in, &verdict)
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > few {
		t.Errorf("the first decision allocates %d times, want at most %d", n, few)
	}
}

// TestLintPatterns: a pattern that a policy makes by itself is refused where it
// stands.
func TestLintPatterns(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\nparams:\n  form: {type: string, default: \"(a\"}\n  forms: {type: array, items: {type: string}, default: [a, \"(b\"]}\n  free: {type: string}\nrules:\n  custom:\n"
	tests := []struct{ name, rules, want string }{
		{"a default", "    - {id: a, require: 'action.type.matches(params.form)'}\n", "4:33: error: the default of params.form does not do for the rule a: the regular expression does not compile: missing closing ) in (a"},
		{"one of a list", "    - {id: a, require: 'params.forms.all(f, !action.type.matches(f))'}\n", "5:56: error: the default of params.forms does not do for the rule a"},
		{"none yet", "    - {id: a, require: 'action.type.matches(params.free)'}\n", ""},
		{"no pattern", "    - {id: a, require: 'action.type == params.form'}\n", ""},
		{"written out in a list", "    - {id: a, require: '[\"(x\"].all(f, !action.type.matches(f))'}\n", "9:60: error: CEL: the regular expression does not compile: missing closing ) in (x"},
		{"put together", "    - {id: a, require: 'action.type.matches(\"(\" + \"x\")'}\n", "9:45: error: CEL: the regular expression does not compile: missing closing ) in (x"},
		{"of a section", "    []\n  tools: {arguments: {pay: {values: {note: {pattern: \"[0-9]{1000}[a-z]{1000}\"}}}}}\n", "10:45: error: tools.arguments.pay.values.note.pattern: the regular expression unfolds into more than 2000 steps"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range engine.Lint(document(t, "p.yaml", head+tt.rules), nil) {
				if f.Level == mesh.LevelError {
					got = append(got, f.String())
				}
			}
			if all := strings.Join(got, "\n"); tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
				t.Errorf("findings:\n%s\nwant %q", all, tt.want)
			}
		})
	}
}

// TestPatternsConcurrently has many decisions use a pattern for the first time.
func TestPatternsConcurrently(t *testing.T) {
	t.Parallel()
	doc := document(t, "p.yaml", patternRules)
	p, err := engine.Compile([]engine.Policy{{ID: "acme/forms", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	pay := action(t, `{"action":{"type":"tool.call"},"tool":{"name":"pay"}}`)
	remove := action(t, `{"action":{"type":"tool.call"},"tool":{"name":"delete"}}`)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			var r engine.Result
			for range 20 {
				if p.Evaluate(t.Context(), pay, engine.Inline, &r); !r.Allowed {
					t.Errorf("pay is denied: %v %v", r.Violations, r.Errors)
				}
				if p.Evaluate(t.Context(), remove, engine.Inline, &r); len(r.Violations) != 4 {
					t.Errorf("delete violates %v, want all four rules", r.Violations)
				}
			}
		})
	}
	group.Wait()
}
