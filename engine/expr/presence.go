package expr

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// facts are the paths known to be present, as data.purpose.
type facts map[string]bool

func (f facts) and(other facts) facts {
	if len(other) == 0 {
		return f
	}
	out := make(facts, len(f)+len(other))
	for k := range f {
		out[k] = true
	}
	for k := range other {
		out[k] = true
	}
	return out
}

// Unguarded warns of every value that x reads although it may be absent: where
// no has() on the way to it, nor in given, which is known to hold, asks for it.
// given may be nil. Each path is reported once.
func (x *Expr) Unguarded(given *Expr) []Issue {
	known := facts{}
	if given != nil {
		known = whenTrue(given.checked.NativeRep().Expr())
	}
	w := presenceWalk{ast: x.checked.NativeRep(), reported: facts{}, loops: map[string]*shape.Object{}}
	w.visit(w.ast.Expr(), known)
	return w.issues
}

type presenceWalk struct {
	ast      *ast.AST
	reported facts
	loops    map[string]*shape.Object // loop variables, and what they are; nil: no object of the action
	issues   []Issue
}

func (w *presenceWalk) visit(x ast.Expr, known facts) {
	switch x.Kind() {
	case ast.SelectKind:
		w.selection(x, known)
	case ast.IdentKind:
		w.read(x, known)
	case ast.CallKind:
		w.call(x.AsCall(), known)
	case ast.ListKind:
		for _, e := range x.AsList().Elements() {
			w.visit(e, known)
		}
	case ast.MapKind:
		for _, e := range x.AsMap().Entries() {
			w.visit(e.AsMapEntry().Key(), known)
			w.visit(e.AsMapEntry().Value(), known)
		}
	case ast.ComprehensionKind:
		w.loop(x.AsComprehension(), known)
	}
}

// loop visits a loop; within its step, the loop variable hides what else has
// its name.
func (w *presenceWalk) loop(c ast.ComprehensionExpr, known facts) {
	w.visit(c.IterRange(), known)
	w.visit(c.AccuInit(), known)
	variable := c.IterVar()
	outer, nested := w.loops[variable]
	w.loops[variable] = w.element(pathOf(c.IterRange()))
	w.visit(c.LoopCondition(), known)
	w.visit(c.LoopStep(), known)
	if nested {
		w.loops[variable] = outer
	} else {
		delete(w.loops, variable)
	}
	w.visit(c.Result(), known)
}

// element returns what the list at path holds, if that is objects of the
// action.
func (w *presenceWalk) element(path []string) *shape.Object {
	if len(path) == 0 {
		return nil
	}
	if _, hidden := w.loops[path[0]]; hidden {
		return nil
	}
	return shape.At(append(path, "0"))
}

func (w *presenceWalk) selection(x ast.Expr, known facts) {
	s := x.AsSelect()
	if s.IsTestOnly() {
		if operand := s.Operand(); operand.Kind() != ast.IdentKind || operand.AsIdent() != wholeAction {
			w.visitOperand(operand, known)
		}
		return
	}
	w.visitOperand(s.Operand(), known)
	w.read(x, known)
}

// visitOperand looks into what a field is selected from. Of a free-form map
// that may be absent itself, the field's own guard is what counts.
func (w *presenceWalk) visitOperand(x ast.Expr, known facts) {
	if t := w.ast.GetType(x.ID()); t != nil && t.Kind() == types.StructKind && x.Kind() == ast.IdentKind {
		return // an absent object reads as one without fields
	}
	w.visit(x, known)
}

// read reports x if it is an optional field that is not known to be present.
func (w *presenceWalk) read(x ast.Expr, known facts) {
	path := pathOf(x)
	key := strings.Join(path, ".")
	if len(path) == 0 || known[key] || w.reported[key] || !w.optional(path) {
		return
	}
	if t := w.ast.GetType(x.ID()); t != nil && t.Kind() == types.StructKind {
		return
	}
	w.reported[key] = true
	offset := startOf(w.ast, x.ID())
	if len(path) > 1 {
		offset = max(offset-len([]rune(strings.Join(path[:len(path)-1], "."))), 0)
	}
	w.issues = append(w.issues, Issue{
		Offset: offset, Level: mesh.LevelWarning, Rule: "cel-has",
		Message: key + " may be absent, and reading it then is an error, which denies in enforce mode",
		Hint:    "guard it: has(" + key + ") && …",
	})
}

// optional reports whether the path is a value of the action that may be
// absent, starting at the action or at a loop variable.
func (w *presenceWalk) optional(path []string) bool {
	object := shape.Action()
	if element, loop := w.loops[path[0]]; loop {
		object, path = element, path[1:]
		if object == nil {
			return false
		}
	}
	for i, name := range path {
		f := object.Field(name)
		if f == nil {
			return false
		}
		last := i == len(path)-1
		switch {
		case last:
			return !f.Required && f.Kind != shape.FreeForm
		case f.Kind == shape.FreeForm:
			return true // a key of the map
		case f.Kind != shape.Struct:
			return false
		}
		object = f.Object
	}
	return false
}

// call visits the arguments with what the operator makes known for each.
func (w *presenceWalk) call(c ast.CallExpr, known facts) {
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr:
		learn := whenTrue
		if c.FunctionName() == operators.LogicalOr {
			learn = whenFalse
		}
		for i, a := range args {
			here := known
			for j, other := range args {
				if i != j {
					here = here.and(learn(other))
				}
			}
			w.visit(a, here)
		}
		return
	case operators.Conditional:
		w.visit(args[0], known)
		w.visit(args[1], known.and(whenTrue(args[0])))
		w.visit(args[2], known.and(whenFalse(args[0])))
		return
	case operators.Index:
		if key := indexPath(args); key != "" && known[key] {
			return
		}
	}
	if c.IsMemberFunction() {
		w.visit(c.Target(), known)
	}
	for _, a := range args {
		w.visit(a, known)
	}
}

// indexPath is the path of tool.args["amount"].
func indexPath(args []ast.Expr) string {
	path := pathOf(args[0])
	if len(path) == 0 || args[1].Kind() != ast.LiteralKind {
		return ""
	}
	s, ok := args[1].AsLiteral().(types.String)
	if !ok {
		return ""
	}
	return strings.Join(path, ".") + "." + string(s)
}

// whenTrue returns what is present where x is true.
func whenTrue(x ast.Expr) facts {
	switch x.Kind() {
	case ast.SelectKind:
		s := x.AsSelect()
		path := pathOf(s.Operand())
		if !s.IsTestOnly() || path == nil {
			return nil
		}
		path = append(path, s.FieldName())
		if path[0] == wholeAction {
			path = path[1:]
		}
		return present(path)
	case ast.CallKind:
		c := x.AsCall()
		switch c.FunctionName() {
		case operators.LogicalAnd:
			return union(c.Args(), whenTrue)
		case operators.LogicalNot:
			return whenFalse(c.Args()[0])
		case operators.In: // "amount" in tool.args
			if key := indexPath([]ast.Expr{c.Args()[1], c.Args()[0]}); key != "" {
				return present(strings.Split(key, "."))
			}
		}
	}
	return nil
}

// whenFalse returns what is present where x is false.
func whenFalse(x ast.Expr) facts {
	if x.Kind() != ast.CallKind {
		return nil
	}
	c := x.AsCall()
	switch c.FunctionName() {
	case operators.LogicalOr:
		return union(c.Args(), whenFalse)
	case operators.LogicalNot:
		return whenTrue(c.Args()[0])
	}
	return nil
}

func union(args []ast.Expr, learn func(ast.Expr) facts) facts {
	out := facts{}
	for _, a := range args {
		out = out.and(learn(a))
	}
	return out
}

// present is the path and all that it leads through.
func present(path []string) facts {
	out := facts{}
	for i := range path {
		out[strings.Join(path[:i+1], ".")] = true
	}
	return out
}
