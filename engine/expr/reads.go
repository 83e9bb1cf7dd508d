package expr

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// Reads returns what the expression looks at: paths of the action such as
// data.purpose or tool.args.amount, sorted; of a list only the list. Predicates
// it asks are named with their parentheses.
func (x *Expr) Reads() []string {
	seen := map[string]bool{}
	collectReads(x.checked.NativeRep().Expr(), seen)
	return slices.Sorted(maps.Keys(seen))
}

// RecordFields returns the fields of a record that the expression reads or asks
// for, sorted.
func (x *Expr) RecordFields(record string) []string {
	seen := map[string]bool{}
	ast.PostOrderVisit(x.checked.NativeRep().Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if variable, field := selected(x); variable == record {
			seen[field] = true
		}
	}))
	return slices.Sorted(maps.Keys(seen))
}

// selected returns the variable that x selects a field from, or asks whether it
// has it, and the field; empty if x does neither.
func selected(x ast.Expr) (variable, field string) {
	if x.Kind() != ast.SelectKind || x.AsSelect().Operand().Kind() != ast.IdentKind {
		return "", ""
	}
	return strings.TrimPrefix(x.AsSelect().Operand().AsIdent(), "."), x.AsSelect().FieldName()
}

func collectReads(x ast.Expr, seen map[string]bool) {
	if path := readPath(x); path != "" {
		seen[path] = true
		return // not also data, where data.purpose is read
	}
	for _, child := range children(x) {
		collectReads(child, seen)
	}
}

// readPath returns the path of the action, or the predicate, that x is.
func readPath(x ast.Expr) string {
	if x.Kind() == ast.CallKind && x.AsCall().FunctionName() == operators.Index {
		if key := indexPath(x.AsCall().Args()); key != "" && shape.Action().Field(strings.SplitN(key, ".", 2)[0]) != nil {
			return key
		}
		return ""
	}
	path := pathOf(x)
	if len(path) == 0 {
		return ""
	}
	if predicate, ok := strings.CutPrefix(path[0], predicateMark); ok {
		return predicate + "()"
	}
	if path[0] == wholeAction {
		path = path[1:]
	}
	if len(path) == 0 || shape.Action().Field(path[0]) == nil {
		return ""
	}
	return strings.Join(path, ".")
}
