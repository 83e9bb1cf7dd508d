package explain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/explain"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/space/spacetest"
)

const shop = `version: "3.0.0"
name: Shop
params:
  most: {type: integer, default: 500}
rules:
  data_collection: {purpose_limitation: true, valid_purposes: [user_support, billing], prohibited_purposes: [marketing]}
  custom:
    - id: refund-limit
      when: action.type == "tool.call" && has(tool.name) && tool.name == "refund"
      require: has(tool.args.amount) && tool.args.amount <= params.most
      message: the refund is too large
    - id: four-eyes
      when: action.type == "tool.call" && tool.name == "refund"
      require: has(approval.approver) && has(actor.userId) && approval.approver != actor.userId
    - id: mask
      when: personalData()
      obligations: [{type: mask}]
`

func program(t testing.TB, src string) *engine.Program {
	t.Helper()
	doc, findings := policy.Parse("p.yaml", []byte(src))
	if doc == nil {
		t.Fatal(findings)
	}
	p, err := engine.Compile([]engine.Policy{{ID: "a/shop", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func action(t testing.TB, src string) *mesh.Action {
	t.Helper()
	a, err := decode.Action([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// lines writes what a trace says in short.
func lines(tr *explain.Trace) []string {
	var out []string
	for _, p := range tr.Policies {
		out = append(out, fmt.Sprintf("%s %s %s: %s", p.PolicyID, p.Mode, p.Decision, p.Reason))
		for _, r := range p.Rules {
			out = append(out, strings.TrimSpace(fmt.Sprintf(" %s %s %s", r.RuleID, r.Outcome, r.Error)))
			for i, c := range slices.Concat(r.When, r.Require) {
				if r.Outcome == explain.Ignored && (c.Truth != "false" || i >= len(r.When)) {
					continue
				}
				part := "require"
				if i < len(r.When) {
					part = "when"
				}
				fields := ""
				for _, f := range c.Fields {
					fields += fmt.Sprintf(" %s=%v", f.Field, f.Value)
				}
				for _, p := range c.Predicates {
					fields += fmt.Sprintf(" %s %s because %s", p.Name, p.Answer, strings.Join(p.Because, ", "))
				}
				out = append(out, fmt.Sprintf("  %s %s: wanted %s;%s", part, c.Truth, c.Wanted, fields))
			}
		}
	}
	for _, c := range tr.Remedy.Changes {
		out = append(out, "change "+c.String())
	}
	if best := tr.Remedy.Best; best != nil {
		out = append(out, fmt.Sprintf("best %s, leaving %d of %d", best, tr.Remedy.Remaining, len(tr.Remedy.Rules)))
	}
	return out
}

func TestExplain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, action string
		want         []string
	}{
		{"violated", `{"action":{"type":"data.read"},"data":{"categories":["weather","pii"],"purpose":"curiosity"}}`, []string{
			"a/shop enforce deny: violated: data_collection.purpose_limitation",
			"data_collection.purpose_limitation violated",
			"  when true: wanted one of data.read, data.write, data.export, memory.write, model.call, tool.call, egress; action.type=data.read",
			"  when true: wanted personalData() holds; personalData() true because data.categories holds pii",
			"  require false: wanted one of user_support, billing; data.purpose=curiosity",
			"data_collection.prohibited_purposes satisfied",
			"  when true: wanted one of data.read, data.write, data.export, memory.write, model.call, tool.call, egress; action.type=data.read",
			"  when true: wanted personalData() holds; personalData() true because data.categories holds pii",
			"  require true: wanted not \"\" and none of marketing; data.purpose=curiosity",
			"refund-limit ignored",
			"  when false: wanted tool.call; action.type=data.read",
			"  when false: wanted refund; tool.name=<nil>",
			"four-eyes ignored",
			"  when false: wanted tool.call; action.type=data.read",
			"mask satisfied",
			"  when true: wanted personalData() holds; personalData() true because data.categories holds pii",
			"change data.purpose = user_support or billing",
		}},
		{"nothing objects", `{"action":{"type":"data.read"},"data":{"categories":[]}}`, []string{
			"a/shop enforce allow: ",
			"data_collection.purpose_limitation ignored",
			"  when false: wanted personalData() holds; personalData() false because data.categories is [], resource.type is absent, content.findings is absent",
			"data_collection.prohibited_purposes ignored",
			"  when false: wanted personalData() holds; personalData() false because data.categories is [], resource.type is absent, content.findings is absent",
			"refund-limit ignored",
			"  when false: wanted tool.call; action.type=data.read",
			"  when false: wanted refund; tool.name=<nil>",
			"four-eyes ignored",
			"  when false: wanted tool.call; action.type=data.read",
			"mask ignored",
			"  when false: wanted personalData() holds; personalData() false because data.categories is [], resource.type is absent, content.findings is absent",
		}},
		{"failed", `{"action":{"type":"tool.call"}}`, []string{
			"a/shop enforce error: could not be evaluated: four-eyes",
			"data_collection.purpose_limitation ignored",
			"  when false: wanted personalData() holds; personalData() false because data.categories is absent, action.type is tool.call, resource.type is absent, content.findings is absent",
			"data_collection.prohibited_purposes ignored",
			"  when false: wanted personalData() holds; personalData() false because data.categories is absent, action.type is tool.call, resource.type is absent, content.findings is absent",
			"refund-limit ignored",
			"  when false: wanted refund; tool.name=<nil>",
			"four-eyes failed when: it reads tool.name, which is absent",
			"  when true: wanted tool.call; action.type=tool.call",
			"  when error: wanted refund; tool.name=<nil>",
			"  require false: wanted stated; approval.approver=<nil>",
			"  require false: wanted stated; actor.userId=<nil>",
			"  require error: wanted approval.approver is not equal to actor.userId; approval.approver=<nil> actor.userId=<nil>",
			"mask ignored",
			"  when false: wanted personalData() holds; personalData() false because data.categories is absent, action.type is tool.call, resource.type is absent, content.findings is absent",
			"change tool.name: refund (for example other)",
		}},
	}
	p := program(t, shop)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := lines(explain.Explain(t.Context(), p, action(t, tt.action)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("trace (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatWouldAllow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, rules, action string
		want                []string // the changes, or the best and what it leaves
	}{
		{"one of a list", `    - {id: a, require: 'has(data.region) && data.region in ["eu", "us"]'}`, `{"action":{"type":"data.read"}}`, []string{"data.region = eu or us"}},
		{"a limit", `    - {id: a, require: 'has(tool.args.n) && tool.args.n <= 500'}`, `{"action":{"type":"tool.call"},"tool":{"args":{"n":750}}}`, []string{"tool.args.n = 500"}},
		{"a strict limit", `    - {id: a, require: 'has(data.retentionDays) && data.retentionDays < 30'}`, `{"action":{"type":"data.write"},"data":{"retentionDays":30}}`, []string{"data.retentionDays: less than 30 (for example 29)"}},
		{"anything that is stated", `    - {id: a, require: 'has(agent.id) && agent.id != ""'}`, `{"action":{"type":"data.write"}}`, []string{"agent.id: not \"\" (for example other)"}},
		{"a flag", `    - {id: a, require: 'has(egress.tls) && egress.tls'}`, `{"action":{"type":"egress"},"egress":{"tls":false}}`, []string{"egress.tls = true"}},
		{"to leave out", `    - {id: a, require: '!has(data.fields)'}`, `{"action":{"type":"data.read"},"data":{"fields":["a"]}}`, []string{"data.fields left out"}},
		{"another field's value", `    - {id: a, require: 'has(data.purpose) && has(data.consent.purposes) && data.purpose in data.consent.purposes'}`,
			`{"action":{"type":"data.read"},"data":{"purpose":"x","consent":{"purposes":["y","z"]}}}`,
			[]string{"data.purpose = y or z", `data.consent.purposes = ["y", "z", "x"]`}},
		{"an element", `    - {id: a, require: 'has(actor.groups) && "admin" in actor.groups'}`, `{"action":{"type":"data.read"},"actor":{"groups":["x"]}}`, []string{`actor.groups = ["x", "admin"]`}},
		{"elements to leave out", `    - {id: a, require: 'has(data.fields) && !data.fields.exists(f, f in ["ssn", "dob"])'}`,
			`{"action":{"type":"data.read"},"data":{"fields":["name","ssn","mail","dob"]}}`, []string{`data.fields = ["name", "mail"]`}},
		{"an absent list", `    - {id: a, require: 'has(data.fields) && !data.fields.exists(f, f in ["ssn", "dob"])'}`,
			`{"action":{"type":"data.read"}}`, []string{`data.fields: without any of ssn, dob (for example [])`}},
		{"an argument to leave out", `    - {id: a, require: 'has(tool.args) && tool.args.all(a, a in ["to"])'}`,
			`{"action":{"type":"tool.call"},"tool":{"args":{"to":"x","cc":"y"}}}`, []string{"tool.args.cc left out"}},
		{"a field of an absent object", `    - {id: a, require: 'has(data.consent.given) && data.consent.given'}`, `{"action":{"type":"data.read"}}`, []string{"data.consent.given = true"}},
		{"elements of a long list to leave out", `    - {id: a, require: 'has(data.fields) && !data.fields.exists(f, f in ["ssn", "dob"])'}`,
			`{"action":{"type":"data.read"},"data":{"fields":["a","b","c","d","e","f","ssn","g","dob","h"]}}`, []string{`data.fields without "ssn", "dob"`}},
		{"an element for a long list", `    - {id: a, require: 'has(actor.groups) && "admin" in actor.groups'}`, `{"action":{"type":"data.read"},"actor":{"groups":["a","b","c","d","e","f","g"]}}`,
			[]string{`actor.groups with "admin" added`}},
		{"an argument that is to be stated", `    - {id: a, require: 'has(tool.args.approvalId)'}`, `{"action":{"type":"tool.call"},"tool":{"args":{"to":"x"}}}`,
			[]string{"tool.args.approvalId: stated (for example other)"}},
		{"an argument that is no number", `    - {id: a, require: 'has(tool.args.n) && tool.args.n != 5'}`, `{"action":{"type":"tool.call"},"tool":{"args":{"n":5}}}`,
			[]string{"tool.args.n: not 5 (for example other)"}},
		{"a flag among the arguments", `    - {id: a, require: 'has(tool.args.dry) && tool.args.dry'}`, `{"action":{"type":"tool.call"},"tool":{"args":{"to":"x"}}}`, []string{"tool.args.dry = true"}},
		{"an argument that is another flag", `    - {id: a, require: 'has(tool.args.force) && tool.args.force != true'}`, `{"action":{"type":"tool.call"},"tool":{"args":{"force":true}}}`,
			[]string{"tool.args.force = false"}},
		{"an object", `    - {id: a, require: 'has(data.consent)'}`, `{"action":{"type":"data.read"}}`, []string{"data.consent: stated (for example {})"}},
		{"no personal data", `    - {id: a, when: personalData(), require: 'has(data.purpose) && has(data.region)'}`, `{"action":{"type":"data.read"}}`,
			[]string{"avoids data.categories = []"}},
		{"what no rule looks at then", `    - {id: a, when: 'has(tool.name) && tool.name == "pay"', require: 'false'}`, `{"action":{"type":"tool.call"},"tool":{"name":"pay"}}`,
			[]string{"avoids tool.name = other", "avoids tool.name left out"}},
		{"one field that two rules look at", `    - {id: a, require: 'has(data.purpose) && data.purpose in ["x", "y"]'}
    - {id: b, require: 'has(data.purpose) && data.purpose in ["y", "z"]'}`, `{"action":{"type":"data.read"}}`, []string{"data.purpose = y"}},
		{"not one change alone", `    - {id: a, require: 'has(data.purpose) && data.purpose == "x"'}
    - {id: b, require: 'has(data.region) && data.region == "eu"'}
    - {id: c, require: 'has(data.region) && data.region != "us"'}`, `{"action":{"type":"data.read"}}`, []string{"best data.region = eu, leaving 1 of 3"}},
		{"none that is worth a mention", `    - {id: a, when: 'has(tool.name) && tool.name == "pay"', require: 'has(data.purpose) && has(data.region)'}
    - {id: b, require: 'false'}`, `{"action":{"type":"tool.call"},"tool":{"name":"pay"}}`, nil},
		{"a change that another rule objects to", `    - {id: a, require: 'has(data.purpose)'}
    - {id: b, when: 'has(data.purpose)', require: 'data.purpose != "other"'}`, `{"action":{"type":"data.read"}}`, nil},
		{"the type is what it is", `    - {id: a, require: 'action.type == "data.write"'}`, `{"action":{"type":"data.read"}}`, nil},
		{"a time of day", `    - {id: a, require: 'has(timestamp) && timestamp.getHours() >= 8'}`, `{"action":{"type":"data.read"},"timestamp":"2026-01-05T01:00:00Z"}`,
			[]string{`timestamp: (timestamp.getHours() >= 8) (for example "2026-01-05T12:00:00Z")`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := program(t, "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n"+tt.rules+"\n")
			r := explain.WhatWouldAllow(t.Context(), p, action(t, tt.action))
			var got []string
			for _, c := range r.Changes {
				if c.Avoids {
					got = append(got, "avoids "+c.String())
					continue
				}
				got = append(got, c.String())
			}
			if r.Best != nil {
				got = append(got, fmt.Sprintf("best %s, leaving %d of %d", r.Best, r.Remaining, len(r.Rules)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// base is a resolver that knows a single base.
type base string

func (b base) Base(mesh.BundleRef, mesh.Digest) ([]byte, error) { return []byte(b), nil }

// TestDefaultOfProfile holds that the rules that a profile adds to a base that
// denies by default are no reason why the default does not look at an action.
func TestDefaultOfProfile(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\n"
	profile, findings := policy.Parse("p.yaml", []byte(head+"extends: acme/base@sha256:"+strings.Repeat("0", 64)+
		"\nrules: {custom: [{id: added, when: 'action.type == \"tool.call\"', require: 'has(tool.name)'}]}\n"))
	if profile == nil {
		t.Fatal(findings)
	}
	doc, findings := policy.Resolve(profile, base(head+"default: deny\nrules: {custom: [{id: reads, when: 'action.type == \"data.read\" && data.region == \"eu\"', require: 'true'}]}\n"))
	if doc == nil {
		t.Fatal(findings)
	}
	p, err := engine.Compile([]engine.Policy{{ID: "a/p", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string][]string{
		`{"action":{"type":"tool.call"},"tool":{"name":"x"}}`:        {"a/p enforce deny: violated: default", "reads ignored", "  when false: wanted data.read; action.type=tool.call", "added satisfied", "  when true: wanted tool.call; action.type=tool.call", "  require true: wanted stated; tool.name=x", "default violated"},
		`{"action":{"type":"data.read"},"data":{"region":"eu"}}`:     {"a/p enforce allow: satisfied: reads", "reads satisfied", "  when true: wanted data.read; action.type=data.read", "  when true: wanted eu; data.region=eu", "added ignored", "  when false: wanted tool.call; action.type=data.read", "default ignored"},
		`{"action":{"type":"data.read"},"data":{"purpose":"other"}}`: nil,
	} {
		tr := explain.Explain(t.Context(), p, action(t, src))
		if want == nil { // the rule that fails may look at it
			if last := tr.Policies[0].Rules[2]; last.Outcome != explain.Ignored || tr.Policies[0].Decision != mesh.EvaluationError {
				t.Errorf("%s: default is %s, the policy says %s", src, last.Outcome, tr.Policies[0].Decision)
			}
			continue
		}
		tr.Remedy = explain.Remedy{}
		if diff := cmp.Diff(want, lines(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", src, diff)
		}
	}
}

// TestModes holds that only rules of policies in enforce mode are in the way of
// an action that is denied, and all of them of one that is let through.
func TestModes(t *testing.T) {
	t.Parallel()
	parse := func(mode, require string) *policy.Document {
		doc, findings := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nrules: {custom: [{id: r, require: '"+require+"'}]}\nenforcement: {mode: "+mode+"}\n"))
		if doc == nil {
			t.Fatal(findings)
		}
		return doc
	}
	enforced, watched := parse("enforce", "has(data.purpose)"), parse("audit", "has(data.region)")
	both, err := engine.Compile([]engine.Policy{{ID: "a/enforced", Document: enforced}, {ID: "a/watched", Document: watched}})
	if err != nil {
		t.Fatal(err)
	}
	tr := explain.Explain(t.Context(), both, action(t, `{"action":{"type":"data.read"}}`))
	if tr.Allowed || tr.WouldAllow || len(tr.Remedy.Changes) != 1 || tr.Remedy.Changes[0].Field != "data.purpose" || len(tr.Remedy.Rules) != 1 {
		t.Errorf("denied: %v, remedy %+v", !tr.Allowed, tr.Remedy)
	}
	tr = explain.Explain(t.Context(), both, action(t, `{"action":{"type":"data.read"},"data":{"purpose":"x"}}`))
	if !tr.Allowed || tr.WouldAllow || len(tr.Remedy.Changes) != 1 || tr.Remedy.Changes[0].Field != "data.region" {
		t.Errorf("let through: %v, remedy %+v", tr.Allowed, tr.Remedy)
	}
	if tr.Policies[1].Decision != mesh.EvaluationDeny || tr.Mode != mesh.ModeEnforce {
		t.Errorf("the deferred policy says %s, mode %s", tr.Policies[1].Decision, tr.Mode)
	}
}

// FuzzExplain holds traces to the program: every rule's outcome is the one that
// was decided, and every change allows.
func FuzzExplain(f *testing.F) {
	for seed := range uint64(15) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 3))
		src := spacetest.Policy(r)
		doc, _ := policy.Parse("p.yaml", []byte(src))
		p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}})
		if err != nil {
			return // an expression that does not type-check
		}
		for range 5 {
			a := spacetest.Action(r)
			tr := explain.Explain(t.Context(), p, a)
			if diff := cmp.Diff(decided(t, p, a), traced(tr)); diff != "" {
				t.Fatalf("rules (-decided +traced):\n%s\n%s", diff, src)
			}
			for _, c := range tr.Remedy.Changes {
				checkChange(t, p, a, c)
			}
		}
	})
}

func checkChange(t *testing.T, p *engine.Program, a *mesh.Action, c explain.Change) {
	t.Helper()
	values := c.Values
	if c.Remove {
		values = []any{nil}
	}
	for _, v := range values {
		value := space.Stated(v)
		if m, ok := v.(map[string]any); ok && len(m) == 0 && !space.PlaceAt(c.Field).Takes(m) || cmp.Equal(v, json.RawMessage("null")) {
			value = space.Stated(nil) // as the space has it
		}
		if c.Remove {
			value = space.Absent()
		}
		var r engine.Result
		changed := space.PlaceAt(c.Field).With(a, value)
		if p.Evaluate(t.Context(), changed, engine.Inline, &r); !r.Allowed {
			text, _ := json.Marshal(changed)
			t.Errorf("%s does not allow %s: %v %v", c, text, r.Violations, r.Errors)
		}
	}
}

// decided is what the program makes of each rule.
func decided(t *testing.T, p *engine.Program, a *mesh.Action) map[string]explain.Outcome {
	t.Helper()
	var r engine.Result
	p.Evaluate(t.Context(), a, engine.Inline, &r)
	out := map[string]explain.Outcome{}
	for _, e := range r.Policies {
		for _, id := range e.Rules {
			out[id] = explain.Satisfied
		}
	}
	for _, v := range r.Violations {
		out[v.RuleID] = explain.Violated
	}
	for _, e := range r.Errors {
		out[e.RuleID] = explain.Failed
	}
	return out
}

func traced(tr *explain.Trace) map[string]explain.Outcome {
	out := map[string]explain.Outcome{}
	for _, r := range tr.Policies[0].Rules {
		if r.Outcome != explain.Ignored {
			out[r.RuleID] = r.Outcome
		}
	}
	return out
}

// TestCanceledSearch: once nobody waits for it, nothing is tried.
func TestCanceledSearch(t *testing.T) {
	t.Parallel()
	p := program(t, "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: a, require: 'has(data.region)'}]}\n")
	a := action(t, `{"action":{"type":"data.read"}}`)
	ctx, cancel := context.WithCancel(t.Context())
	if got := explain.WhatWouldAllow(ctx, p, a); len(got.Changes) == 0 || got.GivenUp {
		t.Fatalf("changes %v, given up: %v", got.Changes, got.GivenUp)
	}
	cancel()
	if got := explain.WhatWouldAllow(ctx, p, a); len(got.Changes) > 0 || !got.GivenUp {
		t.Errorf("tried although nobody waits: %v, given up: %v", got.Changes, got.GivenUp)
	}
}

// TestObjectsSayWhatTheyHold: a condition that asks whether an object is there is
// shown with what it holds.
func TestObjectsSayWhatTheyHold(t *testing.T) {
	t.Parallel()
	p := program(t, "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: a, when: has(approval), require: '!has(data.consent)'}]}\n")
	tr := explain.Explain(t.Context(), p, action(t, `{"action":{"type":"egress"},"approval":{"approver":"bob","ageSeconds":3},"data":{"consent":{"given":true}}}`))
	r := tr.Policies[0].Rules[0]
	got := slices.Concat(explain.Found(r.When[0].Fields), explain.Found(r.Require[0].Fields))
	want := []string{`approval is {"ageSeconds": 3, "approver": "bob"}`, `data.consent is {"given": true}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
