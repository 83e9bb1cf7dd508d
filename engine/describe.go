package engine

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// DemandInfo describes what one rule of a phase requires.
type DemandInfo struct {
	PolicyID string
	RuleID   string
	Position mesh.Position // in the policy's file
	Clauses  []ClauseInfo  // the parts of what it requires; none if it only obliges
}

// ClauseInfo describes one part of what a rule requires.
type ClauseInfo struct {
	Clause   string // in CEL, with parameters as the values they have
	Met      string // what an action says that meets it, in words
	Violated string // what one says that does not
	Constant bool   // it is known to be met by every action, or by none
}

// Demands describes what the rules require that run in a phase, in the order in which verdicts
// count them: [Violation.Rule] is an index of the result, and
// [Violation.Clause] one of the rule's clauses.
func (p *Program) Demands(phase Phase) []DemandInfo {
	b := p.phases[phase]
	out := make([]DemandInfo, len(b.rules))
	for i, r := range b.rules {
		out[i] = DemandInfo{PolicyID: b.policy(int32(i)).info.ID, RuleID: r.id, Position: r.source.Position}
		for _, c := range b.matcher.Demands(i) {
			t := term.Disjunction(c...)
			out[i].Clauses = append(out[i].Clauses, ClauseInfo{
				Clause: t.String(), Met: t.Says(true), Violated: t.Says(false), Constant: isConstant(t),
			})
		}
	}
	return out
}

func isConstant(t *term.Term) bool {
	return t.Op == term.Const || lower.Same(t, term.Constant(false)) || lower.Same(t, term.Constant(true))
}
