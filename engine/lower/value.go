package lower

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// value is a CEL value, or that there is none. It is passed by value and never
// allocated.
type value struct {
	kind valueKind
	text string
	i    int64
	f    float64
	any  any // of list and object: []any, []string or map[string]any
}

type valueKind uint8

const (
	none valueKind = iota // an error
	null
	boolean
	integer
	float
	text
	list
	object
)

func intValue(i int64) value     { return value{kind: integer, i: i} }
func floatValue(f float64) value { return value{kind: float, f: f} }
func textValue(s string) value   { return value{kind: text, text: s} }

func truthValue(t Truth) value {
	switch t {
	case True:
		return value{kind: boolean, i: 1}
	case False:
		return value{kind: boolean}
	}
	return value{}
}

func (v value) truth() Truth {
	if v.kind != boolean {
		return Error
	}
	return TruthOf(v.i == 1)
}

// valueOf makes a value of what a free-form map holds: what the decoder makes of
// JSON, and the other numbers that callers of the Go API have. What else they
// put there has no value.
func valueOf(v any) value {
	switch v := v.(type) {
	case nil:
		return value{kind: null}
	case bool:
		return truthValue(TruthOf(v))
	case int64:
		return intValue(v)
	case float64:
		return floatValue(v)
	case string:
		return textValue(v)
	case int:
		return intValue(int64(v))
	case int8:
		return intValue(int64(v))
	case int16:
		return intValue(int64(v))
	case int32:
		return intValue(int64(v))
	case uint8:
		return intValue(int64(v))
	case uint16:
		return intValue(int64(v))
	case uint32:
		return intValue(int64(v))
	case float32:
		return floatValue(float64(v))
	case []any, []string:
		return value{kind: list, any: v}
	case map[string]any:
		return value{kind: object, any: v}
	}
	return value{}
}

// equal is CEL's == of what is no list and no object: values of different types
// are not equal, numbers are compared across types. It returns false for two
// lists and two objects, which [Input.equal] compares.
func (v value) equal(w value) (equal Truth, scalar bool) {
	switch {
	case v.kind == none || w.kind == none:
		return Error, true
	case v.kind == null || w.kind == null:
		return TruthOf(v.kind == w.kind), true
	case v.isNumber() && w.isNumber():
		return TruthOf(!v.isNaN() && !w.isNaN() && v.compareNumber(w) == 0), true
	case v.kind != w.kind:
		return False, true
	case v.kind == boolean:
		return TruthOf(v.i == w.i), true
	case v.kind == text:
		return TruthOf(v.text == w.text), true
	}
	return Error, false
}

func (v value) isNumber() bool { return v.kind == integer || v.kind == float }
func (v value) isNaN() bool    { return v.kind == float && math.IsNaN(v.f) }

// compareNumber compares as cel-go does: an integer and a float as floats.
func (v value) compareNumber(w value) int {
	if v.kind == integer && w.kind == integer {
		return compare(v.i, w.i)
	}
	return compare(v.asFloat(), w.asFloat())
}

func (v value) asFloat() float64 {
	if v.kind == integer {
		return float64(v.i)
	}
	return v.f
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// elements returns what a list holds.
func elements(v any) (length int, at func(int) value) {
	switch v := v.(type) {
	case []any:
		return len(v), func(i int) value { return valueOf(v[i]) }
	case []string:
		return len(v), func(i int) value { return textValue(v[i]) }
	}
	return 0, nil
}

// order is <, <=, > and >=. Values of different types have none, and what is not
// a number is neither less nor more than anything.
func (v value) order(op term.Op, w value) Truth {
	var c int
	switch {
	case v.isNumber() && w.isNumber():
		if v.isNaN() || w.isNaN() {
			return False
		}
		c = v.compareNumber(w)
	case v.kind == text && w.kind == text:
		c = strings.Compare(v.text, w.text)
	case v.kind == boolean && w.kind == boolean:
		c = compare(v.i, w.i)
	default:
		return Error
	}
	switch op {
	case term.Lt:
		return TruthOf(c < 0)
	case term.Le:
		return TruthOf(c <= 0)
	case term.Gt:
		return TruthOf(c > 0)
	}
	return TruthOf(c >= 0)
}

// scalarSet is a list of texts and numbers, to be asked often.
type scalarSet struct {
	texts  map[string]bool
	ints   map[int64]bool
	floats map[float64]bool // the floats
	all    map[float64]bool // all numbers, as floats

	longest int // length of the longest text
}

// constantSet returns the list that a term is; nil unless it is a constant list
// of texts and numbers.
func constantSet(t *term.Term) *scalarSet {
	if t.Op != term.Const {
		return nil
	}
	values, _ := t.Value.([]any)
	s := &scalarSet{texts: map[string]bool{}, ints: map[int64]bool{}, floats: map[float64]bool{}, all: map[float64]bool{}}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			s.texts[v], s.longest = true, max(s.longest, len(v))
		case int64:
			s.ints[v], s.all[float64(v)] = true, true
		case float64:
			s.floats[v], s.all[v] = true, true
		default:
			return nil
		}
	}
	return s
}

// has reports whether a value equals an element.
func (s *scalarSet) has(v value) bool {
	switch v.kind {
	case text:
		return len(v.text) <= s.longest && s.texts[v.text] // what is longer is not read
	case integer:
		return s.ints[v.i] || s.floats[float64(v.i)]
	case float:
		return s.all[v.f]
	}
	return false
}

// size is the number of code points, elements or keys.
func (v value) size() value {
	switch v.kind {
	case text:
		return intValue(int64(utf8.RuneCountInString(v.text)))
	case list:
		n, _ := elements(v.any)
		return intValue(int64(n))
	case object:
		m, _ := v.any.(map[string]any)
		return intValue(int64(len(m)))
	}
	return value{}
}

// arithmetic computes with two numbers of one type. Integers that overflow
// and division by zero have no value.
func (v value) arithmetic(op term.Op, w value) value {
	switch {
	case v.kind == float && w.kind == float:
		return floatArithmetic(op, v.f, w.f)
	case v.kind == integer && w.kind == integer:
		return intArithmetic(op, v.i, w.i)
	}
	return value{}
}

func floatArithmetic(op term.Op, a, b float64) value {
	switch op {
	case term.Add:
		return floatValue(a + b)
	case term.Sub:
		return floatValue(a - b)
	case term.Mul:
		return floatValue(a * b)
	case term.Div:
		return floatValue(a / b)
	}
	return value{}
}

func intArithmetic(op term.Op, a, b int64) value {
	switch op {
	case term.Add:
		if c := a + b; (c > a) == (b > 0) {
			return intValue(c)
		}
	case term.Sub:
		if c := a - b; (c < a) == (b > 0) {
			return intValue(c)
		}
	case term.Mul:
		return multiply(a, b)
	case term.Div:
		if b != 0 && (a != math.MinInt64 || b != -1) {
			return intValue(a / b)
		}
	case term.Mod:
		if b != 0 && (a != math.MinInt64 || b != -1) {
			return intValue(a % b)
		}
	}
	return value{}
}

func multiply(a, b int64) value {
	if a == 0 || b == 0 {
		return intValue(0)
	}
	c := a * b
	if (c < 0) == ((a < 0) != (b < 0)) && c/b == a {
		return intValue(c)
	}
	return value{}
}
