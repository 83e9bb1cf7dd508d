package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/parser"

	"github.com/ai-agent-mesh/mesh/engine/pattern"
)

// unbounded reports whether the length of an expression does not bound what it
// costs to evaluate: it has loops or regular expressions, or compares, joins or
// searches what may be lists and maps of any length, or makes many texts. Counting
// that makes an evaluation about ten times as expensive, which is why all others go
// without.
func unbounded(a *ast.AST) bool {
	unbounded, made := false, 0
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.ComprehensionKind:
			unbounded = true
		case ast.CallKind:
			unbounded = unbounded || unboundedCall(a, x.AsCall())
			if makesText(a, x) {
				made++
			}
		}
	}))
	return unbounded || made > fewTexts
}

// fewTexts is how many texts an expression may make of those of an action before
// they are counted: each may be as long as the action.
const fewTexts = 8

// makesText reports whether a call makes a text or bytes of a value that may be
// long.
func makesText(a *ast.AST, x ast.Expr) bool {
	switch call := x.AsCall(); call.FunctionName() {
	case operators.Add:
		return joins(a, call)
	case overloads.TypeConvertString, overloads.TypeConvertBytes:
		return mayBeLong(a, call.Args()[0])
	}
	return false
}

// joins reports whether a call of + may join texts or lists that are long. What a
// loop collects is no such thing: cel-go appends to it.
func joins(a *ast.AST, call ast.CallExpr) bool {
	left, right := call.Args()[0], call.Args()[1]
	collects := left.Kind() == ast.IdentKind && left.AsIdent() == parser.HiddenAccumulatorName
	return !collects && (mayBeLong(a, left) || mayBeLong(a, right))
}

// mayBeLong reports whether the value of a node may be long: it is no constant and
// of no type whose values are small.
func mayBeLong(a *ast.AST, x ast.Expr) bool {
	if x.Kind() == ast.LiteralKind {
		return false
	}
	t := a.GetType(x.ID())
	if t == nil {
		return true
	}
	switch t.Kind() {
	case types.BoolKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind, types.TimestampKind,
		types.TypeKind, types.UintKind:
		return false
	}
	return true
}

func unboundedCall(a *ast.AST, call ast.CallExpr) bool {
	args := call.Args()
	switch call.FunctionName() {
	case overloads.Matches:
		return true
	case operators.Equals, operators.NotEquals, operators.Add:
		return !bounded(a, args[0]) && !bounded(a, args[1])
	case operators.In:
		return unboundedSearch(a, args[0], args[1])
	}
	return false
}

// unboundedSearch is unboundedCall of x in of. A key of a map is found at once.
func unboundedSearch(a *ast.AST, x, of ast.Expr) bool {
	if of.Kind() != ast.ListKind {
		t := a.GetType(of.ID())
		return t == nil || t.Kind() != types.MapKind
	}
	return !bounded(a, x) && !bounded(a, of)
}

// bounded reports whether the length of the expression bounds how much of the value
// of a node is compared: it is no list, no map, and no object, which may hold some,
// or a list of such values that the expression writes out.
func bounded(a *ast.AST, x ast.Expr) bool {
	switch x.Kind() {
	case ast.LiteralKind: // one that stands for a parameter has no type
		return true
	case ast.ListKind:
		return !slices.ContainsFunc(x.AsList().Elements(), func(e ast.Expr) bool { return !bounded(a, e) })
	}
	t := a.GetType(x.ID())
	if t == nil {
		return false
	}
	switch t.Kind() {
	case types.BoolKind, types.BytesKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind,
		types.StringKind, types.TimestampKind, types.TypeKind, types.UintKind:
		return true
	}
	return false
}

// actualCosts are the costs of what cel-go takes for one operation although it
// looks at whole texts, because it does not know their type before it runs; and of a
// pattern it takes what is written and not what it unfolds into. cel-go's own costs of
// texts are no use either: to find out which of two is shorter it counts the characters
// of both, and charges nothing for that. What may cost more than an evaluation has left
// is charged before it is done: see [limits].
type actualCosts struct{ known *patterns }

// matchStepsPerCost is how many steps of matching a pattern take as long as an
// operation of cel-go, generously.
const matchStepsPerCost = pattern.MaxSteps / MaxRunCost

// zoneCost is what a function of times costs that is given a time zone, which is
// looked up anew each time.
const zoneCost = 100

// CallCost implements cel-go's ActualCostEstimator; nil for what is cel-go's affair.
func (k actualCosts) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	switch {
	case function == charge:
		return new(uint64(args[0].(types.Uint)))
	case len(args) != 2:
		return nil
	}
	switch function {
	case overloads.Matches:
		return k.matchCost(args[0], args[1])
	case operators.Equals, operators.NotEquals:
		return new(equalCost(args[0], args[1]))
	case operators.In:
		switch of := args[1].(type) {
		case traits.Lister: // which may be a set that hashes what is looked for
			return new(searchCost(args[0], of) + textCost(args[0]))
		case traits.Container:
			return new(1 + textCost(args[0]))
		}
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		overloads.StartsWith, overloads.EndsWith:
		return new(1 + min(textCost(args[0]), textCost(args[1])))
	case overloads.Contains:
		return new(1 + textCost(args[0]) + textCost(args[1]))
	case overloads.TimeGetFullYear:
		return new(uint64(zoneCost))
	}
	if calendar[function] != nil {
		return new(uint64(zoneCost))
	}
	return nil
}

// matchCost is what matching a text costs; nil where nothing is matched.
func (k actualCosts) matchCost(text, source ref.Val) *uint64 {
	s, isText := text.(types.String)
	of, isSource := source.(types.String)
	if !isText || !isSource {
		return nil
	}
	p, err := k.known.get(string(of))
	if err != nil {
		return nil
	}
	cost := uint64(1)
	if steps := p.Steps(string(s)); steps <= pattern.MaxSteps { // else it is refused
		cost += uint64(steps / (matchStepsPerCost + 1))
	}
	return &cost
}

// shortText is how many bytes are read in less time than an operation takes.
const shortText = 100

// textCost is what reading a text or bytes costs: as cel-go has it, one operation for
// each ten bytes. Other values, and short texts, are read at once.
func textCost(v ref.Val) uint64 {
	if n := lengthOf(v); n >= shortText {
		return n / 10
	}
	return 0
}

// lengthOf returns the length of a text or bytes, and none of other values.
func lengthOf(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	}
	return 0
}

// elements returns how many elements a list or map has, and none of other values.
func elements(v ref.Val) uint64 {
	switch v := v.(type) {
	case traits.Lister:
		return sizeOf(v)
	case traits.Mapper:
		return sizeOf(v)
	}
	return 0
}

func sizeOf(v traits.Sizer) uint64 {
	n, _ := v.Size().(types.Int)
	return uint64(max(n, 0))
}
