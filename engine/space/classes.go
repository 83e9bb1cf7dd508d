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
	values []Value
	exact  []bool          // by atom: the values tell all actions apart that it does
	tables [][]lower.Truth // by atom, then value
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
	return append(slices.Clone(texts), fillings[0], fillings[1]) // two, which are not the same
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
			a.exact = v.exact[n]
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
	about := said{tell: s.library.tell}
	c := &classes{}
	for _, i := range v.atoms {
		if a := s.atoms[i]; len(a.variables) == 1 {
			c.exact = append(c.exact, about.learn(a.term))
		} else {
			about.loosely(a.term)
			c.exact = append(c.exact, false)
		}
	}
	var complete bool
	p := v.place
	if list := p.keys == "" && (p.leaf.Kind == shape.Strings || p.leaf.Kind == shape.Structs); list {
		c.values, complete = about.listValues(p, func(list any) string { return s.signature(v, Stated(list)) })
	} else {
		c.values, complete = about.valuesAt(p)
	}
	if strings.Count(p.keys, keyMark) > 1 {
		c.values = append(c.values, Value{V: hollow{}})
	}
	if v.shared {
		c.values = distinct(append(c.values, sharedValues(p, texts)...))
		c.values = distinct(append(c.values, s.counterweights(v)...))
	}
	if kind := p.leaf.Kind; kind == shape.Int || kind == shape.Float {
		c.values = slices.DeleteFunc(c.values, func(value Value) bool { return !Sayable(p.With(plain(), value)) })
	}
	s.steps += len(v.atoms) * len(c.values)
	actions := make([]*mesh.Action, len(c.values))
	for n, value := range c.values {
		actions[n] = p.With(plain(), value)
	}
	for n, i := range v.atoms {
		presence := s.atoms[i].term.Op == term.Has || s.atoms[i].term.Op == term.HasKey
		c.exact[n] = c.exact[n] && (complete || presence)
		var table []lower.Truth
		if a := s.atoms[i]; len(a.variables) == 1 {
			table = make([]lower.Truth, 0, len(actions))
			for _, action := range actions {
				table = append(table, a.test.Truth(context.Background(), action))
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
	s.steps += len(v.atoms)
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

// counterweights are numbers that outweigh those which stand at the places that
// a place is computed with: a sum can be low although one of them is high.
func (s *Space) counterweights(v *variable) []Value {
	var all said
	for _, i := range v.atoms {
		if operand, _, ok := comparison(s.atoms[i].term); ok && operand.Op != term.Read && operand.Op != term.Key {
			for _, other := range s.atoms[i].variables {
				for _, n := range s.variables[other].atoms {
					all.loosely(s.atoms[n].term)
				}
			}
		}
	}
	if len(all.numbers) == 0 {
		return nil
	}
	switch low := -slices.Max(all.numbers); {
	case v.place.dynamic():
		return []Value{Stated(low)}
	case v.place.Takes(low):
		return []Value{Stated(low)}
	case v.place.Takes(int64(low)):
		return []Value{Stated(int64(low))}
	}
	return nil
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
