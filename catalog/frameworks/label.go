package frameworks

import (
	"slices"
	"strings"
	"unicode"
)

const (
	// maxLabel bounds the bytes of a label; the longest real citations are
	// well below 100.
	maxLabel = 200
	// maxParts bounds the parts of an identifier; the deepest real ones,
	// "45 CFR 164.308(a)(1)(ii)(A)", have ten with their prefix.
	maxParts = 16
	// maxDistance is how many single-character changes a suggestion may be
	// away from what was written; for short labels it is half their length.
	maxDistance = 3
)

// fillers are words between the parts of a citation that say nothing: "Art.
// 6, paragraph 1, point (a)", "Art. 6 Abs. 1 lit. a".
var fillers = []string{"paragraph", "para", "subparagraph", "point", "lit", "letter", "abs", "no", "nr"}

// parts splits a label into the parts of the identifier in it, without the
// prefixes and fillers of the framework's notation.
func (x *index) parts(label string) ([]string, bool) {
	parts, ok := split(label)
	if !ok {
		return nil, false
	}
	for stripped := true; stripped; {
		stripped = false
		for _, prefix := range x.prefixes {
			if len(parts) > len(prefix) && slices.Equal(parts[:len(prefix)], prefix) {
				parts, stripped = parts[len(prefix):], true
				break
			}
		}
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return slices.Contains(fillers, p) })
	for i, p := range parts {
		if synonym, ok := x.notation.Synonyms[p]; ok {
			parts[i] = synonym
		}
	}
	return parts, len(parts) > 0
}

// split cuts a label into runs of letters and runs of digits, in lower case
// and without leading zeros. It fails on characters no citation has.
func split(label string) ([]string, bool) {
	var parts []string
	var run strings.Builder
	digits := false
	flush := func() {
		if run.Len() == 0 {
			return
		}
		part := run.String()
		if digits {
			if part = strings.TrimLeft(part, "0"); part == "" {
				part = "0"
			}
		}
		parts = append(parts, part)
		run.Reset()
	}
	for _, r := range label {
		digit := r >= '0' && r <= '9'
		switch {
		case digit || unicode.IsLetter(r):
			if digit != digits {
				flush()
			}
			digits = digit
			run.WriteRune(unicode.ToLower(r))
		case unicode.IsSpace(r) || strings.ContainsRune(separators, r):
			flush()
		default:
			return nil, false
		}
		if len(parts) > maxParts {
			return nil, false
		}
	}
	flush()
	return parts, len(parts) > 0 && len(parts) <= maxParts
}

// separators may stand between the parts of a citation; the dashes are
// hyphen, non-breaking hyphen, en dash and em dash.
const separators = ".,:;()[]/-_§\u2011\u2013\u2014"

func isNumber(part string) bool { return part[0] >= '0' && part[0] <= '9' }

// isParagraph reports whether a part looks like the name of a paragraph: a
// number, one or two letters, or a roman numeral.
func isParagraph(part string) bool {
	if isNumber(part) {
		return len(part) <= 3
	}
	return len(part) <= 2 || strings.Trim(part, "ivxlc") == ""
}

// editDistance returns the Levenshtein distance of two strings, or some value
// of at least limit where the distance reaches it.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
