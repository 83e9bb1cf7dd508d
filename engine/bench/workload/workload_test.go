package workload_test

import (
	"encoding/json"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

func TestMakeIsRepeatable(t *testing.T) {
	t.Parallel()
	var texts [2]string
	for i := range texts {
		set, err := workload.Make(workload.Shape{Rules: 100, Relevant: 20})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] {
		t.Error("two sets of one shape differ")
	}
}

func TestEveryActionHasTheRelevantRules(t *testing.T) {
	t.Parallel()
	for _, shape := range []workload.Shape{{Rules: 10, Relevant: 10}, {Rules: 1000, Relevant: 100}, {Rules: 300, Relevant: 30, Overlap: true}} {
		set, err := workload.Make(shape)
		if err != nil {
			t.Fatal(err)
		}
		rules := map[workload.Target]int{}
		for _, p := range set.Policies {
			rules[p.Target] += workload.RulesPerPolicy
		}
		for i, a := range set.Actions {
			if got := rules[workload.TargetOf(a)]; got != shape.Relevant {
				t.Fatalf("%s: action %d has %d relevant rules", shape, i, got)
			}
		}
	}
}

// TestDocumentsAreClean holds the policies to what their authors would be told.
func TestDocumentsAreClean(t *testing.T) {
	t.Parallel()
	set, err := workload.Make(workload.Shape{Rules: 40, Relevant: 20})
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string][]byte{"one policy": set.Policies[3].Document(), "all": set.Document()} {
		doc, findings := policy.Parse("policy.yaml", src)
		if doc == nil || len(findings) > 0 {
			t.Fatalf("%s: %v\n%s", name, findings, src)
		}
		for _, f := range engine.Lint(doc, nil) {
			// A list of the valid purposes makes one of the prohibited
			// redundant, and policies of one target repeat each other: so do
			// the frameworks they stand for.
			if f.Rule != "shadowed-rule" && f.Rule != "duplicate-rule" {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	for _, shape := range []workload.Shape{{}, {Rules: 10}, {Rules: 15, Relevant: 15}, {Rules: 10, Relevant: 100}, {Rules: 25, Relevant: 10}} {
		if _, err := workload.Make(shape); err == nil {
			t.Errorf("%+v was made", shape)
		}
	}
}

func TestTargetOfBareAction(t *testing.T) {
	t.Parallel()
	if got := workload.TargetOf(&mesh.Action{Action: mesh.Operation{Type: "x"}}); got != (workload.Target{ActionType: "x"}) {
		t.Errorf("TargetOf = %+v", got)
	}
}
