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
type block struct {
	words   int      // of a bitmap
	valid   []uint64 // the bits that are clauses, and the word for errors
	demands []uint64 // those that are clauses of what rules require
	columns []column // places first, then predicates, cheap ones first
	places  int      // number of columns that are places
	clauses []blockClause
	static  []int32 // rules that look at every action of the slice
	watches []watch
}

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

// column is one place or predicate of a block.
type column struct {
	slot  int32
	width int // of a row, in words
	find  finder
	// rows are the bitmaps of the clauses that are not true, row by row. One
	// more word ends each row: zero if there is an error in it, else noErrors,
	// so that joining rows tells whether any had one.
	rows   []uint64
	falses []uint64 // the same of the clauses that are false; nil where no row has an error
	asked  []uint64 // of a predicate: the clauses that ask it
}

const noErrors = ^uint64(0)

// pending is a clause on its way into a block.
type pending struct {
	blockClause
	terms clause
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
	blk.valid, blk.demands = make([]uint64, blk.words+1), make([]uint64, blk.words)
	blk.valid[blk.words] = noErrors
	bySlot := map[int32]map[int]said{} // by slot and clause
	for bit, c := range clauses {
		set(blk.valid, bit)
		if c.clause >= 0 {
			set(blk.demands, bit)
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
		blk.columns = append(blk.columns, b.buildColumn(blk, slot, bySlot[slot]))
		if b.slots[slot].place != (place{}) {
			blk.places++
		}
	}
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

// buildColumn makes the rows of a slot from what clauses say of it.
func (b *builder) buildColumn(blk *block, slot int32, says map[int]said) column {
	s := b.slots[slot]
	c := column{slot: slot, width: blk.words + 1}
	if s.place == (place{}) {
		c.asked = make([]uint64, blk.words)
		c.grow(blk.valid, 3)
		for bit, said := range says {
			set(c.asked, bit)
			for _, v := range []Truth{False, True, Error} {
				c.put(int(v), bit, said.truth(v))
			}
		}
		return c
	}
	var states []state
	c.find, states = s.classes(says)
	if s.place.kind() == shape.String {
		c.fillTexts(blk.valid, says, states)
		return c
	}
	c.grow(blk.valid, len(states))
	for bit, said := range says {
		judge := newJudge(said.literal)
		for i, st := range states {
			c.put(i, bit, judge(st))
		}
	}
	return c
}

// fillTexts makes the rows of a text. A literal is the same for all texts it
// does not name, so that a row is that of other texts but for the few literals
// that name its own.
func (c *column) fillTexts(valid []uint64, says map[int]said, states []state) {
	c.grow(valid, firstSymbol)
	judges := make(map[int]judge, len(says))
	for bit, said := range says {
		judges[bit] = newJudge(said.literal)
		c.put(absentSymbol, bit, judges[bit](states[absentSymbol]))
		c.put(otherSymbol, bit, judges[bit](states[otherSymbol]))
	}
	rowOf := make(map[string]int, len(states))
	for i, st := range states[firstSymbol:] {
		rowOf[st.value.text] = firstSymbol + i
		c.rows = append(c.rows, c.rows[otherSymbol*c.width:][:c.width]...)
		if c.falses != nil {
			c.falses = append(c.falses, c.falses[otherSymbol*c.width:][:c.width]...)
		}
	}
	for bit, said := range says {
		for _, constant := range constantsOf(said.literal, shape.String) {
			c.put(rowOf[constant.text], bit, judges[bit](state{true, constant}))
		}
	}
}

// grow adds rows with all clauses in them.
func (c *column) grow(valid []uint64, rows int) {
	for range rows {
		c.rows = append(c.rows, valid...)
	}
}

// put writes the truth of a clause into a row.
func (c *column) put(row, bit int, v Truth) {
	if v == Error && c.falses == nil {
		c.falses = slices.Clone(c.rows)
	}
	at := row * c.width
	assign(c.rows[at:], bit, v != True)
	if c.falses != nil {
		assign(c.falses[at:], bit, v == False)
	}
	if v == Error {
		c.rows[at+c.width-1] = 0
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
// with a representative, and how to find the class of a value. Row 0 is that
// there is none.
func (s *slot) classes(says map[int]said) (finder, []state) {
	kind := s.place.kind()
	var constants []value
	seen := map[value]bool{}
	for _, bit := range slices.Sorted(maps.Keys(says)) {
		for _, c := range constantsOf(says[bit].literal, kind) {
			if !seen[c] {
				seen[c] = true
				constants = append(constants, c)
			}
		}
	}
	switch kind {
	case shape.Bool:
		return finder{kind: findSmall, small: []uint16{0, 1, 2}}, []state{{}, {true, truthValue(False)}, {true, truthValue(True)}}
	case shape.Int, shape.Float:
		return numberClasses(kind, constants)
	case shape.String:
		return s.textClasses(constants)
	}
	return finder{kind: findSmall, small: []uint16{0, 1}}, []state{{}, {present: true}}
}

// textClasses are absent, any other value, and one per constant.
func (s *slot) textClasses(constants []value) (finder, []state) {
	states := []state{{}, otherText(constants)}
	symbols := make([]uint32, len(constants))
	for i, c := range constants {
		symbols[i] = s.symbol(c.text)
		states = append(states, state{true, c})
	}
	return newTextFinder(symbols), states
}

// numberClasses are absent, not a number, and then each constant between the
// intervals it parts.
func numberClasses(kind shape.Kind, constants []value) (finder, []state) {
	slices.SortFunc(constants, func(x, y value) int { return x.compareNumber(y) })
	states := []state{{}, {true, floatValue(nan)}}
	f := finder{kind: findNumber}
	for i, c := range constants {
		f.bounds = append(f.bounds, numberKey(c))
		states = append(states, between(kind, constants, i), state{true, c})
	}
	return f, append(states, between(kind, constants, len(constants)))
}
