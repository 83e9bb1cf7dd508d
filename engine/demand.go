package engine

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// demand is a part of what a rule requires, in words: what a violation of it
// says, but for the values of the fields.
type demand struct {
	text, wanted string
	fields       []*term.Term // reads of fields and keys
	// reasons find what else to name: the elements of lists that loops are
	// decided by, and what predicates look at. Nil if there is nothing.
	reasons *lower.Reasons
}

func demandsOf(clauses []lower.Clause, definitions map[string]*term.Term) []demand {
	out := make([]demand, len(clauses))
	for i, c := range clauses {
		t := term.Disjunction(c...)
		out[i] = demand{text: t.String(), wanted: t.Wanted(), fields: t.Reads()}
		if looksFurther(t) {
			out[i].reasons = lower.NewReasons(t, definitions)
		}
	}
	return out
}

// looksFurther reports whether a term looks at more than the places that it
// reads by name.
func looksFurther(t *term.Term) bool {
	found := false
	t.Walk(func(t *term.Term) bool {
		switch t.Op {
		case term.Exists, term.All, term.Predicate:
			found = true
		case term.In:
			found = found || t.Args[1].Kind == term.Texts
		}
		return !found
	})
	return found
}

// clauses says which parts of a rule an action does not meet.
func (e *expansion) clauses(rule int32, violations []Violation) []mesh.Clause {
	demands := e.book.demands[rule]
	out := make([]mesh.Clause, len(violations))
	for i, v := range violations {
		d := &demands[v.Clause]
		out[i] = mesh.Clause{Clause: d.text, Wanted: d.wanted, Fields: make([]mesh.FieldValue, len(d.fields))}
		for j, f := range d.fields {
			out[i].Fields[j] = mesh.FieldValue{Field: f.Path(), Value: f.ValueIn(e.in.bound.Action())}
		}
		if d.reasons != nil {
			out[i].Fields = Further(out[i].Fields, d.reasons.Of(&e.in.bound))
		}
	}
	return out
}

// Further returns the fields that a clause reads by name and, behind them, what
// else it owes its value to.
func Further(fields []mesh.FieldValue, reasons []lower.Reason) []mesh.FieldValue {
	seen := map[string]bool{}
	for _, f := range fields {
		seen[f.Field] = true
	}
	for _, r := range reasons {
		if !seen[r.Field] {
			leaf := shape.LeafAt(r.In)
			fields = append(fields, mesh.FieldValue{Field: r.Field, Value: r.Value, Named: leaf != nil && leaf.Kind == shape.FreeForm})
		}
	}
	return fields
}
