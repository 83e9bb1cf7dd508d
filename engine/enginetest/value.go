package enginetest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Values are what JSON has (nil, bool, int64, float64, string, []any and
// map[string]any), time.Time and time.Duration, the dict of a map literal, and
// the record of an object whose fields are known.

// dict is a map whose keys may be bool, int64 or string.
type dict map[any]any

// record is an object of the action's schema, present or absent: an absent one
// reads as an empty one.
type record struct {
	shape  *Shape
	fields map[string]any
}

// get returns the value of a field. An absent object or free-form map is an
// empty one; any other absent field has no value.
func (r record) get(name string) (any, error) {
	shape, ok := r.shape.Fields[name]
	if !ok {
		return nil, fmt.Errorf("there is no field %s", name)
	}
	raw, stated := r.fields[name]
	if !stated || raw == nil {
		switch shape.Kind {
		case Object:
			return record{shape: shape}, nil
		case Open:
			return map[string]any{}, nil
		}
		return nil, fmt.Errorf("%s is absent", name)
	}
	return shape.value(raw)
}

// has reports whether a field is there. Null is absent.
func (r record) has(name string) (bool, error) {
	if _, ok := r.shape.Fields[name]; !ok {
		return false, fmt.Errorf("there is no field %s", name)
	}
	return r.fields[name] != nil, nil
}

// value turns decoded JSON into a value of the shape's type.
func (s *Shape) value(raw any) (any, error) {
	switch v := raw.(type) {
	case map[string]any:
		if s.Kind == Object {
			return record{s, v}, nil
		}
		return v, nil
	case []any:
		if s.Kind != List {
			break
		}
		list := make([]any, len(v))
		for i, element := range v {
			var err error
			if list[i], err = s.Item.value(element); err != nil {
				return nil, err
			}
		}
		return list, nil
	case string:
		if s.Kind == Moment {
			return time.Parse(time.RFC3339, v)
		}
		return v, nil
	case int64:
		if s.Kind == Number {
			return float64(v), nil
		}
		return v, nil
	case float64, bool:
		return v, nil
	}
	return nil, unsupported{fmt.Sprintf("%T as a value of the action", raw)}
}

// equal is CEL's equality: values of different types are not equal, numbers
// compare by value, lists and maps by their elements.
func equal(a, b any) (bool, error) {
	if c, ordered, ok := compareNumbers(a, b); ok {
		return ordered && c == 0, nil
	}
	switch x := a.(type) {
	case record:
		return false, unsupported{"comparing objects"}
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && all(len(x), func(i int) bool { return same(x[i], y[i]) }), nil
	case map[string]any, dict:
		return equalMaps(x, b)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y), nil
	}
	if _, ok := b.(record); ok {
		return false, unsupported{"comparing objects"}
	}
	return reflect.DeepEqual(a, b), nil
}

func same(a, b any) bool {
	eq, err := equal(a, b)
	return eq && err == nil
}

func all(n int, is func(int) bool) bool {
	for i := range n {
		if !is(i) {
			return false
		}
	}
	return true
}

func equalMaps(a, b any) (bool, error) {
	x, _ := keysOf(a)
	y, ok := keysOf(b)
	if !ok || len(x) != len(y) {
		return false, nil
	}
	for _, key := range x {
		v, _ := lookup(a, key)
		w, ok := lookup(b, key)
		if !ok || !same(v, w) {
			return false, nil
		}
	}
	return true, nil
}

// keysOf returns the keys of a map, in any order that is always the same.
func keysOf(v any) ([]any, bool) {
	switch m := v.(type) {
	case map[string]any:
		keys := make([]any, 0, len(m))
		for _, key := range slices.Sorted(maps.Keys(m)) {
			keys = append(keys, key)
		}
		return keys, true
	case dict:
		keys := slices.Collect(maps.Keys(m))
		slices.SortFunc(keys, func(a, b any) int { return strings.Compare(fmt.Sprintf("%T%v", a, a), fmt.Sprintf("%T%v", b, b)) })
		return keys, true
	}
	return nil, false
}

// lookup returns what a map has at a key. Numbers are the same key if they are
// equal.
func lookup(m, key any) (any, bool) {
	switch m := m.(type) {
	case map[string]any:
		if name, ok := key.(string); ok {
			v, ok := m[name]
			return v, ok
		}
	case dict:
		for k, v := range m {
			if same(k, key) {
				return v, true
			}
		}
	}
	return nil, false
}

var errNoOverload = errors.New("no such overload")

// compareNumbers compares an int64 or float64 with another as if both stood on
// one line, where an int64 beside a double has a double's precision, as in
// cel-go. ordered is false for NaN, ok where one is no number.
func compareNumbers(a, b any) (c int, ordered, ok bool) {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return cmp.Compare(x, y), true, true
		case float64:
			return cmp.Compare(float64(x), y), !math.IsNaN(y), true
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return cmp.Compare(x, float64(y)), !math.IsNaN(x), true
		case float64:
			return cmp.Compare(x, y), !math.IsNaN(x) && !math.IsNaN(y), true
		}
	}
	return 0, false, false
}

// compare orders two values by <, <=, > or >=.
func compare(op string, a, b any) (bool, error) {
	c, ordered, ok := compareNumbers(a, b)
	if !ok {
		ordered = true
		switch x := a.(type) {
		case string:
			y, same := b.(string)
			c, ok = strings.Compare(x, y), same
		case bool:
			y, same := b.(bool)
			c, ok = cmp.Compare(rank(x), rank(y)), same
		case time.Time:
			y, same := b.(time.Time)
			c, ok = x.Compare(y), same
		case time.Duration:
			y, same := b.(time.Duration)
			c, ok = cmp.Compare(x, y), same
		}
	}
	if !ok {
		return false, errNoOverload
	}
	switch op {
	case "<":
		return ordered && c < 0, nil
	case "<=":
		return ordered && c <= 0, nil
	case ">":
		return ordered && c > 0, nil
	}
	return ordered && c >= 0, nil
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// in reports whether a list has an equal element, or a map the key.
func in(v, container any) (bool, error) {
	switch c := container.(type) {
	case []any:
		for _, element := range c {
			eq, err := equal(v, element)
			if eq || err != nil {
				return eq, err
			}
		}
		return false, nil
	case map[string]any, dict:
		_, ok := lookup(c, v)
		return ok, nil
	}
	return false, errNoOverload
}
