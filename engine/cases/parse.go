package cases

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

//go:embed schema.json
var casesSchema []byte

// Schema returns the JSON Schema (2020-12) of a file of cases. Its actions are
// those of [policy.ActionSchema].
func Schema() []byte { return slices.Clone(casesSchema) }

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
	doc, findings := yamldoc.Parse(file, src)
	if doc == nil {
		return nil, findings
	}
	schema, _ := compiledSchemas()
	findings = append(findings, schema.Validate(doc, doc.Root)...)
	if mesh.HasErrors(findings) {
		return nil, findings
	}
	p := parser{doc: doc, findings: findings, base: yamldoc.Get(doc.Root, "base")}
	s := &Suite{File: file}
	if n := yamldoc.Get(doc.Root, "policy"); n != nil {
		s.Policy = n.Value
	}
	names := map[string]int{}
	for _, n := range yamldoc.Get(doc.Root, "cases").Content {
		name := yamldoc.Get(n, "name")
		if line := names[name.Value]; line != 0 {
			p.report(name, "duplicate-name", "a case of this name stands in line "+fmt.Sprint(line), "name what is different about this one")
		}
		names[name.Value] = name.Line
		if p.size > MaxActions {
			break
		}
		s.Cases = append(s.Cases, p.parseCase(n, name))
	}
	slices.SortStableFunc(p.findings, func(a, b mesh.Finding) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column, cmp.Compare(a.Message, b.Message))
	})
	p.findings = slices.Compact(p.findings) // a fault in base is one of every case
	if mesh.HasErrors(p.findings) {
		return nil, p.findings
	}
	return s, p.findings
}

type parser struct {
	doc      *yamldoc.Document
	base     *yaml.Node
	size     int // bytes of the actions so far
	findings []mesh.Finding
}

func (p *parser) report(n *yaml.Node, rule, message, hint string) {
	p.findings = append(p.findings, mesh.Finding{Position: p.doc.Position(n), Level: mesh.LevelError, Rule: rule, Message: message, Hint: hint})
}

func (p *parser) parseCase(n, name *yaml.Node) Case {
	c := Case{Name: name.Value, Position: p.doc.Position(name), Want: p.want(yamldoc.Get(n, "want"))}
	given := yamldoc.Get(n, "given")
	merged := merge(p.base, given)
	if merged == nil {
		p.report(name, "missing-key", "the case gives no action, and there is no base", "add given with an action.type")
		return c
	}
	_, schema := compiledSchemas()
	if found := schema.Validate(p.doc, merged); len(found) > 0 {
		p.findings = append(p.findings, found...)
		return c
	}
	data, err := json.Marshal(yamldoc.Value(merged))
	if p.size += len(data); p.size > MaxActions {
		p.report(name, "too-large", fmt.Sprintf("the actions of the cases have more than %d bytes in all", MaxActions), "make base smaller, or split the file")
		return c
	}
	if err == nil {
		c.Action, err = decode.Action(data)
	}
	if err != nil {
		p.report(name, "wrong-value", err.Error(), mesh.HintOf(err))
	}
	return c
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

func (p *parser) want(n *yaml.Node) Want {
	var w Want
	if allowed := yamldoc.Get(n, "allowed"); allowed != nil {
		v := yamldoc.Value(allowed) == true
		w.Allowed = &v
	}
	w.Violations = yamldoc.Texts(yamldoc.Get(n, "violations"))
	w.Errors = yamldoc.Texts(yamldoc.Get(n, "errors"))
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
		o := mesh.Obligation{Type: yamldoc.Get(child, "type").Value}
		if properties := yamldoc.Get(child, "properties"); properties != nil {
			o.Properties, _ = yamldoc.Value(properties).(map[string]any)
		}
		w.Obligations = append(w.Obligations, Obligation{Obligation: o})
	}
	return w
}
