package lower

import (
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// maxSame bounds the terms that are compared, by their parts and the constants
// in lists: the effort grows with the square of it.
const maxSame = 256

// Same reports whether two boolean terms are known to have the same value for
// every action: both are about one place, or constant, and agree on every class
// of what may stand there. It says nothing of other terms, nor of large ones.
func Same(a, b *term.Term) bool {
	if size(a)+size(b) > maxSame {
		return false
	}
	if a.Op == term.Const && b.Op == term.Const {
		return a.IsConst(true) == b.IsConst(true)
	}
	p := literalPlace(a)
	if p == (place{}) {
		a, b = b, a
		p = literalPlace(a)
	}
	if p == (place{}) || b.Op != term.Const && literalPlace(b) != p {
		return false
	}
	kind := p.kind()
	for _, s := range statesOf(kind, constantsOf(term.Disjunction(a, b), kind)) {
		if evaluate(a, s) != evaluate(b, s) {
			return false
		}
	}
	return true
}

// size counts the parts of a term and the constants in its lists.
func size(t *term.Term) int {
	n := 0
	t.Walk(func(t *term.Term) bool {
		list, _ := t.Value.([]any)
		n += 1 + len(list)
		return n <= maxSame
	})
	return n
}

// statesOf returns one state of each class that the constants make of a place.
func statesOf(kind shape.Kind, constants []value) []state {
	out := []state{{}}
	for _, c := range constants {
		out = append(out, state{true, c})
	}
	switch kind {
	case shape.Bool:
		out = append(out, state{true, truthValue(False)}, state{true, truthValue(True)})
	case shape.Int, shape.Float:
		for i := range len(constants) + 1 {
			out = append(out, between(kind, constants, i))
		}
		if kind == shape.Float {
			out = append(out, state{true, floatValue(nan)})
		}
	default:
		out = append(out, otherText(constants))
	}
	return slices.Clip(out)
}
