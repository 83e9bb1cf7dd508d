package expr

import (
	"sync"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// meaning returns what makes the term of a node that is left to cel-go, in words
// that only reasoning has; see [term.Term.Meaning].
func (c *converter) meaning(x ast.Expr, program term.Program) func() *term.Term {
	return sync.OnceValue(func() *term.Term {
		inner := *c
		switch x.Kind() {
		case ast.ComprehensionKind:
			return inner.loopMeaning(x.AsComprehension(), program)
		case ast.CallKind:
			return inner.callMeaning(x, program)
		}
		return nil
	})
}

func (c *converter) callMeaning(x ast.Expr, program term.Program) *term.Term {
	call := x.AsCall()
	if call.FunctionName() == overloads.Matches && call.IsMemberFunction() && len(call.Args()) == 1 {
		return c.matches(call.Target(), call.Args()[0])
	}
	op, ok := binary[call.FunctionName()]
	if !ok || op < term.Eq || op > term.Ge {
		return nil
	}
	a, b := c.operand(call.Args()[0]), c.operand(call.Args()[1])
	if (a.Op == term.Const) == (b.Op == term.Const) {
		return nil
	}
	return &term.Term{Op: op, Kind: term.Bool, Args: []*term.Term{a, b}, Program: program}
}

// operand converts what is compared. What cel-go computes is a part that equals
// others of the same text.
func (c *converter) operand(x ast.Expr) *term.Term {
	if t := c.term(x); t != nil {
		return t
	}
	if t := moment(x); t != nil {
		return t
	}
	return &term.Term{Op: term.Opaque, Kind: c.kind(x), Args: c.parts(x), Source: c.source(x), Name: c.given(x)}
}

// moment converts timestamp("…") and duration("…") to seconds; nil for others.
func moment(x ast.Expr) *term.Term {
	if x.Kind() != ast.CallKind || len(x.AsCall().Args()) != 1 || x.AsCall().Args()[0].Kind() != ast.LiteralKind {
		return nil
	}
	text, ok := x.AsCall().Args()[0].AsLiteral().(types.String)
	if !ok {
		return nil
	}
	t := &term.Term{Op: term.Const, Kind: term.Other, Source: string(text)}
	switch x.AsCall().FunctionName() {
	case overloads.TypeConvertTimestamp:
		at, err := time.Parse(time.RFC3339, string(text))
		if err != nil {
			return nil
		}
		t.Value = float64(at.Unix()) + float64(at.Nanosecond())/float64(time.Second)
	case overloads.TypeConvertDuration:
		d, err := time.ParseDuration(string(text))
		if err != nil {
			return nil
		}
		t.Value = d.Seconds()
	default:
		return nil
	}
	return t
}

// matches converts text.matches(pattern) for what stands at a place.
func (c *converter) matches(text, expression ast.Expr) *term.Term {
	of, source := c.term(text), c.term(expression)
	if of == nil || source == nil || source.Op != term.Const || source.Kind != term.Text {
		return nil
	}
	switch of.Op {
	case term.Read, term.Key, term.Element:
	default:
		return nil
	}
	return &term.Term{Op: term.Matches, Kind: term.Bool, Args: []*term.Term{of, term.Constant(source.Value)}}
}

// loopMeaning converts loops whose bodies match patterns.
func (c *converter) loopMeaning(x ast.ComprehensionExpr, program term.Program) *term.Term {
	c.matching = true
	t := c.comprehension(x)
	if t != nil && (t.Op == term.Exists || t.Op == term.All) {
		t.Program = program
	}
	return t
}
