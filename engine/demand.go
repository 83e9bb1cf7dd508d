package engine

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// demand is a part of what a rule requires, in words: what a violation of it
// says, but for the values of the fields.
type demand struct {
	text, wanted string
	fields       []*term.Term // reads of fields and keys
}

func demandsOf(clauses []lower.Clause) []demand {
	out := make([]demand, len(clauses))
	for i, c := range clauses {
		t := term.Disjunction(c...)
		out[i] = demand{text: t.String(), wanted: t.Wanted(), fields: t.Reads()}
	}
	return out
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
	}
	return out
}
