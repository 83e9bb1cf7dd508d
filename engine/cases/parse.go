package cases

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

//go:embed schema.json
var casesSchema []byte

// Schema returns the JSON Schema (2020-12) of a file of cases, as it is
// published. Its actions are those of [policy.ActionSchema], in parts.
func Schema() []byte { return slices.Clone(published()) }

// published adds to the schema what base and given hold, for editors. Parse does
// not need it: it checks the actions that both make.
var published = sync.OnceValue(func() []byte {
	var file, action map[string]any
	if err := errors.Join(json.Unmarshal(casesSchema, &file), json.Unmarshal(policy.ActionSchema(), &action)); err != nil {
		panic(err) // both are embedded
	}
	properties := file["properties"].(map[string]any)
	list := properties["cases"].(map[string]any)["items"].(map[string]any)["properties"].(map[string]any)
	for _, part := range []any{properties["base"], list["given"]} {
		described := part.(map[string]any)
		described["additionalProperties"], described["properties"] = false, parts(action["properties"].(map[string]any))
	}
	out, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(out, '\n')
})

// parts returns the schemas of what an object may hold, each of a part: nothing
// is required, and null removes.
func parts(properties map[string]any) map[string]any {
	out := make(map[string]any, len(properties))
	for name, schema := range properties {
		part := maps.Clone(schema.(map[string]any))
		delete(part, "required")
		if typ, ok := part["type"].(string); ok {
			part["type"] = []any{typ, "null"}
		}
		if inner, ok := part["properties"].(map[string]any); ok {
			part["properties"] = parts(inner)
		}
		out[name] = part
	}
	return out
}

// compiledSchemas are embedded, so that a fault in them is one of the program;
// the tests compile them.
var compiledSchemas = sync.OnceValues(func() (file, action *yamldoc.Schema) {
	return mustCompile(casesSchema), mustCompile(policy.ActionSchema())
})

func mustCompile(src []byte) *yamldoc.Schema {
	s, err := yamldoc.CompileSchema(src)
	if err != nil {
		panic(err)
	}
	return s
}

// Parse reads a file of cases and reports everything that is wrong with it at
// once, in the order of the file. The suite is nil if any finding is an error.
func Parse(file string, src []byte) (*Suite, []mesh.Finding) {
	s, findings := Salvage(file, src)
	if mesh.HasErrors(findings) {
		return nil, findings
	}
	return s, findings
}

// Salvage is [Parse] for checking as much as possible at once: of a file with
// errors it returns a suite without cases, which knows what they want. It is nil
// where nothing can be made of the file.
func Salvage(file string, src []byte) (*Suite, []mesh.Finding) {
	doc, found := yamldoc.Mend(file, src)
	if doc == nil {
		return nil, found.List()
	}
	schema, _ := compiledSchemas()
	p := parser{doc: doc, found: found, faults: map[*yaml.Node]bool{}, seen: map[mesh.Finding]bool{}, suite: &Suite{File: file}}
	for _, n := range append(schema.Check(doc, doc.Root, found), doc.Unusable()...) {
		p.faults[n] = true
	}
	if doc.Root.Kind != yaml.MappingNode {
		return nil, found.List()
	}
	p.base = yamldoc.Get(doc.Root, "base")
	p.baseUnknown = p.faults[p.base] || p.base == nil && p.unknownKeys(doc.Root)
	if n := p.text(doc.Root, "policy"); n != nil {
		p.suite.Policy = n.Value
	}
	if list := yamldoc.Get(doc.Root, "cases"); list != nil && list.Kind == yaml.SequenceNode {
		p.cases(list.Content)
	}
	if found.HasErrors() {
		p.suite.Cases = nil
	}
	return p.suite, found.List()
}

type parser struct {
	doc         *yamldoc.Document
	found       *yamldoc.Findings
	faults      map[*yaml.Node]bool   // what does not fit the schema
	seen        map[mesh.Finding]bool // of actions: a fault in base is one of every case
	base        *yaml.Node
	baseUnknown bool // what cases start from is not known
	size        int  // bytes of the actions so far
	suite       *Suite
}

func (p *parser) report(n *yaml.Node, rule, message, hint string) {
	p.found.Add(mesh.Finding{Position: p.doc.Position(n), Level: mesh.LevelError, Rule: rule, Message: message, Hint: hint})
}

// text returns the text at a key; nil for none, and for what is none.
func (p *parser) text(n *yaml.Node, key string) *yaml.Node {
	if v := yamldoc.Get(n, key); v != nil && v.Kind == yaml.ScalarNode && !p.faults[v] {
		return v
	}
	return nil
}

// unknownKeys reports whether a mapping has keys that should not be there: each
// may be a misspelt one.
func (p *parser) unknownKeys(n *yaml.Node) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if p.faults[n.Content[i]] {
			return true
		}
	}
	return false
}

// cases reads the cases as far as each can be understood.
func (p *parser) cases(list []*yaml.Node) {
	names := map[string]int{}
	for _, n := range list {
		if n.Kind != yaml.MappingNode {
			continue
		}
		name := p.text(n, "name")
		if name == nil {
			name = n
		} else if line := names[name.Value]; line != 0 {
			p.report(name, "duplicate-name", "a case of this name stands in line "+fmt.Sprint(line), "name what is different about this one")
		}
		names[name.Value] = name.Line
		c := Case{Name: name.Value, Position: p.doc.Position(name), Want: p.want(yamldoc.Get(n, "want"))}
		if p.size <= MaxActions {
			c.Action = p.action(n, name)
		}
		p.suite.Cases = append(p.suite.Cases, c)
	}
}

// action returns the action of a case; nil if it is at fault or not known.
func (p *parser) action(n, name *yaml.Node) *mesh.Action {
	given := yamldoc.Get(n, "given")
	if p.faults[given] || given == nil && p.unknownKeys(n) {
		return nil
	}
	base := p.base
	if p.baseUnknown {
		base = nil
	}
	merged := merge(base, given)
	if merged == nil && p.baseUnknown {
		return nil
	}
	if merged == nil {
		p.report(name, "missing-key", "the case gives no action, and there is no base", "add given with an action.type")
		return nil
	}
	_, schema := compiledSchemas()
	if found := schema.Validate(p.doc, merged); len(found) > 0 {
		for _, f := range found {
			if baseMayHave := p.baseUnknown && f.Rule == "missing-key"; !p.seen[f] && !baseMayHave {
				p.found.Add(f)
			}
			p.seen[f] = true
		}
		return nil
	}
	data, err := json.Marshal(yamldoc.Value(merged))
	if p.size += len(data); p.size > MaxActions {
		p.report(name, "too-large", fmt.Sprintf("the actions of the cases have more than %d bytes in all", MaxActions), "make base smaller, or split the file")
		return nil
	}
	var action *mesh.Action
	if err == nil {
		action, err = decode.Action(data)
	}
	if err != nil {
		p.report(name, "wrong-value", err.Error(), mesh.HintOf(err))
	}
	return action
}

// merge lays the mapping over another. Its nodes keep their places in the
// file. Null removes the key.
func merge(base, over *yaml.Node) *yaml.Node {
	if over == nil {
		return strip(base)
	}
	if base == nil || base.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode {
		return strip(over)
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: over.Tag, Line: over.Line, Column: over.Column}
	under := map[string]*yaml.Node{}
	for i := 0; i+1 < len(base.Content); i += 2 {
		under[base.Content[i].Value] = base.Content[i+1]
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		key, value := over.Content[i], over.Content[i+1]
		if !isNull(value) {
			out.Content = append(out.Content, key, merge(under[key.Value], value))
		}
		delete(under, key.Value)
	}
	for i := 0; i+1 < len(base.Content); i += 2 {
		if key, value := base.Content[i], base.Content[i+1]; under[key.Value] != nil && !isNull(value) {
			out.Content = append(out.Content, key, strip(value))
		}
	}
	return out
}

// strip leaves out what is null, in mappings.
func strip(n *yaml.Node) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return n
	}
	out := *n
	out.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isNull(n.Content[i+1]) {
			out.Content = append(out.Content, n.Content[i], strip(n.Content[i+1]))
		}
	}
	return &out
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// want reads what a case wants, as far as it can be understood.
func (p *parser) want(n *yaml.Node) Want {
	var w Want
	if allowed := yamldoc.Get(n, "allowed"); allowed != nil {
		v := yamldoc.Value(allowed) == true
		w.Allowed = &v
	}
	w.Violations = p.ids(yamldoc.Get(n, "violations"))
	w.Errors = p.ids(yamldoc.Get(n, "errors"))
	obligations := yamldoc.Get(n, "obligations")
	if obligations == nil {
		return w
	}
	w.Obligations = []Obligation{}
	for _, child := range obligations.Content {
		if child.Kind == yaml.ScalarNode {
			w.Obligations = append(w.Obligations, Obligation{Obligation: mesh.Obligation{Type: child.Value}, TypeOnly: true})
			continue
		}
		typ := p.text(child, "type")
		if typ == nil {
			continue
		}
		o := mesh.Obligation{Type: typ.Value}
		if properties := yamldoc.Get(child, "properties"); properties != nil {
			o.Properties, _ = yamldoc.Value(properties).(map[string]any)
		}
		w.Obligations = append(w.Obligations, Obligation{Obligation: o})
	}
	return w
}

// ids reads a list of rule ids and remembers where each stands.
func (p *parser) ids(n *yaml.Node) []string {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]string, 0, len(n.Content))
	for _, child := range n.Content {
		if child.Kind == yaml.ScalarNode && !p.faults[child] {
			out = append(out, child.Value)
			p.suite.wanted = append(p.suite.wanted, policy.Label{Value: child.Value, Position: p.doc.Position(child)})
		}
	}
	return out
}

// Lint reports the rules that cases want to be violated, or not to be evaluated,
// and that the policy does not have: such a case can only fail. The document may
// be partial.
func (s *Suite) Lint(doc *policy.Document) []mesh.Finding {
	var ids []string
	for i := range doc.Rules {
		ids = append(ids, doc.Rules[i].ID)
	}
	var out []mesh.Finding
	for _, label := range s.wanted {
		if !doc.Mentions(label.Value) {
			out = append(out, mesh.Finding{
				Position: label.Position, Level: mesh.LevelError, Rule: "unknown-rule",
				Message: "the policy has no rule " + yamldoc.Shorten(label.Value), Hint: spelling.DidYouMean(label.Value, ids),
			})
		}
	}
	return out
}
