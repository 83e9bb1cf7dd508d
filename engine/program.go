package engine

import (
	"github.com/ai-agent-mesh/mesh"
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

// Result is what [Program.Evaluate] fills. The zero value is ready; reusing one
// reuses its memory. Nothing in it is shared with the program but strings and
// the obligations' properties, which must not be changed.
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
}

// Program is a compiled set of policies. It is immutable and safe for
// concurrent use.
type Program struct {
}

// Compile builds the program of the policies given, in their order. The error
// is a *[mesh.Error] of code CodePolicyInvalid that carries the findings, or
// of CodeInvalid if parameters do not fit.
func Compile(policies []Policy) (*Program, error) { return &Program{}, nil }

// Evaluate decides the action by the policies of one phase and overwrites r.
func (p *Program) Evaluate(a *mesh.Action, phase Phase, r *Result) {}

// HasDeferred reports whether any policy is in audit mode, so that a
// [Deferred] evaluation has to follow.
func (p *Program) HasDeferred() bool { return false }

// Policies describes the policies of the program, in the order of [Compile].
func (p *Program) Policies() []PolicyInfo { return nil }

// Lint reports everything that is wrong with the meaning of a document that
// [policy.Parse] accepted: CEL that does not compile, an optional field read
// without has(), unknown controls. A nil index accepts any control as written.
// Findings are in the order of the file.
func Lint(doc *policy.Document, controls policy.ControlIndex) []mesh.Finding { return nil }

// RuleIndex returns for every rule of the document the controls it serves, in
// their canonical spelling. A custom rule names its own; a built-in section
// serves what the document's controls section says, else what its primitive
// can serve in the document's framework. No value is nil.
func RuleIndex(doc *policy.Document, controls policy.ControlIndex) map[string][]mesh.ControlID {
	return nil
}
