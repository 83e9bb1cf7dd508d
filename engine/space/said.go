package space

import (
	"math"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/pattern"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// said is what terms say of one place, or of the elements of a list: the
// constants that tell its values apart.
type said struct {
	texts                       []string
	prefixes, suffixes, infixes []string
	numbers                     []float64
	null                        bool
	sizes                       []int    // it is compared with by its size
	patterns                    []string // it is matched with

	computed bool // with, by cel-go: it may be a list

	tell func(sources ...string) ([]pattern.Told, bool) // nil: patterns are of no matter

	// Of a list: what is said of its elements or, of findings, of their types
	// and counts.
	elements, counts *said
}

// maxConstants bounds the constants that are remembered of each kind. Beyond
// it, terms are no longer exact.
const maxConstants = 500

// maxSize bounds the texts and lists that are made for their size.
const maxSize = 10_000

func (s *said) element() *said {
	if s.elements == nil {
		s.elements = &said{tell: s.tell}
	}
	return s.elements
}

func (s *said) count() *said {
	if s.counts == nil {
		s.counts = &said{}
	}
	return s.counts
}

// learn remembers what a term says of its only place. It reports whether the
// classes made of that tell all values apart that the term does.
func (s *said) learn(t *term.Term) bool {
	switch t.Op {
	case term.Has, term.HasKey, term.HasElement, term.Read, term.Key, term.Element:
		return true
	case term.Eq, term.Ne, term.Lt, term.Le, term.Gt, term.Ge:
		return s.relation(t)
	case term.In:
		return s.membership(t)
	case term.StartsWith, term.EndsWith, term.Contains:
		return s.part(t)
	case term.Exists, term.All:
		return s.loop(t)
	case term.Matches:
		if source, ok := t.Args[1].Value.(string); ok {
			remember(&s.patterns, source)
		}
		return false
	}
	s.loosely(t)
	return false
}

// subject reports whether t is what stands at the place itself.
func subject(t *term.Term) bool {
	return t.Op == term.Read || t.Op == term.Key || t.Op == term.Element
}

func (s *said) relation(t *term.Term) bool {
	a, b := t.Args[0], t.Args[1]
	if a.Op == term.Const {
		a, b = b, a
	}
	switch {
	case b.Op != term.Const:
	case subject(a):
		_, text := b.Value.(string)
		return s.constant(b.Value) && (!text || t.Op == term.Eq || t.Op == term.Ne) // texts have an order, too
	case a.Op == term.Size:
		if n, ok := b.Value.(int64); ok {
			remember(&s.sizes, int(max(0, min(n, maxSize))))
			return false
		}
	}
	s.loosely(t)
	s.undo(t)
	return false
}

// undo remembers numbers that what is computed may come to its bound with: those
// from which a step of arithmetic leads there.
func (s *said) undo(t *term.Term) {
	operand, bound, ok := comparison(t)
	if !ok {
		return
	}
	var with said
	with.loosely(operand)
	const most = 4
	for _, n := range with.numbers[:min(len(with.numbers), most)] {
		for _, v := range []float64{bound / n, bound * n, bound - n, bound + n} {
			s.constant(v) // none that is infinite
		}
	}
}

func (s *said) membership(t *term.Term) bool {
	a, list := t.Args[0], t.Args[1]
	switch {
	case list.Op == term.Const && subject(a):
		all := true
		values, _ := list.Value.([]any)
		for _, v := range values {
			all = s.constant(v) && all
		}
		return all
	case a.Op == term.Const && list.Op == term.Read && list.Kind == term.Texts:
		return s.element().constant(a.Value)
	case a.Op == term.Const && list.Op == term.Read && list.Kind == term.Map:
		return true // that there is such a key
	case a.Op == term.Const && list.Op == term.Key:
		s.element().constant(a.Value)
		return false
	}
	s.loosely(t)
	return false
}

// part learns of the beginning, the end or the inside of a text.
func (s *said) part(t *term.Term) bool {
	text, ok := t.Args[1].Value.(string)
	if t.Args[1].Op != term.Const || !ok || !subject(t.Args[0]) {
		s.loosely(t)
		return false
	}
	list := map[term.Op]*[]string{term.StartsWith: &s.prefixes, term.EndsWith: &s.suffixes, term.Contains: &s.infixes}[t.Op]
	return remember(list, text)
}

func (s *said) loop(t *term.Term) bool {
	list := t.Args[0]
	if list.Kind == term.Map { // its keys are places of their own
		s.loosely(t)
		return false
	}
	s.element()
	if list.Kind == term.Findings {
		s.count()
	}
	return s.body(t.Args[1])
}

// body learns what a loop says of each element.
func (s *said) body(t *term.Term) bool {
	switch t.Op {
	case term.Const:
		return true
	case term.Not, term.And, term.Or, term.Cond:
		all := true
		for _, a := range t.Args {
			all = s.body(a) && all
		}
		return all
	}
	of := s.element()
	counts, single := false, true
	t.Walk(func(t *term.Term) bool {
		switch t.Op {
		case term.Element, term.HasElement:
			counts = counts || t.Name == "count"
		case term.Read, term.Has, term.Key, term.HasKey, term.Predicate, term.Opaque:
			single = false
		}
		return true
	})
	if counts {
		of = s.count()
	}
	return of.learn(t) && single
}

// loosely remembers the constants in a term, for values worth trying. What is
// computed with a time may be the name of a zone.
func (s *said) loosely(t *term.Term) {
	t.Walk(func(t *term.Term) bool {
		s.computed = s.computed || t.Op == term.Opaque
		if t.Op == term.Read && t.Leaf.Kind == shape.Time {
			remember(&s.texts, "UTC")
		}
		if t.Op == term.Const {
			if s.constant(t.Value); t.Source != "" { // a time
				remember(&s.texts, t.Source)
			}
			if list, ok := t.Value.([]any); ok {
				for _, v := range list {
					s.constant(v)
				}
			}
		}
		return true
	})
}

// constant remembers a value that is compared with. It reports whether its
// classes are exact.
func (s *said) constant(v any) bool {
	switch v := v.(type) {
	case nil:
		s.null = true
		return true
	case bool:
		return true // both are always among the values
	case string:
		return remember(&s.texts, v)
	case int64:
		return -term.MaxExact < v && v < term.MaxExact && remember(&s.numbers, float64(v))
	case float64:
		return math.Abs(v) < term.MaxExact && remember(&s.numbers, v+0) // not -0
	}
	return false
}

func remember[T comparable](list *[]T, v T) bool {
	switch {
	case slices.Contains(*list, v):
		return true
	case len(*list) >= maxConstants:
		return false
	}
	*list = append(*list, v)
	return true
}
