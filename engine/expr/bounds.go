package expr

import (
	"fmt"

	"cel.dev/cel-go/common/ast"

	"github.com/ai-agent-mesh/mesh"
)

// checkNesting refuses lists, maps and loops within each other beyond what a
// rule needs: the time the type checker takes for them grows with the fourth
// power of the depth.
func checkNesting(a *ast.AST) (Issue, bool) {
	deepest := deeperThan(a.Expr(), maxAggregates)
	if deepest == nil {
		return Issue{}, true
	}
	return Issue{
		Offset: startOf(a, deepest.ID()), Level: mesh.LevelError, Rule: "cel-depth",
		Message: fmt.Sprintf("CEL: lists, maps and loops stand within each other more than %d levels deep", maxAggregates),
		Hint:    "split the rule into several",
	}, false
}

// deeperThan returns a list, map or loop that more than levels others enclose,
// or nil.
func deeperThan(x ast.Expr, levels int) ast.Expr {
	switch x.Kind() {
	case ast.ListKind, ast.MapKind, ast.ComprehensionKind, ast.StructKind:
		if levels--; levels < 0 {
			return x
		}
	}
	for _, child := range children(x) {
		if found := deeperThan(child, levels); found != nil {
			return found
		}
	}
	return nil
}

// children returns the parts of an expression.
func children(x ast.Expr) []ast.Expr {
	switch x.Kind() {
	case ast.SelectKind:
		return []ast.Expr{x.AsSelect().Operand()}
	case ast.CallKind:
		c := x.AsCall()
		if c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return c.Args()
	case ast.ListKind:
		return x.AsList().Elements()
	case ast.MapKind:
		var out []ast.Expr
		for _, e := range x.AsMap().Entries() {
			out = append(out, e.AsMapEntry().Key(), e.AsMapEntry().Value())
		}
		return out
	case ast.StructKind:
		var out []ast.Expr
		for _, f := range x.AsStruct().Fields() {
			out = append(out, f.AsStructField().Value())
		}
		return out
	case ast.ComprehensionKind:
		c := x.AsComprehension()
		return []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	}
	return nil
}
