package lower

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// stepsBetweenLooks is how many steps pass between two looks at whether anybody
// still waits for the result.
const stepsBetweenLooks = 1 << 14

// step counts what a loop, a search or a comparison does and reports whether it
// may go on.
func (in *Input) step(n int) bool {
	in.steps += n
	in.spent += n
	if in.spent <= in.look {
		return true
	}
	return in.mayGoOn()
}

// mayGoOn looks at the bounds, and says when to look again.
func (in *Input) mayGoOn() bool {
	switch others := in.spent - in.steps; {
	case in.steps > term.MaxRuleSteps && others+term.MaxRuleSteps < in.most():
		in.hit = term.RuleSteps
		in.exceed(in.steps - (term.MaxRuleSteps + 1))
	case in.spent >= in.most():
		in.hit = term.AllSteps
		in.exceed(in.spent - in.most())
	case in.ctx != nil && in.ctx.Err() != nil:
		in.hit = term.Interrupted
	default:
		in.look = min(in.spent+min(stepsBetweenLooks, term.MaxRuleSteps-in.steps), in.most()-1)
		return true
	}
	in.hits = true
	return false
}

// exceed takes back by how much a bound is exceeded: that may depend on Go's
// order of keys.
func (in *Input) exceed(by int) {
	in.steps -= by
	in.spent -= by
}

// What putting a decision into words may take: a few times what it took itself
// and some more; and to name more than the first element that decides a loop.
const (
	wordsPerStep = 3
	stepsOfWords = 100_000
	furtherSteps = 10_000
)

// Explain begins to put into words what was matched: what [Reasons] look at is
// counted from here on.
func (in *Input) Explain() {
	in.spent = max(in.most()-stepsOfWords-wordsPerStep*in.took, 0)
	in.further, in.look, in.hits = furtherSteps, in.spent-1, false
}

// Limit sets how many steps each decision from here on may take, if that is less
// than [term.MaxSteps]: decisions that share a budget have what is left of it.
func (in *Input) Limit(steps int) { in.held = term.MaxSteps - max(min(steps, term.MaxSteps), 0) }

// Took returns the steps that the last decision took, without its words.
func (in *Input) Took() int { return in.took }

func (in *Input) most() int { return term.MaxSteps - in.held }

// Spend takes steps off what the decision may cost. It returns false if nothing
// is left.
func (in *Input) Spend(steps int) bool {
	in.spent += steps
	return in.spent < in.most()
}

// What reading takes that is no loop of the expression's own.
const (
	bytesPerStep    = 64 // of a text
	stepsPerElement = 4  // of a free-form list, whose elements may be anything
)

// weight is the number of parts of a term.
func weight(t *term.Term) int {
	n := 0
	t.Walk(func(*term.Term) bool { n++; return true })
	return n
}

// element is what the loop variable stands for.
type element struct {
	text    string
	finding *mesh.ContentFinding
}

// compileLoop is list.exists, which True decides, or list.all, which False does.
func compileLoop(t *term.Term, decisive Truth) test {
	leaf, body, cost := t.Args[0].Leaf, compileTest(t.Args[1]), weight(t.Args[1])
	switch t.Args[0].Kind {
	case term.Map:
		return compileKeyLoop(t.Args[1], leaf, cost, decisive)
	case term.Texts:
		return func(in *Input) Truth {
			texts := leaf.Texts(in.action)
			if texts == nil {
				return Error
			}
			out := decisive.not()
			for _, s := range texts {
				if !in.step(cost) {
					return Error
				}
				in.element.text = s
				if decisive.decides(body(in), &out) {
					return out
				}
			}
			return out
		}
	}
	return func(in *Input) Truth {
		findings := leaf.Findings(in.action)
		if findings == nil {
			return Error
		}
		out := decisive.not()
		for i := range findings {
			if !in.step(cost) {
				return Error
			}
			in.element.finding = &findings[i]
			if decisive.decides(body(in), &out) {
				return out
			}
		}
		return out
	}
}

// compileKeyLoop is a loop over the keys of a free-form map; an absent one is
// empty. Where what it asks of a key counts steps, it goes through them in order:
// else what the steps are of which it ends would depend on Go's order, which
// differs from call to call.
func compileKeyLoop(t *term.Term, leaf *shape.Leaf, cost int, decisive Truth) test {
	body, counts := compileTest(t), countsSteps(t)
	return func(in *Input) Truth {
		m := leaf.Map(in.action)
		if !in.step(len(m) * cost) { // at once: not all keys may be looked at
			return Error
		}
		out := decisive.not()
		if counts {
			for _, key := range in.sortedKeys(leaf) {
				in.element.text = key
				if decisive.decides(body(in), &out) {
					return out
				}
			}
			return out
		}
		for key := range m {
			in.element.text = key
			if decisive.decides(body(in), &out) {
				return out
			}
		}
		return out
	}
}

// countsSteps reports whether deciding a term may take steps.
func countsSteps(t *term.Term) bool {
	counts := false
	t.Walk(func(t *term.Term) bool {
		switch t.Op {
		case term.Eq, term.Ne, term.Lt, term.Le, term.Gt, term.Ge:
			counts = counts || !comparesFree(t.Args[0]) && !comparesFree(t.Args[1])
		case term.In:
			counts = counts || constantSet(t.Args[1]) == nil
		case term.StartsWith, term.EndsWith, term.Contains, term.Size, term.Exists, term.All, term.Predicate, term.Opaque:
			counts = true
		}
		return !counts
	})
	return counts
}

// comparesFree reports whether a term is a constant with which anything is
// compared without a step.
func comparesFree(t *term.Term) bool {
	if t.Op != term.Const {
		return false
	}
	switch v := t.Value.(type) {
	case nil, bool, int64, float64:
		return true
	case string:
		return len(v) < bytesPerStep
	}
	return false
}

// sorted are the keys of a free-form map of the action, in order.
type sorted struct {
	leaf  *shape.Leaf
	keys  []string
	stamp uint32 // of the action they are of
}

// sortedKeys returns the keys of a free-form map in order. They are sorted once
// for an action, so that its size bounds what that takes.
func (in *Input) sortedKeys(leaf *shape.Leaf) []string {
	i := slices.IndexFunc(in.sorted, func(s sorted) bool { return s.leaf == leaf })
	if i < 0 {
		i = len(in.sorted)
		in.sorted = append(in.sorted, sorted{leaf: leaf})
	}
	s := &in.sorted[i]
	if s.stamp != in.stamp {
		clear(s.keys)
		s.keys = s.keys[:0]
		for key := range leaf.Map(in.action) {
			s.keys = append(s.keys, key)
		}
		slices.Sort(s.keys)
		s.stamp = in.stamp
	}
	return s.keys
}

func compileElement(field string) read {
	switch field {
	case "type":
		return func(in *Input) value {
			if s := in.element.finding.Type; s != nil {
				return textValue(*s)
			}
			return value{}
		}
	case "count":
		return func(in *Input) value {
			if n := in.element.finding.Count; n != nil {
				return intValue(*n)
			}
			return value{}
		}
	}
	return func(in *Input) value { return textValue(in.element.text) }
}

func compileHasElement(field string) test {
	if field == "type" {
		return func(in *Input) Truth { return TruthOf(in.element.finding.Type != nil) }
	}
	return func(in *Input) Truth { return TruthOf(in.element.finding.Count != nil) }
}
