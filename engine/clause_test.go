package engine

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// celText is what only an expression says.
var celText = []string{".all(", ".exists(", "has(", "==", "&&", "||", "!(", ".matches(", ".startsWith(", "size("}

// TestClausesOfPrimitives holds what a denial says of every built-in rule, for
// all cases in its library that violate it: each clause names a place of the
// action with what is there, and says in words what is wanted.
func TestClausesOfPrimitives(t *testing.T) {
	t.Parallel()
	eachCase(t, func(t *testing.T, p *primitives.Primitive, program *Program, c primitives.Case) {
		_, r := decide(t, program, c.Action)
		for _, v := range r.Violations {
			if len(v.Clauses) == 0 {
				t.Errorf("%s: no clauses", c.Name)
			}
			for _, clause := range v.Clauses {
				checkClause(t, c.Name, &clause)
			}
		}
	})
}

func checkClause(t *testing.T, name string, c *mesh.Clause) {
	t.Helper()
	if len(c.Fields) == 0 {
		t.Errorf("%s: no field is named: %+v", name, c)
	}
	for _, cel := range celText {
		if strings.Contains(c.Wanted, cel) {
			t.Errorf("%s: wanted is an expression: %s", name, c.Wanted)
		}
	}
	if c.Wanted == "" || c.Wanted == c.Clause {
		t.Errorf("%s: wanted is not said in words: %q", name, c.Wanted)
	}
}

// TestClausesNameElements names what of a list or map is in the way.
func TestClausesNameElements(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, rules, action string
		want                []string
	}{
		{"an argument that is missing", `tools: {arguments: {pay: {required: [amount, currency]}}}`,
			`{"action":{"type":"tool.call"},"tool":{"name":"pay","args":{"currency":"EUR"}}}`,
			[]string{"tool.args.amount=nothing; wanted: stated"}},
		{"an argument that is null", `tools: {arguments: {pay: {required: [amount]}}}`,
			`{"action":{"type":"tool.call"},"tool":{"name":"pay","args":{"amount":null}}}`,
			[]string{"tool.args.amount=null; wanted: stated"}},
		{"an argument with a limit that is null", `tools: {arguments: {pay: {values: {amount: {maximum: 5}}}}}`,
			`{"action":{"type":"tool.call"},"tool":{"name":"pay","args":{"amount":null}}}`,
			[]string{"tool.args.amount=null; wanted: at most 5"}},
		{"arguments that are too many", `tools: {arguments: {pay: {allowed: [amount]}}}`,
			`{"action":{"type":"tool.call"},"tool":{"name":"pay","args":{"amount":1,"to":null,"override":true}}}`,
			[]string{`tool.args={"amount":1,"override":true,"to":null} tool.args.override=true tool.args.to=null; wanted: with no argument but amount`}},
		{"no arguments at all", `tools: {arguments: {pay: {required: [amount], allowed: [amount]}}}`,
			`{"action":{"type":"tool.call"},"tool":{"name":"pay"}}`,
			[]string{"tool.args.amount=nothing; wanted: stated", "tool.args=nothing; wanted: with no argument but amount"}},
		{"fields by their index", `data_minimization: {allowed_fields: [name]}`,
			`{"action":{"type":"data.read"},"data":{"categories":["pii"],"fields":["ssn","name","dob"]}}`,
			[]string{`data.fields=["ssn","name","dob"] data.fields[0]="ssn" data.fields[2]="dob"; wanted: with nothing but name`}},
		{"a few of many", `data_minimization: {allowed_fields: [name]}`,
			`{"action":{"type":"data.read"},"data":{"categories":["pii"],"fields":["a","b","c","d","e","f","g"]}}`,
			[]string{`data.fields=["a","b","c","d","e","f","g"] data.fields[0]="a" data.fields[1]="b" data.fields[2]="c" data.fields[3]="d" data.fields[4]="e"; wanted: with nothing but name`}},
		{"a finding", `content: {prohibited_findings: [credit_card]}`,
			`{"action":{"type":"model.call"},"content":{"findings":[{"type":"email","count":1},{"type":"credit_card","count":2}]}}`,
			[]string{`content.findings=[{"type":"email","count":1},{"type":"credit_card","count":2}] content.findings[1]={"type":"credit_card","count":2}; wanted: without any finding whose count is absent or more than 0 and whose type is absent or "" or one of credit_card, CREDIT_CARD, Credit_card`}},
		{"what a predicate looks at", `content: {no_personal_data_in: [egress]}`,
			`{"action":{"type":"egress"},"data":{"categories":["weather","pii"]},"content":{"findings":[]}}`,
			[]string{`data.categories=["weather","pii"] data.categories[1]="pii"; wanted: personalData() does not hold`}},
		{"groups that exclude each other", `access: {conflicting_groups: {entry: [release]}}`,
			`{"action":{"type":"data.write"},"actor":{"groups":["other","entry","release"]}}`,
			[]string{`actor.groups=["other","entry","release"] actor.groups[1]="entry" actor.groups[2]="release"; wanted: without "" and without entry or without any of release`}},
		{"a null", `custom: [{id: c, controls: [], message: m, require: 'has(tool.args.n) && tool.args.n == 1'}]`,
			`{"action":{"type":"tool.call"},"tool":{"args":{"n":null}}}`,
			[]string{"tool.args.n=null; wanted: 1"}},
		{"an object", `custom: [{id: c, controls: [], message: m, require: '!has(data.consent)'}]`,
			`{"action":{"type":"data.read"},"data":{"consent":{"given":true}}}`,
			[]string{"data.consent={}; wanted: absent"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc, findings := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nrules: {"+tt.rules+"}\n"))
			if doc == nil {
				t.Fatal(findings)
			}
			p, err := Compile([]Policy{{ID: "acme/p", Document: doc}})
			if err != nil {
				t.Fatal(err)
			}
			a, err := decode.Action([]byte(tt.action))
			if err != nil {
				t.Fatal(err)
			}
			var r Result
			p.Evaluate(t.Context(), a, Inline, &r)
			var got []string
			for _, v := range r.Violations {
				for _, c := range v.Clauses {
					got = append(got, clauseLine(t, &c))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("clauses (-want +got):\n%s", diff)
			}
		})
	}
}

func clauseLine(t *testing.T, c *mesh.Clause) string {
	t.Helper()
	var fields []string
	for _, f := range c.Fields {
		text := []byte("nothing")
		if f.Value != nil {
			var err error
			if text, err = json.Marshal(f.Value); err != nil {
				t.Fatal(err)
			}
		}
		fields = append(fields, f.Field+"="+string(text))
	}
	return strings.Join(fields, " ") + "; wanted: " + c.Wanted
}

// TestFailuresInWords holds why a rule has no value to the fields it reads and
// the kinds of what is there, without any value.
func TestFailuresInWords(t *testing.T) {
	t.Parallel()
	const given = `{"action":{"type":"tool.call"},"tool":{"args":{"n":"secret","list":[1]}},"context":{"a":null},"content":{"findings":[{"count":1}]}}`
	tests := map[string]string{
		`egress.tls`:                                                       "it reads egress.tls, which is absent",
		`timestamp.getHours() > 3`:                                         "it reads timestamp, which is absent",
		`data.fields.exists(f, f == "x")`:                                  "it reads data.fields, which is absent",
		`tool.args.n.deep == 1`:                                            "it reads tool.args.n.deep, which is absent",
		`has(tool.args.m.deep)`:                                            "it reads tool.args.m, which is absent",
		`has(tool.args.n) && tool.args.n <= 500`:                           "`tool.args.n <= 500` does not apply to what is there: tool.args.n is a text",
		`size(context.a) > 1`:                                              "`size(context.a) > 1` does not apply to what is there: context.a is null",
		`context.a.matches("x")`:                                           "`context.a.matches(\"x\")` does not apply to what is there: context.a is null",
		`tool.args.n + tool.args.list > 3`:                                 "`tool.args.n + tool.args.list > 3` does not apply to what is there: tool.args.n is a text, tool.args.list is a list",
		`1 / (size(tool.args) - 2) == 1`:                                   "`1 / (size(tool.args) - 2) == 1` divides by zero",
		`9223372036854775807 + size(tool.args) > 0`:                        "`9223372036854775807 + size(tool.args) > 0` makes a number that is out of range",
		`!content.findings.exists(f, f.type == "x")`:                       "it reads type of an element of content.findings, which is absent",
		`action.type != "tool.call" || model.name == "m"`:                  "it reads model.name, which is absent",
		`["a", "b"].all(k, tool.args.n.startsWith(k) || data.region == k)`: "it reads data.region, which is absent",
	}
	for require, want := range tests {
		doc, findings := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nrules: {custom: [{id: r, controls: [], message: m, require: '"+require+"'}]}\n"))
		if doc == nil {
			t.Fatal(findings)
		}
		p, err := Compile([]Policy{{ID: "acme/p", Document: doc}})
		if err != nil {
			t.Fatalf("%s: %v", require, err)
		}
		a, err := decode.Action([]byte(given))
		if err != nil {
			t.Fatal(err)
		}
		var r Result
		if p.Evaluate(t.Context(), a, Inline, &r); len(r.Errors) != 1 || r.Errors[0].Message != "require: "+want {
			t.Errorf("%s: got %+v, want %s", require, r.Errors, want)
		}
	}
}

// TestConditionsOfPrimitives holds that what built-in rules look at is said in
// words, too.
func TestConditionsOfPrimitives(t *testing.T) {
	t.Parallel()
	eachCase(t, func(t *testing.T, _ *primitives.Primitive, program *Program, c primitives.Case) {
		for _, r := range program.Rules() {
			if r.When == nil {
				continue
			}
			for _, part := range r.When.Conjuncts() {
				for _, cel := range celText {
					if words := part.Wanted(); strings.Contains(words, cel) {
						t.Errorf("%s: an expression is wanted: %s", c.Name, words)
						break
					}
				}
			}
		}
	})
}
