package space

import (
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Place is where an action says something: a leaf of its schema, or a key below
// a free-form one. Places can be compared; the zero Place is none.
type Place struct {
	leaf *shape.Leaf
	keys string // the keys on the way, each behind keyMark
}

const keyMark = "\x00"

// Keys may have any characters; that of the mark, and the one that escapes it,
// are escaped.
var (
	escapeKey   = strings.NewReplacer("\x00", "\x01z", "\x01", "\x01o")
	unescapeKey = strings.NewReplacer("\x01z", "\x00", "\x01o", "\x01")
)

// PlaceOf returns the place that a Read, Has, Key or HasKey looks at; the zero
// Place for other terms.
func PlaceOf(t *term.Term) Place {
	switch t.Op {
	case term.Read, term.Has:
		return Place{leaf: t.Leaf}
	case term.Key, term.HasKey:
		if of := PlaceOf(t.Args[0]); of.freeForm() {
			return of.below(t.Name)
		}
	}
	return Place{}
}

// PlaceAt returns the place of a path such as data.purpose or
// tool.args.amount; the zero Place for one that no action has.
func PlaceAt(path string) Place {
	if leaf := shape.LeafAt(path); leaf != nil {
		return Place{leaf: leaf}
	}
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		if leaf := shape.LeafAt(path[:end]); leaf != nil && leaf.Kind == shape.FreeForm {
			return Place{leaf, keyMark + strings.ReplaceAll(path[end+1:], ".", keyMark)}
		}
	}
	return Place{}
}

// below returns the place of a key of what stands at p.
func (p Place) below(key string) Place {
	return Place{p.leaf, p.keys + keyMark + escapeKey.Replace(key)}
}

// freeForm reports whether what stands at p may have keys.
func (p Place) freeForm() bool {
	return p.leaf != nil && (p.keys != "" || p.leaf.Kind == shape.FreeForm)
}

// dynamic reports whether a value of any type may stand at p.
func (p Place) dynamic() bool { return p.keys != "" }

// above reports whether q stands within what stands at p.
func (p Place) above(q Place) bool {
	if p.leaf == q.leaf {
		return len(p.keys) < len(q.keys) && strings.HasPrefix(q.keys, p.keys+keyMark)
	}
	return p.keys == "" && strings.HasPrefix(q.leaf.Path, p.leaf.Path+".")
}

// Takes reports whether v is of a type that may stand at p.
func (p Place) Takes(v any) bool {
	if p.dynamic() {
		return true
	}
	kinds := map[shape.Kind]bool{}
	switch v.(type) {
	case string:
		kinds[shape.String] = true
	case bool:
		kinds[shape.Bool] = true
	case int64:
		kinds[shape.Int] = true
	case float64:
		kinds[shape.Float] = true
	case time.Time:
		kinds[shape.Time] = true
	case []string:
		kinds[shape.Strings] = true
	}
	return kinds[p.leaf.Kind]
}

// String returns the path, as [term.Term.Path] writes it.
func (p Place) String() string {
	if p.leaf == nil {
		return ""
	}
	path := p.leaf.Path
	for _, key := range p.keyList() {
		path = term.Below(path, key)
	}
	return path
}

func (p Place) keyList() []string {
	keys := strings.Split(p.keys, keyMark)[1:]
	for i, key := range keys {
		keys[i] = unescapeKey.Replace(key)
	}
	return keys
}

// Value is what may stand at a place. The zero Value is that nothing does.
type Value struct {
	Present bool
	// V is a Go value as of [shape.Leaf.Value] or, within free-form maps, what
	// the decoder makes. Of a whole object or map it is nil: an empty one.
	V any
}

// hollow is the V of a place where nothing stands although the map that would
// hold it is there, which terms can tell from one that is not.
type hollow struct{}

// Absent is the value of a place where nothing stands.
func Absent() Value { return Value{} }

// Stated is the value v.
func Stated(v any) Value { return Value{Present: true, V: v} }

// Equal reports whether two values are the same.
func (v Value) Equal(w Value) bool { return reflect.DeepEqual(v, w) }

// ValueIn returns what an action says at p. Of objects and maps it says only
// that they are there.
func (p Place) ValueIn(a *mesh.Action) Value {
	if p.keys == "" {
		if p.leaf.Kind == shape.FreeForm {
			return Value{Present: p.leaf.Present(a)}
		}
		return Value{Present: p.leaf.Present(a), V: p.leaf.Value(a)}
	}
	var at any = p.leaf.Map(a)
	for _, key := range p.keyList() {
		m, _ := at.(map[string]any)
		v, ok := m[key]
		if !ok {
			return Value{}
		}
		at = v
	}
	return Stated(at)
}

// With returns a copy of an action that says v at p. Objects on the way are
// made where they are absent; what is not on the way is shared with a. The
// action's type cannot be taken away.
func (p Place) With(a *mesh.Action, v Value) *mesh.Action {
	out := *a
	at, object := reflect.ValueOf(&out).Elem(), shape.Action()
	path := strings.Split(p.leaf.Path, ".")
	for _, name := range path[:len(path)-1] {
		f := object.Field(name)
		next := at.Field(f.Index)
		if next.Kind() == reflect.Pointer {
			if next.IsNil() && !v.Present && v.V == nil {
				return a
			}
			fresh := reflect.New(next.Type().Elem())
			if !next.IsNil() {
				fresh.Elem().Set(next.Elem())
			}
			next.Set(fresh)
			next = fresh.Elem()
		}
		at, object = next, f.Object
	}
	p.set(at.Field(p.leaf.Field.Index), v)
	return &out
}

// set writes a value into the field of the leaf.
func (p Place) set(field reflect.Value, v Value) {
	switch {
	case p.keys != "":
		m, _ := field.Interface().(map[string]any)
		if changed := withKey(m, p.keyList(), v); changed != nil {
			field.Set(reflect.ValueOf(changed))
		}
	case !v.Present && p.leaf.Field.Required:
	case !v.Present:
		field.SetZero()
	case p.leaf.Kind == shape.FreeForm:
		field.Set(reflect.ValueOf(map[string]any{}))
	case field.Kind() == reflect.Pointer:
		fresh := reflect.New(field.Type().Elem())
		if v.V != nil {
			fresh.Elem().Set(reflect.ValueOf(v.V).Convert(field.Type().Elem()))
		}
		field.Set(fresh)
	default:
		field.Set(reflect.ValueOf(v.V).Convert(field.Type()))
	}
}

// withKey returns a copy of a map with a value at the end of keys; nil if that
// changes nothing.
func withKey(m map[string]any, keys []string, v Value) map[string]any {
	if _, ok := m[keys[0]]; !ok && !v.Present && v.V == nil {
		return nil
	}
	out := maps.Clone(m)
	if out == nil {
		out = map[string]any{}
	}
	switch {
	case len(keys) == 2 && !v.Present && v.V != nil:
		inner, _ := out[keys[0]].(map[string]any)
		if out[keys[0]] = maps.Clone(inner); inner == nil {
			out[keys[0]] = map[string]any{}
		}
	case len(keys) > 1:
		inner, _ := out[keys[0]].(map[string]any)
		changed := withKey(inner, keys[1:], v)
		if changed == nil {
			return nil
		}
		out[keys[0]] = changed
	case v.Present:
		out[keys[0]] = v.V
	default:
		delete(out, keys[0])
	}
	return out
}
