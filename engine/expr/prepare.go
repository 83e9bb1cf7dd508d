package expr

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// loopRange is the function around what a loop runs over, where that is a map or only
// its value tells what it is, and around lists that cel-go must not make sets of. No
// expression can name it, because @ is no letter of CEL.
const loopRange = "@range"

// checkedRange declares loopRange. cel-go runs a loop over an empty text as over
// an empty list, so that all() would hold for it: what is neither list nor map is
// refused whatever its size.
func checkedRange() cel.EnvOption {
	check := cel.UnaryBinding(func(v ref.Val) ref.Val {
		switch v.(type) {
		case traits.Lister, traits.Mapper:
			return v
		}
		return types.ValOrErr(v, "a loop runs over a list or a map, not over a value of type %s", v.Type().TypeName())
	})
	return cel.Function(loopRange, cel.Overload(loopRange, []*cel.Type{cel.DynType}, cel.DynType, check))
}

// prepared returns an expression as cel-go is to run it: with the patterns that
// records make as constants, with the ranges of its loops checked, with lists that it
// would not search as it does others and, where what it costs is counted, with what
// it compares, searches, joins and reads limited. Everybody else sees it as it is
// written.
func prepared(a *ast.AST, records map[string]Values, counts bool) *ast.AST {
	if records == nil && !counts && !needsCheck(a) {
		return a
	}
	a = ast.Copy(a)
	p := preparation{ast.NewExprFactory(), a, ast.MaxID(a)}
	foldPatterns(p.factory, a.Expr(), records)
	steps := []func(ast.Expr){p.check}
	if counts {
		steps = []func(ast.Expr){p.limit, p.check, p.measure}
	}
	for _, step := range steps {
		ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(step))
	}
	return a
}

func needsCheck(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		found = found || uncheckedRange(a, x) || searchedOtherwise(a, x)
	}))
	return found
}

// preparation changes an expression in place.
type preparation struct {
	factory ast.ExprFactory
	ast     *ast.AST
	next    int64 // number of a node
}

// around puts a function of one argument around a node.
func (p *preparation) around(function string, x ast.Expr) ast.Expr {
	call := p.factory.NewCall(p.next, function, x)
	p.ast.SetType(p.next, types.DynType)
	p.ast.SetReference(p.next, ast.NewFunctionReference(function))
	p.next++
	return call
}

// check puts loopRange around what loops run over and around lists.
func (p *preparation) check(x ast.Expr) {
	switch {
	case uncheckedRange(p.ast, x):
		c := x.AsComprehension()
		x.SetKindCase(p.factory.NewComprehensionTwoVar(x.ID(), p.around(loopRange, c.IterRange()), c.IterVar(), c.IterVar2(), c.AccuVar(),
			c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
	case searchedOtherwise(p.ast, x):
		args := x.AsCall().Args()
		x.SetKindCase(p.factory.NewCall(x.ID(), operators.In, args[0], p.around(loopRange, args[1])))
	}
}

// limit calls the limited functions.
func (p *preparation) limit(x ast.Expr) {
	if name := limitedName(p.ast, x); name != "" {
		p.ast.SetReference(x.ID(), ast.NewFunctionReference(name))
		x.SetKindCase(p.factory.NewCall(x.ID(), name, x.AsCall().Args()...))
	}
}

// measure has charged for what is read or made as a whole: what is converted, what
// is looked up in maps, and lists and maps that are written out.
func (p *preparation) measure(x ast.Expr) {
	switch x.Kind() {
	case ast.CallKind:
		p.measureCall(x)
	case ast.ListKind:
		if list := x.AsList(); list.Size() >= manyElements && !written(x) {
			p.measureItself(x, p.factory.NewList(p.next, list.Elements(), list.OptionalIndices()))
		}
	case ast.MapKind:
		if written(x) {
			return
		}
		entries := p.readKeys(x.AsMap().Entries())
		if len(entries) < manyElements {
			x.SetKindCase(p.factory.NewMap(x.ID(), entries))
			return
		}
		p.measureItself(x, p.factory.NewMap(p.next, entries))
	}
}

// manyElements is from how many elements on making a list or map takes longer than
// cel-go counts.
const manyElements = 10

// written reports whether a list or map is made once, because it holds nothing but
// constants.
func written(x ast.Expr) bool {
	switch x.Kind() {
	case ast.LiteralKind:
		return true
	case ast.ListKind, ast.MapKind:
		return !slices.ContainsFunc(children(x), func(e ast.Expr) bool { return !written(e) })
	}
	return false
}

// measureItself puts madeWhole in the place of a node, around the same node under
// the next number.
func (p *preparation) measureItself(x, same ast.Expr) {
	p.ast.SetType(p.next, p.ast.GetType(x.ID()))
	p.ast.SetReference(x.ID(), ast.NewFunctionReference(madeWhole))
	p.next++
	x.SetKindCase(p.factory.NewCall(x.ID(), madeWhole, same))
}

func (p *preparation) readKeys(entries []ast.EntryExpr) []ast.EntryExpr {
	out := make([]ast.EntryExpr, len(entries))
	for i, e := range entries {
		entry := e.AsMapEntry()
		out[i] = p.factory.NewMapEntry(e.ID(), p.read(entry.Key()), entry.Value(), entry.IsOptional())
	}
	return out
}

// measureCall measures the arguments that a call reads as a whole.
func (p *preparation) measureCall(x ast.Expr) {
	call := x.AsCall()
	function, args := call.FunctionName(), slices.Clone(call.Args())
	switch {
	case function == operators.In && args[1].Kind() != ast.ListKind: // in a map; in others it is limited
		x.SetKindCase(p.factory.NewCall(x.ID(), function, p.read(args[0]), args[1]))
		return
	case !readsWhole(function):
		return
	}
	if last := len(args) - 1; last >= 0 {
		args[last] = p.read(args[last])
	}
	if call.IsMemberFunction() {
		x.SetKindCase(p.factory.NewMemberCall(x.ID(), function, p.read(call.Target()), args...))
		return
	}
	x.SetKindCase(p.factory.NewCall(x.ID(), function, args...))
}

// readsWhole reports whether a function reads a whole text for what cel-go counts as
// one operation, or less than it takes to say what is wrong with it.
func readsWhole(function string) bool {
	switch function {
	case operators.Index, overloads.Size, overloads.TimeGetFullYear,
		overloads.TypeConvertBool, overloads.TypeConvertBytes, overloads.TypeConvertDouble, overloads.TypeConvertDuration,
		overloads.TypeConvertInt, overloads.TypeConvertString, overloads.TypeConvertTimestamp, overloads.TypeConvertUint:
		return true
	}
	return calendar[function] != nil
}

// read puts readWhole around what may be a long text.
func (p *preparation) read(x ast.Expr) ast.Expr {
	if t := p.ast.GetType(x.ID()); !mayBeLong(p.ast, x) || t != nil && (t.Kind() == types.ListKind || t.Kind() == types.MapKind) {
		return x
	}
	return p.around(readWhole, x)
}

// searchedOtherwise reports whether x looks for something in a list that cel-go
// makes a set of with another meaning: where the list is empty, it does not look
// at the value, which may be absent; whole numbers beyond 2^53 equal others in a
// set than ==; and what is a map, as a free-form value may be, cannot be looked up.
func searchedOtherwise(a *ast.AST, x ast.Expr) bool {
	if x.Kind() != ast.CallKind || x.AsCall().FunctionName() != operators.In || x.AsCall().Args()[1].Kind() != ast.ListKind {
		return false
	}
	value, list := x.AsCall().Args()[0], x.AsCall().Args()[1].AsList().Elements()
	t := a.GetType(value.ID())
	return len(list) == 0 || t == nil || t.Kind() == types.DynKind || slices.ContainsFunc(list, func(e ast.Expr) bool {
		if e.Kind() != ast.LiteralKind {
			return false
		}
		switch e.AsLiteral().(type) {
		case types.Int, types.Uint, types.Double:
			return true
		}
		return false
	})
}

// uncheckedRange reports whether x is a loop over what need not be a list: of a map
// the order of the keys is to be known.
func uncheckedRange(a *ast.AST, x ast.Expr) bool {
	if x.Kind() != ast.ComprehensionKind {
		return false
	}
	t := a.GetType(x.AsComprehension().IterRange().ID())
	return t == nil || t.Kind() != types.ListKind
}
