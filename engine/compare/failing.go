package compare

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// failed says on which actions a rule fails, as it does on an example: what it
// reads and is absent, or of another type. among are the goals that such actions
// meet.
func (c *comparison) failed(r, o *rule, a *mesh.Action, among []space.Goal) statement {
	typed, types, conditions := conditionsOf(r.when)
	s := statement{types: types, typed: typed}
	if typed != nil && c.library.Truth(c.ctx, typed, a) != lower.True {
		s.types, s.typed = nil, nil
	}
	sure := c.failing(r.when, a, &s.pieces)
	if len(s.pieces) == 0 {
		sure = c.failing(r.require, a, &s.pieces)
	}
	further := [][]*term.Term{nil, conditions}
	if o != nil {
		parts := slices.Concat(conditions, o.when.Conjuncts())
		for _, clause := range lower.Clauses(o.require) {
			parts = append(parts, term.Disjunction(clause...))
		}
		further = append(further, parts)
	}
	for _, parts := range further {
		exact := s
		exact.extent = Every
		exact.pieces = slices.Clone(s.pieces)
		for _, t := range parts {
			if len(exact.pieces) <= maxFurther && c.library.Truth(c.ctx, t, a) == lower.True && !c.implies(exact.terms(), t) {
				exact.pieces = append(exact.pieces, pieceOf(t))
			}
		}
		if sure && exact.readable() && c.meetAll(exact.terms(), among) {
			return exact
		}
	}
	s.extent = Some
	return s
}

// meetAll reports whether it is proved that goals are met wherever terms are
// true.
func (c *comparison) meetAll(terms []*term.Term, goals []space.Goal) bool {
	for _, g := range goals {
		if !c.proves(terms, space.Goal{Term: g.Term, Want: (space.True | space.False | space.Error) &^ g.Want}) {
			return false
		}
	}
	return true
}

// failing adds what the terms without logic read that are errors. It returns
// false if a part of that is in words only.
func (c *comparison) failing(t *term.Term, a *mesh.Action, out *[]piece) bool {
	switch t.Op {
	case term.Not, term.And, term.Or, term.Cond:
		sure := true
		for _, x := range t.Args {
			sure = c.failing(x, a, out) && sure
		}
		return sure
	}
	if t.Op == term.Const || c.library.Truth(c.ctx, t, a) != lower.Error {
		return true
	}
	var absent, stated []piece
	sure := true
	for _, read := range t.Reads() {
		p := space.PlaceOf(read)
		if p == (space.Place{}) {
			continue
		}
		v := p.ValueIn(a)
		if !v.Present {
			absent = append(absent, piece{phrase: phrase{p.String(), "absent"}, term: absentAt(read)})
			continue
		}
		said := piece{phrase: phrase{p.String(), wordsOf(v.V)}}
		switch v.V.(type) {
		case nil, string, bool, int64, float64:
			if read.Op == term.Read || read.Op == term.Key {
				said.term = term.Relation(term.Eq, read, term.Constant(v.V))
			}
		}
		stated = append(stated, said)
	}
	if len(absent) > 0 {
		stated, sure = nil, true
	}
	for _, p := range append(absent, stated...) {
		if p.term != nil && c.library.Truth(c.ctx, p.term, a) != lower.True {
			p.term = nil // the words say it in another way
		}
		sure = sure && p.term != nil
		*out = append(*out, p)
	}
	return sure
}

// absentAt is the condition that nothing stands at the place that is read, nor
// around it, where to ask for a key would be an error.
func absentAt(read *term.Term) *term.Term {
	switch read.Op {
	case term.Has, term.Read:
		return term.Negate(&term.Term{Op: term.Has, Kind: term.Bool, Leaf: read.Leaf})
	}
	absent := term.Negate(&term.Term{Op: term.HasKey, Kind: term.Bool, Name: read.Name, Args: read.Args})
	if around := read.Args[0]; around.Op == term.Key {
		return term.Disjunction(absentAt(around), absent)
	}
	return absent
}
