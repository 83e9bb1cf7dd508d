package catalog

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/ai-agent-mesh/mesh"
)

// ReduceLabel returns what identifies a control within its framework, however
// it is written: runs of letters and digits in lower case, joined by dots.
// "AC-2(1)" and "ac-2.1" both give "ac.2.1"; "Article 17(2)" and "Art. 17 (2)"
// give "art.17.2". The empty string means that there is nothing in it.
func ReduceLabel(label string) string {
	var parts []string
	var run []rune
	flush := func() {
		if len(run) == 0 {
			return
		}
		part := string(run)
		if trimmed := strings.TrimLeft(part, "0"); unicode.IsDigit(run[0]) && trimmed != "" {
			part = trimmed // "AC-02" is AC-2
		}
		switch part {
		case "article", "articles", "arts":
			part = "art"
		}
		parts = append(parts, part)
		run = run[:0]
	}
	for _, r := range strings.ToLower(label) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush()
			continue
		}
		if len(run) > 0 && unicode.IsDigit(run[len(run)-1]) != unicode.IsDigit(r) {
			flush() // "cc6" is cc 6
		}
		run = append(run, r)
	}
	flush()
	return strings.Join(parts, ".")
}

// ancestors returns a reduced label and those above it, the longest first. A
// single part is no control.
func ancestors(label string) []string {
	var out []string
	for strings.Contains(label, ".") {
		out = append(out, label)
		label = label[:strings.LastIndexByte(label, '.')]
	}
	return out
}

// citation finds what may cite a control in a query: an optional framework, a
// word or section number with digits, and paragraphs in brackets. Whether it
// is one decides the index: "soc 2" and "aes-256" look like it and are not.
var citation = regexp.MustCompile(`(?i)\b(?:[a-z][a-z0-9-]*:\s*)?` +
	`(?:art(?:icle)?\.?\s*\d+[a-z]?|[a-z]{1,5}[-. ]?\d+(?:\.\d+)*|\d+(?:\.\d+)+)` +
	`(?:\s*\([a-z0-9]{1,5}\))*`)

// label is a control as a query or filter cites it.
type label struct {
	framework mesh.FrameworkID // empty: any
	local     string           // reduced
	text      string           // as it was written
}

// parseLabel reads a citation. Frameworks, if given, spell it as their catalog
// does; what they do not know is taken as it is, because vendors have
// frameworks of their own.
func parseLabel(f Frameworks, framework mesh.FrameworkID, text string) label {
	text = strings.TrimSpace(text)
	if f != nil {
		if id, ok := f.Resolve(framework, text); ok {
			l := label{framework: id.Framework(), local: ReduceLabel(id.Local()), text: text}
			// A paragraph that the catalog does not list resolves to what it
			// belongs to; a vendor may still bind it.
			return l
		}
	}
	head, rest, ok := strings.Cut(text, ":")
	if !ok {
		return label{framework: framework, local: ReduceLabel(text), text: text}
	}
	named := mesh.FrameworkID(strings.ToLower(strings.TrimSpace(head)))
	if f != nil {
		if id, known := f.FrameworkID(head); known {
			named = id
		}
	}
	return label{framework: named, local: ReduceLabel(rest), text: text}
}
