package engine

import (
	"context"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
)

// Trial decides actions by one mutant of a program after the other. A rule
// decides by itself, so that only the changed one is compiled, and what the
// others found stands. It belongs to one goroutine.
type Trial struct {
	base   *Program
	mutant *Mutant
	number int32     // of the changed rule; negative if the default is changed
	idle   bool      // the mutant's policy does not run
	book   *rulebook // of the base, with the change

	beforeRule    *rule
	before, after alone

	in      Input
	verdict Verdict
	looked  []int32
}

// NewTrial returns a trial of the program's mutants, which decide as its
// policies in enforce and monitor mode do.
func (p *Program) NewTrial() *Trial { return &Trial{base: p} }

// Use takes up a mutant of the program.
func (t *Trial) Use(m *Mutant) {
	base := t.base.phases[Inline]
	book := *base
	t.mutant, t.number, t.book = m, -1, &book
	t.idle = !slices.Contains(base.policies, t.base.policies[m.policy])
	switch {
	case t.idle:
		return
	case m.rule < 0:
		book.denying = t.swapDenying(base.denying)
		return
	}
	original := t.base.policies[m.policy].rules[m.rule]
	t.number = int32(slices.Index(base.rules, original))
	if t.beforeRule != original {
		t.beforeRule, t.before = original, newAlone(original)
	}
	t.after = alone{}
	if m.changed != nil {
		t.after = newAlone(m.changed)
		book.rules, book.demands = slices.Clone(base.rules), slices.Clone(base.demands)
		book.rules[t.number] = m.changed
		book.demands[t.number] = demandsOf(t.after.matcher.Demands(0), definitions(Bitmaps))
	}
}

// swapDenying adds the mutant's policy to those that deny by default, or takes it
// away.
func (t *Trial) swapDenying(denying []int32) []int32 {
	policy := int32(slices.Index(t.base.phases[Inline].policies, t.base.policies[t.mutant.policy]))
	out := slices.DeleteFunc(slices.Clone(denying), func(p int32) bool { return p == policy })
	if len(out) == len(denying) {
		out = append(out, policy)
		slices.Sort(out)
	}
	return out
}

// Evaluate decides an action by the mutant and overwrites r. It is false, and r
// is left as it is, if the same rules look at the action, are violated and fail
// as in the program itself.
func (t *Trial) Evaluate(ctx context.Context, a *mesh.Action, r *Result) bool {
	if t.idle {
		return false
	}
	if t.number >= 0 {
		before, after := t.before.standing(ctx, a), t.after.standing(ctx, a)
		if before == after && (after != ruleSatisfied || t.mutant.changed == nil || sameObligations(t.mutant.changed, t.beforeRule)) {
			return false
		}
	}
	t.base.Bind(ctx, a, Inline, &t.in)
	t.base.Decide(&t.in, &t.verdict)
	t.looked = t.verdict.AppendLooked(t.looked[:0])
	var v Verdict
	v.Violations, v.Failures = t.verdict.Violations, t.verdict.Failures
	if t.number >= 0 {
		v.Violations, v.Failures = t.exchange()
	}
	for _, policy := range t.book.denying {
		if !slices.ContainsFunc(t.looked, func(rule int32) bool { return t.book.policyOf[rule] == policy && !t.book.rules[rule].added }) {
			v.Defaults = append(v.Defaults, policy)
		}
	}
	v.settle(t.book)
	t.book.expand(&t.in, &v, t.looked, r)
	return true
}

// exchange puts what the changed rule found in the place of what the rule found.
func (t *Trial) exchange() (violations []Violation, failures []Failure) {
	found := t.after.matches
	for _, v := range found.Violations {
		violations = append(violations, Violation{Rule: t.number, Clause: v.Clause})
	}
	for _, f := range found.Failures {
		failures = append(failures, Failure{Rule: t.number, When: f.When, Bound: f.Bound})
	}
	violations = splice(t.verdict.Violations, violations, func(v Violation) int32 { return v.Rule }, t.number)
	failures = splice(t.verdict.Failures, failures, func(f Failure) int32 { return f.Rule }, t.number)
	i, looked := slices.BinarySearch(t.looked, t.number)
	switch looks := t.after.now != ruleUnseen; {
	case looks && !looked:
		t.looked = slices.Insert(t.looked, i, t.number)
	case !looks && looked:
		t.looked = slices.Delete(t.looked, i, i+1)
	}
	return violations, failures
}

// splice puts entries in the place of those of a rule in a list that is sorted
// by rules.
func splice[T any](list, entries []T, ruleOf func(T) int32, rule int32) []T {
	var out []T
	for _, e := range list {
		if ruleOf(e) < rule {
			out = append(out, e)
		}
	}
	out = append(out, entries...)
	for _, e := range list {
		if ruleOf(e) > rule {
			out = append(out, e)
		}
	}
	return out
}

func sameObligations(a, b *rule) bool { return len(a.obligations) == len(b.obligations) }

// standing is what a rule makes of an action.
type standing uint8

const (
	ruleUnseen standing = iota // it does not look at it
	ruleSatisfied
	ruleViolated
	ruleFailed
)

// alone is a rule by itself. The zero value is one that looks at nothing.
type alone struct {
	matcher *lower.Matcher
	in      lower.Input
	matches lower.Matches
	looked  []int32  // scratch
	now     standing // of the last action
}

func newAlone(r *rule) alone {
	t := r.terms(Bitmaps)
	return alone{matcher: lower.Build([]lower.Rule{{When: t.when, Require: t.require}}, lower.Options{Definitions: definitions(Bitmaps)})}
}

func (x *alone) standing(ctx context.Context, a *mesh.Action) standing {
	x.now = ruleUnseen
	if x.matcher == nil {
		return x.now
	}
	x.matcher.Bind(ctx, a, &x.in)
	x.matcher.Match(&x.in, &x.matches)
	switch {
	case len(x.matches.Violations) > 0:
		x.now = ruleViolated
	case len(x.matches.Failures) > 0:
		x.now = ruleFailed
	default:
		if x.looked = x.matches.AppendLooked(x.looked[:0]); len(x.looked) > 0 {
			x.now = ruleSatisfied
		}
	}
	return x.now
}
