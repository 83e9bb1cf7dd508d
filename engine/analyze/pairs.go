package analyze

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// duplicates finds rules that are written alike.
func (a *analysis) duplicates() {
	first := map[string]*subject{}
	for i := range a.rules {
		r := &a.rules[i]
		if r.odd {
			continue
		}
		key := r.when.String() + "\n" + r.require.String()
		if r.Require == nil {
			key += "\n" + fmt.Sprint(r.Obligations) // maps print in the order of their keys
		}
		if other := first[key]; other == nil {
			first[key] = r
		} else if !r.BuiltIn || !other.BuiltIn {
			r.odd = true
			a.duplicate(other, r)
		}
	}
}

func (a *analysis) duplicate(first, second *subject) {
	a.report(second.At, RuleDuplicate, second.ID+" looks at the same actions as "+first.ID+" and demands the same",
		"remove one of them, and give its controls to the other")
}

// pairs compares rules that look at actions of the same type and demand
// something of the same places.
func (a *analysis) pairs() {
	var untyped []int
	byType := map[string][]int{}
	compared := 0
	for j := range a.rules {
		r := &a.rules[j]
		if r.odd || r.Require == nil {
			continue
		}
		r.reads = readsOf(r.require)
		for _, i := range candidates(r, j, untyped, byType) {
			if compared++; compared > MaxPairs || a.left <= 0 {
				return
			}
			if other := &a.rules[i]; !other.odd && !r.odd && overlap(other.reads, r.reads) {
				a.pair(other, r)
			}
		}
		if r.Types == nil {
			untyped = append(untyped, j)
		}
		for _, t := range r.Types {
			byType[t] = append(byType[t], j)
		}
	}
}

// candidates are the rules before r that may look at the same action.
func candidates(r *subject, before int, untyped []int, byType map[string][]int) []int {
	if r.Types == nil {
		out := make([]int, before)
		for i := range out {
			out[i] = i
		}
		return out
	}
	out := slices.Clone(untyped)
	for _, t := range r.Types {
		out = append(out, byType[t]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readsOf returns the places that a term looks at, and the predicates it asks.
func readsOf(t *term.Term) map[string]bool {
	out := map[string]bool{}
	for _, r := range t.Reads() {
		out[r.Path()] = true
	}
	t.Walk(func(t *term.Term) bool {
		if t.Op == term.Predicate {
			out[t.String()] = true
		}
		return true
	})
	return out
}

func overlap(a, b map[string]bool) bool {
	for read := range b {
		if a[read] {
			return true
		}
	}
	return false
}

func (a *analysis) pair(first, second *subject) {
	outcomes := [...]*term.Term{first.outcome(), second.outcome()}
	s := a.space(outcomes[:]...)
	if a.impossible(s, space.Is(first.when), space.Is(second.when), space.Is(first.require), space.Is(second.require)) {
		a.contradiction(first, second)
		return
	}
	if first.BuiltIn && second.BuiltIn {
		return // the library's own
	}
	covers := a.impossible(s, notTrue(outcomes[1]), space.Is(outcomes[0]))
	covered := a.impossible(s, notTrue(outcomes[0]), space.Is(outcomes[1]))
	switch {
	case covers && covered && !obliges(second):
		second.odd = true
		a.duplicate(first, second)
	case covers && replaces(first, second):
		second.odd = true
		a.shadowed(first, second)
	case covered && replaces(second, first):
		first.odd = true
		a.shadowed(second, first)
	}
}

func obliges(r *subject) bool { return len(r.Obligations) > 0 }

// replaces reports whether nothing but the rule itself is lost with one that
// another covers: it may serve controls of its own, be graded higher or oblige.
func replaces(by, r *subject) bool {
	for _, c := range r.Controls {
		if !slices.Contains(by.Controls, c) {
			return false
		}
	}
	grades := []mesh.Severity{mesh.SeverityLow, mesh.SeverityMedium, mesh.SeverityHigh, mesh.SeverityCritical}
	return !obliges(r) && slices.Index(grades, r.Severity) <= slices.Index(grades, by.Severity)
}

func (a *analysis) shadowed(by, r *subject) {
	a.report(r.RequireAt, RuleShadowed, "whatever violates "+r.ID+" violates "+by.ID+", too", "remove "+r.ID+", or have it look at other actions")
}

// contradiction reports two rules that no action satisfies, if each of them
// could be satisfied by an action that both look at.
func (a *analysis) contradiction(first, second *subject) {
	w1, r1 := orTrue(first.Example.When), orTrue(first.Example.Require)
	w2, r2 := orTrue(second.Example.When), orTrue(second.Example.Require)
	s := a.space(w1, r1, w2, r2)
	example := a.find(s, space.Is(w1), space.Is(w2), space.Is(r1))
	if example == nil || !s.Meets(a.ctx, example, space.Is(w1), space.Is(w2), space.Is(r1)) || a.find(s, space.Is(w1), space.Is(w2), space.Is(r2)) == nil {
		return
	}
	text, err := json.Marshal(example)
	if err != nil {
		return
	}
	first.odd, second.odd = true, true
	if first.Contrary == second.ID || second.Contrary == first.ID {
		return
	}
	hint := "have one of them look at other actions, or demand what the other allows"
	if first.BuiltIn && second.BuiltIn {
		hint = "give them values that one action can have"
	}
	a.report(second.RequireAt, RuleContradicting,
		fmt.Sprintf("%s and %s look at the same actions, and none can satisfy both: %s satisfies %s and therefore violates %s", first.ID, second.ID, text, first.ID, second.ID),
		hint)
}
