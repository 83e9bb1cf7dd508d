package engine

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/analyze"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// lintDead warns of parts of custom rules that mean the same for every action.
// What proved says of a whole expression is not said twice.
func (c *checkedPolicy) lintDead(doc *policy.Document, proved []mesh.Finding) []mesh.Finding {
	var out []mesh.Finding
	report := func(compiled *expr.Expr, source policy.Expr) {
		if compiled == nil {
			return
		}
		for _, d := range compiled.Dead() {
			if d.Whole && d.Rule == expr.RuleConstant && slices.ContainsFunc(proved, func(f mesh.Finding) bool { return isVerdict(f, source.At(0)) }) {
				continue
			}
			out = append(out, mesh.Finding{Position: source.At(d.Offset), Level: d.Level, Rule: d.Rule, Message: d.Message, Hint: d.Hint})
		}
	}
	for i := range doc.Rules {
		if source := &doc.Rules[i]; source.Primitive == "" && i < len(c.rules) {
			report(c.rules[i].when, source.When)
			report(c.rules[i].require, source.Require)
		}
	}
	return out
}

// isVerdict reports whether a finding says of the expression at a position that
// it always or never holds.
func isVerdict(f mesh.Finding, at mesh.Position) bool {
	return f.Position == at && slices.Contains([]string{analyze.RuleUnreachable, analyze.RuleAlwaysTrue, analyze.RuleNeverSatisfied}, f.Rule)
}
