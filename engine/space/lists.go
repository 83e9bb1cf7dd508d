package space

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// maxElementClasses bounds the classes of elements of which every combination
// makes a list.
const maxElementClasses = 5

// maxElements bounds the elements of a list that is made for its size.
const maxElements = 20

// listValues returns a list of every class that terms tell apart. What they say
// of a list depends on which elements are in it, and elements of the same
// signature are the same to them.
func (s *said) listValues(p Place, signature func(list any) string) (values []Value, complete bool) {
	values = []Value{Absent()}
	elements, complete := s.elementValues(p.leaf.Kind)
	seen := map[string]bool{}
	var distinct []any
	for _, e := range elements {
		if key := signature(listOf(p.leaf.Kind, []any{e})); !seen[key] {
			seen[key] = true
			distinct = append(distinct, e)
		}
	}
	if len(distinct) > maxElementClasses {
		complete = false
	}
	for _, e := range distinct {
		values = append(values, Stated(listOf(p.leaf.Kind, []any{e})))
	}
	values = append(values, Stated(listOf(p.leaf.Kind, nil)))
	for _, set := range combinations(distinct[:min(len(distinct), maxElementClasses)]) {
		values = append(values, Stated(listOf(p.leaf.Kind, set)))
	}
	for _, n := range s.sizes {
		for _, size := range []int{n, n + 1, n - 1} {
			if size > 0 && size <= maxElements && len(distinct) > 0 {
				values = append(values, Stated(listOf(p.leaf.Kind, slices.Repeat(distinct[len(distinct)-1:], size))))
			}
		}
	}
	return values, complete
}

// combinations returns the subsets of two and more.
func combinations(elements []any) [][]any {
	var out [][]any
	for set := range 1 << len(elements) {
		var members []any
		for i, e := range elements {
			if set>>i&1 == 1 {
				members = append(members, e)
			}
		}
		if len(members) > 1 {
			out = append(out, members)
		}
	}
	return out
}

// elementValues are texts, or findings of each type with each count.
func (s *said) elementValues(kind shape.Kind) (elements []any, complete bool) {
	texts, complete := s.element().textValues()
	if kind == shape.Strings {
		for _, text := range texts {
			elements = append(elements, text)
		}
		return elements, complete
	}
	counts := []*int64{nil}
	for _, n := range s.count().wholeNumbers() {
		if n >= 0 {
			counts = append(counts, &n)
		}
	}
	for _, text := range texts {
		for _, n := range counts {
			elements = append(elements, mesh.ContentFinding{Type: &text, Count: n})
		}
	}
	for _, n := range counts {
		elements = append(elements, mesh.ContentFinding{Count: n})
	}
	return elements, complete
}

// listOf returns the list of elements as the action has it.
func listOf(kind shape.Kind, elements []any) any {
	if kind == shape.Strings {
		out := []string{}
		for _, e := range elements {
			text, _ := e.(string)
			out = append(out, text)
		}
		return out
	}
	out := []mesh.ContentFinding{}
	for _, e := range elements {
		finding, _ := e.(mesh.ContentFinding)
		out = append(out, finding)
	}
	return out
}
