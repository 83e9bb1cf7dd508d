package expr

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// loopRange is the function around what a loop runs over, where only its value
// tells what that is, and around lists that cel-go must not make sets of. No
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
// records make as constants, with the ranges of its loops checked, with what it
// compares and searches limited, and with lists that it would not search as it does
// others. Everybody else sees it as it is written.
func prepared(a *ast.AST, records map[string]Values) *ast.AST {
	if records == nil && !needsCheck(a) {
		return a
	}
	a = ast.Copy(a)
	factory := ast.NewExprFactory()
	foldPatterns(factory, a.Expr(), records)
	addChecks(factory, a)
	return a
}

func addChecks(factory ast.ExprFactory, a *ast.AST) {
	next := ast.MaxID(a)
	around := func(x ast.Expr) ast.Expr {
		call := factory.NewCall(next, loopRange, x)
		a.SetType(next, types.DynType)
		a.SetReference(next, ast.NewFunctionReference(loopRange))
		next++
		return call
	}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		switch {
		case limitedName(a, x) != "":
			name := limitedName(a, x)
			a.SetReference(x.ID(), ast.NewFunctionReference(name))
			x.SetKindCase(factory.NewCall(x.ID(), name, x.AsCall().Args()...))
		case unknownRange(a, x):
			c := x.AsComprehension()
			x.SetKindCase(factory.NewComprehensionTwoVar(x.ID(), around(c.IterRange()), c.IterVar(), c.IterVar2(), c.AccuVar(),
				c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()))
		case searchedOtherwise(a, x):
			args := x.AsCall().Args()
			x.SetKindCase(factory.NewCall(x.ID(), operators.In, args[0], around(args[1])))
		}
	}))
}

func needsCheck(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		found = found || limitedName(a, x) != "" || unknownRange(a, x) || searchedOtherwise(a, x)
	}))
	return found
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
