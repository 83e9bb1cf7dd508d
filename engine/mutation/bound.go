package mutation

import (
	"math"
	"strconv"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// relation moves the bound of a comparison by the smallest step that a case
// would take, to both sides, and makes it strict or not.
func (m *mutator) relation(t *term.Term, at rebuild) {
	r, ok := relationOf(t)
	if !ok {
		m.strictness(t, at)
		return
	}
	for _, step := range []int{1, -1} {
		moved, ok := stepFrom(r.bound.Value, step)
		if !ok {
			continue
		}
		witness := r.between(moved)
		if impossibleAt(r.place, witness) {
			continue
		}
		name := ""
		if r.bound.Name != "" {
			name = r.bound.Name + " "
		}
		m.add(BoundMoved, at(r.with(moved)), r.bound.Offset,
			"bound "+name+show(r.bound.Value)+" moved to "+show(moved), m.with(m.place(r.place), show(witness)))
	}
	if r.place.Kind != term.Int { // of integers, a step says the same
		m.strictness(t, at)
	}
}

// strictness turns < into <= and back.
func (m *mutator) strictness(t *term.Term, at rebuild) {
	other := map[term.Op]term.Op{term.Lt: term.Le, term.Le: term.Lt, term.Gt: term.Ge, term.Ge: term.Gt}[t.Op]
	text := map[term.Op]string{term.Lt: "<", term.Le: "<=", term.Gt: ">", term.Ge: ">="}
	changed := &term.Term{Op: other, Kind: t.Kind, Args: t.Args, Offset: t.Offset}
	hint := m.with(m.place(t.Args[0]), "equal to "+m.place(t.Args[1]))
	offset := t.Offset
	if r, ok := relationOf(t); ok {
		hint, offset = m.with(m.place(r.place), show(r.bound.Value)), r.bound.Offset
	}
	m.add(BoundMoved, at(changed), offset, text[t.Op]+" turned into "+text[other]+" in "+quote(t), hint)
}

// relation is a comparison of something with a number.
type relation struct {
	term  *term.Term
	op    term.Op // as if the bound stood on the right
	place *term.Term
	bound *term.Term
	right bool // it does
}

func relationOf(t *term.Term) (relation, bool) {
	mirrored := map[term.Op]term.Op{term.Lt: term.Gt, term.Le: term.Ge, term.Gt: term.Lt, term.Ge: term.Le}
	r := relation{term: t, op: t.Op, place: t.Args[0], bound: t.Args[1], right: true}
	if r.place.Op == term.Const {
		r.place, r.bound, r.op, r.right = r.bound, r.place, mirrored[t.Op], false
	}
	switch r.bound.Value.(type) {
	case int64, float64:
		return r, r.bound.Op == term.Const && r.place.Op != term.Const
	}
	return r, false
}

// with returns the comparison with another bound.
func (r relation) with(bound any) *term.Term {
	b := constant(r.bound, bound)
	args := []*term.Term{r.place, b}
	if !r.right {
		args = []*term.Term{b, r.place}
	}
	return &term.Term{Op: r.term.Op, Kind: r.term.Kind, Args: args, Offset: r.term.Offset}
}

// between returns a value for which it matters where the bound is. Of two
// bounds it is the one that exactly one of the comparisons accepts: with "at
// most" and "more than" the higher, with "less than" and "at least" the lower.
func (r relation) between(moved any) any {
	low, high := r.bound.Value, moved
	if term.Number(moved) < term.Number(low) {
		low, high = high, low
	}
	if r.op == term.Le || r.op == term.Gt {
		return high
	}
	return low
}

// impossibleAt reports whether no action can have the number there: what the
// action's schema has of numbers are ages, counts and scores.
func impossibleAt(place *term.Term, v any) bool {
	switch place.Op {
	case term.Read, term.Element, term.Size:
		return term.Number(v) < 0
	}
	return false
}

// stepFrom returns the next number in a direction: the next integer, or the next
// in the last decimal place that is written, the first at least. It is false if
// there is none.
func stepFrom(v any, direction int) (any, bool) {
	switch v := v.(type) {
	case int64:
		next := v + int64(direction)
		return next, (next > v) == (direction > 0)
	case float64:
		const maxPlaces = 12
		_, decimals, _ := strings.Cut(strconv.FormatFloat(v, 'f', -1, 64), ".")
		places := max(len(decimals), 1)
		if places > maxPlaces || math.Abs(v) > 1e15 || math.IsNaN(v) {
			return nil, false
		}
		scale := math.Pow10(places)
		return (math.Round(v*scale) + float64(direction)) / scale, true
	}
	return nil, false
}
