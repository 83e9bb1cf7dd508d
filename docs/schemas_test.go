package docs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// TestSchemasAcceptWhatIsShown validates by the published schemas, as an editor
// does, every policy and file of cases in the documents and in the official
// packs; and refuses one with a slip of the pen.
func TestSchemasAcceptWhatIsShown(t *testing.T) {
	t.Parallel()
	policies, suites := compileSchema(t, policy.Schema()), compileSchema(t, cases.Schema())
	shown := map[string]string{} // by where it stands
	for _, list := range blocks(t) {
		for _, b := range list {
			if text, ok := asPolicy(b.text); b.language == "yaml" && ok {
				shown[b.name] = text
			} else if b.language == "yaml" && strings.HasPrefix(b.text, "policy: ") {
				shown[b.name] = b.text
			}
		}
	}
	packs, err := filepath.Glob(filepath.Join("..", "catalog", "frameworks", "packs", "*", "*.yaml"))
	if err != nil || len(packs) == 0 {
		t.Fatal(packs, err)
	}
	for _, file := range packs {
		if filepath.Base(file) == "bundle.yaml" {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shown[file] = string(src)
	}
	for where, text := range shown {
		schema, slip := policies, strings.Replace(text, "rules:", "rule:", 1)
		if strings.HasPrefix(text, "policy: ") || strings.HasSuffix(where, "_test.yaml") {
			schema, slip = suites, strings.Replace(text, "cases:", "case:", 1)
		}
		if err := schema.Validate(decoded(t, where, text)); err != nil {
			t.Errorf("%s: %v", where, err)
		}
		if err := schema.Validate(decoded(t, where, slip)); err == nil {
			t.Errorf("%s: a misspelt key is accepted", where)
		}
	}
}

func compileSchema(t *testing.T, src []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	id, _ := doc.(map[string]any)["$id"].(string)
	if err := c.AddResource(id, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decoded(t *testing.T, where, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return v
}
