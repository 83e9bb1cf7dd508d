package mesh

import (
	"fmt"
	"strings"
)

// Position is a place in a source file. Line and Column start at 1 and count
// lines and characters; 0 means unknown.
type Position struct {
	File   string `json:"file,omitzero"`
	Line   int    `json:"line,omitzero"`
	Column int    `json:"column,omitzero"`
}

// String returns "file:line:column" as far as it is known.
func (p Position) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		if b.Len() > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	return b.String()
}

// FindingLevel says whether a [Finding] refuses the document.
type FindingLevel string

// The levels.
const (
	LevelError   FindingLevel = "error"   // the document is refused
	LevelWarning FindingLevel = "warning" // accepted, but probably not what was meant
)

// Finding is one thing that is wrong with a document a person wrote, and
// where.
type Finding struct {
	Position
	Level   FindingLevel `json:"level"`
	Rule    string       `json:"rule"` // stable, machine-readable: "unknown-key", "cel-type", …
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitzero"`
	More    int          `json:"-"` // of findings that are left out, where this one stands for them; the message says so
}

// String returns one line: position, level, message and hint.
func (f Finding) String() string {
	s := fmt.Sprintf("%s: %s", f.Level, f.Message)
	if pos := f.Position.String(); pos != "" {
		s = pos + ": " + s
	}
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// HasErrors reports whether any finding refuses the document.
func HasErrors(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == LevelError {
			return true
		}
	}
	return false
}
