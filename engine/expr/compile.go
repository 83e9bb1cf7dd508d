package expr

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Issue is one thing that is wrong with an expression.
type Issue struct {
	Offset  int // in code points from the start of the expression
	Level   mesh.FindingLevel
	Rule    string // as in [mesh.Finding]
	Message string
	Hint    string

	loop bool // names that are unknown behind it are echoes of it
}

// Expr is a compiled expression of type bool. It is immutable and safe for
// concurrent use.
type Expr struct {
	env     *Env
	checked *cel.Ast
	plan    func() (planned, error) // made at its first use

	patterns []madePattern     // of matches(), that records make
	plain    func() *term.Term // of an expression that no record has to do with; made at its first use
}

// Compile parses and type-checks an expression. All faults are returned at
// once; the Expr is nil if there are any.
func (e *Env) Compile(source string) (*Expr, []Issue) {
	parsed, issues := e.cel.Parse(source)
	if issues.Err() != nil {
		return nil, e.explain(source, nil, issues)
	}
	if issue, ok := checkNesting(parsed.NativeRep()); !ok {
		return nil, []Issue{issue}
	}
	checked, issues := e.cel.Check(parsed)
	if issues.Err() != nil {
		return nil, e.explain(source, parsed, issues)
	}
	if out := checked.OutputType(); !out.IsExactType(types.BoolType) {
		return nil, []Issue{{
			Level: mesh.LevelError, Rule: "cel-type",
			Message: "the expression must be true or false, but is " + typeWords(cel.FormatCELType(out)),
			Hint:    e.compareHint(cel.FormatCELType(out)),
		}}
	}
	if issue, ok := e.checkKinds(checked.NativeRep()); !ok {
		return nil, []Issue{issue}
	}
	patterns, unfit := e.checkPatterns(checked.NativeRep())
	if len(unfit) > 0 {
		return nil, unfit
	}
	own, nodes := lowered(checked.NativeRep())
	if !own || nodes > cheapNodes || len(source) > cheapLength {
		if issue, ok := e.checkCost(checked); !ok {
			return nil, []Issue{issue}
		}
	}
	x := &Expr{
		env: e, checked: checked, plan: e.planner(checked.NativeRep(), nil), patterns: patterns,
	}
	x.plain = sync.OnceValue(func() *term.Term { return x.convert(nil) })
	if !own {
		if _, err := x.plan(); err != nil { // a constant that is no regular expression, or no time
			return nil, x.unplanned(err)
		}
	}
	return x, nil
}

// unplanned says why an expression has no program: a constant that is no number
// or no time. What fails is named if it is found.
func (x *Expr) unplanned(err error) []Issue {
	var out []Issue
	for _, d := range x.Dead() {
		if d.Rule == RuleFails {
			d.Level, d.Issue.Rule = mesh.LevelError, "cel-type"
			out = append(out, d.Issue)
		}
	}
	if out == nil {
		out = append(out, Issue{Level: mesh.LevelError, Rule: "cel-type", Message: "CEL: the expression cannot be evaluated: " + plainFailure(errors.Unwrap(err))})
	}
	return out
}

// An expression of so few parts and bytes costs far less than MaxStaticCost
// whatever it does, unless it has loops or functions that the engine has no code
// for: at most a joined text searched in another, for each of its parts.
const (
	cheapNodes  = 50
	cheapLength = 1_000
)

// lowered reports whether the engine has code of its own for the functions of
// the expression, so that a program of cel-go is hardly ever needed, and of how
// many parts it is made.
func lowered(a *ast.AST) (own bool, nodes int) {
	own = true
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		nodes++
		switch x.Kind() {
		case ast.ComprehensionKind, ast.MapKind, ast.StructKind:
			own = false
		case ast.CallKind:
			own = own && nativeFunctions[x.AsCall().FunctionName()]
		}
	}))
	return own, nodes
}

// checkKinds refuses what type-checks but has no use here, and loop variables
// that hide a record, whose fields are taken for their values wherever they are
// read.
func (e *Env) checkKinds(a *ast.AST) (Issue, bool) {
	var found *Issue
	refuse := func(x ast.Expr, message, hint string) {
		if found == nil {
			found = &Issue{Offset: startOf(a, x.ID()), Level: mesh.LevelError, Rule: "cel-type", Message: message, Hint: hint}
		}
	}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.StructKind:
			refuse(x, "CEL: an expression cannot make an object", "compare the fields one by one")
		case ast.ComprehensionKind:
			for _, v := range []string{x.AsComprehension().IterVar(), x.AsComprehension().IterVar2()} {
				if e.types.records[v] != nil {
					refuse(x, "CEL: the variable "+v+" of a loop hides "+v+" itself", "give it a name of its own")
				}
			}
		}
	}))
	if found != nil {
		return *found, false
	}
	return Issue{}, true
}

// startOf returns the offset of a node in the source.
func startOf(a *ast.AST, id int64) int {
	if r, ok := a.SourceInfo().GetOffsetRange(id); ok {
		return int(r.Start)
	}
	return 0
}

// beginOf returns the offset of the first character of a node. cel-go knows that
// of its operator, dot or parenthesis.
func beginOf(a *ast.AST, x ast.Expr) int {
	begin := startOf(a, x.ID())
	switch x.Kind() {
	case ast.SelectKind:
		if x.AsSelect().IsTestOnly() {
			return max(begin-len("has"), 0)
		}
		return min(begin, beginOf(a, x.AsSelect().Operand()))
	case ast.CallKind:
		call := x.AsCall()
		switch {
		case call.IsMemberFunction():
			return min(begin, beginOf(a, call.Target()))
		case unicode.IsLetter(rune(call.FunctionName()[0])): // no operator
			return max(begin-len(call.FunctionName()), 0)
		case len(call.Args()) > 0:
			return min(begin, beginOf(a, call.Args()[0]))
		}
	case ast.IdentKind:
		if predicate, ok := strings.CutPrefix(x.AsIdent(), predicateMark); ok {
			return max(begin-len(predicate), 0)
		}
	case ast.ComprehensionKind:
		return min(begin, beginOf(a, x.AsComprehension().IterRange()))
	}
	return begin
}

// sizes bounds what the cost estimate assumes of the action's lists and texts.
type sizes struct{}

// EstimateSize assumes one size for all texts, and one for all lists and maps,
// that the expression itself does not make.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if node.ComputedSize() != nil {
		return nil
	}
	s := cost.RangedSizeEstimate(0, assumedElements)
	if t := node.Type(); t != nil && t.Kind() == types.StringKind {
		s = cost.RangedSizeEstimate(0, assumedLength)
	}
	return &s
}

// EstimateCallCost leaves functions to cel-go.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// checkCost refuses an expression that could cost too much.
func (e *Env) checkCost(checked *cel.Ast) (Issue, bool) {
	estimate, err := e.cel.EstimateCost(checked, sizes{})
	if err == nil && estimate.Max <= MaxStaticCost {
		return Issue{}, true
	}
	return Issue{
		Level: mesh.LevelError, Rule: "cel-cost",
		Message: fmt.Sprintf("the expression can cost more than %d operations with lists of %d elements", MaxStaticCost, assumedElements),
		Hint:    "avoid loops within loops; compare with lists of params by in",
	}, false
}
