package expr_test

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
)

func patternEnv(t *testing.T) *expr.Env {
	t.Helper()
	e, err := expr.NewEnv([]expr.Record{{Name: "params", Fields: []expr.RecordField{
		{Name: "form", Type: expr.StringType}, {Name: "forms", Type: expr.ListOfString},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCompileBounds(t *testing.T) {
	t.Parallel()
	r := strings.Repeat
	tests := []struct {
		name, source string
		rule         string // of the issue; empty: compiles
		offset       int
	}{
		{"parentheses", r("(", 90) + "true" + r(")", 90), "", 0},
		{"too many parentheses", r("(", 101) + "true" + r(")", 101), "cel-depth", 0},
		{"lists", r("[", 8) + "1" + r("]", 8) + " == []", "", 0},
		{"too many lists", r("[", 200) + "1" + r("]", 200) + " == []", "cel-depth", 0},
		{"nine lists", "true || " + r("[", 9) + "1" + r("]", 9) + " == []", "cel-depth", 16},
		{"maps", r("{1:", 90) + "1" + r("}", 90) + " == {}", "cel-depth", 0},
		{"loops", r("[1].map(x, ", 60) + "1" + r(")", 60) + " == []", "cel-depth", 0},
		{"a chain", "context" + r(`["a"]`, 3900) + " == 1", "cel-depth", 0},
		{"a sum", r("1 + ", 4900) + "1 == 1", "cel-depth", 0},
		{"a pattern", `action.type.matches("^a[.]b$")`, "", 0},
		{"a pattern, as a function", `matches(action.type, "^a")`, "", 0},
		{"a pattern that does not compile", `action.type == "a" && action.type.matches("(a")`, "cel-regex", 42},
		{"a pattern that unfolds", `action.type.matches("(a{1000}){1000}")`, "cel-regex", 20},
		{"a pattern with large classes", `matches(action.type, r"[\pL]{900}[\pN]{900}[\pL]{900}")`, "cel-regex", 21},
		{"a pattern of the action", `has(actor.userId) && action.type.matches(actor.userId)`, "cel-regex", 41},
		{"a pattern joined with the action", `action.type.matches("^" + action.type)`, "cel-regex", 20},
		{"a pattern of free-form context", `action.type.matches(string(context.form))`, "cel-regex", 26},
		{"a pattern out of a list of the action", `data.categories.exists(c, action.type.matches(c))`, "cel-regex", 46},
		{"a pattern out of nested loops", `["a"].exists(p, data.categories.exists(c, action.type.matches(p + c)))`, "cel-regex", 62},
		{"a pattern chosen by the action", `action.type.matches(has(data.purpose) ? "a" : "b")`, "cel-regex", 23},
		{"a pattern of a parameter", `action.type.matches(params.form)`, "", 0},
		{"a pattern made of a parameter", `action.type.matches("^(?:" + params.form + ")$")`, "", 0},
		{"patterns of a parameter", `params.forms.exists(f, action.type.matches(f))`, "", 0},
		{"patterns written out", `["a", "b"].exists(f, data.categories.exists(c, c.matches(f)))`, "", 0},
		{"the inner variable hides the outer", `data.categories.exists(c, ["x"].exists(c, action.type.matches(c)))`, "", 0},
		{"the outer variable again", `data.categories.exists(c, params.forms.exists(c, c == "x") && action.type.matches(c))`, "cel-regex", 82},
	}
	e := patternEnv(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, issues := e.Compile(tt.source)
			if tt.rule == "" {
				if x == nil {
					t.Errorf("issues %v", issues)
				}
				return
			}
			if x != nil || len(issues) != 1 || issues[0].Rule != tt.rule || issues[0].Hint == "" {
				t.Fatalf("issues %v, want one of %s", issues, tt.rule)
			}
			if tt.offset > 0 && issues[0].Offset != tt.offset {
				t.Errorf("at character %d, want %d", issues[0].Offset, tt.offset)
			}
		})
	}
}

// TestMatchesIsBounded: whatever agents send, a rule ends, by failing if need
// be.
func TestMatchesIsBounded(t *testing.T) {
	t.Parallel()
	e := patternEnv(t)
	long := strings.Repeat("ab", 300_000)
	tests := []struct {
		name, source, form, text string
		want                     bool
		err                      string
	}{
		{"written out", `action.type.matches("^a+b$")`, "", "aab", true, ""},
		{"written out, as a function", `matches(action.type, "^a+b$")`, "", "aabc", false, ""},
		{"of a parameter", `action.type.matches(params.form)`, "^a+b$", "aab", true, ""},
		{"of a parameter, unfolding", `action.type.matches(params.form)`, "(a{1000}){1000}", "aab", false, "unfolds into more than 2000 steps"},
		{"of a parameter, malformed", `action.type.matches(params.form)`, "(a", "aab", false, "does not compile"},
		{"a long text", `action.type.matches("(?:ab){900}c")`, "", long, false, "too long for the pattern"},
		{"a long text for a parameter", `action.type.matches(params.form)`, "(?:ab){900}c", long, false, "too long for the pattern"},
		{"a long text for a small pattern", `action.type.matches("c")`, "", long, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, issues := e.Compile(tt.source)
			if x == nil {
				t.Fatal(issues)
			}
			got, err := x.Eval(t.Context(), &expr.Input{
				Action:  &mesh.Action{Action: mesh.Operation{Type: tt.text}},
				Records: map[string]expr.Values{"params": e.Bind(map[string]any{"form": tt.form, "forms": []any{}})},
			})
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Eval: %t %v, want %t %q", got, err, tt.want, tt.err)
			}
		})
	}
}
