package expr

import (
	"sync"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// maxUnrolled bounds the elements of a list of constants over which a loop is
// unrolled.
const maxUnrolled = 100

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
	of, source := c.term(text), c.constantText(expression)
	if of == nil || source == nil {
		return nil
	}
	switch of.Op {
	case term.Read, term.Key, term.Element:
	default:
		return nil
	}
	return &term.Term{Op: term.Matches, Kind: term.Bool, Args: []*term.Term{of, source}}
}

// constantText joins texts that are known.
func (c *converter) constantText(x ast.Expr) *term.Term {
	if x.Kind() == ast.CallKind && x.AsCall().FunctionName() == operators.Add {
		a, b := c.constantText(x.AsCall().Args()[0]), c.constantText(x.AsCall().Args()[1])
		if a == nil || b == nil {
			return nil
		}
		return term.Constant(a.Value.(string) + b.Value.(string))
	}
	if t := c.term(x); t != nil && t.Op == term.Const && t.Kind == term.Text {
		return term.Constant(t.Value)
	}
	return nil
}

// loopMeaning converts loops over lists of constants, over the keys of maps of
// the action, and those over its lists that match patterns.
func (c *converter) loopMeaning(x ast.ComprehensionExpr, program term.Program) *term.Term {
	list := c.term(x.IterRange())
	op, body := quantified(x)
	if list == nil || body == nil || c.loop != "" || x.HasIterVar2() {
		return nil
	}
	if list.Op == term.Read {
		c.loop, c.over, c.matching = x.IterVar(), list.Kind, true
		if test := c.boolean(body); test != nil {
			return &term.Term{Op: op, Kind: term.Bool, Args: []*term.Term{list, test}, Program: program}
		}
		return nil
	}
	return c.unrolled(op, x.IterVar(), list, body)
}

// unrolled converts a loop over a list of constants.
func (c *converter) unrolled(op term.Op, variable string, list *term.Term, body ast.Expr) *term.Term {
	values, ok := list.Value.([]any)
	if list.Op != term.Const || !ok || len(values) > maxUnrolled {
		return nil
	}
	var parts []*term.Term
	for _, v := range values {
		c.bound, c.matching = &binding{variable, v}, true
		part := c.boolean(body)
		if part == nil {
			return nil
		}
		parts = append(parts, part)
	}
	if op == term.All {
		return term.Conjunction(parts...)
	}
	return term.Disjunction(parts...)
}

// binding is a loop variable with the value it has.
type binding struct {
	name  string
	value any
}
