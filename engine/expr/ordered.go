package expr

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// orderedRange is what a loop runs over: of a map, its keys in order. Those of
// cel-go's own maps come in Go's order, which differs from call to call, and with
// it where a loop ends, what it costs, and which list it makes.
type orderedRange struct{ interpreter.InterpretableCall }

// Exec implements cel-go's InterpretableV2.
func (r *orderedRange) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := r.InterpretableCall.Exec(frame)
	m, ok := value.(traits.Mapper)
	if !ok {
		return value
	}
	by := meter{frame, r.ID()}
	if found, ok := frame.ResolveName(keysVariable); ok {
		if of, ok := m.Value().(map[string]any); ok {
			return found.(*orderedKeys).of(of, by)
		}
	}
	return orderedList(m, by)
}

// Eval implements cel-go's Interpretable.
func (r *orderedRange) Eval(in cel.Activation) ref.Val {
	return interpreter.EvalActivation(in, r.Exec)
}

// keysVariable is the variable behind which an evaluation keeps its orderedKeys. No
// expression can name it, because @ is no letter of CEL.
const keysVariable = "@keys"

// orderedKeys are the keys, in order, of the free-form maps of an action that the
// loops of one evaluation ran over.
type orderedKeys struct{ known map[uintptr]traits.Lister } // by the map, which the action holds

// of returns the keys of a map. They are sorted once, and charged for then.
func (k *orderedKeys) of(m map[string]any, by meter) traits.Lister {
	place := reflect.ValueOf(m).Pointer()
	keys := k.known[place]
	if keys == nil {
		by.spend(uint64(len(m)))
		keys = types.NewStringList(types.DefaultTypeAdapter, slices.Sorted(maps.Keys(m)))
		if k.known == nil {
			k.known = map[uintptr]traits.Lister{}
		}
		k.known[place] = keys
	}
	return keys
}

// orderedList returns the keys of a map that an expression makes.
func orderedList(m traits.Mapper, by meter) traits.Lister {
	by.spend(sizeOf(m))
	var keys []ref.Val
	for it := m.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, compareKeys)
	return types.NewRefValList(types.DefaultTypeAdapter, keys)
}

// compareKeys orders keys by their types and then by their values.
func compareKeys(a, b ref.Val) int {
	if order := cmp.Compare(a.Type().TypeName(), b.Type().TypeName()); order != 0 {
		return order
	}
	if a, ok := a.(traits.Comparer); ok {
		if order, ok := a.Compare(b).(types.Int); ok {
			return int(order)
		}
	}
	return 0
}
