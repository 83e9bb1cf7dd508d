package engines

import (
	"fmt"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// This file is all that the benchmark knows of how the product decides.

// Program is a compiled set of the product's policies.
type Program struct {
	program *engine.Program
	numbers map[ruleName]int
}

// ruleName names a rule as decisions do.
type ruleName struct{ policy, rule string }

// Input is an action made ready for a program.
type Input struct{ action *mesh.Action }

// Verdict is what a program makes of an input. It is reused.
type Verdict struct{ result engine.Result }

// Compile compiles policies, in their order.
func Compile(policies []engine.Policy) (*Program, error) {
	program, err := engine.Compile(policies)
	if err != nil {
		return nil, fmt.Errorf("compiling the policies: %w", err)
	}
	p := &Program{program: program, numbers: map[ruleName]int{}}
	for i, info := range program.Policies() {
		for rule, id := range info.Rules {
			p.numbers[ruleName{info.ID, id}] = i*workload.RulesPerPolicy + rule
		}
	}
	return p, nil
}

// Bind makes an action ready.
func (p *Program) Bind(a *mesh.Action, in *Input) { in.action = a }

// Decide decides an input and reports whether it is allowed.
func (p *Program) Decide(in *Input, v *Verdict) bool {
	p.program.Evaluate(in.action, engine.Inline, &v.result)
	return v.result.Allowed
}

// Violated appends the numbers of the rules that were violated or failed, by
// their place among the policies.
func (p *Program) Violated(v *Verdict, numbers []int) []int {
	for i := range v.result.Violations {
		numbers = append(numbers, p.numbers[ruleName{v.result.Violations[i].PolicyID, v.result.Violations[i].RuleID}])
	}
	for range v.result.Errors { // the workload never gives any
		numbers = append(numbers, -1)
	}
	return numbers
}
