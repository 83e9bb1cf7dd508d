package cases_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// compile compiles a policy of custom rules.
func compile(t testing.TB, rules string) *engine.Program {
	t.Helper()
	doc, findings := policy.Parse("policy.yaml", []byte("version: \"3.0.0\"\nname: Test\n"+rules))
	if doc == nil {
		t.Fatalf("findings: %v", findings)
	}
	p, err := engine.Compile([]engine.Policy{{ID: "acme/test", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func suite(t testing.TB, src string) *cases.Suite {
	t.Helper()
	s, findings := cases.Parse(t.Context(), "policy_test.yaml", []byte(src))
	if s == nil {
		t.Fatalf("findings: %v", findings)
	}
	return s
}

// TestClauseCoverage looks at one rule that requires several things.
func TestClauseCoverage(t *testing.T) {
	t.Parallel()
	p := compile(t, `rules:
  custom:
    - id: refund
      when: has(tool.name) && tool.name == "refund"
      require: >-
        has(tool.args.amount) && tool.args.amount <= 500
        && (approval.approver != "" || has(actor.mfa) && actor.mfa)
        && has(data.region) && data.region in ["eu", "us"]
`)
	const amount, approved, region = `has(tool.args.amount) && tool.args.amount <= 500`,
		`approval.approver != "" || has(actor.mfa) && actor.mfa`, `has(data.region) && data.region in ["eu", "us"]`
	tests := []struct {
		name, given string
		want        map[string]cases.ClauseCoverage
	}{
		{"the rule does not look", `{}`, map[string]cases.ClauseCoverage{
			amount:   {Hint: "add a case that the rule looks at"},
			approved: {Hint: "add a case that the rule looks at"},
			region:   {Hint: "add a case that the rule looks at"},
		}},
		{"all is met", `{tool: {name: refund, args: {amount: 500}}, approval: {approver: ann}, data: {region: eu}}`, map[string]cases.ClauseCoverage{
			amount:   {Met: 1, Hint: "add a case where tool.args.amount is absent or more than 500"},
			approved: {Met: 1, Hint: "add a case where approval.approver is \"\" and (actor.mfa is absent or false)"},
			region:   {Met: 1, Hint: "add a case where data.region is absent or none of eu, us"},
		}},
		{"two are violated", `{tool: {name: refund, args: {amount: 501}}, approval: {approver: ann}, data: {region: cn}}`, map[string]cases.ClauseCoverage{
			amount:   {Violated: 1, Hint: "add a case where tool.args.amount is at most 500"},
			approved: {Met: 1, Hint: "add a case where approval.approver is \"\" and (actor.mfa is absent or false)"},
			region:   {Violated: 1, Hint: "add a case where data.region is one of eu, us"},
		}},
		{"one has no value, one is violated", `{tool: {name: refund, args: {amount: 501}}, data: {region: eu}}`, map[string]cases.ClauseCoverage{
			amount:   {Violated: 1, Hint: "add a case where tool.args.amount is at most 500"},
			approved: {Hint: "add a case where approval.approver is \"\" and (actor.mfa is absent or false)"},
			region:   {Met: 1, Hint: "add a case where data.region is absent or none of eu, us"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := suite(t, "base: {action: {type: tool.call}}\ncases: [{name: c, given: "+tt.given+", want: {allowed: true}}]\n")
			got := map[string]cases.ClauseCoverage{}
			for _, c := range cases.Run(t.Context(), p, []*cases.Suite{s}).Coverage[0].Clauses {
				got[c.Clause] = c
			}
			for clause, c := range tt.want {
				c.Clause = clause
				tt.want[clause] = c
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("clauses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClauseThatIsNeverMet(t *testing.T) {
	t.Parallel()
	p := compile(t, `params:
  hosts: {type: array, items: {type: string}, default: []}
rules:
  custom:
    - {id: never, when: action.type == "egress", require: "false"}
    - {id: none-by-default, when: action.type == "egress", require: has(egress.host) && egress.host in params.hosts}
`)
	s := suite(t, "cases: [{name: c, given: {action: {type: egress}}, want: {allowed: false}}]\n")
	report := cases.Run(t.Context(), p, []*cases.Suite{s})
	if got := report.CoveredClauses(); got != 1 {
		t.Errorf("CoveredClauses = %v, want all: %+v", got, report.Coverage)
	}
}

func TestDefaultIsCovered(t *testing.T) {
	t.Parallel()
	p := compile(t, "default: deny\nrules:\n  custom:\n    - {id: known, when: action.type == \"egress\", require: has(egress.tls) && egress.tls}\n")
	s := suite(t, "cases: [{name: c, given: {action: {type: egress}}, want: {allowed: false}}]\n")
	got := cases.Run(t.Context(), p, []*cases.Suite{s}).Coverage[1]
	want := cases.RuleCoverage{PolicyID: "acme/test", RuleID: "default", NotFired: 1, Clauses: []cases.ClauseCoverage{}, Hint: "add a case that no rule looks at"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
}

// TestIdleDefaultIsNotCounted: no case is asked for that nobody can write, and no
// change is tried that none can notice.
func TestIdleDefaultIsNotCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, rules string
		counted     bool
	}{
		{"a rule without a condition", "{custom: [{id: a, require: has(actor.userId)}]}", false},
		{"a built-in rule", "{agents: {allowed: [a]}}", false},
		{"rules that look at everything together", "{custom: [{id: a, when: has(data.purpose), require: has(actor.userId)}, {id: b, when: '!has(data.purpose)', require: 'false'}]}", false},
		{"a rule that leaves something", "{custom: [{id: a, when: has(data.purpose), require: has(actor.userId)}]}", true},
		{"a rule that leaves one type of action", "{access: {user_required: true}}", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := compile(t, "default: deny\nrules: "+tt.rules+"\n")
			s := suite(t, "cases: [{name: c, given: {action: {type: egress}}, want: {allowed: false, violations: [default]}}]\n")
			report := cases.Run(t.Context(), p, []*cases.Suite{s})
			counted := slices.ContainsFunc(report.Coverage, func(c cases.RuleCoverage) bool { return c.RuleID == policy.RuleDefault })
			if counted != tt.counted {
				t.Errorf("the default is counted: %t", counted)
			}
			for _, failure := range report.Cases[0].Failures {
				if strings.Contains(failure, "has no such rule") {
					t.Error(failure)
				}
			}
			mutants, _ := p.Mutants(cases.MaxMutants)
			if swapped := slices.ContainsFunc(mutants, func(m *engine.Mutant) bool { return m.RuleID == policy.RuleDefault }); swapped != tt.counted {
				t.Errorf("the default is changed: %t", swapped)
			}
		})
	}
}

// TestIdleDefaultLetsCoverageBeFull: cases of all other rules are all there is.
func TestIdleDefaultLetsCoverageBeFull(t *testing.T) {
	t.Parallel()
	p := compile(t, "default: deny\nrules: {agents: {allowed: [a]}}\n")
	s := suite(t, "cases:\n  - {name: c, given: {action: {type: egress}, agent: {id: a}}, want: {allowed: true}}\n  - {name: d, given: {action: {type: egress}, agent: {id: b}}, want: {allowed: false}}\n")
	if report := cases.Run(t.Context(), p, []*cases.Suite{s}); report.Covered() != 1 {
		t.Errorf("covered %v: %+v", report.Covered(), report.Coverage)
	}
}

// TestClausesThatWhenImplies: what an action has to say for the rule to look at
// it cannot be violated, so that no case is asked for.
func TestClausesThatWhenImplies(t *testing.T) {
	t.Parallel()
	p := compile(t, `rules:
  custom:
    - id: a
      when: action.type == "tool.call" && has(tool.name) && tool.name in ["pay", "refund"] && personalData()
      require: >-
        has(tool.name) && tool.name != "delete" && (personalData() || healthData())
        && has(data.region) && data.region == "eu" && !(tool.name == "ship")
`)
	s := suite(t, "base: {action: {type: tool.call}, data: {categories: [pii]}}\ncases: [{name: c, given: {tool: {name: pay}, data: {region: eu}}, want: {allowed: true}}]\n")
	report := cases.Run(t.Context(), p, []*cases.Suite{s})
	var counted []string
	for _, c := range report.Coverage[0].Clauses {
		if !c.Constant {
			counted = append(counted, c.Clause)
		} else if c.Hint != "" {
			t.Errorf("%s: a hint that nobody can follow: %s", c.Clause, c.Hint)
		}
	}
	if diff := cmp.Diff([]string{`has(data.region) && data.region == "eu"`}, counted); diff != "" {
		t.Errorf("clauses that count (-want +got):\n%s", diff)
	}
	if got := report.CoveredClauses(); got != 0 {
		t.Errorf("CoveredClauses = %v, want none of one", got)
	}
}
