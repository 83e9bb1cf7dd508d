package engine

import (
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// Why an action is denied by default.
const (
	deniedByDefault = "no rule of the policy looks at this action, and the policy denies by default"
	deniedByBase    = "no rule of the policy's base looks at this action, and the base denies by default"
)

// Expand puts a verdict into words and overwrites r. in must still be bound to
// the action of the verdict.
func (p *Program) Expand(in *Input, v *Verdict, r *Result) {
	in.looked = v.AppendLooked(in.looked[:0])
	in.book.expand(in, v, in.looked, r)
}

// expand puts into words what was found, the rules being those of b.
func (b *rulebook) expand(in *Input, v *Verdict, looked []int32, r *Result) {
	r.reset(b, v)
	in.bound.Explain()
	e := expansion{book: b, in: in, result: r, looked: looked, violations: v.Violations, failures: v.Failures, defaults: v.Defaults}
	for len(e.looked) > 0 || len(e.defaults) > 0 {
		e.policy()
	}
	if !r.Allowed {
		r.Obligations = r.Obligations[:0]
	}
}

// reset empties r but keeps its memory. Slices are never nil: they are lists on
// the wire.
func (r *Result) reset(b *rulebook, v *Verdict) {
	r.Allowed, r.WouldAllow = v.Allowed, v.WouldAllow
	r.Evaluated, r.Weakened, r.Mode, r.Bundles = b.evaluated, b.weakened, b.mode, b.bundles
	r.Violations, r.Recommendations = notNil(r.Violations), notNil(r.Recommendations)
	r.Obligations, r.Errors, r.Policies = notNil(r.Obligations), notNil(r.Errors), notNil(r.Policies)
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s[:0]
}

// expansion walks the rules that looked at an action, policy by policy.
type expansion struct {
	book       *rulebook
	in         *Input
	result     *Result
	looked     []int32
	violations []Violation
	failures   []Failure
	defaults   []int32
}

// verdictOf collects what one policy makes of the action. A rule that failed has
// looked at it: whether it applies is what nobody knows.
type verdictOf struct {
	looked   []string
	controls []mesh.ControlID
	violated []string
	failed   []string
}

// policy takes the next policy from what is left.
func (e *expansion) policy() {
	b := e.book
	next := int32(len(b.policies))
	if len(e.looked) > 0 {
		next = b.policyOf[e.looked[0]]
	}
	denied := len(e.defaults) > 0 && e.defaults[0] <= next
	if denied {
		next = e.defaults[0]
		e.defaults = e.defaults[1:]
	}
	c := b.policies[next]
	looked, controls := e.count(next)
	v := verdictOf{looked: make([]string, 0, looked), controls: make([]mesh.ControlID, 0, controls)}
	for len(e.looked) > 0 && b.policyOf[e.looked[0]] == next {
		e.rule(c, e.looked[0], &v)
		e.looked = e.looked[1:]
	}
	if denied { // rules that a profile added may have looked at it
		e.violate(c, &c.byDefault, nil, &v)
	}
	e.result.Policies = append(e.result.Policies, v.evaluation(c))
}

// count returns how many rules of a policy looked at the action, and how many
// controls they name.
func (e *expansion) count(policy int32) (looked, controls int) {
	b := e.book
	for looked < len(e.looked) && b.policyOf[e.looked[looked]] == policy {
		controls += len(b.rules[e.looked[looked]].controls)
		looked++
	}
	return looked, controls
}

func (e *expansion) rule(c *compiledPolicy, i int32, v *verdictOf) {
	rule := e.book.rules[i]
	v.looked = append(v.looked, rule.id)
	v.controls = append(v.controls, rule.controls...)
	violations := 0
	for violations < len(e.violations) && e.violations[violations].Rule == i {
		violations++
	}
	switch {
	case violations > 0:
		e.violate(c, rule, e.clauses(i, e.violations[:violations]), v)
		e.violations = e.violations[violations:]
	case len(e.failures) > 0 && e.failures[0].Rule == i:
		e.fail(c, rule, e.failures[0], v)
		e.failures = e.failures[1:]
	case c.info.Mode == mesh.ModeEnforce:
		// Monitored policies only watch: what they would oblige to is not done.
		e.result.Obligations = append(e.result.Obligations, rule.obligations...)
	}
}

func (e *expansion) violate(c *compiledPolicy, rule *rule, clauses []mesh.Clause, v *verdictOf) {
	r := e.result
	v.violated = append(v.violated, rule.id)
	controls := rule.controls
	if controls == nil {
		controls = []mesh.ControlID{}
	}
	r.Violations = append(r.Violations, mesh.Violation{
		PolicyID: c.info.ID, RuleID: rule.id, Controls: controls,
		Severity: rule.severity, Message: rule.message, Recommendation: rule.recommendation, Clauses: clauses,
	})
	if rule.recommendation != "" && !slices.Contains(r.Recommendations, rule.recommendation) {
		r.Recommendations = append(r.Recommendations, rule.recommendation)
	}
}

func (e *expansion) fail(c *compiledPolicy, rule *rule, f Failure, v *verdictOf) {
	v.failed = append(v.failed, rule.id)
	part, x, reasons := "require", rule.require, rule.requireReasons
	if f.When {
		part, x, reasons = "when", rule.when, rule.whenReasons
	}
	reason := f.Bound.Err()
	switch {
	case reason != nil:
	case rule.changed != nil:
		reason = errNoValue // x is what it was before
	default:
		reason = e.reason(x, reasons(), rule.records)
	}
	e.result.Errors = append(e.result.Errors, mesh.RuleError{
		PolicyID: c.info.ID, RuleID: rule.id, Message: part + ": " + reason.Error(),
	})
}

// evaluation puts the verdict of a policy into the words of the audit entry.
func (v *verdictOf) evaluation(c *compiledPolicy) mesh.PolicyEvaluation {
	out := mesh.PolicyEvaluation{
		PolicyID: c.info.ID, Mode: c.info.Mode, Decision: mesh.EvaluationAllow,
		Rules: v.looked, Controls: sortControls(v.controls),
	}
	switch {
	case len(v.looked) == 0:
		out.Decision, out.Reason = mesh.EvaluationDeny, c.byDefault.message
	case len(v.violated) > 0 && len(v.failed) > 0:
		out.Decision, out.Reason = mesh.EvaluationDeny, joined("violated: ", v.violated)+joined("; could not be evaluated: ", v.failed)
	case len(v.violated) > 0:
		out.Decision, out.Reason = mesh.EvaluationDeny, joined("violated: ", v.violated)
	case len(v.failed) > 0:
		out.Decision, out.Reason = mesh.EvaluationError, joined("could not be evaluated: ", v.failed)
	default:
		out.Reason = joined("satisfied: ", v.looked)
	}
	return out
}

// joined lists ids for a sentence that begins so.
func joined(begin string, ids []string) string {
	const separator = ", "
	size := len(begin)
	for _, id := range ids {
		size += len(id) + len(separator)
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(begin)
	for i, id := range ids {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(id)
	}
	return b.String()
}
