package lower

import (
	"maps"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// wordBits is the number of clauses in one word of a bitmap.
const wordBits = 64

// maxBlock is the number of clauses of a block. Rows are as long as the block
// has clauses and as many as it has constants, so that the memory of a slice
// grows with its rules and not with their square.
const maxBlock = 512

// smallWords is the number of words that a bitmap has at least. Most blocks are
// as small as that, and joining their rows has code of its own.
const smallWords = 2

// block evaluates up to [maxBlock] clauses at once. Bit i of a bitmap speaks of
// clause i. Each column has, for every class of its place or predicate, a row
// with the clauses that this class does not make true; a clause that is set in
// the rows of all columns is not satisfied. Where a row has an error in it, a
// second bitmap tells the clauses that are false from those that are errors.
//
// With many rules loaded, what a decision waits for is memory: all that it
// reads of a block lies together.
type block struct {
	words   int // of a bitmap
	places  int // number of columns that are places
	columns []column
	// data holds the bits that are clauses and a word for errors; then the bits
	// that are clauses of what rules require; then, column by column, keys and
	// rows.
	data    []uint64
	rare    []rareColumn // what else there is of each column
	clauses []blockClause
	static  []int32 // rules that look at every action of the slice
	watches []watch
}

// valid returns the bits that are clauses, and the word for errors.
func (blk *block) valid() []uint64 { return blk.data[:blk.words+1] }

// demands returns the bits that are clauses of what rules require.
func (blk *block) demands() []uint64 { return blk.data[blk.words+1 : 2*blk.words+1] }

// column is one place or predicate of a block; places come first, then
// predicates, cheap ones first. Rows are the bitmaps of the clauses that are
// not true. One more word ends each row: zero if there is an error in it, else
// noErrors, so that joining rows tells whether any had one.
type column struct {
	slot int32
	find finder
	keys int32 // where its keys begin in data
	rows int32 // where its rows begin in data, and the keys end
}

// rareColumn is what few decisions need of a column.
type rareColumn struct {
	falses []uint64 // rows of the clauses that are false; nil where no row has an error
	asked  []uint64 // of a predicate: the clauses that ask it
	many   table    // from symbols to rows, for findMany
}

const noErrors = ^uint64(0)

// blockClause says what a bit stands for.
type blockClause struct {
	rule   int32
	clause int32 // index among the clauses that the rule requires; negative for a clause of its condition
}

// watch finds out whether any rule of a policy looked at the action.
type watch struct {
	policy int32
	always bool     // a rule of it looks at every action of the slice
	bits   []uint64 // the clauses of its rules' conditions
}

// pending is a clause on its way into a block.
type pending struct {
	blockClause
	terms Clause
}

// said is what a clause says of a slot: a literal about its place, or that its
// predicate holds, that it does not, or either.
type said struct {
	literal            *term.Term
	positive, negative bool
}

func (s said) or(t said) said {
	s.positive, s.negative = s.positive || t.positive, s.negative || t.negative
	switch {
	case s.literal == nil:
		s.literal = t.literal
	case t.literal != nil:
		s.literal = term.Disjunction(s.literal, t.literal)
	}
	return s
}

// truth returns the truth of what is said of a predicate of that value.
func (s said) truth(v Truth) Truth {
	out := False
	if s.positive {
		out = out.or(v)
	}
	if s.negative {
		out = out.or(v.not())
	}
	return out
}

// buildBlock makes a block of clauses.
func (b *builder) buildBlock(clauses []pending) *block {
	blk := &block{words: max((len(clauses)+wordBits-1)/wordBits, smallWords)}
	blk.data = make([]uint64, 2*blk.words+1)
	blk.data[blk.words] = noErrors
	bySlot := map[int32]map[int]said{} // by slot and clause
	for bit, c := range clauses {
		set(blk.valid(), bit)
		if c.clause >= 0 {
			set(blk.demands(), bit)
		}
		blk.clauses = append(blk.clauses, c.blockClause)
		for _, t := range c.terms {
			slot, says := b.slotOf(t)
			if bySlot[slot] == nil {
				bySlot[slot] = map[int]said{}
			}
			bySlot[slot][bit] = bySlot[slot][bit].or(says)
		}
	}
	for _, slot := range b.byCost(bySlot) {
		draft := b.draftColumn(blk, slot, bySlot[slot])
		keys := int32(len(blk.data))
		rows := keys + int32(len(draft.keys))
		blk.data = append(append(blk.data, draft.keys...), draft.rows...)
		blk.columns = append(blk.columns, column{slot: slot, find: draft.find, keys: keys, rows: rows})
		blk.rare = append(blk.rare, draft.rareColumn)
		if b.slots[slot].place != (place{}) {
			blk.places++
		}
	}
	blk.data = slices.Clip(blk.data)
	return blk
}

// byCost orders slots, cheap ones first.
func (b *builder) byCost(slots map[int32]map[int]said) []int32 {
	return slices.SortedFunc(maps.Keys(slots), func(x, y int32) int {
		if d := b.slots[x].cost - b.slots[y].cost; d != 0 {
			return d
		}
		return int(x - y)
	})
}

func set(bits []uint64, i int)      { bits[i/wordBits] |= 1 << (i % wordBits) }
func unset(bits []uint64, i int)    { bits[i/wordBits] &^= 1 << (i % wordBits) }
func get(bits []uint64, i int) bool { return bits[i/wordBits]>>(i%wordBits)&1 == 1 }

// draft is a column that is being made.
type draft struct {
	rareColumn
	find       finder
	keys, rows []uint64
	width      int // of a row
}

// draftColumn makes the rows of a slot from what clauses say of it.
func (b *builder) draftColumn(blk *block, slot int32, says map[int]said) draft {
	s, valid := b.slots[slot], blk.valid()
	d := draft{width: len(valid)}
	if s.place == (place{}) {
		d.asked = make([]uint64, blk.words)
		d.grow(valid, 3)
		for bit, said := range says {
			set(d.asked, bit)
			for _, v := range []Truth{False, True, Error} {
				d.put(int(v), bit, said.truth(v))
			}
		}
		return d
	}
	literals := b.readLiterals(says, s.place.kind())
	states := d.classes(s, literals)
	if s.place.kind() == shape.String {
		d.fillTexts(valid, literals, states)
		return d
	}
	d.grow(valid, len(states))
	if d.find == findNumber {
		d.fillNumbers(literals, states)
		return d
	}
	for _, l := range literals {
		for i, st := range states {
			d.put(i, l.bit, l.judge(st))
		}
	}
	return d
}

// literal is what one clause says of a place, ready to be judged.
type literal struct {
	bit int
	*reading
}

// reading is a term as a literal. A condition stands in many clauses of its
// rule, and is read once.
type reading struct {
	judge     judge
	constants []value
}

// readLiterals returns the literals of clauses, in their order.
func (b *builder) readLiterals(says map[int]said, kind shape.Kind) []literal {
	out := make([]literal, 0, len(says))
	for _, bit := range slices.Sorted(maps.Keys(says)) {
		t := says[bit].literal
		r := b.readings[t]
		if r == nil {
			r = &reading{newJudge(t), constantsOf(t, kind)}
			b.readings[t] = r
		}
		out = append(out, literal{bit, r})
	}
	return out
}

// fillTexts makes the rows of a text. A literal is the same for all texts it
// does not name, so that a row is that of other texts but for the few literals
// that name its own.
func (d *draft) fillTexts(valid []uint64, literals []literal, states []state) {
	d.grow(valid, firstSymbol)
	for _, l := range literals {
		d.put(absentSymbol, l.bit, l.judge(states[absentSymbol]))
		d.put(otherSymbol, l.bit, l.judge(states[otherSymbol]))
	}
	rowOf := make(map[string]int, len(states))
	for i, st := range states[firstSymbol:] {
		if st.value.kind == text {
			rowOf[st.value.text] = firstSymbol + i
		}
		d.rows = append(d.rows, d.rows[otherSymbol*d.width:][:d.width]...)
		if d.falses != nil {
			d.falses = append(d.falses, d.falses[otherSymbol*d.width:][:d.width]...)
		}
	}
	last := len(states) - 1
	for _, l := range literals {
		for _, constant := range l.constants {
			d.put(rowOf[constant.text], l.bit, l.judge(state{true, constant}))
		}
		if last >= firstSymbol && states[last].value.kind == none {
			d.put(last, l.bit, l.judge(states[last]))
		}
	}
}

// fillNumbers makes the rows of a number. A literal is the same for all numbers
// between two that it names.
func (d *draft) fillNumbers(literals []literal, states []state) {
	const first = 2 // behind absent and what is no number
	for _, l := range literals {
		for i := range first {
			d.put(i, l.bit, l.judge(states[i]))
		}
		from := first
		for _, c := range l.constants { // which are sorted
			i, _ := slices.BinarySearch(d.keys, numberKey(c))
			at := first + 2*i + 1
			d.putInterval(from, at, l, states)
			d.put(at, l.bit, l.judge(states[at]))
			from = at + 1
		}
		d.putInterval(from, len(states), l, states)
	}
}

// putInterval writes the truth of a literal into the rows of an interval, which
// constants of other literals may part.
func (d *draft) putInterval(from, to int, l literal, states []state) {
	among := states[from]
	if from+1 < to {
		among = states[from+1] // a constant, while there may be no number in front of it
	}
	v := l.judge(among)
	for row := from; row < to; row++ {
		d.put(row, l.bit, v)
	}
}

// grow adds rows with all clauses in them.
func (d *draft) grow(valid []uint64, rows int) {
	for range rows {
		d.rows = append(d.rows, valid...)
	}
}

// put writes the truth of a clause into a row.
func (d *draft) put(row, bit int, v Truth) {
	if v == Error && d.falses == nil {
		d.falses = slices.Clone(d.rows)
	}
	at := row * d.width
	assign(d.rows[at:], bit, v != True)
	if d.falses != nil {
		assign(d.falses[at:], bit, v == False)
	}
	if v == Error {
		d.rows[at+d.width-1] = 0
	}
}

func assign(bits []uint64, i int, v bool) {
	if v {
		set(bits, i)
	} else {
		unset(bits, i)
	}
}

// classes returns the classes of a place that the literals tell apart, each
// with a representative, and notes how to find the class of a value. The first
// one is that there is none.
func (d *draft) classes(s *slot, literals []literal) []state {
	kind := s.place.kind()
	var constants []value
	seen := map[value]bool{}
	for _, l := range literals {
		for _, c := range l.constants {
			if !seen[c] {
				seen[c] = true
				constants = append(constants, c)
			}
		}
	}
	switch kind {
	case shape.Bool:
		return []state{{}, {true, truthValue(False)}, {true, truthValue(True)}}
	case shape.Int, shape.Float:
		return d.numberClasses(kind, constants)
	case shape.String:
		return d.textClasses(s, constants)
	}
	return []state{{}, {present: true}}
}

// textClasses are absent, any other value, and one per constant; last, in a
// free-form map, what has no value.
func (d *draft) textClasses(s *slot, constants []value) []state {
	states := []state{{}, otherText(constants)}
	d.find = findFew
	if len(constants) > fewSymbols {
		d.find, d.many = findMany, newTable(len(constants)+1)
	}
	for i, c := range constants {
		states = append(states, state{true, c})
		if symbol := uint64(s.symbol(c.text)); d.find == findFew {
			d.keys = append(d.keys, symbol)
		} else {
			d.many.put(symbol, uint32(firstSymbol+i))
		}
	}
	if s.place.key == "" {
		return states
	}
	if d.find == findFew {
		d.keys = append(d.keys, foreignSymbol)
	} else {
		d.many.put(foreignSymbol, uint32(len(states)))
	}
	return append(states, state{present: true})
}

// numberClasses are absent, not a number, and then each constant between the
// intervals it parts.
func (d *draft) numberClasses(kind shape.Kind, constants []value) []state {
	slices.SortFunc(constants, value.compareNumber)
	states := []state{{}, {true, floatValue(nan)}}
	d.find = findNumber
	for i, c := range constants {
		d.keys = append(d.keys, numberKey(c))
		states = append(states, between(kind, constants, i), state{true, c})
	}
	return append(states, between(kind, constants, len(constants)))
}
