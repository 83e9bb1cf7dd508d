package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// phrase is what is said of one field, or a term where there are no words.
type phrase struct{ field, words string }

// String says it as a part of a sentence.
func (p phrase) String() string {
	if p.field == "" {
		return p.words
	}
	if words := strings.TrimPrefix(p.words, "("); strings.HasPrefix(words, "with ") || strings.HasPrefix(words, "without ") {
		return p.field + " " + p.words
	}
	return term.Sentence(p.field, p.words)
}

// says puts a term that is true into words.
func says(t *term.Term) phrase {
	if words := t.Words(); words != "" {
		return phrase{t.Reads()[0].Path(), words}
	}
	text := t.Written()
	switch t.Op {
	case term.And, term.Or, term.Cond:
		text = "(" + text + ")"
	}
	return phrase{words: text}
}

// join is the conjunction of phrases, those about the same field as one.
func join(phrases []phrase) string {
	var out []phrase
	for _, p := range phrases {
		i := slices.IndexFunc(out, func(o phrase) bool { return o.field != "" && o.field == p.field })
		switch {
		case i >= 0 && out[i].words != p.words:
			first, second := out[i].words, p.words
			if negative(first) && !negative(second) {
				first, second = second, first
			}
			out[i].words = bracketed(first) + " and " + bracketed(second)
		case i < 0 && !slices.Contains(out, p):
			out = append(out, p)
		}
	}
	texts := make([]string, len(out))
	for i, p := range out {
		if texts[i] = p.String(); i < len(out)-1 {
			texts[i] = bracketed(texts[i])
		}
	}
	return strings.Join(texts, " and ")
}

// negative reports whether words say what a value is not, which is easier to
// follow behind what it is.
func negative(words string) bool {
	switch first, _, _ := strings.Cut(words, " "); first {
	case "not", "none", "does", "without":
		return true
	}
	return false
}

// bracketed puts alternatives into brackets, so that more can be asked.
func bracketed(words string) string {
	if strings.Contains(words, " or ") && !strings.HasPrefix(words, "(") {
		return "(" + words + ")"
	}
	return words
}

// mentions reports whether a term compares with a value.
func mentions(t *term.Term, value any) bool {
	found := false
	t.Walk(func(t *term.Term) bool {
		if list, ok := t.Value.([]any); ok {
			found = found || slices.Contains(list, value)
		}
		found = found || t.Op == term.Const && t.Value == value
		return !found
	})
	return found
}

// merged is the disjunction of phrases.
func merged(phrases []phrase) phrase {
	field := phrases[0].field
	for _, p := range phrases {
		if p.field != field {
			field = ""
		}
	}
	var texts []string
	for _, p := range phrases {
		text := p.words
		if field == "" {
			text = p.String()
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return phrase{field, strings.Join(texts, " or ")}
}

// goalTerm is the term that is true where a goal is met.
func goalTerm(g space.Goal) *term.Term {
	if g.Want == space.False {
		return term.Negate(g.Term)
	}
	return g.Term
}

// typeWords names some types, and how many others there are.
func typeWords(types []string) string {
	const shown = 3
	names := slices.Clone(types)
	if len(names) > shown+1 {
		names = append(names[:shown], fmt.Sprintf("%d other types", len(types)-shown))
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " or " + names[last]
	}
	return strings.Join(names, "")
}

// ruleWords says what became of the rule that a change comes from.
func ruleWords(p pair, r *rule, demand *term.Term) string {
	if r.ID == policy.RuleDefault {
		return defaultWords(p)
	}
	switch {
	case p.older == nil:
		return "new rule " + r.ID
	case p.newer == nil:
		return "rule " + r.ID + " is gone"
	}
	name := "rule " + p.newer.ID
	a, b := clauseAbout(p.older, demand, p.newer), clauseAbout(p.newer, demand, p.older)
	if a != nil && b != nil && a.String() != b.String() {
		if x, y := wanted(a), wanted(b); x != y {
			return name + ": " + x + " → " + y
		}
	}
	switch {
	case a == nil:
		return name + " also demands " + shortened(says(demand).String())
	case b == nil:
		return name + " no longer demands " + shortened(says(demand).String())
	case r == p.newer:
		return name + " looks at more actions"
	}
	return name + " looks at fewer actions"
}

func defaultWords(p pair) string {
	switch {
	case p.older == nil:
		return "default: allow → deny"
	case p.newer == nil:
		return "default: deny → allow"
	}
	return "default: deny, and the rules look at other actions"
}

func wanted(t *term.Term) string { return shortened(t.Wanted()) }

// clauseAbout returns the part of what a rule demands that is another one, or
// about the same places and not in the rule's other version; nil if there is
// none.
func clauseAbout(r *rule, other *term.Term, version *rule) *term.Term {
	kept := map[string]bool{}
	for _, c := range lower.Clauses(version.require) {
		kept[term.Disjunction(c...).String()] = true
	}
	var about *term.Term
	for _, c := range lower.Clauses(r.require) {
		t := term.Disjunction(c...)
		if t.String() == other.String() {
			return t
		}
		if about == nil && !kept[t.String()] && samePlaces(t, other) {
			about = t
		}
	}
	return about
}

func samePlaces(a, b *term.Term) bool {
	paths := func(t *term.Term) []string {
		var out []string
		for _, r := range t.Reads() {
			out = append(out, r.Path())
		}
		slices.Sort(out)
		return out
	}
	x := paths(a)
	return len(x) > 0 && slices.Equal(x, paths(b))
}

// unchangedWords says that a rule changes and no decision does.
func unchangedWords(p pair) string {
	const proved = "it is proved that by this rule alone no action is decided otherwise"
	switch {
	case p.older == nil:
		return "rule " + p.newer.ID + " is new, and denies nothing that was allowed: " + proved
	case p.newer == nil:
		return "rule " + p.older.ID + " is gone, and denied nothing that is allowed now: " + proved
	}
	return "rule " + p.newer.ID + " demands something else of actions that are denied in both versions: " + proved
}

func obligationWords(list []mesh.Obligation) string {
	var out []string
	for _, o := range list {
		text := o.Type
		if len(o.Properties) > 0 {
			text += " " + wordsOf(o.Properties)
		}
		out = append(out, text)
	}
	return strings.Join(out, " and ")
}

// setWords says what a set of controls gains and loses.
func setWords(before, after []mesh.ControlID) string {
	var parts []string
	list := func(words string, of, without []mesh.ControlID) {
		var names []string
		for _, id := range of {
			if !slices.Contains(without, id) {
				names = append(names, string(id))
			}
		}
		if len(names) > 0 {
			parts = append(parts, words+strings.Join(names, ", "))
		}
	}
	list("now ", after, before)
	list("no longer ", before, after)
	return strings.Join(parts, " and ")
}

// wordsOf is a value in a sentence.
func wordsOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case string:
		return term.TextWords(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return shortened(term.Visible(strings.ReplaceAll(string(text), `","`, `", "`)))
}

// shortened cuts what is too long for a sentence.
func shortened(text string) string {
	const enough = 160
	if short := []rune(text); len(short) > enough {
		return string(short[:enough]) + "…"
	}
	return text
}
