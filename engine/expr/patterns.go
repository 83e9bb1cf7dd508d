package expr

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/pattern"
)

const patternHint = "regular expressions are RE2; write one that is smaller or simpler"

// PatternFault is a pattern of matches() that values of records make and that
// does not compile, or is too large.
type PatternFault struct {
	Fields  []string // of records, as params.form, that it is made of; sorted
	Message string   // a phrase that begins with "the regular expression"
	Hint    string
}

// PatternFaults returns what is wrong with the patterns that the expression
// makes of the values of records. What it cannot know, such as a pattern that
// loops within each other put together, is bounded when it is used.
func (x *Expr) PatternFaults(records map[string]Values) []PatternFault {
	var out []PatternFault
	for i := range x.patterns {
		if err := x.patterns[i].check(records); err != nil {
			out = append(out, PatternFault{Fields: x.patterns[i].fields, Message: "the regular expression " + err.Error(), Hint: patternHint})
		}
	}
	return out
}

// madePattern is a pattern that is no literal but is computed of constants and
// records.
type madePattern struct {
	fields   []string
	plan     func() (planned, error)
	variable string                  // the only loop variable in it, or empty
	over     func() (planned, error) // what that loop runs over
}

// check returns what is wrong with the pattern for these values, if any can be
// computed.
func (m *madePattern) check(records map[string]Values) error {
	in := &withVariable{Input: Input{Records: records}, name: m.variable}
	if m.variable == "" {
		return m.checkOne(in)
	}
	list, ok := value(m.over, in).(traits.Iterable)
	if !ok {
		return nil
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		in.value = it.Next()
		if err := m.checkOne(in); err != nil {
			return err
		}
	}
	return nil
}

func (m *madePattern) checkOne(in *withVariable) error {
	source, ok := value(m.plan, in).(types.String)
	if !ok {
		return nil
	}
	_, err := pattern.Compile(string(source))
	return err
}

// value is what a program makes of in; nil if that is nothing.
func value(plan func() (planned, error), in cel.Activation) ref.Val {
	p, err := plan()
	if err != nil {
		return nil
	}
	out, _, err := p.ContextEval(context.Background(), in)
	if err != nil {
		return nil
	}
	return out
}

// withVariable is an input within a loop.
type withVariable struct {
	Input
	name  string
	value ref.Val
}

// ResolveName returns the value of a variable, that of the loop first.
func (in *withVariable) ResolveName(name string) (any, bool) {
	if name == in.name && name != "" {
		return in.value, true
	}
	return in.Input.ResolveName(name)
}

// checkPatterns checks the pattern of every matches(): what is known of it must
// compile, and none may be taken from the action, or an agent would choose what
// is searched for and how much that costs. Those that records make are returned.
func (e *Env) checkPatterns(a *ast.AST) ([]madePattern, []Issue) {
	w := patternWalk{env: e, ast: a, loops: map[string]loopVariable{}}
	w.visit(a.Expr())
	return w.made, w.issues
}

type patternWalk struct {
	env    *Env
	ast    *ast.AST
	loops  map[string]loopVariable // in scope
	issues []Issue
	made   []madePattern
}

// loopVariable is a variable of a loop.
type loopVariable struct {
	foreign bool     // it holds what the action says
	over    ast.Expr // what its loop runs over; nil for what a loop collects
}

func (w *patternWalk) visit(x ast.Expr) {
	if x.Kind() == ast.ComprehensionKind {
		w.loop(x.AsComprehension())
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

// loop visits the parts of a loop with its variables in scope.
func (w *patternWalk) loop(c ast.ComprehensionExpr) {
	w.visit(c.IterRange())
	w.visit(c.AccuInit())
	foreign := w.foreign(c.IterRange()) || w.foreign(c.AccuInit())
	outer := maps.Clone(w.loops)
	w.loops[c.IterVar()] = loopVariable{foreign, c.IterRange()}
	w.loops[c.IterVar2()] = loopVariable{foreign, nil}
	w.loops[c.AccuVar()] = loopVariable{foreign, nil}
	w.loops[c.AccuVar()] = loopVariable{foreign || w.foreign(c.LoopStep()), nil}
	for _, part := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
		w.visit(part)
	}
	w.loops = outer
}

// check reports a pattern that does not do.
func (w *patternWalk) check(x ast.Expr) {
	issue := Issue{Offset: w.start(x), Level: mesh.LevelError, Rule: "cel-regex"}
	if w.foreign(x) {
		issue.Message = "CEL: the pattern of matches() is taken from the action"
		issue.Hint = "write the pattern out, or take it from params; compare texts with ==, contains() or startsWith()"
		w.issues = append(w.issues, issue)
		return
	}
	made, ok := w.make(x)
	switch {
	case !ok:
	case len(made.fields) > 0:
		w.made = append(w.made, made)
	default:
		if err := made.check(nil); err != nil {
			issue.Message, issue.Hint = "CEL: the regular expression "+err.Error(), patternHint
			w.issues = append(w.issues, issue)
		}
	}
}

// make returns what computes a pattern; ok is false if more than one loop has to
// do with it.
func (w *patternWalk) make(x ast.Expr) (made madePattern, ok bool) {
	names := freeNames(x)
	for name := range names {
		loop, inLoop := w.loops[name]
		switch {
		case !inLoop:
			continue
		case loop.over == nil || made.variable != "":
			return madePattern{}, false
		}
		made.variable, made.over = name, w.planner(loop.over)
		for outer := range freeNames(loop.over) {
			if _, nested := w.loops[outer]; nested {
				return madePattern{}, false
			}
		}
		made.fields = recordFields(loop.over, w.env.types.records)
	}
	made.plan = w.planner(x)
	made.fields = append(made.fields, recordFields(x, w.env.types.records)...)
	slices.Sort(made.fields)
	made.fields = slices.Compact(made.fields)
	return made, true
}

func (w *patternWalk) planner(x ast.Expr) func() (planned, error) {
	return w.env.planner(subtree(w.ast, x), nil)
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
	for name := range freeNames(x) {
		loop, inLoop := w.loops[name]
		if inLoop && loop.foreign || !inLoop && w.env.types.records[strings.TrimPrefix(name, ".")] == nil {
			return true
		}
	}
	return false
}

// freeNames returns the variables in x that no loop in x declares, as they are
// written.
func freeNames(x ast.Expr) map[string]bool {
	out := map[string]bool{}
	switch x.Kind() {
	case ast.IdentKind:
		out[x.AsIdent()] = true
	case ast.ComprehensionKind:
		c := x.AsComprehension()
		for _, part := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
			maps.Copy(out, freeNames(part))
		}
		for _, v := range []string{c.IterVar(), c.IterVar2(), c.AccuVar()} {
			delete(out, v)
		}
		maps.Copy(out, freeNames(c.IterRange()))
		maps.Copy(out, freeNames(c.AccuInit()))
	default:
		for _, child := range children(x) {
			maps.Copy(out, freeNames(child))
		}
	}
	return out
}

// recordFields returns the fields of records that x reads or asks for, as
// params.form.
func recordFields(x ast.Expr, records map[string]*objectType) []string {
	var out []string
	ast.PostOrderVisit(x, ast.NewExprVisitor(func(x ast.Expr) {
		if record, field := selected(x); records[record] != nil {
			out = append(out, record+"."+field)
		}
	}))
	return out
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

// compiledOnce compiles a pattern once for a program, and not at each evaluation:
// a constant one when the program is made, others when they are first used.
func compiledOnce(known *patterns) []cel.ProgramOption {
	remember := cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		call, ok := i.(interpreter.InterpretableCall)
		if !ok || call.Function() != overloads.Matches || len(call.Args()) != 2 {
			return i, nil
		}
		if constant, ok := call.Args()[1].(interpreter.InterpretableConst); ok {
			if source, ok := constant.Value().(types.String); ok {
				_, _ = known.get(string(source)) // a fault of it is one when it is used
			}
		}
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(values ...ref.Val) ref.Val {
			source, ok := values[1].(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(values[1])
			}
			p, err := known.get(string(source))
			if err != nil {
				return types.NewErr("the regular expression %v", err)
			}
			return matchText(p, values[0])
		}), nil
	})
	// Else cel-go's own optimization takes its place, which bounds nothing.
	keep := func(call interpreter.InterpretableCall, _ string) (interpreter.InterpretableCall, error) {
		return call, nil
	}
	var kept []*interpreter.RegexOptimization
	for _, overload := range []string{overloads.Matches, overloads.MatchesString} {
		kept = append(kept, &interpreter.RegexOptimization{Function: overloads.Matches, OverloadID: overload, RegexIndex: 1, Factory: keep})
	}
	return []cel.ProgramOption{remember, cel.OptimizeRegex(kept...)}
}

// maxKnownPatterns bounds how many patterns a program remembers. None is taken
// from an action, so there are no more than the policy and its parameters make.
const maxKnownPatterns = 1_000

// patterns are the patterns that one program has compiled.
type patterns struct {
	mu       sync.RWMutex
	compiled map[string]*pattern.Pattern
}

func (k *patterns) get(source string) (*pattern.Pattern, error) {
	k.mu.RLock()
	p := k.compiled[source]
	k.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := pattern.Compile(source)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.compiled == nil {
		k.compiled = map[string]*pattern.Pattern{}
	}
	if len(k.compiled) < maxKnownPatterns {
		k.compiled[source] = p
	}
	return p, nil
}
