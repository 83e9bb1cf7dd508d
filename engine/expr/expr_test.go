package expr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

func env(t testing.TB) *expr.Env {
	t.Helper()
	e, err := expr.NewEnv([]expr.Record{{Name: "rule", Fields: []expr.RecordField{
		{Name: "names", Type: expr.ListOfString, Optional: true}, {Name: "limit", Type: expr.IntType}, {Name: "rate", Type: expr.FloatType}, {Name: "on", Type: expr.BoolType},
	}}}, "night")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestActionTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		source string
		want   []string
	}{
		{`action.type == "a"`, []string{"a"}},
		{`"a" == action.type`, []string{"a"}},
		{`action.type in ["a", "b"]`, []string{"a", "b"}},
		{`has(data.purpose) && action.type == "a"`, []string{"a"}},
		{`has(data.purpose) && (rule.on && action.type == "a")`, []string{"a"}},
		{`action.type == "a" || rule.on`, nil},
		{`!(action.type == "a")`, nil},
		{`action.type != "a"`, nil},
		{`action.type in rule.names`, nil},
		{`action.type == tool.name`, nil},
		{`action.name == "a"`, nil},
		{`tool.name == "a"`, nil},
	}
	e := env(t)
	for _, tt := range tests {
		x, issues := e.Compile(tt.source)
		if x == nil {
			t.Errorf("%s: %v", tt.source, issues)
			continue
		}
		if diff := cmp.Diff(tt.want, x.Term(nil).ActionTypes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.source, diff)
		}
	}
}

func TestRecordsAndPredicates(t *testing.T) {
	t.Parallel()
	e := env(t)
	values := e.Bind(map[string]any{"names": nil, "limit": int64(3), "rate": 0.5, "on": true})
	asked := 0
	in := &expr.Input{
		Action:    &mesh.Action{Action: mesh.Operation{Type: "a"}},
		Records:   map[string]expr.Values{"rule": values},
		Predicate: func(name string) (bool, error) { asked++; return name == "night", nil },
	}
	for source, want := range map[string]bool{
		`has(rule.names)`:                    false,
		`has(rule.limit)`:                    true,
		`rule.limit > 2 && rule.limit < 3.5`: true,
		`rule.rate == 0.5 && rule.on`:        true,
		`night()`:                            true,
		`has(action.name)`:                   false,
		`has(action)`:                        true,
	} {
		x, issues := e.Compile(source)
		if x == nil {
			t.Errorf("%s: %v", source, issues)
			continue
		}
		if got, err := x.Eval(t.Context(), in); got != want || err != nil {
			t.Errorf("%s = %t, %v, want %t", source, got, err, want)
		}
	}
	if asked != 1 {
		t.Errorf("the predicate was asked %d times", asked)
	}
	x, _ := e.Compile(`rule.names == ["a"]`)
	if _, err := x.Eval(t.Context(), in); err == nil {
		t.Error("reading an absent field of a record is no error")
	}
}

// TestHiddenNames tries to reach what stands behind has() and predicates.
func TestHiddenNames(t *testing.T) {
	t.Parallel()
	e := env(t)
	for _, source := range []string{`@action.type == "a"`, "`@action`.type == 'a'", `night`, `has(night)`, `rule`, `now() == timestamp`, `getenv("HOME") == ""`, `params.x == 1`} {
		if x, _ := e.Compile(source); x != nil {
			t.Errorf("%s compiles", source)
		}
	}
}

// TestLoopVariables has loops whose variables are called like a record.
func TestLoopVariables(t *testing.T) {
	t.Parallel()
	e := env(t)
	for _, source := range []string{
		`data.fields.all(rule, rule != "x")`, `[true].exists(rule, rule)`, `data.fields.map(rule, rule + "x").size() > 1`,
	} {
		if x, issues := e.Compile(source); x != nil || len(issues) != 1 || !strings.Contains(issues[0].Message, "hides") {
			t.Errorf("%s: issues %v; want that its variable hides another", source, issues)
		}
	}
	if x, issues := e.Compile(`data.fields.all(data, data.startsWith("x"))`); x == nil {
		t.Errorf("a variable called like a field of the action: %v", issues)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	e := env(t)
	for name, source := range map[string]string{
		"long":  `action.type == "` + strings.Repeat("a", expr.MaxLength) + `"`,
		"deep":  strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000),
		"loops": `data.fields.all(a, data.fields.all(b, data.fields.all(c, a + b != c)))`,
	} {
		if x, issues := e.Compile(source); x != nil || len(issues) == 0 {
			t.Errorf("%s: compiles", name)
		}
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	x, issues := env(t).Compile(`night() && has(environment) && data.consent.given && context["a"].b == {"k": [agent.id]}.k[0] && content.findings.exists(f, f.type == "") && rule.on`)
	if x == nil {
		t.Fatal(issues)
	}
	want := []string{"agent.id", "content.findings", "context.a", "data.consent.given", "environment", "night()"}
	if diff := cmp.Diff(want, x.Reads()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func ExampleEnv_Compile() {
	e, err := expr.NewEnv(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, issues := e.Compile(`data.purpos == "support" && egress.tls == 1`)
	slices.SortFunc(issues, func(a, b expr.Issue) int { return a.Offset - b.Offset })
	for _, i := range issues {
		fmt.Println(i.Offset, i.Message, i.Hint)
	}
	// Output:
	// 5 CEL: data has no field purpos did you mean purpose?
	// 39 CEL: cannot compare true or false with a whole number: `==` both sides must be of one type
}

func TestValues(t *testing.T) {
	t.Parallel()
	e := env(t)
	values := e.Bind(map[string]any{"names": []any{"a", "b"}, "limit": int64(3), "rate": nil})
	if diff := cmp.Diff([]string{"limit", "names"}, values.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	changed := values.With("limit", int64(4)).With("names", []any{})
	got := []any{values.Get("limit"), values.Get("names"), values.Get("rate"), changed.Get("limit"), changed.Get("names")}
	if diff := cmp.Diff([]any{int64(3), []any{"a", "b"}, nil, int64(4), []any{}}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	x, issues := e.Compile(`data.purpose in rule.names || rule.limit == 4 || "a" in rule.names && egress.tls`)
	if x == nil {
		t.Fatal(issues)
	}
	for want, values := range map[string]expr.Values{`data.purpose in ["a", "b"] || 3 == 4 || egress.tls`: values, `data.purpose in [] || 4 == 4`: changed} {
		if got := x.Term(map[string]expr.Values{"rule": values}).String(); got != want {
			t.Errorf("the term is %s, want %s", got, want)
		}
	}
}

// TestTermsKnowWhereTheyStand demands of every part of a term that the source
// begins there as the part is printed.
func TestTermsKnowWhereTheyStand(t *testing.T) {
	t.Parallel()
	e := env(t)
	for _, source := range []string{
		`has(egress.tls) && egress.tls && data.retentionDays <= 365`,
		`!(data.purpose in ["a", "b"]) || size(data.fields) > 3`,
		`data.fields.exists(x, x in ["a"]) && has(data.purpose)`,
		`data.purpose.startsWith("x") ? has(context.a.b) : context["a b"] == 1`,
		`-data.retentionDays < 4 && night()`,
	} {
		compiled, issues := e.Compile(source)
		if compiled == nil {
			t.Fatal(issues)
		}
		compiled.Term(nil).Walk(func(part *term.Term) bool {
			text := part.String()
			if got := source[part.Offset:]; !strings.HasPrefix(got, text) {
				t.Errorf("%s: %s is said to stand at %q", source, text, got)
			}
			return true
		})
	}
}
