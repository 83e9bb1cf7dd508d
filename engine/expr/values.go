package expr

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// typeRegistry tells CEL which fields the objects of an action and the records
// have, and reads them in place: a Go pointer stands for its object, so that
// no map is built for a decision.
type typeRegistry struct {
	types.Adapter
	objects  map[string]*objectType       // by CEL name
	byGoType map[reflect.Type]*objectType // of the struct
	records  map[string]*objectType       // by variable
}

// objectType is a CEL object type and its fields.
type objectType struct {
	cel    *types.Type
	fields map[string]*types.FieldType
	names  []string
	bounds map[string]*Bounds // of a record
}

func newTypeRegistry(records []Record) *typeRegistry {
	r := &typeRegistry{
		Adapter:  types.DefaultTypeAdapter,
		objects:  map[string]*objectType{},
		byGoType: map[reflect.Type]*objectType{},
		records:  map[string]*objectType{},
	}
	r.object(shape.Action())
	for _, rec := range records {
		r.record(rec)
	}
	return r
}

// object returns the CEL type of a struct of the action.
func (r *typeRegistry) object(o *shape.Object) *objectType {
	if t := r.byGoType[o.Type]; t != nil {
		return t
	}
	t := &objectType{cel: types.NewObjectType("mesh." + o.Name), fields: map[string]*types.FieldType{}, names: o.Names()}
	r.byGoType[o.Type], r.objects[t.cel.TypeName()] = t, t
	for _, f := range o.Fields {
		t.fields[f.Name] = &types.FieldType{Type: r.fieldType(f), IsSet: isSet(f), GetFrom: getter(f)}
	}
	return t
}

func (r *typeRegistry) fieldType(f shape.Field) *types.Type {
	switch f.Kind {
	case shape.String:
		return types.StringType
	case shape.Bool:
		return types.BoolType
	case shape.Int:
		return types.IntType
	case shape.Float:
		return types.DoubleType
	case shape.Time:
		return types.TimestampType
	case shape.Strings:
		return types.NewListType(types.StringType)
	case shape.Struct:
		return r.object(f.Object).cel
	case shape.Structs:
		return types.NewListType(r.object(f.Object).cel)
	}
	return types.NewMapType(types.StringType, types.DynType) // shape.FreeForm
}

// errAbsent is what reading an absent field says, in the words of CEL.
func errAbsent(name string) error { return fmt.Errorf("no such key: %s", name) }

// field returns the field of the struct that target points to; the zero Value
// if the object or the field is absent.
func field(target any, index int) reflect.Value {
	p := reflect.ValueOf(target)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return reflect.Value{}
	}
	v := p.Elem().Field(index)
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return reflect.Value{}
		}
	}
	return v
}

func isSet(f shape.Field) ref.FieldTester {
	return func(target any) bool { return field(target, f.Index).IsValid() }
}

// getter reads a field as a Go value that [typeRegistry.NativeToValue]
// understands. An absent object is its nil pointer, an object without fields,
// and an absent free-form map an empty one.
func getter(f shape.Field) ref.FieldGetter {
	return func(target any) (any, error) {
		v := field(target, f.Index)
		if !v.IsValid() {
			switch f.Kind {
			case shape.Struct:
				return reflect.Zero(reflect.PointerTo(f.Object.Type)).Interface(), nil
			case shape.FreeForm:
				return map[string]any(nil), nil
			}
			return nil, errAbsent(f.Name)
		}
		if v.Kind() == reflect.Struct { // the one object that is no pointer
			return v.Addr().Interface(), nil
		}
		if v.Kind() == reflect.Pointer && f.Kind != shape.Struct {
			v = v.Elem()
		}
		if f.Kind == shape.String {
			return v.String(), nil // also of named string types
		}
		return v.Interface(), nil
	}
}

// NativeToValue makes a CEL value of a Go value. Pointers to the structs of an
// action become objects, everything else is cel-go's affair.
func (r *typeRegistry) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case ref.Val:
		return v
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	case int64:
		return types.Int(v)
	case float64:
		return types.Double(v)
	case []string:
		return types.NewStringList(r, v)
	case map[string]any:
		return types.NewStringInterfaceMap(r, v)
	case time.Time:
		return types.Timestamp{Time: v}
	}
	rv := reflect.ValueOf(value)
	switch rv.Kind() {
	case reflect.Pointer:
		if t := r.byGoType[rv.Type().Elem()]; t != nil {
			return object{typ: t, value: value}
		}
	case reflect.Struct: // an element of a list
		if t := r.byGoType[rv.Type()]; t != nil {
			p := reflect.New(rv.Type())
			p.Elem().Set(rv)
			return object{typ: t, value: p.Interface()}
		}
	case reflect.Slice:
		return types.NewDynamicList(r, value)
	}
	return r.Adapter.NativeToValue(value)
}

// EnumValue finds none: there are no enumerations.
func (r *typeRegistry) EnumValue(name string) ref.Val {
	return types.NewErr("unknown enum name '%s'", name)
}

// FindIdent finds none: types are not values here.
func (r *typeRegistry) FindIdent(string) (ref.Val, bool) { return nil, false }

// FindStructType returns the type of an object of that CEL name.
func (r *typeRegistry) FindStructType(name string) (*types.Type, bool) {
	t, ok := r.objects[name]
	if !ok {
		return nil, false
	}
	return types.NewTypeTypeWithParam(t.cel), true
}

// FindStructFieldNames returns the fields of an object type.
func (r *typeRegistry) FindStructFieldNames(name string) ([]string, bool) {
	t, ok := r.objects[name]
	if !ok {
		return nil, false
	}
	return t.names, true
}

// FindStructFieldType returns a field of an object type.
func (r *typeRegistry) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	t, ok := r.objects[name]
	if !ok {
		return nil, false
	}
	f, ok := t.fields[fieldName]
	return f, ok
}

// NewValue refuses: expressions read objects, they do not make them.
func (r *typeRegistry) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("objects of type %s cannot be made", name)
}

// recordPrefix begins the names of the types of records.
const recordPrefix = "mesh.record."

// recordType is the CEL type of a record's variable.
func recordType(name string) *types.Type { return types.NewObjectType(recordPrefix + name) }

func (r *typeRegistry) record(rec Record) {
	t := &objectType{cel: recordType(rec.Name), fields: map[string]*types.FieldType{}, bounds: map[string]*Bounds{}}
	for _, f := range rec.Fields {
		t.names = append(t.names, f.Name)
		t.bounds[f.Name] = f.Bounds
		t.fields[f.Name] = &types.FieldType{
			Type: f.Type.cel(),
			IsSet: func(target any) bool {
				values, ok := target.(Values)
				_, found := values[f.Name]
				return ok && found
			},
			GetFrom: func(target any) (any, error) {
				values, _ := target.(Values)
				v, ok := values[f.Name]
				if !ok {
					return nil, errAbsent(f.Name)
				}
				return v, nil
			},
		}
	}
	r.objects[t.cel.TypeName()], r.records[rec.Name] = t, t
}

func (t Type) cel() *types.Type {
	switch t {
	case BoolType:
		return cel.BoolType
	case IntType:
		return cel.IntType
	case FloatType:
		return cel.DoubleType
	case ListOfString:
		return cel.ListType(cel.StringType)
	case ListOfBool:
		return cel.ListType(cel.BoolType)
	case ListOfInt:
		return cel.ListType(cel.IntType)
	case ListOfFloat:
		return cel.ListType(cel.DoubleType)
	}
	return cel.StringType
}

// Values are the values of a record, ready for evaluation. It is immutable.
type Values map[string]ref.Val

// Bind makes the values of a record from Go values: string, bool, int64,
// float64 and []any of those. A nil value is absent.
func (e *Env) Bind(given map[string]any) Values {
	values := make(Values, len(given))
	for name, v := range given {
		if v != nil {
			values[name] = e.types.NativeToValue(v)
		}
	}
	return values
}

// Names returns the names of the values that there are, sorted.
func (v Values) Names() []string { return slices.Sorted(maps.Keys(v)) }

// Get returns the value of that name as [Env.Bind] takes it; nil if there is
// none.
func (v Values) Get(name string) any {
	value, ok := v[name]
	if !ok {
		return nil
	}
	out, _ := goValue(value)
	return out
}

// With returns the same values but for one, which is as [Env.Bind] takes it.
func (v Values) With(name string, value any) Values {
	out := maps.Clone(v)
	out[name] = types.DefaultTypeAdapter.NativeToValue(value)
	return out
}

// object is an object of an action as a CEL value.
type object struct {
	typ   *objectType
	value any // pointer to the struct; nil pointer if absent. Values of a record
}

var (
	_ ref.Val            = object{}
	_ traits.Indexer     = object{}
	_ traits.FieldTester = object{}
)

// ConvertToNative gives the Go pointer.
func (o object) ConvertToNative(t reflect.Type) (any, error) {
	if v := reflect.ValueOf(o.value); v.Type().AssignableTo(t) {
		return o.value, nil
	}
	return nil, fmt.Errorf("no conversion from %s to %s", o.typ.cel, t)
}

// ConvertToType converts to the type itself only.
func (o object) ConvertToType(t ref.Type) ref.Val {
	switch {
	case t.TypeName() == o.typ.cel.TypeName():
		return o
	case t == types.TypeType:
		return o.typ.cel
	}
	return types.NewErr("type conversion error from '%s' to '%s'", o.typ.cel, t)
}

// Equal compares all fields. The types are compared by name: each [Env] has its
// own.
func (o object) Equal(other ref.Val) ref.Val {
	p, ok := other.(object)
	return types.Bool(ok && o.typ.cel.TypeName() == p.typ.cel.TypeName() && reflect.DeepEqual(o.value, p.value))
}

// Type returns the CEL type.
func (o object) Type() ref.Type { return o.typ.cel }

// Value returns the Go pointer.
func (o object) Value() any { return o.value }

// IsSet tells whether a field is present.
func (o object) IsSet(name ref.Val) ref.Val {
	f, err := o.field(name)
	if err != nil {
		return err
	}
	return types.Bool(f.IsSet(o.value))
}

// Get reads a field.
func (o object) Get(name ref.Val) ref.Val {
	f, failed := o.field(name)
	if failed != nil {
		return failed
	}
	v, err := f.GetFrom(o.value)
	if err != nil {
		return types.WrapErr(err)
	}
	if adapted, ok := v.(ref.Val); ok {
		return adapted
	}
	return actionTypes().NativeToValue(v)
}

func (o object) field(name ref.Val) (*types.FieldType, ref.Val) {
	s, ok := name.(types.String)
	if !ok {
		return nil, types.MaybeNoSuchOverloadErr(name)
	}
	f, ok := o.typ.fields[string(s)]
	if !ok {
		return nil, types.NewErr("no such field '%s'", string(s))
	}
	return f, nil
}
