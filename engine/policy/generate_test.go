package policy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

var update = flag.Bool("update", false, "write schema/policy-v3.0.0.json anew")

// TestSchemaIsGenerated fails when the committed schema is not what the
// template and the primitives make; go generate writes it.
func TestSchemaIsGenerated(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile(filepath.Join("schema", "policy.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	const mark = `        "@sections": {},` + "\n"
	before, after, ok := strings.Cut(string(template), mark)
	if !ok {
		t.Fatal("the template has no place for the sections")
	}
	want := before + sectionSchemas("        ") + after
	if *update {
		if err := os.WriteFile(filepath.Join("schema", "policy-v3.0.0.json"), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(policy.Schema()), want); diff != "" {
		t.Fatalf("the schema is stale, run go generate ./engine/policy (-committed +generated):\n%s", diff)
	}
}

// member is what the schema says of a mapping or of a parameter.
type member struct {
	description string
	parameter   *primitives.Parameter // nil: a mapping
	actionTypes bool                  // the parameter holds action types
	members     map[string]*member    // by key; * stands for every key
}

// keyPattern is the form of the keys that authors choose: names of tools,
// models, agents and labels.
const keyPattern = `^[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,127}$`

// maxKeys bounds the keys that authors choose in one mapping.
const maxKeys = 1000

// sectionSchemas are the built-in sections as properties of rules.
func sectionSchemas(indent string) string {
	root := &member{members: map[string]*member{}}
	for _, s := range primitives.Sections() {
		at(root, s.Name).description = s.Summary
		for path, description := range s.Groups {
			at(root, path).description = description
		}
		for _, p := range s.Primitives {
			for i := range p.Parameters {
				m := at(root, p.Parameters[i].Path)
				m.actionTypes = p.Vocabulary[p.Parameters[i].Name()] == primitives.ActionTypeVocabulary
				m.parameter, m.description = &p.Parameters[i], p.Parameters[i].Description
			}
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(root.members)) {
		fmt.Fprintf(&b, "%s%s: %s,\n", indent, quote(name), root.members[name].schema(indent))
	}
	return b.String()
}

// at returns the member at a path and makes the ones on the way.
func at(m *member, path string) *member {
	for name := range strings.SplitSeq(path, ".") {
		if m.members == nil {
			m.members = map[string]*member{}
		}
		if m.members[name] == nil {
			m.members[name] = &member{}
		}
		m = m.members[name]
	}
	return m
}

func (m *member) schema(indent string) string {
	if m.parameter != nil {
		return m.leaf()
	}
	inner := indent + "  "
	lines := []string{`"description": ` + quote(m.description), `"type": "object"`, `"additionalProperties": false`}
	keyword := "properties"
	if m.members["*"] != nil {
		if len(m.members) > 1 {
			panic("a mapping whose keys authors choose has none of its own: " + m.description)
		}
		keyword = "patternProperties"
		lines = append(lines, fmt.Sprintf(`"maxProperties": %d`, maxKeys))
	}
	var members []string
	for _, name := range slices.Sorted(maps.Keys(m.members)) {
		key := name
		if name == "*" {
			key = keyPattern
		}
		members = append(members, inner+"  "+quote(key)+": "+m.members[name].schema(inner+"  "))
	}
	lines = append(lines, fmt.Sprintf("%s: {\n%s\n%s}", quote(keyword), strings.Join(members, ",\n"), inner))
	return "{\n" + inner + strings.Join(lines, ",\n"+inner) + "\n" + indent + "}"
}

// leaf is the schema of a parameter.
func (m *member) leaf() string {
	p := m.parameter
	parts := []string{`"description": ` + quote(m.description)}
	switch p.Type {
	case primitives.Flag:
		parts = append(parts, `"type": "boolean"`)
	case primitives.Count:
		parts = append(parts, `"type": "integer"`)
	case primitives.Number:
		parts = append(parts, `"type": "number"`)
	case primitives.Text:
		parts = append(parts, `"$ref": "#/$defs/text"`)
	case primitives.Texts:
		if p.Enum == nil {
			parts = append(parts, `"$ref": "#/$defs/texts"`)
			if m.actionTypes {
				parts = append(parts, fmt.Sprintf(`"items": {"examples": [%s]}`, quoted(mesh.ActionTypes())))
			}
			if p.Format != "" {
				parts = append(parts, `"items": {"format": `+quote(p.Format)+`}`)
			}
		} else {
			parts = append(parts, fmt.Sprintf(`"type": "array", "uniqueItems": true, "items": {"enum": [%s]}`, quoted(p.Enum)))
		}
	}
	if p.Enum != nil && p.Type == primitives.Text {
		parts = append(parts, fmt.Sprintf(`"enum": [%s]`, quoted(p.Enum)))
	}
	if p.Minimum != nil {
		parts = append(parts, `"minimum": `+strconv.FormatFloat(*p.Minimum, 'f', -1, 64))
	}
	if p.Maximum != nil {
		parts = append(parts, `"maximum": `+strconv.FormatFloat(*p.Maximum, 'f', -1, 64))
	}
	if p.Format != "" && p.Type == primitives.Text {
		parts = append(parts, `"format": `+quote(p.Format))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return strings.Join(out, ", ")
}

// quote writes a text in JSON.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
