package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// Policy is one policy as it is put into force.
type Policy struct {
	ID       string      // "namespace/name", the policyId of its decisions
	Digest   mesh.Digest // of the bundle it came in; empty for a policy that was never packed
	Document *policy.Document
	// Mode overrides the document's mode if it is weaker; a stricter one has no
	// effect, since only the author of a policy may tighten it. Empty means
	// the document's own.
	Mode mesh.Mode
	// Params are the values of the document's params. A parameter that is
	// left out takes its default.
	Params map[string]any
	// Controls is the rule index as signed in the bundle's config: what
	// decisions name for each ruleId.
	Controls map[string][]mesh.ControlID
}

// Phase says which policies of a program run.
type Phase int

// The phases.
const (
	Inline   Phase = iota // the policies in enforce and monitor mode, before the action
	Deferred              // the policies in audit mode, after it
)

// Result is what [Program.Evaluate] fills. The zero value is ready. Reusing one
// overwrites its slices, so that whoever keeps one of them must clone it first;
// what their elements refer to is never overwritten, belongs in part to the
// program and must not be changed.
type Result struct {
	// Allowed is what the enforcement point must do: false if a policy in
	// enforce mode was violated or could not be evaluated.
	Allowed bool
	// WouldAllow is false if any policy that ran was violated or could not be
	// evaluated, whatever its mode.
	WouldAllow bool
	// Evaluated is false if there was nothing to run in this phase while
	// policies wait for the deferred one.
	Evaluated bool
	// Mode is the strictest mode of the policies that ran; empty if none did.
	Mode mesh.Mode
	// Weakened is true if a policy that ran is in a weaker mode than its
	// author gave it.
	Weakened bool
	// Violations are ordered by policy and then by the rule's place in it.
	Violations []mesh.Violation
	// Recommendations are those of the violations, each once.
	Recommendations []string
	// Obligations are those of the enforced policies' rules that looked at
	// the action and are satisfied. Empty unless Allowed.
	Obligations []mesh.Obligation
	// Errors are the rules that failed.
	Errors []mesh.RuleError
	// Policies has an entry for each policy of which a rule looked at the
	// action, or which denies what no rule looks at.
	Policies []mesh.PolicyEvaluation
	// Bundles are the digests of all policies that ran.
	Bundles []mesh.Digest
}

// PolicyInfo describes one policy of a program.
type PolicyInfo struct {
	ID       string
	Digest   mesh.Digest
	Mode     mesh.Mode // the mode in force
	Weakened bool      // the override weakened the document's mode
	Rules    []string  // rule ids in the order of the document
	Obliging []string  // those of Rules that require nothing and only oblige
	// DenyByDefault is true for "default: deny".
	DenyByDefault bool
}

// Program is a compiled set of policies. It is immutable and safe for
// concurrent use.
type Program struct {
	policies []*compiledPolicy
	inline   []*compiledPolicy // enforce and monitor
	deferred []*compiledPolicy // audit
}

// compiledPolicy is one policy of a program.
type compiledPolicy struct {
	info      PolicyInfo
	byDefault rule    // what default: deny is violated as
	rules     []*rule // in the order of the document
	// byType holds the rules that can look at actions of one type, and others
	// those that can look at the types not in it; both in order.
	byType map[string][]*rule
	others []*rule
}

// rule is one rule, built-in or custom, ready to run.
type rule struct {
	id             string
	when, require  *expr.Expr // nil: always true
	records        map[string]expr.Values
	controls       []mesh.ControlID
	severity       mesh.Severity
	message        string
	recommendation string
	obligations    []mesh.Obligation
	added          bool // that it looks at an action does not keep the policy from denying it
}

// Compile builds the program of the policies given, in their order. The error
// is a *[mesh.Error] of code CodePolicyInvalid that carries the findings, or
// of CodeInvalid if parameters or a mode do not fit.
func Compile(policies []Policy) (*Program, error) {
	p := &Program{}
	for _, source := range policies {
		c, err := compilePolicy(source)
		if err != nil {
			return nil, err
		}
		p.policies = append(p.policies, c)
		if c.info.Mode == mesh.ModeAudit {
			p.deferred = append(p.deferred, c)
		} else {
			p.inline = append(p.inline, c)
		}
	}
	return p, nil
}

func compilePolicy(source Policy) (*compiledPolicy, error) {
	doc := source.Document
	if doc == nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "policy %s has no document", source.ID)
	}
	if source.Mode != "" && !source.Mode.Valid() {
		return nil, mesh.Errorf(mesh.CodeInvalid, "policy %s: %q is not a mode", source.ID, source.Mode).WithHint("the modes are enforce, monitor and audit")
	}
	params, err := doc.BindParams(source.Params)
	if err != nil {
		return nil, err
	}
	checked := check(doc)
	if mesh.HasErrors(checked.findings) {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "policy %s does not compile", source.ID).
			WithFindings(checked.findings).WithHint("run mesh policy lint on it")
	}
	index := source.Controls
	if index == nil {
		index = RuleIndex(doc, nil)
	}
	c := &compiledPolicy{
		info:      PolicyInfo{ID: source.ID, Digest: source.Digest, Mode: doc.Enforcement.Mode, DenyByDefault: doc.DenyByDefault},
		byDefault: denial(doc),
	}
	if source.Mode != "" && source.Mode.WeakerThan(c.info.Mode) {
		c.info.Mode, c.info.Weakened = source.Mode, true
	}
	paramValues := checked.env.Bind(params)
	for i := range doc.Rules {
		r := checked.rules[i]
		r.controls = index[r.id]
		if doc.Rules[i].Primitive == "" {
			r.records = map[string]expr.Values{paramsVariable: paramValues}
		}
		c.rules = append(c.rules, r)
		c.info.Rules = append(c.info.Rules, r.id)
		if r.require == nil {
			c.info.Obliging = append(c.info.Obliging, r.id)
		}
	}
	c.index()
	return c, nil
}

// denial is what an action violates that no rule looks at.
func denial(doc *policy.Document) rule {
	r := rule{
		id: policy.RuleDefault, severity: doc.Enforcement.Severity, message: deniedByDefault,
		recommendation: "add a rule that looks at actions of this type, or write default: allow",
	}
	if slices.ContainsFunc(doc.Rules, func(r policy.Rule) bool { return r.Added }) {
		r.message, r.recommendation = deniedByBase, "do what the base has rules for; rules that a profile adds cannot allow more"
	}
	return r
}

// index sorts the rules by the action types they can look at.
func (c *compiledPolicy) index() {
	c.byType = map[string][]*rule{}
	for _, r := range c.rules {
		for _, t := range r.types() {
			c.byType[t] = nil
		}
	}
	for _, r := range c.rules {
		types := r.types()
		if types == nil {
			c.others = append(c.others, r)
			types = slices.Collect(maps.Keys(c.byType))
		}
		for _, t := range slices.Compact(slices.Sorted(slices.Values(types))) {
			c.byType[t] = append(c.byType[t], r)
		}
	}
}

// types returns the action types the rule can look at; nil means any.
func (r *rule) types() []string {
	if r.when == nil {
		return nil
	}
	return r.when.ActionTypes()
}

// rulesFor returns the rules that can look at an action of that type.
func (c *compiledPolicy) rulesFor(actionType string) []*rule {
	if rules, ok := c.byType[actionType]; ok {
		return rules
	}
	return c.others
}

// HasDeferred reports whether any policy is in audit mode, so that a
// [Deferred] evaluation has to follow.
func (p *Program) HasDeferred() bool { return len(p.deferred) > 0 }

// Policies describes the policies of the program, in the order of [Compile].
func (p *Program) Policies() []PolicyInfo {
	out := make([]PolicyInfo, len(p.policies))
	for i, c := range p.policies {
		out[i] = c.info
		out[i].Rules = slices.Clone(c.info.Rules)
		out[i].Obliging = slices.Clone(c.info.Obliging)
	}
	return out
}

// Enforced returns the same program with every policy in enforce mode: what
// cases are decided with.
func (p *Program) Enforced() *Program {
	out := &Program{}
	for _, c := range p.policies {
		enforced := *c
		enforced.info.Mode, enforced.info.Weakened = mesh.ModeEnforce, false
		out.policies = append(out.policies, &enforced)
	}
	out.inline = out.policies
	return out
}

// strictest returns the stricter of two modes.
func strictest(a, b mesh.Mode) mesh.Mode {
	if a.WeakerThan(b) {
		return b
	}
	return a
}

// sortControls orders and removes what stands twice.
func sortControls(ids []mesh.ControlID) []mesh.ControlID {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// joined lists ids for a sentence.
func joined(ids []string) string { return strings.Join(ids, ", ") }
