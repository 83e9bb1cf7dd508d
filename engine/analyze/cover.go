package analyze

import (
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// The bounds of what one question for a cover may cost.
const (
	MaxCoverRules = 64      // that are looked at together
	MaxCoverSteps = 100_000 // of all questions
)

// Cover says that no action is left that none of the rules looks at.
type Cover struct {
	Rules []int    // by their place: each by itself if one is without a condition, else together
	But   []string // types of actions that the rules may leave out, which they name; none if they leave out nothing
}

// Covers looks for rules that look at every action, or at every action but of
// some types that their conditions exclude by name. A rule whose condition fails
// has looked. Conditions may be nil, for one that every action meets; definitions
// are the predicates that they ask by name. It is nil where nothing is proved.
func Covers(conditions []*term.Term, definitions map[string]*term.Term) *Cover {
	var all []int
	for i, when := range conditions {
		if orTrue(when).IsConst(true) {
			all = append(all, i)
		}
	}
	if len(all) > 0 {
		return &Cover{Rules: all}
	}
	c := coverage{conditions: conditions, library: space.NewLibrary(definitions), left: MaxCoverSteps}
	candidates := c.candidates()
	if len(candidates) == 0 {
		return nil
	}
	if c.holds(candidates, nil) {
		return &Cover{Rules: c.least(candidates, func([]int) []*term.Term { return nil })}
	}
	if len(c.exempt(candidates)) == 0 || !c.holds(candidates, c.exempt(candidates)) {
		return nil
	}
	out := &Cover{Rules: c.least(candidates, c.exempt)}
	for _, e := range c.exempt(out.Rules) {
		_, types := exempted(e)
		out.But = append(out.But, types...)
	}
	slices.Sort(out.But)
	out.But = slices.Compact(out.But)
	return out
}

// coverage looks for a [Cover].
type coverage struct {
	conditions []*term.Term
	library    *space.Library
	left       int // steps
}

// candidates are the rules that are looked at together, those first that look at
// actions of any type. Without one of these there are actions of a type that no
// rule names.
func (c *coverage) candidates() []int {
	var untyped, typed []int
	for i, when := range c.conditions {
		if when.ActionTypes() == nil {
			untyped = append(untyped, i)
		} else {
			typed = append(typed, i)
		}
	}
	if len(untyped) == 0 {
		return nil
	}
	out := slices.Concat(untyped, typed)
	return out[:min(len(out), MaxCoverRules)]
}

// holds reports whether it is proved that one of the rules looks at every action
// that meets what is given.
func (c *coverage) holds(rules []int, given []*term.Term) bool {
	if c.left <= 0 {
		return false
	}
	terms := slices.Clone(given)
	var goals []space.Goal
	for _, g := range given {
		goals = append(goals, space.Is(g))
	}
	for _, i := range rules {
		terms = append(terms, c.conditions[i])
		goals = append(goals, space.Goal{Term: c.conditions[i], Want: space.False})
	}
	s := c.library.New(terms...)
	if c.left -= s.Steps(); c.left <= 0 {
		return false
	}
	b := &space.Budget{Steps: MaxQuestion}
	out := s.Impossible(goals, b)
	c.left -= MaxQuestion - b.Steps
	return out
}

// least leaves out the rules that a cover does without, those of few types first.
func (c *coverage) least(rules []int, given func(rules []int) []*term.Term) []int {
	for i := len(rules) - 1; i >= 0 && len(rules) > 1; i-- {
		if without := slices.Delete(slices.Clone(rules), i, i+1); c.holds(without, given(without)) {
			rules = without
		}
	}
	rules = slices.Clone(rules)
	slices.Sort(rules)
	return rules
}

// exempt returns the parts of conditions that exclude types of actions by name.
func (c *coverage) exempt(rules []int) []*term.Term {
	var out []*term.Term
	for _, i := range rules {
		for _, part := range c.conditions[i].Conjuncts() {
			if excludes, _ := exempted(part); excludes {
				out = append(out, part)
			}
		}
	}
	return out
}

// exempted returns the types of actions that a term excludes, if that is all that
// it says.
func exempted(t *term.Term) (excludes bool, types []string) {
	named := term.Negate(t)
	if t.Op == term.Ne {
		named = &term.Term{Op: term.Eq, Kind: term.Bool, Args: t.Args}
	}
	place, types := named.ComparedTexts()
	return place != nil && place.Path() == "action.type", types
}
