package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// MaxTries bounds the changes that [WhatWouldAllow] decides.
const MaxTries = 2_000

// The bounds of what is tried.
const (
	maxClauses    = 200 // that are not met; of further ones nothing is tried
	maxCandidates = 100 // made of the texts that another field or the rules name
	maxShown      = 8   // values that one change names
)

// Remedy is what would allow an action that is denied.
type Remedy struct {
	// Rules are those in the way, as policyId/ruleId.
	Rules []string `json:"rules,omitzero"`
	// Changes are what would allow the action, each by itself: it was decided.
	Changes []Change `json:"changes"`
	// Best is, where there are no changes, the one that leaves the fewest rules
	// in the way, and Remaining how many.
	Best      *Change `json:"best,omitzero"`
	Remaining int     `json:"remaining,omitzero"`
	// GivenUp is true if the search ended before all was tried: at [MaxTries], at
	// [MaxSteps], at more clauses or values than are looked at, or because nobody
	// waits any more. What it found until then holds.
	GivenUp bool `json:"givenUp"`
}

// Change is another value of one field.
type Change struct {
	Field string `json:"field"`
	// Values are what it may be, each by itself; examples if Wanted says which
	// ones. None if Remove is true.
	Values []any  `json:"values,omitzero"`
	Wanted string `json:"wanted,omitzero"`
	Remove bool   `json:"remove,omitzero"` // the field is to be left out
	// Avoids is true if a rule in the way does not look at the action then. Such
	// changes are only looked for where no other would allow the action.
	Avoids bool `json:"avoids,omitzero"`

	words string // for people, of a long list what is changed in it
}

// String says it in words.
func (c Change) String() string {
	var values []string
	for _, v := range c.Values {
		values = append(values, ValueText(v))
	}
	switch {
	case c.Remove:
		return c.Field + " left out"
	case c.words != "":
		return c.Field + " " + c.words
	case c.Wanted != "" && len(values) > 0:
		return fmt.Sprintf("%s: %s (for example %s)", c.Field, c.Wanted, values[0])
	case len(values) > 1:
		last := len(values) - 1
		return c.Field + " = " + strings.Join(values[:last], ", ") + " or " + values[last]
	}
	return c.Field + " = " + strings.Join(values, "")
}

// WhatWouldAllow looks for single fields by which a denied action would be
// allowed: each change it returns was decided. It tries what the rules in the
// way tell apart, and lists without the elements they object to or with those
// they ask for; never another type of action. That it finds none is no proof
// that there is none. An action that is let through by its mode alone counts as
// denied. The zero Remedy is that of an action that no rule objects to.
//
// All that the search decides may take [MaxSteps] together.
func WhatWouldAllow(ctx context.Context, p *engine.Program, a *mesh.Action) Remedy {
	before := decide(ctx, p, a)
	if before.wouldAllow {
		return Remedy{}
	}
	return remedy(newExplainer(ctx, a), p, before)
}

// remedy is WhatWouldAllow for an action that was decided.
func remedy(x *explainer, p *engine.Program, before *decision) Remedy {
	x.left = MaxSteps
	s := newSearch(x, p, !before.allowed)
	names := s.inTheWay(before)
	out := Remedy{Changes: []Change{}, Remaining: len(names)}
	inTheWay := map[ruleName]bool{}
	for _, name := range names {
		inTheWay[name] = true
		out.Rules = append(out.Rules, name.String())
	}
	for _, field := range s.fields(s.missed(inTheWay)) {
		s.try(field, &out)
	}
	if len(out.Changes) == 0 {
		for _, field := range s.fields(s.looks(inTheWay)) {
			field.avoid()
			s.try(field, &out)
		}
	}
	if len(out.Changes) > 0 {
		out.Best, out.Remaining = nil, 0
	}
	out.GivenUp = s.givenUp
	return out
}

// field is a place to change, what rules want of it and the values to try.
type field struct {
	place      space.Place
	wanted     string
	avoids     bool
	clauses    []*term.Term
	constants  map[any]bool // that the rules name, as of constantKey
	texts      []string     // of the constants, in their order
	candidates []candidate
	more       bool // there are more candidates than are tried
}

// candidate is a value to try.
type candidate struct {
	space.Value
	edit  bool   // the list that stands there but for some elements
	words string // of an edit of a long list: what is changed in it
}

// avoid has a field tried so that a rule does not look at the action: what a
// condition names is nothing to recommend, but for no elements.
func (f *field) avoid() {
	f.wanted, f.avoids, f.constants = "", true, nil
	for i := range f.candidates {
		c := &f.candidates[i]
		list, ok := c.V.([]string)
		c.edit, c.words = ok && c.Present && len(list) == 0, ""
	}
}

// constantKey is a value by which it is found among constants: numbers of both
// types are the same. ok is false for what no constant is.
func constantKey(v any) (key any, ok bool) {
	switch v.(type) {
	case nil, string, bool:
		return v, true
	}
	return term.Number(v), number(v)
}

// fields returns the places that clauses look at, and what to try there.
func (s *search) fields(clauses []*term.Term) []*field {
	if len(clauses) > maxClauses {
		clauses, s.givenUp = clauses[:maxClauses], true
	}
	var out []*field
	for _, clause := range clauses {
		for _, read := range clause.Reads() {
			out = s.field(out, clause, space.PlaceOf(read))
		}
		for _, r := range s.explainer.reasons(clause) {
			if r.In != "" && strings.HasPrefix(r.Field, r.In+".") {
				out = s.field(out, clause, space.PlaceAt(r.Field)) // a key, to be left out
			}
		}
	}
	sp := space.NewLibrary(s.explainer.definitions).New(clauses...)
	for _, f := range out {
		s.edit(f)
		for _, v := range append(sp.Values(f.place), space.Absent()) {
			f.candidates = append(f.candidates, candidate{Value: v})
		}
	}
	return out
}

// missed returns the clauses that are not true for the action, of the rules in
// the way.
func (s *search) missed(inTheWay map[ruleName]bool) []*term.Term {
	var out []*term.Term
	for i := range s.rules {
		r := &s.rules[i]
		if len(out) > maxClauses {
			break
		}
		if !inTheWay[nameOf(r)] {
			continue
		}
		for _, t := range []*term.Term{r.When, r.Require} {
			if t == nil || t == r.When && s.explainer.truth(t) != lower.Error {
				continue
			}
			for _, c := range lower.Clauses(t) {
				if clause := s.defined(term.Disjunction(c...)); s.explainer.truth(clause) != lower.True {
					out = append(out, clause)
				}
			}
		}
	}
	return out
}

// looks returns the opposites of what rules in the way look at.
func (s *search) looks(inTheWay map[ruleName]bool) []*term.Term {
	var out []*term.Term
	for i := range s.rules {
		r := &s.rules[i]
		if len(out) > maxClauses {
			break
		}
		if r.When == nil || !inTheWay[nameOf(r)] {
			continue
		}
		for _, part := range r.When.Conjuncts() {
			out = append(out, s.defined(term.Negate(part)))
		}
	}
	return out
}

// defined returns a term with the definitions of predicates in their place.
func (s *search) defined(t *term.Term) *term.Term {
	if definition := s.explainer.definitions[t.Name]; t.Op == term.Predicate && definition != nil {
		return s.defined(definition)
	}
	if !asks(t) || t.Op == term.Opaque {
		return t
	}
	out := *t
	out.Args = make([]*term.Term, len(t.Args))
	for i, a := range t.Args {
		out.Args[i] = s.defined(a)
	}
	return &out
}

// edit adds what is made of the list that stands at a place: without the
// elements that clauses object to, with those that they name, and the empty
// one.
func (s *search) edit(f *field) {
	if !f.place.Takes([]string{}) {
		return
	}
	list, _ := f.place.ValueIn(s.action).V.([]string)
	kept, gone := s.sort(f, list)
	if len(kept) > 0 && len(gone) > 0 {
		f.edited(kept, len(list), "without "+listed(gone))
	}
	if len(list) == 0 {
		f.texts = nil
	}
	for i, text := range f.texts {
		if i == maxCandidates {
			f.more = true
			break
		}
		if !slices.Contains(list, text) {
			f.with(list, text)
		}
	}
	f.candidates = append(f.candidates, candidate{Value: space.Stated([]string{})})
}

// edited adds a list that is another one, of so many elements, but for some: of a
// long one the words say which.
func (f *field) edited(list []string, of int, words string) {
	if of <= shownOf(of) {
		words = ""
	}
	f.candidates = append(f.candidates, candidate{Value: space.Stated(list), edit: true, words: words})
}

// with adds a list with one element more.
func (f *field) with(list []string, text string) {
	f.edited(append(slices.Clone(list), text), len(list), "with "+listed([]string{text})+" added")
}

// listed names elements of a list.
func listed(elements []string) string {
	var parts []string
	for _, e := range elements[:shownOf(len(elements))] {
		parts = append(parts, valueText(e, 0))
	}
	return strings.Join(withMore(parts, len(elements)), ", ")
}

// sort tells the elements of a list that clauses accept by themselves from those
// that they object to; none of either if that takes too many steps.
func (s *search) sort(f *field, list []string) (kept, gone []string) {
	most := max(s.explainer.left/editShare, 0)
	for _, e := range list {
		before := s.explainer.left
		accepted := !slices.ContainsFunc(f.clauses, func(c *term.Term) bool { return !s.accepts(c, f.place, []string{e}) })
		if most -= before - s.explainer.left; most < 0 || s.over() {
			s.givenUp = true
			return nil, nil
		}
		if accepted {
			kept = append(kept, e)
		} else {
			gone = append(gone, e)
		}
	}
	return kept, gone
}

func (s *search) accepts(clause *term.Term, place space.Place, list []string) bool {
	s.explainer.left -= stepsOfTest
	return s.explainer.truthFor(s.explainer.part(clause), place.With(s.action, space.Stated(list))) == lower.True
}

// field notes a place that a clause looks at.
func (s *search) field(fields []*field, clause *term.Term, place space.Place) []*field {
	if place == (space.Place{}) || place == space.PlaceAt("action.type") {
		return fields
	}
	i := slices.IndexFunc(fields, func(f *field) bool { return f.place == place })
	if i < 0 {
		i = len(fields)
		fields = append(fields, &field{place: place, wanted: wantedAt(clause, place), constants: map[any]bool{}})
	}
	f := fields[i]
	f.clauses = append(f.clauses, clause)
	clause.Walk(func(t *term.Term) bool {
		if list, ok := t.Value.([]any); ok && t.Op == term.Const {
			for _, v := range list {
				f.name(v)
			}
		} else if t.Op == term.Const {
			f.name(t.Value)
		}
		return true
	})
	for _, other := range clause.Reads() {
		if o := space.PlaceOf(other); o != place && o != (space.Place{}) {
			f.match(place.ValueIn(s.action), o.ValueIn(s.action))
		}
	}
	return fields
}

// name notes a constant.
func (f *field) name(v any) {
	key, ok := constantKey(v)
	if !ok || f.constants[key] {
		return
	}
	f.constants[key] = true
	if text, ok := v.(string); ok {
		f.texts = append(f.texts, text)
	}
}

// wantedAt says what a clause wants at one of the places it looks at.
func wantedAt(clause *term.Term, place space.Place) string {
	if clause.Op == term.Or {
		for _, alternative := range clause.Args {
			if words := alternative.Words(); words != "" && space.PlaceOf(alternative.Reads()[0]) == place {
				return words
			}
		}
	}
	return clause.Wanted()
}

// match adds the values by which a field would agree with another one.
func (f *field) match(own, other space.Value) {
	add := func(v any) {
		f.candidates = append(f.candidates, candidate{Value: space.Stated(v)})
		if key, ok := constantKey(v); ok {
			f.constants[key] = true
		}
	}
	switch v := other.V.(type) {
	case string:
		if f.place.Takes("") {
			add(v)
		}
		if list, _ := own.V.([]string); f.place.Takes([]string{}) && !slices.Contains(list, v) {
			f.with(list, v)
		}
	case []string:
		if !f.place.Takes("") {
			return
		}
		f.more = f.more || len(v) > maxCandidates
		for _, text := range v[:min(len(v), maxCandidates)] {
			add(text)
		}
	case int64, float64, bool:
		if f.place.Takes(v) {
			add(v)
		}
	}
}

// try decides the candidates of a field.
func (s *search) try(f *field, out *Remedy) {
	current := f.place.ValueIn(s.action)
	allowing := tried{field: f}
	best := tried{field: f} // of what the rules want
	for _, c := range f.candidates {
		if c.Equal(current) || !c.Present && c.V != nil {
			continue
		}
		if s.over() {
			break
		}
		switch n, known := s.remaining(f.place, c.Value); {
		case !known:
		case n == 0:
			allowing.add(c)
		case f.avoids:
		case n < out.Remaining:
			out.Remaining, out.Best = n, nil
			best = tried{field: f}
			best.add(c)
		case n == out.Remaining:
			best.add(c)
		}
	}
	found := allowing.changes(current)
	s.givenUp = s.givenUp || f.more && len(found) == 0
	out.Changes = append(out.Changes, found...)
	if changes := best.changes(current); len(changes) > 0 && out.Best == nil && out.Remaining < len(out.Rules) {
		out.Best = &changes[0]
	}
}

// tried are values of a field with the same effect.
type tried struct {
	field          *field
	edited         []candidate
	named, numbers []any // constants of the rules; numbers that are none
	texts, flags   []any
	others         []any
	remove         bool
}

func (t *tried) add(c candidate) {
	_, flag := c.V.(bool)
	_, text := c.V.(string)
	switch {
	case !c.Present:
		t.remove = true
	case c.edit:
		t.edited = append(t.edited, c)
	case t.names(c.V) || flag && t.namesFlag():
		t.named = appendNew(t.named, c.V)
	case number(c.V):
		t.numbers = append(t.numbers, c.V)
	case flag:
		t.flags = appendNew(t.flags, c.V)
	case text:
		t.texts = appendNew(t.texts, c.V)
	default:
		t.others = appendNew(t.others, c.V)
	}
}

// appendNew adds a value that is none of those before it, as long as it would be
// shown; of numbers all, of which the nearest is.
func appendNew(list []any, v any) []any {
	if number(v) {
		return append(list, v)
	}
	if len(list) >= maxShown || slices.ContainsFunc(list, func(o any) bool { return space.Stated(o).Equal(space.Stated(v)) }) {
		return list
	}
	return append(list, v)
}

// names reports whether the rules name a value, or all elements of a list.
func (t *tried) names(v any) bool {
	if key, ok := constantKey(v); ok {
		return t.field.constants[key]
	}
	list, ok := v.([]string)
	return ok && len(list) > 0 && !slices.ContainsFunc(list, func(e string) bool { return !t.field.constants[e] })
}

// namesFlag reports whether the rules name true or false.
func (t *tried) namesFlag() bool { return t.field.constants[true] || t.field.constants[false] }

// changes puts the values into words: those that rules name, or else an example
// of those they want. Where anything will do, a text is a better example than a
// number, and both than true or false.
func (t *tried) changes(current space.Value) []Change {
	var out []Change
	name := t.field.place.String()
	example := func(v any) { out = append(out, Change{Field: name, Values: []any{v}, Wanted: t.field.wanted}) }
	switch {
	case len(t.edited) > 0:
		out = append(out, t.editedChanges(name)...)
	case len(t.named) > 0 && number(t.named[0]):
		out = append(out, Change{Field: name, Values: []any{nearest(t.named, current)}})
	case len(t.named) > 0:
		out = append(out, Change{Field: name, Values: t.named})
	case len(t.texts) > 0:
		example(t.texts[0])
	case len(t.numbers) > 0:
		example(nearest(t.numbers, current))
	case len(t.flags) > 0:
		out = append(out, Change{Field: name, Values: t.flags})
	case len(t.others) > 0:
		example(t.others[0])
	}
	if t.remove {
		out = append(out, Change{Field: name, Remove: true})
	}
	for i := range out {
		out[i].Avoids = t.field.avoids
		out[i].Values = slices.Clone(out[i].Values)
		for j, v := range out[i].Values {
			if v == nil && t.field.place.Takes(v) {
				out[i].Values[j] = json.RawMessage("null")
			} else if v == nil {
				out[i].Values[j] = map[string]any{}
			}
		}
	}
	return out
}

// editedChanges are the edits of a list: together, or those of a long one each
// in its own words.
func (t *tried) editedChanges(name string) []Change {
	var out []Change
	whole := -1
	for _, c := range t.edited[:min(len(t.edited), maxShown)] {
		if c.words == "" && whole >= 0 {
			out[whole].Values = append(out[whole].Values, c.V)
			continue
		}
		if c.words == "" {
			whole = len(out)
		}
		out = append(out, Change{Field: name, Values: []any{c.V}, words: c.words})
	}
	return out
}

func number(v any) bool { return !math.IsNaN(term.Number(v)) }

// nearest returns the number that is nearest to what stands there; the first if
// nothing does.
func nearest(numbers []any, current space.Value) any {
	best := numbers[0]
	for _, n := range numbers {
		if at := term.Number(current.V); math.Abs(term.Number(n)-at) < math.Abs(term.Number(best)-at) {
			best = n
		}
	}
	return best
}
