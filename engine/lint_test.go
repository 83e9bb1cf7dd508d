package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

func parseExample() (*policy.Document, []mesh.Finding) {
	return policy.Parse("policy.yaml", []byte(`
version: "3.0.0"
name: Egress
params:
  approvedHosts: {type: array, items: {type: string}}
rules:
  custom:
    - id: approved-hosts
      controls: ["hipaa:164.312(e)(1)"]
      when: action.type == "egress"
      require: has(egress.host) && egress.host in params.approvedHosts
      message: data leaves only to approved hosts
`))
}

// catalog is a small control index.
type catalog map[mesh.FrameworkID][]string

func (c catalog) Known(f mesh.FrameworkID) bool { return c[f] != nil }

func (c catalog) Resolve(f mesh.FrameworkID, label string) (mesh.ControlID, bool) {
	for _, id := range c[f] {
		if strings.EqualFold(id, strings.ReplaceAll(label, "Article ", "Art.")) {
			return mesh.NewControlID(f, id), true
		}
	}
	return "", false
}

func (c catalog) Nearest(f mesh.FrameworkID, _ string) string { return c[f][0] }

var known = catalog{"gdpr": {"Art.5", "Art.6", "Art.7"}, "soc2": {"CC6.1"}}

// TestLintActionTypes looks for warnings at misspelt action types, and for none
// at types that are somebody's own.
func TestLintActionTypes(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\nrules:\n"
	for _, tt := range []struct {
		name, rules string
		want        []string // position and hint
	}{
		{"a list", "  approvals: {actions: [data.export, data.exprot]}\n", []string{"4:38 did you mean data.export?"}},
		{"a list of each key", "  agents: {actions: {a: [data.reed]}}\n", []string{"4:26 did you mean data.read?"}},
		{"a key", "  classification: {by_action: {Model.Call: [public]}}\n", []string{"4:32 did you mean model.call?"}},
		{"any type", "  operations: {required_inputs: {any: [agent.id], tol.call: [tool.name]}}\n", []string{"4:51 did you mean tool.call?"}},
		{"a condition", "  custom: [{id: a, when: 'action.type == \"data.exprot\"', require: has(data.purpose)}]\n", []string{"4:42 did you mean data.export?"}},
		{"a demand", "  custom: [{id: a, require: '!(action.type in [\"egress\", \"memory_write\"])'}]\n", []string{"4:58 did you mean memory.write?"}},
		{"types of one's own", "  operations: {allowed_actions: [data.load, data.send, data.anonymize, robot.move, tool.fail, egress.http]}\n", nil},
		{"one's own in a condition", "  custom: [{id: a, when: 'action.type == \"data.share\"', require: has(data.purpose)}]\n", nil},
		{"another field", "  custom: [{id: a, require: has(resource.type) && resource.type == \"data.exprot\"}]\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range engine.Lint(document(t, "p.yaml", head+tt.rules), nil) {
				if f.Rule == "unusual-action-type" {
					got = append(got, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Hint))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLintWords looks for warnings at words that a vocabulary does not have, and
// for none at those that anybody may have.
func TestLintWords(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\nrules:\n"
	condition := func(cel string) string { return "  custom:\n    - id: a\n      require: |-\n        " + cel + "\n" }
	for _, tt := range []struct {
		name, rules string
		want        []string // position, message and hint, or the parts between …
	}{
		{"a type of agent", "  agents: {allowed_types: [conversatonal, analytics]}\n", []string{"4:28 conversatonal is no type of agent: did you mean conversational?"}},
		{"no type of agent at all", "  agents: {allowed_types: [batch]}\n", []string{"4:28 batch is no type of agent: there are: conversational, analytics, automation"}},
		{"a type of artifact", "  artifacts: {allowed_types: [modell, dataset]}\n", []string{"4:31 the type of artifact modell is none that the built-in sections know, but resembles one: did you mean model?"}},
		{"a legal basis", "  data_collection: {lawful_bases: [consnet, Contract, credit_protection]}\n", []string{
			"4:36 the legal basis consnet is none that the built-in sections know, but resembles one: did you mean consent?",
			"4:45 the legal basis Contract is none that the built-in sections know, but resembles one: did you mean contract?",
		}},
		{"categories of data", "  data_collection: {consent_categories: [heath, HEALTH, Pii, telemetry, wealth]}\n", []string{
			"4:42 the category of data heath is none that the built-in sections know, but resembles one: did you mean health?",
		}},
		{"types of findings", "  content: {prohibited_findings: [EMIAL, email, UK_SSN, api-key, ACME_ID]}\n", []string{
			"4:35 the type of finding EMIAL is none that the built-in sections know, but resembles one: did you mean EMAIL?",
			"4:57 the type of finding api-key is none that the built-in sections know, but resembles one: did you mean API_KEY?",
		}},
		{"a key", "  data_storage: {retention: {max_days_by_category: {biometrics: 1, health: 2}}}\n", []string{
			"4:53 the category of data biometrics is none that the built-in sections know, but resembles one: did you mean biometric?",
		}},
		{"a status", condition(`has(agent.status) && agent.status != "killled"`), []string{"7:46 killled is no status of an agent: did you mean killed?"}},
		{"not stated", condition(`has(agent.status) && agent.status != ""`), nil},
		{"a status of a request", condition(`has(request.status) && request.status in ["open", "closed"]`), []string{"7:59 closed is no status of a request: there are: open, fulfilled, refused"}},
		{"a right", condition(`has(request.right) && "erasuer" == request.right`), []string{"7:31 the right of a data subject erasuer is none that the built-in sections know, but resembles one: did you mean erasure?"}},
		{"a type of resource", condition(`has(resource.type) && resource.type in ["pii-data", "invoice"]`), []string{"7:49 the type of resource pii-data is none that the built-in sections know, but resembles one: did you mean pii_data?"}},
		{"an element", condition(`has(data.categories) && "genetc" in data.categories`), []string{"7:33 the category of data genetc is none that the built-in sections know, but resembles one: did you mean genetic?"}},
		{"a whole list", condition(`has(data.categories) && data.categories == ["pii", "helth"]`), []string{"7:60 the category of data helth is none that the built-in sections know, but resembles one: did you mean health?"}},
		{"an element by its number", condition(`has(data.categories) && data.categories[0] == "helth"`), []string{"7:55 the category of data helth is none that the built-in sections know, but resembles one: did you mean health?"}},
		{"elements of a loop", condition(`has(data.categories) && data.categories.all(c, !(c in ["Health", "helth"]))`), []string{"7:74 the category of data helth is none that the built-in sections know, but resembles one: did you mean health?"}},
		{"fields of a loop", condition(`has(content.findings) && content.findings.exists(f, has(f.type) && f.type == "IBNA")`), []string{"7:86 the type of finding IBNA is none that the built-in sections know, but resembles one: did you mean IBAN?"}},
		{"a loop variable that hides another", condition(`has(data.categories) && data.categories.all(c, c != "pii" || ["helth"].exists(c, c == "helth"))`), nil},
		{"a parameter", "  custom:\n    - {id: a, require: 'has(agent.type) && agent.type in params.types'}\nparams:\n  types: {type: array, items: {type: string}, enum: [analytics, automaton], default: [automaton]}\n", []string{
			"5:58 automaton is no type of agent: did you mean automation?",
		}},
		{"words of other places", condition(`has(tool.name) && tool.name == "helth" && has(data.purpose) && data.purpose != "consnet"`), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range engine.Lint(document(t, "p.yaml", head+tt.rules), nil) {
				if f.Rule == "unusual-value" && f.Level == mesh.LevelWarning {
					got = append(got, fmt.Sprintf("%d:%d %s: %s", f.Line, f.Column, f.Message, f.Hint))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLintDead looks for warnings at parts that mean the same for every action,
// each said once.
func TestLintDead(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\nparams:\n  limit: {type: integer, minimum: 1, maximum: 100, default: 5}\n" +
		"  hosts: {type: array, items: {type: string, enum: [a, b]}, maxItems: 2, default: [a]}\nrules:\n  custom:\n    - id: a\n      require: |-\n        "
	const tail = "\n    - {id: reads, when: 'action.type == \"x.y\"', require: 'has(tool.args.n) && tool.args.n < params.limit && has(tool.name) && tool.name in params.hosts'}\n"
	for _, tt := range []struct {
		cel  string
		want []string
	}{
		{`params.limit > 100`, []string{"10:9 cel-constant CEL: `params.limit > 100` never holds: params.limit is from 1 to 100 (correct it; if that is meant, \"false\" says it plainly)"}},
		{`has(tool.name) && (tool.name == "x" || "c" in params.hosts)`, []string{"10:48 cel-constant CEL: `\"c\" in params.hosts` never holds: an element of params.hosts is one of a, b (correct it, or leave it out)"}},
		{`size(params.hosts) < 3`, []string{"10:9 cel-constant CEL: `size(params.hosts) < 3` always holds: size(params.hosts) is from 0 to 2 (correct it, or leave it out)"}},
		{`1 < 2`, []string{"10:9 always-true no action that a looks at can violate it (correct require, or remove the rule)"}},
		{`has(tool.name) && [1][5] == 1`, []string{"10:27 cel-fails CEL: `[1][5]` always fails: the list has no element 5 (correct it, or leave it out)"}},
		{`false`, nil},
		{`has(tool.args.amount) && tool.args.amount <= params.limit`, nil},
	} {
		t.Run(tt.cel, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range engine.Lint(document(t, "p.yaml", head+tt.cel+tail), nil) {
				got = append(got, fmt.Sprintf("%d:%d %s %s (%s)", f.Line, f.Column, f.Rule, f.Message, f.Hint))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLintContraries looks for values that are allowed and prohibited, each
// contradiction said once.
func TestLintContraries(t *testing.T) {
	t.Parallel()
	const clear = ", which prevails (leave it out of one of the lists)"
	for rules, want := range map[string][]string{
		"purposes: {allowed: [a, b, c], prohibited: [b, c, d]}":                                         {"4:34 b, c: allowed by purposes.allowed and prohibited by purposes.prohibited" + clear},
		"purposes: {allowed: [a], prohibited: [a]}":                                                     {"4:28 a: allowed by purposes.allowed and prohibited by purposes.prohibited" + clear},
		"purposes: {allowed: [a], prohibited: [b]}":                                                     nil,
		"data_collection: {purpose_limitation: true, valid_purposes: [a, b], prohibited_purposes: [a]}": {"4:71 a: allowed by data_collection.valid_purposes and prohibited by data_collection.prohibited_purposes" + clear},
		"tools: {allowed: [a], prohibited: [a, b]}":                                                     {"4:25 a: allowed by tools.allowed and prohibited by tools.prohibited" + clear},
		"data_minimization: {allowed_fields: [a, b], prohibited_fields: [b]}":                           {"4:47 b: allowed by data_minimization.allowed_fields and prohibited by data_minimization.prohibited_fields" + clear},
		"agents: {allowed: [a], stopped: [a]}":                                                          {`4:26 agents.allowed and agents.stopped look at the same actions, and none can satisfy both: {"agent":{"id":"a"},"action":{"type":"data.read"}} satisfies agents.allowed and therefore violates agents.stopped (give them values that one action can have)`},
		"agents: {allowed: [a, b], stopped: [a]}":                                                       nil, // somebody stopped it for a while
	} {
		t.Run(rules, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range engine.Lint(document(t, "p.yaml", "version: \"3.0.0\"\nname: n\nrules:\n  "+rules+"\n"), nil) {
				got = append(got, fmt.Sprintf("%d:%d %s (%s)", f.Line, f.Column, f.Message, f.Hint))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// named is a catalog that knows the names of its frameworks.
type named struct{ catalog }

func (n named) FrameworkNames() []string { return []string{"gdpr", "soc2"} }

// TestLintFrameworks looks for findings at misspelt frameworks, and at controls
// that are not one.
func TestLintFrameworks(t *testing.T) {
	t.Parallel()
	const unusual, kind = "unusual-framework the framework GDPRR is none of the catalog's, but resembles one: did you mean gdpr?",
		"unknown-control a rule cannot serve all controls of a kind: "
	const list = ": list the controls one by one; a paragraph below a listed control means that control"
	for _, tt := range []struct {
		framework, control string
		want               []string
	}{
		{"GDPR", "soc2:CC6.1", nil},
		{"GDPRR", "Art.5", []string{"3:12 " + unusual}},
		{"GDPRR", "GDPRR:Art.5", []string{"3:12 " + unusual}},
		{"GDPR", "GDPRR:Art.5", []string{"6:46 " + unusual}},
		{"GDPR", "soc3:CC6.1", nil}, // another number is another thing
		{"GDPR", "acme:1", nil},
		{"GDPR", "Art.*", []string{"6:46 " + kind + "Art.*" + list}},
		{"GDPR", "acme:3.*", []string{"6:46 " + kind + "acme:3.*" + list}},
	} {
		t.Run(tt.framework+" "+tt.control, func(t *testing.T) {
			t.Parallel()
			doc := document(t, "p.yaml", "version: \"3.0.0\"\nname: n\nframework: "+tt.framework+"\nrules: {agents: {active_only: true}}\ncontrols:\n  agents.active_only: [\"gdpr:Art.5\", acme:2, \""+tt.control+"\"]\n")
			var got []string
			for _, f := range engine.Lint(doc, named{known}) {
				got = append(got, fmt.Sprintf("%d:%d %s %s: %s", f.Line, f.Column, f.Rule, f.Message, f.Hint))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, rules string
		want        []string // "line:column level rule message (hint)" or a part of it
	}{
		{"nothing", egressTLS, nil},
		{"unknown field", "    - {id: a, require: 'has(data.purpos)'}\n", []string{"5:34 error cel-unknown-field CEL: data has no field purpos (did you mean purpose?)"}},
		{"unknown field, folded", "    - id: a\n      require: >-\n        action.type == \"x\" ||\n        dta.purpose == \"x\"\n", []string{"8:9 error cel-unknown-name CEL: unknown name dta (did you mean data?)"}},
		{"unknown field of an element", "    - {id: a, require: 'content.findings.all(f, f.typ == \"\")'}\n", []string{"5:51 error cel-unknown-field CEL: f has no field typ (did you mean type?)"}},
		{"unknown param", "    - {id: a, require: 'params.host'}\n", []string{"5:32 error cel-unknown-field CEL: params has no field host"}},
		{"wrong type", "    - {id: a, require: 'data.purpose == 3'}\n", []string{"5:38 error cel-type CEL: cannot compare text with a whole number: `==` (both sides must be of one type)"}},
		{"no bool", "    - {id: a, require: 'data.purpose'}\n", []string{"5:25 error cel-type the expression must be true or false, but is text (compare it"}},
		{"no bool for sure", "    - {id: a, require: 'context.ok'}\n", []string{"must be true or false, but is a value of any type"}},
		{"syntax", "    - {id: a, require: 'data.'}\n", []string{"5:29 error cel-syntax CEL:"}},
		{"unknown function", "    - {id: a, require: 'sze(data.fields) > 0'}\n", []string{"error cel-unknown-name CEL: unknown name sze (did you mean size?)"}},
		{"the clock", "    - {id: a, require: 'timestamp < now()'}\n", []string{"unknown name now"}},
		{"an object", "    - {id: a, require: 'mesh.Data{purpose: \"a\"} == data'}\n", []string{"cannot make an object"}},
		{"a loop that hides a parameter", "    - {id: a, require: 'has(data.fields) && data.fields.all(params, params != \"x\")'}\n", []string{"5:60 error cel-type CEL: the variable params of a loop hides params itself"}},
		{"a regular expression", "    - {id: a, require: 'has(resource.id) && resource.id.matches(\"(\")'}\n", []string{"5:65 error cel-regex CEL: the regular expression does not compile: missing closing ) in ("}},
		{"a regular expression that unfolds", "    - {id: a, require: 'action.type.matches(\"(a{1000}){1000}\")'}\n", []string{"5:45 error cel-regex CEL: the regular expression unfolds into more than 2000 steps (regular expressions are RE2"}},
		{"a regular expression of the action", "    - {id: a, require: 'has(actor.userId) && action.type.matches(actor.userId)'}\n", []string{"5:66 error cel-regex CEL: the pattern of matches() is taken from the action (write the pattern out"}},
		{"too deep", "    - {id: a, require: '" + strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200) + "'}\n", []string{"5:25 error cel-depth CEL: the expression is nested more than 100 levels deep (split the rule"}},
		{"lists in lists", "    - {id: a, require: 'true || " + strings.Repeat("[", 90) + strings.Repeat("]", 90) + " == []'}\n", []string{"5:41 error cel-depth CEL: lists, maps and loops stand within each other more than 8 levels deep"}},
		{"expensive", "    - {id: a, require: 'has(data.fields) && data.fields.all(a, data.fields.all(b, data.fields.all(c, a + b != c)))'}\n", []string{"5:25 error cel-cost"}},
		{"both expressions at once", "    - {id: a, when: 'dta', require: 'dat'}\n", []string{"5:22 error", "5:38 error"}},
		{"optional field", "    - {id: a, require: 'data.purpose == \"x\"'}\n", []string{"5:25 warning cel-has data.purpose may be absent, and reading it then is an error, which denies in enforce mode (guard it: has(data.purpose) && …)"}},
		{"guarded by when", "    - {id: a, when: 'has(data.purpose)', require: 'data.purpose == \"x\"'}\n", nil},
		{"guarded by a disjunction", "    - {id: a, require: '!has(data.purpose) || data.purpose == \"x\"'}\n", nil},
		{"guarded by a conditional", "    - {id: a, require: 'has(data.purpose) ? data.purpose == \"x\" : false'}\n", nil},
		{"guarded by in", "    - {id: a, require: '\"n\" in tool.args && tool.args.n == 1'}\n", nil},
		{"wrongly guarded", "    - {id: a, require: 'has(data.purpose) || data.purpose == \"x\"'}\n", []string{"5:46 warning cel-has data.purpose"}},
		{"optional field of the action", "    - {id: a, require: 'environment == \"x\"'}\n", []string{"warning cel-has environment may be absent"}},
		{"optional field of an element", "    - {id: a, require: 'has(content.findings) && content.findings.all(f, f.count == 0)'}\n", []string{"5:74 warning cel-has f.count may be absent"}},
		{"guarded field of an element", "    - {id: a, require: 'has(content.findings) && content.findings.all(f, !has(f.count) || f.count == 0)'}\n", nil},
		{"a loop variable named as a field", "    - {id: a, require: 'has(actor.groups) && actor.groups.all(environment, environment != \"x\")'}\n", nil},
		{"a loop within a loop", "    - {id: a, require: 'has(actor.groups) && has(content.findings) && actor.groups.all(f, content.findings.all(f, f.type == \"x\") && f != \"\")'}\n", []string{"warning cel-has f.type may be absent"}},
		{"unknown control", "    - {id: a, require: 'true', controls: [\"gdpr:Art.77\"]}\n", []string{"5:43 error unknown-control gdpr has no control Art.77 (did you mean Art.5?)"}},
		{"control without a framework", "    - {id: a, require: 'true', controls: [\"Art.6\"]}\n", []string{"5:43 error unknown-control the control Art.6 names no framework"}},
		{"control of another framework", "    - {id: a, require: 'has(data.purpose)', controls: [\"acme:1\"]}\n", nil},
		{"nothing behind the colon", "    - {id: a, require: 'true', controls: [\"gdpr:\"]}\n", []string{"names no control"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := document(t, "p.yaml", custom(tt.rules))
			findings := engine.Lint(doc, known)
			var got []string
			for _, f := range findings {
				s := fmt.Sprintf("%d:%d %s %s %s", f.Line, f.Column, f.Level, f.Rule, f.Message)
				if f.Hint != "" {
					s += " (" + f.Hint + ")"
				}
				got = append(got, s)
			}
			all := strings.Join(got, "\n")
			for _, w := range tt.want {
				if !strings.Contains(all, w) {
					t.Errorf("no finding %q", w)
				}
			}
			if t.Failed() || len(tt.want) == 0 && len(got) > 0 {
				t.Errorf("findings:\n%s", all)
			}
			_, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}})
			var e *mesh.Error
			if strings.Contains(all, " error cel-") != (errors.As(err, &e) && e.Code == mesh.CodePolicyInvalid && mesh.HasErrors(e.Findings)) {
				t.Errorf("Compile: %v", err)
			}
		})
	}
}

func TestLintBuiltInWithoutControls(t *testing.T) {
	t.Parallel()
	const src = "version: \"3.0.0\"\nname: n\nframework: Acme Rules\nrules: {data_collection: {consent_required: true}}\n"
	findings := engine.Lint(document(t, "p.yaml", src), known)
	if len(findings) != 1 || findings[0].Rule != "no-controls" || findings[0].Level != mesh.LevelWarning {
		t.Errorf("findings: %v", findings)
	}
	bound := src + "controls: {data_collection.consent_required: [\"1.2\", \"GDPR:Article 6\"]}\n"
	doc := document(t, "p.yaml", bound)
	if findings := engine.Lint(doc, known); len(findings) > 0 {
		t.Errorf("findings: %v", findings)
	}
	want := map[string][]mesh.ControlID{"data_collection.consent_required": {"acme-rules:1.2", "gdpr:Art.6"}}
	if diff := cmp.Diff(want, engine.RuleIndex(doc, known)); diff != "" {
		t.Errorf("rule index (-want +got):\n%s", diff)
	}
}

// TestRuleIndexOfMappings binds controls to all rules of a primitive, and to
// one of them.
func TestRuleIndexOfMappings(t *testing.T) {
	t.Parallel()
	doc := document(t, "p.yaml", `version: "3.0.0"
name: n
framework: SOC2
rules: {tools: {by_role: {pay: [boss], refund: [boss]}, by_agent: {a1: [pay]}}}
controls: {tools.by_role.*: ["acme:1"], tools.by_role.refund: ["acme:2"]}
`)
	want := map[string][]mesh.ControlID{
		"tools.by_role.pay": {"acme:1"}, "tools.by_role.refund": {"acme:2"}, "tools.by_agent.a1": {"soc2:CC6.1", "soc2:CC6.3"},
	}
	if diff := cmp.Diff(want, engine.RuleIndex(doc, nil)); diff != "" {
		t.Errorf("rule index (-want +got):\n%s", diff)
	}
}

func TestFramework(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]mesh.FrameworkID{"GDPR": "gdpr", "SOC 2": "soc2", "FedRAMP Moderate": "fedramp-moderate", "My_Own 1": "my-own-1"} {
		doc := document(t, "p.yaml", "version: \"3.0.0\"\nname: n\nframework: "+label+"\nrules: {data_collection: {consent_required: true}}\n")
		if got := engine.Framework(doc, nil); got != want {
			t.Errorf("Framework of %q = %s, want %s", label, got, want)
		}
	}
}

func TestInputs(t *testing.T) {
	t.Parallel()
	doc := document(t, "p.yaml", custom(`    - {id: a, when: 'has(environment) && tool.args["amount"] > 1', require: 'content.findings.all(f, f.count > 0) && data.consent.given'}
`))
	want := []string{"content.findings", "data.consent.given", "environment", "tool.args.amount"}
	if diff := cmp.Diff(want, engine.Inputs(doc)); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	doc = document(t, "p.yaml", custom("    - {id: a, require: '!personalData()'}\n"))
	want = []string{"action.type", "content.findings", "data.categories", "resource.type"}
	if diff := cmp.Diff(want, engine.Inputs(doc)); diff != "" {
		t.Errorf("inputs of personalData() (-want +got):\n%s", diff)
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	doc, _ := parseExample()
	tests := []struct {
		name   string
		policy engine.Policy
		code   mesh.Code
	}{
		{"no document", engine.Policy{ID: "a/b"}, mesh.CodeInvalid},
		{"mode", engine.Policy{ID: "a/b", Document: doc, Mode: "strict"}, mesh.CodeInvalid},
		{"missing parameter", engine.Policy{ID: "a/b", Document: doc}, mesh.CodeInvalid},
		{"wrong parameter", engine.Policy{ID: "a/b", Document: doc, Params: map[string]any{"approvedHosts": "x"}}, mesh.CodeInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := engine.Compile([]engine.Policy{tt.policy}); mesh.CodeOf(err) != tt.code {
				t.Errorf("Compile: %v, want code %s", err, tt.code)
			}
		})
	}
}

// TestControlsComeFromTheIndex holds decisions to the signed rule index.
func TestControlsComeFromTheIndex(t *testing.T) {
	t.Parallel()
	doc := document(t, "p.yaml", custom(egressTLS))
	p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc, Controls: map[string][]mesh.ControlID{"tls": {"acme:7"}}}})
	if err != nil {
		t.Fatal(err)
	}
	var r engine.Result
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"egress"}}`), engine.Inline, &r)
	if diff := cmp.Diff([]mesh.ControlID{"acme:7"}, r.Violations[0].Controls); diff != "" {
		t.Errorf("controls (-want +got):\n%s", diff)
	}
}

func TestUnknownPrimitive(t *testing.T) {
	t.Parallel()
	doc := &policy.Document{Name: "n", Rules: []policy.Rule{{ID: "x", Primitive: "x"}}}
	if findings := engine.Lint(doc, nil); !mesh.HasErrors(findings) {
		t.Errorf("findings: %v", findings)
	}
	if _, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}}); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
		t.Errorf("Compile: %v", err)
	}
}

// TestLintSameExpressionTwice holds that a fault is reported wherever its
// expression stands.
func TestLintSameExpressionTwice(t *testing.T) {
	t.Parallel()
	findings := engine.Lint(document(t, "p.yaml", custom("    - {id: a, require: 'dta'}\n    - {id: b, require: 'dta'}\n    - {id: c, when: 'data.purpose == \"x\"', require: 'data.purpose == \"x\"'}\n")), nil)
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Rule))
	}
	if diff := cmp.Diff([]string{"5:25 cel-unknown-name", "6:25 cel-unknown-name", "7:22 cel-has", "7:54 cel-has", "7:54 always-true"}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// BenchmarkCompile compiles 1,000 rules of the usual size.
func BenchmarkCompile(b *testing.B) {
	var rules strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&rules, "    - {id: r%d, when: 'action.type == \"egress\" && has(data.categories) && \"c%d\" in data.categories', require: 'has(egress.host) && egress.host == \"h%d\"'}\n", i, i%10, i)
	}
	policies := []engine.Policy{{ID: "a/b", Document: document(b, "p.yaml", custom(rules.String()))}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Compile(policies); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleLint() {
	doc, _ := policy.Parse("policy.yaml", []byte("version: \"3.0.0\"\nname: Shop\nrules:\n  custom:\n    - id: tls\n      require: >-\n        action.type != \"egress\" ||\n        egres.tls == true\n"))
	for _, f := range engine.Lint(doc, nil) {
		fmt.Println(f)
	}
	// Output:
	// policy.yaml:8:9: error: CEL: unknown name egres (did you mean egress?)
}

// FuzzCompile compiles and evaluates arbitrary CEL.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`action.type == "egress"`, `has(data.consent.given) && !personalData()`, `content.findings.exists(f, f.type.matches("a+"))`, `context[1][2] == [1, {"a": b}]`, `[[[[[[[[[1]]]]]]]]][0] == 1`, `action.type.matches(action.name)`, `["a{3}"].all(p, action.type.matches("(" + p + "){2}"))`,
		`timestamp + duration("1h") > timestamp`, `data == data && type(data) == type(actor)`, `has(x)`, "a\nb\r\"\\", `[1,2].map(x, x/0).size() in params`, `data.categories.filter(c, c > "a")[0].size() == 1u`,
	} {
		f.Add(s)
	}
	a, err := actionOf(`{"action":{"type":"egress"},"data":{"categories":["pii"],"consent":{"given":true}},"content":{"findings":[{"type":"EMAIL"}]},"context":{"a":[1,{"b":null}]}}`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		doc := &policy.Document{Name: "f", Rules: []policy.Rule{{ID: "a", When: policy.Expr{Source: source}, Require: policy.Expr{Source: source}}}}
		doc.Enforcement.Mode = mesh.ModeEnforce
		engine.Lint(doc, nil)
		p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}})
		if err != nil {
			return
		}
		var r engine.Result
		p.Evaluate(t.Context(), a, engine.Inline, &r)
		if len(r.Errors) > 0 && r.Allowed {
			t.Fatal("a rule that fails allows")
		}
	})
}
