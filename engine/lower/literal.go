package lower

import (
	"math"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// place is where an action says something: a leaf, or a key of a free-form map
// that is one. The zero place is none.
type place struct {
	leaf *shape.Leaf
	key  string
}

// kind is the kind of the values that classes are made of. What a free-form map
// holds may be of any; of interest is only which text it is.
func (p place) kind() shape.Kind {
	if p.key != "" {
		return shape.String
	}
	return p.leaf.Kind
}

// placeRead returns the place that a Read or Key reads, and a Has or HasKey asks
// for; the zero place for keys within a key.
func placeRead(t *term.Term) place {
	switch t.Op {
	case term.Read, term.Has:
		return place{leaf: t.Leaf}
	case term.Key, term.HasKey:
		if of := t.Args[0]; of.Op == term.Read && t.Name != "" {
			return place{of.Leaf, t.Name}
		}
	}
	return place{}
}

// A literal is a boolean term about one place of the action whose value depends
// on nothing but the class that what stands there falls into: absent, one of
// the constants the term names or, for numbers, between two of them. A table
// from class to truth says all there is to say about it.

// literalPlace returns the place that t is a literal about, or the zero place if
// t is none.
func literalPlace(t *term.Term) place {
	switch t.Op {
	case term.Has, term.HasKey:
		return placeRead(t)
	case term.Read:
		if t.Kind == term.Bool {
			return place{leaf: t.Leaf}
		}
	case term.Not, term.And, term.Or, term.Cond:
		first := literalPlace(t.Args[0])
		for _, a := range t.Args[1:] {
			if first == (place{}) || literalPlace(a) != first {
				return place{}
			}
		}
		return first
	case term.Eq, term.Ne, term.Lt, term.Le, term.Gt, term.Ge, term.In:
		if read, _, ok := comparison(t); ok {
			return placeRead(read)
		}
	}
	return place{}
}

// comparison splits a comparison of a leaf with constants that its classes can
// tell apart.
func comparison(t *term.Term) (read *term.Term, constants []any, ok bool) {
	a, b := t.Args[0], t.Args[1]
	if a.Op == term.Const && t.Op != term.In {
		a, b = b, a
	}
	if a.Op != term.Read && a.Op != term.Key || placeRead(a) == (place{}) || b.Op != term.Const {
		return nil, nil, false
	}
	if constants, _ = b.Value.([]any); t.Op != term.In {
		constants = []any{b.Value}
	}
	ordered := t.Op != term.Eq && t.Op != term.Ne && t.Op != term.In
	for _, c := range constants {
		if !fits(a.Kind, c, ordered) {
			return nil, nil, false
		}
	}
	// Each number makes two classes, which all literals of a block have to be
	// judged for.
	const manyNumbers = 16
	if len(constants) > manyNumbers && (a.Kind == term.Int || a.Kind == term.Float) {
		return nil, nil, false
	}
	return a, constants, true
}

// fits reports whether the classes of a leaf of that kind can have the
// constant as a bound.
func fits(kind term.Kind, constant any, ordered bool) bool {
	switch c := constant.(type) {
	case string:
		return (kind == term.Text || kind == term.Dyn) && !ordered
	case bool:
		return kind == term.Bool && !ordered
	case int64:
		return kind == term.Int || kind == term.Float && -term.MaxExact < c && c < term.MaxExact
	case float64:
		return kind == term.Float && !math.IsNaN(c) || kind == term.Int && c == math.Trunc(c) && math.Abs(c) < term.MaxExact
	}
	return false
}

// constantsOf returns the constants of a literal, each once: texts in the order
// of the term, numbers sorted and as the place's own type.
func constantsOf(t *term.Term, kind shape.Kind) []value {
	var out []value
	seen := map[value]bool{}
	t.Walk(func(t *term.Term) bool {
		switch t.Op {
		case term.Eq, term.Ne, term.Lt, term.Le, term.Gt, term.Ge, term.In:
			_, constants, _ := comparison(t)
			for _, c := range constants {
				if v := valueOf(c).as(kind); !seen[v] {
					seen[v] = true
					out = append(out, v)
				}
			}
			return false
		}
		return true
	})
	if kind == shape.Int || kind == shape.Float {
		slices.SortFunc(out, value.compareNumber)
	}
	return out
}

// as gives a number the type of a leaf.
func (v value) as(kind shape.Kind) value {
	switch {
	case kind == shape.Int && v.kind == float:
		return intValue(int64(v.f))
	case kind == shape.Float && v.kind == integer:
		return floatValue(float64(v.i))
	case kind == shape.Float && v.f == 0:
		return floatValue(0) // not -0
	}
	return v
}

// state is what a leaf may hold: nothing (the zero state), or a value; of
// lists and objects only that they are there.
type state struct {
	present bool
	value   value
}

// judge returns the truth of a literal for a state of its place.
type judge func(s state) Truth

// newJudge compiles a literal.
func newJudge(t *term.Term) judge {
	switch t.Op {
	case term.Const:
		v := valueOf(t.Value).truth()
		return func(state) Truth { return v }
	case term.Has, term.HasKey:
		return func(s state) Truth { return TruthOf(s.present) }
	case term.Read:
		return func(s state) Truth { return s.value.truth() }
	case term.Not:
		a := newJudge(t.Args[0])
		return func(s state) Truth { return a(s).not() }
	case term.And, term.Or, term.Cond:
		return newJoinedJudge(t)
	}
	read, constants, _ := comparison(t)
	if t.Op == term.In {
		set := make(map[value]bool, len(constants))
		for _, c := range constants {
			set[valueOf(c).as(placeRead(read).kind())] = true
		}
		return func(s state) Truth {
			if s.value.kind == none {
				return Error
			}
			return TruthOf(set[s.value])
		}
	}
	a, b := t.Args[0], t.Args[1]
	side := func(t *term.Term, s state) value {
		if t.Op == term.Const {
			return valueOf(t.Value)
		}
		return s.value
	}
	return func(s state) Truth { return relate(t.Op, side(a, s), side(b, s)) }
}

func newJoinedJudge(t *term.Term) judge {
	args := make([]judge, len(t.Args))
	for i, a := range t.Args {
		args[i] = newJudge(a)
	}
	switch t.Op {
	case term.And:
		return func(s state) Truth {
			out := True
			for _, a := range args {
				out = out.and(a(s))
			}
			return out
		}
	case term.Or:
		return func(s state) Truth {
			out := False
			for _, a := range args {
				out = out.or(a(s))
			}
			return out
		}
	}
	return func(s state) Truth {
		switch args[0](s) {
		case True:
			return args[1](s)
		case False:
			return args[2](s)
		}
		return Error
	}
}

// evaluate returns the truth of a literal whose place is in that state.
func evaluate(t *term.Term, s state) Truth { return newJudge(t)(s) }

func relate(op term.Op, a, b value) Truth {
	if op != term.Eq && op != term.Ne {
		return a.order(op, b)
	}
	equal, _ := a.equal(b) // what a class stands for is a scalar
	if op == term.Ne {
		return equal.not()
	}
	return equal
}

// otherText is a text that is none of the constants.
func otherText(constants []value) state {
	longest := 0
	for _, c := range constants {
		longest = max(longest, len(c.text))
	}
	return state{true, textValue(strings.Repeat("-", longest+1))}
}

// between returns a number between two neighboring constants, below the first
// and above the last one. Where there is none, any number will do.
func between(kind shape.Kind, constants []value, i int) state {
	var v value
	switch {
	case len(constants) == 0:
		v = zero(kind)
	case i == 0 && kind == shape.Int:
		v = intValue(constants[0].i - 1)
	case i == 0:
		v = floatValue(math.Nextafter(constants[0].f, math.Inf(-1)))
	case kind == shape.Int:
		v = intValue(constants[i-1].i + 1)
	default:
		v = floatValue(math.Nextafter(constants[i-1].f, math.Inf(1)))
	}
	return state{true, v}
}

func zero(kind shape.Kind) value {
	if kind == shape.Int {
		return intValue(0)
	}
	return floatValue(0)
}

// total reports whether a term is never an error, as far as that is easy to
// see.
func total(t *term.Term) bool {
	switch t.Op {
	case term.Const, term.Has, term.HasElement:
		return true
	case term.HasKey:
		return t.Args[0].Op == term.Read
	case term.Not, term.And, term.Or:
		if p := literalPlace(t); p != (place{}) {
			return evaluate(t, state{}) != Error && (p.kind() != shape.Float || evaluate(t, state{true, floatValue(nan)}) != Error)
		}
		for _, a := range t.Args {
			if !total(a) {
				return false
			}
		}
		return true
	}
	return false
}
