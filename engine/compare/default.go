package compare

import (
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// selects is which texts a conjunction demands at places, by path. It tells
// rules apart that never look at the same action without asking about them.
type selects map[string][]string

func selectsOf(t *term.Term) selects {
	out := selects{}
	for _, part := range t.Conjuncts() {
		place, texts := part.ComparedTexts()
		if place != nil && out[place.Path()] == nil {
			out[place.Path()] = texts
		}
	}
	return out
}

// excludes reports whether two conjunctions demand different texts at a place.
func (s selects) excludes(o selects) bool {
	for path, texts := range s {
		other, ok := o[path]
		if ok && !slices.ContainsFunc(texts, func(text string) bool { return slices.Contains(other, text) }) {
			return true
		}
	}
	return false
}

// looking is the condition that a rule of a version looks at an action at which
// a rule of either looks or fails, as far as it keeps the version from denying it
// by default.
func (c *comparison) looking(s *side, at *rule) *term.Term {
	c.left -= len(s.rules)
	var whens []*term.Term
	for _, r := range s.rules {
		if r.ID != policy.RuleDefault && !r.Added && !r.selects.excludes(at.selects) {
			whens = append(whens, r.when)
		}
	}
	return term.Disjunction(whens...)
}

// defaults looks for actions that one version denies by default and the other
// does not, since its rules look at them.
func (c *comparison) defaults(p pair) {
	for _, d := range []struct {
		looks, denies *side
		kind          Kind
	}{{c.older, c.newer, Denied}, {c.newer, c.older, Allowed}} {
		same := map[string]bool{}
		for _, r := range d.denies.rules {
			same[r.when.String()] = !r.Added
		}
		possible := false
		var found *mesh.Action
		for _, r := range d.looks.rules {
			if r.ID == policy.RuleDefault || r.Added || same[r.when.String()] {
				continue
			}
			goals := []space.Goal{space.Is(r.when), space.Is(r.outcome)}
			goals = append(goals, isNot(c.looking(d.denies, r)))
			q := question{goals: goals, allow: []*side{d.looks}, test: func(a *mesh.Action) bool {
				return c.decide(d.looks, a).allowed() && c.decide(d.denies, a).violates(policy.RuleDefault)
			}}
			if found = c.find(&q); found != nil || c.done() {
				possible = true
				break
			}
			possible = possible || !c.impossible(q.goals)
		}
		switch {
		case found != nil:
			looked := "looked at"
			if d.kind == Denied {
				looked = "looks at any more"
			}
			words := fmt.Sprintf("%s now: some actions that no rule %s (%s)", d.kind, looked, defaultWords(p))
			change := Change{Kind: d.kind, Rules: p.ids(), Words: words, Extent: Some, where: []*term.Term{d.denies.byID[policy.RuleDefault].when}}
			c.report.Changes = append(c.report.Changes, c.shown(change, found))
		case possible:
			c.gap(d.kind, p.ids(), fmt.Sprintf("an action is %s now because the rules look at other actions", d.kind))
		}
	}
}

// otherDefault reports that one version denies by default and the other does
// not, unless its rules leave nothing to deny.
func (c *comparison) otherDefault(p pair) {
	denies, s := p.older, c.older
	switch {
	case p.older != nil && p.newer != nil:
		return
	case denies == nil:
		denies, s = p.newer, c.newer
	}
	word := map[bool]string{true: "deny", false: "allow"}
	was, is := word[p.older != nil], word[p.newer != nil]
	words := fmt.Sprintf("default: %s instead of %s", is, was)
	if c.impossible([]space.Goal{space.Is(denies.when)}) {
		if params := s.looksBy(); len(params) > 0 {
			c.otherValuesOf(params, p)
		}
		return
	}
	c.report.Changes = append(c.report.Changes, Change{
		Kind: Default, Rules: p.ids(), Words: words, Before: &Outcome{Value: was}, After: &Outcome{Value: is},
	})
}

// looksBy returns the parameters on which it depends at what the rules of a
// version look; none if one looks at everything whatever they are.
func (s *side) looksBy() []string {
	var out []string
	for _, r := range s.rules {
		if r.ID == policy.RuleDefault || r.Added {
			continue
		}
		if r.When == nil || len(r.Params) == 0 && r.when.IsConst(true) {
			return nil
		}
		out = append(out, r.Params...)
	}
	return out
}
