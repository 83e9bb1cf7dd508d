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
	known   map[*mesh.Action]decided // by the base
}

// decided is what the rules of the base make of an action.
type decided struct {
	violations []Violation
	failures   []Failure
	looked     []int32
}

// maxDecided bounds the actions of which a trial remembers what the base makes.
const maxDecided = 10_000

// decide returns what the base makes of the action, which is bound.
func (t *Trial) decide(a *mesh.Action) decided {
	known, ok := t.known[a]
	if ok {
		return known
	}
	t.base.Decide(&t.in, &t.verdict)
	known = decided{slices.Clone(t.verdict.Violations), slices.Clone(t.verdict.Failures), t.verdict.AppendLooked(nil)}
	if len(t.known) < maxDecided {
		t.known[a] = known
	}
	return known
}

// NewTrial returns a trial of the program's mutants, which decide as its
// policies in enforce and monitor mode do.
func (p *Program) NewTrial() *Trial { return &Trial{base: p, known: map[*mesh.Action]decided{}} }

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
// is left as it is, if the same rules are violated, fail and oblige as in the
// program itself. Actions must not be changed between mutants.
func (t *Trial) Evaluate(ctx context.Context, a *mesh.Action, r *Result) bool {
	if t.idle {
		return false
	}
	if t.number >= 0 {
		before, after := t.before.standing(ctx, a), t.after.standing(ctx, a)
		if t.alike(before, after) {
			return false
		}
	}
	t.base.Bind(ctx, a, Inline, &t.in)
	known := t.decide(a)
	t.looked = append(t.looked[:0], known.looked...)
	var v Verdict
	v.Violations, v.Failures = known.violations, known.failures
	if t.number >= 0 {
		v.Violations, v.Failures = t.exchange(known)
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

// alike reports whether it makes no difference what became of the rule. That it
// looks at an action which meets it does only where it obliges, or where the
// policy denies what no rule looks at.
func (t *Trial) alike(before, after standing) bool {
	changed := t.mutant.changed
	if before == after {
		return after != ruleSatisfied || changed == nil || sameObligations(changed, t.beforeRule)
	}
	if before > ruleSatisfied || after > ruleSatisfied {
		return false
	}
	obliges := len(t.beforeRule.obligations) > 0 || changed != nil && len(changed.obligations) > 0
	return !obliges && !t.base.policies[t.mutant.policy].info.DenyByDefault
}

// exchange puts what the changed rule found in the place of what the rule found.
func (t *Trial) exchange(known decided) (violations []Violation, failures []Failure) {
	found := t.after.matches
	for _, v := range found.Violations {
		violations = append(violations, Violation{Rule: t.number, Clause: v.Clause})
	}
	for _, f := range found.Failures {
		failures = append(failures, Failure{Rule: t.number, When: f.When, Bound: f.Bound})
	}
	violations = splice(known.violations, violations, func(v Violation) int32 { return v.Rule }, t.number)
	failures = splice(known.failures, failures, func(f Failure) int32 { return f.Rule }, t.number)
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
