package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

func compile(t *testing.T, src []byte) *jsonschema.Schema {
	t.Helper()
	return compileBy(t, jsonschema.NewCompiler(), src)
}

// compileStrict is compile, with formats that are asserted.
func compileStrict(t *testing.T, src []byte) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return compileBy(t, c, src)
}

func compileBy(t *testing.T, c *jsonschema.Compiler, src []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type node struct {
	Type                 string
	Ref                  string `json:"$ref"`
	Properties           map[string]*node
	PatternProperties    map[string]*node
	AdditionalProperties any
	Required             []string
	Items                *node
	Format               string
	Defs                 map[string]*node `json:"$defs"`
}

func read(t *testing.T, src []byte) *node {
	t.Helper()
	var n node
	if err := json.Unmarshal(src, &n); err != nil {
		t.Fatal(err)
	}
	return &n
}

// TestSchemasAreOfTheVersion: an editor finds the schema by its id, and a hub
// serves it there.
func TestSchemasAreOfTheVersion(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string][]byte{"policy": policy.Schema(), "action": policy.ActionSchema(), "cases": cases.Schema()} {
		var head struct {
			ID     string `json:"$id"`
			Schema string `json:"$schema"`
		}
		if err := json.Unmarshal(schema, &head); err != nil {
			t.Fatal(err)
		}
		if want := "https://ai-agent-mesh.com" + policy.SchemaPath(name); head.ID != want || head.Schema != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s: $id %s, $schema %s, want $id %s", name, head.ID, head.Schema, want)
		}
	}
}

// TestActionSchemaIsTheStruct compares the published schema with the Go types
// that actions are decoded into, field by field.
func TestActionSchemaIsTheStruct(t *testing.T) {
	t.Parallel()
	compile(t, policy.ActionSchema())
	compareObject(t, "action", read(t, policy.ActionSchema()), shape.Action())
}

func compareObject(t *testing.T, path string, n *node, o *shape.Object) {
	t.Helper()
	if n.Type != "object" || n.AdditionalProperties != false {
		t.Errorf("%s: want a closed object", path)
	}
	names := o.Names()
	slices.Sort(names)
	if diff := cmp.Diff(names, sortedKeys(n.Properties)); diff != "" {
		t.Errorf("%s: fields (-struct +schema):\n%s", path, diff)
	}
	for _, f := range o.Fields {
		p, at := n.Properties[f.Name], path+"."+f.Name
		if p == nil {
			continue
		}
		if f.Required != slices.Contains(n.Required, f.Name) {
			t.Errorf("%s: required is %t in the struct only", at, f.Required)
		}
		want := map[shape.Kind]string{
			shape.String: "string", shape.Bool: "boolean", shape.Int: "integer", shape.Float: "number", shape.Time: "string",
			shape.Strings: "array", shape.Struct: "object", shape.Structs: "array", shape.FreeForm: "object",
		}[f.Kind]
		if p.Type != want || (f.Kind == shape.Time) != (p.Format == "date-time") {
			t.Errorf("%s: type %s %s, want %s", at, p.Type, p.Format, want)
		}
		switch f.Kind {
		case shape.Struct:
			compareObject(t, at, p, f.Object)
		case shape.Structs:
			compareObject(t, at, p.Items, f.Object)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestPolicySchemaHasThePrimitives compares the built-in sections of the
// published schema with the library of primitives: the same parameters, of the
// same types.
func TestPolicySchemaHasThePrimitives(t *testing.T) {
	t.Parallel()
	compile(t, policy.Schema())
	root := read(t, policy.Schema())
	got := map[string]string{}
	for _, section := range sortedKeys(root.Properties["rules"].Properties) {
		if section != "custom" {
			leaves(root, section, root.Properties["rules"].Properties[section], got)
		}
	}
	want := map[string]string{}
	for _, p := range primitives.All() {
		for _, parameter := range p.Parameters {
			want[parameter.Path] = map[primitives.Type]string{primitives.Flag: "boolean", primitives.Text: "string", primitives.Count: "integer", primitives.Texts: "array", primitives.Number: "number"}[parameter.Type]
		}
		if p.ID != p.Parameters[0].Path {
			t.Errorf("%s: its first parameter is %s", p.ID, p.Parameters[0].Path)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters (-primitives +schema):\n%s", diff)
	}
}

func leaves(root *node, path string, n *node, out map[string]string) {
	if n.Ref != "" {
		n = root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
	}
	if n.Type != "object" {
		out[path] = n.Type
		return
	}
	for name, child := range n.Properties {
		leaves(root, path+"."+name, child, out)
	}
	for _, child := range n.PatternProperties {
		leaves(root, path+".*", child, out)
	}
}

func ExampleParse() {
	_, findings := policy.Parse("policy.yaml", []byte("version: \"3.0.0\"\nname: Shop\nrules:\n  data_colection: {consent_required: true}\n"))
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// policy.yaml:4:3: error: unknown key data_colection (did you mean data_collection?)
}

func ExampleDocument_BindParams() {
	d, _ := policy.Parse("policy.yaml", []byte("version: \"3.0.0\"\nname: Shop\nparams: {limit: {type: integer, default: 5}}\nrules: {custom: [{id: a, require: 'params.limit > 0'}]}\n"))
	values, err := d.BindParams(map[string]any{"limit": 7})
	fmt.Println(values, err)
	_, err = d.BindParams(map[string]any{"limt": 7})
	fmt.Println(err)
	// Output:
	// map[limit:7] <nil>
	// parameters of Shop: parameter limt is not declared (did you mean limit?)
}
