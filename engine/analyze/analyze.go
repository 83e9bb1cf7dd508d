// Package analyze finds what can be proved to be wrong with the rules of one
// policy: conditions that nothing meets, demands that nothing violates or that
// nothing satisfies, rules that contradict each other and rules that say what
// others say already.
//
// [Rules] reports all of that; [Covers] tells what is left to a policy's default.
// Both ask engine/space, so that every answer holds for all actions that
// engine/decode accepts. Parameters may have any value, and so may what only
// cel-go computes and what is about several places of the action. Work is bounded: beyond [MaxSteps] and [MaxPairs], and where a
// single question takes more than [MaxQuestion], nothing is claimed.
package analyze

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// The bounds of what one policy may cost. A step takes about a microsecond.
const (
	MaxSteps    = 1_000_000 // of all questions together
	MaxQuestion = 4_000     // steps of one question
	MaxPairs    = 2_000     // of rules that are compared
)

// The rules of findings.
const (
	RuleUnreachable    = "unreachable-rule"
	RuleAlwaysTrue     = "always-true"
	RuleNeverSatisfied = "never-satisfied"
	RuleContradicting  = "contradicting-rules"
	RuleDuplicate      = "duplicate-rule"
	RuleShadowed       = "shadowed-rule"
	RuleIdleDefault    = "unreachable-default"
)

// Rule is one rule of a policy.
type Rule struct {
	ID      string
	BuiltIn bool
	// When and Require are without values for parameters; nil means always
	// true.
	When, Require *term.Term
	// Example are both with the defaults of the parameters, for examples.
	Example struct{ When, Require *term.Term }
	// WhenAt and RequireAt are where they stand; the rule's own place where
	// they are nil.
	At, WhenAt, RequireAt mesh.Position
	Types                 []string // the action types it looks at; nil: any
	Contrary              string   // the rule that it is known to contradict, of which nothing is to be said
	Controls              []mesh.ControlID
	Severity              mesh.Severity
	Obligations           []mesh.Obligation
}

// Rules reports what is wrong with the rules, in no particular order; all
// findings are warnings. definitions are the predicates that rules ask by
// name.
func Rules(ctx context.Context, rules []Rule, definitions map[string]*term.Term) []mesh.Finding {
	a := analysis{ctx: ctx, library: space.NewLibrary(definitions), left: MaxSteps}
	for i := range rules {
		a.rules = append(a.rules, subject{Rule: &rules[i]})
	}
	for i := range a.rules {
		a.single(&a.rules[i])
	}
	a.duplicates()
	a.pairs()
	return a.findings
}

// analysis collects findings.
type analysis struct {
	ctx      context.Context
	library  *space.Library
	rules    []subject
	left     int // steps
	findings []mesh.Finding
}

// subject is a rule and what was found of it alone.
type subject struct {
	*Rule
	when, require *term.Term      // never nil
	odd           bool            // a finding says enough about it
	reads         map[string]bool // what its demand looks at
}

// outcome is true where the action is none of the rule's or satisfies it, false
// where it violates it.
func (r *subject) outcome() *term.Term {
	return &term.Term{Op: term.Cond, Kind: term.Bool, Args: []*term.Term{r.when, r.require, term.Constant(true)}}
}

func (a *analysis) report(at mesh.Position, rule, message, hint string) {
	a.findings = append(a.findings, mesh.Finding{Position: at, Level: mesh.LevelWarning, Rule: rule, Message: message, Hint: hint})
}

// impossible asks whether no action meets the goals.
func (a *analysis) impossible(s *space.Space, goals ...space.Goal) bool {
	b := a.budget()
	out := s.Impossible(goals, b)
	a.left -= MaxQuestion - b.Steps
	return out
}

// find asks for an action that meets the goals.
func (a *analysis) find(s *space.Space, goals ...space.Goal) *mesh.Action {
	b := a.budget()
	out := s.Find(a.ctx, goals, b)
	a.left -= MaxQuestion - b.Steps
	return out
}

func (a *analysis) budget() *space.Budget {
	if a.left <= 0 || a.ctx.Err() != nil {
		return &space.Budget{}
	}
	return &space.Budget{Steps: MaxQuestion}
}

// notTrue is the goal that a term is false or an error.
func notTrue(t *term.Term) space.Goal { return space.Goal{Term: t, Want: space.False | space.Error} }

func orTrue(t *term.Term) *term.Term {
	if t == nil {
		return term.Constant(true)
	}
	return t
}

// single looks at one rule by itself.
func (a *analysis) single(r *subject) {
	r.when, r.require = orTrue(r.When), orTrue(r.Require)
	if a.left <= 0 {
		r.odd = true // nobody knows
		return
	}
	s := a.space(r.when, r.require)
	if a.impossible(s, space.Is(r.when)) {
		r.odd = true
		a.report(r.WhenAt, RuleUnreachable, "no action meets the condition of "+r.ID+", so that it looks at none", "correct when, or remove the rule")
		return
	}
	if r.When != nil && !r.BuiltIn && a.impossible(s, notTrue(r.when)) {
		a.report(r.WhenAt, RuleAlwaysTrue, "every action meets the condition of "+r.ID, "leave when out, or correct it")
	}
	if r.Require == nil {
		return
	}
	switch {
	case a.impossible(s, space.Is(r.when), notTrue(r.require)):
		r.odd = true
		a.report(r.RequireAt, RuleAlwaysTrue, "no action that "+r.ID+" looks at can violate it", "correct require, or remove the rule")
	case !r.require.IsConst(false) && a.impossible(s, space.Is(r.when), space.Is(r.require)):
		r.odd = true
		hint := `if that is meant, require: "false" says it plainly`
		if r.BuiltIn {
			hint = "give it values that an action can have"
		}
		a.report(r.RequireAt, RuleNeverSatisfied, "no action that "+r.ID+" looks at can satisfy it: it denies all of them", hint)
	}
}

// space makes the space of terms.
func (a *analysis) space(terms ...*term.Term) *space.Space {
	s := a.library.New(terms...)
	a.left -= s.Steps()
	return s
}
