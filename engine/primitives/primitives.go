package primitives

import (
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh"
)

// Type is the type of a parameter.
type Type int

// The types a parameter can have.
const (
	Flag  Type = iota // true switches the rule on, false off
	Text              // a string
	Count             // a whole number
	Texts             // a list of strings
)

// Parameter is a value that a policy gives to a primitive. Its place in the
// file is Path below rules; CEL reads it as rule.NAME, where NAME is the
// path's last element.
type Parameter struct {
	Path string
	Type Type
}

// Name returns the last element of the path.
func (p Parameter) Name() string { return p.Path[strings.LastIndexByte(p.Path, '.')+1:] }

// Primitive is one built-in rule.
type Primitive struct {
	// ID is the ruleId: the YAML path, below rules, of the value that switches
	// the rule on.
	ID string
	// Parameters are the values its CEL reads. The first is the one at ID; a
	// policy may leave the others out, which the CEL asks with has().
	Parameters []Parameter
	// Unless is the path of a flag that switches the rule off where it is
	// false; empty if there is none.
	Unless string

	// When and Require are CEL over the action, rule and personalData():
	// whenever an action meets When, it must meet
	// Require. An input that is absent never meets
	// Require.
	When    string
	Require string

	Message        string
	Recommendation string
	// Controls are what the rule can serve, in the spelling of the catalog.
	Controls []mesh.ControlID
}

// ControlsOf returns the controls of one framework that the rule can serve.
func (p *Primitive) ControlsOf(framework mesh.FrameworkID) []mesh.ControlID {
	var out []mesh.ControlID
	for _, c := range p.Controls {
		if c.Framework() == framework {
			out = append(out, c)
		}
	}
	return out
}

// All returns every primitive, in the order of the language's reference. The
// slice and what it points to must not be changed.
var All = sync.OnceValue(func() []*Primitive {
	var all []*Primitive
	all = append(all, collection()...)
	all = append(all, storage()...)
	return append(all, rights()...)
})

// Lookup returns the primitive of that id, or nil.
func Lookup(id string) *Primitive { return byID()[id] }

var byID = sync.OnceValue(func() map[string]*Primitive {
	m := make(map[string]*Primitive)
	for _, p := range All() {
		m[p.ID] = p
	}
	return m
})

// IDs returns the ids of all primitives.
func IDs() []string {
	all := All()
	ids := make([]string, len(all))
	for i, p := range all {
		ids[i] = p.ID
	}
	return ids
}

// controls reads "framework:id" words.
func controls(words ...string) []mesh.ControlID {
	ids := make([]mesh.ControlID, len(words))
	for i, w := range words {
		ids[i] = mesh.ControlID(w)
	}
	return ids
}

// typeIn is the CEL that asks for one of the action types.
func typeIn(types []string) string {
	if len(types) == 1 {
		return `action.type == "` + types[0] + `"`
	}
	return `action.type in ["` + strings.Join(types, `", "`) + `"]`
}
