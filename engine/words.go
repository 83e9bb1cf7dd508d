package engine

import (
	"fmt"
	"slices"
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
				v, at := primitives.VocabularyAt(compared.Place), part.source.At(compared.Offset)
				report(v, compared.Text, at)
				for _, word := range declaredTexts(doc, compared.Field) {
					report(v, word, at)
				}
			}
		}
	}
	return out
}

// declaredTexts returns the texts that a parameter is declared to have.
func declaredTexts(doc *policy.Document, field string) []string {
	var out []string
	for _, p := range doc.Params {
		if field != paramsVariable+"."+p.Name {
			continue
		}
		values := slices.Clone(p.Enum)
		if list, ok := p.Default.([]any); ok {
			values = append(values, list...)
		} else {
			values = append(values, p.Default)
		}
		for _, v := range values {
			if text, ok := v.(string); ok && !slices.Contains(out, text) {
				out = append(out, text)
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

// lintContraries warns of values that a document both allows and prohibits.
func lintContraries(doc *policy.Document) []mesh.Finding {
	var out []mesh.Finding
	for i := range doc.Rules {
		r := &doc.Rules[i]
		other := contraryOf(doc, r)
		if other == nil {
			continue
		}
		own := primitives.Lookup(r.Primitive)
		prohibited, _ := r.Values[own.Parameters[0].Name()].([]any)
		allowed, _ := other.Values[parameterAt(other, own.Contrary)].([]any)
		var both []string
		for _, v := range prohibited {
			if slices.Contains(allowed, v) {
				both = append(both, yamldoc.Shorten(fmt.Sprint(v)))
			}
		}
		if len(both) > 0 {
			out = append(out, mesh.Finding{
				Position: r.Position, Level: mesh.LevelWarning, Rule: "allowed-and-prohibited",
				Message: strings.Join(both, ", ") + ": allowed by " + own.Contrary + " and prohibited by " + r.ID + ", which prevails",
				Hint:    "leave it out of one of the lists",
			})
		}
	}
	return out
}

// contraryOf returns the rule that reads what is allowed where r says what is
// not; nil if there is none. A profile prohibits what its base allows to narrow
// it, so that rules of different files are not contrary.
func contraryOf(doc *policy.Document, r *policy.Rule) *policy.Rule {
	p := primitives.Lookup(r.Primitive)
	if p == nil || p.Contrary == "" {
		return nil
	}
	for i := range doc.Rules {
		if other := &doc.Rules[i]; parameterAt(other, p.Contrary) != "" && other.Position.File == r.Position.File {
			return other
		}
	}
	return nil
}

// parameterAt returns the name of the parameter at a path that a rule reads;
// empty if it does not.
func parameterAt(r *policy.Rule, path string) string {
	p := primitives.Lookup(r.Primitive)
	if p == nil {
		return ""
	}
	for _, parameter := range p.Parameters {
		if parameter.Path == path {
			return parameter.Name()
		}
	}
	return ""
}
