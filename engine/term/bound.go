package term

import (
	"errors"
	"fmt"
)

// The bounds of what a decision may cost, in steps: what loops look at, times the
// parts of what they ask of it, and what is searched or compared, by its length.
// They are counted and not measured, so that the same action always gives the
// same decision.
const (
	// MaxRuleSteps bounds one predicate. The longest list that the decoder
	// accepts stays far below it, unless a loop compares it with another.
	MaxRuleSteps = 1_000_000
	// MaxSteps bounds all predicates of one decision together. What is left to
	// cel-go may exceed it once, by what one evaluation may cost.
	MaxSteps = 10_000_000
	// StepsOfCEL is what one operation of cel-go counts for: it takes as long.
	StepsOfCEL = 5
)

// Bound is what kept an expression from having a value.
type Bound uint8

// The bounds.
const (
	Unbound     Bound = iota
	RuleSteps         // it takes too many steps itself
	AllSteps          // nothing was left of the steps of the decision
	Interrupted       // nobody waits for the decision any more
)

// The errors of expressions that ran into a bound. They say what to do.
var (
	ErrRuleSteps = errors.New("it takes more steps than one rule may; send shorter lists and texts, " +
		"or compare with a list by `in` instead of a loop within a loop")
	ErrSteps = fmt.Errorf("the rules take more than %d million steps for this action, or all that are left for its batch; "+
		"send shorter lists and texts, or fewer actions at a time, or write the rules without loops within loops", MaxSteps/1_000_000)
	ErrInterrupted = errors.New("nobody waits for the decision any more")
)

// Err returns the error of a bound; nil for [Unbound].
func (b Bound) Err() error {
	switch b {
	case RuleSteps:
		return ErrRuleSteps
	case AllSteps:
		return ErrSteps
	case Interrupted:
		return ErrInterrupted
	}
	return nil
}

// BoundOf returns the bound that an error comes of.
func BoundOf(err error) Bound {
	for _, b := range []Bound{RuleSteps, AllSteps, Interrupted} {
		if errors.Is(err, b.Err()) {
			return b
		}
	}
	return Unbound
}
