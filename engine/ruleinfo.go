package engine

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
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
	When, Require *term.Term
	// Params are the parameters that it reads, and Written is what it says of
	// them by their names: two rules of the same text mean the same whatever
	// the values are.
	Params         []string
	Written        string
	Controls       []mesh.ControlID
	Severity       mesh.Severity
	Message        string
	Recommendation string
	Obligations    []mesh.Obligation
	// Added is true for a rule that a profile adds: that it looks at an action
	// does not keep the base from denying it by default.
	Added bool
}

// Rules returns the rules of the program, by policy and in the order of the
// document. Of a policy that denies by default the last one is "default": it
// looks at what no other looks at, but for those that a profile adds to its
// base, and demands the impossible.
func (p *Program) Rules() []RuleInfo {
	var out []RuleInfo
	for _, c := range p.policies {
		var whens []*term.Term
		for _, r := range c.rules {
			info := r.info(c)
			t := r.terms(Bitmaps)
			info.When, info.Require = t.when, t.require
			info.Params, info.Written = r.written()
			out = append(out, info)
			switch {
			case r.added:
			case info.When == nil:
				whens = append(whens, term.Constant(true))
			default:
				whens = append(whens, info.When)
			}
		}
		if c.info.DenyByDefault {
			info := c.byDefault.info(c)
			info.When, info.Require = term.Negate(term.Disjunction(whens...)), term.Constant(false)
			out = append(out, info)
		}
	}
	return out
}

// written returns the parameters of a rule and its text without their values.
func (r *rule) written() (params []string, text string) {
	for _, x := range []*expr.Expr{r.when, r.require} {
		if x != nil {
			params = append(params, x.RecordFields(paramsVariable)...)
		}
	}
	if len(params) == 0 {
		return nil, ""
	}
	slices.Sort(params)
	for _, x := range []*expr.Expr{r.when, r.require} {
		text += "\n"
		if x != nil {
			text += x.Term(nil).String()
		}
	}
	return slices.Compact(params), text
}

func (r *rule) info(c *compiledPolicy) RuleInfo {
	return RuleInfo{
		PolicyID: c.info.ID, ID: r.id, Mode: c.info.Mode, Controls: slices.Clip(r.controls),
		Severity: r.severity, Message: r.message, Recommendation: r.recommendation, Obligations: slices.Clip(r.obligations), Added: r.added,
	}
}
