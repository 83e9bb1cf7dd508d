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
	"github.com/ai-agent-mesh/mesh/engine/policy"
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
	run.coverage.hint()
	return run.report
}

type run struct {
	program  *engine.Program
	rules    *ruleNames // of all policies
	coverage *coverage
	report   *Report

	// Memory of one decision after the other.
	in      engine.Input
	verdict engine.Verdict
	result  engine.Result
}

func newRun(p *engine.Program) *run {
	p = p.Enforced()
	r := &run{program: p, rules: newRuleNames(), coverage: newCoverage(p), report: &Report{Cases: []CaseResult{}}}
	r.report.Coverage = r.coverage.rules
	for _, c := range r.coverage.rules {
		r.rules.add(c.RuleID)
	}
	for _, info := range p.Policies() {
		if info.DenyByDefault { // also where it never applies, and so is not in the coverage
			r.rules.add(policy.RuleDefault)
		}
	}
	return r
}

func (r *run) decide(ctx context.Context, c *Case) {
	result := CaseResult{Position: c.Position, Name: c.Name, Failures: []string{}}
	if err := ctx.Err(); err != nil {
		result.Failures = append(result.Failures, "not run: "+err.Error())
	} else {
		r.program.Bind(ctx, c.Action, engine.Inline, &r.in)
		r.program.Decide(&r.in, &r.verdict)
		r.program.Expand(&r.in, &r.verdict, &r.result)
		result.Failures = append(result.Failures, r.differences(&c.Want, &r.result)...)
		r.coverage.count(&r.verdict)
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
	wanted, there := setOf(want), setOf(got)
	for _, id := range want {
		switch {
		case there[id]:
		case !r.rules.known[id]:
			s := fmt.Sprintf("%s %s is wanted, but the policy has no such rule", kind, id)
			if hint := r.rules.meant(id); hint != "" {
				s += " (" + hint + ")"
			}
			out = append(out, s)
		default:
			out = append(out, fmt.Sprintf("%s %s is missing", kind, id))
		}
	}
	for _, id := range unique(got) {
		if !wanted[id] {
			out = append(out, fmt.Sprintf("%s %s is not wanted", kind, id))
		}
	}
	return out
}

func setOf(ids []string) map[string]bool {
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
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
