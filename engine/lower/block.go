package lower

import (
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

// block evaluates up to [maxBlock] clauses at once. Bit i of a bitmap speaks of
// clause i. Each column has, for every class of its leaf or predicate, a row
// with the clauses that this class does not make true; a clause that is set in
// the rows of all columns is not satisfied. Where a row has an error in it, a
// second bitmap tells the clauses that are false from those that are errors.
type block struct {
	words   int
	valid   []uint64 // the bits that are clauses
	demands []uint64 // those that are clauses of what rules require
	columns []column // leaves first, then predicates, cheap ones first
	leaves  int      // number of columns that are leaves
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

// column is one leaf or predicate of a block.
type column struct {
	slot   int32
	find   finder
	rows   []uint64 // bitmaps of the clauses that are not true, row by row
	falses []uint64 // bitmaps of the clauses that are false; nil where no row has an error
	errs   []bool   // the rows with errors
	bits   []uint64 // of a predicate: the clauses that ask it
}

// said is what a clause says of a slot: a literal about its leaf, or that its
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

// row returns the bitmap of a row.
func (c *column) row(i, words int) []uint64 { return c.rows[i*words : i*words+words] }

// pending is a clause on its way into a block.
type pending struct {
	blockClause
	terms clause
}

// buildBlock makes a block of clauses.
func (b *builder) buildBlock(clauses []pending) *block {
	out := &block{words: (len(clauses) + wordBits - 1) / wordBits}
	out.valid, out.demands = make([]uint64, out.words), make([]uint64, out.words)
	bySlot := map[int32]map[int]said{}
	for bit, c := range clauses {
		set(out.valid, bit)
		if c.clause >= 0 {
			set(out.demands, bit)
		}
		out.clauses = append(out.clauses, c.blockClause)
		for _, t := range c.terms {
			slot, says := b.slotOf(t)
			if bySlot[slot] == nil {
				bySlot[slot] = map[int]said{}
			}
			bySlot[slot][bit] = bySlot[slot][bit].or(says)
		}
	}
	slots := make([]int32, 0, len(bySlot))
	for slot := range bySlot {
		slots = append(slots, slot)
	}
	slices.SortFunc(slots, func(x, y int32) int {
		if d := b.slots[x].cost - b.slots[y].cost; d != 0 {
			return d
		}
		return int(x - y)
	})
	for _, slot := range slots {
		out.columns = append(out.columns, b.buildColumn(out, slot, bySlot[slot]))
		if b.slots[slot].leaf != nil {
			out.leaves++
		}
	}
	return out
}

func set(bits []uint64, i int)      { bits[i/wordBits] |= 1 << (i % wordBits) }
func unset(bits []uint64, i int)    { bits[i/wordBits] &^= 1 << (i % wordBits) }
func get(bits []uint64, i int) bool { return bits[i/wordBits]>>(i%wordBits)&1 == 1 }

// buildColumn makes the rows of a slot from the terms that clauses have about
// it.
func (b *builder) buildColumn(blk *block, slot int32, terms map[int]said) column {
	s := b.slots[slot]
	col := column{slot: slot}
	var states []state
	if s.leaf == nil {
		col.bits = make([]uint64, blk.words)
		for bit := range terms {
			set(col.bits, bit)
		}
		states = make([]state, 3)
	} else {
		col.find, states = b.classes(s, terms)
	}
	col.rows = make([]uint64, 0, len(states)*blk.words)
	for range states {
		col.rows = append(col.rows, blk.valid...)
	}
	col.errs = make([]bool, len(states))
	for bit, says := range terms {
		for i, st := range states {
			var v Truth
			if s.leaf == nil {
				v = says.truth(Truth(i))
			} else {
				v = evaluate(says.literal, st)
			}
			col.put(i, bit, v, blk.words)
		}
	}
	return col
}

// put writes the truth of a clause into a row.
func (c *column) put(row, bit int, v Truth, words int) {
	if v == Error && c.falses == nil {
		c.falses = slices.Clone(c.rows)
	}
	switch v {
	case True:
		unset(c.row(row, words), bit)
		if c.falses != nil {
			unset(c.falses[row*words:], bit)
		}
	case Error:
		unset(c.falses[row*words:], bit)
		c.errs[row] = true
	}
}

// classes returns the classes of a leaf that the terms tell apart, each with a
// representative, and how to find the class of a value. Row 0 is that the leaf
// is absent.
func (b *builder) classes(s *slot, terms map[int]said) (finder, []state) {
	var constants []value
	seen := map[value]bool{}
	for _, bit := range sortedKeys(terms) {
		for _, c := range constantsOf(terms[bit].literal, s.leaf.Kind) {
			if !seen[c] {
				seen[c] = true
				constants = append(constants, c)
			}
		}
	}
	switch s.leaf.Kind {
	case shape.Bool:
		return finder{kind: findSmall, small: []uint16{0, 1, 2}}, []state{{}, {true, truthValue(False)}, {true, truthValue(True)}}
	case shape.Int, shape.Float:
		return numberClasses(s.leaf.Kind, constants)
	case shape.String:
		return b.textClasses(s, constants)
	}
	return finder{kind: findSmall, small: []uint16{0, 1}}, []state{{}, {present: true}}
}

func sortedKeys(m map[int]said) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// textClasses are absent, any other text, and one per constant.
func (b *builder) textClasses(s *slot, constants []value) (finder, []state) {
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
