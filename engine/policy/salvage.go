package policy

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// maxSalvage bounds how often what is at fault is taken out: without one part,
// another can be.
const maxSalvage = 4

// Salvage returns what can be read of a document that [Parse] refuses: without
// the keys, values and rules whose shape is at fault. It is for checking the
// rest at once, never for deciding, and tells what else is wrong with the rest.
// The document is nil where nothing can be made of it.
func Salvage(file string, src []byte) (*Document, []mesh.Finding) {
	doc, _ := yamldoc.Parse(file, src)
	if doc == nil || doc.Root.Kind != yaml.MappingNode {
		return nil, nil
	}
	root, params := doc.Root, false
	for range maxSalvage {
		faults := schema().Validate(doc, root)
		if len(faults) == 0 {
			break
		}
		s := salvage{at: map[place]bool{}}
		for _, f := range faults {
			s.at[place{f.Line, f.Column}] = true
		}
		before := yamldoc.Get(root, "params")
		root = s.without(completed(root))
		params = params || s.removedBelow(before)
	}
	if len(schema().Validate(doc, root)) > 0 {
		return nil, nil
	}
	p := parser{doc: doc, lines: doc.Lines()}
	d := p.document(root)
	d.own = nil
	if params {
		d.Rules = withoutParams(d.Rules)
	}
	return d, p.findings
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

// salvage takes parts out of a tree. A mapping stands where its first key does,
// so that a place is looked for below a node before it counts as the node's.
type salvage struct {
	at      map[place]bool // the faults that were not found yet
	removed []*yaml.Node
}

func (s *salvage) hit(n *yaml.Node) bool {
	p := place{n.Line, n.Column}
	if !s.at[p] {
		return false
	}
	delete(s.at, p)
	s.removed = append(s.removed, n)
	return true
}

// without returns the tree without what is at fault in it.
func (s *salvage) without(n *yaml.Node) *yaml.Node {
	out := *n
	out.Content = nil
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if s.hit(key) {
				continue
			}
			if value := s.without(n.Content[i+1]); !s.hit(n.Content[i+1]) {
				out.Content = append(out.Content, key, value)
			}
		}
	case yaml.SequenceNode:
		for _, element := range n.Content {
			if kept := s.without(element); !s.hit(element) {
				out.Content = append(out.Content, kept)
			}
		}
	}
	return &out
}

// removedBelow reports whether anything that was removed is part of a tree.
func (s *salvage) removedBelow(n *yaml.Node) bool {
	if n == nil {
		return false
	}
	for _, r := range s.removed {
		if r == n {
			return true
		}
	}
	for _, child := range n.Content {
		if s.removedBelow(child) {
			return true
		}
	}
	return false
}

// withoutParams leaves out the rules of one's own that read parameters, some of
// which are not known any more.
func withoutParams(rules []Rule) []Rule {
	var out []Rule
	for _, r := range rules {
		if !strings.Contains(r.When.Source+r.Require.Source, "params") {
			out = append(out, r)
		}
	}
	return out
}
