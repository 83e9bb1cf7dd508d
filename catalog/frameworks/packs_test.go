package frameworks_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// packs are the frameworks that have an official bundle.
var packs = []string{"gdpr", "hipaa"}

// parsePack reads a pack's policy, which must be without any finding.
func parsePack(t *testing.T, name string) *policy.Document {
	t.Helper()
	file := filepath.Join("packs", name, "policy.yaml")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, findings := policy.Parse(file, src)
	if doc != nil {
		findings = append(findings, engine.Lint(doc, load(t))...)
	}
	for _, f := range findings {
		t.Errorf("%s", f)
	}
	if doc == nil {
		t.FailNow()
	}
	return doc
}

// compilePack compiles a pack with the parameters given.
func compilePack(t *testing.T, name string, params map[string]any) *engine.Program {
	t.Helper()
	doc := parsePack(t, name)
	program, err := engine.Compile([]engine.Policy{{
		ID: "mesh/" + name, Document: doc, Params: params, Controls: engine.RuleIndex(doc, load(t)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestPackCases(t *testing.T) {
	t.Parallel()
	for _, name := range packs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join("packs", name, "*_test.yaml"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no cases: %v", err)
			}
			var suites []*cases.Suite
			for _, file := range files {
				src, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				suite, findings := cases.Parse(file, src)
				for _, f := range findings {
					t.Errorf("%s", f)
				}
				if suite != nil {
					suites = append(suites, suite)
				}
			}
			report := cases.Run(t.Context(), compilePack(t, name, nil), suites)
			for _, c := range report.Cases {
				for _, failure := range c.Failures {
					t.Errorf("%s: %s: %s", c.Position, c.Name, failure)
				}
			}
			for _, rule := range report.Coverage {
				if !rule.Covered() {
					t.Errorf("rule %s fires in %d cases and holds in %d: it needs both", rule.RuleID, rule.Fired, rule.NotFired)
				}
			}
			t.Logf("%d cases, %d rules, coverage %.0f%%", len(report.Cases), len(report.Coverage), 100*report.Covered())
		})
	}
}

// TestPackRulesAreComplete demands of an official rule what a reader needs.
func TestPackRulesAreComplete(t *testing.T) {
	t.Parallel()
	for _, name := range packs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t)
			doc := parsePack(t, name)
			index := engine.RuleIndex(doc, c)
			for _, rule := range doc.Rules {
				if len(index[rule.ID]) == 0 {
					t.Errorf("%s serves no control", rule.ID)
				}
				for _, id := range index[rule.ID] {
					control, ok := c.Control(id)
					if !ok || control.Addressee != frameworks.Operator {
						t.Errorf("%s serves %s, which is not a control of the operator", rule.ID, id)
					}
				}
				if rule.Primitive == "" && (rule.Message == "" || rule.Recommendation == "" || rule.Severity == "") {
					t.Errorf("%s lacks message, recommendation or severity", rule.ID)
				}
			}
			for _, p := range doc.Params {
				if p.Default == nil || p.Description == "" {
					t.Errorf("parameter %s lacks default or description", p.Name)
				}
			}
		})
	}
}

// TestPackParameters shows what the parameters open that the defaults deny.
func TestPackParameters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pack string
		params     map[string]any
		action     string
		denied     []string // rule ids under the defaults; with params nothing is
	}{
		{
			name: "a processor under contract", pack: "gdpr",
			params: map[string]any{"processors": []any{"openai"}},
			action: `{"agent": {"id": "a"}, "action": {"type": "model.call"},
				"data": {"categories": ["pii"], "purpose": "user_support", "legalBasis": "contract"},
				"model": {"provider": "openai", "region": "eu-west-1", "contract": "dpa-2026-01"}}`,
			denied: []string{"processor-contract"},
		},
		{
			name: "an adequate region", pack: "gdpr",
			params: map[string]any{"adequateRegions": []any{"ap-northeast-1"}},
			action: `{"agent": {"id": "a"}, "action": {"type": "egress"}, "egress": {"host": "tokyo.example", "tls": true},
				"data": {"categories": ["pii"], "purpose": "user_support", "legalBasis": "contract", "destinationRegion": "ap-northeast-1"}}`,
			denied: []string{"third-country-transfer"},
		},
		{
			name: "a purpose of one's own", pack: "gdpr",
			params: map[string]any{"purposes": []any{"clinical_trial"}},
			action: `{"agent": {"id": "a"}, "action": {"type": "data.read"},
				"data": {"categories": ["pii"], "purpose": "clinical_trial", "legalBasis": "legal_obligation"}}`,
			denied: []string{"specified-purpose"},
		},
		{
			name: "an approved host", pack: "hipaa",
			params: map[string]any{"approvedHosts": []any{"lab.example"}},
			action: `{"agent": {"id": "a"}, "action": {"type": "egress"}, "egress": {"host": "lab.example", "tls": true},
				"data": {"categories": ["phi"], "purpose": "treatment"}}`,
			denied: []string{"phi-egress"},
		},
		{
			name: "a business associate", pack: "hipaa",
			params: map[string]any{"businessAssociates": []any{"openai"}},
			action: `{"agent": {"id": "a"}, "action": {"type": "model.call"},
				"data": {"categories": ["phi"], "purpose": "treatment"}, "model": {"provider": "openai", "contract": "baa-2026-01"}}`,
			denied: []string{"business-associate"},
		},
		{
			name: "an approved tool", pack: "hipaa",
			params: map[string]any{"approvedTools": []any{"ehr"}},
			action: `{"agent": {"id": "a"}, "action": {"type": "tool.call"},
				"data": {"categories": ["phi"], "purpose": "treatment"}, "tool": {"server": "ehr", "name": "read_chart"}}`,
			denied: []string{"tool-access"},
		},
		{
			name: "no second factor", pack: "hipaa",
			params: map[string]any{"requireMfa": false},
			action: `{"agent": {"id": "a"}, "actor": {"userId": "n.okafor", "role": "nurse"}, "action": {"type": "data.read"},
				"data": {"categories": ["phi"], "purpose": "treatment"}}`,
			denied: []string{"authenticated-person"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			action, err := decode.Action([]byte(tt.action))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.denied, decide(t, compilePack(t, tt.pack, nil), action)); diff != "" {
				t.Errorf("violations under the defaults (-want +got):\n%s", diff)
			}
			if got := decide(t, compilePack(t, tt.pack, tt.params), action); len(got) > 0 {
				t.Errorf("violations with %v: %v", tt.params, got)
			}
		})
	}
}

// TestPacksLeaveHarmlessActionsAlone runs both packs at once over what agents
// do all day without personal data.
func TestPacksLeaveHarmlessActionsAlone(t *testing.T) {
	t.Parallel()
	c := load(t)
	var policies []engine.Policy
	for _, name := range packs {
		doc := parsePack(t, name)
		policies = append(policies, engine.Policy{ID: "mesh/" + name, Document: doc, Controls: engine.RuleIndex(doc, c)})
	}
	program, err := engine.Compile(policies)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{
		`{"action": {"type": "model.call"}, "model": {"provider": "openai", "name": "gpt-4"}}`,
		`{"action": {"type": "tool.call"}, "tool": {"server": "git", "name": "status"}}`,
		`{"action": {"type": "workflow.step", "name": "plan"}}`,
		`{"action": {"type": "data.read"}, "data": {"categories": []}, "resource": {"type": "source_code"}}`,
		`{"action": {"type": "data.read"}, "data": {"categories": ["telemetry"]}}`,
		`{"action": {"type": "egress"}, "data": {"categories": []}, "egress": {"host": "pypi.org", "tls": true}}`,
		`{"action": {"type": "vendor.custom"}, "context": {"anything": [1, {"goes": true}]}}`,
		`{"action": {"type": "subject.request"}, "request": {"right": "access", "status": "open", "ageHours": 1}}`,
	} {
		action, err := decode.Action([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if got := decide(t, program, action); len(got) > 0 {
			t.Errorf("%s violates %v", src, got)
		}
	}
}

// decide returns the rules an action violates; none may fail.
func decide(t *testing.T, program *engine.Program, action *mesh.Action) []string {
	t.Helper()
	var result engine.Result
	program.Evaluate(t.Context(), action, engine.Inline, &result)
	for _, e := range result.Errors {
		t.Errorf("rule %s failed: %s", e.RuleID, e.Message)
	}
	var rules []string
	for _, v := range result.Violations {
		rules = append(rules, v.RuleID)
	}
	if result.Allowed != (len(rules) == 0) {
		t.Errorf("allowed is %v with violations %v", result.Allowed, rules)
	}
	return rules
}

// TestPrimitiveControlsExist keeps what built-in rules claim to serve within
// the catalog, in its spelling.
func TestPrimitiveControlsExist(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, p := range primitives.All() {
		for _, id := range p.Controls {
			control, ok := c.Control(id)
			if !ok {
				t.Errorf("%s serves %s, which is no control; nearest is %s", p.ID, id, c.Nearest(id.Framework(), id.Local()))
				continue
			}
			if control.Addressee != frameworks.Operator {
				t.Errorf("%s serves %s, which does not bind the operator", p.ID, id)
			}
		}
	}
}
