package explain

import (
	"encoding/json"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// because says what a term owes its truth to: each field with what it says, in
// the order of the text.
func (x *explainer) because(t *term.Term) []string {
	r := reasons{said: map[string]string{}}
	x.collect(t, &r)
	out := make([]string, len(r.fields))
	for i, field := range r.fields {
		out[i] = field + " " + r.said[field]
	}
	return out
}

// reasons is what is said of fields, the last word of each.
type reasons struct {
	fields []string
	said   map[string]string
}

func (r *reasons) add(field, says string) {
	if _, ok := r.said[field]; !ok {
		r.fields = append(r.fields, field)
	}
	r.said[field] = says
}

func (x *explainer) collect(t *term.Term, r *reasons) {
	switch t.Op {
	case term.Not:
		x.collect(t.Args[0], r)
	case term.And, term.Or:
		x.collectJoin(t, r)
	case term.Cond:
		x.collect(t.Args[0], r)
		switch x.truth(t.Args[0]) {
		case lower.True:
			x.collect(t.Args[1], r)
		case lower.False:
			x.collect(t.Args[2], r)
		}
	case term.Predicate:
		if definition := x.definitions[t.Name]; definition != nil {
			x.collect(definition, r)
		}
	case term.Exists, term.All:
		x.collectLoop(t, r)
	default:
		for _, read := range t.Reads() {
			r.add(read.Path(), "is "+ValueText(read.ValueIn(x.action)))
		}
	}
}

// collectJoin looks at what decides: one part that does, or else all of them.
func (x *explainer) collectJoin(t *term.Term, r *reasons) {
	truth := x.truth(t)
	alone := map[term.Op]lower.Truth{term.And: lower.False, term.Or: lower.True}[t.Op]
	for _, a := range t.Args {
		switch v := x.truth(a); {
		case truth == alone && v == alone, truth == lower.Error && v == lower.Error:
			x.collect(a, r)
			return
		case truth != alone && truth != lower.Error:
			x.collect(a, r)
		}
	}
}

// collectLoop names the elements that decide.
func (x *explainer) collectLoop(t *term.Term, r *reasons) {
	list := t.Args[0]
	decisive := map[term.Op]lower.Truth{term.Exists: lower.True, term.All: lower.False}[t.Op]
	value := list.ValueIn(x.action)
	place := space.PlaceOf(list)
	if x.truth(t) != decisive || place == (space.Place{}) {
		r.add(list.Path(), "is "+ValueText(value))
		return
	}
	test := lower.NewTest(t, x.definitions)
	var found []string
	alone := func(element any, single any) {
		if test.Truth(x.ctx, place.With(x.action, space.Stated(single))) == decisive {
			found = append(found, ValueText(element))
		}
	}
	switch elements := value.(type) {
	case []string:
		for _, e := range elements {
			alone(e, []string{e})
		}
	case []mesh.ContentFinding:
		for _, e := range elements {
			alone(e, []mesh.ContentFinding{e})
		}
	}
	r.add(list.Path(), "holds "+strings.Join(found, ", "))
}

// ValueText is a value of an action in a sentence; "absent" for nil.
func ValueText(v any) string {
	switch v := v.(type) {
	case nil:
		return "absent"
	case string:
		if v != "" && !strings.ContainsAny(v, " ,\t\n\"") {
			return v
		}
	case mesh.ContentFinding:
		if v.Type != nil {
			return *v.Type
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "a value"
	}
	return strings.ReplaceAll(strings.Trim(string(text), "\n"), `","`, `", "`)
}
