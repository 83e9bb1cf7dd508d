package policy

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
)

// Expr is a CEL expression, and where each of its characters stands. The zero
// value is no expression.
type Expr struct {
	Source   string
	Position mesh.Position
	at       []place // of each code point; nil if only Position is known
}

type place struct{ line, column int }

// IsZero reports whether there is no expression.
func (e Expr) IsZero() bool { return e.Source == "" }

// At returns the position in the file of the character at offset, counted in
// Unicode code points from the start of the expression. An offset past the end
// is that of the last character.
func (e Expr) At(offset int) mesh.Position {
	if len(e.at) == 0 {
		return e.Position
	}
	p := e.at[min(max(offset, 0), len(e.at)-1)]
	return mesh.Position{File: e.Position.File, Line: p.line, Column: p.column}
}

// newExpr locates every character of a scalar in the file. YAML folds lines,
// strips indentation and resolves escapes, but in all five styles the
// characters that are no white space stand in the file in the same order, so
// both are walked side by side.
func newExpr(file string, lines [][]byte, n *yaml.Node) Expr {
	e := Expr{Source: n.Value, Position: mesh.Position{File: file, Line: n.Line, Column: n.Column}}
	c := cursor{lines: lines}
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		c.move(n.Line+1, 1) // behind the indicator
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		c.move(n.Line, n.Column+1) // behind the quote
	default:
		c.move(n.Line, n.Column)
	}
	at := make([]place, 0, len(n.Value))
	for _, want := range n.Value {
		if unicode.IsSpace(want) {
			at = append(at, c.place)
			c.skipBlank(n.Style)
			continue
		}
		p, ok := c.find(want, n.Style)
		if !ok {
			return e // not as expected: the start of the scalar must do
		}
		at = append(at, p)
	}
	e.at = at
	return e
}

// cursor walks the characters of a file.
type cursor struct {
	lines [][]byte
	place
	rest []byte // of the current line, without white space at its end
}

// move goes to a place; beyond the last line nothing is left.
func (c *cursor) move(line, column int) {
	c.place, c.rest = place{line, 1}, nil
	if line < 1 || line > len(c.lines) {
		return
	}
	c.rest = bytes.TrimRightFunc(c.lines[line-1], unicode.IsSpace)
	c.skip(column - 1)
}

func (c *cursor) skip(characters int) {
	for range characters {
		_, size := utf8.DecodeRune(c.rest)
		c.rest = c.rest[size:]
		c.column++
	}
}

// skipBlank steps over one blank of the value. At the end of a line it stays:
// find steps over what is folded.
func (c *cursor) skipBlank(style yaml.Style) {
	r, size := utf8.DecodeRune(c.rest)
	switch {
	case size > 0 && unicode.IsSpace(r):
		c.skip(1)
	case style&yaml.DoubleQuotedStyle != 0 && r == '\\' && len(c.rest) > 1:
		c.skip(1 + escapeWidth(c.rest[1])) // as in \n or \u0020
	}
}

// find steps over white space and behind the character want, and returns where
// it was. In quoted styles an escape stands for one character.
func (c *cursor) find(want rune, style yaml.Style) (place, bool) {
	for {
		r, size := utf8.DecodeRune(c.rest)
		escape := style&yaml.DoubleQuotedStyle != 0 && r == '\\'
		switch {
		case size == 0, escape && size == len(c.rest): // an escaped line break joins lines
			if c.line >= len(c.lines) {
				return place{}, false
			}
			c.move(c.line+1, 1)
			continue
		case unicode.IsSpace(r):
			c.skip(1)
			continue
		}
		p := c.place
		switch {
		case escape:
			c.skip(1 + escapeWidth(c.rest[size]))
			return p, true
		case style&yaml.SingleQuotedStyle != 0 && r == '\'':
			c.skip(2)
			return p, want == '\''
		}
		c.skip(1)
		return p, r == want
	}
}

// escapeWidth is the number of characters behind a backslash that belong to
// the escape that begins with kind (YAML 1.2, section 5.7).
func escapeWidth(kind byte) int {
	switch kind {
	case 'x':
		return 3
	case 'u':
		return 5
	case 'U':
		return 9
	}
	return 1
}
