// Package yamldoc reads the YAML documents people write — policies and their
// cases — strictly and with positions.
//
// [Parse] accepts the part of YAML that JSON has, in one document of UTF-8
// text: no anchors and aliases (nothing expands), no tags, no merge keys, no
// directives, no key twice, text keys only, and numbers as the core schema of
// YAML 1.2 spells them. What readers could disagree about is refused too:
// control characters, those that hide or turn text, and line ends that are
// neither LF nor CRLF. A [Schema]
// then checks the shape against a JSON Schema and says for every fault where
// it is. Both report everything they find at once, and [Mend] makes what it can
// of a document that Parse refuses, so that the shape of the rest can be checked,
// too.
package yamldoc

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
)

// Limits of a document.
const (
	MaxSize  = 1 << 20 // bytes; the limit of a bundle's rules layer
	MaxDepth = 64      // nested mappings and sequences
	MaxNodes = 200_000 // values and keys
)

// Document is a YAML document that passed [Parse], or what [Mend] made of one
// that does not.
type Document struct {
	File string
	Root *yaml.Node // the document's value, not the document node
	src  []byte     // without a byte order mark
	// files are where nodes stand that [Document.Overlay] took from others.
	files map[*yaml.Node]string
	// mended are the nodes that Mend put something else in the place of, or
	// took something from: whatever else is wrong there comes of it.
	mended map[*yaml.Node]bool
	// unusable are those of them whose value is not known.
	unusable []*yaml.Node
}

// Parse reads one document. It is nil if any finding is an error. file is only
// used in positions. What follows the first [MaxSize] bytes is not looked at,
// so that a reader may stop behind them.
func Parse(file string, src []byte) (*Document, []mesh.Finding) {
	d, found := Mend(file, src)
	if findings := found.List(); len(findings) > 0 {
		return nil, findings
	}
	return d, nil
}

// Mend reads one document as [Parse] does, and makes of one that Parse refuses
// what can be understood, so that the rest of it can be checked at once: an
// alias counts as what it stands for, of a key that stands there twice the first
// value counts, a tag counts for nothing. The document is nil where the text is
// no YAML at all.
func Mend(file string, src []byte) (*Document, *Findings) {
	src = bytes.TrimPrefix(src, []byte(byteOrderMark))
	found := &Findings{}
	if !checkText(file, src, found) {
		return nil, found
	}
	root, fault := decode(file, src)
	if fault != nil {
		if found.Empty() { // else it is probably what the parser stumbled over
			found.Add(*fault)
		}
		return nil, found
	}
	d := &Document{File: file, Root: root, src: src, mended: map[*yaml.Node]bool{}}
	m := mender{doc: d, found: found, hidden: !found.Empty(), anchors: map[*yaml.Node]extent{}}
	if d.Root, _ = m.value(root, 1); m.full {
		return nil, found
	}
	return d, found
}

// decode parses the text. The fault is what makes that impossible.
func decode(file string, src []byte) (*yaml.Node, *mesh.Finding) {
	fault := func(f mesh.Finding) (*yaml.Node, *mesh.Finding) { return nil, &f }
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return fault(failure(file, 1, 1, "yaml-syntax", "the file is empty", "write the document into it"))
		}
		return fault(syntaxError(file, src, err))
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return fault(failure(file, second.Line, second.Column, "yaml-documents", "a second document begins here", "put each document into a file of its own"))
	} else if !errors.Is(err, io.EOF) {
		return fault(syntaxError(file, src, err))
	}
	return root.Content[0], nil
}

// Unusable returns the values that [Mend] could make nothing of. They are null.
func (d *Document) Unusable() []*yaml.Node { return d.unusable }

// Lines returns the lines of the file, as positions count them.
func (d *Document) Lines() [][]byte { return bytes.Split(d.src, []byte("\n")) }

// Position returns where n begins.
func (d *Document) Position(n *yaml.Node) mesh.Position {
	file, elsewhere := d.files[n]
	if !elsewhere {
		file = d.File
	}
	return mesh.Position{File: file, Line: n.Line, Column: n.Column}
}

func failure(file string, line, column int, rule, message, hint string) mesh.Finding {
	return mesh.Finding{Position: mesh.Position{File: file, Line: line, Column: column}, Level: mesh.LevelError, Rule: rule, Message: message, Hint: hint}
}

// Value returns n as encoding/json would: nil, bool, int64, float64, string,
// []any or map[string]any.
func Value(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = Value(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		s := make([]any, len(n.Content))
		for i, child := range n.Content {
			s[i] = Value(child)
		}
		return s
	}
	v, _, _, err := scalar(n)
	if err != nil {
		return nil // of a document that Parse refuses
	}
	return v
}

// Find returns the value at key of a mapping, and the key; nil if n is no
// mapping or has no such key.
func Find(n *yaml.Node, key string) (keyNode, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// Get is [Find] without the key.
func Get(n *yaml.Node, key string) *yaml.Node {
	_, v := Find(n, key)
	return v
}

// Texts returns the elements of a list of texts; nil if there is no list.
func Texts(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	out := make([]string, len(n.Content))
	for i, child := range n.Content {
		out[i] = child.Value
	}
	return out
}
