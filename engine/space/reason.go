package space

import "github.com/ai-agent-mesh/mesh/engine/term"

// reason adds decided variables which suffice that a node has none of the truth
// values, as it is: what has nothing to do with that is not the cause of a
// failure, and the search need not go back to it.
func (q *query) reason(n *node, none Truths, out set) {
	switch n.op {
	case term.Const:
	case term.Not:
		q.reason(n.kids[0], not(none), out)
	case term.And:
		q.joinReason(n.kids, none, false, out)
	case term.Or:
		q.joinReason(n.kids, not(none), true, out)
	case term.Cond:
		q.choiceReason(n, none, out)
	default:
		q.atomReason(n.atom, out)
	}
}

// joinReason is reason for the conjunction of nodes, or of their negations.
func (q *query) joinReason(kids []*node, none Truths, negated bool, out set) {
	of := func(k *node, none Truths) {
		if negated {
			none = not(none)
		}
		q.reason(k, none, out)
	}
	mask := func(k *node) Truths {
		if negated {
			return not(q.mask(k))
		}
		return q.mask(k)
	}
	all := func(none Truths) {
		for _, k := range kids {
			of(k, none)
		}
	}
	if none&(True|Error) == True|Error { // one that is false suffices for both
		for _, k := range kids {
			if mask(k)&(True|Error) == 0 {
				of(k, True|Error)
				none &= False
				break
			}
		}
	}
	if none&True != 0 {
		for _, k := range kids {
			if mask(k)&True == 0 {
				of(k, True)
				break
			}
		}
	}
	if none&Error != 0 {
		only := -1
		for i, k := range kids {
			if mask(k)&(True|Error) == 0 {
				only = i
				break
			}
		}
		if only >= 0 {
			of(kids[only], True|Error)
		} else {
			all(Error)
		}
	}
	if none&False != 0 {
		all(False)
	}
}

// choiceReason is reason for a conditional.
func (q *query) choiceReason(n *node, none Truths, out set) {
	which := q.mask(n.kids[0])
	if none&Error != 0 {
		q.reason(n.kids[0], Error, out)
	}
	for i, truth := range []Truths{True, False} {
		if which&truth == 0 {
			q.reason(n.kids[0], truth, out)
		} else {
			q.reason(n.kids[i+1], none, out)
		}
	}
}

// atomReason adds the decided variables of an atom.
func (q *query) atomReason(i int, out set) {
	a := q.space.atoms[i]
	variables := a.variables
	if q.free(i) {
		variables = a.strict
		if q.guessed[a.group] >= 0 {
			out[len(q.domains)+a.group] = true
		}
	}
	for _, v := range variables {
		if q.assigned[v] >= 0 {
			out[v] = true
		}
	}
}
