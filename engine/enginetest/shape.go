package enginetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// Kind is the type of a part of the action.
type Kind int

// The kinds.
const (
	Text   Kind = iota
	Flag        // true or false
	Whole       // a whole number
	Number      // any number
	Moment      // a time
	List        // of Item
	Object      // with Fields
	Open        // free-form
)

// Shape is what the published schema says of a part of the action.
type Shape struct {
	Kind     Kind
	Fields   map[string]*Shape // of an Object
	Required []string          // among Fields
	Item     *Shape            // of a List
	Minimum  *float64
	Maximum  *float64
}

// schema is as much of a JSON Schema as the published ones use.
type schema struct {
	Ref                  string             `json:"$ref"`
	Description          string             `json:"description"`
	Type                 string             `json:"type"`
	Format               string             `json:"format"`
	Pattern              string             `json:"pattern"`
	Enum                 []any              `json:"enum"`
	Const                any                `json:"const"`
	Minimum              *float64           `json:"minimum"`
	Maximum              *float64           `json:"maximum"`
	MinItems             int                `json:"minItems"`
	MaxItems             *int               `json:"maxItems"`
	UniqueItems          bool               `json:"uniqueItems"`
	MinProperties        int                `json:"minProperties"`
	Properties           map[string]*schema `json:"properties"`
	PatternProperties    map[string]*schema `json:"patternProperties"`
	AdditionalProperties json.RawMessage    `json:"additionalProperties"`
	PropertyNames        *schema            `json:"propertyNames"`
	Required             []string           `json:"required"`
	Items                *schema            `json:"items"`
	AnyOf                []*schema          `json:"anyOf"`
	OneOf                []*schema          `json:"oneOf"`
	Defs                 map[string]*schema `json:"$defs"`
}

// UnmarshalJSON reads a schema. The schemas true and false say nothing here.
func (s *schema) UnmarshalJSON(data []byte) error {
	if text := string(data); text == "true" || text == "false" {
		return nil
	}
	type plain schema
	return json.Unmarshal(data, (*plain)(s))
}

// actionShape reads the published schema of the action.
func actionShape() (*Shape, error) {
	var s schema
	if err := json.Unmarshal(policy.ActionSchema(), &s); err != nil {
		return nil, fmt.Errorf("reading the action's schema: %w", err)
	}
	return s.shape()
}

// with returns the schema with the formats that a reference to it adds.
func (s *schema) with(reference *schema) *schema {
	out := *s
	out.Format = cmp.Or(reference.Format, s.Format)
	if reference.Items != nil && s.Items != nil {
		item := *s.Items
		item.Format = cmp.Or(reference.Items.Format, item.Format)
		out.Items = &item
	}
	return &out
}

func (s *schema) shape() (*Shape, error) {
	shape := &Shape{Minimum: s.Minimum, Maximum: s.Maximum, Required: s.Required}
	switch {
	case s.Type == "string" && s.Format == "date-time":
		shape.Kind = Moment
	case s.Type == "string":
		shape.Kind = Text
	case s.Type == "boolean":
		shape.Kind = Flag
	case s.Type == "integer":
		shape.Kind = Whole
	case s.Type == "number":
		shape.Kind = Number
	case s.Type == "array" && s.Items != nil:
		item, err := s.Items.shape()
		if err != nil {
			return nil, err
		}
		shape.Kind, shape.Item = List, item
	case s.Type == "object" && s.Properties == nil:
		shape.Kind = Open
	case s.Type == "object":
		shape.Kind, shape.Fields = Object, map[string]*Shape{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			field, err := s.Properties[name].shape()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			shape.Fields[name] = field
		}
	default:
		return nil, fmt.Errorf("a schema of type %q is not understood", s.Type)
	}
	return shape, nil
}

// Field is one field of the action, by its path.
type Field struct {
	Path  string // data.consent.given
	Shape *Shape
}

// Name is the last element of the path.
func (f Field) Name() string { return f.Path[strings.LastIndexByte(f.Path, '.')+1:] }

// Paths returns every field of an object, and of the objects in it, sorted by
// path. Objects are listed as well.
func (s *Shape) Paths() []Field {
	var fields []Field
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		field := s.Fields[name]
		fields = append(fields, Field{name, field})
		for _, inner := range field.Paths() {
			fields = append(fields, Field{name + "." + inner.Path, inner.Shape})
		}
	}
	return fields
}
