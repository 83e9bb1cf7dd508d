package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/pattern"
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
		Description: text(n, "description"),
		MinItems:    count(yamldoc.Get(n, "minItems")),
		MaxItems:    count(yamldoc.Get(n, "maxItems")),
		keys:        p.keys(n),
	}
	if unique := yamldoc.Get(n, "uniqueItems"); unique != nil {
		out.UniqueItems = yamldoc.Value(unique) == true
	}
	at := n // what speaks of values
	if items := yamldoc.Get(n, "items"); items != nil {
		at = items
		out.Items = ParamType(text(items, "type"))
		maps.Copy(out.keys, p.keys(items))
		out.keys["type"] = p.doc.Position(yamldoc.Get(n, "type"))
		p.elementBounds(n, items)
	}
	bound := func(name string) *yaml.Node {
		if v := yamldoc.Get(at, name); v != nil {
			return v
		}
		return yamldoc.Get(n, name)
	}
	out.Minimum, out.Maximum = number(bound("minimum")), number(bound("maximum"))
	out.MinLength, out.MaxLength = count(bound("minLength")), count(bound("maxLength"))
	out.Pattern, out.Format = text(at, "pattern"), text(at, "format")
	p.checkBounds(&out, n, at)
	p.enum(&out, bound("enum"))
	if k, value := yamldoc.Find(n, "default"); value != nil {
		v, err := out.Convert(yamldoc.Value(value))
		if err != nil {
			p.report(mesh.LevelError, k, "param-value", "default of "+err.Error(), "choose a default that fits the declaration")
		}
		out.Default = v
	}
	return out
}

// keys returns the places of the values of a mapping.
func (p *parser) keys(n *yaml.Node) map[string]mesh.Position {
	out := make(map[string]mesh.Position, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = p.doc.Position(n.Content[i+1])
	}
	return out
}

// elementBounds refuses what is said of the elements of an array twice: of the
// array, where the first version of the language had it, and of its items.
func (p *parser) elementBounds(n, items *yaml.Node) {
	for _, name := range []string{"enum", "minimum", "maximum"} {
		if key, _ := yamldoc.Find(n, name); key != nil && yamldoc.Get(items, name) != nil {
			p.report(mesh.LevelError, key, "misplaced-key", "the key "+name+" speaks of the elements, and so does the one in items", "keep the one in items")
		}
	}
}

// enum reads the values that may be set. Each has to fit the rest of the
// declaration.
func (p *parser) enum(out *Param, n *yaml.Node) {
	if n == nil {
		return
	}
	element := *out
	element.Type = out.element()
	for _, child := range n.Content {
		v, err := element.Convert(yamldoc.Value(child))
		if err != nil {
			p.report(mesh.LevelError, child, "param-value", "enum of "+err.Error(), "remove it, or change the declaration")
			continue
		}
		out.Enum = append(out.Enum, v)
	}
}

// checkBounds refuses bounds that leave no value, and a pattern that is none.
// at is where values are spoken of.
func (p *parser) checkBounds(param *Param, n, at *yaml.Node) {
	keyOf := func(name string) *yaml.Node {
		if key, _ := yamldoc.Find(at, name); key != nil {
			return key
		}
		key, _ := yamldoc.Find(n, name)
		return key
	}
	checkOrder(p, keyOf, "minimum", &param.Minimum, "maximum", &param.Maximum)
	checkOrder(p, keyOf, "minLength", &param.MinLength, "maxLength", &param.MaxLength)
	checkOrder(p, keyOf, "minItems", &param.MinItems, "maxItems", &param.MaxItems)
	if param.Pattern == "" {
		return
	}
	if _, err := pattern.Compile(param.Pattern); err != nil {
		p.report(mesh.LevelError, yamldoc.Get(at, "pattern"), "wrong-value", "the regular expression "+err.Error(), "regular expressions are RE2; write one that is smaller or simpler")
		param.Pattern = "" // say nothing more about it
	}
}

// checkOrder refuses a lower bound that is above the upper, and drops both: that
// no value fits is said.
func checkOrder[T int | float64](p *parser, keyOf func(string) *yaml.Node, low string, least **T, high string, most **T) {
	if above(*least, *most) {
		p.report(mesh.LevelError, keyOf(low), "wrong-value", fmt.Sprintf("%s %v is above %s %v, so that no value fits", low, **least, high, **most), "swap them")
		*least, *most = nil, nil
	}
}

// above reports whether both bounds are there and the lower is the higher.
func above[T int | float64](least, most *T) bool {
	return least != nil && most != nil && *least > *most
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

func count(n *yaml.Node) *int {
	f := number(n)
	if f == nil {
		return nil
	}
	i := int(*f) // the schema knows its bounds
	return &i
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
	return out, p.checkItems(out)
}

// checkItems checks what is said of the array itself.
func (p Param) checkItems(items []any) error {
	switch {
	case p.MinItems != nil && len(items) < *p.MinItems:
		return fmt.Errorf("parameter %s: %d elements are fewer than %d", p.Name, len(items), *p.MinItems)
	case p.MaxItems != nil && len(items) > *p.MaxItems:
		return fmt.Errorf("parameter %s: %d elements are more than %d", p.Name, len(items), *p.MaxItems)
	}
	if !p.UniqueItems {
		return nil
	}
	seen := make(map[any]bool, len(items))
	for _, item := range items {
		if seen[item] {
			return fmt.Errorf("parameter %s: %s stands in the list twice", p.Name, show(item))
		}
		seen[item] = true
	}
	return nil
}

func (p Param) convertElement(t ParamType, v any) (any, error) {
	out := convertScalar(t, v)
	if out == nil {
		return nil, fmt.Errorf("parameter %s: expected a value of type %s, found %s", p.Name, t, show(v))
	}
	switch n := out.(type) {
	case int64:
		if err := p.checkNumber(float64(n), out); err != nil {
			return nil, err
		}
	case float64:
		if err := p.checkNumber(n, out); err != nil {
			return nil, err
		}
	case string:
		if err := p.checkText(n); err != nil {
			return nil, err
		}
	}
	if len(p.Enum) > 0 && !slices.Contains(p.Enum, out) {
		return nil, fmt.Errorf("parameter %s: %s is not one of %s", p.Name, show(out), show(p.Enum))
	}
	return out, nil
}

func (p Param) checkNumber(f float64, shown any) error {
	switch {
	case p.Minimum != nil && f < *p.Minimum:
		return fmt.Errorf("parameter %s: %v is less than %v", p.Name, shown, *p.Minimum)
	case p.Maximum != nil && f > *p.Maximum:
		return fmt.Errorf("parameter %s: %v is more than %v", p.Name, shown, *p.Maximum)
	}
	return nil
}

func (p Param) checkText(s string) error {
	length := utf8.RuneCountInString(s)
	switch {
	case p.MinLength != nil && length < *p.MinLength:
		return fmt.Errorf("parameter %s: %s has fewer than %d characters", p.Name, show(s), *p.MinLength)
	case p.MaxLength != nil && length > *p.MaxLength:
		return fmt.Errorf("parameter %s: %s has more than %d characters", p.Name, show(s), *p.MaxLength)
	case !fitsFormat(p.Format, s):
		return fmt.Errorf("parameter %s: %s has not the format %s", p.Name, show(s), p.Format)
	case p.Pattern == "":
		return nil
	}
	re, err := pattern.Compile(p.Pattern)
	if err != nil { // no document of Parse has it
		return fmt.Errorf("parameter %s: the regular expression %w", p.Name, err)
	}
	found, err := re.Match(s)
	if err != nil {
		return fmt.Errorf("parameter %s: %w", p.Name, err)
	}
	if !found {
		return fmt.Errorf("parameter %s: %s does not have the form %s", p.Name, show(s), show(p.Pattern))
	}
	return nil
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
		return fmt.Sprint(v) // no number that JSON has
	}
	const long = 100
	if len(b) > long {
		return strings.ToValidUTF8(string(b[:long]), "") + "…"
	}
	return string(b)
}

// Same reports whether two declarations accept the same values and have the same
// default, wherever they stand and whatever they say to people.
func (p Param) Same(q Param) bool {
	for _, d := range []*Param{&p, &q} {
		d.Position, d.Description, d.keys = mesh.Position{}, "", nil
	}
	return reflect.DeepEqual(p, q)
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
	MinItems    *int         `json:"minItems,omitzero"`
	MaxItems    *int         `json:"maxItems,omitzero"`
	UniqueItems bool         `json:"uniqueItems,omitzero"`
	Enum        []any        `json:"enum,omitzero"`
	Minimum     *float64     `json:"minimum,omitzero"`
	Maximum     *float64     `json:"maximum,omitzero"`
	MinLength   *int         `json:"minLength,omitzero"`
	MaxLength   *int         `json:"maxLength,omitzero"`
	Pattern     string       `json:"pattern,omitzero"`
	Format      string       `json:"format,omitzero"`
}

// ParamsSchema returns the JSON Schema 2020-12 of the parameters the document
// declares: what a subscriber may set. The same document gives the same bytes.
func (d *Document) ParamsSchema() []byte {
	properties := make(map[string]paramSchema, len(d.Params))
	required := []string{}
	for _, p := range d.Params {
		element := paramSchema{
			Type: p.element(), Enum: p.Enum, Minimum: p.Minimum, Maximum: p.Maximum,
			MinLength: p.MinLength, MaxLength: p.MaxLength, Pattern: p.Pattern, Format: p.Format,
		}
		s := element
		if p.Type == TypeArray {
			s = paramSchema{Type: TypeArray, Items: &element, MinItems: p.MinItems, MaxItems: p.MaxItems, UniqueItems: p.UniqueItems}
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
