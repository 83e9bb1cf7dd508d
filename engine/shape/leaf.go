package shape

import (
	"sync"
	"time"
	"unsafe"

	"github.com/ai-agent-mesh/mesh"
)

// Leaf is one place of an action where a value or an object can stand, such as
// data.purpose or data.consent, with the means to read it in place. What is
// within free-form maps and lists has no leaf of its own.
type Leaf struct {
	Index int // among [Leaves]
	Path  string
	Kind  Kind
	Field *Field

	// The value stands at offset from the object that the pointers at the
	// offsets in via lead to. Optional texts, numbers and objects are pointers
	// themselves; lists, maps and what is required are not.
	via     []uintptr
	offset  uintptr
	pointer bool
}

// at returns the address of the value, or nil if an object on the way or the
// value itself is absent. Lists and maps are absent if they are nil, which is
// for the caller to see.
func (l *Leaf) at(a *mesh.Action) unsafe.Pointer {
	p := unsafe.Pointer(a)
	for _, offset := range l.via {
		if p = *(*unsafe.Pointer)(unsafe.Add(p, offset)); p == nil {
			return nil
		}
	}
	p = unsafe.Add(p, l.offset)
	if l.pointer {
		return *(*unsafe.Pointer)(p)
	}
	return p
}

// Text reads a leaf of kind String.
func (l *Leaf) Text(a *mesh.Action) (string, bool) {
	if p := (*string)(l.at(a)); p != nil {
		return *p, true
	}
	return "", false
}

// Bool reads a leaf of kind Bool.
func (l *Leaf) Bool(a *mesh.Action) (value, ok bool) {
	if p := (*bool)(l.at(a)); p != nil {
		return *p, true
	}
	return false, false
}

// Int reads a leaf of kind Int.
func (l *Leaf) Int(a *mesh.Action) (int64, bool) {
	if p := (*int64)(l.at(a)); p != nil {
		return *p, true
	}
	return 0, false
}

// Float reads a leaf of kind Float.
func (l *Leaf) Float(a *mesh.Action) (float64, bool) {
	if p := (*float64)(l.at(a)); p != nil {
		return *p, true
	}
	return 0, false
}

// Time reads a leaf of kind Time.
func (l *Leaf) Time(a *mesh.Action) (time.Time, bool) {
	if p := (*time.Time)(l.at(a)); p != nil {
		return *p, true
	}
	return time.Time{}, false
}

// Texts reads a leaf of kind Strings; nil if it is absent.
func (l *Leaf) Texts(a *mesh.Action) []string {
	if p := (*[]string)(l.at(a)); p != nil {
		return *p
	}
	return nil
}

// Findings reads a leaf of kind Structs; nil if it is absent.
// mesh.ContentFinding is the one struct of which an action has a list.
func (l *Leaf) Findings(a *mesh.Action) []mesh.ContentFinding {
	if p := (*[]mesh.ContentFinding)(l.at(a)); p != nil {
		return *p
	}
	return nil
}

// Map reads a leaf of kind FreeForm; nil if it is absent.
func (l *Leaf) Map(a *mesh.Action) map[string]any {
	if p := (*map[string]any)(l.at(a)); p != nil {
		return *p
	}
	return nil
}

// Present reports whether there is a value or an object.
func (l *Leaf) Present(a *mesh.Action) bool {
	switch l.Kind {
	case Strings:
		return l.Texts(a) != nil
	case Structs:
		return l.Findings(a) != nil
	case FreeForm:
		return l.Map(a) != nil
	}
	return l.at(a) != nil
}

// Value returns the value as a Go value: string, bool, int64, float64,
// time.Time, []string, []mesh.ContentFinding or map[string]any; nil if it is
// absent, and for objects.
func (l *Leaf) Value(a *mesh.Action) any {
	if l.Kind == Struct || !l.Present(a) {
		return nil
	}
	p := l.at(a)
	switch l.Kind {
	case String:
		return *(*string)(p)
	case Bool:
		return *(*bool)(p)
	case Int:
		return *(*int64)(p)
	case Float:
		return *(*float64)(p)
	case Time:
		return *(*time.Time)(p)
	case Strings:
		return *(*[]string)(p)
	case Structs:
		return *(*[]mesh.ContentFinding)(p)
	}
	return *(*map[string]any)(p)
}

// Leaves returns every leaf of an action, in the order of the structs. It is
// computed once and must not be changed.
var Leaves = sync.OnceValue(func() []*Leaf {
	var all []*Leaf
	collectLeaves(Action(), Leaf{}, &all)
	return all
})

// collectLeaves adds the leaves of an object that stands where under says.
func collectLeaves(o *Object, under Leaf, all *[]*Leaf) {
	for i, f := range o.Fields {
		sf := o.Type.Field(f.Index)
		leaf := &Leaf{
			Index: len(*all), Path: f.Name, Kind: f.Kind, Field: &o.Fields[i],
			via: under.via, offset: under.offset + sf.Offset,
			pointer: f.Kind != Strings && f.Kind != Structs && f.Kind != FreeForm && !f.Required,
		}
		if under.Path != "" {
			leaf.Path = under.Path + "." + f.Name
		}
		*all = append(*all, leaf)
		if f.Kind != Struct {
			continue
		}
		inner := Leaf{Path: leaf.Path, via: leaf.via, offset: leaf.offset}
		if leaf.pointer {
			inner.via = append(append([]uintptr{}, leaf.via...), leaf.offset)
			inner.offset = 0
		}
		collectLeaves(f.Object, inner, all)
	}
}

// LeafAt returns the leaf of that path, or nil.
func LeafAt(path string) *Leaf { return leavesByPath()[path] }

var leavesByPath = sync.OnceValue(func() map[string]*Leaf {
	m := map[string]*Leaf{}
	for _, l := range Leaves() {
		m[l.Path] = l
	}
	return m
})
