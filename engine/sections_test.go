package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// load reads a policy that must be without findings.
func load(t testing.TB, path string) *policy.Document {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return document(t, path, string(src))
}

func document(t testing.TB, file, src string) *policy.Document {
	t.Helper()
	doc, findings := policy.Parse(file, []byte(src))
	if doc == nil {
		t.Fatalf("parsing: %v", findings)
	}
	return doc
}

func program(t testing.TB, docs ...*policy.Document) *engine.Program {
	t.Helper()
	var policies []engine.Policy
	for i, d := range docs {
		policies = append(policies, engine.Policy{ID: "acme/p" + string(rune('0'+i)), Document: d})
	}
	p, err := engine.Compile(policies)
	if err != nil {
		t.Fatalf("compiling: %v", err)
	}
	return p
}

// TestSections runs the cases that say what the built-in sections mean, and
// demands that every rule both fires and does not.
func TestSections(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "sections_test.yaml")
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	suite, findings := cases.Parse(t.Context(), path, src)
	if suite == nil {
		t.Fatalf("findings: %v", findings)
	}
	doc := load(t, filepath.Join("testdata", suite.Policy))
	if findings := engine.Lint(doc, nil); len(findings) > 0 {
		t.Errorf("lint: %v", findings)
	}
	report := cases.Run(t.Context(), program(t, doc), []*cases.Suite{suite})
	for _, c := range report.Cases {
		for _, f := range c.Failures {
			t.Errorf("%s: %s: %s", c.Position, c.Name, f)
		}
	}
	for _, c := range report.Coverage {
		if !c.Covered() {
			t.Errorf("%s fired %d times and did not %d times", c.RuleID, c.Fired, c.NotFired)
		}
	}
}

// TestDecisionsNameRulesAndControls is the whitepaper's example both ways: an
// allowed decision is evidence, too.
func TestDecisionsNameRulesAndControls(t *testing.T) {
	t.Parallel()
	p := program(t, load(t, filepath.Join("testdata", "sections.yaml")))
	var r engine.Result

	p.Evaluate(t.Context(), action(t, `{"action":{"type":"data.read"},"resource":{"type":"pii_data"},"data":{"categories":["pii"],"purpose":"marketing_without_consent"}}`), engine.Inline, &r)
	if r.Allowed || r.WouldAllow || !r.Evaluated || r.Mode != mesh.ModeEnforce {
		t.Errorf("marketing without consent: %+v", r)
	}
	var prohibited *mesh.Violation
	for i, v := range r.Violations {
		if v.RuleID == "data_collection.prohibited_purposes" {
			prohibited = &r.Violations[i]
		}
	}
	if prohibited == nil {
		t.Fatalf("violations: %+v", r.Violations)
	}
	if prohibited.PolicyID != "acme/p0" || prohibited.Severity != mesh.SeverityHigh || prohibited.Message == "" || len(prohibited.Controls) == 0 || prohibited.Controls[0] != "gdpr:Art.5" {
		t.Errorf("violation: %+v", prohibited)
	}
	if len(r.Recommendations) == 0 {
		t.Error("no recommendations")
	}

	p.Evaluate(t.Context(), action(t, `{"action":{"type":"data.read"},"data":{"categories":["pii"],"purpose":"user_support","consent":{"given":true,"purposes":["user_support"]}}}`), engine.Inline, &r)
	if !r.Allowed || !r.WouldAllow || len(r.Violations) > 0 || len(r.Policies) != 1 {
		t.Fatalf("support with consent: %+v", r)
	}
	e := r.Policies[0]
	if e.Decision != mesh.EvaluationAllow || e.Reason == "" || len(e.Rules) != 3 || len(e.Controls) != 3 {
		t.Errorf("evaluation: %+v", e)
	}
}
