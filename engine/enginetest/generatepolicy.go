package enginetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
)

// Policies makes a set of one to three policies. Some are the same but for
// their parameters and mode: what one makes of an action must not leak into
// the other.
func (g *Generator) Policies() ([]Source, error) {
	set := make([]Source, pick(g, []int{1, 1, 1, 2, 3}))
	var declared []param
	for i := range set {
		id := fmt.Sprintf("generated/p%d", i)
		if i > 0 && g.chance(30) {
			set[i] = set[i-1]
			set[i].ID, set[i].Params, set[i].Mode = id, g.given(declared), g.mode()
			continue
		}
		var err error
		if set[i], declared, err = g.policyOf(id); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// Policy makes a policy: built-in sections with any parameters that the
// published schema allows, and rules of its own in CEL.
func (g *Generator) Policy(id string) (Source, error) {
	source, _, err := g.policyOf(id)
	return source, err
}

// policyOf also returns the parameters that the policy declares.
func (g *Generator) policyOf(id string) (Source, []param, error) {
	params, declared := g.params()
	rules := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(g.policy.Properties["rules"].Properties)) {
		if name == "custom" || !g.chance(50) {
			continue
		}
		if v, ok := g.fill(g.policy.Properties["rules"].Properties[name], name); ok {
			rules[name] = v
		}
	}
	if n := g.random.IntN(9); n > 0 {
		rules["custom"] = g.custom(n, declared)
	}
	doc := map[string]any{"version": "3.0.0", "name": "generated", "rules": rules}
	if len(params) > 0 {
		doc["params"] = params
	}
	if g.chance(25) {
		doc["default"] = pick(g, []string{"allow", "deny"})
	}
	if g.chance(50) {
		doc["enforcement"] = map[string]any{"mode": pick(g, []string{"enforce", "enforce", "monitor", "audit"})}
	}
	data, err := yaml.Marshal(doc)
	if err != nil {
		return Source{}, nil, fmt.Errorf("writing a policy: %w", err)
	}
	return Source{ID: id, YAML: string(data), Params: g.given(declared), Mode: g.mode()}, declared, nil
}

// mode makes the mode that an operator sets.
func (g *Generator) mode() mesh.Mode {
	if g.chance(85) {
		return ""
	}
	return pick(g, []mesh.Mode{mesh.ModeEnforce, mesh.ModeMonitor, mesh.ModeAudit})
}

// fill makes a value that a schema allows; ok is false where none comes to
// mind. Of an object it fills about half of what may be left out.
func (g *Generator) fill(s *schema, path string) (v any, ok bool) {
	if name, ref := strings.CutPrefix(s.Ref, "#/$defs/"); ref {
		return g.fill(g.policy.Defs[name].with(s), path)
	}
	switch {
	case len(s.Enum) > 0:
		return pick(g, s.Enum), true
	case s.Const != nil:
		return s.Const, true
	case s.Type == "" && len(s.OneOf) > 0:
		return g.fill(pick(g, s.OneOf), path)
	case s.Type == "" && len(s.AnyOf) > 0:
		return g.fill(pick(g, s.AnyOf), path)
	}
	switch s.Type {
	case "boolean":
		return g.chance(80), true
	case "integer":
		return g.whole(s.Minimum, s.Maximum), true
	case "number":
		return g.number(s.Minimum, s.Maximum), true
	case "string":
		return g.fillText(s, path)
	case "array":
		return g.fillList(s, path)
	case "object":
		return g.fillObject(s, path)
	}
	return nil, false
}

func (g *Generator) fillText(s *schema, path string) (any, bool) {
	fits := func(word string) bool { return word != "" }
	if s.Pattern != "" {
		pattern, err := regexp.Compile(s.Pattern)
		if err != nil {
			return nil, false
		}
		fits = pattern.MatchString
	}
	if s.Format == "domain" {
		fits = func(word string) bool { return slices.Contains(words["host"], word) }
	}
	if g.chance(5) {
		path, _, _ = strings.Cut(path, ".") // what the section is about
	}
	for _, list := range [][]string{wordsOf(path), g.every} {
		fitting := slices.DeleteFunc(slices.Clone(list), func(word string) bool { return !fits(word) })
		if len(fitting) > 0 {
			return pick(g, fitting), true
		}
	}
	return nil, false
}

func (g *Generator) fillList(s *schema, path string) (any, bool) {
	list := []any{}
	n := max(s.MinItems, g.random.IntN(4))
	if s.MaxItems != nil {
		n = min(n, *s.MaxItems)
	}
	for range 4 * n {
		v, ok := g.fill(s.Items, path)
		if twice := slices.ContainsFunc(list, func(e any) bool { return same(plain(e), plain(v)) }); !ok || twice {
			continue
		}
		if list = append(list, v); len(list) == n {
			break
		}
	}
	return list, len(list) >= s.MinItems
}

func (g *Generator) fillObject(s *schema, path string) (any, bool) {
	object := map[string]any{}
	required := s.Required
	if len(s.AnyOf) > 0 {
		required = slices.Concat(required, pick(g, s.AnyOf).Required)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		needed := slices.Contains(required, name)
		if !needed && g.chance(40) {
			continue
		}
		v, ok := g.fill(s.Properties[name], path+"."+name)
		switch {
		case ok:
			object[name] = v
		case needed:
			return nil, false
		}
	}
	if extra, pattern := s.extra(); extra != nil {
		for range max(s.MinProperties, g.random.IntN(3)) {
			name, ok := g.propertyName(s, pattern, path)
			if !ok {
				break
			}
			if v, ok := g.fill(extra, g.subject(path)); ok {
				object[name] = v
			}
		}
	}
	return object, len(object) >= s.MinProperties && len(object) > 0
}

// extra returns the schema of properties whose names are free, and the pattern
// of their names if they have one; nil if there are none.
func (s *schema) extra() (values *schema, pattern string) {
	if patterns := slices.Sorted(maps.Keys(s.PatternProperties)); len(patterns) > 0 {
		return s.PatternProperties[patterns[0]], patterns[0]
	}
	if len(s.AdditionalProperties) == 0 || s.AdditionalProperties[0] != '{' {
		return nil, ""
	}
	values = new(schema)
	if err := json.Unmarshal(s.AdditionalProperties, values); err != nil {
		return nil, ""
	}
	return values, ""
}

// subject returns what the values of a map are about: hosts in
// egress.hosts_by_category, purposes or agents in purposes.by_agent.
func (g *Generator) subject(path string) string {
	about, by, ok := strings.Cut(path, "by_")
	if ok && strings.HasSuffix(about, ".") && g.chance(50) {
		return by
	}
	return about
}

// propertyName makes a name for a property whose name is free: what the
// description calls it ("…, by category"), or the path, or something of what
// the section is about.
func (g *Generator) propertyName(s *schema, pattern, path string) (string, bool) {
	names := &schema{Type: "string", Pattern: pattern}
	if s.PropertyNames != nil && pattern == "" {
		names = s.PropertyNames
	}
	section, _, _ := strings.Cut(path, ".")
	about := section
	if at := strings.LastIndex(s.Description, ", by "); at >= 0 && topical(s.Description[at:]) {
		about = s.Description[at:]
	} else if _, by, ok := strings.Cut(path, "by_"); ok {
		about = by
	}
	if g.chance(5) {
		about = path
	}
	v, ok := g.fill(names, about)
	name, text := v.(string)
	return name, ok && text
}

// param is a declared parameter, as expressions read it.
type param struct {
	name string
	kind Kind // Text, Flag, Whole, Number or List of texts
}

var paramTypes = map[Kind]string{Text: "string", Flag: "boolean", Whole: "integer", Number: "number", List: "array"}

func (g *Generator) params() (map[string]any, []param) {
	params := map[string]any{}
	var declared []param
	for _, p := range []param{{"region", Text}, {"strict", Flag}, {"limit", Whole}, {"score", Number}, {"hosts", List}, {"purposes", List}} {
		if !g.chance(40) {
			continue
		}
		declaration := map[string]any{"type": paramTypes[p.kind], "default": g.paramValue(p)}
		if p.kind == List {
			declaration["items"] = map[string]any{"type": "string"}
		}
		params[p.name] = declaration
		declared = append(declared, p)
	}
	return params, declared
}

func (g *Generator) paramValue(p param) any {
	switch p.kind {
	case Flag:
		return g.chance(50)
	case Whole:
		return pick(g, limits)
	case Number:
		return pick(g, scores)
	case List:
		list := []any{}
		for range g.random.IntN(3) {
			list = append(list, pick(g, wordsOf(p.name)))
		}
		return list
	}
	return pick(g, wordsOf(p.name))
}

// given makes what a subscriber sets.
func (g *Generator) given(declared []param) map[string]any {
	var given map[string]any
	for _, p := range declared {
		if g.chance(30) {
			if given == nil {
				given = map[string]any{}
			}
			given[p.name] = g.paramValue(p)
		}
	}
	return given
}

func (g *Generator) custom(n int, declared []param) []any {
	c := &celWriter{Generator: g, params: declared}
	var rules []any
	for i := range n {
		rule := map[string]any{"id": fmt.Sprintf("r%d", i)}
		if g.chance(80) {
			rule["when"] = c.when()
		}
		if g.chance(90) {
			rule["require"] = c.truth(pick(g, []int{0, 1, 1, 2, 2, 3, 4})).text
		}
		if rule["require"] == nil || g.chance(15) {
			rule["obligations"] = g.obligations()
		}
		rules = append(rules, rule)
	}
	return rules
}

func (g *Generator) obligations() []any {
	var list []any
	for range 1 + g.random.IntN(2) {
		o := map[string]any{"type": pick(g, []string{"mask", "notify", "log"})}
		if g.chance(50) {
			o["properties"] = map[string]any{"categories": []any{pick(g, words["category"])}, "level": pick(g, limits)}
		}
		list = append(list, o)
	}
	return list
}
