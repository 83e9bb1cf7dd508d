package engine

import (
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// lintWords warns of words that look like misspelt ones of a vocabulary: a rule
// about them would never look at anything, or never be satisfied.
func (c *checkedPolicy) lintWords(doc *policy.Document) []mesh.Finding {
	var out []mesh.Finding
	report := func(v *primitives.Vocabulary, word string, at mesh.Position) {
		if f, odd := lintWord(v, word); odd {
			f.Position = at
			out = append(out, f)
		}
	}
	for i := range doc.Rules {
		source := &doc.Rules[i]
		for _, w := range source.Words {
			report(primitives.VocabularyOf(w.Vocabulary), w.Value, w.Position)
		}
		for _, part := range c.parts(doc, i) {
			if part.compiled == nil {
				continue
			}
			for _, compared := range part.compiled.Comparisons() {
				report(primitives.VocabularyAt(compared.Place), compared.Text, part.source.At(compared.Offset))
			}
		}
	}
	return out
}

// lintWord says what is odd about a word of a vocabulary. Of an open one it
// takes what resembles no known word for a word of the author's own. That
// something is compared with the empty text asks whether it is stated.
func lintWord(v *primitives.Vocabulary, word string) (mesh.Finding, bool) {
	if v == nil || word == "" || v.Has(word) {
		return mesh.Finding{}, false
	}
	f := mesh.Finding{Level: mesh.LevelWarning, Rule: "unusual-value"}
	if v.Name == primitives.ActionTypeVocabulary {
		f.Rule = "unusual-action-type"
	}
	meant := v.Misspelt(word)
	switch {
	case v.Closed:
		f.Message = yamldoc.Shorten(word) + " is no " + v.Title
		f.Hint = "there are: " + strings.Join(v.Words, ", ")
	case meant == "":
		return f, false
	default:
		f.Message = "the " + v.Title + " " + yamldoc.Shorten(word) + " is none that the built-in sections know, but resembles one"
	}
	if meant != "" {
		f.Hint = "did you mean " + meant + "?"
	}
	return f, true
}
