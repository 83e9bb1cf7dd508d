package term

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// Reads returns what a term looks at: the reads of leaves and of keys of
// free-form maps in it, each place once, in the order of the text.
func (t *Term) Reads() []*Term {
	var out []*Term
	t.Walk(func(t *Term) bool {
		switch t.Op {
		case Read, Has, Key, HasKey:
			path := t.Path()
			if !slices.ContainsFunc(out, func(r *Term) bool { return r.Path() == path }) {
				out = append(out, t)
			}
			return false
		}
		return true
	})
	return out
}

// isPlace reports whether a term is the value at a place, and not computed.
func (t *Term) isPlace() bool { return t.Op == Read || t.Op == Key || t.Op == Element }

// Path returns the place that a Read, Has, Key or HasKey looks at, as
// data.purpose or tool.args.amount.
func (t *Term) Path() string {
	switch t.Op {
	case Read, Has:
		return t.Leaf.Path
	case Key, HasKey:
		return Below(t.Args[0].Path(), t.Name)
	}
	return t.String()
}

// Below returns the path of a key of the map at path.
func Below(path, key string) string {
	if identifier(key) {
		return path + "." + key
	}
	return path + "[" + strconv.Quote(key) + "]"
}

// ValueIn returns what an action says at the place that t looks at: a Go value
// as of [shape.Leaf.Value], or what a free-form map holds; nil if it says
// nothing, and for whole objects and maps.
func (t *Term) ValueIn(a *mesh.Action) any {
	switch t.Op {
	case Read, Has:
		if t.Leaf.Kind == shape.FreeForm {
			return nil
		}
		return t.Leaf.Value(a)
	case Key, HasKey:
		m := t.Args[0].mapIn(a)
		if _, nested := m[t.Name].(map[string]any); nested {
			return nil
		}
		return m[t.Name]
	}
	return nil
}

func (t *Term) mapIn(a *mesh.Action) map[string]any {
	switch t.Op {
	case Read:
		if t.Leaf.Kind == shape.FreeForm {
			return t.Leaf.Map(a)
		}
	case Key:
		m, _ := t.Args[0].mapIn(a)[t.Name].(map[string]any)
		return m
	}
	return nil
}

// Wanted says in words what would make a boolean term true. Where there are no
// short words for it, it is the term itself.
func (t *Term) Wanted() string {
	if words := t.Words(); words != "" {
		return words
	}
	if t.Op == Or {
		return t.alternatives()
	}
	return t.String()
}

// alternatives says of each place what would do; the term itself if one of them
// has no short words.
func (t *Term) alternatives() string {
	parts := make([]string, len(t.Args))
	for i, a := range t.Args {
		if a.Words() == "" {
			return t.String()
		}
		parts[i] = a.Says(true)
	}
	return strings.Join(parts, " or ")
}

// Says says in words what an action says for which a boolean term is true, or is
// not: "data.region is one of eu, us", "data.region is absent or none of eu, us".
// Where there are no short words for it, it quotes the term.
func (t *Term) Says(truth bool) string {
	reads := t.Reads()
	if len(reads) != 1 {
		return "`" + t.String() + "` is " + strconv.FormatBool(truth)
	}
	words := t.words(!truth)
	path := reads[0].Path()
	switch first, _, _ := strings.Cut(words, " "); first {
	case "":
		return "`" + t.String() + "` is " + strconv.FormatBool(truth)
	case "begins", "ends", "contains":
		return path + " " + words
	}
	return path + " is " + words
}

// Words says in words what stands at the only place that a term looks at where
// it is true, as "at most 500"; empty if there are no short words for it, or
// several places.
func (t *Term) Words() string {
	if len(t.Reads()) != 1 {
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
	case Has, HasKey:
		if negated {
			return "absent"
		}
		return "stated"
	case Read, Key:
		return strconv.FormatBool(!negated)
	case And, Or:
		return t.joinedWords(negated)
	case Eq, Ne, Lt, Le, Gt, Ge:
		if t.Args[1].Op == Const && t.Args[0].isPlace() {
			return relationWords(t.Op, negated) + constantText(t.Args[1].Value)
		}
	case In:
		return t.membershipWords(negated)
	case Exists, All:
		return t.loopWords(negated)
	case StartsWith, EndsWith, Contains:
		if t.Args[1].Op == Const && t.Args[0].isPlace() && !negated {
			return map[Op]string{StartsWith: "begins with ", EndsWith: "ends with ", Contains: "contains "}[t.Op] + constantText(t.Args[1].Value)
		}
	}
	return ""
}

func (t *Term) joinedWords(negated bool) string {
	var parts []string
	and := (t.Op == And) != negated
	for _, a := range t.Args {
		w := a.words(negated)
		switch {
		case w == "":
			return ""
		case and && w == "stated":
			continue // whatever else is wanted says so
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

// loopWords describes a list by what its elements are compared with.
func (t *Term) loopWords(negated bool) string {
	body := t.Args[1]
	if (body.Op != Eq && body.Op != In) || body.Args[0].Op != Element || body.Args[0].Name != "" || body.Args[1].Op != Const {
		return ""
	}
	what := constantText(body.Args[1].Value)
	if body.Op == In && t.Op == Exists {
		what = "any of " + what
	}
	switch {
	case t.Op == Exists && !negated:
		return "with " + what
	case t.Op == Exists:
		return "without " + what
	case negated:
		return "with something other than " + what
	}
	return "with nothing but " + what
}

// shownElements bounds how many elements of a list words name.
const shownElements = 12

// TextWords is a text in a sentence: in quotes if it could be taken for another
// value, for several, or for nothing.
func TextWords(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil || text != strings.TrimSpace(text) || strings.Contains(text, ", ") {
		return strconv.Quote(text)
	}
	switch text {
	case "", "true", "false", "null", "absent", "stated":
		return strconv.Quote(text)
	}
	return text
}

func constantText(v any) string {
	switch v := v.(type) {
	case string:
		return TextWords(v)
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
