package primitives_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// TestComplete checks that every primitive says all there is to say.
func TestComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range primitives.All() {
		if seen[p.ID] {
			t.Errorf("%s is defined twice", p.ID)
		}
		seen[p.ID] = true
		if p.Summary == "" || p.Require == "" && len(p.Obligations) == 0 || len(p.Controls) == 0 {
			t.Errorf("%s is incomplete: %+v", p.ID, p)
		}
		if strings.Contains(p.When, "action.type ") && !strings.HasPrefix(strings.TrimPrefix(p.When, "("), "action.type ") {
			t.Errorf("%s does not say first which actions it looks at", p.ID)
		}
		if primitives.Lookup(p.ID) != p {
			t.Errorf("%s is not found by its id", p.ID)
		}
		for _, c := range p.Controls {
			if c.Framework() == "" || c.Local() == "" {
				t.Errorf("%s: control %q", p.ID, c)
			}
		}
	}
	if primitives.Lookup("data_collection") != nil {
		t.Error("a section is no primitive")
	}
}

// TestControlsExist looks the controls up in the frameworks' own lists.
func TestControlsExist(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("MESH_SHARED")
	if shared == "" {
		t.Skip("MESH_SHARED is not set: the lists of controls are absent")
	}
	files := map[mesh.FrameworkID]string{
		"gdpr": "gdpr", "hipaa": "hipaa_45cfr164", "soc2": "soc2_tsc", "ccpa": "ccpa_cpra",
		"iso27001": "iso27001_2022_annex_a", "fedramp-moderate": "fedramp_rev5_moderate",
		"eu-ai-act": "eu_ai_act", "nist-ai-rmf": "nist_ai_rmf", "nist-ai-600-1": "nist_ai_600_1", "iso42001": "iso42001_annex_a",
		"owasp-llm": "owasp_llm_top10_2025", "owasp-agentic": "owasp_agentic", "nis2": "nis2", "dora": "dora", "pci-dss": "pci_dss_4",
	}
	known := map[mesh.ControlID]bool{}
	for framework, name := range files {
		src, err := os.ReadFile(filepath.Join(shared, "data", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Controls []struct {
				ID string `json:"id"`
			} `json:"controls"`
		}
		if err := json.Unmarshal(src, &list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Controls {
			known[mesh.NewControlID(framework, c.ID)] = true
		}
	}
	for _, p := range primitives.All() {
		for _, c := range p.Controls {
			if !known[c] {
				t.Errorf("%s serves %s, which does not exist", p.ID, c)
			}
		}
	}
}

// TestCasesAreComplete checks that the cases of every primitive show each
// outcome, and a violation by an input that is absent where there is one.
func TestCasesAreComplete(t *testing.T) {
	t.Parallel()
	for _, p := range primitives.All() {
		seen := map[primitives.Outcome]int{}
		absent := 0
		names := map[string]bool{}
		for _, c := range p.Cases {
			if names[c.Name] {
				t.Errorf("%s: two cases are named %q", p.ID, c.Name)
			}
			names[c.Name] = true
			seen[c.Want]++
			if c.Absent == "" {
				continue
			}
			absent++
			if c.Want != primitives.Violated {
				t.Errorf("%s, %s: what is absent must violate", p.ID, c.Name)
			}
			if at(c.Action, c.Absent) != nil {
				t.Errorf("%s, %s: %s is not absent", p.ID, c.Name, c.Absent)
			}
		}
		if seen[primitives.Satisfied] == 0 {
			t.Errorf("%s: no case is satisfied", p.ID)
		}
		if p.When != "" && seen[primitives.NotApplicable] == 0 {
			t.Errorf("%s: no case is not applicable", p.ID)
		}
		if p.Require == "" {
			continue
		}
		if seen[primitives.Violated] < 2 {
			t.Errorf("%s: %d cases are violated", p.ID, seen[primitives.Violated])
		}
		if absent == 0 && strings.Contains(p.Require, "has(") {
			t.Errorf("%s: no case is violated by what is absent", p.ID)
		}
	}
}

// at returns the value of an action at a path.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func TestRuleID(t *testing.T) {
	t.Parallel()
	p := primitives.Primitive{ID: "tools.arguments.*.values.*.maximum"}
	if got := p.RuleID("pay.v2", "amount"); got != "tools.arguments.pay.v2.values.amount.maximum" {
		t.Errorf("rule id %s", got)
	}
}

func TestObligationBind(t *testing.T) {
	t.Parallel()
	o := primitives.Obligation{Type: "mask", Properties: []primitives.Property{
		{Name: "fields", Parameter: "fields"}, {Name: "with", Value: "***"}, {Name: "within", Parameter: "hours"},
	}}
	want := mesh.Obligation{Type: "mask", Properties: map[string]any{"fields": []any{"ssn"}, "with": "***"}}
	if diff := cmp.Diff(want, o.Bind(map[string]any{"fields": []any{"ssn"}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (primitives.Obligation{Type: "review"}).Bind(nil); got.Properties != nil {
		t.Errorf("properties of nothing: %v", got)
	}
}

func ExampleLookup() {
	p := primitives.Lookup("data_storage.encryption.algorithm")
	fmt.Println(p.When)
	fmt.Println(p.Require)
	fmt.Println(p.ControlsOf("hipaa"))
	// Output:
	// action.type in ["data.write", "memory.write"] && personalData()
	// has(data.encryption.algorithm) && data.encryption.algorithm == rule.algorithm
	// [hipaa:164.312(a)(2)(iv)]
}

func TestSpell(t *testing.T) {
	t.Parallel()
	p := primitives.Primitive{AnyCase: []string{"category", "list"}}
	got := p.Spell(map[string]any{"category": "tradeSecret", "list": []any{"phi", "PHI", "Émoi"}, "hosts": []any{"a"}})
	want := map[string]any{
		"category": []any{"tradesecret", "TRADESECRET", "Tradesecret", "tradeSecret"},
		"list":     []any{"phi", "PHI", "Phi", "émoi", "ÉMOI", "Émoi"},
		"hosts":    []any{"a"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
