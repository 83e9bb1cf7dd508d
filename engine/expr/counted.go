package expr

import (
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// counted counts what comparing takes: an operation for each element that is
// looked at, and what reading takes of texts that are as long as each other; those
// of other lengths differ at once. Beyond [MaxRunCost] it gives up.
type counted struct{ cost uint64 }

// equalCost is what comparing two values costs.
func equalCost(a, b ref.Val) uint64 {
	var c counted
	c.equal(a, b)
	return c.cost
}

// equal compares as cel-go does, to know where it ended.
func (c *counted) equal(a, b ref.Val) bool {
	if c.cost++; c.cost > MaxRunCost {
		return false
	}
	switch a := a.(type) {
	case traits.Lister:
		if b, ok := b.(traits.Lister); ok {
			return c.equalLists(a, b)
		}
		return false
	case traits.Mapper:
		if b, ok := b.(traits.Mapper); ok {
			return c.equalMaps(a, b)
		}
		return false
	}
	if c.cost += leafCost(a, b); c.cost > MaxRunCost {
		return false
	}
	return types.Equal(a, b) != types.False // as in lists and maps, where an error is no difference
}

func (c *counted) equalLists(a, b traits.Lister) bool {
	if a.Size() != b.Size() {
		return false
	}
	left, right := a.Iterator(), b.Iterator()
	for left.HasNext() == types.True && right.HasNext() == types.True {
		if !c.equal(left.Next(), right.Next()) {
			return false
		}
	}
	return true
}

// equalMaps counts all keys: cel-go looks at them in Go's order, and the cost must
// not differ from call to call.
func (c *counted) equalMaps(a, b traits.Mapper) bool {
	if a.Size() != b.Size() {
		return false
	}
	equal := true
	for it := a.Iterator(); it.HasNext() == types.True && c.cost <= MaxRunCost; {
		key := it.Next()
		c.cost += textCost(key)
		w, found := b.Find(key)
		if !found {
			c.cost++
			equal = false
			continue
		}
		v, _ := a.Find(key)
		equal = c.equal(v, w) && equal
	}
	return equal
}

// leafCost is what comparing texts takes beyond looking at them.
func leafCost(a, b ref.Val) uint64 {
	switch a := a.(type) {
	case types.String:
		if b, ok := b.(types.String); ok && len(a) == len(b) {
			return textCost(a)
		}
	case types.Bytes:
		if b, ok := b.(types.Bytes); ok && len(a) == len(b) {
			return textCost(a)
		}
	case object:
		if b, ok := b.(object); ok && a.typ.cel.TypeName() == b.typ.cel.TypeName() {
			return min(a.textCost(), b.textCost())
		}
	}
	return 0
}

// textCost is what reading the texts of an object costs. Those that an action has
// more than one of, and that can therefore differ, hold nothing else that is long.
func (o object) textCost() uint64 {
	var cost uint64
	v := reflect.ValueOf(o.value)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return 0
	}
	for _, field := range v.Elem().Fields() {
		if field = reflect.Indirect(field); field.Kind() == reflect.String {
			cost += textCost(types.String(field.String()))
		}
	}
	return cost
}

// searchCost is what looking for a value in a list costs: an operation for each
// element, found or not, and what comparing takes where it takes more.
func searchCost(x ref.Val, list traits.Lister) uint64 {
	c := counted{cost: elements(list) + 1}
	if !compound(x) {
		return c.cost
	}
	for it := list.Iterator(); it.HasNext() == types.True && c.cost <= MaxRunCost; {
		if c.equal(x, it.Next()) {
			break
		}
	}
	return c.cost
}

// compound reports whether comparing a value may take more than an operation.
func compound(v ref.Val) bool {
	switch v.(type) {
	case traits.Lister, traits.Mapper, object:
		return true
	}
	return textCost(v) > 0
}
