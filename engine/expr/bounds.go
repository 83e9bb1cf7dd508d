package expr

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/pattern"
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

// checkPatterns checks the pattern of every matches(): one that is written out
// must compile, and none may be taken from the action, or an agent would choose
// what is searched for and how much that costs. One from a record, such as
// params, is bounded when it is used.
func (e *Env) checkPatterns(a *ast.AST) []Issue {
	w := patternWalk{env: e, ast: a, loops: map[string]bool{}}
	w.visit(a.Expr())
	return w.issues
}

type patternWalk struct {
	env    *Env
	ast    *ast.AST
	loops  map[string]bool // loop variables in scope, and whether they hold what the action says
	issues []Issue
}

func (w *patternWalk) visit(x ast.Expr) {
	if x.Kind() == ast.ComprehensionKind {
		w.loop(x.AsComprehension(), w.visit)
		return
	}
	for _, child := range children(x) {
		w.visit(child)
	}
	if x.Kind() == ast.CallKind && x.AsCall().FunctionName() == overloads.Matches {
		args := x.AsCall().Args()
		w.check(args[len(args)-1])
	}
}

// loop has the parts of a loop visited with its variables in scope.
func (w *patternWalk) loop(c ast.ComprehensionExpr, visit func(ast.Expr)) {
	visit(c.IterRange())
	visit(c.AccuInit())
	foreign := w.foreign(c.IterRange()) || w.foreign(c.AccuInit())
	outer := map[string]bool{}
	variables := []string{c.IterVar(), c.IterVar2(), c.AccuVar()}
	for _, v := range variables {
		if was, shadowed := w.loops[v]; shadowed {
			outer[v] = was
		}
		w.loops[v] = foreign
	}
	w.loops[c.AccuVar()] = w.loops[c.AccuVar()] || w.foreign(c.LoopStep())
	for _, part := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
		visit(part)
	}
	for _, v := range variables {
		delete(w.loops, v)
	}
	for v, was := range outer {
		w.loops[v] = was
	}
}

// check reports a pattern that does not do.
func (w *patternWalk) check(x ast.Expr) {
	issue := Issue{Offset: w.start(x), Level: mesh.LevelError, Rule: "cel-regex"}
	if x.Kind() != ast.LiteralKind {
		if w.foreign(x) {
			issue.Message = "CEL: the pattern of matches() is taken from the action"
			issue.Hint = "write the pattern out, or take it from params; compare texts with ==, contains() or startsWith()"
			w.issues = append(w.issues, issue)
		}
		return
	}
	s, ok := x.AsLiteral().(types.String)
	if !ok {
		return
	}
	if _, err := pattern.Compile(string(s)); err != nil {
		issue.Message = "CEL: the regular expression " + err.Error()
		issue.Hint = "regular expressions are RE2; write one that is smaller or simpler"
		w.issues = append(w.issues, issue)
	}
}

// start returns where x begins: the offset of a selection is that of its dot.
func (w *patternWalk) start(x ast.Expr) int {
	start := startOf(w.ast, x.ID())
	for _, child := range children(x) {
		start = min(start, w.start(child))
	}
	return start
}

// foreign reports whether the value of x depends on the action.
func (w *patternWalk) foreign(x ast.Expr) bool {
	switch x.Kind() {
	case ast.IdentKind:
		if loop, ok := w.loops[x.AsIdent()]; ok {
			return loop
		}
		return w.env.types.records[pathOf(x)[0]] == nil
	case ast.ComprehensionKind:
		found := false
		w.loop(x.AsComprehension(), func(part ast.Expr) { found = found || w.foreign(part) })
		return found
	}
	for _, child := range children(x) {
		if w.foreign(child) {
			return true
		}
	}
	return false
}

// boundedMatches replaces the standard matches() by one that fails where
// pattern or text are too large. It is the same function otherwise.
func boundedMatches() []cel.EnvOption {
	match := cel.SingletonBinaryBinding(func(text, source ref.Val) ref.Val {
		s, ok := source.(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(source)
		}
		p, err := pattern.Compile(string(s))
		if err != nil {
			return types.NewErr("the regular expression %v", err)
		}
		return matchText(p, text)
	})
	args := []*cel.Type{cel.StringType, cel.StringType}
	return []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: []*env.Function{{Name: overloads.Matches}}})),
		cel.Function(overloads.Matches, match,
			cel.Overload(overloads.Matches, args, cel.BoolType),
			cel.MemberOverload(overloads.MatchesString, args, cel.BoolType)),
	}
}

func matchText(p *pattern.Pattern, text ref.Val) ref.Val {
	s, ok := text.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(text)
	}
	matched, err := p.Match(string(s))
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(matched)
}

// compiledOnce compiles the patterns that are written out when the expression
// is, and not at each evaluation.
func compiledOnce() cel.ProgramOption {
	factory := func(call interpreter.InterpretableCall, source string) (interpreter.InterpretableCall, error) {
		p, err := pattern.Compile(source)
		if err != nil {
			return nil, err
		}
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(values ...ref.Val) ref.Val {
			return matchText(p, values[0])
		}), nil
	}
	var out []*interpreter.RegexOptimization
	for _, overload := range []string{overloads.Matches, overloads.MatchesString} {
		out = append(out, &interpreter.RegexOptimization{Function: overloads.Matches, OverloadID: overload, RegexIndex: 1, Factory: factory})
	}
	return cel.OptimizeRegex(out...)
}
