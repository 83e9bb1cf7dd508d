package space

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/pattern"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// maxKeys bounds the keys of a map that a loop over it is about.
const maxKeys = 100

// meaning returns what an opaque term, or a loop, says in words that can be
// reasoned about; nil if there are none but its own.
func (s *Space) meaning(t *term.Term) *term.Term {
	m := t
	if t.Meaning != nil {
		m = t.Meaning()
	}
	switch {
	case m != nil && (m.Op == term.All || m.Op == term.Exists) && m.Args[0].Kind == term.Map:
		return s.unrolled(m)
	case m == t:
		return nil
	}
	return m
}

// unrolled turns a loop over the keys of a map into what it says of each key
// that any term knows, and of one that stands for all others.
func (s *Space) unrolled(loop *term.Term) *term.Term {
	of := loop.Args[0]
	keys := s.keys[PlaceOf(of)]
	if len(keys) > maxKeys {
		return nil
	}
	other := fillings[0]
	for n := 2; slices.Contains(keys, other); n++ {
		other = fmt.Sprint(fillings[0], n)
	}
	var parts []*term.Term
	for _, key := range append(slices.Clone(keys), other) {
		has := &term.Term{Op: term.HasKey, Kind: term.Bool, Name: key, Args: []*term.Term{of}}
		body := bodyFor(loop.Args[1], key)
		if body == nil {
			return nil
		}
		if loop.Op == term.All {
			parts = append(parts, term.Disjunction(term.Negate(has), body))
		} else {
			parts = append(parts, term.Conjunction(has, body))
		}
	}
	if loop.Op == term.All { // a map that is absent is as an empty one
		return term.Conjunction(parts...)
	}
	return term.Disjunction(parts...)
}

// bodyFor returns what a loop says of one key; nil if it asks for more than
// which key it is.
func bodyFor(t *term.Term, key string) *term.Term {
	switch t.Op {
	case term.Const:
		return t
	case term.Element:
		return term.Constant(key)
	case term.Not, term.And, term.Or, term.Eq, term.Ne, term.In:
	default:
		return nil
	}
	args := make([]*term.Term, len(t.Args))
	for i, a := range t.Args {
		if args[i] = bodyFor(a, key); args[i] == nil {
			return nil
		}
	}
	switch t.Op {
	case term.Not:
		return term.Negate(args[0])
	case term.And:
		return term.Conjunction(args...)
	case term.Or:
		return term.Disjunction(args...)
	}
	return term.Relation(t.Op, args[0], args[1])
}

// learnKeys notes the keys of maps that terms know.
func (s *Space) learnKeys(terms []*term.Term) {
	var visit func(*term.Term) bool
	visit = func(t *term.Term) bool {
		switch {
		case t.Op == term.Opaque && t.Meaning != nil:
			if m := t.Meaning(); m != nil {
				m.Walk(visit)
			}
		case t.Op == term.Predicate && s.library.definitions[t.Name] != nil:
			s.library.definitions[t.Name].Walk(visit)
		case (t.Op == term.All || t.Op == term.Exists) && t.Args[0].Kind == term.Map:
			var about said
			about.loosely(t.Args[1])
			for _, key := range about.texts {
				s.learnKey(PlaceOf(t.Args[0]), key)
			}
		}
		if p := placeOf(t); p.dynamic() {
			at := strings.LastIndex(p.keys, keyMark)
			s.learnKey(Place{p.leaf, p.keys[:at]}, unescapeKey.Replace(p.keys[at+len(keyMark):]))
		}
		return true
	}
	for _, t := range terms {
		t.Walk(visit)
	}
}

func (s *Space) learnKey(p Place, key string) {
	if !slices.Contains(s.keys[p], key) {
		s.keys[p] = append(s.keys[p], key)
	}
}

// decider decides an atom for an action.
type decider interface {
	Truth(ctx context.Context, a *mesh.Action) lower.Truth
}

// decider returns what decides an atom; see [term.Term.Meaning] for those that
// engine/lower does not know.
func (l *Library) decider(t *term.Term) decider {
	switch {
	case t.Op == term.Matches:
		source, _ := t.Args[1].Value.(string)
		if p, err := pattern.Compile(source); err == nil {
			return matching{PlaceOf(t.Args[0]), p}
		}
		t = &term.Term{Op: term.Fail, Kind: term.Bool}
	case t.Op != term.Opaque && t.Program != nil:
		t = &term.Term{Op: term.Opaque, Kind: term.Bool, Args: t.Args, Program: t.Program, Source: t.String()}
	}
	asks := false
	t.Walk(func(t *term.Term) bool {
		asks = asks || t.Op == term.Predicate || t.Op == term.Opaque
		return !asks
	})
	if !asks { // the predicates take long to compile
		return lower.NewTest(t, nil)
	}
	return lower.NewTest(t, l.definitions)
}

// matching matches the text at a place.
type matching struct {
	place   Place
	pattern *pattern.Pattern
}

// Truth is an error where there is no text, or one that is too long.
func (m matching) Truth(_ context.Context, a *mesh.Action) lower.Truth {
	text, ok := m.place.ValueIn(a).V.(string)
	if !ok {
		return lower.Error
	}
	matched, err := m.pattern.Match(text)
	if err != nil {
		return lower.Error
	}
	return lower.TruthOf(matched)
}
