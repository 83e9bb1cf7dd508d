package engine

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// RuleInfo is one rule of a program as it runs, for those who reason about it.
// What it refers to belongs to the program and must not be changed.
type RuleInfo struct {
	PolicyID string
	ID       string
	Mode     mesh.Mode // of the policy
	// When and Require are what it looks at and demands, with the values of
	// parameters; nil means always true.
	When, Require  *term.Term
	Controls       []mesh.ControlID
	Severity       mesh.Severity
	Message        string
	Recommendation string
	Obligations    []mesh.Obligation
}

// Rules returns the rules of the program, by policy and in the order of the
// document. Of a policy that denies by default the last one is "default": it
// looks at what no other looks at, and demands the impossible.
func (p *Program) Rules() []RuleInfo {
	var out []RuleInfo
	for _, c := range p.policies {
		var whens []*term.Term
		for _, r := range c.rules {
			info := r.info(c)
			info.When, info.Require = termOf(r.when, r.records), termOf(r.require, r.records)
			if whens = append(whens, info.When); info.When == nil {
				whens[len(whens)-1] = term.Constant(true)
			}
			out = append(out, info)
		}
		if c.info.DenyByDefault {
			info := c.byDefault.info(c)
			info.When, info.Require = term.Negate(term.Disjunction(whens...)), term.Constant(false)
			out = append(out, info)
		}
	}
	return out
}

func (r *rule) info(c *compiledPolicy) RuleInfo {
	return RuleInfo{
		PolicyID: c.info.ID, ID: r.id, Mode: c.info.Mode, Controls: slices.Clip(r.controls),
		Severity: r.severity, Message: r.message, Recommendation: r.recommendation, Obligations: slices.Clip(r.obligations),
	}
}
