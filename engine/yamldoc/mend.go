package yamldoc

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mender walks the tree of a document, reports what is YAML but not allowed
// here, and puts something that is allowed in its place.
type mender struct {
	doc     *Document
	found   *Findings
	hidden  bool // characters stand in the text that must not
	nodes   int
	full    bool                  // too many nodes: nothing more is looked at
	anchors map[*yaml.Node]extent // of the values with an anchor that were walked
}

// extent is how much a tree holds.
type extent struct{ nodes, depth int }

// fail reports a fault of a node, whose place any other fault comes of.
func (m *mender) fail(n *yaml.Node, rule, message, hint string) {
	m.doc.mended[n] = true
	if len(m.found.list) < MaxFindings {
		m.found.Add(failure(m.doc.File, n.Line, n.Column, rule, message, hint))
	} else {
		m.found.more++
	}
}

// nothing stands in the place of what cannot be used.
func (m *mender) nothing(n *yaml.Node) *yaml.Node {
	out := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null", Line: n.Line, Column: n.Column}
	m.doc.mended[out] = true
	m.doc.unusable = append(m.doc.unusable, out)
	return out
}

// value returns what counts in the place of a value, and its depth.
func (m *mender) value(n *yaml.Node, level int) (*yaml.Node, int) {
	if m.nodes++; m.nodes > MaxNodes {
		if !m.full {
			m.fail(n, "too-large", fmt.Sprintf("the file holds more than %d values", MaxNodes), "split it")
		}
		m.full = true
		return m.nothing(n), 1
	}
	if level > MaxDepth {
		m.fail(n, "too-deep", fmt.Sprintf("nested more than %d levels deep", MaxDepth), hintDepth)
		return m.nothing(n), 1
	}
	if n.Kind == yaml.AliasNode {
		m.fail(n, "yaml-alias", "aliases are not allowed", "write the value out")
		return m.resolve(n, level)
	}
	before := m.nodes
	m.properties(n)
	m.visible(n)
	depth := 1
	switch n.Kind {
	case yaml.MappingNode:
		depth += m.mapping(n, level)
	case yaml.SequenceNode:
		deepest := 0
		for i, child := range n.Content {
			out, below := m.value(child, level+1)
			n.Content[i], deepest = out, max(deepest, below)
			if m.full {
				n.Content = n.Content[:i+1]
				break
			}
		}
		depth += deepest
	case yaml.ScalarNode:
		m.scalar(n)
	}
	if n.Anchor != "" {
		m.anchors[n] = extent{1 + m.nodes - before, depth}
	}
	return n, depth
}

// scalar reports what is no number that JSON has. Where another spelling of it is
// one, that counts.
func (m *mender) scalar(n *yaml.Node) {
	_, plain, hint, err := scalar(n)
	if err == nil {
		return
	}
	m.fail(n, "yaml-value", err.Error(), hint)
	n.Value = plain
	if _, _, _, err := scalar(n); err != nil {
		m.doc.unusable = append(m.doc.unusable, n)
	}
}

// properties reports the anchor and the tag of a value. A tag that says nothing
// about its kind counts for none.
func (m *mender) properties(n *yaml.Node) {
	if n.Anchor != "" {
		m.fail(n, "yaml-alias", "the anchor &"+Shorten(n.Anchor)+" is not allowed", "remove it, and write the value out where it is used")
		delete(m.doc.mended, n) // the value is as it was
	}
	if n.Style&yaml.TaggedStyle == 0 {
		return
	}
	m.fail(n, "yaml-tag", "the tag "+Shorten(n.Tag)+" is not allowed", "remove it; put text into quotes")
	n.Style &^= yaml.TaggedStyle
	switch n.Kind {
	case yaml.MappingNode:
		n.Tag = "!!map"
	case yaml.SequenceNode:
		n.Tag = "!!seq"
	default:
		n.Tag = "!!str"
	}
}

// visible takes out of a text what was reported of it before it was parsed.
func (m *mender) visible(n *yaml.Node) {
	if !m.hidden || n.Kind != yaml.ScalarNode || n.Style&yaml.DoubleQuotedStyle != 0 {
		return
	}
	shown := strings.Map(func(r rune) rune {
		if message, _ := unwanted(r, true); message != "" {
			return -1
		}
		return r
	}, n.Value)
	if shown != n.Value {
		n.Value = shown
		m.doc.mended[n] = true
	}
}

// resolve returns what an alias stands for. Within itself it stands for
// nothing, and neither does one that would make the document too large.
func (m *mender) resolve(alias *yaml.Node, level int) (*yaml.Node, int) {
	of, walked := m.anchors[alias.Alias]
	if !walked || m.nodes+of.nodes > MaxNodes || level+of.depth > MaxDepth {
		return m.nothing(alias), 1
	}
	m.nodes += of.nodes
	return alias.Alias, of.depth
}

// mapping mends the entries of a mapping and returns the depth of the deepest.
func (m *mender) mapping(n *yaml.Node, level int) int {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	entries, deepest := n.Content, 0
	var merged []*yaml.Node
	n.Content = make([]*yaml.Node, 0, len(entries))
	for i := 0; i+1 < len(entries) && !m.full; i += 2 {
		m.nodes++
		merge := entries[i].Kind == yaml.ScalarNode && entries[i].ShortTag() == "!!merge"
		key := m.key(n, entries[i], first)
		value, below := m.value(entries[i+1], level+1)
		switch {
		case merge:
			merged = append(merged, value)
		case key != nil:
			n.Content, deepest = append(n.Content, key, value), max(deepest, below)
		}
	}
	for _, from := range merged {
		m.merge(n, from, first)
	}
	return deepest
}

// merge takes over what a merge key adds to a mapping.
func (m *mender) merge(into, from *yaml.Node, first map[string]*yaml.Node) {
	m.doc.mended[into] = true
	if from.Kind == yaml.SequenceNode {
		for _, element := range from.Content {
			if element.Kind == yaml.MappingNode {
				m.merge(into, element, first)
			}
		}
		return
	}
	if from.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(from.Content); i += 2 {
		if key := from.Content[i]; first[key.Value] == nil && m.nodes < MaxNodes {
			m.nodes += 2
			first[key.Value] = key
			into.Content = append(into.Content, key, from.Content[i+1])
		}
	}
}

// key returns what counts in the place of a key of a mapping; nil for nothing,
// and then what the mapping lacks comes of that. first holds the keys before
// it, by name.
func (m *mender) key(of, key *yaml.Node, first map[string]*yaml.Node) *yaml.Node {
	dropped := func(rule, message, hint string) *yaml.Node {
		m.fail(key, rule, message, hint)
		m.doc.mended[of] = true
		return nil
	}
	m.visible(key)
	name := Shorten(key.Value)
	if key.Kind == yaml.AliasNode || key.Anchor != "" {
		m.fail(key, "yaml-alias", "anchors and aliases are not allowed", "write the key out")
		switch key.Kind {
		case yaml.AliasNode:
			of := *key.Alias
			of.Line, of.Column = key.Line, key.Column
			key = &of
		case yaml.ScalarNode:
			m.anchors[key] = extent{1, 1}
		}
	} else if key.Style&yaml.TaggedStyle != 0 {
		m.fail(key, "yaml-tag", "the tag "+Shorten(key.Tag)+" is not allowed", "remove it; put text into quotes")
		key.Style, key.Tag = key.Style&^yaml.TaggedStyle, "!!str"
	}
	switch {
	case key.Kind != yaml.ScalarNode:
		return dropped("yaml-key", "a key must be text, not a list or mapping", "write the key out as text")
	case key.ShortTag() == "!!merge":
		return dropped("yaml-alias", "merge keys are not allowed", "write the values out")
	case key.ShortTag() == "!!null" && key.Value == "":
		return dropped("yaml-key", "the key is missing here", "write a key before the colon")
	case key.ShortTag() != "!!str":
		m.fail(key, "yaml-key", "the key "+name+" is not text", `write it as "`+name+`"`)
		key.Tag = "!!str"
	}
	if before := first[key.Value]; before != nil {
		m.fail(key, "duplicate-key", fmt.Sprintf("the key %s stands here for the second time", name),
			fmt.Sprintf("keep one of them; the first is in line %d, column %d", before.Line, before.Column))
		return nil
	}
	first[key.Value] = key
	return key
}
