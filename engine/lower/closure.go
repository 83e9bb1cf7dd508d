package lower

import (
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// test is a boolean term as code.
type test func(in *Input) Truth

// read is a term of another kind as code.
type read func(in *Input) value

// compileTest returns the code of a boolean term, which engine/expr made: it
// makes none that there is no code for.
func compileTest(t *term.Term) test {
	switch t.Op {
	case term.Const:
		v := valueOf(t.Value).truth()
		return func(*Input) Truth { return v }
	case term.Has:
		leaf := t.Leaf
		return func(in *Input) Truth { return TruthOf(leaf.Present(in.action)) }
	case term.HasKey:
		return compileHasKey(t)
	case term.HasElement:
		return compileHasElement(t.Name)
	case term.Not:
		a := compileTest(t.Args[0])
		return func(in *Input) Truth { return a(in).not() }
	case term.And:
		return compileJoin(t.Args, False)
	case term.Or:
		return compileJoin(t.Args, True)
	case term.Cond:
		return compileCond(t)
	case term.Eq, term.Ne, term.Lt, term.Le, term.Gt, term.Ge:
		return compileRelation(t)
	case term.In:
		return compileIn(t)
	case term.StartsWith, term.EndsWith, term.Contains:
		return compileText(t)
	case term.Exists:
		return compileLoop(t, True)
	case term.All:
		return compileLoop(t, False)
	case term.Predicate:
		name := t.Name
		return func(in *Input) Truth { return in.answer(name) }
	case term.Opaque:
		return compileOpaque(t.Program)
	}
	v := compileRead(t)
	return func(in *Input) Truth { return v(in).truth() }
}

func compileTests(terms []*term.Term) []test {
	tests := make([]test, len(terms))
	for i, t := range terms {
		tests[i] = compileTest(t)
	}
	return tests
}

// compileJoin is a conjunction, which False decides, or a disjunction, which
// True does.
func compileJoin(terms []*term.Term, decisive Truth) test {
	tests, neutral := compileTests(terms), decisive.not()
	return func(in *Input) Truth {
		out := neutral
		for _, t := range tests {
			switch v := t(in); v {
			case decisive:
				return decisive
			case Error:
				out = Error
			}
		}
		return out
	}
}

func compileCond(t *term.Term) test {
	which, then, otherwise := compileTest(t.Args[0]), compileTest(t.Args[1]), compileTest(t.Args[2])
	return func(in *Input) Truth {
		switch which(in) {
		case True:
			return then(in)
		case False:
			return otherwise(in)
		}
		return Error
	}
}

func compileRelation(t *term.Term) test {
	a, b := compileRead(t.Args[0]), compileRead(t.Args[1])
	switch op := t.Op; op {
	case term.Eq:
		return func(in *Input) Truth { return in.equal(a(in), b(in)) }
	case term.Ne:
		return func(in *Input) Truth { return in.equal(a(in), b(in)).not() }
	default:
		return func(in *Input) Truth { return in.order(op, a(in), b(in)) }
	}
}

func compileIn(t *term.Term) test {
	a, of := compileRead(t.Args[0]), t.Args[1]
	if set := constantSet(of); set != nil {
		return func(in *Input) Truth {
			v := a(in)
			if v.kind == none {
				return Error
			}
			return TruthOf(set.has(v))
		}
	}
	if of.Kind == term.Texts {
		leaf := of.Leaf
		return func(in *Input) Truth {
			v, texts := a(in), leaf.Texts(in.action)
			if texts == nil {
				return Error
			}
			return in.amongTexts(v, texts)
		}
	}
	b := compileRead(of)
	return func(in *Input) Truth {
		return in.member(a(in), b(in))
	}
}

func compileText(t *term.Term) test {
	a, b := compileRead(t.Args[0]), compileRead(t.Args[1])
	compare := map[term.Op]func(a, b string) bool{
		term.StartsWith: strings.HasPrefix, term.EndsWith: strings.HasSuffix, term.Contains: strings.Contains,
	}[t.Op]
	throughout := t.Op == term.Contains
	return func(in *Input) Truth {
		v, w := a(in), b(in)
		if v.kind != text || w.kind != text {
			return Error
		}
		read := len(v.text)
		if !throughout {
			read = min(read, len(w.text))
		}
		if !in.step(read / bytesPerStep) {
			return Error
		}
		return TruthOf(compare(v.text, w.text))
	}
}

func compileOpaque(p term.Program) test {
	return func(in *Input) Truth {
		v, err := p.Decide(in)
		if err != nil {
			if b := term.BoundOf(err); b != term.Unbound {
				in.hit, in.hits = b, true
			}
			return Error
		}
		return TruthOf(v)
	}
}

// compileRead returns the code of a term that has a value.
func compileRead(t *term.Term) read {
	switch t.Op {
	case term.Const:
		v := valueOf(t.Value)
		return func(*Input) value { return v }
	case term.Fail:
		return func(*Input) value { return value{} }
	case term.Read:
		return compileLeaf(t)
	case term.Key:
		return compileKey(t)
	case term.Element:
		return compileElement(t.Name)
	case term.Size:
		return compileSize(t.Args[0])
	case term.Neg:
		a := compileRead(t.Args[0])
		return func(in *Input) value {
			v := a(in)
			if v.kind == float {
				return floatValue(-v.f)
			}
			return intValue(0).arithmetic(term.Sub, v)
		}
	case term.Add, term.Sub, term.Mul, term.Div, term.Mod:
		a, b, op := compileRead(t.Args[0]), compileRead(t.Args[1]), t.Op
		return func(in *Input) value { return a(in).arithmetic(op, b(in)) }
	}
	b := compileTest(t)
	return func(in *Input) value { return truthValue(b(in)) }
}

func compileLeaf(t *term.Term) read {
	leaf := t.Leaf
	switch t.Kind {
	case term.Text:
		return func(in *Input) value {
			if s, ok := leaf.Text(in.action); ok {
				return textValue(s)
			}
			return value{}
		}
	case term.Bool:
		return func(in *Input) value {
			if b, ok := leaf.Bool(in.action); ok {
				return truthValue(TruthOf(b))
			}
			return value{}
		}
	case term.Int:
		return func(in *Input) value {
			if i, ok := leaf.Int(in.action); ok {
				return intValue(i)
			}
			return value{}
		}
	case term.Float:
		return func(in *Input) value {
			if f, ok := leaf.Float(in.action); ok {
				return floatValue(f)
			}
			return value{}
		}
	case term.Map:
		// An absent free-form map is an empty one.
		return func(in *Input) value { return value{kind: object, any: leaf.Map(in.action)} }
	}
	return func(in *Input) value { return valueOf(leaf.Value(in.action)) } // lists: only where they are absent is read
}

// compileKey reads a key of a free-form map, or of a map within one.
func compileKey(t *term.Term) read {
	name := t.Name
	if of := t.Args[0]; of.Op == term.Read {
		leaf := of.Leaf
		return func(in *Input) value {
			if v, ok := leaf.Map(in.action)[name]; ok {
				return valueOf(v)
			}
			return value{}
		}
	}
	of := compileRead(t.Args[0])
	return func(in *Input) value {
		m, _ := of(in).any.(map[string]any)
		if v, ok := m[name]; ok {
			return valueOf(v)
		}
		return value{}
	}
}

func compileHasKey(t *term.Term) test {
	name, of := t.Name, compileRead(t.Args[0])
	return func(in *Input) Truth {
		v := of(in)
		if v.kind == none || v.kind == list { // a list is indexed by numbers
			return Error
		}
		m, _ := v.any.(map[string]any) // other values have no keys
		_, ok := m[name]
		return TruthOf(ok)
	}
}

func compileSize(t *term.Term) read {
	switch t.Kind {
	case term.Texts:
		leaf := t.Leaf
		return func(in *Input) value {
			if texts := leaf.Texts(in.action); texts != nil {
				return intValue(int64(len(texts)))
			}
			return value{}
		}
	case term.Findings:
		leaf := t.Leaf
		return func(in *Input) value {
			if findings := leaf.Findings(in.action); findings != nil {
				return intValue(int64(len(findings)))
			}
			return value{}
		}
	}
	a := compileRead(t)
	return func(in *Input) value {
		v := a(in)
		if v.kind == text && !in.step(len(v.text)/bytesPerStep) {
			return value{}
		}
		return v.size()
	}
}
