package expr

import (
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// actionTypes is the registry of the action alone.
var actionTypes = sync.OnceValue(func() *typeRegistry { return newTypeRegistry(nil) })

// rootGetters read the fields of the action by name.
var rootGetters = sync.OnceValue(func() map[string]ref.FieldGetter {
	getters := map[string]ref.FieldGetter{}
	for _, f := range shape.Action().Fields {
		getters[f.Name] = getter(f)
	}
	return getters
})

// Input is what one evaluation reads. It belongs to one goroutine and may be
// reused for the next action.
type Input struct {
	Action *mesh.Action
	// Records are the values of the env's records by variable.
	Records map[string]Values
	// Predicate returns the value of a predicate; nil if the env has none.
	Predicate func(name string) (bool, error)
	// Spend takes steps off what the decision may cost, and returns false if
	// nothing is left: then the expression has no value, if it is one that may
	// cost much. Nil bounds each evaluation alone.
	Spend func(steps int) bool

	keys orderedKeys // of the evaluation that runs
}

var _ cel.Activation = (*Input)(nil)

// ResolveName returns the value of a variable. An absent text, number or list
// of the action has none, which CEL reports as an error; an absent object or
// free-form map is one without fields.
func (in *Input) ResolveName(name string) (any, bool) {
	if get, ok := rootGetters()[name]; ok {
		v, err := get(in.Action)
		return v, err == nil
	}
	switch name {
	case wholeAction:
		return in.Action, true
	case keysVariable:
		return &in.keys, true
	}
	if values, ok := in.Records[name]; ok {
		return values, true
	}
	predicate, ok := strings.CutPrefix(name, predicateMark)
	if !ok || in.Predicate == nil {
		return nil, false
	}
	v, err := in.Predicate(predicate)
	if err != nil {
		return types.WrapErr(err), true
	}
	return v, true
}

// Parent returns nil: there is nothing else to read.
func (in *Input) Parent() cel.Activation { return nil }
