package primitives

import "strings"

// Type is the type of a parameter.
type Type int

// The types a parameter can have.
const (
	Flag   Type = iota // true switches the rule on, false off
	Text               // a string
	Count              // a whole number
	Texts              // a list of strings
	Number             // a number, whole or not
)

// typeNames are the types in the words of the library's files.
func typeNames() map[string]Type {
	return map[string]Type{"flag": Flag, "text": Text, "count": Count, "texts": Texts, "number": Number}
}

// String returns the type in the words of the library's files.
func (t Type) String() string {
	for name, typ := range typeNames() {
		if typ == t {
			return name
		}
	}
	return ""
}

// Narrowing says how a profile may change what its base policy says, so that
// no action is allowed that the base denies.
type Narrowing string

// The ways to narrow a parameter.
const (
	NarrowOn       Narrowing = "on"       // a flag that demands: switch it on
	NarrowOff      Narrowing = "off"      // a flag that allows: switch it off
	NarrowEqual    Narrowing = "equal"    // not at all
	NarrowSubset   Narrowing = "subset"   // a list: leave elements out
	NarrowSuperset Narrowing = "superset" // a list: add elements
	NarrowAtMost   Narrowing = "at-most"  // a number: lower it
	NarrowAtLeast  Narrowing = "at-least" // a number: raise it
)

// Parameter is a value that a policy gives to a primitive. Its place in the
// file is Path below rules; CEL reads it as rule.NAME.
//
// Where a policy leaves a parameter out, nothing is demanded by it, so that
// adding one narrows, too. The exceptions are flags: those of [NarrowOff], and
// any that is added as false.
type Parameter struct {
	// Path has * for each key that the primitive is instantiated for.
	Path        string
	Type        Type
	Description string
	Narrows     Narrowing

	// What the JSON Schema says of the value; of Texts, of each element.
	Minimum, Maximum *float64
	Enum             []string
	Format           string // of JSON Schema, such as regex, or domain

	as string // the name, where the path ends in *
}

// Name returns the name by which CEL knows the parameter: the last element of
// the path, if the library gives no other.
func (p Parameter) Name() string {
	if p.as != "" {
		return p.as
	}
	return p.Path[strings.LastIndexByte(p.Path, '.')+1:]
}

// Value returns v, as YAML or JSON decoders make it, as what a rule reads of a
// parameter of this type: bool, string, int64, float64 or []any of string. It is
// false for a value of another type.
func (t Type) Value(v any) (any, bool) {
	switch v := v.(type) {
	case bool:
		return v, t == Flag
	case string:
		return v, t == Text
	case int64:
		if t == Number {
			return float64(v), true
		}
		return v, t == Count
	case float64:
		return v, t == Number
	case []any:
		for _, e := range v {
			if _, ok := e.(string); !ok {
				return nil, false
			}
		}
		return v, t == Texts
	}
	return nil, false
}
