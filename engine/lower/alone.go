package lower

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Clauses splits a boolean term into the clauses it is the conjunction of, as
// [Matcher.Demands] does; the term alone where there would be too many. True
// has none.
func Clauses(t *term.Term) []Clause {
	clauses, ok := clausesOf(t, false)
	if !ok {
		clauses = one(t, false)
	}
	return clauses
}

// Test is a boolean term that is decided by itself, for those who reason about
// terms. It belongs to one goroutine.
type Test struct {
	input       Input
	test        test
	term        *term.Term
	definitions map[string]*term.Term
	reasons     *Reasons // once they are asked for
	began       int      // steps that counted as spent before the last answer
}

// NewTest compiles a term. definitions are the predicates that it asks by name.
func NewTest(t *term.Term, definitions map[string]*term.Term) *Test {
	b := &builder{Options: Options{Definitions: definitions}, byText: map[string]int32{}, byName: map[string]int32{}}
	b.define()
	m := &Matcher{slots: b.slots, byName: b.byName}
	return &Test{input: Input{matcher: m, memo: make([]uint32, len(m.slots))}, test: compileTest(t), term: t, definitions: definitions}
}

// Truth decides the term for an action, as a rule would.
func (t *Test) Truth(ctx context.Context, a *mesh.Action) Truth {
	t.input.take(ctx, a)
	t.input.steps, t.began = 0, 0
	return t.test(&t.input)
}

// Limit sets how many steps each answer from here on may take, as
// [Input.Limit] does for decisions.
func (t *Test) Limit(steps int) { t.input.Limit(steps) }

// Took returns the steps that the last answer took, or its reasons.
func (t *Test) Took() int { return t.input.spent - t.began }
