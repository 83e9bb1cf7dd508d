package engine

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/lower"
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
	back     BackEnd
	policies []*compiledPolicy
	phases   [2]*rulebook // by Phase
}

// compiledPolicy is one policy of a program.
type compiledPolicy struct {
	info      PolicyInfo
	file      string  // of the document
	byDefault rule    // what default: deny is violated as
	rules     []*rule // in the order of the document
}

// rule is one rule, built-in or custom, ready to run.
type rule struct {
	id             string
	source         *policy.Rule
	when, require  *expr.Expr // nil: always true
	changed        *terms     // of a mutant: what it has in their place
	whenReasons    func() *lower.Reasons
	requireReasons func() *lower.Reasons
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
func Compile(policies []Policy) (*Program, error) { return CompileWith(policies, Bitmaps) }

// CompileWith is [Compile] for a back end of choice. All of them give the same
// results; those but [Bitmaps] are slow and there to be compared with it.
func CompileWith(policies []Policy, back BackEnd) (*Program, error) {
	var docs []*policy.Document
	for _, source := range policies {
		if source.Document != nil {
			docs = append(docs, source.Document)
		}
	}
	checker := newChecker(docs...)
	compiled := make([]*compiledPolicy, len(policies))
	for i, source := range policies {
		c, err := compilePolicy(source, checker)
		if err != nil {
			return nil, err
		}
		compiled[i] = c
	}
	p := newProgram(compiled, back)
	for _, b := range p.phases {
		if err := b.plan(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// newProgram lowers the rules of policies. What they leave to cel-go is planned
// when it is first decided, unless [rulebook.plan] does: of a mutant most is never.
func newProgram(policies []*compiledPolicy, back BackEnd) *Program {
	p := &Program{back: back, policies: policies}
	var inline, deferred []*compiledPolicy
	for _, c := range policies {
		if c.info.Mode == mesh.ModeAudit {
			deferred = append(deferred, c)
		} else {
			inline = append(inline, c)
		}
	}
	p.phases[Inline], p.phases[Deferred] = newRulebook(inline, back), newRulebook(deferred, back)
	p.phases[Inline].evaluated = len(inline) > 0 || len(policies) == 0
	p.phases[Deferred].evaluated = len(deferred) > 0 || len(policies) == 0
	return p
}

func compilePolicy(source Policy, checker *checker) (*compiledPolicy, error) {
	doc := source.Document
	if doc == nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "policy %s has no document", source.ID)
	}
	if doc.Partial() {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "policy %s has errors and was read in part", source.ID).WithHint("run mesh policy lint on it")
	}
	if source.Mode != "" && !source.Mode.Valid() {
		return nil, mesh.Errorf(mesh.CodeInvalid, "policy %s: %q is not a mode", source.ID, source.Mode).WithHint("the modes are enforce, monitor and audit")
	}
	params, err := doc.BindParams(source.Params)
	if err != nil {
		return nil, err
	}
	checked := checker.check(doc)
	if mesh.HasErrors(checked.findings) {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "policy %s does not compile", source.ID).
			WithFindings(checked.findings).WithHint("run mesh policy lint on it")
	}
	index := source.Controls
	if index == nil {
		index = RuleIndex(doc, nil)
	}
	c := &compiledPolicy{
		file:      doc.File,
		info:      PolicyInfo{ID: source.ID, Digest: source.Digest, Mode: doc.Enforcement.Mode, DenyByDefault: doc.DenyByDefault},
		byDefault: denial(doc),
	}
	if source.Mode != "" && source.Mode.WeakerThan(c.info.Mode) {
		c.info.Mode, c.info.Weakened = source.Mode, true
	}
	paramValues := plainEnv().Bind(params)
	for i := range doc.Rules {
		r := checked.rules[i]
		r.controls = index[r.id]
		if doc.Rules[i].Primitive == "" {
			r.records = map[string]expr.Values{paramsVariable: paramValues}
		}
		r.whenReasons, r.requireReasons = reasonsOf(r.when, r.records), reasonsOf(r.require, r.records)
		c.rules = append(c.rules, r)
		c.info.Rules = append(c.info.Rules, r.id)
		if r.require == nil {
			c.info.Obliging = append(c.info.Obliging, r.id)
		}
	}
	if err := c.checkPatterns(doc); err != nil {
		return nil, err
	}
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

// HasDeferred reports whether any policy is in audit mode, so that a
// [Deferred] evaluation has to follow.
func (p *Program) HasDeferred() bool { return len(p.phases[Deferred].policies) > 0 }

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
	policies := make([]*compiledPolicy, len(p.policies))
	for i, c := range p.policies {
		enforced := *c
		enforced.info.Mode, enforced.info.Weakened = mesh.ModeEnforce, false
		policies[i] = &enforced
	}
	return newProgram(policies, p.back)
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
