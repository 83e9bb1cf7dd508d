// Package engines runs the benchmark's workload in each of the engines that
// are compared, one file an engine.
//
// [Kinds] lists them; a [Kind] loads a set and returns an [Engine] whose
// inputs are made beforehand, in the form that the engine reads fastest. What
// is timed is [Engine.Decide] alone: it ends when the engine has told, in its
// own terms, every rule that is violated. [Check] turns that into rule numbers
// and compares it with the hand-written [Reference], action by action.
//
// cel-go and cedar-go have no index of their own and would look at every rule
// that is loaded. They stand behind one of ours, by action type and resource
// type, and are spared what it makes superfluous. OPA has an index.
package engines

import (
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// Engine has a set loaded. It is for one goroutine.
type Engine interface {
	// Decide decides an action of the set by its place, with all violated
	// rules, and reports whether it is allowed.
	Decide(action int) (allowed bool)
	// Violated appends the numbers of the rules that the action decided last
	// violates, in any order: those of policy n begin with
	// n*workload.RulesPerPolicy.
	Violated(numbers []int) []int
}

// Kind is one engine to compare, as it is used.
type Kind struct {
	Name string
	Uses string // what of it is used, for the report
	Load func(*workload.Set) (Engine, error)
}

// The names of kinds that ratios are made of.
const (
	Hand      = "Go table"
	Mesh      = "mesh"
	CEL       = "cel-go"
	CELLimit  = "cel-go, cost limit"
	Cedar     = "cedar-go"
	CedarList = "cedar-go, list"
	OPACode   = "OPA, rules"
	OPAData   = "OPA, data"
)

// Kinds returns all engines, in the order of the report.
func Kinds() []Kind {
	return []Kind{
		{Hand, "hand-written Go over a table of constants, indexed by action type and resource type; inputs are flat structs", loadHand},
		{Mesh, "this product: policy documents in YAML, compiled; inputs bound beforehand", loadMesh},
		{CEL, "one program a rule with OptOptimize, equal expressions shared; behind our index; inputs are map activations", loadCEL()},
		{CELLimit, "the same with CostLimit, as an untrusted rule needs it", loadCEL(costLimit)},
		{Cedar, "one forbid policy a rule, a PolicySet for each target; behind our index; inputs are requests with the action as context", loadCedar(cedarList.set)},
		{CedarList, "the same with a PolicyIterator of ours over a slice, which is faster than cedar-go's map", loadCedar(cedarList.list)},
		{OPACode, "library, prepared query, one Rego rule for each rule, found by OPA's index; inputs are ast.Value", loadOPARules},
		{OPAData, "library, prepared query, ten Rego rules over constants in data; inputs are ast.Value", loadOPAData},
	}
}

// Named returns the kind of that name.
func Named(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("there is no engine %q", name)
}

// Answers are what must be decided about each action of a set: the numbers of
// the violated rules, ascending.
type Answers [][]int

// Reference answers a set with the hand-written table.
func Reference(set *workload.Set) Answers {
	e := newHand(set)
	answers := make(Answers, len(set.Actions))
	for i := range answers {
		e.Decide(i)
		answers[i] = e.Violated(nil)
	}
	return answers
}

// Denied returns the share of actions that violate something.
func (a Answers) Denied() float64 {
	denied := 0
	for _, numbers := range a {
		if len(numbers) > 0 {
			denied++
		}
	}
	return float64(denied) / float64(len(a))
}

// Check lets the engine decide every action of the set and returns an error
// for the first that it answers otherwise.
func Check(e Engine, want Answers) error {
	for i := range want {
		allowed := e.Decide(i)
		got := e.Violated(nil)
		slices.Sort(got)
		if !slices.Equal(got, want[i]) || allowed != (len(want[i]) == 0) {
			return fmt.Errorf("action %d: allowed %t with rules %v violated, want %v", i, allowed, got, want[i])
		}
	}
	return nil
}
