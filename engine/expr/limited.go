package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// The functions in place of ==, !=, in and + where the length of the expression does
// not bound what they look at or make. cel-go counts a call only when it is over,
// and one that compares lists which hold the same large list again and again takes
// minutes. No expression can name them, because @ is no letter of CEL.
const (
	limitedEqual  = "@equal"
	limitedDiffer = "@differ"
	limitedIn     = "@among"
	limitedJoin   = "@join"
)

// The functions around texts that are read, and lists and maps that are made, as a
// whole by what cel-go counts as one operation. Their value is that of the argument.
const (
	readWhole = "@read"
	madeWhole = "@made"
)

// charge is the call that a meter charges for.
const charge = "@charge"

// meter charges an evaluation for what a node of its expression is about to do.
type meter struct {
	frame *interpreter.ExecutionFrame
	node  int64
}

// spend ends the evaluation where it has fewer operations left.
func (m meter) spend(operations uint64) {
	if costs := m.frame.CostTracker(); costs != nil {
		costs.EvalUnary(m.frame, m.node, charged{}, types.Uint(operations), nil)
	}
}

// charged names charge to cel-go.
type charged struct{}

// Function returns charge.
func (charged) Function() string { return charge }

// OverloadID returns charge, which has no overloads.
func (charged) OverloadID() string { return charge }

// limits are what the limited functions do, and charge before they do it.
var limits = map[string]func(a, b ref.Val, m meter) ref.Val{
	limitedEqual:  equalOf,
	limitedDiffer: func(a, b ref.Val, m meter) ref.Val { return types.Bool(equalOf(a, b, m) != types.True) },
	limitedIn:     inOf,
	limitedJoin:   joinOf,
}

func equalOf(a, b ref.Val, m meter) ref.Val {
	m.spend(equalCost(a, b))
	return types.Equal(a, b)
}

func inOf(x, of ref.Val, m meter) ref.Val {
	switch of := of.(type) {
	case traits.Lister:
		m.spend(searchCost(x, of))
		return of.Contains(x)
	case traits.Container:
		m.spend(1 + textCost(x))
		return of.Contains(x)
	}
	return types.ValOrErr(of, "no such overload")
}

func joinOf(a, b ref.Val, m meter) ref.Val {
	adder, ok := a.(traits.Adder)
	if !ok {
		return types.ValOrErr(a, "no such overload")
	}
	m.spend(1 + joinCost(a) + joinCost(b))
	return adder.Add(b)
}

// joinCost is what joining a text or a list costs. cel-go does not copy lists, but
// goes through the parts for each element that is read.
func joinCost(v ref.Val) uint64 { return (lengthOf(v) + elements(v)) / 10 }

// limitedName returns the function to call in place of a node; empty for none.
func limitedName(a *ast.AST, x ast.Expr) string {
	if x.Kind() != ast.CallKind {
		return ""
	}
	call := x.AsCall()
	switch function := call.FunctionName(); {
	case function == operators.Add && joins(a, call):
		return limitedJoin
	case !unboundedCall(a, call):
	case function == operators.Equals:
		return limitedEqual
	case function == operators.NotEquals:
		return limitedDiffer
	case function == operators.In:
		return limitedIn
	}
	return ""
}

// limitedCalls makes the nodes of a program that charge before they do something.
func limitedCalls() cel.ProgramOption {
	return cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		call, ok := i.(interpreter.InterpretableCall)
		if !ok {
			return i, nil
		}
		args := call.Args()
		switch function := call.Function(); {
		case limits[function] != nil && len(args) == 2:
			return &limitedCall{call, args[0], args[1], limits[function]}, nil
		case function == readWhole && len(args) == 1:
			return &measuredValue{args[0], textCost}, nil
		case function == madeWhole && len(args) == 1:
			return &measuredValue{args[0], elements}, nil
		case function == loopRange && len(args) == 1:
			return &orderedRange{call}, nil
		}
		return i, nil
	})
}

// limitedCall is a call of a limited function.
type limitedCall struct {
	interpreter.InterpretableCall
	a, b interpreter.InterpretableV2
	do   func(a, b ref.Val, m meter) ref.Val
}

// Exec implements cel-go's InterpretableV2.
func (c *limitedCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	a := c.a.Exec(frame)
	if types.IsUnknownOrError(a) {
		return a
	}
	b := c.b.Exec(frame)
	if types.IsUnknownOrError(b) {
		return b
	}
	return c.do(a, b, meter{frame, c.ID()})
}

// Eval implements cel-go's Interpretable.
func (c *limitedCall) Eval(in cel.Activation) ref.Val {
	return interpreter.EvalActivation(in, c.Exec)
}

// measuredValue is a value that is charged for by its length.
type measuredValue struct {
	interpreter.InterpretableV2
	cost func(ref.Val) uint64
}

// Exec implements cel-go's InterpretableV2.
func (v *measuredValue) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := v.InterpretableV2.Exec(frame)
	if cost := v.cost(value); cost > 0 {
		meter{frame, v.ID()}.spend(cost)
	}
	return value
}

// Eval implements cel-go's Interpretable.
func (v *measuredValue) Eval(in cel.Activation) ref.Val {
	return interpreter.EvalActivation(in, v.Exec)
}
