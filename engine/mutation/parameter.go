package mutation

import (
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// ValueChange is one way in which the value of a parameter is changed.
type ValueChange struct {
	Kind  Kind
	Value any
	What  string
	Hint  string
}

// OfValue changes the value of a parameter, as in rule.max_days: a number by a
// step to both sides, a list by one element, a flag. terms are the expressions
// that read it; by them it tells which case would notice.
func OfValue(name string, value any, terms ...*term.Term) []ValueChange {
	short := shortName(name)
	switch v := value.(type) {
	case bool:
		return []ValueChange{{FlagFlipped, !v, short + " turned into " + show(!v), "add a case for which " + short + " makes the difference"}}
	case []any:
		var out []ValueChange
		for _, e := range sample(v) {
			out = append(out, ValueChange{ElementDropped, dropped(v, e), show(e) + " left out of " + short, hintFor(name, e, terms)})
		}
		return out
	case int64, float64:
		return ofNumber(name, v, terms)
	}
	return nil
}

// ofNumber moves a number. Where it is the bound of something, the case that
// would notice is the one at the bound.
func ofNumber(name string, v any, terms []*term.Term) []ValueChange {
	var out []ValueChange
	bound, isBound := relationWith(name, terms)
	for _, step := range []int{1, -1} {
		moved, ok := stepFrom(v, step)
		if !ok {
			continue
		}
		hint := "add a case for which it matters whether " + shortName(name) + " is " + show(v) + " or " + show(moved)
		if isBound {
			witness := bound.between(moved)
			if impossibleAt(bound.place, witness) {
				continue
			}
			hint = hintFor(name, witness, terms)
		}
		out = append(out, ValueChange{BoundMoved, moved, shortName(name) + " " + show(v) + " moved to " + show(moved), hint})
	}
	return out
}

// hintFor asks for a case with a value where the parameter is compared.
func hintFor(name string, v any, terms []*term.Term) string {
	use, used := useOf(name, terms)
	switch {
	case !used:
		return "add a case for which " + show(v) + " in " + shortName(name) + " makes the difference"
	case use.Op == term.Element:
		return "add a case with an element " + show(v)
	}
	return "add a case with " + use.String() + " " + show(v)
}

// AnyValue has every value count as the one of a parameter, or as one of its
// list, wherever the action says it. It returns the changed term and the case
// that would notice; false if the term does not compare with the parameter.
func AnyValue(name string, t *term.Term) (changed *term.Term, hint string, ok bool) {
	changed = rewrite(t, func(x *term.Term) *term.Term {
		if _, compares := comparedWith(name, x); !compares {
			return nil
		}
		switch x.Op {
		case term.Eq, term.Ne, term.In:
			if !ok {
				ok, hint = true, "add a case where "+x.Says(x.Op == term.Ne)
			}
			return term.Constant(x.Op != term.Ne)
		}
		return nil
	})
	return changed, hint, ok
}

// shortName leaves the record of built-in rules out, which no author writes.
func shortName(name string) string { return strings.TrimPrefix(name, "rule.") }

// comparedWith returns the other side of a comparison with a parameter.
func comparedWith(name string, t *term.Term) (*term.Term, bool) {
	switch t.Op {
	case term.Eq, term.Ne, term.Lt, term.Le, term.Gt, term.Ge, term.In:
		for i, a := range t.Args {
			if other := t.Args[1-i]; a.Op == term.Const && a.Name == name && other.Op != term.Const {
				return other, true
			}
		}
	}
	return nil, false
}

// useOf returns what a parameter is compared with first.
func useOf(name string, terms []*term.Term) (other *term.Term, found bool) {
	for _, t := range terms {
		t.Walk(func(t *term.Term) bool {
			if o, ok := comparedWith(name, t); ok && !found {
				other, found = o, true
			}
			return !found
		})
	}
	return other, found
}

// relationWith returns the first comparison of something with a parameter that
// is a bound.
func relationWith(name string, terms []*term.Term) (out relation, found bool) {
	for _, t := range terms {
		t.Walk(func(t *term.Term) bool {
			if _, ok := comparedWith(name, t); ok && !found && slices.Contains([]term.Op{term.Lt, term.Le, term.Gt, term.Ge}, t.Op) {
				out, found = relationOf(t)
			}
			return !found
		})
	}
	return out, found
}

// rewrite returns a term with parts replaced: those for which change returns
// one.
func rewrite(t *term.Term, change func(*term.Term) *term.Term) *term.Term {
	if out := change(t); out != nil {
		return out
	}
	args := make([]*term.Term, len(t.Args))
	same := true
	for i, a := range t.Args {
		args[i] = rewrite(a, change)
		same = same && args[i] == a
	}
	switch {
	case same:
		return t
	case t.Op == term.And:
		return term.Conjunction(args...)
	case t.Op == term.Or:
		return term.Disjunction(args...)
	case t.Op == term.Not:
		return term.Negate(args[0])
	}
	out := *t
	out.Args = args
	return &out
}
