package cases

import (
	"slices"

	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// RuleCoverage counts how often the cases made one rule fire and not fire: a
// rule fires if it is violated, or, having nothing to require, if it looks at
// the action.
type RuleCoverage struct {
	PolicyID string           `json:"policyId"`
	RuleID   string           `json:"ruleId"`
	Fired    int              `json:"fired"`
	NotFired int              `json:"notFired"`
	Looked   int              `json:"looked"`        // the rule applied to the action
	Clauses  []ClauseCoverage `json:"clauses"`       // the parts of what it requires
	Hint     string           `json:"hint,omitzero"` // the case that is missing; empty if it is covered
}

// ClauseCoverage counts how often the cases that a rule looked at met one part
// of what it requires, and how often they did not. A case for which the part
// has no value did neither.
type ClauseCoverage struct {
	Clause   string `json:"clause"` // in CEL, with parameters as the values they have
	Violated int    `json:"violated"`
	Met      int    `json:"met"`
	Constant bool   `json:"constant,omitzero"` // every action that the rule looks at meets it, or none does
	Hint     string `json:"hint,omitzero"`     // the case that is missing; empty if it is covered
}

// Covered reports whether the rule both fired and did not fire.
func (c RuleCoverage) Covered() bool { return c.Fired > 0 && c.NotFired > 0 }

// Covered reports whether the clause was both violated and met. Of one that no
// action can change, as in require: false, there is nothing to cover.
func (c ClauseCoverage) Covered() bool { return c.Constant || c.Violated > 0 && c.Met > 0 }

// Covered returns the share of rules that both fired and did not fire, from 0
// to 1; 1 if there are no rules.
func (r *Report) Covered() float64 {
	return share(len(r.Coverage), func(i int) bool { return r.Coverage[i].Covered() })
}

// CoveredClauses returns the share of clauses that were both violated and met,
// from 0 to 1; 1 if there are none. Constant ones do not count.
func (r *Report) CoveredClauses() float64 {
	var clauses []ClauseCoverage
	for _, rule := range r.Coverage {
		for _, c := range rule.Clauses {
			if !c.Constant {
				clauses = append(clauses, c)
			}
		}
	}
	return share(len(clauses), func(i int) bool { return clauses[i].Covered() })
}

// share returns which part of n is covered; 1 of none.
func share(n int, covered func(i int) bool) float64 {
	if n == 0 {
		return 1
	}
	count := 0
	for i := range n {
		if covered(i) {
			count++
		}
	}
	return float64(count) / float64(n)
}

// coverage counts what cases exercise.
type coverage struct {
	rules   []RuleCoverage
	demands [][]engine.ClauseInfo
	at      []int  // in rules, by the number of the rule
	obliges []bool // by the number of the rule: it requires nothing
	denying []int  // in rules, by the place of the policy: its default; -1 for none, and for one that never applies

	looked []int32
	fired  []bool // in rules
}

func newCoverage(p *engine.Program) *coverage {
	c := &coverage{demands: p.Demands(engine.Inline), rules: []RuleCoverage{}}
	idle := p.IdleDefaults()
	for i, info := range p.Policies() {
		for _, rule := range info.Rules {
			clauses := c.demands[len(c.at)]
			c.at = append(c.at, len(c.rules))
			c.obliges = append(c.obliges, slices.Contains(info.Obliging, rule))
			c.rules = append(c.rules, RuleCoverage{PolicyID: info.ID, RuleID: rule, Clauses: clauseCoverage(clauses)})
		}
		c.denying = append(c.denying, -1)
		if info.DenyByDefault && !idle[i] {
			c.denying[i] = len(c.rules)
			c.rules = append(c.rules, RuleCoverage{PolicyID: info.ID, RuleID: policy.RuleDefault, Clauses: []ClauseCoverage{}})
		}
	}
	c.fired = make([]bool, len(c.rules))
	return c
}

func clauseCoverage(clauses []engine.ClauseInfo) []ClauseCoverage {
	out := make([]ClauseCoverage, len(clauses))
	for i, clause := range clauses {
		out[i] = ClauseCoverage{Clause: clause.Clause, Constant: clause.Constant}
	}
	return out
}

// count adds what one case exercised.
func (c *coverage) count(v *engine.Verdict) {
	clear(c.fired)
	c.looked = v.AppendLooked(c.looked[:0])
	violations, undecided, failures := v.Violations, v.Undecided, v.Failures
	for _, rule := range c.looked {
		var broken, unknown []engine.Violation
		broken, violations = ofRule(violations, rule)
		unknown, undecided = ofRule(undecided, rule)
		failed := len(failures) > 0 && failures[0].Rule == rule
		if failed {
			unsure := failures[0].When
			failures = failures[1:]
			if unsure {
				continue // nobody knows whether the rule applies
			}
		}
		at := c.at[rule]
		c.rules[at].Looked++
		c.fired[at] = len(broken) > 0 || c.obliges[rule]
		c.clauses(&c.rules[at], broken, unknown)
	}
	for _, policy := range v.Defaults {
		at := c.denying[policy]
		c.fired[at] = true
		c.rules[at].Looked++
	}
	for i, fired := range c.fired {
		if fired {
			c.rules[i].Fired++
		} else {
			c.rules[i].NotFired++
		}
	}
}

// clauses counts the clauses of a rule that looked at the action.
func (c *coverage) clauses(rule *RuleCoverage, broken, unknown []engine.Violation) {
	for _, v := range broken {
		rule.Clauses[v.Clause].Violated++
	}
	for i := range rule.Clauses {
		isClause := func(v engine.Violation) bool { return int(v.Clause) == i }
		if !slices.ContainsFunc(broken, isClause) && !slices.ContainsFunc(unknown, isClause) {
			rule.Clauses[i].Met++
		}
	}
}

// ofRule splits off what a sorted list says of one rule.
func ofRule(list []engine.Violation, rule int32) (of, rest []engine.Violation) {
	n := 0
	for n < len(list) && list[n].Rule == rule {
		n++
	}
	return list[:n], list[n:]
}

// hint says of what is not covered which case is missing.
func (c *coverage) hint() {
	for i := range c.rules {
		c.rules[i].Hint = ruleHint(&c.rules[i])
	}
	for i, clauses := range c.demands {
		rule := &c.rules[c.at[i]]
		for j := range rule.Clauses {
			rule.Clauses[j].Hint = clauseHint(rule, &rule.Clauses[j], clauses[j])
		}
	}
}

func ruleHint(r *RuleCoverage) string {
	switch {
	case r.Covered():
		return ""
	case r.RuleID == policy.RuleDefault && r.Fired == 0:
		return "add a case that no rule looks at"
	case r.Looked == 0:
		return "add a case that it looks at"
	case r.Fired == 0:
		return "add a case that violates it"
	}
	return "add a case that does not violate it"
}

func clauseHint(rule *RuleCoverage, c *ClauseCoverage, info engine.ClauseInfo) string {
	switch {
	case c.Covered():
		return ""
	case rule.Looked == 0:
		return "add a case that the rule looks at"
	case c.Violated == 0:
		return "add a case where " + info.Violated
	}
	return "add a case where " + info.Met
}
