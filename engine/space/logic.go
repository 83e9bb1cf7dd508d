package space

import (
	"encoding/binary"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// mask returns what a node can be.
func (q *query) mask(n *node) Truths {
	switch n.op {
	case term.Const:
		return 1 << n.value
	case term.Not:
		return not(q.mask(n.kids[0]))
	case term.And:
		out := True
		for _, k := range n.kids {
			out = and(out, q.mask(k))
		}
		return out
	case term.Or:
		out := True
		for _, k := range n.kids {
			out = and(out, not(q.mask(k)))
		}
		return not(out)
	case term.Cond:
		which := q.mask(n.kids[0])
		out := which & Error
		if which&True != 0 {
			out |= q.mask(n.kids[1])
		}
		if which&False != 0 {
			out |= q.mask(n.kids[2])
		}
		return out
	}
	return q.atom(n.atom)
}

func (q *query) atom(i int) Truths {
	a := q.space.atoms[i]
	switch {
	case q.free(i):
		return q.freeAtom(i)
	case len(a.variables) == 0:
		return q.truths[i]
	case len(a.variables) == 1:
		if n := q.assigned[a.variables[0]]; n >= 0 {
			return 1 << a.table[n]
		}
		return q.truths[i]
	}
	key := make([]byte, 0, 8*len(a.variables))
	for _, v := range a.variables {
		if q.assigned[v] < 0 {
			return anything
		}
		key = binary.AppendUvarint(key, uint64(q.assigned[v]))
	}
	v, ok := a.known[string(key)]
	if !ok {
		v = a.test.Truth(q.ctx, q.with(plain(), a.variables))
		a.known[string(key)] = v
	}
	return 1 << v
}

// freeAtom returns what an atom can be that is not exact: an error where one of
// its operands is absent, and anything else.
func (q *query) freeAtom(i int) Truths {
	a := q.space.atoms[i]
	open := false
	for _, v := range a.strict {
		switch {
		case q.assigned[v] < 0:
			open = true
		case !q.value(v).Present:
			return Error
		}
	}
	out := a.any
	if choice := q.guessed[a.group]; choice >= 0 {
		out = a.outcomes[choice]
	}
	if a.total && open {
		return out | Error
	}
	return out
}

func not(t Truths) Truths {
	return t&Error | t&False<<1 | t&True>>1
}

// and is the conjunction of what two terms can be.
func and(a, b Truths) Truths {
	out := (a | b) & False
	if a&True != 0 {
		out |= b & (True | Error)
	}
	if b&True != 0 {
		out |= a & (True | Error)
	}
	return out | a&b&Error
}

// made returns the atoms a node is made of.
func (n *node) made() []int {
	if n.all == nil {
		atoms := set{}
		n.atoms(atoms)
		n.all = atoms.sorted()
	}
	return n.all
}

// atoms adds the atoms of a node to a set.
func (n *node) atoms(out set) {
	switch n.op {
	case term.Const:
	case term.Not, term.And, term.Or, term.Cond:
		for _, k := range n.kids {
			k.atoms(out)
		}
	default:
		out[n.atom] = true
	}
}

// set is a set of numbers.
type set map[int]bool

func (s set) add(t set) {
	for v := range t {
		s[v] = true
	}
}

func (s set) sorted() []int {
	out := make([]int, 0, len(s))
	for v := range s {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}
