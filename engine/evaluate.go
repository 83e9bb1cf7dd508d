package engine

import (
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
)

// evaluation is the state of one call of Evaluate.
type evaluation struct {
	input  expr.Input
	result *Result
	asked  map[string]bool // predicates that were asked, and the answer
}

// Evaluate decides the action by the policies of one phase and overwrites r.
// Denial overrides: every rule is evaluated, and one violated policy in enforce
// mode denies.
func (p *Program) Evaluate(a *mesh.Action, phase Phase, r *Result) {
	r.reset()
	policies := p.inline
	if phase == Deferred {
		policies = p.deferred
	}
	r.Evaluated = len(policies) > 0 || len(p.policies) == 0
	e := evaluation{result: r}
	e.input.Action = a
	e.input.Predicate = e.predicate
	for _, c := range policies {
		e.policy(c)
	}
	if !r.Allowed {
		r.Obligations = r.Obligations[:0]
	}
}

// reset empties r but keeps its memory. Slices are never nil: they are lists on
// the wire.
func (r *Result) reset() {
	*r = Result{
		Allowed: true, WouldAllow: true,
		Violations:      notNil(r.Violations),
		Recommendations: notNil(r.Recommendations),
		Obligations:     notNil(r.Obligations),
		Errors:          notNil(r.Errors),
		Policies:        notNil(r.Policies),
		Bundles:         notNil(r.Bundles),
	}
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s[:0]
}

// predicate answers what rules ask beside the action's fields, each question
// once.
func (e *evaluation) predicate(name string) (bool, error) {
	if v, ok := e.asked[name]; ok {
		return v, nil
	}
	v, err := compiledPredicates()[name].Eval(&expr.Input{Action: e.input.Action})
	if err != nil {
		return false, fmt.Errorf("deciding %s(): %w", name, err)
	}
	if e.asked == nil {
		e.asked = map[string]bool{}
	}
	e.asked[name] = v
	return v, nil
}

// verdict collects what one policy makes of the action. A rule that failed has
// looked at it: whether it applies is what nobody knows.
type verdict struct {
	looked   []string
	grounds  int // of those, rules that keep the policy from denying by default
	controls []mesh.ControlID
	violated []string
	failed   []string
}

func (e *evaluation) policy(c *compiledPolicy) {
	r := e.result
	r.Mode = strictest(r.Mode, c.info.Mode)
	r.Weakened = r.Weakened || c.info.Weakened
	if c.info.Digest != "" && !slices.Contains(r.Bundles, c.info.Digest) {
		r.Bundles = append(r.Bundles, c.info.Digest)
	}
	var v verdict
	for _, rule := range c.rulesFor(e.input.Action.Action.Type) {
		e.rule(c, rule, &v)
	}
	denied := c.info.DenyByDefault && v.grounds == 0
	if denied {
		e.violate(c, &c.byDefault, &v)
	}
	if len(v.violated) > 0 || len(v.failed) > 0 {
		r.WouldAllow = false
		r.Allowed = r.Allowed && c.info.Mode != mesh.ModeEnforce
	}
	if len(v.looked) > 0 || denied {
		r.Policies = append(r.Policies, v.evaluation(c, denied))
	}
}

// Why an action is denied by default.
const (
	deniedByDefault = "no rule of the policy looks at this action, and the policy denies by default"
	deniedByBase    = "no rule of the policy's base looks at this action, and the base denies by default"
)

// rule evaluates one rule.
func (e *evaluation) rule(c *compiledPolicy, rule *rule, v *verdict) {
	e.input.Records = rule.records
	if rule.when != nil {
		applies, err := rule.when.Eval(&e.input)
		if err != nil {
			v.look(rule)
			e.fail(c, rule, v, "when", err)
			return
		}
		if !applies {
			return
		}
	}
	v.look(rule)
	if rule.require != nil {
		satisfied, err := rule.require.Eval(&e.input)
		if err != nil {
			e.fail(c, rule, v, "require", err)
			return
		}
		if !satisfied {
			e.violate(c, rule, v)
			return
		}
	}
	// Monitored policies only watch: what they would oblige to is not done.
	if c.info.Mode == mesh.ModeEnforce {
		e.result.Obligations = append(e.result.Obligations, rule.obligations...)
	}
}

func (v *verdict) look(rule *rule) {
	v.looked = append(v.looked, rule.id)
	if !rule.added {
		v.grounds++
	}
	v.controls = append(v.controls, rule.controls...)
}

func (e *evaluation) fail(c *compiledPolicy, rule *rule, v *verdict, part string, err error) {
	v.failed = append(v.failed, rule.id)
	e.result.Errors = append(e.result.Errors, mesh.RuleError{PolicyID: c.info.ID, RuleID: rule.id, Message: part + ": " + err.Error()})
}

func (e *evaluation) violate(c *compiledPolicy, rule *rule, v *verdict) {
	r := e.result
	v.violated = append(v.violated, rule.id)
	controls := rule.controls
	if controls == nil {
		controls = []mesh.ControlID{}
	}
	r.Violations = append(r.Violations, mesh.Violation{
		PolicyID: c.info.ID, RuleID: rule.id, Controls: controls,
		Severity: rule.severity, Message: rule.message, Recommendation: rule.recommendation,
	})
	if rule.recommendation != "" && !slices.Contains(r.Recommendations, rule.recommendation) {
		r.Recommendations = append(r.Recommendations, rule.recommendation)
	}
}

// evaluation puts the verdict into the words of the audit entry.
func (v *verdict) evaluation(c *compiledPolicy, denied bool) mesh.PolicyEvaluation {
	out := mesh.PolicyEvaluation{
		PolicyID: c.info.ID, Mode: c.info.Mode, Decision: mesh.EvaluationAllow,
		Rules: append([]string{}, v.looked...), Controls: sortControls(append([]mesh.ControlID{}, v.controls...)),
	}
	switch {
	case denied && len(v.looked) == 0:
		out.Decision, out.Reason = mesh.EvaluationDeny, c.byDefault.message
	case len(v.violated) > 0 && len(v.failed) > 0:
		out.Decision, out.Reason = mesh.EvaluationDeny, "violated: "+joined(v.violated)+"; could not be evaluated: "+joined(v.failed)
	case len(v.violated) > 0:
		out.Decision, out.Reason = mesh.EvaluationDeny, "violated: "+joined(v.violated)
	case len(v.failed) > 0:
		out.Decision, out.Reason = mesh.EvaluationError, "could not be evaluated: "+joined(v.failed)
	default:
		out.Reason = "satisfied: " + joined(v.looked)
	}
	return out
}
