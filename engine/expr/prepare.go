package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// loopRange is the function around what a loop runs over, where only its value
// tells what that is. No expression can name it, because @ is no letter of CEL.
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

// prepared returns an expression as cel-go is to run it: with the values of
// records as constants, and with the ranges of its loops checked. Everybody else
// sees it as it is written.
func prepared(a *ast.AST, records map[string]Values) *ast.AST {
	if records == nil && !hasUnknownRange(a) {
		return a
	}
	a = ast.Copy(a)
	factory := ast.NewExprFactory()
	fold(factory, a.Expr(), records)
	checkRanges(factory, a)
	return a
}

func checkRanges(factory ast.ExprFactory, a *ast.AST) {
	next := ast.MaxID(a)
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if !unknownRange(a, x) {
			return
		}
		c := x.AsComprehension()
		around := factory.NewCall(next, loopRange, c.IterRange())
		a.SetType(next, types.DynType)
		a.SetReference(next, ast.NewFunctionReference(loopRange))
		next++
		x.SetKindCase(factory.NewComprehensionTwoVar(x.ID(), around, c.IterVar(), c.IterVar2(), c.AccuVar(),
			c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
	}))
}

func hasUnknownRange(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) { found = found || unknownRange(a, x) }))
	return found
}

// unknownRange reports whether x is a loop over what need not be a list or a map.
func unknownRange(a *ast.AST, x ast.Expr) bool {
	if x.Kind() != ast.ComprehensionKind {
		return false
	}
	switch t := a.GetType(x.AsComprehension().IterRange().ID()); {
	case t == nil:
		return true
	case t.Kind() == types.ListKind, t.Kind() == types.MapKind:
		return false
	}
	return true
}
