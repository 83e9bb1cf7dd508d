package expr

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Bounds are what is declared of the values of a record's field, of a list of
// its elements.
type Bounds struct {
	Minimum, Maximum *float64 // of numbers
	Enum             []any    // the only values; nil: any
	MinSize, MaxSize *int     // characters of a text, elements of a list
}

// span is the numbers that a part can have, and why.
type span struct {
	low, high float64
	what      string // of which they are; empty for a constant
}

// calendar are the functions of times and what they return.
var calendar = map[string]*span{
	overloads.TimeGetMonth:        {0, 11, "getMonth(), which counts from 0,"},
	overloads.TimeGetDayOfYear:    {0, 365, "getDayOfYear(), which counts from 0,"},
	overloads.TimeGetDayOfMonth:   {0, 30, "getDayOfMonth(), which counts from 0,"},
	overloads.TimeGetDate:         {1, 31, "getDate()"},
	overloads.TimeGetDayOfWeek:    {0, 6, "getDayOfWeek(), which counts from Sunday, 0,"},
	overloads.TimeGetHours:        {0, 23, "getHours()"},
	overloads.TimeGetMinutes:      {0, 59, "getMinutes()"},
	overloads.TimeGetSeconds:      {0, 59, "getSeconds()"},
	overloads.TimeGetMilliseconds: {0, 999, "getMilliseconds()"},
}

// says words what a span is: "a size is at least 0".
func (s span) says() string {
	low, high := strconv.FormatFloat(s.low, 'f', -1, 64), strconv.FormatFloat(s.high, 'f', -1, 64)
	switch {
	case s.low == s.high:
		return s.what + " is " + low
	case math.IsInf(s.high, 1):
		return s.what + " is at least " + low
	case math.IsInf(s.low, -1):
		return s.what + " is at most " + high
	}
	return s.what + " is from " + low + " to " + high
}

// spanOf returns the span of a part; false where nothing is known of it.
func (w *deadWalk) spanOf(x ast.Expr) (span, bool) {
	if x.Kind() == ast.LiteralKind {
		value, _ := goValue(x.AsLiteral())
		n, ok := number(value)
		return span{low: n, high: n}, ok
	}
	if x.Kind() == ast.CallKind {
		call := x.AsCall()
		if s := calendar[call.FunctionName()]; s != nil && call.IsMemberFunction() && w.isTime(call.Target()) {
			return *s, true
		}
		if of := children(x); call.FunctionName() == overloads.Size && len(of) == 1 {
			return w.sizeOf(of[0]), true
		}
		return span{}, false
	}
	if name, bounds := w.field(x); bounds != nil && w.isNumber(x) {
		s := between(name, bounds.Minimum, bounds.Maximum)
		return s, !math.IsInf(s.low, -1) || !math.IsInf(s.high, 1)
	}
	return w.placeSpan(x)
}

// placeSpan is the span of a place of the action. Numbers that count or measure
// are never negative: no decoder accepts them.
func (w *deadWalk) placeSpan(x ast.Expr) (span, bool) {
	path := w.places.place(x)
	leaf := shape.LeafAt(path)
	switch {
	case path == "content.injectionScore":
		return span{0, 1, path}, true
	case path == "content.findings.count", leaf != nil && (leaf.Kind == shape.Int || leaf.Kind == shape.Float):
		return span{0, math.Inf(1), path}, true
	}
	return span{}, false
}

func (w *deadWalk) sizeOf(x ast.Expr) span {
	if name, bounds := w.field(x); bounds != nil {
		low := 0
		if bounds.MinSize == nil {
			bounds = &Bounds{MinSize: &low, MaxSize: bounds.MaxSize}
		}
		return between("size("+name+")", float(bounds.MinSize), float(bounds.MaxSize))
	}
	return span{0, math.Inf(1), "a size"}
}

func between(what string, low, high *float64) span {
	s := span{math.Inf(-1), math.Inf(1), what}
	if low != nil && math.Abs(*low) < term.MaxExact {
		s.low = *low
	}
	if high != nil && math.Abs(*high) < term.MaxExact {
		s.high = *high
	}
	return s
}

func float(n *int) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

// number returns a number that spans can hold exactly.
func number(v any) (float64, bool) {
	var f float64
	switch v := v.(type) {
	case int64:
		f = float64(v)
	case float64:
		f = v
	default:
		return 0, false
	}
	return f, math.Abs(f) < term.MaxExact
}

func (w *deadWalk) isTime(x ast.Expr) bool {
	t := w.ast.GetType(x.ID())
	return t != nil && t.TypeName() == "google.protobuf.Timestamp"
}

func (w *deadWalk) isNumber(x ast.Expr) bool {
	t := w.ast.GetType(x.ID())
	return t != nil && (t.TypeName() == "int" || t.TypeName() == "double")
}

// field returns the name and the bounds of a record's field; nil for others.
func (w *deadWalk) field(x ast.Expr) (string, *Bounds) {
	path := pathOf(x)
	if len(path) != 2 {
		return "", nil
	}
	if record := w.expr.env.types.records[path[0]]; record != nil {
		return strings.Join(path, "."), record.bounds[path[1]]
	}
	return "", nil
}

// comparison reports a comparison that always or never holds.
func (w *deadWalk) comparison(x ast.Expr, function string, args []ast.Expr) {
	if function == operators.In {
		w.membership(x, args)
		return
	}
	if name, bounds := w.field(args[0]); bounds != nil && w.choice(x, function, name, bounds, args[1]) {
		return
	}
	if name, bounds := w.field(args[1]); bounds != nil && w.choice(x, function, name, bounds, args[0]) {
		return
	}
	a, known := w.spanOf(args[0])
	b, also := w.spanOf(args[1])
	if !known || !also {
		return
	}
	if holds, sure := compareSpans(function, a, b); sure {
		var reasons []string
		for _, s := range []span{a, b} {
			if s.what != "" {
				reasons = append(reasons, s.says())
			}
		}
		w.constantly(x, holds, strings.Join(reasons, ", "))
	}
}

// compareSpans compares all numbers of two spans. It is sure where they all
// compare alike.
func compareSpans(function string, a, b span) (holds, sure bool) {
	switch function {
	case operators.Less:
		return a.high < b.low, a.high < b.low || a.low >= b.high
	case operators.LessEquals:
		return a.high <= b.low, a.high <= b.low || a.low > b.high
	case operators.Greater:
		return compareSpans(operators.Less, b, a)
	case operators.GreaterEquals:
		return compareSpans(operators.LessEquals, b, a)
	case operators.Equals, operators.NotEquals:
		apart := a.high < b.low || b.high < a.low
		return apart == (function == operators.NotEquals), apart
	}
	return false, false
}

// choice compares a field that has only certain values with a constant. It
// reports whether there is anything to say.
func (w *deadWalk) choice(x ast.Expr, function, name string, bounds *Bounds, with ast.Expr) bool {
	if function != operators.Equals && function != operators.NotEquals || bounds.Enum == nil || with.Kind() != ast.LiteralKind {
		return false
	}
	value, ok := goValue(with.AsLiteral())
	if !ok || has(bounds.Enum, value) {
		return false
	}
	w.constantly(x, function == operators.NotEquals, oneOf(name, bounds.Enum))
	return true
}

// membership looks at x in list.
func (w *deadWalk) membership(x ast.Expr, args []ast.Expr) {
	if name, bounds := w.field(args[1]); bounds != nil && bounds.Enum != nil && args[0].Kind() == ast.LiteralKind {
		if value, ok := goValue(args[0].AsLiteral()); ok && !has(bounds.Enum, value) {
			w.constantly(x, false, "an element of "+oneOf(name, bounds.Enum))
		}
		return
	}
	if args[1].Kind() != ast.ListKind {
		return
	}
	if args[1].AsList().Size() == 0 {
		w.constantly(x, false, "the list is empty")
		return
	}
	name, bounds := w.field(args[0])
	if bounds == nil || bounds.Enum == nil {
		return
	}
	found := 0
	for _, e := range args[1].AsList().Elements() {
		if e.Kind() != ast.LiteralKind {
			return
		}
		if value, ok := goValue(e.AsLiteral()); !ok || has(bounds.Enum, value) {
			found++
		}
	}
	if found == 0 {
		w.constantly(x, false, oneOf(name, bounds.Enum))
	}
}

// has reports whether a value is one of those that are declared. Numbers of
// both types compare as CEL compares them.
func has(enum []any, value any) bool {
	return slices.ContainsFunc(enum, func(v any) bool {
		a, ok := number(v)
		b, also := number(value)
		return v == value || ok && also && a == b
	})
}

func oneOf(name string, values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return name + " is one of " + strings.Join(words, ", ")
}
