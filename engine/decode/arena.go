package decode

import (
	"time"
	"unsafe"
)

// Limits of the memory that a [Decoder] keeps between two documents. What a
// larger document needed is given back.
const (
	maxKeptObjects = 1 << 11 // of each type
	maxKeptValues  = 1 << 15 // texts, numbers, flags, elements of lists
	maxKeptMaps    = 1 << 12 // free-form ones
	maxKeptMembers = 1 << 5  // of each map
	maxKeptBytes   = 1 << 18 // of texts with escapes
)

// arena holds everything that actions point to, so that it can be used again
// for the next document. The slices only grow at their end while a document
// is read: what was lent stays where it is, even if the slice moves on.
type arena struct {
	objects  objects
	strings  []string
	flags    []bool
	wholes   []int64
	numbers  []float64
	instants []time.Time
	lists    []string // elements of lists
	unquoted []byte   // texts that had escapes
	maps     []map[string]any
	mapsUsed int
	gathered []any // elements of free-form lists that are still open
}

// reset takes back all that was lent, and forgets what it was: no text keeps its
// document in memory. The capacities are those of an action of ordinary size.
func (a *arena) reset() {
	a.objects.reset()
	a.strings = emptied(a.strings, 24, maxKeptValues)
	a.flags = emptied(a.flags, 8, maxKeptValues)
	a.wholes = emptied(a.wholes, 8, maxKeptValues)
	a.numbers = emptied(a.numbers, 0, maxKeptValues)
	a.instants = emptied(a.instants, 1, maxKeptValues)
	a.lists = emptied(a.lists, 8, maxKeptValues)
	a.unquoted = emptied(a.unquoted, 0, maxKeptBytes)
	a.gathered = emptied(a.gathered, 0, maxKeptValues)
	a.resetMaps()
}

func (a *arena) resetMaps() {
	if len(a.maps) > maxKeptMaps {
		a.maps, a.mapsUsed = nil, 0
	}
	for i, m := range a.maps[:a.mapsUsed] {
		if len(m) > maxKeptMembers {
			a.maps[i] = map[string]any{}
		} else {
			clear(m)
		}
	}
	a.mapsUsed = 0
}

// emptied returns the slice without its elements, or a new one if it has no
// room or too much.
func emptied[T any](s []T, room, most int) []T {
	if s == nil || cap(s) > most {
		return make([]T, 0, room)
	}
	clear(s)
	return s[:0]
}

// lend puts a value into the arena and returns where it is.
func lend[T any](kept *[]T, v T) *T {
	*kept = append(*kept, v)
	return &(*kept)[len(*kept)-1]
}

// emptyMap lends a map.
func (a *arena) emptyMap() map[string]any {
	if a.mapsUsed == len(a.maps) {
		a.maps = append(a.maps, map[string]any{})
	}
	a.mapsUsed++
	return a.maps[a.mapsUsed-1]
}

// pool lends objects of one type.
type pool[T any] struct {
	one  T // the first: a single action needs no other memory
	more []T
	used int
}

// take lends an object that is zero. It stays where it is until reset.
func (p *pool[T]) take() *T {
	p.used++
	if p.used == 1 {
		return &p.one
	}
	return p.another()
}

func (p *pool[T]) another() *T {
	var zero T
	p.more = append(p.more, zero)
	return &p.more[len(p.more)-1]
}

func (p *pool[T]) reset() {
	if p.used == 0 {
		return
	}
	var zero T
	p.one, p.used = zero, 0
	if p.more != nil {
		p.more = emptied(p.more, 0, maxKeptObjects)
	}
}

// view returns the bytes as text, without copying them. They must not change
// while the text is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
