package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// celReserved are the words that CEL does not take as a field name
// (CEL specification, "Syntax").
const celReserved = " as break const continue else false for function if import in let loop namespace null package return true var void while "

func (p *parser) params(n *yaml.Node) []Param {
	if n == nil {
		return nil
	}
	var out []Param
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if strings.Contains(celReserved, " "+key.Value+" ") {
			p.report(mesh.LevelError, key, "reserved-id", key.Value+" is a word of CEL and cannot name a parameter", "choose another name")
			continue
		}
		out = append(out, p.param(key, value))
	}
	return out
}

func (p *parser) param(key, n *yaml.Node) Param {
	out := Param{
		Name:        key.Value,
		Position:    p.doc.Position(key),
		Type:        ParamType(text(n, "type")),
		Items:       ParamType(text(yamldoc.Get(n, "items"), "type")),
		Description: text(n, "description"),
		Minimum:     number(yamldoc.Get(n, "minimum")),
		Maximum:     number(yamldoc.Get(n, "maximum")),
	}
	p.checkBounds(&out, n)
	element := out
	element.Type = out.element()
	if enum := yamldoc.Get(n, "enum"); enum != nil {
		for _, child := range enum.Content {
			v, err := element.Convert(yamldoc.Value(child))
			if err != nil {
				p.report(mesh.LevelError, child, "param-value", "enum of "+err.Error(), "")
				continue
			}
			out.Enum = append(out.Enum, v)
		}
	}
	if k, value := yamldoc.Find(n, "default"); value != nil {
		v, err := out.Convert(yamldoc.Value(value))
		if err != nil {
			p.report(mesh.LevelError, k, "param-value", "default of "+err.Error(), "")
		}
		out.Default = v
	}
	return out
}

// checkBounds refuses bounds that nothing can be compared with, and those that
// leave no value.
func (p *parser) checkBounds(param *Param, n *yaml.Node) {
	for _, name := range []string{"minimum", "maximum"} {
		if key, _ := yamldoc.Find(n, name); key != nil && param.element() != TypeInteger && param.element() != TypeNumber {
			p.report(mesh.LevelError, key, "misplaced-key", fmt.Sprintf("the key %s has no meaning for a parameter of type %s", name, param.element()), "remove it")
			param.Minimum, param.Maximum = nil, nil // say nothing more about them
		}
	}
	if param.Minimum != nil && param.Maximum != nil && *param.Minimum > *param.Maximum {
		key, _ := yamldoc.Find(n, "minimum")
		p.report(mesh.LevelError, key, "wrong-value", fmt.Sprintf("minimum %v is above maximum %v, so that no value fits", *param.Minimum, *param.Maximum), "swap them")
	}
}

func number(n *yaml.Node) *float64 {
	if n == nil {
		return nil
	}
	var f float64
	switch v := yamldoc.Value(n).(type) {
	case int64:
		f = float64(v)
	case float64:
		f = v
	}
	return &f
}

// element is the type that enum, minimum and maximum speak of.
func (p Param) element() ParamType {
	if p.Type == TypeArray {
		return p.Items
	}
	return p.Type
}

// Convert checks a value against the declaration and returns it as the type
// that rules see: string, int64, float64, bool or []any of those. It takes
// what JSON and YAML decoders make, and Go slices of the element types. The
// error names the parameter.
func (p Param) Convert(v any) (any, error) {
	if p.Type != TypeArray {
		return p.convertElement(p.Type, v)
	}
	var elements []any
	switch list := v.(type) {
	case []any:
		elements = list
	case []string:
		for _, s := range list {
			elements = append(elements, s)
		}
	default:
		return nil, fmt.Errorf("parameter %s: expected a list of %s, found %s", p.Name, p.Items, show(v))
	}
	out := make([]any, len(elements))
	for i, e := range elements {
		c, err := p.convertElement(p.Items, e)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

func (p Param) convertElement(t ParamType, v any) (any, error) {
	out := convertScalar(t, v)
	if out == nil {
		return nil, fmt.Errorf("parameter %s: expected a value of type %s, found %s", p.Name, t, show(v))
	}
	var f float64
	switch n := out.(type) {
	case int64:
		f = float64(n)
	case float64:
		f = n
	}
	switch {
	case p.Minimum != nil && f < *p.Minimum:
		return nil, fmt.Errorf("parameter %s: %v is less than %v", p.Name, out, *p.Minimum)
	case p.Maximum != nil && f > *p.Maximum:
		return nil, fmt.Errorf("parameter %s: %v is more than %v", p.Name, out, *p.Maximum)
	case len(p.Enum) > 0 && !slices.Contains(p.Enum, out):
		return nil, fmt.Errorf("parameter %s: %s is not one of %s", p.Name, show(out), show(p.Enum))
	}
	return out, nil
}

// convertScalar returns nil for a value of another type.
func convertScalar(t ParamType, v any) any {
	if n, ok := v.(json.Number); ok {
		if i, err := n.Int64(); err == nil {
			v = i
		} else if f, err := n.Float64(); err == nil {
			v = f
		}
	}
	if i, ok := v.(int); ok {
		v = int64(i)
	}
	switch t {
	case TypeString:
		if s, ok := v.(string); ok {
			return s
		}
	case TypeBoolean:
		if b, ok := v.(bool); ok {
			return b
		}
	case TypeInteger:
		switch n := v.(type) {
		case int64:
			return n
		case float64:
			const exact = 1 << 53 // integers up to here are exact in JSON
			if n == math.Trunc(n) && math.Abs(n) <= exact {
				return int64(n)
			}
		}
	case TypeNumber:
		switch n := v.(type) {
		case int64:
			return float64(n)
		case float64:
			if !math.IsInf(n, 0) && !math.IsNaN(n) {
				return n
			}
		}
	}
	return nil
}

// show prints a value for a message, as JSON, shortened.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	const long = 100
	if len(b) > long {
		return strings.ToValidUTF8(string(b[:long]), "") + "…"
	}
	return string(b)
}

// Param returns the declaration of a parameter, or nil.
func (d *Document) Param(name string) *Param {
	for i := range d.Params {
		if d.Params[i].Name == name {
			return &d.Params[i]
		}
	}
	return nil
}

// BindParams returns the value of every declared parameter: the one given, or
// the default. The error is a *[mesh.Error] of code CodeInvalid that names
// every value that is unknown, missing or does not fit its declaration.
func (d *Document) BindParams(given map[string]any) (map[string]any, error) {
	var wrong []string
	for name := range given {
		if d.Param(name) == nil {
			wrong = append(wrong, "parameter "+name+" is not declared"+known(name, d.Params))
		}
	}
	slices.Sort(wrong)
	out := make(map[string]any, len(d.Params))
	for i := range d.Params {
		p := &d.Params[i]
		value, set := given[p.Name]
		if !set {
			if p.Default == nil {
				wrong = append(wrong, fmt.Sprintf("parameter %s has no default and must be set", p.Name))
			}
			out[p.Name] = p.Default
			continue
		}
		v, err := p.Convert(value)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		out[p.Name] = v
	}
	if len(wrong) > 0 {
		return nil, mesh.Errorf(mesh.CodeInvalid, "parameters of %s: %s", d.Name, strings.Join(wrong, "; ")).
			WithHint("set them in the subscription; the bundle's params schema says what fits")
	}
	return out, nil
}

func known(name string, params []Param) string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	if hint := spelling.DidYouMean(name, names); hint != "" {
		return " (" + hint + ")"
	}
	return ""
}

// paramSchema is one parameter in the words of JSON Schema.
type paramSchema struct {
	Type        ParamType    `json:"type"`
	Description string       `json:"description,omitzero"`
	Default     any          `json:"default,omitzero"`
	Items       *paramSchema `json:"items,omitzero"`
	Enum        []any        `json:"enum,omitzero"`
	Minimum     *float64     `json:"minimum,omitzero"`
	Maximum     *float64     `json:"maximum,omitzero"`
}

// ParamsSchema returns the JSON Schema 2020-12 of the parameters the document
// declares: what a subscriber may set. The same document gives the same bytes.
func (d *Document) ParamsSchema() []byte {
	properties := make(map[string]paramSchema, len(d.Params))
	required := []string{}
	for _, p := range d.Params {
		element := paramSchema{Type: p.element(), Enum: p.Enum, Minimum: p.Minimum, Maximum: p.Maximum}
		s := element
		if p.Type == TypeArray {
			s = paramSchema{Type: TypeArray, Items: &element}
		}
		s.Description, s.Default = p.Description, p.Default
		properties[p.Name] = s
		if p.Default == nil {
			required = append(required, p.Name)
		}
	}
	out, err := json.MarshalIndent(struct {
		Schema               string                 `json:"$schema"`
		Title                string                 `json:"title"`
		Type                 string                 `json:"type"`
		Properties           map[string]paramSchema `json:"properties"`
		Required             []string               `json:"required"`
		AdditionalProperties bool                   `json:"additionalProperties"`
	}{"https://json-schema.org/draft/2020-12/schema", "Parameters of " + d.Name, "object", properties, required, false}, "", "  ")
	if err != nil {
		panic(err) // only strings, finite numbers and booleans are in it
	}
	return append(out, '\n')
}
