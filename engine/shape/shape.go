// Package shape describes the Go types of an action as data: which fields each
// object has, under which JSON name and of which kind. The type checker of
// expressions, the decoder's error messages and the test of the published JSON
// Schema all read this one description, so that they cannot disagree with the
// structs.
package shape

import (
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// Kind is the kind of a field.
type Kind int

// The kinds a field of an action can have.
const (
	String Kind = iota
	Bool
	Int
	Float
	Time
	Strings  // list of strings
	Struct   // one object
	Structs  // list of objects
	FreeForm // a map that the schema leaves open
)

// Object is a struct of the action.
type Object struct {
	Name   string // of the Go type
	Type   reflect.Type
	Fields []Field
	byName map[string]*Field
}

// Field is one field of an [Object].
type Field struct {
	Name     string // in JSON
	Kind     Kind
	Object   *Object // of Struct and Structs
	Index    int     // in the Go struct
	Required bool    // always present
}

// Field returns the field of that JSON name, or nil.
func (o *Object) Field(name string) *Field { return o.byName[name] }

// Names returns the JSON names of the fields, in the order of the struct.
func (o *Object) Names() []string {
	names := make([]string, len(o.Fields))
	for i, f := range o.Fields {
		names[i] = f.Name
	}
	return names
}

// At returns the object that holds the field at path, whose elements are JSON
// names or list indexes. It is nil within a free-form map and where path leads
// nowhere.
func At(path []string) *Object {
	object := Action()
	inList := false
	for _, element := range path {
		if inList {
			inList = false
			continue
		}
		f := object.Field(element)
		if f == nil || f.Object == nil {
			return nil
		}
		object, inList = f.Object, f.Kind == Structs
	}
	return object
}

// Action returns the shape of [mesh.Action]. It is computed once and must not
// be changed.
var Action = sync.OnceValue(func() *Object {
	return describe(reflect.TypeFor[mesh.Action](), map[reflect.Type]*Object{})
})

func describe(t reflect.Type, seen map[reflect.Type]*Object) *Object {
	if o := seen[t]; o != nil {
		return o
	}
	o := &Object{Name: t.Name(), Type: t, byName: map[string]*Field{}}
	seen[t] = o
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		f := Field{Name: name, Index: i, Required: !strings.Contains(options, "omitzero")}
		f.Kind, f.Object = kindOf(sf.Type, seen)
		o.Fields = append(o.Fields, f)
	}
	for i := range o.Fields {
		o.byName[o.Fields[i].Name] = &o.Fields[i]
	}
	return o
}

// kindOf panics on a Go type the action cannot have; the tests of this package
// visit every field.
func kindOf(t reflect.Type, seen map[reflect.Type]*Object) (Kind, *Object) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return Time, nil
	}
	switch t.Kind() {
	case reflect.String:
		return String, nil
	case reflect.Bool:
		return Bool, nil
	case reflect.Int64:
		return Int, nil
	case reflect.Float64:
		return Float, nil
	case reflect.Map:
		return FreeForm, nil
	case reflect.Struct:
		return Struct, describe(t, seen)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return Structs, describe(t.Elem(), seen)
		}
		return Strings, nil
	}
	panic("shape: a field of type " + t.String() + " has no place in an action")
}
