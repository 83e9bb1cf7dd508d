// Package strictyaml reads the small YAML files that people write beside a
// bundle (trust.yaml, bundle.yaml) and says everything that is wrong with one
// at once, each with its line and column.
//
// [Parse] returns the root [Node]; its methods take the document apart and
// collect findings on the way. Unknown and repeated keys, anchors and aliases
// are refused: a key that is misspelt in a security setting must not be
// ignored, and files of this size need no sharing. The policy language has a
// reader of its own, in engine/policy.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
)

// MaxSize bounds a file; the largest useful one is a trust policy with some
// hundred inline keys.
const MaxSize = 256 << 10

// maxDepth bounds nesting; the deepest document read here has five levels.
const maxDepth = 16

// The rules that findings of this package name.
const (
	RuleSyntax     = "yaml-syntax"
	RuleUnknownKey = "unknown-key"
	RuleRepeated   = "repeated-key"
	RuleType       = "wrong-type"
	RuleMissing    = "missing"
	RuleSize       = "too-large"
)

// document is what the nodes of one file share.
type document struct {
	file     string
	findings []mesh.Finding
}

// Node is one value of a file. The zero Node is absent and of no file: it has
// no fields, no items, no text and no findings. Nodes are not safe for
// concurrent use.
type Node struct {
	doc *document
	n   *yaml.Node
}

// Parse reads one YAML document, whose top level must be a mapping. If that
// fails the node is absent, and [Node.Findings] says why.
func Parse(file string, src []byte) Node {
	root := Node{doc: &document{file: file}}
	if len(src) > MaxSize {
		root.add(mesh.Position{File: file}, RuleSize, "", "the file has %d bytes, more than the %d allowed", len(src), MaxSize)
		return root
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var top yaml.Node
	switch err := dec.Decode(&top); {
	case errors.Is(err, io.EOF):
		root.add(mesh.Position{File: file, Line: 1, Column: 1}, RuleSyntax, "", "the file is empty")
		return root
	case err != nil:
		root.syntax(src, err)
		return root
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		root.add(mesh.Position{File: file, Line: second.Line, Column: second.Column}, RuleSyntax, "keep one document in a file", "a second document begins")
		return root
	}
	if !root.checkTree(top.Content[0], 0) {
		return root
	}
	root.n = top.Content[0]
	if root.n.Kind != yaml.MappingNode {
		root.Errorf(RuleType, "", "the file must hold key: value pairs")
		root.n = nil
	}
	return root
}

var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// syntax turns the parser's error into a finding. The parser knows the line
// alone; its first character is the nearest column there is.
func (n Node) syntax(src []byte, err error) {
	pos := mesh.Position{File: n.doc.file, Line: 1, Column: 1}
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		lines := bytes.Split(src, []byte("\n"))
		if line, err := strconv.Atoi(m[1]); err == nil && line >= 1 && line <= len(lines) {
			pos.Line, msg = line, m[2]
			pos.Column = 1 + len(lines[line-1]) - len(bytes.TrimLeft(lines[line-1], " \t"))
		}
	}
	n.add(pos, RuleSyntax, "check the indentation and that every key ends with a colon and a space", "the YAML does not parse: %s", msg)
}

// checkTree refuses what no method could make sense of.
func (n Node) checkTree(y *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		Node{n.doc, y}.Errorf(RuleSyntax, "", "the file is nested deeper than %d levels", maxDepth)
		return false
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		Node{n.doc, y}.Errorf(RuleSyntax, "write the value out", "anchors and aliases are not supported")
		return false
	}
	for _, c := range y.Content {
		if !n.checkTree(c, depth+1) {
			return false
		}
	}
	return true
}

// Findings returns what was found wrong so far in the file n is from, in the
// order of the file.
func (n Node) Findings() []mesh.Finding {
	if n.doc == nil {
		return nil
	}
	out := slices.Clone(n.doc.findings)
	slices.SortStableFunc(out, func(a, b mesh.Finding) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return out
}

// Position says where n stands.
func (n Node) Position() mesh.Position {
	switch {
	case n.doc == nil:
		return mesh.Position{}
	case n.n == nil:
		return mesh.Position{File: n.doc.file}
	}
	return mesh.Position{File: n.doc.file, Line: n.n.Line, Column: n.n.Column}
}

// Exists reports whether n is there.
func (n Node) Exists() bool { return n.n != nil }

// Errorf adds an error at n, which must be of a file.
func (n Node) Errorf(rule, hint, format string, args ...any) {
	n.add(n.Position(), rule, hint, format, args...)
}

func (n Node) add(pos mesh.Position, rule, hint, format string, args ...any) {
	n.doc.findings = append(n.doc.findings, mesh.Finding{
		Position: pos, Level: mesh.LevelError, Rule: rule, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// Fields returns the values of a mapping by key. A key that is not known, a
// repeated one and a value that is no mapping are reported.
func (n Node) Fields(known ...string) map[string]Node {
	fields := map[string]Node{}
	if n.n == nil {
		return fields
	}
	if n.n.Kind != yaml.MappingNode {
		n.Errorf(RuleType, "", "expected key: value pairs with %s", strings.Join(known, ", "))
		return fields
	}
	for i := 0; i+1 < len(n.n.Content); i += 2 {
		key, value := Node{n.doc, n.n.Content[i]}, Node{n.doc, n.n.Content[i+1]}
		name := key.n.Value
		switch _, repeated := fields[name]; {
		case repeated:
			key.Errorf(RuleRepeated, "", "%q is given twice", name)
		case !slices.Contains(known, name):
			key.Errorf(RuleUnknownKey, "known here: "+strings.Join(known, ", "), "unknown key %q", name)
		default:
			fields[name] = value
		}
	}
	return fields
}

// Items returns the values of a sequence, and reports a value that is none.
func (n Node) Items() []Node {
	if n.n == nil {
		return nil
	}
	if n.n.Kind != yaml.SequenceNode {
		n.Errorf(RuleType, "", "expected a list")
		return nil
	}
	out := make([]Node, len(n.n.Content))
	for i, c := range n.n.Content {
		out[i] = Node{n.doc, c}
	}
	return out
}

// Text returns a scalar as it is written, whatever YAML takes it for: 1.0 is
// "1.0". A value that is none, or null, is reported.
func (n Node) Text() string {
	if n.n == nil {
		return ""
	}
	if n.n.Kind != yaml.ScalarNode || n.n.Tag == "!!null" {
		n.Errorf(RuleType, "", "expected a text")
		return ""
	}
	return n.n.Value
}
