package engine

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Input is an action that is ready to be decided by one program in one phase.
// The zero value is ready for [Program.Bind]. It belongs to one goroutine and
// may be bound again and again.
type Input struct {
	bound  lower.Input
	book   *rulebook
	looked []int32 // scratch of Expand
}

// Release forgets the action, so that an input which is kept for another does not
// keep it alive. It has to be bound again before the next decision.
func (in *Input) Release() { in.bound.Release() }

// MaxSteps is how many steps all rules of one decision may take together.
const MaxSteps = term.MaxSteps

// Limit sets how many steps each decision from here on may take, if that is less
// than [MaxSteps]: decisions that share a budget have what is left of it.
func (in *Input) Limit(steps int) { in.bound.Limit(steps) }

// Took returns the steps that the last [Program.Decide] took.
func (in *Input) Took() int { return in.bound.Took() }

// Violation is a part of a rule's demand that an action does not meet: Rule
// counts the rules of the policies that ran, in order, and Clause the parts.
type Violation = lower.Violation

// Failure is a rule that could not be evaluated.
type Failure = lower.Failure

// Verdict is what [Program.Decide] fills: the decision in numbers, which
// [Program.Expand] puts into words. The zero value is ready; reusing one
// overwrites its slices.
type Verdict struct {
	// Allowed is what the enforcement point must do: false if a policy in
	// enforce mode was violated or could not be evaluated.
	Allowed bool
	// WouldAllow is false if any policy that ran was violated or could not be
	// evaluated, whatever its mode.
	WouldAllow bool
	Violations []Violation // by rule and clause
	Failures   []Failure   // by rule
	// Undecided are the parts that have no value for the action, of the rules
	// that look at it, by rule and clause: an action meets neither these nor
	// what it violates.
	Undecided []Violation
	// Defaults are the policies, by their place among those that ran, that
	// deny because no rule of theirs looked at the action.
	Defaults []int32

	found lower.Matches // what Decide found; it holds the memory of the lists
}

// AppendLooked appends the rules that looked at the action to a list, in their
// order. One that failed to find out whether it does has looked.
func (v *Verdict) AppendLooked(rules []int32) []int32 { return v.found.AppendLooked(rules) }

// Bind makes an action ready: it reads the fields that the policies of the
// phase look at. The action must not be changed until it is decided. ctx ends
// evaluations that take long, whose rules then fail.
func (p *Program) Bind(ctx context.Context, a *mesh.Action, phase Phase, in *Input) {
	in.book = p.phases[phase]
	in.book.matcher.Bind(ctx, a, &in.bound)
}

// Decide decides the action that is bound to in. Denial overrides: every rule
// is evaluated, and one violated policy in enforce mode denies. It allocates
// nothing but for rules that take cel-go to evaluate.
func (p *Program) Decide(in *Input, v *Verdict) {
	b := in.book
	b.matcher.Match(&in.bound, &v.found)
	v.Violations, v.Failures, v.Undecided = v.found.Violations, v.found.Failures, v.found.Undecided
	v.Defaults = v.Defaults[:0]
	for i, policy := range b.denying {
		if i >= len(v.found.Looked) || !v.found.Looked[i] {
			v.Defaults = append(v.Defaults, policy)
		}
	}
	v.settle(b)
}

// settle concludes from what was found whether the action is allowed.
func (v *Verdict) settle(b *rulebook) {
	v.Allowed, v.WouldAllow = true, true
	for _, x := range v.Violations {
		v.deny(b.enforced[b.policyOf[x.Rule]])
	}
	for _, x := range v.Failures {
		v.deny(b.enforced[b.policyOf[x.Rule]])
	}
	for _, policy := range v.Defaults {
		v.deny(b.enforced[policy])
	}
}

func (v *Verdict) deny(enforced bool) {
	v.WouldAllow = false
	v.Allowed = v.Allowed && !enforced
}

// Evaluate decides the action by the policies of one phase and overwrites r. It
// is [Program.Bind], [Program.Decide] and [Program.Expand] in one.
func (p *Program) Evaluate(ctx context.Context, a *mesh.Action, phase Phase, r *Result) {
	p.Bind(ctx, a, phase, &r.in)
	p.Decide(&r.in, &r.verdict)
	p.Expand(&r.in, &r.verdict, r)
}
