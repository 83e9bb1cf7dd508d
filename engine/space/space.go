package space

import (
	"context"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/pattern"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Space is the actions that a number of terms tell apart. It belongs to one
// goroutine.
type Space struct {
	library   *Library
	variables []variable
	byPlace   map[Place]int
	atoms     []*atom
	byText    map[string]int
	nodes     map[*term.Term]*node
	keys      map[Place][]string // of maps, that terms know
	groups    []int              // choices of each group of atoms
	size      int                // of atoms whose classes are known
	steps     int                // it took to make it
}

// partSteps is what it takes to prepare a part of a term.
const partSteps = 2

// Library is what spaces over the same predicates share. It belongs to one
// goroutine.
type Library struct {
	definitions map[string]*term.Term
	known       map[string]*classes
	tests       map[string]decider
	told        map[string]told
	tellSteps   int // left for telling patterns apart
}

// maxTellSteps bounds what a library takes to tell all patterns apart: a second
// or two. Beyond it nothing is known of further ones.
const maxTellSteps = 2 * pattern.MaxTellSteps

// NewLibrary returns a library of the predicates that terms ask by name.
func NewLibrary(definitions map[string]*term.Term) *Library {
	return &Library{definitions: definitions, known: map[string]*classes{}, tests: map[string]decider{}, told: map[string]told{}, tellSteps: maxTellSteps}
}

// Truth decides a term for an action.
func (l *Library) Truth(ctx context.Context, t *term.Term, a *mesh.Action) lower.Truth {
	return l.test(t, t.String()).Truth(ctx, a)
}

// atom is a term that is not put together from others by logic.
type atom struct {
	term      *term.Term
	test      decider
	variables []int
	exact     bool          // its classes tell all actions apart that it does
	strict    []int         // the variables without whose values it is an error
	total     bool          // it is no error otherwise
	table     []lower.Truth // by value, of an atom about one place or none
	known     map[string]lower.Truth
	group     int      // of an atom that is not exact
	outcomes  []Truths // by choice of the group
	any       Truths   // of them
}

// New returns the space of terms.
func (l *Library) New(terms ...*term.Term) *Space {
	s := &Space{library: l, byPlace: map[Place]int{}, byText: map[string]int{}, nodes: map[*term.Term]*node{}, keys: map[Place][]string{}}
	s.learnKeys(terms)
	for _, t := range terms {
		s.node(t)
	}
	for i := range s.atoms {
		for _, v := range s.atoms[i].variables {
			s.variables[v].atoms = append(s.variables[v].atoms, i)
			s.variables[v].shared = s.variables[v].shared || len(s.atoms[i].variables) > 1
		}
		if a := s.atoms[i]; len(a.variables) == 0 {
			a.table = []lower.Truth{a.test.Truth(context.Background(), new(mesh.Action))}
			a.exact = a.term.Op != term.Opaque && a.term.Program == nil
		}
	}
	s.size = len(s.atoms)
	texts := s.sharedTexts()
	for i := range s.variables {
		v := &s.variables[i]
		v.around = slices.ContainsFunc(s.variables, func(o variable) bool { return v.place.above(o.place) })
		s.classify(v, texts)
	}
	s.group()
	return s
}

// Steps returns what it took to make the space: to prepare the terms and what
// they mean, and to find their classes; as in a [Budget].
func (s *Space) Steps() int { return s.steps }

// Values returns the values of a place that the terms tell apart, those that
// examples are best made of first; nil for a place they do not look at.
func (s *Space) Values(p Place) []Value {
	v, ok := s.byPlace[p]
	if !ok {
		return nil
	}
	return slices.Clone(s.variables[v].values)
}

// Loose returns the atoms of terms that are not exact: what a proof takes for
// anything.
func (s *Space) Loose(terms ...*term.Term) []*term.Term {
	var out []*term.Term
	for _, t := range terms {
		for _, i := range s.node(t).made() {
			if a := s.atoms[i]; !a.exact && !slices.Contains(out, a.term) {
				out = append(out, a.term)
			}
		}
	}
	return out
}

// node is a term as logic over atoms.
type node struct {
	op    term.Op // Const, Not, And, Or, Cond, or any other: an atom
	value lower.Truth
	kids  []*node
	atom  int
	all   []int // atoms; see made
}

// node returns the node of a term. Atoms that no term of [Library.New] has are
// not known, and can be anything.
func (s *Space) node(t *term.Term) *node {
	if n := s.nodes[t]; n != nil {
		return n
	}
	s.steps += partSteps
	n := &node{op: t.Op}
	switch t.Op {
	case term.Const:
		n.value = lower.Error
		if b, ok := t.Value.(bool); ok {
			n.value = map[bool]lower.Truth{true: lower.True, false: lower.False}[b]
		}
	case term.Not, term.And, term.Or, term.Cond:
		for _, a := range t.Args {
			n.kids = append(n.kids, s.node(a))
		}
	case term.Predicate:
		if definition := s.library.definitions[t.Name]; definition != nil {
			n = s.node(definition)
			break
		}
		n.atom = s.atom(t)
	case term.Opaque, term.Exists, term.All:
		if meaning := s.meaning(t); meaning != nil {
			n = s.node(meaning)
			break
		}
		n.atom = s.atom(t)
	default:
		n.atom = s.atom(t)
	}
	s.nodes[t] = n
	return n
}

func (s *Space) atom(t *term.Term) int {
	t.Walk(func(*term.Term) bool {
		s.steps += partSteps
		return true
	})
	text := t.String()
	if i, ok := s.byText[text]; ok {
		return i
	}
	a := &atom{term: t, test: s.library.test(t, text), known: map[string]lower.Truth{}}
	for _, p := range s.places(t) {
		v, ok := s.byPlace[p]
		if !ok {
			v = len(s.variables)
			s.byPlace[p] = v
			s.variables = append(s.variables, variable{place: p})
		}
		a.variables = append(a.variables, v)
	}
	strict, total := operands(t)
	for _, p := range strict {
		a.strict = append(a.strict, s.byPlace[p])
	}
	a.total = total
	s.byText[text] = len(s.atoms)
	s.atoms = append(s.atoms, a)
	return len(s.atoms) - 1
}

// test compiles an atom, each once.
func (l *Library) test(t *term.Term, text string) decider {
	test := l.tests[text]
	if test == nil {
		test = l.decider(t)
		l.tests[text] = test
	}
	return test
}

// places returns the places that an atom looks at, also by the predicates it
// asks.
func (s *Space) places(t *term.Term) []Place {
	var out []Place
	t.Walk(func(t *term.Term) bool {
		found := []Place{placeOf(t)}
		if definition := s.library.definitions[t.Name]; t.Op == term.Predicate && definition != nil {
			s.node(definition) // what it says of its places makes their values
			found = s.places(definition)
		}
		for _, p := range found {
			if p != (Place{}) && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		return found[0] == Place{}
	})
	return out
}

// operands returns the places without whose values an atom is an error. total
// reports whether it is one in no other case.
func operands(t *term.Term) (strict []Place, total bool) {
	switch t.Op {
	case term.Eq, term.Ne:
		total = true
	case term.Lt, term.Le, term.Gt, term.Ge, term.StartsWith, term.EndsWith, term.Contains, term.In:
		total = t.Args[0].Kind != term.Dyn && t.Args[1].Kind != term.Dyn && t.Args[1].Kind != term.Map
	case term.Matches:
		total = t.Args[0].Kind == term.Text
	default:
		return nil, false
	}
	for _, a := range t.Args {
		if a.Op == term.Size {
			a = a.Args[0]
			total = total && a.Op == term.Read
		}
		switch a.Op {
		case term.Const:
		case term.Read, term.Key:
			if p := PlaceOf(a); p != (Place{}) && a.Kind != term.Map {
				strict = append(strict, p)
				continue
			}
			total = false
		default:
			total = false
		}
	}
	return strict, total
}

// placeOf is [PlaceOf] that also knows "amount" in tool.args.
func placeOf(t *term.Term) Place {
	if t.Op == term.In && t.Args[0].Op == term.Const && t.Args[1].Kind == term.Map {
		if key, ok := t.Args[0].Value.(string); ok {
			return PlaceOf(t.Args[1]).below(key)
		}
	}
	return PlaceOf(t)
}
