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
			c.demand(q, s, c.decide(s, a))
		}
		if len(q.goals) == before {
			return nil
		}
	}
}

// demand adds the goals of a question that what refused an action allows it.
func (c *comparison) demand(q *question, s *side, o *Outcome) {
	for _, id := range slices.Concat(o.Violations, o.Errors) {
		r := s.byID[id]
		if r == nil || slices.Contains(q.demanded, r) {
			continue
		}
		q.demanded = append(q.demanded, r)
		if id == policy.RuleDefault && q.about != nil { // some rule has to look at it
			q.goals = append(q.goals, space.Is(c.looking(s, q.about)))
		} else if !slices.Contains(q.goals, space.Is(r.outcome)) {
			q.goals = append(q.goals, space.Is(r.outcome))
		}
	}
}

// meeting asks for an action that meets goals; nil if no more is asked.
func (c *comparison) meeting(goals []space.Goal) *mesh.Action {
	s := c.spaceOf(goals)
	if c.done() {
		return nil
	}
	b := &space.Budget{Steps: MaxQuestion}
	a := s.Find(c.ctx, goals, b)
	c.left -= MaxQuestion - b.Steps
	return a
}

// impossible asks for a proof that no action meets the goals; false if no more
// is asked.
func (c *comparison) impossible(goals []space.Goal) bool {
	return c.impossibleWithin(goals, MaxQuestion)
}

func (c *comparison) impossibleWithin(goals []space.Goal, steps int) bool {
	s := c.spaceOf(goals)
	if c.done() {
		return false
	}
	b := &space.Budget{Steps: steps}
	out := s.Impossible(goals, b)
	c.left -= steps - b.Steps
	return out
}

// done reports whether no more is asked: the steps are spent, or nobody waits
// for the answer.
func (c *comparison) done() bool { return c.left <= 0 || c.ctx.Err() != nil }

// spaceOf returns the space of what goals speak of; nil if no more is asked.
func (c *comparison) spaceOf(goals []space.Goal) *space.Space {
	if len(goals) == len(c.asked) && slices.Equal(goals, c.asked) {
		return c.space
	}
	terms := make([]*term.Term, len(goals))
	for i, g := range goals {
		terms[i] = g.Term
	}
	s := c.made(terms...)
	if s != nil {
		c.space, c.asked = s, slices.Clone(goals)
	}
	return s
}

// made returns the space of terms; nil if no more is asked.
func (c *comparison) made(terms ...*term.Term) *space.Space {
	if c.done() {
		return nil
	}
	s := c.library.New(terms...)
	c.left -= s.Steps()
	return s
}

// gap notes that a kind of change of a rule could neither be found nor
// excluded. Once no more is asked, it is noted of the rule as a whole.
func (c *comparison) gap(kind Kind, ids []string, what string, terms ...*term.Term) {
	s := c.made(terms...)
	if s == nil {
		c.unanswered(ids)
		return
	}
	g := Gap{Kind: kind, Rules: ids, What: "whether " + what + " (rule " + strings.Join(ids, ", ") + ")"}
	for _, t := range s.Loose(terms...) {
		g.loose = append(g.loose, t.Written())
	}
	g.Why = whyNot(g.loose)
	c.report.Incomplete = append(c.report.Incomplete, g)
}

// whyNot says why a question has no answer, where nothing is proved about some
// terms.
func whyNot(loose []string) string {
	const shown = 3
	switch {
	case len(loose) == 0:
		return fmt.Sprintf("it takes more than %d steps", MaxQuestion)
	case len(loose) > shown:
		loose = append(slices.Clone(loose[:shown]), "…")
	}
	return "nothing is proved about " + strings.Join(loose, ", ")
}

// Questions is what could not be decided, as people read it: what is not known of
// the decisions of a rule is one question, however many kinds of change it is
// about.
func (r *Report) Questions() []Gap {
	var out []Gap
	at := map[string]int{}
	for _, g := range r.Incomplete {
		name := strings.Join(g.Rules, ", ")
		i, ok := at[name]
		if g.Kind == Parameter || name == "" || !ok {
			if g.Kind != Parameter && name != "" {
				at[name] = len(out)
			}
			out = append(out, g)
			continue
		}
		what := "what else changes by rule " + name
		if !slices.ContainsFunc(r.Changes, func(c Change) bool { return slices.Equal(c.Rules, g.Rules) }) {
			what = "whether rule " + name + " decides, or obliges to, anything else than before"
		}
		loose := slices.Clone(out[i].loose)
		for _, text := range g.loose {
			if !slices.Contains(loose, text) {
				loose = append(loose, text)
			}
		}
		out[i] = Gap{Kind: Rule, Rules: g.Rules, What: what, Why: whyNot(loose), loose: loose}
	}
	return out
}

// unanswered notes that not everything was asked about a rule.
func (c *comparison) unanswered(ids []string) {
	if name := strings.Join(ids, ", "); !slices.Contains(c.rest, name) {
		c.rest = append(c.rest, name)
	}
}

// noted counts what is noted of all rules.
func (c *comparison) noted() int {
	return len(c.report.Changes) + len(c.report.Incomplete) + len(c.rest)
}

// noteRest makes one gap of the rules about which not everything was asked.
func (c *comparison) noteRest() {
	const shown = 3
	if len(c.rest) == 0 {
		return
	}
	names, noun, more := c.rest, "rule ", ""
	if len(names) > 1 {
		noun = "the rules "
	}
	if len(names) > shown+1 {
		names, more = names[:shown], fmt.Sprintf(" and %d others", len(c.rest)-shown)
	}
	c.report.Incomplete = slices.Insert(c.report.Incomplete, 0, Gap{
		Kind: Rule, What: "what else changes by " + noun + strings.Join(names, ", ") + more,
		Why: fmt.Sprintf("to compare all rules takes more than %d steps", c.steps),
	})
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
		return [][]space.Goal{{space.Is(t)}}, true
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
