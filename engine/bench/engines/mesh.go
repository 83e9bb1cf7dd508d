package engines

import (
	"fmt"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

type meshEngine struct {
	program *Program
	inputs  []Input
	verdict Verdict
}

func loadMesh(set *workload.Set) (Engine, error) {
	policies, err := Policies(set)
	if err != nil {
		return nil, err
	}
	program, err := Compile(policies)
	if err != nil {
		return nil, err
	}
	e := &meshEngine{program: program, inputs: make([]Input, len(set.Actions))}
	for i, a := range set.Actions {
		program.Bind(a, &e.inputs[i])
	}
	return e, nil
}

func (e *meshEngine) Decide(action int) bool {
	return e.program.Decide(&e.inputs[action], &e.verdict)
}

func (e *meshEngine) Violated(numbers []int) []int {
	return e.program.Violated(&e.verdict, numbers)
}

// Policies parses the documents of a set.
func Policies(set *workload.Set) ([]engine.Policy, error) {
	policies := make([]engine.Policy, len(set.Policies))
	for i := range set.Policies {
		p := &set.Policies[i]
		doc, findings := policy.Parse(p.ID()+".yaml", p.Document())
		if doc == nil || mesh.HasErrors(findings) {
			return nil, fmt.Errorf("parsing %s: %v", p.ID(), findings)
		}
		policies[i] = engine.Policy{ID: p.ID(), Document: doc}
	}
	return policies, nil
}
