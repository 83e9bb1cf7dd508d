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

	"github.com/ai-agent-mesh/mesh/engine/pattern"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// unbounded reports whether the length of an expression does not bound what it
// costs to evaluate: it has loops or regular expressions, or compares, joins or
// searches what may be lists and maps of any length. Counting that makes an
// evaluation about ten times as expensive, which is why all others go without.
func unbounded(a *ast.AST) bool {
	unbounded := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.ComprehensionKind:
			unbounded = true
		case ast.CallKind:
			unbounded = unbounded || unboundedCall(a, x.AsCall())
		}
	}))
	return unbounded
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

// The functions in place of ==, != and in where the length of the expression does
// not bound what they look at. cel-go counts a call only when it is over, and one
// that compares lists which hold the same large list again and again takes
// minutes. No expression can name them, because @ is no letter of CEL.
const (
	limitedEqual  = "@equal"
	limitedDiffer = "@differ"
	limitedIn     = "@among"
)

// limitedName returns the function to call in place of a node; empty for none.
func limitedName(a *ast.AST, x ast.Expr) string {
	if x.Kind() != ast.CallKind || !unboundedCall(a, x.AsCall()) {
		return ""
	}
	switch x.AsCall().FunctionName() {
	case operators.Equals:
		return limitedEqual
	case operators.NotEquals:
		return limitedDiffer
	case operators.In:
		return limitedIn
	}
	return ""
}

// limited declares a function that does nothing but fail where it would cost more
// than an evaluation may.
func limited(name string, do func(a, b ref.Val) ref.Val) cel.EnvOption {
	binding := cel.BinaryBinding(func(a, b ref.Val) ref.Val {
		if callCost(name, a, b) > MaxRunCost {
			return types.WrapErr(term.ErrRuleSteps)
		}
		return do(a, b)
	})
	return cel.Function(name, cel.Overload(name, []*cel.Type{cel.DynType, cel.DynType}, cel.BoolType, binding))
}

func equalOf(a, b ref.Val) ref.Val { return types.Equal(a, b) }

func inOf(x, of ref.Val) ref.Val {
	if c, ok := of.(traits.Container); ok {
		return c.Contains(x)
	}
	return types.ValOrErr(of, "no such overload")
}

// actualCosts are the costs of looking through lists, maps and texts. cel-go takes
// lists and maps whose type is known at run time only for one operation, however
// long they are, and those within others, too; and of a pattern it takes what is
// written and not what it unfolds into.
type actualCosts struct{ known *patterns }

// matchStepsPerCost is how many steps of matching a pattern take as long as an
// operation of cel-go, generously.
const matchStepsPerCost = pattern.MaxSteps / MaxRunCost

// CallCost implements cel-go's ActualCostEstimator.
func (k actualCosts) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if len(args) != 2 {
		return nil
	}
	if function == overloads.Matches {
		return k.matchCost(args[0], args[1])
	}
	if cost := callCost(function, args[0], args[1]); cost > 0 {
		return &cost
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

// callCost is what looking through lists and maps costs; zero for what is cel-go's
// affair.
func callCost(function string, a, b ref.Val) uint64 {
	switch function {
	case operators.In, limitedIn:
		if list, ok := b.(traits.Lister); ok {
			return searchCost(a, list)
		}
	case operators.Equals, operators.NotEquals, limitedEqual, limitedDiffer:
		switch {
		case aggregate(a) && aggregate(b):
			c := counted{}
			c.equal(a, b)
			return c.cost
		case function == limitedEqual || function == limitedDiffer:
			return textCost(a)
		}
	}
	return 0
}

// textCost is that of comparing a value that is no list and no map: as cel-go has
// it, an operation, and one for each ten bytes of a text.
func textCost(v ref.Val) uint64 {
	if s, ok := v.(types.String); ok {
		return 1 + uint64(len(s))/10
	}
	return 1
}

// searchCost is one operation for each element and, where they are lists and maps
// themselves, what comparing takes.
func searchCost(x ref.Val, list traits.Lister) uint64 {
	n, ok := list.Size().(types.Int)
	if !ok || n < 0 {
		return 1
	}
	c := counted{cost: uint64(n) + 1}
	if !aggregate(x) {
		return c.cost
	}
	for it := list.Iterator(); it.HasNext() == types.True && c.cost <= MaxRunCost; {
		if c.equal(x, it.Next()) {
			break
		}
	}
	return c.cost
}

func aggregate(v ref.Val) bool {
	switch v.(type) {
	case traits.Lister, traits.Mapper:
		return true
	}
	return false
}

// counted counts what comparing takes: an operation for each element that is
// looked at. Beyond [MaxRunCost] it gives up.
type counted struct{ cost uint64 }

// equal compares as cel-go does, to know where it ended.
func (c *counted) equal(a, b ref.Val) bool {
	if c.cost++; c.cost > MaxRunCost {
		return false
	}
	switch a := a.(type) {
	case traits.Lister:
		if b, ok := b.(traits.Lister); ok {
			return c.equalLists(a, b)
		}
		return false
	case traits.Mapper:
		if b, ok := b.(traits.Mapper); ok {
			return c.equalMaps(a, b)
		}
		return false
	}
	return types.Equal(a, b) != types.False // as in lists and maps, where an error is no difference
}

func (c *counted) equalLists(a, b traits.Lister) bool {
	if a.Size() != b.Size() {
		return false
	}
	left, right := a.Iterator(), b.Iterator()
	for left.HasNext() == types.True && right.HasNext() == types.True {
		if !c.equal(left.Next(), right.Next()) {
			return false
		}
	}
	return true
}

// equalMaps counts all keys: cel-go looks at them in Go's order, and the cost must
// not differ from call to call.
func (c *counted) equalMaps(a, b traits.Mapper) bool {
	if a.Size() != b.Size() {
		return false
	}
	equal := true
	for it := a.Iterator(); it.HasNext() == types.True && c.cost <= MaxRunCost; {
		key := it.Next()
		w, found := b.Find(key)
		if !found {
			c.cost++
			equal = false
			continue
		}
		v, _ := a.Find(key)
		equal = c.equal(v, w) && equal
	}
	return equal
}
