package expr

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// sortedMap is a free-form map of an action whose keys come in order. Those of
// cel-go's own maps come in Go's order, which differs from call to call, and with
// it where a loop ends, what it costs, and which list it makes.
type sortedMap struct {
	traits.Mapper
	keys map[string]any
}

// newSortedMap returns a pointer, as cel-go's maps are: its sets hash what they are
// asked for.
func newSortedMap(adapter types.Adapter, m map[string]any) ref.Val {
	return &sortedMap{types.NewStringInterfaceMap(adapter, m), m}
}

// Iterator goes through the keys.
func (m *sortedMap) Iterator() traits.Iterator {
	return types.NewStringList(types.DefaultTypeAdapter, slices.Sorted(maps.Keys(m.keys))).Iterator()
}
