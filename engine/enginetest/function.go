package enginetest

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// function is a function of CEL's standard library, by name. Of a method the
// first argument stands before the dot.
type function struct {
	least, most int // arguments
	method      bool
	alone       bool // can be called without a value before a dot
	call        func(args []any) (any, error)
}

var functions = map[string]function{
	"size":       {1, 1, true, true, size},
	"startsWith": {2, 2, true, false, onTexts(func(a, b string) (any, error) { return strings.HasPrefix(a, b), nil })},
	"endsWith":   {2, 2, true, false, onTexts(func(a, b string) (any, error) { return strings.HasSuffix(a, b), nil })},
	"contains":   {2, 2, true, false, onTexts(func(a, b string) (any, error) { return strings.Contains(a, b), nil })},
	"matches":    {2, 2, true, true, onTexts(matches)},
	"int":        {1, 1, false, true, toInt},
	"double":     {1, 1, false, true, toDouble},
	"string":     {1, 1, false, true, toText},
	"dyn":        {1, 1, false, true, func(args []any) (any, error) { return args[0], nil }},
	"timestamp":  {1, 1, false, true, toMoment},
	"duration":   {1, 1, false, true, toDuration},

	"getFullYear":     clock(func(t time.Time) int { return t.Year() }),
	"getMonth":        clock(func(t time.Time) int { return int(t.Month()) - 1 }),
	"getDate":         clock(func(t time.Time) int { return t.Day() }),
	"getDayOfMonth":   clock(func(t time.Time) int { return t.Day() - 1 }),
	"getDayOfWeek":    clock(func(t time.Time) int { return int(t.Weekday()) }),
	"getDayOfYear":    clock(func(t time.Time) int { return t.YearDay() - 1 }),
	"getHours":        clock(func(t time.Time) int { return t.Hour() }),
	"getMinutes":      clock(func(t time.Time) int { return t.Minute() }),
	"getSeconds":      clock(func(t time.Time) int { return t.Second() }),
	"getMilliseconds": clock(func(t time.Time) int { return t.Nanosecond() / int(time.Millisecond) }),
}

// known reports whether a call is one of the functions or predicates.
func known(n *node) bool {
	if !n.method && len(n.kids) == 0 && (n.name == personalData || n.name == healthData) {
		return true
	}
	f, ok := functions[n.name]
	return ok && len(n.kids) >= f.least && len(n.kids) <= f.most && (n.method && f.method || !n.method && f.alone)
}

func size(args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), nil
	case []any:
		return int64(len(v)), nil
	case map[string]any:
		return int64(len(v)), nil
	case dict:
		return int64(len(v)), nil
	}
	return nil, errNoOverload
}

func onTexts(do func(a, b string) (any, error)) func([]any) (any, error) {
	return func(args []any) (any, error) {
		a, aOK := args[0].(string)
		b, bOK := args[1].(string)
		if !aOK || !bOK {
			return nil, errNoOverload
		}
		return do(a, b)
	}
}

func matches(text, pattern string) (any, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return re.MatchString(text), nil
}

var errRange = errors.New("out of range")

func toInt(args []any) (any, error) {
	switch v := args[0].(type) {
	case int64:
		return v, nil
	case float64:
		if !(v > -1<<63 && v < 1<<63) {
			return nil, errRange
		}
		return int64(v), nil
	case string:
		return result(strconv.ParseInt(v, 10, 64))
	case time.Time:
		return v.Unix(), nil
	}
	return nil, errNoOverload
}

// result is what a function of Go returns, as a value.
func result[T any](v T, err error) (any, error) { return v, err }

func toDouble(args []any) (any, error) {
	switch v := args[0].(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		return result(strconv.ParseFloat(v, 64))
	}
	return nil, errNoOverload
}

func toText(args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64, time.Time, time.Duration:
		return nil, unsupported{"how a double or a time is written"}
	}
	return nil, errNoOverload
}

func toMoment(args []any) (any, error) {
	switch v := args[0].(type) {
	case time.Time:
		return v, nil
	case string:
		return result(time.Parse(time.RFC3339, v))
	case int64:
		return time.Unix(v, 0), nil
	}
	return nil, errNoOverload
}

func toDuration(args []any) (any, error) {
	switch v := args[0].(type) {
	case time.Duration:
		return v, nil
	case string:
		return result(time.ParseDuration(v))
	}
	return nil, errNoOverload
}

// clock is a part of a time, in UTC or in the zone named: by its IANA name, or
// as an offset like +02:00.
func clock(part func(time.Time) int) function {
	return function{1, 2, true, false, func(args []any) (any, error) {
		t, ok := args[0].(time.Time)
		if !ok {
			if _, span := args[0].(time.Duration); span {
				return nil, unsupported{"parts of a duration"}
			}
			return nil, errNoOverload
		}
		if len(args) == 1 {
			return int64(part(t.UTC())), nil
		}
		name, ok := args[1].(string)
		if !ok {
			return nil, errNoOverload
		}
		zone, err := zoneOf(name)
		if err != nil {
			return nil, err
		}
		return int64(part(t.In(zone))), nil
	}}
}

func zoneOf(name string) (*time.Location, error) {
	if !strings.Contains(name, ":") {
		return time.LoadLocation(name)
	}
	if name[0] != '+' && name[0] != '-' {
		name = "+" + name
	}
	t, err := time.Parse("-07:00", name)
	if err != nil {
		return nil, err
	}
	_, offset := t.Zone()
	return time.FixedZone(name, offset), nil
}

func unary(op string, v any) (any, error) {
	switch v := v.(type) {
	case bool:
		if op == "!" {
			return !v, nil
		}
	case int64:
		if op == "-" {
			if v == math.MinInt64 {
				return nil, errRange
			}
			return -v, nil
		}
	case float64:
		if op == "-" {
			return -v, nil
		}
	}
	return nil, errNoOverload
}

func binary(op string, a, b any) (any, error) {
	switch op {
	case "==":
		return result(equal(a, b))
	case "!=":
		eq, err := equal(a, b)
		return !eq, err
	case "<", "<=", ">", ">=":
		return result(compare(op, a, b))
	case "in":
		return result(in(a, b))
	}
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return integers(op, x, y)
		}
	case float64:
		if y, ok := b.(float64); ok {
			return doubles(op, x, y)
		}
	case string:
		if y, ok := b.(string); ok && op == "+" {
			return x + y, nil
		}
	case []any:
		if y, ok := b.([]any); ok && op == "+" {
			return append(append([]any{}, x...), y...), nil
		}
	}
	return times(op, a, b)
}

// integers calculates within 64 bits; what leaves them is an error.
func integers(op string, x, y int64) (any, error) {
	switch op {
	case "+":
		if sum := x + y; (sum > x) == (y > 0) {
			return sum, nil
		}
	case "-":
		if difference := x - y; (difference < x) == (y > 0) {
			return difference, nil
		}
	case "*":
		if x == 0 || y == 0 {
			return int64(0), nil
		}
		product := x * y
		wraps := x == -1 && y == math.MinInt64 || y == -1 && x == math.MinInt64
		if product/y == x && !wraps {
			return product, nil
		}
	case "/", "%":
		if y == 0 {
			return nil, errors.New("division by zero")
		}
		if x == math.MinInt64 && y == -1 {
			return nil, errRange
		}
		if op == "/" {
			return x / y, nil
		}
		return x % y, nil
	}
	return nil, errRange
}

func doubles(op string, x, y float64) (any, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		return x / y, nil
	}
	return nil, errNoOverload
}

// times calculates with times and durations, far from the ends of their range.
func times(op string, a, b any) (any, error) {
	switch x := a.(type) {
	case time.Time:
		switch y := b.(type) {
		case time.Time:
			if op == "-" {
				return x.Sub(y), nil
			}
		case time.Duration:
			if op == "+" {
				return x.Add(y), nil
			}
			if op == "-" {
				return x.Add(-y), nil
			}
		}
	case time.Duration:
		switch y := b.(type) {
		case time.Time:
			if op == "+" {
				return y.Add(x), nil
			}
		case time.Duration:
			if op == "+" {
				return x + y, nil
			}
			if op == "-" {
				return x - y, nil
			}
		}
	}
	return nil, errNoOverload
}
