package engines

import (
	"context"
	"fmt"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
)

// This file is all that the benchmark knows of how the product decides.

// Program is a compiled set of the product's policies.
type Program struct{ program *engine.Program }

// Input is an action made ready for a program: its fields are read and their
// texts turned into symbols. Which rules are relevant is looked up when it is
// decided.
type Input struct{ input engine.Input }

// Verdict is what a program makes of an input. It is reused.
type Verdict struct{ verdict engine.Verdict }

// Compile compiles policies, in their order.
func Compile(policies []engine.Policy) (*Program, error) {
	program, err := engine.Compile(policies)
	if err != nil {
		return nil, fmt.Errorf("compiling the policies: %w", err)
	}
	return &Program{program}, nil
}

// Bind makes an action ready.
func (p *Program) Bind(a *mesh.Action, in *Input) {
	p.program.Bind(context.Background(), a, engine.Inline, &in.input)
}

// Decide decides an input and reports whether it is allowed.
func (p *Program) Decide(in *Input, v *Verdict) bool {
	p.program.Decide(&in.input, &v.verdict)
	return v.verdict.Allowed
}

// Violated appends the numbers of the rules that were violated or failed, by
// their place among the policies.
func (p *Program) Violated(v *Verdict, numbers []int) []int {
	last := -1
	for _, violation := range v.verdict.Violations {
		if rule := int(violation.Rule); rule != last { // a rule can be broken in several ways
			numbers = append(numbers, rule)
			last = rule
		}
	}
	for range v.verdict.Failures { // the workload never gives any
		numbers = append(numbers, -1)
	}
	return numbers
}
