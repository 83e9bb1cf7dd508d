package expr

import (
	"context"
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// interruptEvery is the number of iterations of a loop between two looks at
// whether anybody still waits for the result.
const interruptEvery = 128

// planner returns what makes the program of an expression when it is needed,
// once.
func (e *Env) planner(a *ast.AST) func() (cel.Program, error) {
	return sync.OnceValues(func() (cel.Program, error) {
		p, err := e.cel.PlanProgram(a, programOptions(a)...)
		if err != nil {
			return nil, fmt.Errorf("the expression cannot be evaluated: %w", err)
		}
		return p, nil
	})
}

// programOptions bounds the run-time cost where it is not bounded by the
// length of the expression. Counting makes an evaluation about ten times as
// expensive, which is why all others go without.
func programOptions(a *ast.AST) []cel.ProgramOption {
	unbounded := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.ComprehensionKind:
			unbounded = true
		case ast.CallKind:
			unbounded = unbounded || x.AsCall().FunctionName() == overloads.Matches
		}
	}))
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if unbounded {
		options = append(options, compiledOnce(), cel.CostLimit(MaxRunCost), cel.InterruptCheckFrequency(interruptEvery))
	}
	return options
}

// program is the program of an expression, or of a part of one, with the
// values of its records.
type program struct {
	plan    func() (cel.Program, error)
	records map[string]Values
}

// Decide evaluates by cel-go.
func (p *program) Decide(in term.Input) (bool, error) {
	return eval(in.Context(), p.plan, &Input{Action: in.Action(), Records: p.records, Predicate: in.Ask})
}

// Eval evaluates the expression by cel-go. An error means that it has no value:
// it read an absent field, divided by zero, cost too much, or ctx is done.
func (x *Expr) Eval(ctx context.Context, in *Input) (bool, error) { return eval(ctx, x.plan, in) }

func eval(ctx context.Context, plan func() (cel.Program, error), in *Input) (bool, error) {
	p, err := plan()
	if err != nil {
		return false, err
	}
	out, _, err := p.ContextEval(ctx, in)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the value is %s, not true or false", typeWords(out.Type().TypeName()))
	}
	return bool(b), nil
}
