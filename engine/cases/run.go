package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
)

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

// RuleCoverage counts how often the cases made one rule fire and not fire: a
// rule fires if it is violated, or, having nothing to require, if it looks at
// the action.
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
func (r *Report) Covered() float64 {
	if len(r.Coverage) == 0 {
		return 1
	}
	covered := 0
	for _, c := range r.Coverage {
		if c.Covered() {
			covered++
		}
	}
	return float64(covered) / float64(len(r.Coverage))
}

// OK reports whether every case passed.
func (r *Report) OK() bool { return r.Failed == 0 }

// Run decides every case with p, as if all its policies were in enforce mode.
// Cases that ctx leaves no time for are reported as failed.
func Run(ctx context.Context, p *engine.Program, suites []*Suite) *Report {
	run := newRun(p)
	for _, s := range suites {
		for i := range s.Cases {
			run.decide(ctx, &s.Cases[i])
		}
	}
	return run.report
}

type run struct {
	program *engine.Program
	rules   []string // of all policies
	obliges map[string]bool
	report  *Report
}

func newRun(p *engine.Program) *run {
	p = p.Enforced()
	r := &run{program: p, obliges: map[string]bool{}, report: &Report{Cases: []CaseResult{}, Coverage: []RuleCoverage{}}}
	for _, info := range p.Policies() {
		for _, rule := range info.Rules {
			r.rules = append(r.rules, rule)
			r.report.Coverage = append(r.report.Coverage, RuleCoverage{PolicyID: info.ID, RuleID: rule})
		}
		for _, rule := range info.Obliging {
			r.obliges[info.ID+" "+rule] = true
		}
		if info.DenyByDefault {
			r.rules = append(r.rules, "default")
			r.report.Coverage = append(r.report.Coverage, RuleCoverage{PolicyID: info.ID, RuleID: "default"})
		}
	}
	return r
}

func (r *run) decide(ctx context.Context, c *Case) {
	result := CaseResult{Position: c.Position, Name: c.Name, Failures: []string{}}
	if err := ctx.Err(); err != nil {
		result.Failures = append(result.Failures, "not run: "+err.Error())
	} else {
		var got engine.Result
		r.program.Evaluate(ctx, c.Action, engine.Inline, &got)
		result.Failures = append(result.Failures, r.differences(&c.Want, &got)...)
		r.cover(&got)
	}
	result.Passed = len(result.Failures) == 0
	if result.Passed {
		r.report.Passed++
	} else {
		r.report.Failed++
	}
	r.report.Cases = append(r.report.Cases, result)
}

// differences says in words how a decision is not what was wanted.
func (r *run) differences(want *Want, got *engine.Result) []string {
	var out []string
	if want.Allowed != nil && *want.Allowed != got.Allowed {
		out = append(out, fmt.Sprintf("allowed is %t, want %t", got.Allowed, *want.Allowed))
	}
	violations := []string{}
	for _, v := range got.Violations {
		violations = append(violations, v.RuleID)
	}
	failed := []string{}
	for _, e := range got.Errors {
		failed = append(failed, e.RuleID)
	}
	if want.Violations != nil {
		out = append(out, r.compareIDs("violation", want.Violations, violations)...)
	}
	if want.Errors != nil {
		out = append(out, r.compareIDs("error", want.Errors, failed)...)
	} else {
		for _, e := range got.Errors {
			out = append(out, fmt.Sprintf("%s could not be evaluated: %s", e.RuleID, e.Message))
		}
	}
	return append(out, compareObligations(want.Obligations, got.Obligations)...)
}

// compareIDs compares sets of rule ids.
func (r *run) compareIDs(kind string, want, got []string) []string {
	var out []string
	for _, id := range want {
		switch {
		case slices.Contains(got, id):
		case !slices.Contains(r.rules, id):
			s := fmt.Sprintf("%s %s is wanted, but the policy has no such rule", kind, id)
			if hint := spelling.DidYouMean(id, r.rules); hint != "" {
				s += " (" + hint + ")"
			}
			out = append(out, s)
		default:
			out = append(out, fmt.Sprintf("%s %s is missing", kind, id))
		}
	}
	for _, id := range unique(got) {
		if !slices.Contains(want, id) {
			out = append(out, fmt.Sprintf("%s %s is not wanted", kind, id))
		}
	}
	return out
}

func unique(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// compareObligations matches each obligation wanted with one that there is.
func compareObligations(want []Obligation, got []mesh.Obligation) []string {
	if want == nil {
		return nil
	}
	var out []string
	rest := slices.Clone(got)
	// The precise ones first, so that one without properties does not take
	// what they need.
	ordered := slices.Clone(want)
	slices.SortStableFunc(ordered, func(a, b Obligation) int {
		switch {
		case a.TypeOnly == b.TypeOnly:
			return 0
		case b.TypeOnly:
			return -1
		}
		return 1
	})
	for _, w := range ordered {
		i := slices.IndexFunc(rest, func(o mesh.Obligation) bool {
			return o.Type == w.Type && (w.TypeOnly || len(o.Properties)+len(w.Properties) == 0 || reflect.DeepEqual(o.Properties, w.Properties))
		})
		if i < 0 {
			out = append(out, "obligation "+show(w.Obligation)+" is missing")
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, o := range rest {
		out = append(out, "obligation "+show(o)+" is not wanted")
	}
	return out
}

func show(o mesh.Obligation) string {
	if len(o.Properties) == 0 {
		return o.Type
	}
	b, err := json.Marshal(o.Properties)
	if err != nil {
		return o.Type
	}
	return o.Type + " " + strings.TrimSpace(string(b))
}

// cover counts which rules fired.
func (r *run) cover(got *engine.Result) {
	fired, failed := map[string]bool{}, map[string]bool{}
	for _, v := range got.Violations {
		fired[v.PolicyID+" "+v.RuleID] = true
	}
	for _, e := range got.Errors {
		failed[e.PolicyID+" "+e.RuleID] = true
	}
	for _, p := range got.Policies {
		for _, rule := range p.Rules {
			if key := p.PolicyID + " " + rule; r.obliges[key] && !failed[key] {
				fired[key] = true
			}
		}
	}
	for i := range r.report.Coverage {
		c := &r.report.Coverage[i]
		if fired[c.PolicyID+" "+c.RuleID] {
			c.Fired++
		} else {
			c.NotFired++
		}
	}
}
