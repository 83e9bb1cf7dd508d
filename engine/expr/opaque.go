package expr

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/parser"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// opaque leaves a node to cel-go. Within a loop it cannot be told apart from
// the loop: nil.
func (c *converter) opaque(x ast.Expr) *term.Term {
	if c.loop != "" {
		return nil
	}
	plan, records := c.expr.plan, c.foldable(x)
	if records != nil || x.ID() != c.ast.Expr().ID() {
		plan = c.expr.env.planner(subtree(c.ast, x), records)
	}
	decide := &program{plan: plan, records: c.records}
	return &term.Term{
		Op: term.Opaque, Kind: term.Bool, Args: c.parts(x),
		Source: c.source(x), Name: c.given(x), Program: decide, Meaning: c.meaning(x, decide), Offset: beginOf(c.ast, x),
		Pattern: c.pattern(x),
	}
}

// pattern returns the regular expression that a node asks a place to match;
// empty for other nodes.
func (c *converter) pattern(x ast.Expr) string {
	if x.Kind() != ast.CallKind {
		return ""
	}
	call := x.AsCall()
	if call.FunctionName() != overloads.Matches || !call.IsMemberFunction() || len(call.Args()) != 1 {
		return ""
	}
	text, pattern := c.term(call.Target()), c.term(call.Args()[0])
	if text == nil || pattern == nil || pattern.Op != term.Const || (text.Op != term.Read && text.Op != term.Key) {
		return ""
	}
	return textOf(pattern)
}

// source returns a node as CEL, with the values of records in place of what
// reads them: terms of the same text mean the same.
func (c *converter) source(x ast.Expr) string {
	info := c.ast.SourceInfo()
	if len(c.records) > 0 && c.readsRecords(x) {
		factory := ast.NewExprFactory()
		x, info = factory.CopyExpr(x), ast.CopySourceInfo(info)
		fold(factory, x, c.records)
		for _, call := range info.MacroCalls() {
			fold(factory, call, c.records)
		}
	}
	source, err := parser.Unparse(x, info)
	if err != nil {
		return "" // no part of a checked expression is without one
	}
	return source
}

// given says which fields of records a node reads and what their values are, or
// that they have none: what the text alone may not tell.
func (c *converter) given(x ast.Expr) string {
	said := map[string]string{}
	ast.PostOrderVisit(x, ast.NewExprVisitor(func(x ast.Expr) {
		record, field := selected(x)
		if values, ok := c.records[record]; ok {
			name := record + "." + field
			said[name] = name + " absent"
			if v, ok := goValue(values[field]); ok {
				said[name] = name + " " + term.Constant(v).String()
			}
		}
	}))
	return strings.Join(slices.Sorted(maps.Values(said)), ", ")
}

func (c *converter) readsRecords(x ast.Expr) bool {
	found := false
	ast.PostOrderVisit(x, ast.NewExprVisitor(func(x ast.Expr) { found = found || valueOf(x, c.records) != nil }))
	return found
}

// foldable returns the records whose values become constants of the program of a
// node, as far as patterns are made of them: nil where none are.
func (c *converter) foldable(x ast.Expr) map[string]Values {
	if len(c.expr.patterns) == 0 || !c.readsRecords(x) {
		return nil
	}
	return c.records
}

// subtree returns a node of a checked expression as one of its own.
func subtree(a *ast.AST, x ast.Expr) *ast.AST {
	return ast.NewCheckedAST(ast.NewAST(x, a.SourceInfo()), a.TypeMap(), a.ReferenceMap())
}

// foldPatterns makes constants of the records that patterns are made of, so that
// each rule has its own patterns and they are compiled once. What else reads
// records is left alone: cel-go computes with constants when it makes the program,
// where an error would be one of the whole and not of the part that has it.
func foldPatterns(factory ast.ExprFactory, x ast.Expr, records map[string]Values) {
	listed := map[string]bool{} // variables that patterns are made of
	ast.PostOrderVisit(x, ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.CallKind:
			if call := x.AsCall(); call.FunctionName() == overloads.Matches {
				made := call.Args()[len(call.Args())-1]
				fold(factory, made, records)
				maps.Copy(listed, freeNames(made))
			}
		case ast.ComprehensionKind:
			if c := x.AsComprehension(); listed[c.IterVar()] {
				fold(factory, c.IterRange(), records)
				maps.Copy(listed, freeNames(c.IterRange()))
			}
		}
	}))
}

// fold replaces what reads records.
func fold(factory ast.ExprFactory, x ast.Expr, records map[string]Values) {
	ast.PostOrderVisit(x, ast.NewExprVisitor(func(x ast.Expr) {
		if v := valueOf(x, records); v != nil {
			x.SetKindCase(literalExpr(factory, v))
		}
	}))
}

// valueOf returns the value of a node that reads a record; nil for others.
func valueOf(x ast.Expr, records map[string]Values) ref.Val {
	record, field := selected(x)
	if record == "" || x.AsSelect().IsTestOnly() {
		return nil
	}
	return records[record][field]
}

func literalExpr(factory ast.ExprFactory, v ref.Val) ast.Expr {
	list, ok := v.(traits.Lister)
	if !ok {
		return factory.NewLiteral(0, v)
	}
	var elements []ast.Expr
	for it := list.Iterator(); it.HasNext() == types.True; {
		elements = append(elements, literalExpr(factory, it.Next()))
	}
	return factory.NewList(0, elements, nil)
}

// maxParts bounds what is said of an opaque term.
const maxParts = 100

// parts returns what an opaque node looks at and the constants in it: terms of
// places, predicates and constants, in the order of the text.
func (c *converter) parts(x ast.Expr) []*term.Term {
	w := partsWalk{converter: c, loops: map[string]bool{}}
	w.visit(x)
	return w.found
}

type partsWalk struct {
	*converter
	loops map[string]bool // the loop variables in scope
	found []*term.Term
}

func (w *partsWalk) visit(x ast.Expr) {
	if len(w.found) >= maxParts {
		return
	}
	if t := w.part(x); t != nil {
		w.found = append(w.found, t)
		return
	}
	if x.Kind() == ast.ComprehensionKind {
		w.comprehension(x.AsComprehension())
		return
	}
	for _, child := range children(x) {
		w.visit(child)
	}
}

// comprehension visits a loop; its variables are no fields of the action.
func (w *partsWalk) comprehension(x ast.ComprehensionExpr) {
	w.visit(x.IterRange())
	w.visit(x.AccuInit())
	inner := partsWalk{converter: w.converter, loops: map[string]bool{x.IterVar(): true, x.IterVar2(): true, x.AccuVar(): true}, found: w.found}
	for name := range w.loops {
		inner.loops[name] = true
	}
	for _, part := range []ast.Expr{x.LoopCondition(), x.LoopStep(), x.Result()} {
		inner.visit(part)
	}
	w.found = inner.found
}

// part returns the term of a node that looks at one place, asks a predicate or
// is a constant; nil for others.
func (w *partsWalk) part(x ast.Expr) *term.Term {
	switch x.Kind() {
	case ast.LiteralKind:
		return literal(x.AsLiteral())
	case ast.ListKind:
		return w.list(x.AsList())
	case ast.IdentKind, ast.SelectKind, ast.CallKind:
		if head := headOf(x); head == "" || w.loops[head] {
			return nil
		}
	default:
		return nil
	}
	if x.Kind() == ast.CallKind && len(x.AsCall().Args()) != 2 {
		return nil
	}
	t := w.placeTerm(x)
	if t == nil {
		return nil
	}
	switch t.Op {
	case term.Read, term.Has, term.Key, term.HasKey, term.Predicate, term.Const:
		return t
	}
	return nil
}

func (w *partsWalk) placeTerm(x ast.Expr) *term.Term {
	switch x.Kind() {
	case ast.CallKind:
		return w.index(x.AsCall().Args())
	case ast.SelectKind:
		if t := w.selection(x); t != nil {
			return t
		}
		return w.whole(w.path(x))
	}
	if t := w.ident(x.AsIdent()); t != nil {
		return t
	}
	return w.whole(x.AsIdent())
}

// whole is the read of a leaf that only cel-go computes with: a time, or an
// object as such.
func (w *partsWalk) whole(path string) *term.Term {
	leaf := shape.LeafAt(path)
	if leaf == nil {
		return nil
	}
	return &term.Term{Op: term.Read, Kind: term.Other, Leaf: leaf}
}

// headOf returns the variable that a path begins with; empty for what is no
// path.
func headOf(x ast.Expr) string {
	switch x.Kind() {
	case ast.IdentKind:
		return x.AsIdent()
	case ast.SelectKind:
		return headOf(x.AsSelect().Operand())
	case ast.CallKind:
		if args := x.AsCall().Args(); x.AsCall().FunctionName() == operators.Index && len(args) == 2 {
			return headOf(args[0])
		}
	}
	return ""
}
