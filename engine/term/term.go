// Package term is the engine's own form of an expression: what is left of
// type-checked CEL once macros are expanded and parameters have become
// constants. A [Term] is built by engine/expr, which knows CEL, and lowered to
// code by engine/lower, which does not; what the engine has no code for is an
// [Opaque] term that cel-go evaluates.
//
// Boolean terms have three values, as CEL has: true, false and error. Conjunction
// and disjunction are those of Kleene's strong logic (CEL specification,
// "Logical Operators"), so a term may be regrouped and distributed freely, but
// x || !x is no tautology.
package term

import (
	"context"
	"math"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// Op says what a [Term] is.
type Op uint8

// The operations. What a term reads and is absent is an error.
const (
	Const      Op = iota // Value
	Fail                 // always an error: a parameter that has no value
	Read                 // the value at Leaf
	Has                  // whether there is a value at Leaf
	Key                  // the value at Name of the map Args[0]
	HasKey               // whether the map Args[0] has Name
	Element              // the loop variable, or its field Name
	HasElement           // whether the loop variable has the field Name
	Not
	And // of two or more
	Or  // of two or more
	Cond
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	In // Args[0] is an element of the list, or a key of the map, Args[1]
	StartsWith
	EndsWith
	Contains
	Size
	Neg
	Add
	Sub
	Mul
	Div
	Mod
	Exists    // Args[1] holds for an element of the list, or a key of the map, Args[0]
	All       // Args[1] holds for all elements of the list, or keys of the map, Args[0]
	Predicate // the answer to the predicate Name
	Opaque    // what Program decides
	Matches   // Args[0] holds a match of the pattern Args[1]; only in the Meaning of another term
)

// Kind is the static type of a term.
type Kind uint8

// The kinds. Other is every type that only cel-go computes with.
const (
	Dyn Kind = iota // known at run time only: a value of a free-form map
	Bool
	Int
	Float
	Text
	Null
	Texts // list of texts
	List  // a list constant
	Findings
	Finding // one element of Findings
	Map
	Other
)

// Term is one node of an expression. It is immutable.
type Term struct {
	Op      Op
	Kind    Kind
	Args    []*Term
	Leaf    *shape.Leaf // of Read and Has
	Name    string      // of Key, HasKey, Element, HasElement and Predicate; of Opaque, the parameters it was given; of Const, the parameter it is the value of
	Value   any         // of Const: nil, bool, int64, float64, string or []any of those
	Program Program     // of Opaque
	Source  string      // of Opaque: the expression in CEL
	Pattern string      // of Opaque: the regular expression that it asks its only place to match; empty if it is anything else
	Offset  int         // where it begins in the expression it was made of, in code points; 0 if nobody knows
	// Meaning, of Opaque, returns the same in words that only reasoning has and
	// nothing decides: Matches, comparisons with what cel-go computes, loops of
	// those, of which it is the Program that decides them. It returns nil where
	// there are none, and may be nil itself.
	Meaning func() *Term
}

// Program decides what has no code in the engine.
type Program interface {
	// Decide returns the value of the expression for what in says. The error
	// is that it has none.
	Decide(in Input) (bool, error)
}

// Input is what a [Program] reads.
type Input interface {
	Action() *mesh.Action
	// Ask returns the answer to a predicate.
	Ask(predicate string) (bool, error)
	// Context ends when nobody waits for the answer any more.
	Context() context.Context
	// Spend takes steps off what the decision may cost. It returns false if
	// nothing is left.
	Spend(steps int) bool
}

// Constant returns the term of a value.
func Constant(v any) *Term { return &Term{Op: Const, Kind: kindOf(v), Value: v} }

func kindOf(v any) Kind {
	switch v.(type) {
	case nil:
		return Null
	case bool:
		return Bool
	case int64:
		return Int
	case float64:
		return Float
	case string:
		return Text
	case []any:
		return List
	}
	return Other
}

// IsConst reports whether t is the boolean constant v.
func (t *Term) IsConst(v bool) bool { return t.Op == Const && t.Value == v }

// Negate returns the negation of a term that stands where a truth value is
// needed. Of a negation that is what it negates, so that the result, as that of
// [Conjunction] and [Disjunction], may be a value that only the run knows: it must
// stand there as well, and is no operand of a comparison.
func Negate(t *Term) *Term {
	switch {
	case t.Op == Not:
		return t.Args[0]
	case t.IsConst(true), t.IsConst(false):
		return Constant(!t.IsConst(true))
	}
	return &Term{Op: Not, Kind: Bool, Args: []*Term{t}}
}

// Conjunction returns the conjunction of boolean terms, without what is true;
// false if any is. Of none it is true.
func Conjunction(terms ...*Term) *Term { return join(And, true, terms) }

// Disjunction returns the disjunction of boolean terms, without what is false;
// true if any is. Of none it is false.
func Disjunction(terms ...*Term) *Term { return join(Or, false, terms) }

// join flattens and folds. neutral is the value that changes nothing; the other
// one decides, also against errors.
func join(op Op, neutral bool, terms []*Term) *Term {
	var args []*Term
	for _, t := range terms {
		switch {
		case t.IsConst(neutral):
		case t.IsConst(!neutral):
			return t
		case t.Op == op:
			args = append(args, t.Args...)
		default:
			args = append(args, t)
		}
	}
	switch len(args) {
	case 0:
		return Constant(neutral)
	case 1:
		return args[0]
	}
	return &Term{Op: op, Kind: Bool, Args: args}
}

// Conjuncts returns the parts of a conjunction; t itself if it is none, nothing
// for true.
func (t *Term) Conjuncts() []*Term {
	switch {
	case t.Op == And:
		return t.Args
	case t.IsConst(true):
		return nil
	}
	return []*Term{t}
}

// Relation returns the comparison of two terms; a constant where both are texts
// or truth values, as they are once parameters are known.
func Relation(op Op, a, b *Term) *Term {
	if a.Op == Const && b.Op == Const {
		switch op {
		case Eq, Ne:
			if equal, ok := equalConstants(a.Value, b.Value); ok {
				return Constant(equal == (op == Eq))
			}
		case In:
			if found, ok := inConstants(a.Value, b.Value); ok {
				return Constant(found)
			}
		}
	}
	return &Term{Op: op, Kind: Bool, Args: []*Term{a, b}}
}

// equalConstants compares texts and truth values; ok is false for others.
func equalConstants(a, b any) (equal, ok bool) {
	for _, v := range []any{a, b} {
		switch v.(type) {
		case string, bool:
		default:
			return false, false
		}
	}
	return a == b, true
}

func inConstants(v, list any) (found, ok bool) {
	elements, isList := list.([]any)
	if !isList {
		return false, false
	}
	for _, e := range elements {
		equal, ok := equalConstants(v, e)
		if !ok {
			return false, false
		}
		found = found || equal
	}
	return found, true
}

// Walk calls visit for t and, where that returns true, for what is below it.
func (t *Term) Walk(visit func(*Term) bool) {
	if !visit(t) {
		return
	}
	for _, a := range t.Args {
		a.Walk(visit)
	}
}

// MaxExact bounds the integers that a float64 holds exactly: below it, one stands
// for no other.
const MaxExact = 1 << 53

// Number is a constant or a value of an action as a number; NaN if it is none.
func Number(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}
