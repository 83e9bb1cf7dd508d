package engine

import (
	"maps"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// Inputs returns the fields of the action that the document's rules look at,
// as paths such as data.purpose, sorted. Whoever sends actions learns from it
// what to state. A rule that does not compile adds nothing.
func Inputs(doc *policy.Document) []string {
	seen := map[string]bool{}
	for _, r := range check(doc).rules {
		for _, x := range []*expr.Expr{r.when, r.require} {
			if x == nil {
				continue
			}
			for _, path := range x.Reads() {
				seen[path] = true
			}
		}
	}
	for name, predicate := range compiledPredicates() {
		if ask := name + "()"; seen[ask] {
			delete(seen, ask)
			for _, path := range predicate.Reads() {
				seen[path] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
