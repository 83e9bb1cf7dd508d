package expr

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// interruptEvery is the number of iterations of a loop between two looks at
// whether anybody still waits for the result.
const interruptEvery = 128

// planned is the program of an expression.
type planned struct {
	cel.Program
	counts bool // what it costs, because that may be much
}

// planner returns what makes the program of an expression when it is needed,
// once. Patterns that records make become constants of it where records are given;
// where one of them cannot be computed, that is an error when it is used.
func (e *Env) planner(a *ast.AST, records map[string]Values) func() (planned, error) {
	return sync.OnceValues(func() (planned, error) {
		counts := unbounded(a)
		p, err := e.cel.PlanProgram(prepared(a, records, counts), programOptions(counts)...)
		if err != nil && records != nil {
			p, err = e.cel.PlanProgram(prepared(a, nil, counts), programOptions(counts)...)
		}
		if err != nil {
			return planned{}, fmt.Errorf("the expression cannot be evaluated: %w", err)
		}
		return planned{p, counts}, nil
	})
}

// programOptions bounds the run-time cost of a program that counts.
func programOptions(counts bool) []cel.ProgramOption {
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if counts {
		known := new(patterns)
		options = append(options, compiledOnce(known)...)
		options = append(options, limitedCalls(), cel.CostTracking(actualCosts{known}), cel.CostLimit(MaxRunCost),
			cel.InterruptCheckFrequency(interruptEvery))
	}
	return options
}

// program is the program of an expression, or of a part of one, with the
// values of its records.
type program struct {
	plan    func() (planned, error)
	records map[string]Values
}

// Plan makes the programs of the parts of a term that cel-go evaluates. Those that
// have none yet are else made when they are first decided. The error is that a
// part cannot be evaluated, whatever the action says.
func Plan(t *term.Term) error {
	var failed error
	t.Walk(func(t *term.Term) bool {
		if p, ok := t.Program.(*program); ok && failed == nil {
			_, failed = p.plan()
		}
		return failed == nil && t.Op != term.Opaque
	})
	return failed
}

// Decide evaluates by cel-go.
func (p *program) Decide(in term.Input) (bool, error) {
	return eval(in.Context(), p.plan, &Input{Action: in.Action(), Records: p.records, Predicate: in.Ask, Spend: in.Spend})
}

// Eval evaluates the expression by cel-go. An error means that it has no value:
// it read an absent field, divided by zero, cost too much, or ctx is done.
func (x *Expr) Eval(ctx context.Context, in *Input) (bool, error) { return eval(ctx, x.plan, in) }

func eval(ctx context.Context, plan func() (planned, error), in *Input) (bool, error) {
	p, err := plan()
	if err != nil {
		return false, err
	}
	if ctx.Err() != nil {
		return false, fmt.Errorf("%w: %w", term.ErrInterrupted, context.Cause(ctx))
	}
	if p.counts && !in.spend(0) {
		return false, term.ErrSteps
	}
	out, details, err := p.ContextEval(ctx, in)
	in.keys = orderedKeys{}
	if cost := details.ActualCost(); cost != nil {
		in.spend(int(min(*cost, MaxRunCost)) * term.StepsOfCEL)
	}
	if err != nil {
		return false, ended(ctx, err)
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the value is %s, not true or false", typeWords(out.Type().TypeName()))
	}
	return bool(b), nil
}

// ended says of an evaluation which bound ended it, if one did.
func ended(ctx context.Context, err error) error {
	var canceled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &canceled) && canceled.Cause == interpreter.CostLimitExceeded:
		return term.ErrRuleSteps
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", term.ErrInterrupted, context.Cause(ctx))
	}
	return err
}

// spend takes steps off what the decision may cost.
func (in *Input) spend(steps int) bool { return in.Spend == nil || in.Spend(steps) }
