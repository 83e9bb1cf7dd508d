package space

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// maxLists bounds the classes of lists at one place.
const maxLists = 256

// maxElementValues bounds the elements that lists are made of.
const maxElementValues = 2_000

// maxAppends bounds the lists that are looked at to find those classes.
const maxAppends = 5_000

// maxElements bounds the elements of a list that is made for its size.
const maxElements = 1_000

// listValues returns a list of every class that terms tell apart. What they say
// of a list depends on which elements are in it, and elements of the same
// signature are the same to them.
func (s *said) listValues(p Place, signature func(list any) string) (values []Value, complete bool) {
	elements, complete := s.elementValues(p.leaf.Kind)
	if len(elements) > maxElementValues {
		elements, complete = elements[:maxElementValues], false
	}
	var distinct []any
	lists := classesOfLists{kind: p.leaf.Kind, signature: signature, seen: map[string]bool{}}
	for _, e := range elements {
		if lists.add([]any{e}) {
			distinct = append(distinct, e)
		}
	}
	lists.add(nil)
	complete = lists.close(distinct) && complete
	values = []Value{Absent()}
	for _, list := range lists.found {
		values = append(values, Stated(listOf(p.leaf.Kind, list)))
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

// classesOfLists collects lists of which each has another signature.
type classesOfLists struct {
	kind      shape.Kind
	signature func(list any) string
	seen      map[string]bool
	found     [][]any
}

// add reports whether the list is of a new class.
func (c *classesOfLists) add(list []any) bool {
	key := c.signature(listOf(c.kind, list))
	if c.seen[key] {
		return false
	}
	c.seen[key] = true
	c.found = append(c.found, list)
	return true
}

// close adds the lists that are made by appending elements to those that are
// there, until nothing new comes of it. It returns false if there are too
// many.
func (c *classesOfLists) close(elements []any) bool {
	appends := 0
	for next := 0; next < len(c.found); { // more are found meanwhile
		list := c.found[next]
		next++
		for _, e := range elements {
			if appends++; len(c.found) >= maxLists || appends > maxAppends {
				return false
			}
			c.add(append(slices.Clone(list), e))
		}
	}
	return true
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
