package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// TestEveryPropertyIsDescribed: an editor shows the description of what the
// cursor is on. One at the definition that a property refers to counts.
func TestEveryPropertyIsDescribed(t *testing.T) {
	t.Parallel()
	for name, src := range map[string][]byte{"policy": policy.Schema(), "action": policy.ActionSchema(), "cases": cases.Schema()} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		root := doc.(map[string]any)
		for _, key := range []string{"$id", "$schema", "title", "description"} {
			if s, _ := root[key].(string); s == "" {
				t.Errorf("%s: the schema has no %s", name, key)
			}
		}
		for _, path := range undescribed(root, root, name) {
			t.Errorf("%s has no description", path)
		}
	}
}

// undescribed returns the properties below a schema that nothing describes.
func undescribed(root, schema map[string]any, path string) []string {
	var out []string
	describe := func(at string, sub any) {
		s, ok := sub.(map[string]any)
		if !ok { // false: the property may not be there
			return
		}
		target := s
		if ref, ok := s["$ref"].(string); ok {
			target = definition(root, ref)
		}
		if s["description"] == nil && target["description"] == nil {
			out = append(out, at)
		}
	}
	for _, key := range []string{"properties", "patternProperties", "$defs"} {
		properties, _ := schema[key].(map[string]any)
		for name, sub := range properties {
			if key != "$defs" {
				describe(path+"."+name, sub)
			}
			if s, ok := sub.(map[string]any); ok {
				out = append(out, undescribed(root, s, path+"."+name)...)
			}
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		out = append(out, undescribed(root, items, path+"[]")...)
	}
	slices.Sort(out)
	return out
}

func definition(root map[string]any, ref string) map[string]any {
	name := ref[len("#/$defs/"):]
	defs, _ := root["$defs"].(map[string]any)
	def, _ := defs[name].(map[string]any)
	if def == nil {
		panic(fmt.Sprintf("%s leads nowhere", ref))
	}
	return def
}

// TestSchemasHoldTogether: the schemas are valid by JSON Schema's own.
func TestSchemasHoldTogether(t *testing.T) {
	t.Parallel()
	for name, src := range map[string][]byte{"policy": policy.Schema(), "action": policy.ActionSchema(), "cases": cases.Schema()} {
		compileStrict(t, src)
		var again any
		if err := json.Unmarshal(src, &again); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
