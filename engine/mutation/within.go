package mutation

import (
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// within changes the parts of a term. positive is false under a negation; at
// puts a changed part into the clause.
func (m *mutator) within(t *term.Term, positive bool, at rebuild) {
	switch t.Op {
	case term.And, term.Or:
		m.junction(t, positive, at)
	case term.Not:
		m.within(t.Args[0], !positive, func(x *term.Term) *term.Term { return at(term.Negate(x)) })
	case term.Cond:
		m.conditional(t, positive, at)
	case term.Lt, term.Le, term.Gt, term.Ge:
		m.relation(t, at)
	case term.In:
		m.elements(t, at)
	case term.Exists, term.All:
		m.quantified(t, positive, at)
	}
}

// junction leaves out the parts of a conjunction or disjunction, one field
// after the other, and changes each.
func (m *mutator) junction(t *term.Term, positive bool, at rebuild) {
	groups := grouped(t.Args)
	if len(groups) == 1 {
		m.sameField(t.Op, groups[0], positive, at)
		return
	}
	parts := make([]*term.Term, len(groups))
	for i, g := range groups {
		parts[i] = joined(t.Op, g)
	}
	for i, part := range parts {
		here := replacing(t.Op, parts, i)
		inside := func(x *term.Term) *term.Term { return at(here(x)) }
		m.leaveOut(t.Op, part, positive, inside)
		m.within(part, positive, inside)
	}
}

// unless puts a changed term into the clause, unless the change makes no
// difference to the term itself: then it gives the clause as it is.
func (m *mutator) unless(t *term.Term, at rebuild) rebuild {
	return func(x *term.Term) *term.Term {
		if lower.Same(t, x) {
			return m.clause
		}
		return at(x)
	}
}

// sameField does as junction does with parts about one field. A guard is not
// left out by itself: what it guards would fail where it is absent.
func (m *mutator) sameField(op term.Op, parts []*term.Term, positive bool, at rebuild) {
	all := (op == term.And) == positive
	at = m.unless(joined(op, parts), at)
	for i, part := range parts {
		if all && isGuard(part) {
			continue
		}
		here := replacing(op, parts, i)
		inside := func(x *term.Term) *term.Term { return at(here(x)) }
		if len(parts) > 1 {
			m.leaveOut(op, part, positive, inside)
		}
		m.within(part, positive, inside)
	}
	if m.demand && op == term.And && positive && m.loop == "" {
		m.acceptAbsent(parts, at)
	}
}

// leaveOut takes a part out of a conjunction or disjunction.
func (m *mutator) leaveOut(op term.Op, part *term.Term, positive bool, at rebuild) {
	neutral := at(term.Constant(op == term.And))
	if (op == term.And) == positive {
		m.add(PartDropped, neutral, part.Offset, m.leftOut(quote(part)), m.without(part, positive))
		return
	}
	m.add(AlternativeDropped, neutral, part.Offset, m.leftOut("the alternative "+quote(part)), m.alone(part, positive))
}

// leftOut says that a part is left out.
func (m *mutator) leftOut(what string) string {
	if m.demand {
		return what + " left out"
	}
	return what + " left out of the condition"
}

// acceptAbsent lets a field pass that is missing.
func (m *mutator) acceptAbsent(parts []*term.Term, at rebuild) {
	if !slices.ContainsFunc(parts, func(p *term.Term) bool { return !isGuard(p) }) {
		return // that it is there is all that is asked
	}
	for _, guard := range parts {
		if !isGuard(guard) || m.known[guard.String()] {
			continue
		}
		passes := term.Disjunction(term.Negate(guard), joined(term.And, parts))
		m.add(AbsentAccepted, at(passes), guard.Offset, "absent "+guard.Path()+" accepted", "add a case without "+guard.Path())
	}
}

// conditional fixes each branch, and changes each part.
func (m *mutator) conditional(t *term.Term, positive bool, at rebuild) {
	for i := range t.Args {
		inside := func(x *term.Term) *term.Term {
			args := slices.Clone(t.Args)
			args[i] = x
			return at(&term.Term{Op: term.Cond, Kind: t.Kind, Args: args, Offset: t.Offset})
		}
		if branch := t.Args[i]; i > 0 && branch.Op != term.Const {
			for _, truth := range []bool{true, false} {
				m.add(BranchFixed, inside(term.Constant(truth)), branch.Offset, quote(branch)+" taken as "+show(truth),
					"add a case where "+m.says(t.Args[0], i == 1)+" and "+m.says(branch, !truth))
			}
		}
		m.within(t.Args[i], positive, inside)
	}
}

// quantified turns exists into all and back, and changes what is asked of each
// element.
func (m *mutator) quantified(t *term.Term, positive bool, at rebuild) {
	list := t.Args[0]
	other, names := term.All, [2]string{"exists", "all"}
	if t.Op == term.All {
		other, names = term.Exists, [2]string{"all", "exists"}
	}
	loop := func(op term.Op, body *term.Term) *term.Term {
		return at(&term.Term{Op: op, Kind: t.Kind, Args: []*term.Term{list, body}, Offset: t.Offset})
	}
	m.add(QuantifierSwapped, loop(other, t.Args[1]), t.Offset, names[0]+" over "+list.String()+" turned into "+names[1],
		"add a case where only some elements of "+list.String()+" make "+quote(t.Args[1])+" true")
	outer := m.loop
	m.loop = list.String()
	m.within(t.Args[1], positive, func(x *term.Term) *term.Term { return loop(t.Op, x) })
	m.loop = outer
}

// elements leaves elements of a constant list out.
func (m *mutator) elements(t *term.Term, at rebuild) {
	element, list := t.Args[0], t.Args[1]
	if list.Op != term.Const || element.Op == term.Const {
		return
	}
	values, _ := list.Value.([]any)
	if slices.ContainsFunc(values, nested) {
		return
	}
	for _, v := range sample(values) {
		rest := constant(list, dropped(values, v))
		changed := &term.Term{Op: term.In, Kind: t.Kind, Args: []*term.Term{element, rest}, Offset: t.Offset}
		what, hint := show(v)+" left out of the list for "+m.place(element), m.with(m.place(element), show(v))
		if list.Name != "" {
			what = show(v) + " left out of " + list.Name
		}
		if element.Op == term.Element && element.Name == "" {
			hint = m.with(show(v), "in "+m.loop)
		}
		m.add(ElementDropped, at(changed), list.Offset, what, hint)
	}
}

// constant returns another value in the place of a constant.
func constant(of *term.Term, v any) *term.Term {
	t := term.Constant(v)
	t.Name, t.Offset = of.Name, of.Offset
	return t
}

// nested reports whether a value is a list itself.
func nested(v any) bool {
	_, list := v.([]any)
	return list
}

// sample returns some of the scalars in a list, each once: all, if they are few.
func sample(values []any) []any {
	var unique []any
	seen := map[any]bool{}
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			unique = append(unique, v)
		}
	}
	if len(unique) <= MaxElements {
		return unique
	}
	out := make([]any, MaxElements)
	for i := range out {
		out[i] = unique[i*(len(unique)-1)/(MaxElements-1)]
	}
	return out
}

// dropped returns a list without one value.
func dropped(values []any, v any) []any {
	out := []any{}
	for _, e := range values {
		if e != v {
			out = append(out, e)
		}
	}
	return out
}

// place names what a comparison looks at.
func (m *mutator) place(t *term.Term) string {
	switch {
	case t.Op != term.Element:
		return t.String()
	case t.Name == "":
		return m.loop
	}
	return m.loop + "[]." + t.Name
}
