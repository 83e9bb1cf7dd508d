package mutation

import (
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// grouped puts the terms about the same field together, in the order of the
// first of each.
func grouped(terms []*term.Term) [][]*term.Term {
	var groups [][]*term.Term
	var subjects []string
	at := map[string]int{}
	for _, t := range terms {
		s := subject(t)
		i, found := at[s]
		if s == "" || !found {
			at[s] = len(groups)
			groups, subjects = append(groups, []*term.Term{t}), append(subjects, s)
			continue
		}
		groups[i] = append(groups[i], t)
	}
	return joinGuards(groups, subjects)
}

// joinGuards moves what asks only whether a map is there to what reads a key of
// the map: has(context.order) && context.order.total > 5.
func joinGuards(groups [][]*term.Term, subjects []string) [][]*term.Term {
	for i := range groups {
		for j := range groups {
			if i != j && len(groups[i]) == 1 && isGuard(groups[i][0]) && strings.HasPrefix(subjects[j], subjects[i]+".") && len(groups[j]) > 0 {
				groups[j] = slices.Concat(groups[i], groups[j])
				groups[i] = nil
				break
			}
		}
	}
	out := groups[:0]
	for _, g := range groups {
		if len(g) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// subject returns the one field that a term is about; empty if it is about
// several, or if nobody knows.
func subject(t *term.Term) string {
	found, one := "", true
	see := func(s string) {
		one = one && (found == "" || found == s)
		found = s
	}
	loop := false
	var visit func(*term.Term) bool
	visit = func(t *term.Term) bool {
		switch t.Op {
		case term.Read, term.Has, term.Key, term.HasKey:
			see(t.Path())
			return false
		case term.Element, term.HasElement:
			if !loop { // the loop is around the whole term
				see("[]." + t.Name)
			}
			return false
		case term.Predicate, term.Opaque, term.Fail:
			one = false
		case term.Exists, term.All:
			t.Args[0].Walk(visit)
			loop = true
			t.Args[1].Walk(visit)
			loop = false
			return false
		}
		return true
	}
	t.Walk(visit)
	if !one {
		return ""
	}
	return found
}

// isGuard reports whether a term asks only whether there is a value.
func isGuard(t *term.Term) bool {
	return t.Op == term.Has || t.Op == term.HasKey || t.Op == term.HasElement
}

// joined is the conjunction or disjunction of several terms, which begins where
// the first of them does.
func joined(op term.Op, terms []*term.Term) *term.Term {
	if len(terms) == 1 {
		return terms[0]
	}
	out := &term.Term{Op: op, Kind: term.Bool, Args: terms, Offset: terms[0].Offset}
	for _, t := range terms {
		out.Offset = min(out.Offset, t.Offset)
	}
	return out
}
