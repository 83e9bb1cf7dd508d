package lower

import (
	"math"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// The symbols that every leaf has.
const (
	absentSymbol = 0
	otherSymbol  = 1 // present: what no rule names, an object, any number
	nanSymbol    = 2 // of a number only
	firstSymbol  = 2 // of the texts that rules name; of a Bool, 1 is false and 2 true
	// foreignSymbol is what a free-form map holds that has no value.
	foreignSymbol = 1<<32 - 1
)

var nan = math.NaN()

// placeValue is what stands at a place, as a table finds it.
type placeValue struct {
	symbol uint32
	number uint64 // of a number: its key
}

// numberKey maps numbers of one type to integers of the same order.
func numberKey(v value) uint64 {
	const sign = 1 << 63
	if v.kind == integer {
		return uint64(v.i) ^ sign
	}
	bits := math.Float64bits(v.f + 0) // -0 + 0 is 0
	if bits&sign != 0 {
		return ^bits
	}
	return bits | sign
}

// load reads the place of a slot.
func (s *slot) load(a *mesh.Action) placeValue {
	leaf := s.place.leaf
	if s.place.key != "" {
		v, ok := leaf.Map(a)[s.place.key]
		if !ok {
			return placeValue{}
		}
		switch x := valueOf(v); x.kind {
		case text:
			return s.text(x.text)
		case none:
			return placeValue{symbol: foreignSymbol}
		}
		return placeValue{symbol: otherSymbol}
	}
	switch leaf.Kind {
	case shape.String:
		if text, ok := leaf.Text(a); ok {
			return s.text(text)
		}
		return placeValue{}
	case shape.Bool:
		b, ok := leaf.Bool(a)
		switch {
		case !ok:
			return placeValue{}
		case b:
			return placeValue{symbol: 2}
		}
		return placeValue{symbol: 1}
	case shape.Int:
		if n, ok := leaf.Int(a); ok {
			return placeValue{symbol: otherSymbol, number: numberKey(intValue(n))}
		}
		return placeValue{}
	case shape.Float:
		f, ok := leaf.Float(a)
		switch {
		case !ok:
			return placeValue{}
		case math.IsNaN(f):
			return placeValue{symbol: nanSymbol}
		}
		return placeValue{symbol: otherSymbol, number: numberKey(floatValue(f))}
	}
	if leaf.Present(a) {
		return placeValue{symbol: otherSymbol}
	}
	return placeValue{}
}

// text returns the symbol of a text.
func (s *slot) text(text string) placeValue {
	if symbol, ok := s.symbols[text]; ok {
		return placeValue{symbol: symbol}
	}
	return placeValue{symbol: otherSymbol}
}

// finder says how the row of a value is found in a column.
type finder uint8

const (
	findSymbol finder = iota // the symbol is the row
	findFew                  // keys are symbols, in the order of their rows from firstSymbol on
	findMany                 // a table has the rows of symbols
	findNumber               // keys are the sorted bounds
)

// fewSymbols is up to where looking at one symbol after the other is faster
// than hashing.
const fewSymbols = 8

// row returns the row of a value in the column of a place.
func (blk *block) row(i int, v placeValue) int {
	c := &blk.columns[i]
	switch {
	case c.find == findNumber:
		return numberRow(blk.data[c.keys:c.rows], v)
	case c.find == findSymbol || v.symbol < firstSymbol:
		return int(v.symbol)
	case c.find == findFew:
		for row, key := range blk.data[c.keys:c.rows] {
			if key == uint64(v.symbol) {
				return row + firstSymbol
			}
		}
		return otherSymbol
	}
	if row, ok := blk.rare[i].many.get(uint64(v.symbol)); ok {
		return int(row)
	}
	return otherSymbol
}

// numberRow finds the row of a number: absent, not a number, then below the
// first bound, at it, between it and the next one, and so on.
func numberRow(bounds []uint64, v placeValue) int {
	switch v.symbol {
	case absentSymbol:
		return 0
	case nanSymbol:
		return 1
	}
	low, high := 0, len(bounds)
	for low < high {
		middle := int(uint(low+high) / 2)
		if bounds[middle] < v.number {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(bounds) && bounds[low] == v.number {
		return 2 + 2*low + 1
	}
	return 2 + 2*low
}

// table maps integers to integers by open addressing. It does not grow and is
// read by many at once.
type table struct {
	keys   []uint64 // key + 1; 0 is free
	values []uint32
	shift  uint
}

func newTable(size int) table {
	bits := uint(1)
	for 1<<bits < 2*size {
		bits++
	}
	return table{keys: make([]uint64, 1<<bits), values: make([]uint32, 1<<bits), shift: 64 - bits}
}

// spread is 2^64 divided by the golden ratio (Knuth, The Art of Computer
// Programming, volume 3, section 6.4).
const spread = 0x9E3779B97F4A7C15

func (t *table) put(key uint64, v uint32) {
	mask := len(t.keys) - 1
	for i := int(((key + 1) * spread) >> t.shift); ; i = (i + 1) & mask {
		if t.keys[i] == 0 || t.keys[i] == key+1 {
			t.keys[i], t.values[i] = key+1, v
			return
		}
	}
}

func (t *table) get(key uint64) (uint32, bool) {
	if len(t.keys) == 0 {
		return 0, false
	}
	mask := len(t.keys) - 1
	for i := int(((key + 1) * spread) >> t.shift); ; i = (i + 1) & mask {
		switch t.keys[i] {
		case key + 1:
			return t.values[i], true
		case 0:
			return 0, false
		}
	}
}
