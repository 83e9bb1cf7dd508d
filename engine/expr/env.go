// Package expr compiles and evaluates the expressions of policies: CEL,
// declared against the action's real types, so that an unknown field and a
// value of the wrong type are found before a policy ships.
//
// [NewEnv] declares what expressions may read: the fields of the action as
// variables, and records such as params. [Env.Compile] type-checks one
// expression and reports every fault with its place in it; [Expr.Eval] decides
// an action. Nothing else can be read: no clock, no network, no files, and
// regular expressions are those of engine/pattern, which are bounded.
//
// Meaning follows CEL, with one addition: has(x) may also ask for a whole
// field of the action, such as has(environment). An absent object or free-form
// map reads as one without fields, so has(data.consent.given) is false where
// data is absent; reading an absent value itself is an error. So is a loop over
// anything but a list or a map, also over an empty text.
package expr

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"

	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// Limits of expressions.
const (
	MaxLength     = 20_000 // characters
	maxNesting    = 100    // of parentheses, operators and calls
	maxAggregates = 8      // of lists, maps and loops
	maxRecovery   = 8      // syntax errors reported of one expression
	// MaxStaticCost bounds what an expression can cost at most by estimate,
	// with assumedElements in every list and assumedLength characters in every
	// text. The unit is cel-go's: about one operation. A loop within a loop
	// passes, a third does not.
	MaxStaticCost   = 100_000_000
	assumedElements = 1_000
	assumedLength   = 100
	// MaxRunCost bounds what one evaluation may cost. Beyond it the rule
	// fails, before it looks at or makes what it has nothing left for. Only
	// expressions with loops or regular expressions can, those that compare, join
	// or search lists and maps in ways cel-go decides, and those that make many
	// texts.
	MaxRunCost = 1_000_000
)

// wholeAction is the variable behind has(environment). No expression can name
// it, because @ is no letter of CEL.
const wholeAction = "@action"

// predicateMark begins the variables behind predicates, which no expression can
// name either.
const predicateMark = "@is:"

// Env is what expressions are checked against. It is immutable and safe for
// concurrent use.
type Env struct {
	cel   *cel.Env
	types *typeRegistry
}

// Record is a variable with fields of its own, beside those of the action.
type Record struct {
	Name   string // of the variable
	Fields []RecordField
}

// RecordField is one field of a [Record].
type RecordField struct {
	Name     string
	Type     Type
	Optional bool // may be absent
	Bounds   *Bounds
}

// Type is the type of a record's field.
type Type int

// The types a record's field can have.
const (
	StringType Type = iota
	BoolType
	IntType
	FloatType
	ListOfString
	ListOfBool
	ListOfInt
	ListOfFloat
)

// NewEnv declares the action, the records and, as functions without arguments,
// the predicates: personalData() is what [Input.Predicate] says of
// "personalData".
func NewEnv(records []Record, predicates ...string) (*Env, error) {
	registry := newTypeRegistry(records)
	options := append(boundedMatches(),
		cel.ClearMacros(),
		cel.Macros(hasMacro(), cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.MapMacro, cel.MapFilterMacro, cel.FilterMacro),
		checkedRange(),
		cel.CustomTypeProvider(registry),
		cel.CustomTypeAdapter(registry),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EnableHiddenAccumulatorName(true),
		cel.EnableMacroCallTracking(),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ParserRecursionLimit(maxNesting),
		cel.ParserErrorRecoveryLimit(maxRecovery),
	)
	for _, f := range shape.Action().Fields {
		options = append(options, cel.Variable(f.Name, registry.fieldType(f)))
	}
	options = append(options, cel.Variable(wholeAction, registry.object(shape.Action()).cel))
	for _, r := range records {
		options = append(options, cel.Variable(r.Name, recordType(r.Name)))
	}
	for _, p := range predicates {
		options = append(options, cel.Variable(predicateMark+p, cel.BoolType), cel.Macros(predicateMacro(p)))
	}
	env, err := cel.NewCustomEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("declaring the variables of expressions: %w", err)
	}
	return &Env{cel: env, types: registry}, nil
}

// hasMacro is CEL's has(), which also takes a field of the action itself.
func hasMacro() cel.Macro {
	return cel.GlobalMacro("has", 1, func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		switch arg := args[0]; arg.Kind() {
		case ast.SelectKind:
			s := arg.AsSelect()
			return eh.NewPresenceTest(s.Operand(), s.FieldName()), nil
		case ast.IdentKind:
			if shape.Action().Field(arg.AsIdent()) != nil {
				return eh.NewPresenceTest(eh.NewIdent(wholeAction), arg.AsIdent()), nil
			}
		}
		return nil, eh.NewError(args[0].ID(), "has() takes a field, as in has(data.purpose)")
	})
}

// predicateMacro makes name() the predicate's variable, whose value is the same
// for all rules of an evaluation and is computed at most once.
func predicateMacro(name string) cel.Macro {
	return cel.GlobalMacro(name, 0, func(eh cel.MacroExprFactory, _ ast.Expr, _ []ast.Expr) (ast.Expr, *common.Error) {
		return eh.NewIdent(predicateMark + name), nil
	})
}
