package space

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/shape"
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
	size      int // of atoms whose classes are known
}

// Library is what spaces over the same predicates share. It belongs to one
// goroutine.
type Library struct {
	definitions map[string]*term.Term
	known       map[string]*classes
	tests       map[string]*lower.Test
}

// NewLibrary returns a library of the predicates that terms ask by name.
func NewLibrary(definitions map[string]*term.Term) *Library {
	return &Library{definitions: definitions, known: map[string]*classes{}, tests: map[string]*lower.Test{}}
}

// variable is a place and the values it may have.
type variable struct {
	place  Place
	atoms  []int // that look at it
	shared bool  // by an atom with another place
	around bool  // other places stand within it
	*classes
}

// classes are values of a place and what they make of the atoms about it.
type classes struct {
	values   []Value
	complete bool
	tables   [][]lower.Truth // by atom, then value
}

// atom is a term that is not put together from others by logic.
type atom struct {
	term      *term.Term
	test      *lower.Test
	variables []int
	exact     bool          // its classes tell all actions apart that it does
	strict    []int         // the variables without whose values it is an error
	total     bool          // it is no error otherwise
	table     []lower.Truth // by value, of an atom about one place or none
	known     map[string]lower.Truth
}

// New returns the space of terms.
func (l *Library) New(terms ...*term.Term) *Space {
	s := &Space{library: l, byPlace: map[Place]int{}, byText: map[string]int{}, nodes: map[*term.Term]*node{}}
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
			a.exact = a.term.Op != term.Opaque
		}
	}
	s.size = len(s.atoms)
	texts := s.sharedTexts()
	for i := range s.variables {
		v := &s.variables[i]
		v.around = slices.ContainsFunc(s.variables, func(o variable) bool { return v.place.above(o.place) })
		s.classify(v, texts)
	}
	return s
}

// Values returns the values of a place that the terms tell apart, those that
// examples are best made of first; nil for a place they do not look at.
func (s *Space) Values(p Place) []Value {
	v, ok := s.byPlace[p]
	if !ok {
		return nil
	}
	return slices.Clone(s.variables[v].values)
}

// Loose returns the atoms of terms that are not exact, in CEL: what a proof
// takes for anything.
func (s *Space) Loose(terms ...*term.Term) []string {
	var out []string
	for _, t := range terms {
		for _, i := range s.node(t).made() {
			if text := s.atoms[i].term.String(); !s.atoms[i].exact && !slices.Contains(out, text) {
				out = append(out, text)
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
	default:
		n.atom = s.atom(t)
	}
	s.nodes[t] = n
	return n
}

func (s *Space) atom(t *term.Term) int {
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
func (l *Library) test(t *term.Term, text string) *lower.Test {
	test := l.tests[text]
	if test == nil {
		test = lower.NewTest(t, l.definitions)
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
	default:
		return nil, false
	}
	for _, a := range t.Args {
		if a.Op == term.Size && a.Args[0].Op == term.Read {
			a = a.Args[0]
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

// maxSharedTexts bounds the texts that places compared with each other are
// tried with.
const maxSharedTexts = 16

// sharedTexts are texts that any place may have which is compared with others.
func (s *Space) sharedTexts() []string {
	var all said
	for _, a := range s.atoms {
		if len(a.variables) < 2 {
			continue
		}
		all.loosely(a.term)
		for _, v := range a.variables {
			for _, i := range s.variables[v].atoms {
				all.loosely(s.atoms[i].term)
			}
		}
	}
	texts := all.texts[:min(len(all.texts), maxSharedTexts)]
	return append(slices.Clone(texts), fillings[0])
}

// classify makes the values of a place.
func (s *Space) classify(v *variable, texts []string) {
	key := s.key(v)
	if known := s.library.known[key]; known != nil && !v.shared {
		v.classes = known
	} else {
		v.classes = s.classesOf(v, texts)
		if !v.shared {
			s.library.known[key] = v.classes
		}
	}
	for n, i := range v.atoms {
		if a := s.atoms[i]; len(a.variables) == 1 {
			a.table = v.tables[n]
			a.exact = v.complete && new(said).learn(a.term) || a.term.Op == term.Has || a.term.Op == term.HasKey
		}
	}
}

// key names the classes that atoms make of a place.
func (s *Space) key(v *variable) string {
	parts := []string{v.place.leaf.Path, v.place.keys}
	for _, i := range v.atoms {
		parts = append(parts, s.atoms[i].term.String())
	}
	return strings.Join(parts, "\n")
}

func (s *Space) classesOf(v *variable, texts []string) *classes {
	var about said
	for _, i := range v.atoms {
		if a := s.atoms[i]; len(a.variables) == 1 {
			about.learn(a.term)
		} else {
			about.loosely(a.term)
		}
	}
	c := &classes{}
	p := v.place
	if list := p.keys == "" && (p.leaf.Kind == shape.Strings || p.leaf.Kind == shape.Structs); list {
		c.values, c.complete = about.listValues(p, func(list any) string { return s.signature(v, Stated(list)) })
	} else {
		c.values, c.complete = about.valuesAt(p)
	}
	if strings.Count(p.keys, keyMark) > 1 {
		c.values = append(c.values, Value{V: hollow{}})
	}
	if v.shared {
		c.values = distinct(append(c.values, sharedValues(p, texts)...))
	}
	if kind := p.leaf.Kind; kind == shape.Int || kind == shape.Float {
		c.values = slices.DeleteFunc(c.values, func(value Value) bool { return !Sayable(p.With(plain(), value)) })
	}
	for _, i := range v.atoms {
		var table []lower.Truth
		if a := s.atoms[i]; len(a.variables) == 1 {
			for _, value := range c.values {
				table = append(table, a.test.Truth(context.Background(), p.With(plain(), value)))
			}
		}
		c.tables = append(c.tables, table)
	}
	return c
}

// signature says what a value makes of the atoms about its place alone.
func (s *Space) signature(v *variable, value Value) string {
	action := v.place.With(plain(), value)
	out := make([]byte, 0, len(v.atoms))
	for _, i := range v.atoms {
		if a := s.atoms[i]; len(a.variables) == 1 {
			out = append(out, byte(a.test.Truth(context.Background(), action)))
		}
	}
	return string(out)
}

func sharedValues(p Place, texts []string) []Value {
	var out []Value
	if !p.dynamic() && p.Takes([]string{}) {
		out = append(out, Stated([]string{}))
	}
	for _, text := range texts {
		switch {
		case p.dynamic():
			out = append(out, Stated(text), Stated([]any{text}))
		case p.Takes(text):
			out = append(out, Stated(text))
		case p.Takes([]string{}):
			out = append(out, Stated([]string{text}))
		}
	}
	return out
}

func distinct(values []Value) []Value {
	var out []Value
	for _, v := range values {
		if !slices.ContainsFunc(out, v.Equal) {
			out = append(out, v)
		}
	}
	return out
}

// plain is an action of which only the type is stated.
func plain() *mesh.Action { return &mesh.Action{Action: mesh.Operation{Type: mesh.TypeDataRead}} }

// Sayable reports whether there is a JSON document that engine/decode reads as
// the action: the schema bounds most numbers.
func Sayable(a *mesh.Action) bool {
	data, err := json.Marshal(a)
	if err != nil {
		return false
	}
	back, err := decode.Action(data)
	if err != nil {
		return false
	}
	again, err := json.Marshal(back)
	return err == nil && bytes.Equal(data, again)
}
