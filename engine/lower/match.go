package lower

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Matcher is a set of compiled rules. It is immutable and safe for concurrent
// use.
type Matcher struct {
	demands [][]Clause // by rule
	slots   []*slot
	byName  map[string]int32  // slots of the predicates asked by name
	keys    [dimensions]int32 // slots of the key leaves
	shapes  []sliceShape
	index   table // from sliceKey to slices
	slices  []slice
}

// slice is the rules for the actions of one key.
type slice struct{ blocks []*block }

// sliceShape says which key leaves the keys of some slices name.
type sliceShape [dimensions]bool

func (m *Matcher) addShape(k sliceKey) {
	var s sliceShape
	for d := range s {
		s[d] = k.at(d) != anySymbol
	}
	if !slices.Contains(m.shapes, s) {
		m.shapes = append(m.shapes, s)
	}
}

// Demands returns the clauses of what a rule requires.
func (m *Matcher) Demands(rule int) []Clause { return m.demands[rule] }

// Input is an action that is ready to be matched, and the memory that matching
// needs. The zero value is ready for [Matcher.Bind]. It belongs to one
// goroutine and may be bound again and again, to any matcher: it allocates only
// what the largest of them needs, and the keys of the largest map that a loop
// goes through in order.
type Input struct {
	matcher *Matcher
	action  *mesh.Action
	ctx     context.Context
	places  []placeValue // by slot; of those that are bound
	bound   []uint32     // by slot: the stamp of the binding
	memo    []uint32     // by slot: the stamp of the matching, and the truth of a predicate
	stamp   uint32       // of the binding
	asked   uint32       // of the matching; a predicate is decided once for each
	element element
	sorted  []sorted
	steps   int          // that a predicate took
	spent   int          // steps that all predicates took
	took    int          // that Match left spent
	held    int          // back from what a decision may take
	further int          // steps that are left to name more than one element of a loop
	look    int          // at how many steps spent to look at the bounds
	hit     term.Bound   // that the predicate ran into
	hits    bool         // any predicate did
	alive   []uint64     // clauses that are not true so far, and the word for errors
	falses  []uint64     // clauses that are false
	bounds  []term.Bound // by clause: what it ran into; empty if nothing did
}

// Bind makes an action ready to be matched: every field the rules for it look
// at is read and its text turned into a symbol. The action must not be changed
// while the input is in use. ctx ends what takes long; nil never ends.
func (m *Matcher) Bind(ctx context.Context, a *mesh.Action, in *Input) {
	if in.matcher != m {
		in.matcher = m
		in.places, in.bound, in.memo = sized(in.places, len(m.slots)), sized(in.bound, len(m.slots)), sized(in.memo, len(m.slots))
	}
	in.take(ctx, a)
	for _, k := range m.keys {
		in.load(k)
	}
	for _, shape := range m.shapes {
		s := m.slice(in, shape)
		if s == nil {
			continue
		}
		for _, blk := range s.blocks {
			for i := range blk.places {
				in.load(blk.columns[i].slot)
			}
		}
	}
}

// sized returns a slice of that length, the same memory if it suffices. What is
// left in it bears the stamp of another binding.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// take has the input be about an action, of which nothing is known yet.
func (in *Input) take(ctx context.Context, a *mesh.Action) {
	in.action, in.ctx = a, ctx
	if in.stamp++; in.stamp == 0 {
		clear(in.bound[:cap(in.bound)])
		in.sorted = nil
		in.stamp = 1
	}
	in.forget()
}

func (in *Input) load(slot int32) {
	if in.bound[slot] != in.stamp {
		in.bound[slot] = in.stamp
		in.places[slot] = in.matcher.slots[slot].load(in.action)
	}
}

// slice returns the slice of that shape for an action; nil if there is none.
func (m *Matcher) slice(in *Input, shape sliceShape) *slice {
	key := anyKey
	for d, named := range shape {
		if !named {
			continue
		}
		symbol := in.places[m.keys[d]].symbol
		if symbol == otherSymbol {
			return nil
		}
		key = key.with(d, symbol)
	}
	if i, ok := m.index.get(uint64(key)); ok {
		return &m.slices[i]
	}
	return nil
}

// Release forgets the action, so that memory which is kept for another does not
// keep it alive.
func (in *Input) Release() {
	in.action, in.ctx, in.element = nil, nil, element{}
	for i := range in.sorted {
		clear(in.sorted[i].keys)
		in.sorted[i].stamp = 0
	}
}

// Action returns the action that is bound.
func (in *Input) Action() *mesh.Action { return in.action }

// Context ends when nobody waits for the result any more.
func (in *Input) Context() context.Context {
	if in.ctx == nil {
		return context.Background()
	}
	return in.ctx
}

var errPredicate = errors.New("it has no value for this action")

// Ask returns the answer to a predicate.
func (in *Input) Ask(name string) (bool, error) {
	v := in.answer(name)
	if v == Error {
		return false, fmt.Errorf("deciding %s(): %w", name, errPredicate)
	}
	return v == True, nil
}

var _ term.Input = (*Input)(nil)

func (in *Input) answer(name string) Truth {
	slot, ok := in.matcher.byName[name]
	if !ok {
		return Error
	}
	return in.predicate(slot)
}

// What the memo of a predicate holds below the stamp: its truth, and above that
// the bound that it ran into.
const (
	truthBits = 2
	memoBits  = truthBits + 2
)

// forget has every predicate decided anew.
func (in *Input) forget() {
	in.spent, in.took, in.look, in.hits = 0, 0, 0, false
	if in.asked++; in.asked >= 1<<(32-memoBits) {
		clear(in.memo[:cap(in.memo)])
		in.asked = 1
	}
}

// predicate decides a predicate once for each matching.
func (in *Input) predicate(slot int32) Truth {
	if m := in.memo[slot]; m>>memoBits == in.asked {
		if in.hits {
			in.inherit(slot)
		}
		return Truth(m & (1<<truthBits - 1))
	}
	// A loop may ask a predicate that has loops of its own.
	element, steps, look, hit := in.element, in.steps, in.look, in.hit
	in.steps, in.hit = 0, term.Unbound
	v := in.matcher.slots[slot].test(in)
	if v != Error {
		in.hit = term.Unbound
	}
	in.memo[slot] = in.asked<<memoBits | uint32(in.hit)<<truthBits | uint32(v)
	in.element, in.steps, in.look, in.hit = element, steps, min(look, in.look), hit
	if in.hits {
		in.inherit(slot)
	}
	return v
}

// inherit notes that who asks a predicate runs into the bound that it did.
func (in *Input) inherit(slot int32) {
	if b := in.boundOf(slot); b != term.Unbound {
		in.hit = b
	}
}

// boundOf returns the bound that a predicate ran into in this matching.
func (in *Input) boundOf(slot int32) term.Bound {
	m := in.memo[slot]
	if m>>memoBits != in.asked {
		return term.Unbound
	}
	return term.Bound(m >> truthBits & (1<<(memoBits-truthBits) - 1))
}

// Violation is a clause that an action does not meet.
type Violation struct {
	Rule   int32
	Clause int32 // index in [Matcher.Demands]
}

// Failure is a rule that has no value for an action.
type Failure struct {
	Rule int32
	When bool // its condition has none; else what it requires
	// Bound is what the part ran into, if it would have a value otherwise.
	Bound term.Bound
}

// Matches is what [Matcher.Match] fills. Reusing one overwrites its slices. The
// zero value is ready.
type Matches struct {
	Violations []Violation // by rule and clause
	Failures   []Failure   // by rule
	// Undecided are the parts that have no value for the action, of the rules
	// that look at it, by rule and clause: an action meets neither these nor
	// what it violates.
	Undecided []Violation
	// Looked says, by their place in [Options.Watched], of which policies a
	// rule looked at the action or failed to find out.
	Looked  []bool
	visited []visit
	bits    []uint64
}

// visit is a block that was evaluated, and the clauses left over.
type visit struct {
	block *block
	at    int // in bits
}

// Match matches the action that is bound to in, which must be an input of this
// matcher.
func (m *Matcher) Match(in *Input, out *Matches) {
	out.Violations, out.Failures, out.Undecided = out.Violations[:0], out.Failures[:0], out.Undecided[:0]
	out.visited, out.bits = out.visited[:0], out.bits[:0]
	clear(out.Looked)
	in.forget()
	for _, shape := range m.shapes {
		s := m.slice(in, shape)
		if s == nil {
			continue
		}
		for _, blk := range s.blocks {
			in.evaluate(blk)
			blk.collect(in, out)
		}
	}
	if len(out.visited) > 1 {
		out.order()
	}
	in.took = in.spent
}

// order sorts what several blocks found.
func (out *Matches) order() {
	inOrder := func(a, b Violation) int {
		if a.Rule != b.Rule {
			return int(a.Rule - b.Rule)
		}
		return int(a.Clause - b.Clause)
	}
	slices.SortFunc(out.Violations, inOrder)
	slices.SortFunc(out.Undecided, inOrder)
	slices.SortFunc(out.Failures, func(a, b Failure) int { return int(a.Rule - b.Rule) })
}

// evaluate finds the clauses of a block that are not true. A predicate that no
// such clause asks is not decided.
func (in *Input) evaluate(blk *block) {
	in.alive = append(in.alive[:0], blk.valid()...)
	if blk.words == smallWords {
		in.joinSmall(blk)
	} else {
		for i := range blk.places {
			in.join(blk, i, blk.row(i, in.places[blk.columns[i].slot]))
		}
	}
	for i := blk.places; i < len(blk.columns); i++ {
		if anyOf(in.alive, blk.rare[i].asked) {
			in.join(blk, i, int(in.predicate(blk.columns[i].slot)))
		}
	}
}

// join strikes out the clauses that a row makes true.
func (in *Input) join(blk *block, column, row int) {
	at := int(blk.columns[column].rows) + row*len(in.alive)
	for w, r := range blk.data[at : at+len(in.alive)] {
		in.alive[w] &= r
	}
}

// joinSmall joins the rows of the places of a block of smallWords.
func (in *Input) joinSmall(blk *block) {
	const width = smallWords + 1
	alive := (*[width]uint64)(in.alive)
	a, b, errors := alive[0], alive[1], alive[2]
	for i := range blk.places {
		c := &blk.columns[i]
		at := int(c.rows) + blk.row(i, in.places[c.slot])*width
		row := (*[width]uint64)(blk.data[at : at+width])
		a &= row[0]
		b &= row[1]
		errors &= row[2]
	}
	alive[0], alive[1], alive[2] = a, b, errors
}

func anyOf(a, b []uint64) bool {
	for i := range b {
		if a[i]&b[i] != 0 {
			return true
		}
	}
	return false
}

// collect turns the clauses left over into violations and failures.
func (blk *block) collect(in *Input, out *Matches) {
	for i := range blk.watches {
		w := &blk.watches[i]
		for len(out.Looked) <= int(w.policy) {
			out.Looked = append(out.Looked, false)
		}
		out.Looked[w.policy] = out.Looked[w.policy] || w.always || anyOf(in.alive, w.bits)
	}
	out.visited = append(out.visited, visit{blk, len(out.bits)})
	out.bits = append(out.bits, in.alive[:blk.words]...)
	if in.alive[blk.words] != noErrors {
		blk.collectWithErrors(in, out)
		return
	}
	last := Violation{Rule: -1}
	for w, demands := range blk.demands() {
		for left := in.alive[w] & demands; left != 0; left &= left - 1 {
			c := blk.clauses[w*wordBits+bits.TrailingZeros64(left)]
			// A condition with several clauses has each demand several times.
			if v := (Violation{c.rule, c.clause}); v != last {
				out.Violations = append(out.Violations, v)
				last = v
			}
		}
	}
}

// collectWithErrors also tells clauses that are false from those that have no
// value.
func (blk *block) collectWithErrors(in *Input, out *Matches) {
	in.falses = append(in.falses[:0], in.alive[:blk.words]...)
	for i := range blk.columns {
		c, rare := &blk.columns[i], &blk.rare[i]
		if rare.falses == nil {
			continue // what it says is not true is false
		}
		var row int
		switch {
		case i < blk.places:
			row = blk.row(i, in.places[c.slot])
		case anyOf(in.falses, rare.asked):
			row = int(in.predicate(c.slot))
		default:
			continue
		}
		at := row * (blk.words + 1)
		for w, f := range rare.falses[at : at+blk.words] {
			in.falses[w] &= f
		}
	}
	in.noteBounds(blk)
	for i := 0; i < len(blk.clauses); {
		i = blk.collectRule(in, out, i)
	}
}

// collectRule looks at the clauses of one rule, which begin at bit i, and
// returns where they end.
func (blk *block) collectRule(in *Input, out *Matches, i int) int {
	rule, from := blk.clauses[i].rule, i
	looked, unknown := blk.clauses[i].clause >= 0, false // without a condition it looks at everything
	for ; i < len(blk.clauses) && blk.clauses[i].rule == rule && blk.clauses[i].clause < 0; i++ {
		looked = looked || get(in.falses, i)
		unknown = unknown || get(in.alive, i)
	}
	if !looked && unknown {
		out.Failures = append(out.Failures, Failure{Rule: rule, When: true, Bound: in.boundIn(from, i)})
	}
	from = i
	violated, failed := false, false
	for i < len(blk.clauses) && blk.clauses[i].rule == rule {
		clause, isFalse, isUnknown := blk.clauses[i], false, false
		for ; i < len(blk.clauses) && blk.clauses[i] == clause; i++ {
			isFalse = isFalse || get(in.falses, i)
			isUnknown = isUnknown || get(in.alive, i)
		}
		switch {
		case isFalse:
			out.Violations = append(out.Violations, Violation{rule, clause.clause})
			violated = true
		case isUnknown && looked:
			out.Undecided = append(out.Undecided, Violation{rule, clause.clause})
			failed = true
		}
	}
	if looked && failed && !violated {
		out.Failures = append(out.Failures, Failure{Rule: rule, Bound: in.boundIn(from, i)})
	}
	return i
}

// noteBounds notes for each clause of a block the bound that it ran into, if any
// did.
func (in *Input) noteBounds(blk *block) {
	in.bounds = in.bounds[:0]
	if !in.hits {
		return
	}
	in.bounds = append(in.bounds, make([]term.Bound, len(blk.clauses))...)
	for i := blk.places; i < len(blk.columns); i++ {
		bound := in.boundOf(blk.columns[i].slot)
		if bound == term.Unbound {
			continue
		}
		for w, asked := range blk.rare[i].asked {
			for ; asked != 0; asked &= asked - 1 {
				if bit := w*wordBits + bits.TrailingZeros64(asked); in.bounds[bit] == term.Unbound {
					in.bounds[bit] = bound
				}
			}
		}
	}
}

// boundIn returns the bound that the clauses from one bit to another ran into.
func (in *Input) boundIn(from, to int) term.Bound {
	if len(in.bounds) == 0 {
		return term.Unbound
	}
	for _, b := range in.bounds[from:to] {
		if b != term.Unbound {
			return b
		}
	}
	return term.Unbound
}

// AppendLooked appends to dst every rule that looked at the action or failed to
// find out, in order.
func (out *Matches) AppendLooked(dst []int32) []int32 {
	for _, v := range out.visited {
		dst = append(dst, v.block.static...)
		last := int32(-1)
		for bit, c := range v.block.clauses {
			if c.clause < 0 && c.rule != last && get(out.bits[v.at:], bit) {
				dst = append(dst, c.rule)
				last = c.rule
			}
		}
	}
	slices.Sort(dst)
	return dst
}
