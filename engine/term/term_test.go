package term_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// parse returns the term of an expression, with the values of rule.
func parse(t testing.TB, source string) *term.Term {
	t.Helper()
	e, err := expr.NewEnv([]expr.Record{{Name: "rule", Fields: []expr.RecordField{
		{Name: "limit", Type: expr.IntType}, {Name: "regions", Type: expr.ListOfString}, {Name: "unset", Type: expr.StringType, Optional: true},
	}}}, "night")
	if err != nil {
		t.Fatal(err)
	}
	x, issues := e.Compile(source)
	if x == nil {
		t.Fatalf("%s: %v", source, issues)
	}
	return x.Term(map[string]expr.Values{"rule": e.Bind(map[string]any{"limit": int64(5), "regions": []any{"eu", "no"}})})
}

func TestStringAndWanted(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, text, wanted string }{
		{`data.purpose == "support"`, `data.purpose == "support"`, "support"},
		{`has(data.purpose) && data.purpose in ["a", "b"]`, `has(data.purpose) && data.purpose in ["a", "b"]`, "one of a, b"},
		{`!(has(data.region) && data.region in rule.regions)`, `!(has(data.region) && data.region in ["eu", "no"])`, "absent or none of eu, no"},
		{`data.retentionDays <= rule.limit`, `data.retentionDays <= 5`, "at most 5"},
		{`!(data.retentionDays <= rule.limit)`, `!(data.retentionDays <= 5)`, "more than 5"},
		{`has(rule.unset) || egress.tls`, `egress.tls`, "true"},
		{`rule.unset == "x"`, `error == "x"`, `error == "x"`},
		{`has(tool.args.amount) && tool.args["amount"] < 2.5`, `has(tool.args.amount) && tool.args.amount < 2.5`, "less than 2.5"},
		{`"pii" in data.categories`, `"pii" in data.categories`, "with pii"},
		{`!("pii" in data.categories)`, `!("pii" in data.categories)`, "without pii"},
		{`data.fields.all(f, f.startsWith("x_"))`, `data.fields.all(x, x.startsWith("x_"))`, "with nothing but any element that begins with x_"},
		{`content.findings.exists(f, has(f.count) && f.count > 0)`, `content.findings.exists(x, has(x.count) && x.count > 0)`, "with any finding whose count is more than 0"},
		{`(egress.tls || night()) && !(egress.host == "a")`, `(egress.tls || night()) && !(egress.host == "a")`, "(egress.tls is true or night() holds) and egress.host is not a"},
		{`has(actor.mfa) ? actor.mfa : false`, `has(actor.mfa) ? actor.mfa : false`, "actor.mfa is true"},
		{`has(data.categories) ? data.categories.exists(c, c in rule.regions) : night()`, `has(data.categories) ? data.categories.exists(x, x in ["eu", "no"]) : night()`, "data.categories is with any of eu, no or (data.categories is absent and night() holds)"},
		{`-session.ageSeconds + 2 * 3 > 1 - (2 - 3)`, `-session.ageSeconds + 2 * 3 > 1 - (2 - 3)`, `-session.ageSeconds + 2 * 3 > 1 - (2 - 3)`},
		{`data.purpose.matches("^a+$")`, `(data.purpose.matches("^a+$"))`, "matches ^a+$"},
		{`has(data.purpose) && !data.purpose.matches("^(?:" + "a|b" + ")$")`, `has(data.purpose) && !(data.purpose.matches("^(?:" + "a|b" + ")$"))`, "does not match a|b"},
		{`has(data.purpose) && data.purpose != "" && data.purpose in ["5", "a b", "true"]`, `has(data.purpose) && data.purpose != "" && data.purpose in ["5", "a b", "true"]`, `one of "5", "a b", "true"`},
		{`["amount", "to"].all(a, a in tool.args)`, `has(tool.args.amount) && has(tool.args.to)`, "tool.args.amount is stated and tool.args.to is stated"},
		{`rule.regions.exists(r, data.region == r || data.region.startsWith(r + "-"))`, `data.region == "eu" || data.region.startsWith("eu-") || data.region == "no" || data.region.startsWith("no-")`, "eu or begins with eu- or no or begins with no-"},
		{`tool.args.all(a, a in rule.regions)`, `tool.args.all(x, x in ["eu", "no"])`, "with no argument but eu, no"},
		{`!context.exists(k, k.startsWith("x_"))`, `!context.exists(x, x.startsWith("x_"))`, "without any key that begins with x_"},
		{`content.findings.all(f, !(has(f.type) && f.type in ["a"]) && (!has(f.count) || f.count == 0))`, `content.findings.all(x, !(has(x.type) && x.type in ["a"]) && (!has(x.count) || x.count == 0))`, "with nothing but any finding whose type is absent or none of a and whose count is absent or 0"},
		{`tenantId == resource.tenantId`, `tenantId == resource.tenantId`, "tenantId is equal to resource.tenantId"},
		{`!(data.purpose in data.consent.purposes) || night()`, `!(data.purpose in data.consent.purposes) || night()`, "data.purpose is none of data.consent.purposes or night() holds"},
		{`data.fields.all(f, rule.regions.exists(r, f.startsWith(r)))`, `data.fields.all(x, x.startsWith("eu") || x.startsWith("no"))`, "with nothing but any element that begins with eu or begins with no"},
		{`timestamp.getHours() > rule.limit`, `(timestamp.getHours() > 5)`, `(timestamp.getHours() > 5)`},
		{`context["odd name"] == null`, `context["odd name"] == null`, "null"},
		{`tool.args.to != null`, `tool.args.to != null`, "not null"},
		{`"to" in tool.args && tool.args.to != null`, `has(tool.args.to) && tool.args.to != null`, "stated"},
		{`has(tool.args.to) && !(tool.args.to == null)`, `has(tool.args.to) && !(tool.args.to == null)`, "stated"},
		{`!(!has(tool.args.to) || tool.args.to == null)`, `!(!has(tool.args.to) || tool.args.to == null)`, "stated"},
		{`!(has(tool.args.to) && tool.args.to != null)`, `!(has(tool.args.to) && tool.args.to != null)`, "absent or null"},
		{`has(tool.args.n) && tool.args.n != null && tool.args.n <= 5`, `has(tool.args.n) && tool.args.n != null && tool.args.n <= 5`, "at most 5"},
		{`has(tool.args.n) && tool.args.n != null && (tool.args.n == 1 || tool.args.n > 5)`, `has(tool.args.n) && tool.args.n != null && (tool.args.n == 1 || tool.args.n > 5)`, "1 or more than 5"},
		{`has(tool.args.to) && tool.args.to != null && tool.args.to in ["a", "b"]`, `has(tool.args.to) && tool.args.to != null && tool.args.to in ["a", "b"]`, "one of a, b"},
		{`has(tool.args.to) && tool.args.to != null && !(tool.args.to in ["a", "b"])`, `has(tool.args.to) && tool.args.to != null && !(tool.args.to in ["a", "b"])`, "stated and none of a, b"},
		{`has(tool.args.to) && tool.args.to != null && tool.args.to != "a"`, `has(tool.args.to) && tool.args.to != null && tool.args.to != "a"`, "stated and not a"},
		{`["amount", "to"].all(a, a in tool.args && tool.args[a] != null)`, `has(tool.args.amount) && tool.args.amount != null && has(tool.args.to) && tool.args.to != null`, "tool.args.amount is stated and tool.args.to is stated"},
		{`true && has(action.name)`, `has(action.name)`, "stated"},
		{`size(data.fields) > 0 || false`, `size(data.fields) > 0`, "of more than 0 elements"},
		{`10 - data.retentionDays > 3`, `10 - data.retentionDays > 3`, `10 - data.retentionDays > 3`},
		{`tool.args.amount in [1, 2]`, `tool.args.amount in [1, 2]`, "one of 1, 2"},
	}
	for _, tt := range tests {
		term := parse(t, tt.source)
		if diff := cmp.Diff(tt.text, term.String()); diff != "" {
			t.Errorf("%s: String (-want +got):\n%s", tt.source, diff)
		}
		if diff := cmp.Diff(tt.wanted, term.Wanted()); diff != "" {
			t.Errorf("%s: Wanted (-want +got):\n%s", tt.source, diff)
		}
	}
}

// TestWritten: what is left to cel-go stands as it was written.
func TestWritten(t *testing.T) {
	t.Parallel()
	opaque := &term.Term{Op: term.Opaque, Kind: term.Bool, Source: `data.fields.filter(f, f == "a") == []`}
	for _, tt := range []struct {
		of   *term.Term
		want string
	}{
		{opaque, `data.fields.filter(f, f == "a") == []`},
		{&term.Term{Op: term.Not, Kind: term.Bool, Args: []*term.Term{opaque}}, `!(data.fields.filter(f, f == "a") == [])`},
	} {
		if got := tt.of.Written(); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestFolding(t *testing.T) {
	t.Parallel()
	x, y := parse(t, `egress.tls`), parse(t, `has(actor.mfa)`)
	yes, no := term.Constant(true), term.Constant(false)
	tests := []struct {
		name string
		got  *term.Term
		want string
	}{
		{"nothing is true", term.Conjunction(), "true"},
		{"nothing is false", term.Disjunction(), "false"},
		{"true changes no conjunction", term.Conjunction(yes, x), "egress.tls"},
		{"false decides a conjunction, even an error", term.Conjunction(x, no), "false"},
		{"true decides a disjunction", term.Disjunction(x, yes), "true"},
		{"conjunctions are flat", term.Conjunction(term.Conjunction(x, y), x), "egress.tls && has(actor.mfa) && egress.tls"},
		{"not not", term.Negate(term.Negate(x)), "egress.tls"},
		{"not true", term.Negate(yes), "false"},
	}
	for _, tt := range tests {
		if got := tt.got.String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := len(term.Conjunction(x, y).Conjuncts()) + len(x.Conjuncts()) + len(yes.Conjuncts()); got != 3 {
		t.Errorf("%d conjuncts, want 3", got)
	}
}

func ExampleTerm_Reads() {
	e, err := expr.NewEnv(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	x, _ := e.Compile(`has(tool.args.amount) && tool.args.amount <= 500 && data.purpose == "refund" && "pii" in data.categories`)
	purpose := "gift"
	a := &mesh.Action{
		Data: &mesh.Data{Purpose: &purpose, Categories: []string{}},
		Tool: &mesh.Tool{Args: map[string]any{"amount": int64(900), "nested": map[string]any{}}},
	}
	for _, r := range x.Term(nil).Reads() {
		fmt.Println(r.Path(), r.ValueIn(a))
	}
	// Output:
	// tool.args.amount 900
	// data.purpose gift
	// data.categories []
}

func TestComparedTexts(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`data.region == "eu"`:            "data.region [eu]",
		`"eu" == data.region`:            "data.region [eu]",
		`data.region in ["eu", "us"]`:    "data.region [eu us]",
		`tool.args.n == "1"`:             "tool.args.n [1]",
		`data.region in []`:              "data.region []",
		`tool.args.n in ["1", 2]`:        "",
		`tool.args.n == 1`:               "",
		`data.region != "eu"`:            "",
		`data.region == data.purpose`:    "",
		`"eu" in data.categories`:        "",
		`has(data.region)`:               "",
		`data.region.startsWith("eu")`:   "",
		`!(data.region in ["eu", "us"])`: "",
	} {
		got := ""
		if place, texts := parse(t, source).ComparedTexts(); place != nil {
			got = fmt.Sprint(place.Path(), " ", texts)
		}
		if got != want {
			t.Errorf("%s compares %q, want %q", source, got, want)
		}
	}
}

// TestVisible: what cannot be seen, and what looks the same and is not, can be
// told from what people read.
func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"data.read":               "data.read",
		"donn\u00e9es.lire":       "donn\u00e9es.lire",
		"donne\u0301es.lire":      `"donne\u0301es.lire"`,
		"\ud55c":                  "\ud55c",
		"\u1112\u1161\u11ab":      `"\u1112\u1161\u11ab"`,
		"a\u202eb":                `"a\u202eb"`,
		"a\u200bb":                `"a\u200bb"`,
		"a\u00a0b":                `"a\u00a0b"`,
		"a\x1bb\x7f":              `"a\u001bb\u007f"`,
		"a\u3164":                 `"a\u3164"`, // a letter that nothing shows
		"a\ufe00":                 `"a\ufe00"`, // the form of a, which has one
		"a\x9b31mb":               `"a\ufffd31mb"`,
		"a b\n":                   `"a b\n"`,
		"\U000e0061":              `"\udb40\udc61"`, // a tag, which nothing shows
		"\U0001f600 \u0928\u093f": "\"\U0001f600 \u0928\u093f\"",
	} {
		if got := term.TextWords(text); got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
	}
	if got, want := term.Visible("{\"a\":\"\u202e\"}"), `{"a":"\u202e"}`; got != want {
		t.Errorf("a document is shown as %s, want %s", got, want)
	}
	if got, want := term.Visible("a\x9b31mb"), "a\uFFFD31mb"; got != want {
		t.Errorf("what is no UTF-8 is shown as %q, want %q", got, want)
	}
}
