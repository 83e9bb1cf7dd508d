// Package explain says why an action is decided as it is, and what would allow
// it.
//
// [Explain] returns a [Trace]: for each rule whether it looks at the action and
// which part of its condition says that it does not, which parts of its demand
// hold, what the fields say that they look at, and why a predicate such as
// personalData() answers as it does. [WhatWouldAllow] tries the values that the
// rules in the way can tell apart, one field at a time, and returns the changes
// that were decided otherwise.
//
// Nothing here is fast. What decides in production says which clauses were
// violated in its result; this says everything.
package explain

import (
	"context"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Trace is how a program decides one action.
type Trace struct {
	Allowed bool `json:"allowed"`
	// WouldAllow is false if any policy was violated or could not be evaluated,
	// whatever its mode.
	WouldAllow  bool              `json:"wouldAllow"`
	Mode        mesh.Mode         `json:"mode"` // the strictest of the policies
	Policies    []Policy          `json:"policies"`
	Obligations []mesh.Obligation `json:"obligations"`
	Remedy      Remedy            `json:"remedy"`
}

// Policy is what one policy makes of the action.
type Policy struct {
	PolicyID string    `json:"policyId"`
	Mode     mesh.Mode `json:"mode"`
	Decision string    `json:"decision"` // mesh.EvaluationAllow, EvaluationDeny or EvaluationError
	Reason   string    `json:"reason"`   // empty if no rule looked at the action
	Rules    []Rule    `json:"rules"`
}

// Outcome is what becomes of one rule.
type Outcome string

// The outcomes.
const (
	Ignored   Outcome = "ignored" // it does not look at the action
	Satisfied Outcome = "satisfied"
	Violated  Outcome = "violated"
	Failed    Outcome = "failed" // it could not be evaluated
)

// Rule is what one rule makes of the action.
type Rule struct {
	RuleID         string           `json:"ruleId"` // "default" for default: deny
	Outcome        Outcome          `json:"outcome"`
	Controls       []mesh.ControlID `json:"controls"`
	Severity       mesh.Severity    `json:"severity"`
	Message        string           `json:"message,omitzero"`
	Recommendation string           `json:"recommendation,omitzero"`
	// When and Require are the parts of its condition and of its demand. The
	// first has none if it looks at every action, the second if it only obliges,
	// and what is denied by default has neither.
	When        []Clause          `json:"when"`
	Require     []Clause          `json:"require"`
	Error       string            `json:"error,omitzero"`
	Obligations []mesh.Obligation `json:"obligations,omitzero"` // if it looks at the action and is not violated
}

// Clause is a part of a condition or of a demand, all of which have to hold.
type Clause struct {
	mesh.Clause
	Truth      string      `json:"truth"` // true, false or error
	Predicates []Predicate `json:"predicates,omitzero"`
}

// Predicate is the answer to a question such as personalData(), and why.
type Predicate struct {
	Name    string   `json:"name"`
	Answer  string   `json:"answer"` // true, false or error
	Because []string `json:"because"`
	// Fields are what Because says in words.
	Fields []mesh.FieldValue `json:"fields"`
}

// Explain decides the action in both phases and says how.
func Explain(ctx context.Context, p *engine.Program, a *mesh.Action) *Trace {
	d := decide(ctx, p, a)
	x := newExplainer(ctx, a)
	t := &Trace{Allowed: d.allowed, WouldAllow: d.wouldAllow, Policies: []Policy{}, Obligations: d.inline.Obligations}
	rules := p.Rules()
	for _, info := range p.Policies() {
		if t.Mode == "" || t.Mode.WeakerThan(info.Mode) {
			t.Mode = info.Mode
		}
		out := Policy{PolicyID: info.ID, Mode: info.Mode, Decision: mesh.EvaluationAllow, Rules: []Rule{}}
		if e := d.evaluation(info.ID); e != nil {
			out.Decision, out.Reason = e.Decision, e.Reason
		}
		own := len(info.Rules)
		if info.DenyByDefault {
			own++
		}
		for i := range rules[:own] {
			out.Rules = append(out.Rules, x.rule(&rules[i], d))
		}
		rules = rules[own:]
		t.Policies = append(t.Policies, out)
	}
	if !d.wouldAllow {
		t.Remedy = remedy(x, p, d)
	}
	if t.Remedy.Changes == nil {
		t.Remedy.Changes = []Change{}
	}
	return t
}

// decision is what both phases make of an action.
type decision struct {
	allowed, wouldAllow bool
	inline, deferred    engine.Result
}

func decide(ctx context.Context, p *engine.Program, a *mesh.Action) *decision {
	d := &decision{}
	p.Evaluate(ctx, a, engine.Inline, &d.inline)
	p.Evaluate(ctx, a, engine.Deferred, &d.deferred)
	d.allowed, d.wouldAllow = d.inline.Allowed, d.inline.WouldAllow && d.deferred.WouldAllow
	return d
}

func (d *decision) evaluation(policyID string) *mesh.PolicyEvaluation {
	for _, list := range [][]mesh.PolicyEvaluation{d.inline.Policies, d.deferred.Policies} {
		if i := slices.IndexFunc(list, func(e mesh.PolicyEvaluation) bool { return e.PolicyID == policyID }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

func (d *decision) violates(r *engine.RuleInfo) bool {
	return slices.ContainsFunc(slices.Concat(d.inline.Violations, d.deferred.Violations), func(v mesh.Violation) bool {
		return v.PolicyID == r.PolicyID && v.RuleID == r.ID
	})
}

func (d *decision) failure(r *engine.RuleInfo) string {
	for _, e := range slices.Concat(d.inline.Errors, d.deferred.Errors) {
		if e.PolicyID == r.PolicyID && e.RuleID == r.ID {
			return e.Message
		}
	}
	return ""
}

// explainer evaluates the parts of rules for one action, each once: a text may be
// long, and what it is matched with slow.
type explainer struct {
	ctx         context.Context
	action      *mesh.Action
	definitions map[string]*term.Term
	tests       map[*term.Term]*lower.Test
	truths      map[*term.Term]lower.Truth
}

func newExplainer(ctx context.Context, a *mesh.Action) *explainer {
	return &explainer{
		ctx: ctx, action: a, definitions: engine.Predicates(),
		tests: map[*term.Term]*lower.Test{}, truths: map[*term.Term]lower.Truth{},
	}
}

func (x *explainer) test(t *term.Term) *lower.Test {
	test := x.tests[t]
	if test == nil {
		test = lower.NewTest(t, x.definitions)
		x.tests[t] = test
	}
	return test
}

func (x *explainer) truth(t *term.Term) lower.Truth {
	truth, known := x.truths[t]
	if !known {
		truth = x.test(t).Truth(x.ctx, x.action)
		x.truths[t] = truth
	}
	return truth
}

func (x *explainer) reasons(t *term.Term) []lower.Reason { return x.test(t).Reasons(x.ctx, x.action) }

func (x *explainer) rule(r *engine.RuleInfo, d *decision) Rule {
	out := Rule{
		RuleID: r.ID, Outcome: Satisfied, Controls: r.Controls, Severity: r.Severity, When: []Clause{}, Require: []Clause{},
		Message: r.Message, Recommendation: r.Recommendation, Error: d.failure(r),
	}
	if out.Controls == nil {
		out.Controls = []mesh.ControlID{}
	}
	if r.ID == policy.RuleDefault { // whose parts are the conditions of all others
		if out.Outcome = Ignored; d.violates(r) {
			out.Outcome = Violated
		}
		return out
	}
	looks, demand := term.Constant(true), term.Constant(true)
	if r.When != nil {
		looks = r.When
	}
	for _, part := range parts(looks) {
		out.When = append(out.When, x.clause(part))
	}
	if r.Require != nil {
		demand = r.Require
	}
	for _, clause := range lower.Clauses(demand) {
		out.Require = append(out.Require, x.clause(term.Disjunction(clause...)))
	}
	out.Outcome = x.outcome(looks, demand)
	if out.Outcome == Satisfied {
		out.Obligations = r.Obligations
	}
	return out
}

// outcome is what becomes of a rule by its two parts.
func (x *explainer) outcome(looks, demand *term.Term) Outcome {
	switch x.truth(looks) {
	case lower.False:
		return Ignored
	case lower.Error:
		return Failed
	}
	return map[lower.Truth]Outcome{lower.True: Satisfied, lower.False: Violated, lower.Error: Failed}[x.truth(demand)]
}

// parts returns what a condition is the conjunction of, as its author wrote it
// but for parts about the same place, which are one: has(x) && x == 1.
func parts(t *term.Term) []*term.Term {
	var out []*term.Term
	at := map[string]int{}
	for _, part := range t.Conjuncts() {
		place := ""
		if reads := part.Reads(); len(reads) == 1 && !asks(part) {
			place = reads[0].Path()
		}
		if i, ok := at[place]; ok && place != "" {
			out[i] = term.Conjunction(out[i], part)
			continue
		}
		at[place] = len(out)
		out = append(out, part)
	}
	return out
}

// asks reports whether a term asks a predicate.
func asks(t *term.Term) bool {
	found := false
	t.Walk(func(t *term.Term) bool {
		found = found || t.Op == term.Predicate
		return !found
	})
	return found
}

func (x *explainer) clause(t *term.Term) Clause {
	out := Clause{
		Clause: mesh.Clause{Clause: t.String(), Wanted: t.Wanted(), Fields: []mesh.FieldValue{}},
		Truth:  x.truth(t).String(),
	}
	for _, r := range t.Reads() {
		out.Fields = append(out.Fields, mesh.FieldValue{Field: r.Path(), Value: r.ValueIn(x.action)})
	}
	if out.Truth != "true" {
		out.Fields = engine.Further(out.Fields, x.elements(t))
	}
	seen := map[string]bool{}
	t.Walk(func(t *term.Term) bool {
		if t.Op == term.Predicate && !seen[t.Name] {
			seen[t.Name] = true
			reasons := x.reasons(t)
			out.Predicates = append(out.Predicates, Predicate{
				Name: t.String(), Answer: x.truth(t).String(), Because: because(reasons), Fields: engine.Further([]mesh.FieldValue{}, reasons),
			})
		}
		return true
	})
	return out
}

// elements are those of lists and maps that a clause is decided by, without what
// the predicates in it look at: these say so themselves.
func (x *explainer) elements(t *term.Term) []lower.Reason {
	if asks(t) {
		return nil
	}
	return x.reasons(t)
}
