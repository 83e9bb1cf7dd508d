package expr

import (
	"cmp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Comparison is what an expression compares with a place of the action: a text,
// or the field of a record.
type Comparison struct {
	Place  string // as data.purpose; the list where its elements are compared, as content.findings.type
	Text   string
	Field  string // of a record, as params.hosts; then there is no text
	Offset int    // in code points from the start of the expression
}

// Comparisons returns what the expression compares with places of the action, by
// ==, != and in, in their order.
func (x *Expr) Comparisons() []Comparison {
	w := comparisonWalk{ast: x.checked.NativeRep(), records: x.env.types.records, loops: map[string]string{}}
	w.visit(w.ast.Expr())
	slices.SortStableFunc(w.found, func(a, b Comparison) int { return cmp.Compare(a.Offset, b.Offset) })
	return w.found
}

type comparisonWalk struct {
	ast     *ast.AST
	records map[string]*objectType
	loops   map[string]string // the places that loop variables stand for
	found   []Comparison
}

func (w *comparisonWalk) visit(x ast.Expr) {
	if x.Kind() == ast.ComprehensionKind {
		w.loop(x.AsComprehension())
		return
	}
	if x.Kind() == ast.CallKind && len(x.AsCall().Args()) == 2 {
		switch args := x.AsCall().Args(); x.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals:
			w.compare(args[0], args[1])
			w.compare(args[1], args[0])
		case operators.In:
			w.compare(args[0], args[1])
			w.compare(args[1], args[0])
		}
	}
	for _, child := range children(x) {
		w.visit(child)
	}
}

// loop visits a loop, whose variable stands for the elements of its list.
func (w *comparisonWalk) loop(c ast.ComprehensionExpr) {
	w.visit(c.IterRange())
	w.within(c, func() { w.visit(c.LoopStep()) })
}

// within calls visit with the loop's variable in scope.
func (w *comparisonWalk) within(c ast.ComprehensionExpr, visit func()) {
	outer, shadows := w.loops[c.IterVar()]
	w.loops[c.IterVar()] = w.place(c.IterRange())
	visit()
	if shadows {
		w.loops[c.IterVar()] = outer
	} else {
		delete(w.loops, c.IterVar())
	}
}

// compare records what x, if it is a place, is compared with.
func (w *comparisonWalk) compare(x, with ast.Expr) {
	place := w.place(x)
	if place == "" {
		return
	}
	if path := pathOf(with); len(path) == 2 && w.records[path[0]] != nil {
		w.found = append(w.found, Comparison{Place: place, Field: path[0] + "." + path[1], Offset: beginOf(w.ast, with)})
		return
	}
	texts := []ast.Expr{with}
	if with.Kind() == ast.ListKind {
		texts = with.AsList().Elements()
	}
	for _, t := range texts {
		if t.Kind() != ast.LiteralKind {
			continue
		}
		if text, ok := t.AsLiteral().(types.String); ok {
			w.found = append(w.found, Comparison{Place: place, Text: string(text), Offset: startOf(w.ast, t.ID())})
		}
	}
}

// place returns the place that x reads, or the list whose element it is; empty
// for anything else.
func (w *comparisonWalk) place(x ast.Expr) string {
	switch x.Kind() {
	case ast.CallKind:
		if call := x.AsCall(); call.FunctionName() == operators.Index {
			return w.place(call.Args()[0])
		}
	case ast.IdentKind:
		if list, loop := w.loops[x.AsIdent()]; loop {
			return list
		}
		return strings.TrimPrefix(x.AsIdent(), ".")
	case ast.SelectKind:
		if of := w.place(x.AsSelect().Operand()); of != "" && !x.AsSelect().IsTestOnly() {
			return of + "." + x.AsSelect().FieldName()
		}
	}
	return ""
}
