package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// maxSalvage bounds how often what is at fault is taken out: without one part,
// another can be.
const maxSalvage = 6

// Salvage reads a document as [Parse] does, with the same findings. Of one with
// errors it returns what can be understood: without the keys, values and rules
// that are at fault. That is for checking the rest at once, never for deciding:
// see [Document.Partial]. The document is nil where nothing can be made of it.
func Salvage(file string, src []byte) (*Document, []mesh.Finding) {
	doc, found := yamldoc.Mend(file, src)
	if doc == nil {
		return nil, found.List()
	}
	newer, stop := checkVersion(doc, found)
	if stop {
		return nil, found.List()
	}
	s := salvage{doc: doc, lacks: map[string]bool{}, rules: map[*yaml.Node]bool{}}
	root := s.fit(doc.Root, newer, found)
	if root == nil {
		return nil, found.List()
	}
	p := parser{doc: doc, lines: doc.Lines()}
	d := p.document(root)
	d.partial = found.HasErrors() || mesh.HasErrors(p.findings)
	if d.partial {
		unknown := withoutOf(doc.Root, d)
		if yamldoc.Get(doc.Root, "extends") != nil && d.Extends == nil {
			s.lacks["extends"] = true
			unknown = anyParam()
		}
		d.lacks = s.lacks
		d.damage(s.rules, unknown)
		p.findings = slices.DeleteFunc(p.findings, func(f mesh.Finding) bool { return f.Level != mesh.LevelError && d.follows(f.Rule) })
	}
	found.Add(p.findings...)
	return d, found.List()
}

// follows reports whether a warning may come of what is missing.
func (d *Document) follows(rule string) bool {
	switch rule {
	case "no-rules":
		return true // what there is may stand in the wrong place
	case "unused-option", "no-valid-purposes", "unused-purposes", "unused-controls":
		return d.Lacks("rules", "extends")
	}
	return false
}

// damage marks the rules that are not what the file says. broken are those of
// one's own, and params the parameters that are declared and not known.
func (d *Document) damage(broken map[*yaml.Node]bool, params []string) {
	at := map[mesh.Position]bool{}
	for n := range broken {
		at[mesh.Position{File: d.File, Line: n.Line, Column: n.Column}] = true
	}
	for i := range d.Rules {
		r := &d.Rules[i]
		switch {
		case r.Primitive != "":
			r.Damaged = d.lacks["sections"]
		case reads(*r, params):
			r.Damaged, r.When, r.Require = true, Expr{}, Expr{}
		case at[r.Position]:
			r.Damaged = true
		}
	}
}

// reads reports whether a rule of one's own may read one of the parameters.
func reads(r Rule, params []string) bool {
	source := r.When.Source + "\n" + r.Require.Source
	return strings.Contains(source, "params") && slices.ContainsFunc(params, func(name string) bool { return strings.Contains(source, name) })
}

// anyParam is a part of every parameter's name.
func anyParam() []string { return []string{""} }

// withoutOf returns the parameters that the file declares and the document does
// not have. Where it declares them in no way that is known it is any.
func withoutOf(root *yaml.Node, d *Document) []string {
	n := yamldoc.Get(root, "params")
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return anyParam()
	}
	var out []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if name := n.Content[i].Value; d.Param(name) == nil {
			out = append(out, name)
		}
	}
	return out
}

// Mentions reports whether the file has a rule of that id, or may have had one
// if not all of it could be understood.
func (d *Document) Mentions(id string) bool {
	if slices.ContainsFunc(d.Rules, func(r Rule) bool { return r.ID == id }) || d.DenyByDefault && id == RuleDefault {
		return true
	}
	if !d.partial {
		return false
	}
	return d.Lacks("extends") || d.Lacks("default") && id == RuleDefault || d.Lacks("sections") && primitives.Lookup(id) != nil || d.lacks["rules."+id] || d.lacks["sections."+section(id)]
}

// section is the first part of a built-in rule's id.
func section(id string) string {
	first, _, _ := strings.Cut(id, ".")
	return first
}

// fit takes out of a tree what does not fit the schema, and reports it. It is
// nil where nothing is left, and where more was found than is reported.
func (s *salvage) fit(root *yaml.Node, newer bool, found *yamldoc.Findings) *yaml.Node {
	shape := &yamldoc.Findings{}
	faults := append(schema().Check(s.doc, root, shape), s.doc.Unusable()...)
	hintExtends(root, shape.Said())
	if newer {
		mentionVersion(s.doc, shape.Said())
	}
	found.Join(shape)
	if root.Kind != yaml.MappingNode || found.Full() {
		return nil
	}
	if len(faults) > 0 {
		s.nameRules(root)
		faults = append(schema().Check(s.doc, root, &yamldoc.Findings{}), s.doc.Unusable()...)
	}
	for range maxSalvage {
		if len(faults) == 0 {
			return root
		}
		s.at = map[*yaml.Node]bool{}
		for _, n := range faults {
			s.at[n] = true
		}
		s.note(root)
		root = s.without(completed(root))
		s.nameRules(root)
		faults = schema().Check(s.doc, root, &yamldoc.Findings{})
	}
	return nil
}

// completed adds what every document must have.
func completed(root *yaml.Node) *yaml.Node {
	out := *root
	for key, value := range map[string]*yaml.Node{
		"version": {Kind: yaml.ScalarNode, Tag: "!!str", Value: Version},
		"name":    {Kind: yaml.ScalarNode, Tag: "!!str", Value: "unnamed"},
		"rules":   {Kind: yaml.MappingNode, Tag: "!!map"},
	} {
		if yamldoc.Get(root, key) == nil {
			out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
		}
	}
	return &out
}

// salvage takes parts out of a tree.
type salvage struct {
	doc   *yamldoc.Document
	at    map[*yaml.Node]bool // the keys and values at fault
	lacks map[string]bool     // keys of the file below which something was taken out
	rules map[*yaml.Node]bool // ids of the rules of one's own that lack something
}

// nameRules gives the rules of one's own an id whose ids are at fault, so that
// the rest of them is checked.
func (s *salvage) nameRules(root *yaml.Node) {
	custom := yamldoc.Get(yamldoc.Get(root, "rules"), "custom")
	if custom == nil || custom.Kind != yaml.SequenceNode {
		return
	}
	for _, rule := range custom.Content {
		if rule.Kind != yaml.MappingNode || yamldoc.Get(rule, "id") != nil {
			continue
		}
		id := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: fmt.Sprintf("rule-in-line-%d-%d", rule.Line, rule.Column), Line: rule.Line, Column: rule.Column}
		rule.Content = append(rule.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "id", Line: rule.Line, Column: rule.Column}, id)
		s.rules[id] = true
	}
}

// without returns the tree without what is at fault in it.
func (s *salvage) without(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		return n
	}
	out := *n
	out.Content = nil
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key, value := n.Content[i], n.Content[i+1]; !s.at[key] && !s.at[value] {
				out.Content = append(out.Content, key, s.without(value))
			}
		}
	case yaml.SequenceNode:
		for _, element := range n.Content {
			if !s.at[element] {
				out.Content = append(out.Content, s.without(element))
			}
		}
	}
	return &out
}

// below reports whether anything that is at fault is part of a tree.
func (s *salvage) below(n *yaml.Node) bool {
	return s.at[n] || slices.ContainsFunc(n.Content, s.below)
}

// note remembers of which parts of the document something is taken out.
func (s *salvage) note(root *yaml.Node) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if !s.at[key] && !s.below(value) {
			continue
		}
		s.lacks[key.Value] = true
		if key.Value == "rules" {
			s.noteRules(value)
		}
	}
}

// noteRules tells the built-in sections from rules of one's own.
func (s *salvage) noteRules(rules *yaml.Node) {
	s.lacks["sections"] = s.lacks["sections"] || rules.Kind != yaml.MappingNode
	for i := 0; i+1 < len(rules.Content); i += 2 {
		key, value := rules.Content[i], rules.Content[i+1]
		switch {
		case !s.at[key] && !s.below(value):
		case key.Value != "custom" || value.Kind != yaml.SequenceNode:
			s.lacks["sections"] = true
			s.lacks["sections."+key.Value] = true
		default:
			for _, rule := range value.Content {
				if id := yamldoc.Get(rule, "id"); id != nil && (s.at[value] || s.below(rule)) {
					s.rules[id] = true
					s.lacks["rules."+id.Value] = true
				}
			}
		}
	}
}
