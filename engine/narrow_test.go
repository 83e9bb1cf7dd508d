package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// TestEveryPrimitiveOnlyNarrows changes every parameter of the library in
// profiles, over bases of both defaults and with and without the parameter: of
// the profiles that are accepted, none allows an action that its base denies.
func TestEveryPrimitiveOnlyNarrows(t *testing.T) {
	t.Parallel()
	for _, p := range primitives.All() {
		t.Run(p.ID, func(t *testing.T) {
			t.Parallel()
			var actions []*mesh.Action
			words := []string{"added", "tool.call", "data.delete"}
			for _, c := range p.Cases {
				actions = append(actions, variants(t, c.Action)...)
				words = append(words, textsIn(c.Action)...)
			}
			slices.Sort(words)
			words = slices.Compact(words)
			for _, standard := range []string{"allow", "deny"} {
				for _, parameter := range p.Parameters {
					for _, base := range bases(p, parameter) {
						for _, v := range changes(parameter, base[parameter.Name()], words) {
							profile := maps.Clone(base)
							profile[parameter.Name()] = v
							onlyNarrows(t, p, standard, base, profile, actions)
						}
					}
				}
			}
		})
	}
}

// TestDenyingBaseKeepsWhatItsRulesLookAt: a rule that looks at more actions
// would take them from the base's default.
func TestDenyingBaseKeepsWhatItsRulesLookAt(t *testing.T) {
	t.Parallel()
	p := primitives.Lookup("taint.*.prohibited_actions")
	values := func(types ...any) map[string]any {
		return map[string]any{"taint": "untrusted", "prohibited_actions": types}
	}
	base, profile := values("egress", "data.read"), values("egress", "data.read", "data.delete")
	if merged, findings := laidOver(t, p, "allow", base, profile); merged == nil {
		t.Errorf("over a base that allows: %v", findings)
	}
	if merged, findings := laidOver(t, p, "deny", base, values("data.read", "egress")); merged == nil {
		t.Errorf("another order: %v", findings)
	}
	merged, findings := laidOver(t, p, "deny", base, profile)
	if merged != nil || len(findings) != 1 || findings[0].Rule != "widens-base" {
		t.Fatalf("over a base that denies: %v", findings)
	}
	for _, part := range []string{"taint.untrusted.prohibited_actions is ", `"data.delete"`, "the base denies by default"} {
		if !strings.Contains(findings[0].Message, part) {
			t.Errorf("%q does not say %s", findings[0].Message, part)
		}
	}
	if at := findings[0].Position; at.File != "profile.yaml" || at.Line == 0 || findings[0].Hint == "" {
		t.Errorf("finding %+v", findings[0])
	}
}

// bases are values of a primitive with and without one of its parameters.
func bases(p *primitives.Primitive, parameter primitives.Parameter) []map[string]any {
	out := []map[string]any{p.Example}
	for _, c := range p.Cases {
		out = append(out, c.Values)
	}
	if parameter.Path != p.Parameters[0].Path {
		without := maps.Clone(p.Example)
		delete(without, parameter.Name())
		out = append(out, without)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(values map[string]any) bool {
		key := fmt.Sprint(values)
		before := seen[key]
		seen[key] = true
		return before
	})
}

// changes are other values of a parameter. Which of them narrow is for the
// merge to say.
func changes(parameter primitives.Parameter, value any, words []string) []any {
	switch parameter.Type {
	case primitives.Flag:
		return []any{true, false}
	case primitives.Count, primitives.Number:
		n := asNumber(value)
		return []any{0, 1, int(n) / 2, int(n) - 1, int(n) + 1, int(n) * 2}
	case primitives.Text:
		return []any{"added"}
	}
	elements, _ := value.([]any)
	all, out := slices.Clone(elements), []any{[]any{}}
	for _, w := range words {
		if len(parameter.Enum) == 0 || slices.Contains(parameter.Enum, w) {
			all = append(all, w)
			out = append(out, append(slices.Clone(elements), w))
		}
	}
	for i := range elements {
		out = append(out, slices.Delete(slices.Clone(elements), i, i+1))
	}
	return append(out, all)
}

func asNumber(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

// textsIn are the texts in a value, at any depth.
func textsIn(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			out = append(out, textsIn(e)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = append(out, textsIn(v[name])...)
		}
	}
	return out
}

// variants are an action, and the same of other types.
func variants(t *testing.T, of map[string]any) []*mesh.Action {
	t.Helper()
	head, _ := of["action"].(map[string]any)
	var out []*mesh.Action
	for _, typ := range []any{head["type"], "data.delete", "egress", "tool.call", "other"} {
		changed, action := maps.Clone(head), maps.Clone(of)
		changed["type"], action["action"] = typ, changed
		src, err := json.Marshal(action)
		if err != nil {
			t.Fatal(err)
		}
		a, err := decode.Action(src)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// content is a base.
type content []byte

func (c content) Base(mesh.BundleRef, mesh.Digest) ([]byte, error) { return c, nil }

// laidOver merges a profile of a primitive with a base of the same; nil is a
// profile that is refused, or a document that has no such value.
func laidOver(t *testing.T, p *primitives.Primitive, standard string, base, profile map[string]any) (*policy.Document, []mesh.Finding) {
	t.Helper()
	doc, findings := policy.Parse("profile.yaml", documentOf(t, p, profile, "extends", "acme/base@sha256:"+strings.Repeat("0", 64)))
	if doc == nil {
		return nil, findings
	}
	return policy.Resolve(doc, content(documentOf(t, p, base, "default", standard)))
}

// documentOf returns a document that uses a primitive, and says one thing more.
func documentOf(t *testing.T, p *primitives.Primitive, values map[string]any, key, value string) []byte {
	t.Helper()
	rules, _ := using(p, values)
	src, err := json.Marshal(map[string]any{"version": "3.0.0", "name": "n", "rules": rules, key: value})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// onlyNarrows fails if the profile is accepted and allows one of the actions
// that the base denies.
func onlyNarrows(t *testing.T, p *primitives.Primitive, standard string, base, profile map[string]any, actions []*mesh.Action) {
	t.Helper()
	merged, _ := laidOver(t, p, standard, base, profile)
	if merged == nil {
		return
	}
	alone, _ := policy.Parse("base.yaml", documentOf(t, p, base, "default", standard))
	strict, lax := enforcedOf(t, merged), enforcedOf(t, alone)
	for _, a := range actions {
		var s, l Result
		strict.Evaluate(t.Context(), a, Inline, &s)
		lax.Evaluate(t.Context(), a, Inline, &l)
		if s.Allowed && !l.Allowed {
			t.Fatalf("default %s: %v allows what %v denies (%v)\naction %+v", standard, profile, base, l.Violations, a)
		}
	}
}

func enforcedOf(t *testing.T, doc *policy.Document) *Program {
	t.Helper()
	p, err := Compile([]Policy{{ID: "acme/p", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Enforced()
}
