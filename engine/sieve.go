package engine

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Sieve finds of many actions those that a change of a rule may concern, without
// evaluating it. It belongs to one goroutine.
type Sieve struct {
	actions []*mesh.Action
	all     []int
	places  map[string]*sievedPlace // by path
}

// sievedPlace is which actions say what at a place.
type sievedPlace struct {
	byText map[string][]int
	others []int // that say nothing there, of which a comparison may be an error
}

// NewSieve returns a sieve of actions, which must not be changed meanwhile.
func NewSieve(actions []*mesh.Action) *Sieve {
	s := &Sieve{actions: actions, all: make([]int, len(actions)), places: map[string]*sievedPlace{}}
	for i := range actions {
		s.all[i] = i
	}
	return s
}

// Concerned returns the indexes of the actions, in their order, at which the
// rule that a mutant changes may look or fail, before or after. All others are
// decided alike.
func (s *Sieve) Concerned(m *Mutant) []int {
	if m.rule < 0 {
		return s.all
	}
	before := s.looked(m.base.policies[m.policy].rules[m.rule].terms(Bitmaps).when)
	if m.changed == nil {
		return before
	}
	after := s.looked(m.changed.terms(Bitmaps).when)
	if len(before) == len(s.all) || len(after) == len(s.all) {
		return s.all
	}
	out := slices.Concat(before, after)
	slices.Sort(out)
	return slices.Compact(out)
}

// looked returns the actions for which no part of a condition is known to be
// false: one that compares a place with texts.
func (s *Sieve) looked(when *term.Term) []int {
	if when == nil {
		return s.all
	}
	out := s.all
	for _, part := range when.Conjuncts() {
		if found, ok := s.compared(part); ok && len(found) < len(out) {
			out = found
		}
	}
	return out
}

// compared returns the actions for which a comparison with texts is not false; ok
// is false for other terms.
func (s *Sieve) compared(t *term.Term) (found []int, ok bool) {
	place, texts := t.ComparedTexts()
	if place == nil {
		return nil, false
	}
	at := s.place(place)
	found = slices.Clone(at.others)
	for _, text := range texts {
		found = append(found, at.byText[text]...)
	}
	slices.Sort(found)
	return slices.Compact(found), true
}

func (s *Sieve) place(t *term.Term) *sievedPlace {
	path := t.String()
	if at := s.places[path]; at != nil {
		return at
	}
	at := &sievedPlace{byText: map[string][]int{}}
	s.places[path] = at
	for i, a := range s.actions {
		if text, ok := t.ValueIn(a).(string); ok {
			at.byText[text] = append(at.byText[text], i)
		} else {
			at.others = append(at.others, i)
		}
	}
	return at
}
