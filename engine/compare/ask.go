package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// question is what is asked of actions. Which of the rules that have to allow an
// action matter is found out by asking: only those that do not allow what was
// found are goals, too. So most questions are about few rules, however many the
// versions have.
type question struct {
	goals []space.Goal
	// about is a rule that looks at the action or fails; nil for any.
	about *rule
	// allow are the versions that have to allow the action.
	allow []*side
	// test is what an action has to pass, which both versions decide.
	test func(*mesh.Action) bool

	demanded []*rule // that allow it, as goals
}

// find looks for an answer. Where there is none, the goals of the question are
// those that could not be met together.
func (c *comparison) find(q *question) *mesh.Action {
	for {
		a := c.meeting(q.goals)
		if a == nil || q.test(a) {
			return a
		}
		before := len(q.goals)
		for _, s := range q.allow {
			q.demand(s, c.decide(s, a))
		}
		if len(q.goals) == before {
			return nil
		}
	}
}

// demand adds the goals that what refused an action allows it.
func (q *question) demand(s *side, o *Outcome) {
	for _, id := range slices.Concat(o.Violations, o.Errors) {
		r := s.byID[id]
		if r == nil || slices.Contains(q.demanded, r) {
			continue
		}
		q.demanded = append(q.demanded, r)
		if id == policy.RuleDefault && q.about != nil { // some rule has to look at it
			q.goals = append(q.goals, is(s.looking(q.about)))
		} else if !slices.Contains(q.goals, is(r.outcome)) {
			q.goals = append(q.goals, is(r.outcome))
		}
	}
}

// meeting asks for an action that meets goals.
func (c *comparison) meeting(goals []space.Goal) *mesh.Action {
	b := c.budget()
	a := c.spaceOf(goals).Find(c.ctx, goals, b)
	c.left -= MaxQuestion - b.Steps
	return a
}

// impossible asks for a proof that no action meets the goals.
func (c *comparison) impossible(goals []space.Goal) bool {
	b := c.budget()
	out := c.spaceOf(goals).Impossible(goals, b)
	c.left -= MaxQuestion - b.Steps
	return out
}

// spaceOf returns the space of what goals speak of.
func (c *comparison) spaceOf(goals []space.Goal) *space.Space {
	if len(goals) == len(c.asked) && slices.Equal(goals, c.asked) {
		return c.space
	}
	terms := make([]*term.Term, len(goals))
	for i, g := range goals {
		terms[i] = g.Term
	}
	c.space, c.asked = c.library.New(terms...), slices.Clone(goals)
	return c.space
}

func (c *comparison) budget() *space.Budget {
	if c.left <= 0 {
		return &space.Budget{}
	}
	return &space.Budget{Steps: MaxQuestion}
}

// gap notes that a kind of change of a rule could neither be found nor
// excluded.
func (c *comparison) gap(kind Kind, ids []string, what string, terms ...*term.Term) {
	const shown = 3
	why := fmt.Sprintf("it takes more than %d steps", MaxQuestion)
	if loose := c.library.New(terms...).Loose(terms...); len(loose) > 0 {
		for i, text := range loose {
			loose[i] = strings.TrimSuffix(strings.TrimPrefix(text, "("), ")")
		}
		if len(loose) > shown {
			loose = append(loose[:shown], "…")
		}
		why = "nothing is proved about " + strings.Join(loose, ", ")
	}
	c.report.Incomplete = append(c.report.Incomplete, Gap{Kind: kind, What: "whether " + what + " (rule " + strings.Join(ids, ", ") + ")", Why: why})
}

// decide says what a version makes of an action as in enforce mode.
func (c *comparison) decide(s *side, a *mesh.Action) *Outcome {
	s.enforced.Evaluate(c.ctx, a, engine.Inline, &s.result)
	return outcomeOf(&s.result)
}

// decideInMode says what a version makes of an action in its own mode.
func (c *comparison) decideInMode(s *side, a *mesh.Action) *Outcome {
	var r engine.Result
	s.program.Evaluate(c.ctx, a, engine.Inline, &r)
	return outcomeOf(&r)
}

func outcomeOf(r *engine.Result) *Outcome {
	out := &Outcome{Decision: mesh.OutcomeAllowed, Obligations: append([]mesh.Obligation(nil), r.Obligations...)}
	for _, v := range r.Violations {
		out.Violations = append(out.Violations, v.RuleID)
	}
	for _, e := range r.Errors {
		out.Errors = append(out.Errors, e.RuleID)
	}
	switch {
	case !r.Allowed && len(out.Violations) > 0:
		out.Decision = mesh.OutcomeDenied
	case !r.Allowed:
		out.Decision = mesh.EvaluationError
	}
	return out
}

func (o *Outcome) allowed() bool { return o.Decision == mesh.OutcomeAllowed }

// violates reports whether an action violates the rule of an id.
func (o *Outcome) violates(id string) bool { return slices.Contains(o.Violations, id) }

// fails reports whether the rule of an id fails.
func (o *Outcome) fails(id string) bool { return slices.Contains(o.Errors, id) }

// is is the goal that a term is true.
func is(t *term.Term) space.Goal { return space.Goal{Term: t, Want: space.True} }

// isNot is the goal that a term is false.
func isNot(t *term.Term) space.Goal { return space.Goal{Term: t, Want: space.False} }

// missed returns the ways in which a clause can be false: each is a number of
// goals about terms without logic.
func missed(c lower.Clause) [][]space.Goal {
	t := term.Disjunction(c...)
	if cubes, ok := cubesOf(t, false); ok {
		return cubes
	}
	return [][]space.Goal{{isNot(t)}}
}

// cubesOf returns the ways in which a term can have a truth value; false if
// there are too many.
func cubesOf(t *term.Term, truth bool) ([][]space.Goal, bool) {
	switch t.Op {
	case term.Const:
		if t.IsConst(truth) {
			return [][]space.Goal{nil}, true
		}
		return nil, true
	case term.Not:
		return cubesOf(t.Args[0], !truth)
	case term.And, term.Or:
		if (t.Op == term.And) == truth {
			return allOf(t.Args, truth)
		}
		return anyOf(t.Args, truth)
	case term.Cond:
		which, then, otherwise := t.Args[0], t.Args[1], t.Args[2]
		first, ok1 := allOf([]*term.Term{which, same(then, truth)}, true)
		second, ok2 := allOf([]*term.Term{term.Negate(which), same(otherwise, truth)}, true)
		return append(first, second...), ok1 && ok2 && len(first)+len(second) <= maxCubes
	}
	if truth {
		return [][]space.Goal{{is(t)}}, true
	}
	return [][]space.Goal{{isNot(t)}}, true
}

// same is the term that is true where t has the truth value.
func same(t *term.Term, truth bool) *term.Term {
	if truth {
		return t
	}
	return term.Negate(t)
}

func anyOf(terms []*term.Term, truth bool) ([][]space.Goal, bool) {
	var out [][]space.Goal
	for _, t := range terms {
		cubes, ok := cubesOf(t, truth)
		if out = append(out, cubes...); !ok || len(out) > maxCubes {
			return nil, false
		}
	}
	return out, true
}

func allOf(terms []*term.Term, truth bool) ([][]space.Goal, bool) {
	out := [][]space.Goal{nil}
	for _, t := range terms {
		cubes, ok := cubesOf(t, truth)
		if !ok || len(out)*len(cubes) > maxCubes {
			return nil, false
		}
		var next [][]space.Goal
		for _, a := range out {
			for _, b := range cubes {
				next = append(next, append(slices.Clone(a), b...))
			}
		}
		out = next
	}
	return out, true
}
