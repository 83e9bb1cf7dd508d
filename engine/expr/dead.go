package expr

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/parser"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// The rules of what [Expr.Dead] finds.
const (
	RuleFails    = "cel-fails"    // a part that fails whatever the action says
	RuleConstant = "cel-constant" // a part that is always true, or never
)

// maxTrials bounds the constant parts of an expression that are evaluated.
const maxTrials = 200

// Dead is a part of an expression that means the same for every action.
type Dead struct {
	Issue
	Whole bool // it is the whole expression
}

// Dead warns of parts that fail, hold or do not hold whatever the action says,
// given what is declared of parameters and what holds of every action. It finds
// what has a cause in one place; what only follows from several of them together
// is for engine/analyze.
func (x *Expr) Dead() []Dead {
	w := deadWalk{expr: x, ast: x.checked.NativeRep(), trials: maxTrials}
	w.places.loops = map[string]string{}
	w.visit(w.ast.Expr())
	slices.SortStableFunc(w.found, func(a, b Dead) int { return cmp.Compare(a.Offset, b.Offset) })
	return w.found
}

type deadWalk struct {
	expr   *Expr
	ast    *ast.AST
	places comparisonWalk // knows the loop variables in scope
	trials int            // left
	found  []Dead
}

func (w *deadWalk) report(x ast.Expr, rule, message, hint string) {
	w.found = append(w.found, Dead{
		Issue: Issue{Offset: beginOf(w.ast, x), Level: mesh.LevelWarning, Rule: rule, Message: "CEL: " + w.text(x) + " " + message, Hint: hint},
		Whole: x.ID() == w.ast.Expr().ID(),
	})
}

// text is a part of the expression as messages show it.
func (w *deadWalk) text(x ast.Expr) string {
	source, err := parser.Unparse(x, w.ast.SourceInfo())
	if err != nil {
		return "this part" // no part of a checked expression is without a text
	}
	return "`" + yamldoc.Shorten(source) + "`"
}

func (w *deadWalk) visit(x ast.Expr) {
	if isConstant(x) {
		w.constant(x)
		return
	}
	if x.Kind() == ast.ComprehensionKind {
		c := x.AsComprehension()
		w.visit(c.IterRange())
		w.places.within(c, func() { w.visit(c.LoopStep()) })
		return
	}
	if x.Kind() == ast.CallKind {
		w.call(x)
	}
	for _, child := range children(x) {
		w.visit(child)
	}
}

// isConstant reports whether a part reads nothing and runs no loop.
func isConstant(x ast.Expr) bool {
	switch x.Kind() {
	case ast.LiteralKind:
		return true
	case ast.CallKind, ast.ListKind, ast.MapKind, ast.SelectKind:
		return !slices.ContainsFunc(children(x), func(c ast.Expr) bool { return !isConstant(c) })
	}
	return false
}

// constant reports a constant part that fails or is a truth value. Numbers and
// texts may be put together of several as anybody likes.
func (w *deadWalk) constant(x ast.Expr) {
	if !computes(x) {
		return
	}
	value, err := w.value(x)
	if err != nil {
		w.fails(x, err)
		return
	}
	if b, ok := value.(types.Bool); ok {
		w.constantly(x, bool(b), "")
	}
}

// computes reports whether a constant part is more than a value written out.
func computes(x ast.Expr) bool {
	return x.Kind() == ast.CallKind || x.Kind() == ast.SelectKind || slices.ContainsFunc(children(x), computes)
}

// fails reports the innermost part of x that fails.
func (w *deadWalk) fails(x ast.Expr, err error) {
	for _, child := range children(x) {
		if !computes(child) {
			continue
		}
		if _, inner := w.value(child); inner != nil {
			w.fails(child, inner)
			return
		}
	}
	w.report(x, RuleFails, "always fails: "+plainFailure(err), "correct it, or leave it out")
}

// constantly reports a part that has the same truth value whatever the action
// says. The reason may be empty.
func (w *deadWalk) constantly(x ast.Expr, holds bool, reason string) {
	message, hint := "never holds", "correct it, or leave it out"
	if holds {
		message = "always holds"
	}
	if reason != "" {
		message += ": " + reason
	}
	if x.ID() == w.ast.Expr().ID() {
		hint = map[bool]string{true: "correct it, or leave it out", false: `correct it; if that is meant, "false" says it plainly`}[holds]
	}
	w.report(x, RuleConstant, message, hint)
}

// value evaluates a constant part.
func (w *deadWalk) value(x ast.Expr) (ref.Val, error) {
	if w.trials--; w.trials < 0 {
		return types.NullValue, nil // nothing is claimed
	}
	part := subtree(w.ast, x)
	p, err := w.expr.env.cel.PlanProgram(part, programOptions(unbounded(part))...)
	if err != nil {
		return nil, err
	}
	value, _, err := p.ContextEval(context.Background(), map[string]any{})
	return value, err
}

// call looks at what a part does with constants and with what is bounded.
func (w *deadWalk) call(x ast.Expr) {
	call := x.AsCall()
	args := call.Args()
	switch function := call.FunctionName(); {
	case (function == operators.Divide || function == operators.Modulo) && isConstant(args[1]):
		w.division(x, args[1])
	case calendar[function] != nil && call.IsMemberFunction() && len(args) == 1 && isConstant(args[0]):
		w.zone(x, function, args[0])
	case len(args) == 2:
		w.comparison(x, function, args)
	}
}

func (w *deadWalk) division(x, divisor ast.Expr) {
	switch value, _ := w.value(divisor); value {
	case types.Int(0), types.Uint(0):
		w.report(x, RuleFails, "always fails: it divides by zero", "correct it, or leave it out")
	}
}

// zone tries a function of a time, with its time zone.
func (w *deadWalk) zone(x ast.Expr, function string, zone ast.Expr) {
	name, err := w.value(zone)
	if err != nil {
		return // it has a finding of its own
	}
	if types.IsError(types.Timestamp{}.Receive(function, "", []ref.Val{name})) {
		w.report(x, RuleFails, fmt.Sprintf("always fails: there is no time zone %v", name.Value()), `name a time zone as "Europe/Oslo" or "+01:00"`)
	}
}
