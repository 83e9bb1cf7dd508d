package engine

import "github.com/ai-agent-mesh/mesh"

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

	in      Input // of Evaluate
	verdict Verdict
}
