package lower

import (
	"context"
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Reason is what an action says at a place that decides a term.
type Reason struct {
	Field string
	Value any // as of [term.Term.ValueIn]; nil if nothing stands there
	// In is, of an element of a list and a key of a map that a loop is decided
	// by, the list or the map; else empty.
	In string
}

// maxReasons bounds the elements that are named of one loop.
const maxReasons = 5

// Reasons finds what a boolean term owes its value to. It is immutable and safe
// for concurrent use.
type Reasons struct {
	term  *term.Term
	test  test
	parts []*Reasons // what it is made of; of a predicate, its definition
	body  test       // of a loop
}

// NewReasons compiles a term. definitions are the predicates that it asks by
// name.
func NewReasons(t *term.Term, definitions map[string]*term.Term) *Reasons {
	r := &Reasons{term: t, test: compileTest(t)}
	switch t.Op {
	case term.Not, term.And, term.Or, term.Cond:
		for _, a := range t.Args {
			r.parts = append(r.parts, NewReasons(a, definitions))
		}
	case term.Predicate:
		if definition := definitions[t.Name]; definition != nil {
			r.parts = []*Reasons{NewReasons(definition, definitions)}
		}
	case term.Exists, term.All:
		r.body = compileTest(t.Args[1])
	}
	return r
}

// Of returns the reasons for the value that the term has for the action that is
// bound to in, each place once and in the order of the text. in must be an
// input of a matcher that knows the predicates. Where it takes more steps than
// [Input.Explain] leaves, or nobody waits any more, lists are named as a whole.
func (r *Reasons) Of(in *Input) []Reason {
	in.hits = false // another term may have taken too many steps
	var out []Reason
	r.collect(in, &out)
	in.element = element{}
	return out
}

// Reasons returns what the term owes its value to for an action.
func (t *Test) Reasons(ctx context.Context, a *mesh.Action) []Reason {
	if t.reasons == nil {
		t.reasons = NewReasons(t.term, t.definitions)
	}
	t.input.take(ctx, a)
	t.input.Explain()
	t.began = t.input.spent
	return t.reasons.Of(&t.input)
}

// Failed returns the part of the term that has no value for the action that is
// bound to in, and because of which the term has none; nil if it has one, or if
// that took too many steps to find out. in is as for [Reasons.Of].
func (r *Reasons) Failed(in *Input) *term.Term {
	in.hits = false
	failed := r.failed(in)
	in.element = element{}
	if in.hits {
		return nil
	}
	return failed
}

func (r *Reasons) failed(in *Input) *term.Term {
	if r.truth(in) != Error || in.hits {
		return nil
	}
	for _, p := range r.parts {
		if failed := p.failed(in); failed != nil {
			return failed
		}
	}
	return r.term
}

// truth decides the term, which may take the steps of a rule.
func (r *Reasons) truth(in *Input) Truth {
	in.steps = 0
	return r.test(in)
}

func (r *Reasons) collect(in *Input, out *[]Reason) {
	switch r.term.Op {
	case term.Not, term.Predicate:
		for _, p := range r.parts {
			p.collect(in, out)
		}
	case term.And, term.Or:
		r.collectJoin(in, out)
	case term.Cond:
		r.parts[0].collect(in, out)
		switch r.parts[0].truth(in) {
		case True:
			r.parts[1].collect(in, out)
		case False:
			r.parts[2].collect(in, out)
		}
	case term.Exists, term.All:
		r.collectLoop(in, out)
	case term.In:
		r.collectMember(in, out)
	default:
		r.collectReads(in, out)
	}
}

// collectAll names what the term looks at, whatever it is decided by.
func (r *Reasons) collectAll(in *Input, out *[]Reason) {
	if len(r.parts) == 0 {
		r.collectReads(in, out)
	}
	for _, p := range r.parts {
		p.collectAll(in, out)
	}
}

func (r *Reasons) collectReads(in *Input, out *[]Reason) {
	for _, read := range r.term.Reads() {
		addReason(out, Reason{Field: read.Path(), Value: read.ValueIn(in.action)})
	}
}

// collectMember names the element of a list that is the constant asked for.
func (r *Reasons) collectMember(in *Input, out *[]Reason) {
	a, list := r.term.Args[0], r.term.Args[1]
	if a.Op == term.Const && list.Op == term.Read && list.Kind == term.Texts && r.truth(in) == True {
		for i, e := range elementsOf(list, in) {
			if any(e.text) == a.Value {
				addReason(out, reasonAt(list, i, e, in))
				return
			}
		}
	}
	r.collectReads(in, out)
}

func addReason(out *[]Reason, r Reason) {
	if !slices.ContainsFunc(*out, func(o Reason) bool { return o.Field == r.Field }) {
		*out = append(*out, r)
	}
}

// collectJoin looks at what decides: one part that does, or else all of them.
func (r *Reasons) collectJoin(in *Input, out *[]Reason) {
	truth := r.truth(in)
	alone := False
	if r.term.Op == term.Or {
		alone = True
	}
	for _, p := range r.parts {
		v := p.truth(in)
		if in.hits { // nobody knows
			r.collectAll(in, out)
			return
		}
		switch {
		case truth == alone && v == alone, truth == Error && v == Error:
			p.collect(in, out)
			return
		case truth != alone && truth != Error:
			p.collect(in, out)
		}
	}
}

// collectLoop names the elements that decide; the list itself where all of them
// do.
func (r *Reasons) collectLoop(in *Input, out *[]Reason) {
	list := r.term.Args[0]
	truth, decisive := r.truth(in), True
	if r.term.Op == term.All {
		decisive = False
	}
	found := 0
	if !in.hits && (truth == decisive || truth == Error) {
		found = r.collectElements(in, truth, out)
	}
	if found == 0 {
		addReason(out, Reason{Field: list.Path(), Value: list.ValueIn(in.action)})
	}
}

// collectElements names the elements for which what a loop asks has that value,
// and returns how many. The first takes no more steps than the loop did; for
// others there are few.
func (r *Reasons) collectElements(in *Input, truth Truth, out *[]Reason) int {
	list, cost, found := r.term.Args[0], weight(r.term.Args[1]), 0
	in.steps = 0
	before := in.spent
	for i, e := range elementsOf(list, in) {
		if found > 0 {
			in.further -= in.spent - before
			before = in.spent
		}
		if found > 0 && in.further <= 0 || !in.step(cost) {
			break
		}
		if in.element = e; r.body(in) != truth || in.hits {
			continue
		}
		addReason(out, reasonAt(list, i, e, in))
		if found++; found == maxReasons {
			break
		}
		before = in.spent
	}
	return found
}

// elementsOf are those of the list, or the keys of the map, that a loop runs
// over, with their place in it.
func elementsOf(list *term.Term, in *Input) func(yield func(int, element) bool) {
	leaf := list.Leaf
	return func(yield func(int, element) bool) {
		switch leaf.Kind {
		case shape.Strings:
			for i, text := range leaf.Texts(in.action) {
				if !yield(i, element{text: text}) {
					return
				}
			}
		case shape.Structs:
			findings := leaf.Findings(in.action)
			for i := range findings {
				if !yield(i, element{finding: &findings[i]}) {
					return
				}
			}
		case shape.FreeForm:
			for i, key := range in.sortedKeys(leaf) {
				if !yield(i, element{text: key}) {
					return
				}
			}
		}
	}
}

// reasonAt names an element of [elementsOf].
func reasonAt(list *term.Term, i int, e element, in *Input) Reason {
	path := list.Path()
	switch {
	case e.finding != nil:
		return Reason{fmt.Sprintf("%s[%d]", path, i), *e.finding, path}
	case list.Leaf.Kind == shape.FreeForm:
		read := &term.Term{Op: term.Key, Args: []*term.Term{list}, Name: e.text}
		return Reason{read.Path(), read.ValueIn(in.action), path}
	}
	return Reason{fmt.Sprintf("%s[%d]", path, i), e.text, path}
}
