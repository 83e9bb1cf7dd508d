package engine

import (
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// patternFaults returns what is wrong with the regular expressions that a rule
// makes of the values of records.
func (r *rule) patternFaults(records map[string]expr.Values) []expr.PatternFault {
	var out []expr.PatternFault
	for _, x := range []*expr.Expr{r.when, r.require} {
		if x != nil {
			out = append(out, x.PatternFaults(records)...)
		}
	}
	return out
}

// lintPatterns reports regular expressions that do not do where what they are made
// of stands: the default of a parameter, or a built-in rule's value.
func (c *checkedPolicy) lintPatterns(r *rule) {
	records := c.defaults
	if r.source.Primitive != "" {
		records = r.records
	}
	for _, f := range r.patternFaults(records) {
		finding := mesh.Finding{Position: r.source.Position, Level: mesh.LevelError, Rule: "cel-regex", Message: r.id + ": " + f.Message, Hint: f.Hint}
		for _, field := range f.Fields {
			if p := c.doc.Param(strings.TrimPrefix(field, paramsVariable+".")); p != nil && p.Default != nil {
				finding.Position = p.DefaultPosition()
				finding.Message = "the default of " + field + " does not do for the rule " + r.id + ": " + f.Message
				break
			}
		}
		c.findings = append(c.findings, finding)
	}
}

// checkPatterns refuses values of parameters of which rules make regular
// expressions that do not do. A decision would find out too late.
func (c *compiledPolicy) checkPatterns(doc *policy.Document) error {
	for _, r := range c.rules {
		for _, f := range r.patternFaults(r.records) {
			return mesh.Errorf(mesh.CodeInvalid, "parameters of %s: %s does not do for the rule %s: %s",
				doc.Name, strings.Join(f.Fields, " with "), r.id, f.Message).WithHint(f.Hint)
		}
	}
	return nil
}
