package enginetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

const sets = 200 // of policies that the tests look at

func newGenerator(t testing.TB, seed uint64) *Generator {
	t.Helper()
	g, err := NewGenerator(seed)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func policies(t testing.TB, g *Generator) []Source {
	t.Helper()
	set, err := g.Policies()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func action(t testing.TB, g *Generator) *Action {
	t.Helper()
	a, err := g.Action()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSameSeedSameWorld(t *testing.T) {
	t.Parallel()
	one, two, other := newGenerator(t, 7), newGenerator(t, 7), newGenerator(t, 8)
	first := policies(t, one)
	if diff := cmp.Diff(first, policies(t, two)); diff != "" {
		t.Errorf("policies of one seed:\n%s", diff)
	}
	if cmp.Equal(first, policies(t, other)) {
		t.Error("two seeds give the same policies")
	}
	if a, b := action(t, one), action(t, two); !bytes.Equal(a.JSON, b.JSON) {
		t.Errorf("actions of one seed: %s and %s", a.JSON, b.JSON)
	}
}

// A primitive that no policy uses is compared by nobody.
func TestGeneratorReachesEveryPrimitive(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for seed := range uint64(sets) {
		for _, source := range policies(t, newGenerator(t, seed)) {
			doc, findings := policy.Parse(source.ID, []byte(source.YAML))
			if doc == nil {
				t.Fatalf("seed %d: %v\n%s", seed, findings, source.YAML)
			}
			for _, r := range doc.Rules {
				used[r.Primitive] = true
			}
		}
	}
	for _, id := range primitives.IDs() {
		if !used[id] {
			t.Errorf("no policy of %d sets uses the primitive %s", sets, id)
		}
	}
}

// What the interpreter knows of CEL, the generated rules use.
func TestGeneratorReachesEveryConstruct(t *testing.T) {
	t.Parallel()
	reached := map[string]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		switch n.kind {
		case nodeHas:
			reached["has"] = true
		case nodeIndex:
			reached["[]"] = true
		case nodeChoice:
			reached["?:"] = true
		case nodeUnary:
			reached["unary "+n.name] = true
		case nodeBinary, nodeCall, nodeMacro:
			reached[n.name] = true
		}
		for _, kid := range n.kids {
			visit(kid)
		}
	}
	for seed := range uint64(sets) {
		for _, source := range policies(t, newGenerator(t, seed)) {
			doc, findings := policy.Parse(source.ID, []byte(source.YAML))
			if doc == nil {
				t.Fatalf("seed %d: %v", seed, findings)
			}
			for _, r := range doc.Rules {
				for _, e := range []policy.Expr{r.When, r.Require} {
					n, err := parse(e.Source)
					if err == nil {
						visit(n)
					} else if r.Primitive == "" && !e.IsZero() {
						t.Errorf("seed %d: %s: %v", seed, e.Source, err)
					}
				}
			}
		}
	}
	wanted := slices.Concat(slices.Collect(maps.Keys(functions)), slices.Collect(maps.Keys(macros)), slices.Collect(maps.Keys(binds)),
		[]string{"has", "[]", "?:", "unary !", "unary -", personalData, healthData})
	for _, name := range wanted {
		if !reached[name] && name != "dyn" && name != "existsOne" { // which have no meaning of their own
			t.Errorf("no policy of %d sets has %s", sets, name)
		}
	}
}

// Every field is stated and left out, and every action is one that the product
// reads.
func TestGeneratorReachesEveryField(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, 1)
	stated, absent := map[string]bool{}, map[string]bool{}
	for range 500 {
		a := action(t, g)
		if _, err := decode.Action(a.JSON); err != nil {
			t.Fatalf("%v\n%s", describe(err), a.JSON)
		}
		plain, err := a.plain()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range g.fields {
			if facts(plain).at(f.Path) == nil {
				absent[f.Path] = true
			} else {
				stated[f.Path] = true
			}
		}
	}
	for _, f := range g.fields {
		if !stated[f.Path] || !absent[f.Path] && f.Path != "action" && f.Path != "action.type" {
			t.Errorf("%s: stated %t, absent %t", f.Path, stated[f.Path], absent[f.Path])
		}
	}
}

// The generator fills what a schema may ask of sections to come.
func TestFill(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, schema string
		valid        func(v any) bool
	}{
		{"choice", `{"enum": ["a", "b"]}`, func(v any) bool { return v == "a" || v == "b" }},
		{"constant", `{"const": true}`, func(v any) bool { return v == true }},
		{"bounds", `{"type": "integer", "minimum": 3, "maximum": 10}`, func(v any) bool { n, ok := v.(int64); return ok && n >= 3 && n <= 10 }},
		{"pattern", `{"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}`, func(v any) bool { s, ok := v.(string); return ok && strings.HasPrefix(s, "sha256:") }},
		{"at least one", `{"type": "array", "minItems": 1, "items": {"type": "boolean"}}`, func(v any) bool { list, ok := v.([]any); return ok && len(list) > 0 }},
		{"all that is required", `{"type": "object", "required": ["a"], "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}}}`,
			func(v any) bool { m, ok := v.(map[string]any); return ok && m["a"] != nil }},
		{"free names", `{"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer"}}`, func(v any) bool { m, ok := v.(map[string]any); return ok && len(m) > 0 }},
		{"one of", `{"oneOf": [{"type": "boolean"}, {"type": "integer"}]}`, func(v any) bool { return v != nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGenerator(t, 1)
			var s schema
			if err := json.Unmarshal([]byte(tt.schema), &s); err != nil {
				t.Fatal(err)
			}
			made := 0
			for range 50 {
				v, ok := g.fill(&s, "x")
				if ok {
					made++
				}
				if ok && !tt.valid(v) {
					t.Errorf("made %v", v)
				}
			}
			if made < 10 {
				t.Errorf("made %d of 50", made)
			}
		})
	}
}

// Every generated policy is one that the product puts into force.
func TestGeneratedPoliciesCompile(t *testing.T) {
	t.Parallel()
	compile := EngineBackend("engine", engine.Compile).Compile
	for seed := range uint64(50) {
		if _, err := compile(policies(t, newGenerator(t, seed))); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}
