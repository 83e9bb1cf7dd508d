package compare

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// pair compares a rule of both versions.
func (c *comparison) pair(p pair) {
	both := p.older != nil && p.newer != nil
	before, changes := c.noted(), len(c.report.Changes)
	// It may say the same in another way.
	byDefault := p.id() == policy.RuleDefault
	equivalent := both && (p.older.same(p.newer) || !byDefault && c.equivalent(p.older, p.newer))
	switch {
	case equivalent:
	case c.done():
		c.unanswered(p.ids())
	case both && byDefault:
		c.defaults(p)
	default:
		c.decisions(p)
	}
	c.obligations(p)
	decided := len(c.report.Changes) > changes
	if c.noted() == before && !equivalent && !byDefault {
		c.report.Changes = append(c.report.Changes, Change{Kind: Rule, Rules: p.ids(), Words: unchangedWords(p)})
	}
	c.otherValues(p, decided)
	if both {
		c.labels(p)
	}
}

// otherValues notes that a rule was compared with the values of parameters that
// are in force, and may differ with others.
func (c *comparison) otherValues(p pair, decided bool) {
	var params []string
	switch {
	case p.older != nil && p.newer != nil:
		if p.older.Written != p.newer.Written {
			params = append(slices.Clone(p.older.Params), p.newer.Params...)
		}
	case decided: // it does something, whatever else it does
	case p.older != nil:
		params = p.older.Params
	default:
		params = p.newer.Params
	}
	if len(params) > 0 {
		c.otherValuesOf(params, p)
	}
}

func (c *comparison) otherValuesOf(params []string, p pair) {
	params = slices.Compact(slices.Sorted(slices.Values(params)))
	noun := "the parameter "
	if len(params) > 1 {
		noun = "the parameters "
	}
	c.report.Incomplete = append(c.report.Incomplete, Gap{
		Kind: Parameter, Rules: p.ids(), What: "whether other values of " + noun + strings.Join(params, ", ") + " make a difference (rule " + p.id() + ")", Why: "it was compared with the values there are",
	})
}

// ids names the rule in both versions.
func (p pair) ids() []string {
	if p.older != nil && p.newer != nil && p.older.ID != p.newer.ID {
		return []string{p.older.ID, p.newer.ID}
	}
	return []string{p.id()}
}

// satisfied is the goal that a version's rule of the pair allows an action; none
// if it has no such rule.
func (p pair) satisfied(s *side, c *comparison) []space.Goal {
	r := p.newer
	if s == c.older {
		r = p.older
	}
	if r == nil {
		return nil
	}
	return []space.Goal{space.Is(r.outcome)}
}

// decisions looks for actions that are decided otherwise because of a rule.
func (c *comparison) decisions(p pair) {
	if p.newer != nil {
		c.denials(p, p.newer, c.newer, c.older, Denied)
		c.failures(p, p.newer, c.newer, c.older)
	}
	if p.older != nil {
		c.denials(p, p.older, c.older, c.newer, Allowed)
		c.failures(p, p.older, c.older, c.newer)
	}
	if p.older != nil && p.newer != nil {
		c.turnsToError(p)
	}
}

// equivalent reports whether it is proved that two rules make the same of every
// action.
func (c *comparison) equivalent(a, b *rule) bool {
	for _, truth := range []space.Truths{space.True, space.False, space.Error} {
		others := (space.True | space.False | space.Error) &^ truth
		if !c.impossible([]space.Goal{{Term: a.outcome, Want: truth}, {Term: b.outcome, Want: others}}) {
			return false
		}
	}
	return true
}

// denials looks for actions that violate a rule of one version, part by part of
// its demand, and that the other version allows.
func (c *comparison) denials(p pair, r *rule, by, other *side, kind Kind) {
	for _, clause := range lower.Clauses(r.require) {
		demand := term.Disjunction(clause...)
		goals := append([]space.Goal{space.Is(r.when), isNot(demand)}, p.satisfied(other, c)...)
		terms := []*term.Term{r.when, demand}
		for _, g := range p.satisfied(other, c) {
			terms = append(terms, g.Term)
		}
		var ways []way
		possible := false
		for _, cube := range missed(clause) {
			q := question{goals: append(slices.Clone(cube), goals...), about: r, allow: []*side{other}, test: func(a *mesh.Action) bool {
				return c.decide(by, a).violates(r.ID) && c.decide(other, a).allowed()
			}}
			if a := c.find(&q); a != nil {
				ways = append(ways, way{cube, a})
			} else {
				possible = possible || !c.impossible(q.goals)
			}
		}
		if len(ways) > 0 {
			c.flip(kind, p, r, clause, ways)
		} else if possible {
			c.gap(kind, p.ids(), fmt.Sprintf("an action is %s now where %s", kind, shortened(says(term.Negate(demand)).String())), terms...)
		}
	}
}

// way is a way of missing a part of a demand, and an action that goes it.
type way struct {
	cube    []space.Goal
	example *mesh.Action
}

// flip reports actions that are decided otherwise.
func (c *comparison) flip(kind Kind, p pair, r *rule, clause lower.Clause, ways []way) {
	version := p.older
	if r == p.older {
		version = p.newer
	}
	s := c.violations(r, version, clause, ways)
	words := fmt.Sprintf("%s now: %s (%s)", kind, s, ruleWords(p, r, term.Disjunction(clause...)))
	c.say(Change{Kind: kind, Rules: p.ids(), Words: words}, p, r, s, ways[0].example)
}

// say reports a change with what is known of its words.
func (c *comparison) say(change Change, p pair, r *rule, s statement, example *mesh.Action) {
	change.Extent, change.where, change.OtherRules = s.extent, s.terms(), c.others(p, r)
	c.report.Changes = append(c.report.Changes, c.shown(change, example))
}

// others reports whether rules but those of the pair may refuse an action that
// one of it looks at.
func (c *comparison) others(p pair, r *rule) bool {
	for _, s := range []*side{c.older, c.newer} {
		for _, o := range s.rules {
			switch {
			case o == p.older || o == p.newer || o.Require == nil && o.when.IsConst(true):
			case o.ID == policy.RuleDefault: // it looks at what the pair does not
				if p.older == nil || p.newer == nil || p.older.when.String() != p.newer.when.String() {
					return true
				}
			case !o.selects.excludes(r.selects):
				return true
			}
		}
	}
	return false
}

// shown adds what both versions make of an example.
func (c *comparison) shown(change Change, example *mesh.Action) Change {
	change.Example, change.Before, change.After = example, c.decide(c.older, example), c.decide(c.newer, example)
	return change
}

// failures looks for an action on which a rule of one version fails, and that
// the other version allows.
func (c *comparison) failures(p pair, r *rule, by, other *side) {
	if r.ID == policy.RuleDefault {
		return // it never does
	}
	q := question{goals: append([]space.Goal{{Term: r.outcome, Want: space.Error}}, p.satisfied(other, c)...), about: r, allow: []*side{other}, test: func(a *mesh.Action) bool {
		return c.decide(by, a).fails(r.ID) && c.decide(other, a).allowed()
	}}
	a := c.find(&q)
	kind, words := Failing, "fails now"
	if by == c.older {
		kind, words = Allowed, "allowed now instead of failing"
	}
	switch {
	case a != nil:
		o := p.newer
		if r == p.newer {
			o = p.older
		}
		among := append([]space.Goal{{Term: r.outcome, Want: space.Error}}, p.satisfied(other, c)...)
		s := c.failed(r, o, a, among)
		words += fmt.Sprintf(": %s (rule %s)", s, r.ID)
		c.say(Change{Kind: kind, Rules: p.ids(), Words: words}, p, r, s, a)
	case !c.impossible(q.goals):
		c.gap(kind, p.ids(), "an action on which the rule fails is decided otherwise", r.when, r.require)
	}
}

// turnsToError looks for an action that violated a rule and on which it fails
// now, and the other way round.
func (c *comparison) turnsToError(p pair) {
	for _, d := range []struct {
		violated, failed *rule
		by, at           *side
		kind             Kind
		words            string
	}{
		{p.older, p.newer, c.older, c.newer, Failing, "fails now instead of being violated"},
		{p.newer, p.older, c.newer, c.older, Denied, "denied now instead of failing"},
	} {
		among := []space.Goal{isNot(d.violated.outcome), {Term: d.failed.outcome, Want: space.Error}}
		q := question{goals: among, test: func(a *mesh.Action) bool {
			return c.decide(d.by, a).violates(d.violated.ID) && c.decide(d.at, a).fails(d.failed.ID)
		}}
		a := c.find(&q)
		switch {
		case a != nil:
			s := c.failed(d.failed, d.violated, a, among)
			words := fmt.Sprintf("%s: %s (rule %s)", d.words, s, p.id())
			c.say(Change{Kind: d.kind, Rules: p.ids(), Words: words}, p, d.failed, s, a)
		case !c.impossible(q.goals):
			c.gap(d.kind, p.ids(), "a violation turns into a failure, or the other way round", d.failed.when, d.failed.require)
		}
	}
}

// obligations looks for actions that both versions allow, and one with another
// obligation.
func (c *comparison) obligations(p pair) {
	older, newer := obligationsOf(p.older), obligationsOf(p.newer)
	if len(older) == 0 && len(newer) == 0 {
		return
	}
	equal := reflect.DeepEqual(older, newer)
	if equal && p.older.same(p.newer) {
		return
	}
	before := len(c.report.Changes)
	if len(newer) > 0 {
		c.obliged(p, p.newer, p.older, equal, c.newer)
	}
	if len(older) > 0 && (equal || len(c.report.Changes) == before) {
		c.obliged(p, p.older, p.newer, equal, c.older)
	}
}

func obligationsOf(r *rule) []mesh.Obligation {
	if r == nil {
		return nil
	}
	return r.Obligations
}

// obliged looks for an action that a rule of one version obliges for and the
// same rule of the other does not, or to something else.
func (c *comparison) obliged(p pair, r, o *rule, equal bool, by *side) {
	goals := []space.Goal{space.Is(r.when), space.Is(r.require)}
	if equal { // only an action that the other rule does not look at shows it
		goals = append(goals, isNot(o.when))
	}
	q := question{goals: goals, about: r, allow: []*side{c.older, c.newer}, test: func(a *mesh.Action) bool {
		x, y := c.decide(c.older, a), c.decide(c.newer, a)
		return x.allowed() && y.allowed() && !sameObligations(x.Obligations, y.Obligations)
	}}
	a := c.find(&q)
	words := "obliges now to " + obligationWords(r.Obligations)
	if by == c.older {
		words = "obliges no more to " + obligationWords(r.Obligations)
	} else if o != nil && !equal && len(o.Obligations) > 0 {
		words += " instead of " + obligationWords(o.Obligations)
	}
	switch {
	case a != nil:
		s := c.obliging(r, o, equal, by)
		words += fmt.Sprintf(": %s (rule %s)", s, r.ID)
		c.say(Change{Kind: Obligation, Rules: p.ids(), Words: words}, p, r, s, a)
	case !c.impossible(q.goals):
		c.gap(Obligation, p.ids(), "an allowed action has other obligations", r.when, r.require)
	}
}

// obliging says which allowed actions a rule obliges for that the same rule of
// the other version does not oblige for or, as it does now, to something else.
func (c *comparison) obliging(r, o *rule, equal bool, by *side) statement {
	inside := r.when
	var further []*term.Term
	switch {
	case o == nil:
	case equal:
		further = []*term.Term{term.Negate(o.when)}
	case by == c.newer && len(o.Obligations) > 0:
		further = []*term.Term{o.when}
	}
	return c.stated(r, nil, nil, term.Conjunction(append(further, inside)...), func(known []*term.Term) []piece {
		if o != nil && equal {
			return pieces([]*term.Term{term.Negate(term.Conjunction(c.unknown(o.when, known)...))})
		}
		return pieces(further)
	})
}

// sameObligations compares obligations as sets.
func sameObligations(a, b []mesh.Obligation) bool {
	sorted := func(list []mesh.Obligation) []string {
		var out []string
		for _, o := range list {
			out = append(out, fmt.Sprint(o.Type, o.Properties)) // maps print in the order of their keys
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(sorted(a), sorted(b))
}

// labels compares what rules say of themselves.
func (c *comparison) labels(p pair) {
	add := func(kind Kind, before, after any, words string) *Change {
		c.report.Changes = append(c.report.Changes, Change{
			Kind: kind, Rules: p.ids(), Words: words, Before: &Outcome{Value: before}, After: &Outcome{Value: after},
		})
		return &c.report.Changes[len(c.report.Changes)-1]
	}
	a, b := p.older, p.newer
	if a.ID != b.ID {
		add(Rule, a.ID, b.ID, fmt.Sprintf("rule %s is called %s now", a.ID, b.ID))
	}
	if a.Severity != b.Severity {
		change := add(Severity, a.Severity, b.Severity, fmt.Sprintf("rule %s is graded %s instead of %s", b.ID, b.Severity, a.Severity))
		c.graded(p, change)
	}
	if !slices.Equal(a.RuleInfo.Controls, b.RuleInfo.Controls) {
		add(Controls, notNil(a.RuleInfo.Controls), notNil(b.RuleInfo.Controls), fmt.Sprintf("rule %s serves %s", b.ID, setWords(a.RuleInfo.Controls, b.RuleInfo.Controls)))
	}
	if b.ID == policy.RuleDefault {
		return // its words are ours
	}
	if a.Message != b.Message {
		add(Text, a.Message, b.Message, fmt.Sprintf("rule %s has another message: %s", b.ID, b.Message))
	}
	if a.Recommendation != b.Recommendation {
		add(Text, a.Recommendation, b.Recommendation, fmt.Sprintf("rule %s recommends something else: %s", b.ID, cmp.Or(b.Recommendation, "nothing")))
	}
}

// graded adds an example of a violation that is graded otherwise.
func (c *comparison) graded(p pair, change *Change) {
	a, b := p.older, p.newer
	example := c.find(&question{goals: []space.Goal{isNot(a.outcome), isNot(b.outcome)}, test: func(x *mesh.Action) bool {
		return c.decide(c.older, x).violates(a.ID) && c.decide(c.newer, x).violates(b.ID)
	}})
	if example == nil {
		return
	}
	before, after := change.Before.Value, change.After.Value
	*change = c.shown(*change, example)
	change.Before.Value, change.After.Value = before, after
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
