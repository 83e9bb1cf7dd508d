package engine

import (
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/analyze"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// ClauseInfo describes one part of what a rule requires.
type ClauseInfo struct {
	Clause   string // in CEL, with parameters as the values they have
	Met      string // what an action says that meets it, in words
	Violated string // what one says that does not
	// Constant says that it is known to be met by every action that the rule
	// looks at, or by none.
	Constant bool
}

// Demands describes what the rules require that run in a phase, in the order in
// which verdicts count them: [Violation.Rule] is an index of the result, and
// [Violation.Clause] one of the rule's clauses. A rule that only obliges has none.
func (p *Program) Demands(phase Phase) [][]ClauseInfo {
	b := p.phases[phase]
	out := make([][]ClauseInfo, len(b.rules))
	c := constants{library: space.NewLibrary(Predicates()), left: analyze.MaxSteps}
	for i, r := range b.rules {
		when := r.terms(Bitmaps).when
		for _, clause := range b.matcher.Demands(i) {
			t := term.Disjunction(clause...)
			out[i] = append(out[i], ClauseInfo{
				Clause: t.String(), Met: t.Says(true), Violated: t.Says(false), Constant: c.is(t, when),
			})
		}
	}
	return out
}

// constants proves that clauses have the same value for every action that their
// rule looks at.
type constants struct {
	library *space.Library
	left    int // steps
}

// is reports whether a clause is proved to be met, or not to be met, wherever
// when is true; nil is always true.
func (c *constants) is(clause, when *term.Term) bool {
	switch {
	case clause.Op == term.Const, lower.Same(clause, term.Constant(false)), lower.Same(clause, term.Constant(true)):
		return true
	case when == nil || c.left <= 0 || !shared(clause, when):
		return false
	}
	s := c.library.New(when, clause)
	c.left -= s.Steps()
	for _, truth := range []space.Truths{space.False, space.True} {
		budget := &space.Budget{Steps: analyze.MaxQuestion}
		never := s.Impossible([]space.Goal{{Term: when, Want: space.True}, {Term: clause, Want: truth}}, budget)
		c.left -= analyze.MaxQuestion - budget.Steps
		if never {
			return true
		}
	}
	return false
}

// shared reports whether two terms look at the same place, or ask a predicate,
// which looks at many: else the one says nothing about the other.
func shared(a, b *term.Term) bool {
	asks := false
	for _, t := range []*term.Term{a, b} {
		t.Walk(func(t *term.Term) bool {
			asks = asks || t.Op == term.Predicate
			return !asks
		})
	}
	if asks {
		return true
	}
	reads := b.Reads()
	return slices.ContainsFunc(a.Reads(), func(x *term.Term) bool {
		return slices.ContainsFunc(reads, func(y *term.Term) bool { return near(x.Path(), y.Path()) })
	})
}

// near reports whether two paths are the same, or one leads to the other.
func near(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
