package lower

import (
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// maxClauses bounds the clauses of one rule. A rule that would have more is
// evaluated as one predicate.
const maxClauses = 64

// Clause is a part of what a rule requires, as the author wrote it but for
// De Morgan: a disjunction of boolean terms, each about a single place or a
// predicate; nothing in it is false. A rule is a conjunction of clauses. Both
// follow from distribution and De Morgan alone, which hold with errors, too.
type Clause []*term.Term

// clausesOf returns the conjunction of clauses that t is, or its negation; false
// if there would be more than [maxClauses].
func clausesOf(t *term.Term, negated bool) ([]Clause, bool) {
	if t.IsConst(!negated) {
		return nil, true
	}
	if t.IsConst(negated) {
		return []Clause{{}}, true
	}
	if _, single := onePlace(t); single { // a literal, or a predicate that keeps guard and guarded together
		return one(t, negated), true
	}
	switch t.Op {
	case term.Not:
		return clausesOf(t.Args[0], !negated)
	case term.And, term.Or:
		if (t.Op == term.And) != negated {
			return conjoin(grouped(t), negated)
		}
		return disjoin(grouped(t), negated)
	case term.Cond:
		which, then, otherwise := t.Args[0], t.Args[1], t.Args[2]
		if total(which) { // else an error of it would not be one of the whole
			return clausesOf(term.Conjunction(term.Disjunction(term.Negate(which), then), term.Disjunction(which, otherwise)), negated)
		}
	}
	return one(t, negated), true
}

func one(t *term.Term, negated bool) []Clause {
	if negated {
		t = term.Negate(t)
	}
	return []Clause{{t}}
}

func conjoin(args []*term.Term, negated bool) ([]Clause, bool) {
	var out []Clause
	for _, a := range args {
		clauses, ok := clausesOf(a, negated)
		if out = append(out, clauses...); !ok || len(out) > maxClauses {
			return nil, false
		}
	}
	return out, true
}

func disjoin(args []*term.Term, negated bool) ([]Clause, bool) {
	out := []Clause{{}}
	for _, a := range args {
		clauses, ok := clausesOf(a, negated)
		if !ok {
			return nil, false
		}
		if out, ok = product(out, clauses); !ok {
			return nil, false
		}
	}
	return out, true
}

// product is the disjunction of two conjunctions.
func product(a, b []Clause) ([]Clause, bool) {
	if len(a)*len(b) > maxClauses {
		return nil, false
	}
	out := make([]Clause, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(append(Clause{}, x...), y...))
		}
	}
	return out, true
}

// grouped returns the arguments of a conjunction or disjunction, those about
// the same place of the action as one, so that a guard and what it guards stay
// together: has(x) && x == 1.
func grouped(t *term.Term) []*term.Term {
	var out []*term.Term
	at := map[string]int{}
	for _, a := range t.Args {
		path, ok := onePlace(a)
		if !ok {
			out = append(out, a)
			continue
		}
		i, found := at[path]
		if !found {
			at[path] = len(out)
			out = append(out, a)
			continue
		}
		if t.Op == term.And {
			out[i] = term.Conjunction(out[i], a)
		} else {
			out[i] = term.Disjunction(out[i], a)
		}
	}
	return out
}

// onePlace returns the one leaf, or key of a free-form map, that a term reads;
// false if it reads several, or asks a predicate.
func onePlace(t *term.Term) (string, bool) {
	at, ok := "", true
	t.Walk(func(t *term.Term) bool {
		switch t.Op {
		case term.Read, term.Has, term.Key, term.HasKey:
			path := t.Path()
			ok = ok && (at == "" || at == path)
			at = path
			return false
		case term.Predicate, term.Opaque, term.Fail:
			ok = false
		}
		return ok
	})
	return at, ok && at != ""
}

// accepted returns the texts of a place for which a literal is true, if they are
// few and it is false for all others. whenAbsent is its truth where there is
// none.
func accepted(t *term.Term, kind shape.Kind) (texts []string, whenAbsent Truth, ok bool) {
	constants, judge := constantsOf(t, kind), newJudge(t)
	if judge(otherText(constants)) != False {
		return nil, 0, false
	}
	for _, c := range constants {
		if judge(state{true, c}) == True {
			texts = append(texts, c.text)
		}
	}
	whenAbsent = judge(state{})
	return texts, whenAbsent, whenAbsent != True
}
