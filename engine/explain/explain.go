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
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/shape"
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
	// GivenUp is true if the parts of the rules take more than [MaxSteps]: the
	// truth of those that are left is "error", whatever they are.
	GivenUp bool   `json:"givenUp,omitzero"`
	Remedy  Remedy `json:"remedy"`
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

// MaxSteps is how many steps the parts of the rules may take for one trace, each
// by itself, and how many the search for what would allow the action: so both are
// done in a few times of what one decision may take.
const MaxSteps = 4 * engine.MaxSteps

// Explain decides the action in both phases and says how. Where the parts of the
// rules take more than [MaxSteps], those that are left have the truth "error";
// what becomes of the rules is as it was decided all the same. Once ctx is done,
// nothing in the trace counts.
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
	t.GivenUp = x.left <= 0
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
	outcomes            map[ruleName]Outcome // of the rules that looked at the action
	failures            map[ruleName]string
}

// ruleName is what decisions know a rule by.
type ruleName struct{ policyID, ruleID string }

func (n ruleName) String() string { return n.policyID + "/" + n.ruleID }

func nameOf(r *engine.RuleInfo) ruleName { return ruleName{r.PolicyID, r.ID} }

func decide(ctx context.Context, p *engine.Program, a *mesh.Action) *decision {
	d := &decision{outcomes: map[ruleName]Outcome{}, failures: map[ruleName]string{}}
	p.Evaluate(ctx, a, engine.Inline, &d.inline)
	p.Evaluate(ctx, a, engine.Deferred, &d.deferred)
	d.allowed, d.wouldAllow = d.inline.Allowed, d.inline.WouldAllow && d.deferred.WouldAllow
	for _, r := range []*engine.Result{&d.inline, &d.deferred} {
		for i := range r.Policies {
			for _, id := range r.Policies[i].Rules {
				d.outcomes[ruleName{r.Policies[i].PolicyID, id}] = Satisfied
			}
		}
		for i := range r.Errors {
			name := ruleName{r.Errors[i].PolicyID, r.Errors[i].RuleID}
			d.outcomes[name], d.failures[name] = Failed, r.Errors[i].Message
		}
		for i := range r.Violations {
			d.outcomes[ruleName{r.Violations[i].PolicyID, r.Violations[i].RuleID}] = Violated
		}
	}
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

// outcome is what becomes of a rule. What is denied by default is looked at by no
// rule: to violate it is all that is known of it.
func (d *decision) outcome(r *engine.RuleInfo) Outcome {
	if out, looked := d.outcomes[nameOf(r)]; looked {
		return out
	}
	return Ignored
}

// explainer evaluates the parts of rules for one action, each once: a text may be
// long, and what it is matched with slow.
type explainer struct {
	ctx         context.Context
	action      *mesh.Action
	definitions map[string]*term.Term
	left        int // steps
	parts       map[string]*part
	objects     map[string]any // of the action's schema, as JSON has them; nil until they are asked for
}

// part is what is known of a term, which its text stands for.
type part struct {
	test    *lower.Test
	truth   lower.Truth
	reasons []lower.Reason
	decided bool
	told    bool // its reasons are known
}

func newExplainer(ctx context.Context, a *mesh.Action) *explainer {
	return &explainer{ctx: ctx, action: a, definitions: engine.Predicates(), left: MaxSteps, parts: map[string]*part{}}
}

func (x *explainer) part(t *term.Term) *part {
	text := t.String()
	p := x.parts[text]
	if p == nil {
		p = &part{test: lower.NewTest(t, x.definitions)}
		x.parts[text] = p
	}
	return p
}

// truthFor decides a part for an action.
func (x *explainer) truthFor(p *part, a *mesh.Action) lower.Truth {
	p.test.Limit(x.left)
	truth := p.test.Truth(x.ctx, a)
	x.left -= p.test.Took()
	return truth
}

func (x *explainer) truth(t *term.Term) lower.Truth {
	p := x.part(t)
	if !p.decided {
		p.truth, p.decided = x.truthFor(p, x.action), true
	}
	return p.truth
}

func (x *explainer) reasons(t *term.Term) []lower.Reason {
	p := x.part(t)
	if !p.told {
		p.test.Limit(x.left)
		p.reasons, p.told = slices.Clone(p.test.Reasons(x.ctx, x.action)), true
		x.left -= p.test.Took()
		for i := range p.reasons {
			p.reasons[i].Value = x.stated(p.reasons[i].Field, p.reasons[i].Value)
		}
	}
	return p.reasons
}

// stated is a value that stands at a path, of an object of the action's schema
// what it holds: terms only ask whether it is there.
func (x *explainer) stated(path string, v any) any {
	leaf := shape.LeafAt(path)
	if v == nil || leaf == nil || leaf.Kind != shape.Struct {
		return v
	}
	if x.objects == nil {
		x.objects = objectOf(x.action)
	}
	object := x.objects
	for name := range strings.SplitSeq(path, ".") {
		inner, ok := object[name].(map[string]any)
		if !ok {
			return v
		}
		object = inner
	}
	return object
}

// objectOf is an action as JSON has it; empty for one that JSON cannot say.
func objectOf(a *mesh.Action) map[string]any {
	out := map[string]any{}
	data, err := json.Marshal(a)
	if err != nil {
		return out
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&out) != nil {
		return map[string]any{}
	}
	return out
}

func (x *explainer) rule(r *engine.RuleInfo, d *decision) Rule {
	out := Rule{
		RuleID: r.ID, Outcome: d.outcome(r), Controls: r.Controls, Severity: r.Severity, When: []Clause{}, Require: []Clause{},
		Message: r.Message, Recommendation: r.Recommendation, Error: d.failures[nameOf(r)],
	}
	if out.Controls == nil {
		out.Controls = []mesh.ControlID{}
	}
	if r.ID == policy.RuleDefault { // whose parts are the conditions of all others
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
	if out.Outcome == Satisfied {
		out.Obligations = r.Obligations
	}
	return out
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
		out.Fields = append(out.Fields, mesh.FieldValue{Field: r.Path(), Value: x.stated(r.Path(), r.ValueIn(x.action))})
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
