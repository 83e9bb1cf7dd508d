package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh"
)

// The bounds of a query. They keep the work for one request in proportion.
const (
	maxQueryLength = 512 // bytes
	maxQueryWords  = 16  // further words are ignored
	maxWordLength  = 64  // runes; nothing that is indexed is longer
	maxLabels      = 4   // citations of controls
)

// query is a search text, taken apart. There is no query language: every
// character is either part of a word or separates words.
type query struct {
	words     []string // lower case, letters and digits only
	prefix    bool     // the last word may go on: it is still being typed
	citations []string // substrings that may cite controls
}

// parseQuery takes a search text apart. What is too long or not UTF-8 is
// [mesh.CodeInvalid].
func parseQuery(text string) (query, error) {
	if len(text) > maxQueryLength {
		return query{}, mesh.Errorf(mesh.CodeInvalid, "the query is longer than %d bytes", maxQueryLength).WithHint("search for a few words")
	}
	if !utf8.ValidString(text) {
		return query{}, mesh.Errorf(mesh.CodeInvalid, "the query is not UTF-8")
	}
	q := query{words: splitWords(text)}
	if n := len(q.words); n > maxQueryWords {
		q.words = q.words[:maxQueryWords]
	} else if last, _ := utf8.DecodeLastRuneInString(text); n > 0 {
		q.prefix = isWordRune(last)
	}
	q.citations = citation.FindAllString(text, maxLabels)
	return q, nil
}

// without returns the query's words without those of a citation.
func (q query) without(text, cited string) query {
	rest, err := parseQuery(strings.Replace(text, cited, " ", 1))
	if err != nil {
		return q // it was valid and got shorter
	}
	return rest
}

// splitWords returns the runs of letters and digits of text in lower case.
func splitWords(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !isWordRune(r) })
	kept := words[:0]
	for _, w := range words {
		if utf8.RuneCountInString(w) <= maxWordLength {
			kept = append(kept, w)
		}
	}
	return kept
}

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
