package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ai-agent-mesh/mesh/engine/pattern"
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
	if x.Kind() == ast.ListKind {
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
	var cost uint64
	switch function {
	case operators.In:
		list, ok := args[1].(traits.Lister)
		if !ok {
			return nil
		}
		cost = searchCost(args[0], list)
	case operators.Equals, operators.NotEquals:
		if !aggregate(args[0]) || !aggregate(args[1]) {
			return nil
		}
		c := counted{}
		c.equal(args[0], args[1])
		cost = c.cost
	case overloads.Matches:
		text, isText := args[0].(types.String)
		source, isSource := args[1].(types.String)
		if !isText || !isSource {
			return nil
		}
		p, err := k.known.get(string(source))
		if err != nil {
			return nil
		}
		cost = 1
		if steps := p.Steps(string(text)); steps <= pattern.MaxSteps { // else it is refused
			cost += uint64(steps / (matchStepsPerCost + 1))
		}
	default:
		return nil
	}
	return &cost
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
	return types.Equal(a, b) == types.True
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
