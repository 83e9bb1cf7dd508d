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

// maxShown bounds the values that one change names.
const maxShown = 8

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
func WhatWouldAllow(ctx context.Context, p *engine.Program, a *mesh.Action) Remedy {
	before := decide(ctx, p, a)
	if before.wouldAllow {
		return Remedy{}
	}
	return remedy(newExplainer(ctx, a), p, before)
}

// remedy is WhatWouldAllow for an action that was decided.
func remedy(x *explainer, p *engine.Program, before *decision) Remedy {
	s := search{ctx: x.ctx, program: p, action: x.action, rules: p.Rules(), modes: map[string]mesh.Mode{}, left: MaxTries, explainer: x}
	for _, info := range p.Policies() {
		s.modes[info.ID] = info.Mode
	}
	s.enforced = !before.allowed
	out := Remedy{Rules: s.inTheWay(before), Changes: []Change{}}
	out.Remaining = len(out.Rules)
	for _, field := range s.fields(s.missed(out.Rules)) {
		s.try(field, &out)
	}
	if len(out.Changes) == 0 {
		for _, field := range s.fields(s.looks(out.Rules)) {
			// What a condition names is nothing to recommend, but for no elements.
			field.wanted, field.avoids, field.constants, field.edits = "", true, nil, []any{[]string{}}
			s.try(field, &out)
		}
	}
	if len(out.Changes) > 0 {
		out.Best, out.Remaining = nil, 0
	}
	return out
}

// search tries changes to one action.
type search struct {
	ctx      context.Context
	program  *engine.Program
	action   *mesh.Action
	rules    []engine.RuleInfo
	modes    map[string]mesh.Mode
	enforced bool // only rules of policies in enforce mode are in the way
	left     int  // tries

	explainer *explainer
}

// inTheWay returns the rules because of which an action is not allowed.
func (s *search) inTheWay(d *decision) []string {
	var out []string
	add := func(policyID, ruleID string) {
		if name := policyID + "/" + ruleID; (!s.enforced || s.modes[policyID] == mesh.ModeEnforce) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, r := range []*engine.Result{&d.inline, &d.deferred} {
		for _, v := range r.Violations {
			add(v.PolicyID, v.RuleID)
		}
		for _, e := range r.Errors {
			add(e.PolicyID, e.RuleID)
		}
	}
	return out
}

// field is a place to change, what rules want of it and the values to try.
type field struct {
	place     space.Place
	wanted    string
	avoids    bool
	clauses   []*term.Term
	constants []any // that the rules name
	edits     []any // lists that are what stands there but for some elements
	values    []space.Value
}

// fields returns the places that clauses look at, and what to try there.
func (s *search) fields(clauses []*term.Term) []*field {
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
		f.values = append(append(f.values, sp.Values(f.place)...), space.Absent())
	}
	return out
}

// missed returns the clauses that are not true for the action, of the rules in
// the way.
func (s *search) missed(inTheWay []string) []*term.Term {
	var out []*term.Term
	for i := range s.rules {
		r := &s.rules[i]
		if !slices.Contains(inTheWay, r.PolicyID+"/"+r.ID) {
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
func (s *search) looks(inTheWay []string) []*term.Term {
	var out []*term.Term
	for i := range s.rules {
		r := &s.rules[i]
		if r.When == nil || !slices.Contains(inTheWay, r.PolicyID+"/"+r.ID) {
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
	var kept []string
	for _, e := range list {
		if !slices.ContainsFunc(f.clauses, func(c *term.Term) bool { return !s.accepts(c, f.place, []string{e}) }) {
			kept = append(kept, e)
		}
	}
	if len(kept) > 0 && len(kept) < len(list) {
		f.edits = append(f.edits, kept)
	}
	for _, c := range f.constants {
		if text, ok := c.(string); ok && len(list) > 0 && !slices.Contains(list, text) {
			f.edits = append(f.edits, append(slices.Clone(list), text))
		}
	}
	for _, e := range f.edits {
		f.values = append(f.values, space.Stated(e))
	}
	f.values = append(f.values, space.Stated([]string{}))
}

func (s *search) accepts(clause *term.Term, place space.Place, list []string) bool {
	return s.explainer.test(clause).Truth(s.ctx, place.With(s.action, space.Stated(list))) == lower.True
}

// field notes a place that a clause looks at.
func (s *search) field(fields []*field, clause *term.Term, place space.Place) []*field {
	if place == (space.Place{}) || place == space.PlaceAt("action.type") {
		return fields
	}
	i := slices.IndexFunc(fields, func(f *field) bool { return f.place == place })
	if i < 0 {
		i = len(fields)
		fields = append(fields, &field{place: place, wanted: wantedAt(clause, place)})
	}
	f := fields[i]
	f.clauses = append(f.clauses, clause)
	clause.Walk(func(t *term.Term) bool {
		if list, ok := t.Value.([]any); ok && t.Op == term.Const {
			f.constants = append(f.constants, list...)
		} else if t.Op == term.Const {
			f.constants = append(f.constants, t.Value)
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
		f.values = append(f.values, space.Stated(v))
		f.constants = append(f.constants, v)
	}
	switch v := other.V.(type) {
	case string:
		if f.place.Takes("") {
			add(v)
		}
		if f.place.Takes([]string{}) {
			list, _ := own.V.([]string)
			f.edits = append(f.edits, append(slices.Clone(list), v))
		}
	case []string:
		for _, text := range v {
			if f.place.Takes("") {
				add(text)
			}
		}
	case int64, float64, bool:
		if f.place.Takes(v) {
			add(v)
		}
	}
}

// try decides every value of a field.
func (s *search) try(f *field, out *Remedy) {
	current := f.place.ValueIn(s.action)
	allowing := tried{field: f}
	best := tried{field: f} // of what the rules want
	for _, v := range f.values {
		if v.Equal(current) || !v.Present && v.V != nil || s.left <= 0 || s.ctx.Err() != nil {
			continue
		}
		changed := f.place.With(s.action, v)
		if !space.Sayable(changed) {
			continue
		}
		s.left--
		switch n := len(s.inTheWay(decide(s.ctx, s.program, changed))); {
		case n == 0:
			allowing.add(v)
		case f.avoids:
		case n < out.Remaining:
			out.Remaining, out.Best = n, nil
			best = tried{field: f}
			best.add(v)
		case n == out.Remaining:
			best.add(v)
		}
	}
	out.Changes = append(out.Changes, allowing.changes(current)...)
	if changes := best.changes(current); len(changes) > 0 && out.Best == nil && out.Remaining < len(out.Rules) {
		out.Best = &changes[0]
	}
}

// tried are values of a field with the same effect.
type tried struct {
	field          *field
	edited         []any // of the field's edits
	named, numbers []any // constants of the rules; numbers that are none
	others         []any
	remove         bool
}

func (t *tried) add(v space.Value) {
	_, whole := v.V.(int64)
	_, float := v.V.(float64)
	_, flag := v.V.(bool)
	switch {
	case !v.Present:
		t.remove = true
	case slices.ContainsFunc(t.field.edits, func(e any) bool { return same(e, v.V) }):
		t.edited = appendNew(t.edited, v.V)
	case t.names(v.V) || flag:
		t.named = appendNew(t.named, v.V)
	case whole || float:
		t.numbers = appendNew(t.numbers, v.V)
	default:
		t.others = appendNew(t.others, v.V)
	}
}

func appendNew(list []any, v any) []any {
	if slices.ContainsFunc(list, func(o any) bool { return same(o, v) }) {
		return list
	}
	return append(list, v)
}

// names reports whether the rules name a value, or all elements of a list.
func (t *tried) names(v any) bool {
	if slices.ContainsFunc(t.field.constants, func(c any) bool { return same(c, v) }) {
		return true
	}
	list, ok := v.([]string)
	return ok && len(list) > 0 && !slices.ContainsFunc(list, func(e string) bool { return !t.names(e) })
}

// same compares values, numbers of both types.
func same(a, b any) bool {
	if number(a) && number(b) {
		return term.Number(a) == term.Number(b)
	}
	return space.Stated(a).Equal(space.Stated(b))
}

// changes puts the values into words: those that rules name, or else an example
// of those they want.
func (t *tried) changes(current space.Value) []Change {
	var out []Change
	name := t.field.place.String()
	switch {
	case len(t.edited) > 0:
		out = append(out, Change{Field: name, Values: t.edited[:min(len(t.edited), maxShown)]})
	case len(t.named) > 0 && number(t.named[0]):
		out = append(out, Change{Field: name, Values: []any{nearest(t.named, current)}})
	case len(t.named) > 0:
		out = append(out, Change{Field: name, Values: t.named[:min(len(t.named), maxShown)]})
	case len(t.numbers) > 0:
		out = append(out, Change{Field: name, Values: []any{nearest(t.numbers, current)}, Wanted: t.field.wanted})
	case len(t.others) > 0:
		out = append(out, Change{Field: name, Values: t.others[:1], Wanted: t.field.wanted})
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
