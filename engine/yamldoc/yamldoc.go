// Package yamldoc reads the YAML documents people write — policies and their
// cases — strictly and with positions.
//
// [Parse] accepts the part of YAML that JSON has, in one document of UTF-8
// text: no anchors and aliases (nothing expands), no tags, no merge keys, no
// key twice, text keys only. What readers could disagree about is refused too:
// control characters, those that hide or turn text, and line ends that are
// neither LF nor CRLF. A [Schema]
// then checks the shape against a JSON Schema and says for every fault where
// it is. Both report everything they find at once.
package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
)

// Limits of a document.
const (
	MaxSize  = 1 << 20 // bytes; the limit of a bundle's rules layer
	MaxDepth = 64      // nested mappings and sequences
	MaxNodes = 200_000 // values and keys
	// maxFindings bounds what is reported of one document, so that a hostile
	// one does not fill the reader's memory.
	maxFindings = 200
)

// Document is a YAML document that passed [Parse].
type Document struct {
	File string
	Root *yaml.Node // the document's value, not the document node
	src  []byte     // without a byte order mark
	// files are where nodes stand that [Document.Overlay] took from others.
	files map[*yaml.Node]string
}

// Parse reads one document. It is nil if any finding is an error. file is only
// used in positions. What follows the first [MaxSize] bytes is not looked at,
// so that a reader may stop behind them.
func Parse(file string, src []byte) (*Document, []mesh.Finding) {
	src = bytes.TrimPrefix(src, []byte(byteOrderMark))
	if f, ok := checkText(file, src); !ok {
		return nil, []mesh.Finding{f}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, []mesh.Finding{failure(file, 1, 1, "yaml-syntax", "the file is empty", "write the document into it")}
		}
		return nil, []mesh.Finding{syntaxError(file, src, err)}
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, []mesh.Finding{failure(file, second.Line, second.Column, "yaml-documents", "a second document begins here", "put each document into a file of its own")}
	} else if !errors.Is(err, io.EOF) {
		return nil, []mesh.Finding{syntaxError(file, src, err)}
	}
	d := &Document{File: file, Root: root.Content[0], src: src}
	c := checker{doc: d}
	c.check(d.Root, 1)
	if len(c.findings) > 0 {
		return nil, c.findings
	}
	return d, nil
}

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

type checker struct {
	doc      *Document
	nodes    int
	findings []mesh.Finding
}

func (c *checker) fail(n *yaml.Node, rule, message, hint string) {
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, failure(c.doc.File, n.Line, n.Column, rule, message, hint))
	}
}

// check walks the tree and reports what is YAML but not allowed here. It
// returns false where the walk must stop.
func (c *checker) check(n *yaml.Node, depth int) bool {
	c.nodes++
	switch {
	case c.nodes > MaxNodes:
		c.fail(n, "too-large", fmt.Sprintf("the file holds more than %d values", MaxNodes), "split it")
		return false
	case depth > MaxDepth:
		c.fail(n, "too-deep", fmt.Sprintf("nested more than %d levels deep", MaxDepth), hintDepth)
		return true
	case n.Kind == yaml.AliasNode:
		c.fail(n, "yaml-alias", "aliases are not allowed", "write the value out")
		return true
	case n.Anchor != "":
		c.fail(n, "yaml-alias", "the anchor &"+Shorten(n.Anchor)+" is not allowed", "remove it, and write the value out where it is used")
	case n.Style&yaml.TaggedStyle != 0:
		c.fail(n, "yaml-tag", "the tag "+Shorten(n.Tag)+" is not allowed", "remove it; put text into quotes")
		return true
	}
	switch n.Kind {
	case yaml.MappingNode:
		return c.checkMapping(n, depth)
	case yaml.SequenceNode:
		for _, child := range n.Content {
			if !c.check(child, depth+1) {
				return false
			}
		}
	case yaml.ScalarNode:
		if _, err := scalar(n); err != nil {
			c.fail(n, "yaml-value", err.Error(), "write a number that JSON has, or put text into quotes")
		}
	}
	return true
}

func (c *checker) checkMapping(n *yaml.Node, depth int) bool {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		c.checkKey(n.Content[i], first)
		c.nodes++
		if !c.check(n.Content[i+1], depth+1) {
			return false
		}
	}
	return true
}

// checkKey checks a key; first holds those before it, by name.
func (c *checker) checkKey(key *yaml.Node, first map[string]*yaml.Node) {
	name := Shorten(key.Value)
	switch {
	case key.Kind == yaml.AliasNode || key.Anchor != "":
		c.fail(key, "yaml-alias", "anchors and aliases are not allowed", "write the key out")
	case key.Kind != yaml.ScalarNode:
		c.fail(key, "yaml-key", "a key must be text, not a list or mapping", "write the key out as text")
	case key.Style&yaml.TaggedStyle != 0:
		c.fail(key, "yaml-tag", "the tag "+Shorten(key.Tag)+" is not allowed", "remove it; put text into quotes")
	case key.ShortTag() == "!!merge":
		c.fail(key, "yaml-alias", "merge keys are not allowed", "write the values out")
	case key.ShortTag() == "!!null" && key.Value == "":
		c.fail(key, "yaml-key", "the key is missing here", "write a key before the colon")
	case key.ShortTag() != "!!str":
		c.fail(key, "yaml-key", "the key "+name+" is not text", `write it as "`+name+`"`)
	case first[key.Value] != nil:
		before := first[key.Value]
		c.fail(key, "duplicate-key", fmt.Sprintf("the key %s stands here for the second time", name),
			fmt.Sprintf("keep one of them; the first is in line %d, column %d", before.Line, before.Column))
	default:
		first[key.Value] = key
	}
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
	v, err := scalar(n)
	if err != nil {
		return nil // unreachable: Parse refused the document
	}
	return v
}

// scalar resolves a scalar. Dates stay text, as JSON has none.
func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return nil, fmt.Errorf("the number %s is out of range", Shorten(n.Value))
		}
		return i, nil
	case "!!float":
		var f float64
		if err := n.Decode(&f); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, fmt.Errorf("the number %s is out of range", Shorten(n.Value))
		}
		return f, nil
	}
	return nil, fmt.Errorf("%s is neither text, a number, true, false nor null", Shorten(n.Value))
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
