package policy

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// orderOf returns how a profile may narrow a parameter by its path below rules; empty for
// one nobody said anything about. Keys of mappings stand in the path where the
// parameter has an asterisk.
func orderOf(path []string) primitives.Narrowing {
	for _, p := range parameterPaths() {
		if slices.EqualFunc(p.elements, path, func(of, element string) bool { return of == element || of == "*" }) {
			return p.narrows
		}
	}
	return ""
}

// parameterPath is a parameter of the library.
type parameterPath struct {
	elements []string
	narrows  primitives.Narrowing
}

var parameterPaths = sync.OnceValue(func() []parameterPath {
	var all []parameterPath
	for _, p := range primitives.All() {
		for _, parameter := range p.Parameters {
			all = append(all, parameterPath{strings.Split(parameter.Path, "."), parameter.Narrows})
		}
	}
	return all
})

// narrows reports whether a profile's value of a parameter refuses all that
// its base's refuses. base is nil where the base leaves the parameter out, which
// demands nothing by it. known is false where nobody can tell: then it does not
// count as narrower.
func narrows(path []string, base, profile any) (ok, known bool) {
	o := orderOf(path)
	switch {
	case base != nil && reflect.DeepEqual(base, profile):
		return true, true
	case o == "":
		return false, false
	case o == primitives.NarrowOff:
		return profile == false, true
	case base == nil:
		return true, true
	}
	switch o {
	case primitives.NarrowOn:
		return profile == true, true
	case primitives.NarrowSubset:
		return len(missing(profile, base)) == 0, true
	case primitives.NarrowSuperset:
		return len(missing(base, profile)) == 0, true
	case primitives.NarrowAtMost, primitives.NarrowAtLeast:
		b, isNumber := toFloat(base)
		p, too := toFloat(profile)
		return isNumber && too && (o == primitives.NarrowAtMost && p <= b || o == primitives.NarrowAtLeast && p >= b), true
	}
	return false, true
}

// missing returns the elements of list that are not in other.
func missing(list, other any) []any {
	var out []any
	have, _ := other.([]any)
	wanted, _ := list.([]any)
	for _, v := range wanted {
		if !slices.Contains(have, v) {
			out = append(out, v)
		}
	}
	return out
}

// same reports whether two values of a parameter say the same; the order of a
// list says nothing.
func same(a, b any) bool {
	_, list := a.([]any)
	_, too := b.([]any)
	return reflect.DeepEqual(a, b) || list && too && len(missing(a, b)) == 0 && len(missing(b, a)) == 0
}

func toFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// explainOrder says why a value does not narrow, and what would.
func explainOrder(path []string, base, profile any) (reason, remedy string) {
	const keep = "leave it out to keep the base's value"
	switch o := orderOf(path); o {
	case primitives.NarrowOn:
		return "a profile may not switch it off", keep
	case primitives.NarrowOff:
		return "a profile may not switch it on", keep
	case primitives.NarrowSubset:
		return "a profile may only leave out, and adds " + show(missing(profile, base)), keep + ", or list some of it"
	case primitives.NarrowSuperset:
		return "a profile may only add, and leaves out " + show(missing(base, profile)), keep + ", or list all of it and more"
	case primitives.NarrowAtMost:
		return "a profile may only lower it", keep + ", or write at most " + show(base)
	case primitives.NarrowAtLeast:
		return "a profile may only raise it", keep + ", or write at least " + show(base)
	case primitives.NarrowEqual:
		return "a profile must keep it", keep
	}
	return "nobody can tell whether that is narrower", keep
}
