package engine_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/decode"
)

func action(t testing.TB, src string) *mesh.Action {
	t.Helper()
	a, err := decode.Action([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// custom is a policy with the custom rules given, in YAML flow style.
func custom(rules string) string {
	return "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n" + rules
}

const egressTLS = `    - {id: tls, controls: ["hipaa:164.312(e)(1)"], when: 'action.type == "egress"', require: 'has(egress.tls) && egress.tls', severity: critical, message: use TLS, recommendation: turn TLS on}
`

func TestModes(t *testing.T) {
	t.Parallel()
	plain := action(t, `{"action":{"type":"egress"},"egress":{"tls":false}}`)
	broken := action(t, `{"action":{"type":"data.read"}}`)
	const failing = `    - {id: broken, when: 'data.purpose == "x"', require: 'true'}
`
	tests := []struct {
		name               string
		mode, override     mesh.Mode
		action             *mesh.Action
		phase              engine.Phase
		allowed, would     bool
		evaluated          bool
		wantMode           mesh.Mode
		weakened           bool
		violations, errors int
	}{
		{"enforce denies", "enforce", "", plain, engine.Inline, false, false, true, "enforce", false, 1, 1},
		{"enforce denies what fails", "enforce", "", broken, engine.Inline, false, false, true, "enforce", false, 0, 1},
		{"monitor lets through", "monitor", "", plain, engine.Inline, true, false, true, "monitor", false, 1, 1},
		{"monitor lets through what fails", "monitor", "", broken, engine.Inline, true, false, true, "monitor", false, 0, 1},
		{"audit waits", "audit", "", plain, engine.Inline, true, true, false, "", false, 0, 0},
		{"audit afterwards", "audit", "", plain, engine.Deferred, true, false, true, "audit", false, 1, 1},
		{"nothing is deferred", "enforce", "", plain, engine.Deferred, true, true, false, "", false, 0, 0},
		{"override weakens", "enforce", "monitor", plain, engine.Inline, true, false, true, "monitor", true, 1, 1},
		{"override weakens to audit", "enforce", "audit", plain, engine.Deferred, true, false, true, "audit", true, 1, 1},
		{"override does not tighten", "monitor", "enforce", plain, engine.Inline, true, false, true, "monitor", false, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := document(t, "p.yaml", custom(egressTLS+failing)+"enforcement: {mode: "+string(tt.mode)+"}\n")
			p, err := engine.Compile([]engine.Policy{{ID: "a/b", Digest: "sha256:1", Document: doc, Mode: tt.override}})
			if err != nil {
				t.Fatal(err)
			}
			var r engine.Result
			p.Evaluate(t.Context(), tt.action, tt.phase, &r)
			got := []any{r.Allowed, r.WouldAllow, r.Evaluated, r.Mode, r.Weakened, len(r.Violations), len(r.Errors)}
			want := []any{tt.allowed, tt.would, tt.evaluated, tt.wantMode, tt.weakened, tt.violations, tt.errors}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("allowed, wouldAllow, evaluated, mode, weakened, violations, errors (-want +got):\n%s", diff)
			}
			if p.HasDeferred() != (tt.wantMode == "audit" || tt.name == "audit waits") {
				t.Errorf("HasDeferred = %t", p.HasDeferred())
			}
		})
	}
}

func TestEmptyProgramAllows(t *testing.T) {
	t.Parallel()
	p, err := engine.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	var r engine.Result
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"egress"}}`), engine.Inline, &r)
	if !r.Allowed || !r.WouldAllow || !r.Evaluated || r.Mode != "" {
		t.Errorf("%+v", r)
	}
}

func TestDenyOverridesAndOrder(t *testing.T) {
	t.Parallel()
	enforced := document(t, "a.yaml", custom(egressTLS))
	monitored := document(t, "b.yaml", custom("    - {id: second, require: 'false'}\n    - {id: first, require: 'false'}\n")+"enforcement: {mode: monitor}\n")
	audited := document(t, "c.yaml", custom("    - {id: later, require: 'false'}\n")+"enforcement: {mode: audit}\n")
	p, err := engine.Compile([]engine.Policy{
		{ID: "a/monitored", Digest: "sha256:1", Document: monitored},
		{ID: "a/audited", Digest: "sha256:2", Document: audited},
		{ID: "a/enforced", Digest: "sha256:3", Document: enforced},
	})
	if err != nil {
		t.Fatal(err)
	}
	var r engine.Result
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"egress"}}`), engine.Inline, &r)
	var got []string
	for _, v := range r.Violations {
		got = append(got, v.PolicyID+" "+v.RuleID)
	}
	if diff := cmp.Diff([]string{"a/monitored second", "a/monitored first", "a/enforced tls"}, got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	if r.Allowed || r.Mode != mesh.ModeEnforce {
		t.Errorf("allowed %t, mode %s", r.Allowed, r.Mode)
	}
	if diff := cmp.Diff([]mesh.Digest{"sha256:1", "sha256:3"}, r.Bundles); diff != "" {
		t.Errorf("bundles (-want +got):\n%s", diff)
	}
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"egress"},"egress":{"tls":true}}`), engine.Inline, &r)
	if !r.Allowed || r.WouldAllow {
		t.Errorf("with TLS: allowed %t, wouldAllow %t, want only monitored violations", r.Allowed, r.WouldAllow)
	}
}

func TestDefaultDeny(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", custom(egressTLS)+"default: deny\n"))
	var r engine.Result
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"data.read"}}`), engine.Inline, &r)
	if r.Allowed || len(r.Violations) != 1 || r.Violations[0].RuleID != "default" || r.Policies[0].Decision != mesh.EvaluationDeny {
		t.Errorf("no rule looks: %+v", r)
	}
	if len(r.Recommendations) != 1 || r.Recommendations[0] != r.Violations[0].Recommendation || r.Violations[0].Controls == nil {
		t.Errorf("recommendations %q of %+v", r.Recommendations, r.Violations)
	}
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"egress"},"egress":{"tls":true}}`), engine.Inline, &r)
	if !r.Allowed || len(r.Violations) > 0 {
		t.Errorf("a rule looks: %+v", r)
	}
}

func TestObligations(t *testing.T) {
	t.Parallel()
	const rules = `    - {id: mask, when: 'action.type == "egress"', obligations: [{type: mask, properties: {categories: [pii]}}]}
    - {id: tls, when: 'action.type == "egress"', require: 'egress.tls', obligations: [{type: notify}, {type: mask}]}
`
	tls, plain := action(t, `{"action":{"type":"egress"},"egress":{"tls":true}}`), action(t, `{"action":{"type":"egress"},"egress":{"tls":false}}`)
	var r engine.Result
	p := program(t, document(t, "p.yaml", custom(rules)))
	p.Evaluate(t.Context(), tls, engine.Inline, &r)
	want := []mesh.Obligation{{Type: "mask", Properties: map[string]any{"categories": []any{"pii"}}}, {Type: "notify"}, {Type: "mask"}}
	if diff := cmp.Diff(want, r.Obligations); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
	p.Evaluate(t.Context(), plain, engine.Inline, &r)
	if r.Allowed || len(r.Obligations) > 0 {
		t.Errorf("denied: %+v", r)
	}
	program(t, document(t, "p.yaml", custom(rules)+"enforcement: {mode: monitor}\n")).Evaluate(t.Context(), tls, engine.Inline, &r)
	if len(r.Obligations) > 0 {
		t.Errorf("a monitored policy obliges: %+v", r.Obligations)
	}
}

// TestBuiltInObligations reads what built-in rules oblige to: one that requires
// something, too, and one that does not.
func TestBuiltInObligations(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", `version: "3.0.0"
name: n
rules:
  data_minimization: {mask_fields: [iban]}
  break_glass: {reason_required: true, review_within_hours: 24}
`))
	if diff := cmp.Diff([]string{"data_minimization.mask_fields"}, p.Policies()[0].Obliging); diff != "" {
		t.Errorf("rules that only oblige (-want +got):\n%s", diff)
	}
	tests := []struct {
		action string
		want   []mesh.Obligation
	}{
		{`{"action":{"type":"data.read"},"data":{"fields":["iban"]}}`, []mesh.Obligation{{Type: "mask", Properties: map[string]any{"fields": []any{"iban"}}}}},
		{`{"action":{"type":"data.delete"},"approval":{"breakGlass":true,"reason":"fire"}}`, []mesh.Obligation{{Type: "review", Properties: map[string]any{"withinHours": int64(24)}}}},
		{`{"action":{"type":"data.delete"},"approval":{"breakGlass":true}}`, []mesh.Obligation{}},
		{`{"action":{"type":"data.read"},"data":{"fields":["name"]}}`, []mesh.Obligation{}},
	}
	for _, tt := range tests {
		var r engine.Result
		p.Evaluate(t.Context(), action(t, tt.action), engine.Inline, &r)
		if diff := cmp.Diff(tt.want, r.Obligations); diff != "" {
			t.Errorf("%s: obligations (-want +got):\n%s", tt.action, diff)
		}
	}
}

// TestFailedRulesAreEvidence holds that a rule which denies because it cannot be
// evaluated is named with its controls, whichever of its parts failed.
func TestFailedRulesAreEvidence(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{`when: 'data.purpose == "x"', require: 'true'`, `when: 'data.purpose == "x"', obligations: [{type: mask}]`, `require: 'data.purpose == "x"'`} {
		p := program(t, document(t, "p.yaml", custom("    - {id: a, controls: [\"gdpr:Art.5\"], "+rule+"}\n")+"default: deny\n"))
		var r engine.Result
		p.Evaluate(t.Context(), action(t, `{"action":{"type":"data.read"}}`), engine.Inline, &r)
		want := []mesh.PolicyEvaluation{{
			PolicyID: "acme/p0", Decision: mesh.EvaluationError, Reason: "could not be evaluated: a", Mode: mesh.ModeEnforce,
			Rules: []string{"a"}, Controls: []mesh.ControlID{"gdpr:Art.5"},
		}}
		if diff := cmp.Diff(want, r.Policies); diff != "" || r.Allowed || len(r.Violations) > 0 {
			t.Errorf("%s: %+v (-want +got):\n%s", rule, r.Violations, diff)
		}
	}
}

// TestErrors holds what CEL says of absent values: an error, unless a false
// conjunct or a true disjunct decides.
func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expr, action string
		want         string // true, false or error
	}{
		{`data.purpose == "x"`, `{"action":{"type":"a"}}`, "error"},
		{`data.purpose == "x" && action.type == "b"`, `{"action":{"type":"a"}}`, "false"},
		{`action.type == "a" || data.purpose == "x"`, `{"action":{"type":"a"}}`, "true"},
		{`has(data.consent.given)`, `{"action":{"type":"a"}}`, "false"},
		{`has(data.consent)`, `{"action":{"type":"a"},"data":{}}`, "false"},
		{`has(data.consent) && !has(data.consent.given)`, `{"action":{"type":"a"},"data":{"consent":{}}}`, "true"},
		{`has(data)`, `{"action":{"type":"a"},"data":{}}`, "true"},
		{`has(data)`, `{"action":{"type":"a"}}`, "false"},
		{`has(environment)`, `{"action":{"type":"a"}}`, "false"},
		{`has(environment) && environment == "prod"`, `{"action":{"type":"a"},"environment":"prod"}`, "true"},
		{`environment == "prod"`, `{"action":{"type":"a"}}`, "error"},
		{`has(context.a) && context.a > 1`, `{"action":{"type":"a"},"context":{"a":2}}`, "true"},
		{`has(context.a)`, `{"action":{"type":"a"}}`, "false"},
		{`"a" in context`, `{"action":{"type":"a"}}`, "false"},
		{`context.a.b[0] == 1.5`, `{"action":{"type":"a"},"context":{"a":{"b":[1.5]}}}`, "true"},
		{`context.a == "1"`, `{"action":{"type":"a"},"context":{"a":1}}`, "false"},
		{`context.a > "1"`, `{"action":{"type":"a"},"context":{"a":1}}`, "error"},
		{`tool.args["n"] == 9007199254740993`, `{"action":{"type":"a"},"tool":{"args":{"n":9007199254740993}}}`, "true"},
		{`data.categories.size() == 0`, `{"action":{"type":"a"},"data":{"categories":[]}}`, "true"},
		{`data.categories.size() == 0`, `{"action":{"type":"a"},"data":{}}`, "error"},
		{`content.findings.exists(f, has(f.type) && f.type == "EMAIL" && f.count > 1)`, `{"action":{"type":"a"},"content":{"findings":[{"type":"SSN"},{"type":"EMAIL","count":2}]}}`, "true"},
		{`content.findings.all(f, f.count > 1)`, `{"action":{"type":"a"},"content":{"findings":[{"type":"SSN"}]}}`, "error"},
		{`timestamp > timestamp("2026-01-01T00:00:00Z")`, `{"action":{"type":"a"},"timestamp":"2026-11-22T10:00:00Z"}`, "true"},
		{`timestamp.getHours() < 12`, `{"action":{"type":"a"},"timestamp":"2026-11-22T10:00:00Z"}`, "true"},
		{`request.ageHours <= 12`, `{"action":{"type":"a"},"request":{"ageHours":12}}`, "true"},
		{`session.spentMicroUSD / 0 == 1`, `{"action":{"type":"a"},"session":{"spentMicroUSD":1}}`, "error"},
		{`data.consent == data.consent`, `{"action":{"type":"a"},"data":{"consent":{"given":true}}}`, "true"},
		{`dyn(data).consent == data.consent`, `{"action":{"type":"a"},"data":{"consent":{"given":true}}}`, "true"},
		{`tenantId == "t" && agent.id == "b"`, `{"action":{"type":"a"},"tenantId":"t","agent":{"id":"b"}}`, "true"},
		{`resource.id.matches("^rec-[0-9]+$")`, `{"action":{"type":"a"},"resource":{"id":"rec-7"}}`, "true"},
		{`personalData()`, `{"action":{"type":"data.read"}}`, "true"},
		{`personalData()`, `{"action":{"type":"data.anonymize"}}`, "true"},
		{`personalData()`, `{"action":{"type":"tool.call"}}`, "false"},
		{`personalData() == healthData()`, `{"action":{"type":"tool.call"},"data":{"categories":["psychotherapy_notes"]}}`, "true"},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprintf("%d %s", i, tt.expr), func(t *testing.T) {
			t.Parallel()
			p := program(t, document(t, "p.yaml", custom("    - id: a\n      require: |\n        "+tt.expr+"\n")))
			var r engine.Result
			p.Evaluate(t.Context(), action(t, tt.action), engine.Inline, &r)
			got := "true"
			switch {
			case len(r.Errors) > 0:
				got = "error"
			case len(r.Violations) > 0:
				got = "false"
			}
			if got != tt.want || r.Allowed != (tt.want == "true") {
				t.Errorf("%s, want %s; %+v", got, tt.want, r)
			}
		})
	}
}

func TestRunawayLoopFails(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", custom("    - {id: a, require: 'data.fields.all(x, !data.fields.exists(y, x != y))'}\n")))
	a := action(t, `{"action":{"type":"data.read"}}`)
	fields := make([]string, 5000)
	for i := range fields {
		fields[i] = "same"
	}
	a.Data = &mesh.Data{Fields: fields}
	var r engine.Result
	p.Evaluate(t.Context(), a, engine.Inline, &r)
	if r.Allowed || len(r.Errors) != 1 || len(r.Violations) != 0 {
		t.Errorf("%+v", r.Errors)
	}
}

// TestRulesThatLoopShareABound has each of many rules loop within a loop. What
// they all may cost is used up by the first; the others fail and say so, and
// what does not loop is decided all the same.
func TestRulesThatLoopShareABound(t *testing.T) {
	t.Parallel()
	const looping = 6
	rules := "    - {id: plain, require: 'has(data.purpose) && data.purpose == \"a\"'}\n"
	for i := range looping {
		rules += fmt.Sprintf("    - {id: loops-%d, require: '!data.fields.exists(f, data.categories.exists(c, c + \"%d\" == f))'}\n", i, i)
	}
	doc := document(t, "p.yaml", custom(rules))
	a := action(t, `{"action":{"type":"data.read"},"data":{"purpose":"b"}}`)
	for i := range 1000 {
		a.Data.Fields = append(a.Data.Fields, fmt.Sprint("field", i))
		a.Data.Categories = append(a.Data.Categories, fmt.Sprint("category", i))
	}
	for _, back := range []engine.BackEnd{engine.Bitmaps, engine.Closures, engine.CEL} {
		p, err := engine.CompileWith([]engine.Policy{{ID: "a/b", Document: doc}}, back)
		if err != nil {
			t.Fatal(err)
		}
		var r, again engine.Result
		p.Evaluate(t.Context(), a, engine.Inline, &r)
		if r.Allowed || len(r.Violations) != 1 || r.Violations[0].RuleID != "plain" || len(r.Errors) != looping {
			t.Fatalf("back end %d: %+v", back, r)
		}
		own, all := 0, 0
		for _, e := range r.Errors {
			switch {
			case strings.Contains(e.Message, "more steps than one rule may"):
				own++
			case strings.Contains(e.Message, "more than 10 million steps") && strings.Contains(e.Message, "shorter lists"):
				all++
			}
		}
		if own != 2 || all != looping-2 {
			t.Errorf("back end %d: %d rules name their own bound and %d that of all: %v", back, own, all, r.Errors)
		}
		if back == engine.Bitmaps {
			if p.Evaluate(t.Context(), a, engine.Inline, &again); !cmp.Equal(r.Errors, again.Errors) {
				t.Errorf("the same action fails differently (-first +second):\n%s", cmp.Diff(r.Errors, again.Errors))
			}
		}
	}
}

// TestNobodyWaits ends between rules, too: none of these takes long by itself.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	var rules string
	for i := range 3 {
		rules += fmt.Sprintf("    - {id: r%d, require: 'data.fields.map(f, f + \"%d\") != []'}\n", i, i)
	}
	p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: document(t, "p.yaml", custom(rules))}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var r engine.Result
	p.Evaluate(ctx, action(t, `{"action":{"type":"data.read"},"data":{"fields":["a"]}}`), engine.Inline, &r)
	if r.Allowed || len(r.Errors) != 3 || !strings.Contains(r.Errors[2].Message, "nobody waits") {
		t.Errorf("decided for nobody: %+v", r)
	}
}

// TestIndexKeepsOrder mixes rules for one type, for several and for any.
func TestIndexKeepsOrder(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", custom(`    - {id: any, require: 'false'}
    - {id: read, when: 'action.type == "data.read"', require: 'false'}
    - {id: either, when: 'action.type in ["egress", "data.read", "egress"] && true', require: 'false'}
    - {id: not, when: 'action.type != "egress"', require: 'false'}
    - {id: flipped, when: '"egress" == action.type', require: 'false'}
`)))
	for actionType, want := range map[string][]string{
		"data.read": {"any", "read", "either", "not"},
		"egress":    {"any", "either", "flipped"},
		"other":     {"any", "not"},
	} {
		var r engine.Result
		p.Evaluate(t.Context(), action(t, `{"action":{"type":"`+actionType+`"}}`), engine.Inline, &r)
		if diff := cmp.Diff(want, r.Policies[0].Rules); diff != "" {
			t.Errorf("%s (-want +got):\n%s", actionType, diff)
		}
	}
}

func TestEvaluateConcurrently(t *testing.T) {
	t.Parallel()
	p := program(t, load(t, "testdata/sections.yaml"))
	good := action(t, `{"action":{"type":"data.read"},"data":{"categories":["pii"],"purpose":"user_support","consent":{"given":true,"purposes":["user_support"]}}}`)
	bad := action(t, `{"action":{"type":"data.read"},"data":{"categories":["pii"]}}`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var r engine.Result
			for range 50 {
				p.Evaluate(t.Context(), good, engine.Inline, &r)
				if !r.Allowed {
					t.Error("good is denied")
				}
				p.Evaluate(t.Context(), bad, engine.Inline, &r)
				if r.Allowed || len(r.Violations) != 3 {
					t.Error("bad is allowed")
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkEvaluate(b *testing.B) {
	p := program(b, load(b, "testdata/sections.yaml"))
	a := action(b, `{"action":{"type":"data.read"},"data":{"categories":["pii"],"purpose":"user_support","consent":{"given":true,"purposes":["user_support"]}}}`)
	var r engine.Result
	b.ReportAllocs()
	for b.Loop() {
		p.Evaluate(b.Context(), a, engine.Inline, &r)
	}
}

func ExampleProgram_Evaluate() {
	doc, findings := parseExample()
	if doc == nil {
		fmt.Println(findings)
		return
	}
	p, err := engine.Compile([]engine.Policy{{ID: "acme/egress", Document: doc, Params: map[string]any{"approvedHosts": []string{"api.example.com"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := decode.Action([]byte(`{"action": {"type": "egress"}, "egress": {"host": "paste.example.net", "tls": true}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var r engine.Result
	p.Evaluate(context.Background(), a, engine.Inline, &r)
	fmt.Println("allowed:", r.Allowed)
	for _, v := range r.Violations {
		fmt.Println(v.PolicyID, v.RuleID, v.Controls, v.Message)
	}
	// Output:
	// allowed: false
	// acme/egress approved-hosts [hipaa:164.312(e)(1)] data leaves only to approved hosts
}

func actionOf(src string) (*mesh.Action, error) { return decode.Action([]byte(src)) }

// TestOpaqueTerms holds what cel-go evaluates to the predicates it asks and to
// the parameters of its own policy.
func TestOpaqueTerms(t *testing.T) {
	t.Parallel()
	const rules = "params: {least: {type: integer, default: 1}}\nrules: {custom: [{id: a, require: 'has(data.fields) && data.fields.filter(f, f != \"x\").size() >= params.least && [personalData()].all(p, p)'}]}\n"
	doc := document(t, "p.yaml", "version: \"3.0.0\"\nname: n\n"+rules)
	for _, back := range []engine.BackEnd{engine.Bitmaps, engine.Closures, engine.CEL} {
		p, err := engine.CompileWith([]engine.Policy{
			{ID: "a/one", Document: doc}, {ID: "a/two", Document: doc, Params: map[string]any{"least": 2}},
		}, back)
		if err != nil {
			t.Fatal(err)
		}
		var r engine.Result
		p.Evaluate(t.Context(), action(t, `{"action":{"type":"data.read"},"data":{"categories":["pii"],"fields":["x","y"]}}`), engine.Inline, &r)
		if len(r.Errors) > 0 || len(r.Violations) != 1 || r.Violations[0].PolicyID != "a/two" {
			t.Errorf("back end %d: violations %v, errors %v; want the policy that demands two", back, r.Violations, r.Errors)
			continue
		}
		if back == engine.CEL {
			continue
		}
		clause := r.Violations[0].Clauses[0]
		want := []mesh.FieldValue{{Field: "data.fields", Value: []string{"x", "y"}}}
		if diff := cmp.Diff(want, clause.Fields); diff != "" {
			t.Errorf("back end %d: fields of %s (-want +got):\n%s", back, clause.Clause, diff)
		}
	}
}

// TestLoopsOverOtherValues: what an agent writes in place of a list is no empty
// list.
func TestLoopsOverOtherValues(t *testing.T) {
	t.Parallel()
	const loops = `    - {id: all, require: 'tool.args.to.all(x, x == "a")'}
    - {id: none, require: '!tool.args.to.exists(x, x != "a")'}
    - {id: one, require: '!tool.args.to.exists_one(x, x == "b")'}
    - {id: map, require: 'size(tool.args.to.map(x, x)) < 2'}
    - {id: filter, require: 'tool.args.to.filter(x, x != "a").size() == 0'}
    - {id: inner, require: '[tool.args].all(a, a.to.all(x, x == "a"))'}
    - {id: chosen, require: '(has(tool.name) ? tool.args.to : ["a"]).all(x, x == "a")'}
    - {id: either, require: 'tool.name == "send" || tool.args.to.all(x, false)'}
`
	everywhere := []string{"all", "none", "one", "map", "filter", "inner", "chosen"}
	tests := []struct {
		to     string
		failed []string
	}{
		{`["a"]`, nil}, {`[]`, nil}, {`{}`, nil}, {`{"a": 1}`, nil},
		{`""`, everywhere}, {`"a"`, everywhere}, {`0`, everywhere}, {`false`, everywhere}, {`null`, everywhere},
	}
	doc := document(t, "p.yaml", custom(loops))
	for _, back := range []engine.BackEnd{engine.Bitmaps, engine.Closures, engine.CEL} {
		p, err := engine.CompileWith([]engine.Policy{{ID: "acme/loops", Document: doc}}, back)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range tests {
			var r engine.Result
			p.Evaluate(t.Context(), action(t, `{"action":{"type":"tool.call"},"tool":{"name":"send","args":{"to":`+tt.to+`}}}`), engine.Inline, &r)
			var failed []string
			for _, e := range r.Errors {
				failed = append(failed, e.RuleID)
			}
			if diff := cmp.Diff(tt.failed, failed); diff != "" || r.Allowed != (tt.failed == nil) || len(r.Violations) > 0 {
				t.Errorf("back end %d, to %s: allowed %t, violations %v, failed (-want +got):\n%s", back, tt.to, r.Allowed, r.Violations, diff)
			}
		}
	}
}

// TestNumbersBetweenBounds compares whole numbers and others at, and right beside,
// bounds that lie as close as they can, and at the ends of what there is.
func TestNumbersBetweenBounds(t *testing.T) {
	t.Parallel()
	bounds := []string{"-9223372036854775808", "-9223372036854775807", "-1", "0", "1", "2", "3", "9", "9223372036854775806", "9223372036854775807"}
	var rules strings.Builder
	for i, bound := range bounds {
		for j, op := range []string{"<=", ">", "==", "!="} {
			fmt.Fprintf(&rules, "    - {id: r%d-%d, require: 'data.retentionDays %s %s'}\n", i, j, op, bound)
			fmt.Fprintf(&rules, "    - {id: a%d-%d, require: 'tool.args.n %s %s'}\n", i, j, op, bound)
			fmt.Fprintf(&rules, "    - {id: f%d-%d, require: 'request.ageHours %s %s.0'}\n", i, j, op, bound)
		}
		fmt.Fprintf(&rules, "    - {id: in%d, require: 'data.retentionDays in [%s, 2, 9] || tool.args.n in [2.5, %s]'}\n", i, bound, bound)
		fmt.Fprintf(&rules, "    - {id: among%d, require: 'tool.args.n in [2.5, %s.0]'}\n", i, bound)
	}
	policies := []engine.Policy{{ID: "acme/numbers", Document: document(t, "p.yaml", custom(rules.String()))}}
	fast, err := engine.Compile(policies)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := engine.CompileWith(policies, engine.CEL)
	if err != nil {
		t.Fatal(err)
	}
	numbers := []int64{math.MinInt64, math.MinInt64 + 1, math.MinInt64 + 2, -2, -1, 0, 1, 2, 3, 4, 8, 9, 10, math.MaxInt64 - 2, math.MaxInt64 - 1, math.MaxInt64}
	for _, n := range numbers {
		for _, arg := range []any{n, float64(n), float64(n) + 0.5, "2"} {
			hours := float64(n)
			a := &mesh.Action{Action: mesh.Operation{Type: "tool.call"}, Data: &mesh.Data{RetentionDays: &n}, Tool: &mesh.Tool{Args: map[string]any{"n": arg}}, Request: &mesh.RightsRequest{AgeHours: &hours}}
			var got, want engine.Result
			fast.Evaluate(t.Context(), a, engine.Inline, &got)
			authority.Evaluate(t.Context(), a, engine.Inline, &want)
			if diff := cmp.Diff(want.Policies, got.Policies); diff != "" {
				t.Errorf("%d and %v (-cel-go +bitmaps):\n%s", n, arg, diff)
			}
		}
	}
}
