package lower

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// The costs of a slot, by which columns are ordered: what is cheap strikes out
// clauses that then need not be asked what is expensive.
const (
	costRead = iota
	costClosure
	costLoop
	costOpaque
)

// slot is one thing that clauses speak of, shared by all of them: a place of the
// action, or a predicate.
type slot struct {
	cost    int
	place   place             // zero: a predicate
	symbols map[string]uint32 // of a text: what rules name
	test    test              // of a predicate
}

// symbol returns the number of a text that a rule names.
func (s *slot) symbol(text string) uint32 {
	n, ok := s.symbols[text]
	if !ok {
		n = uint32(len(s.symbols) + firstSymbol)
		s.symbols[text] = n
	}
	return n
}

// slotOf returns the slot of a term in a clause, and what the clause says of
// it.
func (b *builder) slotOf(t *term.Term) (int32, said) {
	if p := literalPlace(t); p != (place{}) && b.BackEnd == Bitmaps {
		return b.placeSlot(p), said{literal: t}
	}
	if t.Op == term.Not {
		return b.predicateSlot(t.Args[0]), said{negative: true}
	}
	return b.predicateSlot(t), said{positive: true}
}

func (b *builder) placeSlot(p place) int32 {
	if i, ok := b.byPlace[p]; ok {
		return i
	}
	s := &slot{place: p}
	if p.kind() == shape.String {
		s.symbols = map[string]uint32{}
	}
	b.byPlace[p] = b.add(s)
	return b.byPlace[p]
}

// identity is the same for terms that mean the same. What cel-go evaluates means
// the same if its text does and it was given the same parameters; without a
// text, it is like nothing else.
func identity(t *term.Term) string {
	key := t.String()
	t.Walk(func(t *term.Term) bool {
		if t.Op == term.Opaque {
			key += "\x00" + t.Name
			if t.Source == "" {
				key += fmt.Sprintf("%p", t.Program)
			}
		}
		return true
	})
	return key
}

// predicateSlot interns a predicate.
func (b *builder) predicateSlot(t *term.Term) int32 {
	key := identity(t)
	if i, ok := b.byText[key]; ok {
		return i
	}
	s := &slot{test: b.compile(t), cost: b.cost(t)}
	i := b.add(s)
	b.byText[key] = i
	return i
}

// compile compiles a predicate. One that is asked for by name is what its
// definition says.
func (b *builder) compile(t *term.Term) test {
	if t.Op == term.Predicate {
		return compileTest(b.Definitions[t.Name])
	}
	return compileTest(t)
}

// define makes the slots of the predicates that can be asked for by name. What
// cel-go evaluates asks for them, too.
func (b *builder) define() {
	for _, name := range slices.Sorted(maps.Keys(b.Definitions)) {
		b.byName[name] = b.predicateSlot(&term.Term{Op: term.Predicate, Kind: term.Bool, Name: name})
	}
}

func (b *builder) cost(t *term.Term) int {
	cost := costClosure
	t.Walk(func(t *term.Term) bool {
		switch t.Op {
		case term.Opaque:
			cost = costOpaque
		case term.Exists, term.All, term.Predicate:
			cost = max(cost, costLoop)
		}
		return true
	})
	return cost
}

func (b *builder) add(s *slot) int32 {
	b.slots = append(b.slots, s)
	return int32(len(b.slots) - 1)
}
