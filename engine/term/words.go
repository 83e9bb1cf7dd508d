package term

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Wanted says in words what would make a boolean term true. Where there are no
// words for it, it is the term itself.
func (t *Term) Wanted() string {
	if words := t.Words(); words != "" {
		return words
	}
	if says := t.says(true); says != "" {
		return says
	}
	return t.String()
}

// Says says in words what an action says for which a boolean term is true, or is
// not: "data.region is one of eu, us", "data.region is absent or none of eu, us".
// Where there are no words for it, it quotes the term.
func (t *Term) Says(truth bool) string {
	if says := t.says(truth); says != "" {
		return says
	}
	return "`" + t.String() + "` is " + strconv.FormatBool(truth)
}

// says is Says without the quote: empty if there are no words.
func (t *Term) says(truth bool) string {
	if reads := t.Reads(); len(reads) == 1 && !t.asks() {
		if words := t.words(!truth); words != "" {
			return Sentence(reads[0].Path(), words)
		}
	}
	switch t.Op {
	case Not:
		return t.Args[0].says(!truth)
	case And, Or:
		return t.saysJoined(truth)
	case Cond:
		return t.saysCond(truth)
	case Predicate:
		if truth {
			return t.Name + "() holds"
		}
		return t.Name + "() does not hold"
	case Eq, Ne, Lt, Le, Gt, Ge, In:
		return t.saysRelation(truth)
	}
	return ""
}

// asks reports whether a term asks a predicate, which looks at places of its
// own.
func (t *Term) asks() bool {
	found := false
	t.Walk(func(t *Term) bool {
		found = found || t.Op == Predicate
		return !found
	})
	return found
}

// Sentence puts the words for what stands at a place, as of [Term.Words], behind
// its name.
func Sentence(path, words string) string {
	switch first, _, _ := strings.Cut(words, " "); first {
	case "begins", "ends", "contains", "matches", "does":
		return path + " " + words
	}
	return path + " is " + words
}

// saysJoined says what all of the parts do, or one of them does. Parts about one
// place are said together.
func (t *Term) saysJoined(truth bool) string {
	and := (t.Op == And) == truth
	groups := t.byPlace()
	if len(groups) == 1 {
		return "" // all about one place, for which there are no words
	}
	parts := make([]string, len(groups))
	for i, g := range groups {
		says := g.says(truth)
		if says == "" {
			return ""
		}
		if strings.Contains(says, map[bool]string{true: " or ", false: " and "}[and]) {
			says = "(" + says + ")"
		}
		parts[i] = says
	}
	return strings.Join(parts, map[bool]string{true: " and ", false: " or "}[and])
}

// saysCond says what the condition is, and what the value that it chooses.
func (t *Term) saysCond(truth bool) string {
	which, then, otherwise := t.Args[0], t.Args[1], t.Args[2]
	if !truth {
		then, otherwise = Negate(then), Negate(otherwise)
	}
	return Disjunction(Conjunction(which, then), Conjunction(Negate(which), otherwise)).says(true)
}

// byPlace returns the parts of a conjunction or disjunction, those about the
// same place as one.
func (t *Term) byPlace() []*Term {
	join := map[Op]func(...*Term) *Term{And: Conjunction, Or: Disjunction}[t.Op]
	var out []*Term
	at := map[string]int{}
	for _, a := range t.Args {
		reads := a.Reads()
		if len(reads) != 1 || a.asks() {
			out = append(out, a)
			continue
		}
		if i, ok := at[reads[0].Path()]; ok {
			out[i] = join(out[i], a)
			continue
		}
		at[reads[0].Path()] = len(out)
		out = append(out, a)
	}
	return out
}

// saysRelation says how two places stand to each other.
func (t *Term) saysRelation(truth bool) string {
	a, b := t.Args[0], t.Args[1]
	if a.Op != Read && a.Op != Key || b.Op != Read && b.Op != Key {
		return ""
	}
	if t.Op == In {
		return a.Path() + map[bool]string{true: " is one of ", false: " is none of "}[truth] + b.Path()
	}
	words := relationWords(t.Op, !truth)
	switch words {
	case "":
		words = "equal to "
	case "not ":
		words = "not equal to "
	}
	return a.Path() + " is " + words + b.Path()
}

// Words says in words what stands at the only place that a term looks at where
// it is true, as "at most 500"; empty if there are no short words for it, or
// several places.
func (t *Term) Words() string {
	if len(t.Reads()) != 1 || t.asks() {
		return ""
	}
	return t.words(false)
}

// words describes the value that makes a term about one place true; empty if
// it has no short words.
func (t *Term) words(negated bool) string {
	switch t.Op {
	case Not:
		return t.Args[0].words(!negated)
	case Has, HasKey, HasElement:
		if negated {
			return "absent"
		}
		return "stated"
	case Read, Key, Element:
		return strconv.FormatBool(!negated)
	case And, Or:
		return t.joinedWords(negated)
	case Eq, Ne, Lt, Le, Gt, Ge:
		return t.relationWords(negated)
	case In:
		return t.membershipWords(negated)
	case Exists, All:
		return t.loopWords(negated)
	case StartsWith, EndsWith, Contains:
		if t.Args[1].Op == Const && t.Args[0].isPlace() {
			return partWords(t.Op, negated) + constantText(t.Args[1].Value)
		}
	case Opaque:
		return t.patternWords(negated)
	}
	return ""
}

// partWords name what a text begins with, ends with or contains.
func partWords(op Op, negated bool) string {
	if negated {
		return map[Op]string{StartsWith: "does not begin with ", EndsWith: "does not end with ", Contains: "does not contain "}[op]
	}
	return map[Op]string{StartsWith: "begins with ", EndsWith: "ends with ", Contains: "contains "}[op]
}

// patternWords name a regular expression, without what makes it that of the
// whole text.
func (t *Term) patternWords(negated bool) string {
	if t.Pattern == "" {
		return ""
	}
	pattern := t.Pattern
	if inner, ok := strings.CutPrefix(pattern, "^(?:"); ok {
		if inner, ok = strings.CutSuffix(inner, ")$"); ok {
			pattern = inner
		}
	}
	if negated {
		return "does not match " + pattern
	}
	return "matches " + pattern
}

func (t *Term) joinedWords(negated bool) string {
	var parts []string
	and := (t.Op == And) != negated
	for _, a := range t.Args {
		w := a.words(negated)
		switch {
		case w == "":
			return ""
		case and && (w == "stated" || w == `not ""` && t.impliesText(negated) || w == notNull && t.excludesNull(negated)):
			continue // whatever else is wanted says so
		case and && w == notNull && t.asksPresence(negated):
			w = "stated" // what is null is not given either
		case len(parts) > shownElements:
			parts[shownElements] = "…"
			continue
		}
		parts = append(parts, w)
	}
	switch {
	case len(parts) == 0:
		return "stated"
	case and:
		return strings.Join(parts, " and ")
	}
	return strings.Join(parts, " or ")
}

// impliesText reports whether a part of a conjunction wants one of some texts
// that are not empty, so that nobody need say that the text is not empty.
func (t *Term) impliesText(negated bool) bool {
	if negated {
		return false
	}
	return slices.ContainsFunc(t.Args, func(a *Term) bool {
		if (a.Op != Eq && a.Op != In) || a.Args[1].Op != Const || !a.Args[0].isPlace() {
			return false
		}
		list, _ := a.Args[1].Value.([]any)
		return a.Args[1].Value != "" && !slices.Contains(list, any(""))
	})
}

// notNull are the words for what is compared with null.
const notNull = "not null"

// asksPresence reports whether a part of a conjunction asks that there is
// something at the place.
func (t *Term) asksPresence(negated bool) bool {
	return slices.ContainsFunc(t.Args, func(a *Term) bool { return a.words(negated) == "stated" })
}

// excludesNull reports whether the words for what makes a term about one place
// true say of themselves that null does not: "at most 5" does, "not a" does not.
func (t *Term) excludesNull(negated bool) bool {
	excludes := func(a *Term) bool { return a.excludesNull(negated) }
	switch t.Op {
	case Not:
		return t.Args[0].excludesNull(!negated)
	case And, Or:
		if (t.Op == And) != negated {
			return slices.ContainsFunc(t.Args, excludes)
		}
		return !slices.ContainsFunc(t.Args, func(a *Term) bool { return !excludes(a) })
	case Read, Key, Element, Lt, Le, Gt, Ge, Exists, All:
		return true
	case StartsWith, EndsWith, Contains, Opaque:
		return !negated
	case Eq, Ne:
		return (t.Op == Eq) != negated && t.Args[1].Op == Const && t.Args[1].Value != nil
	case In:
		list, _ := t.Args[1].Value.([]any)
		return !negated && !slices.Contains(list, nil)
	}
	return false
}

func (t *Term) relationWords(negated bool) string {
	of, b := t.Args[0], t.Args[1]
	switch {
	case b.Op != Const:
		return ""
	case of.isPlace():
		return relationWords(t.Op, negated) + constantText(b.Value)
	case of.Op == Size && of.Args[0].isPlace():
		return sizeWords(of.Args[0].Kind, relationWords(t.Op, negated)+constantText(b.Value))
	}
	return ""
}

// sizeWords name the size of what is of that kind.
func sizeWords(kind Kind, how string) string {
	switch kind {
	case Text:
		return "of " + how + " characters"
	case Texts, Findings:
		return "of " + how + " elements"
	}
	return "of size " + how
}

// relationWords name a relation, or its opposite.
func relationWords(op Op, negated bool) string {
	opposite := map[Op]Op{Eq: Ne, Ne: Eq, Lt: Ge, Le: Gt, Gt: Le, Ge: Lt}
	if negated {
		op = opposite[op]
	}
	return map[Op]string{Eq: "", Ne: "not ", Lt: "less than ", Le: "at most ", Gt: "more than ", Ge: "at least "}[op]
}

func (t *Term) membershipWords(negated bool) string {
	a, list := t.Args[0], t.Args[1]
	switch {
	case list.Op == Const && a.isPlace():
		if elements, ok := list.Value.([]any); ok && len(elements) == 0 && negated {
			return "stated"
		}
		if negated {
			return "none of " + constantText(list.Value)
		}
		return "one of " + constantText(list.Value)
	case a.Op == Const && list.isPlace():
		if negated {
			return "without " + constantText(a.Value)
		}
		return "with " + constantText(a.Value)
	}
	return ""
}

// loopWords describes a list by what its elements are, or a map by its keys.
func (t *Term) loopWords(negated bool) string {
	body := t.Args[1]
	what := plainElement(body)
	if t.Args[0].Kind == Map && what != "" {
		return t.keyWords(negated)
	}
	if what == "" {
		if what = elementWords(body, t.Args[0].Kind); what == "" {
			return ""
		}
	}
	switch {
	case t.Op == Exists && !negated:
		return "with " + what
	case t.Op == Exists:
		return "without " + what
	case negated:
		return "with something other than " + strings.TrimPrefix(what, anyOf)
	}
	return "with nothing but " + strings.TrimPrefix(what, anyOf)
}

// keyWords describes a map by the keys that a loop compares with constants.
func (t *Term) keyWords(negated bool) string {
	noun := "key"
	if t.Args[0].Path() == "tool.args" {
		noun = "argument"
	}
	keys := constantText(t.Args[1].Args[1].Value)
	switch {
	case t.Op == Exists && !negated:
		return "with any of the " + noun + "s " + keys
	case t.Op == Exists:
		return "without any of the " + noun + "s " + keys
	case negated:
		return "with another " + noun + " than " + keys
	}
	return "with no " + noun + " but " + keys
}

// anyOf begins the words for the elements of a list of constants.
const anyOf = "any of "

// plainElement names the elements that a loop compares with constants.
func plainElement(body *Term) string {
	if (body.Op != Eq && body.Op != In) || body.Args[0].Op != Element || body.Args[0].Name != "" || body.Args[1].Op != Const {
		return ""
	}
	if body.Op == In {
		return anyOf + constantText(body.Args[1].Value)
	}
	return constantText(body.Args[1].Value)
}

// elementWords describes any other element that a loop asks for.
func elementWords(body *Term, kind Kind) string {
	noun := map[Kind]string{Findings: "any finding", Map: "any key"}[kind]
	if noun == "" {
		noun = "any element"
	}
	var fields []string
	about := map[string]*Term{}
	for _, part := range body.Conjuncts() {
		field, single := part.elementField()
		if !single {
			return ""
		}
		if about[field] == nil {
			fields = append(fields, field)
			about[field] = Constant(true)
		}
		about[field] = Conjunction(about[field], part)
	}
	var said []string
	for _, field := range fields {
		words := about[field].words(false)
		if words == "" {
			return ""
		}
		if field != "" {
			said = append(said, "whose "+Sentence(field, words))
			continue
		}
		said = append(said, Sentence("that", words))
	}
	if len(said) == 0 {
		return ""
	}
	return noun + " " + strings.Join(said, " and ")
}

// elementField returns the only field of a loop's variable that a term looks at,
// empty for the variable itself; false if it looks at anything else.
func (t *Term) elementField() (field string, single bool) {
	found, single := false, true
	t.Walk(func(t *Term) bool {
		switch t.Op {
		case Element, HasElement:
			single = single && (!found || field == t.Name)
			field, found = t.Name, true
		case Read, Has, Key, HasKey, Predicate, Opaque:
			single = false
		}
		return single
	})
	return field, found && single
}

// shownElements bounds how many elements of a list words name.
const shownElements = 12

func constantText(v any) string {
	switch v := v.(type) {
	case string:
		return TextWords(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		var parts []string
		for i, e := range v {
			if i == shownElements {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, constantText(e))
		}
		if len(parts) == 0 {
			return "nothing"
		}
		return strings.Join(parts, ", ")
	}
	var p printer
	p.constant(v)
	return p.String()
}

// TextWords is a text in a sentence: in quotation marks unless it reads as the
// text that it is without them, which "5", "true" and "a, b" do not, nor what has
// to be made visible.
func TextWords(text string) string {
	bare := text != "" && !strings.ContainsAny(text, " ,\t\n\r\"") && !strings.ContainsAny(text[:1], "[{")
	switch text {
	case "true", "false", "null", "absent", "stated", "nothing":
		bare = false
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		bare = false
	}
	if bare && Visible(text) == text {
		return text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return strconv.Quote(text)
	}
	return Visible(strings.TrimSuffix(b.String(), "\n"))
}
