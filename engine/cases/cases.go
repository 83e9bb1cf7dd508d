// Package cases runs the tests of policies: files named *_test.yaml that give
// actions and what must be decided about them. The publish gate runs them, and
// so do authors.
//
//	policy: policy.yaml
//	base:
//	  action: {type: data.read}
//	  data: {categories: [pii], purpose: user_support}
//	cases:
//	  - name: reading without consent is refused
//	    given: {data: {consent: null}}
//	    want: {allowed: false, violations: [data_collection.consent_required]}
//
// What a case gives is merged over base, object by object; null removes, and a
// list replaces. The sets wanted are exact: a violation that is not listed
// fails the case.
//
// [Parse] reads a file, [Run] decides its cases with a program and reports what
// differs and which rules, and which clauses of them, were exercised. [Suite.Lint]
// compares a file with a policy without running anything. [Mutate] changes the
// policy in small ways and reports which of them no case notices. Which policy a
// file tests is resolved by the caller.
package cases

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// Bounds of a file of cases. Those of its actions count what each case is merged
// of, base and given: a large base times many cases would fill the memory, and
// keep whoever checks them busy. The files of a bundle together hold as much as
// [FullFiles] that are full; see [Reader].
const (
	MaxCases   = 5_000
	MaxValues  = 200_000  // values and keys of the actions
	MaxActions = 16 << 20 // bytes of text of the actions
	FullFiles  = 4
)

// Suite is one file of cases. It is immutable.
type Suite struct {
	File   string
	Policy string // path from the case file to the policy's; empty if the file names none
	Cases  []Case

	wanted []policy.Label // the rules that cases name
}

// Case is one action and what must be decided about it.
type Case struct {
	Name     string
	Position mesh.Position
	Action   *mesh.Action
	Want     Want
}

// Want is the decision that is wanted. Of Allowed, Violations and Obligations,
// what is nil is not checked.
type Want struct {
	Allowed     *bool        // as if every policy were in enforce mode
	Violations  []string     // rule ids: exactly these
	Obligations []Obligation // exactly these
	Errors      []string     // ids of rules that cannot be evaluated: exactly these; nil: none
}

// Obligation is one obligation that is wanted. Where only a type is written,
// the properties are not checked.
type Obligation struct {
	mesh.Obligation
	TypeOnly bool
}
