// Package mutation changes expressions in small ways that the cases of a policy
// should notice: what a slip of the author's hand, or a careless edit later on,
// would do.
//
// [OfCondition] and [OfDemand] take the two expressions of a rule apart,
// [OfValue] and [AnyValue] change what a policy gives to a built-in rule. Each
// [Change] says in words what it is and which case would notice. What is known
// to make no difference to any action is left out, as far as that is cheap to
// see: a change that restores the old text, one that agrees with it for all
// values of the one field it is about, a part that another one implies.
//
// The package makes terms and decides nothing; engine compiles them, and
// engine/cases runs cases against them.
package mutation

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Kind says what a change does. Its values are stable.
type Kind string

// The kinds of changes. Those of whole rules and policies are made by engine.
const (
	RuleDropped        Kind = "rule-dropped"
	ObligationDropped  Kind = "obligation-dropped"
	DefaultSwapped     Kind = "default-swapped"
	ConditionNegated   Kind = "condition-negated"
	ClauseNegated      Kind = "clause-negated"
	PartDropped        Kind = "part-dropped"        // one of several things that must all hold
	AlternativeDropped Kind = "alternative-dropped" // one of several things of which one must hold
	AbsentAccepted     Kind = "absent-accepted"     // a field that is missing passes
	AnyAccepted        Kind = "any-accepted"        // a parameter accepts every value
	BoundMoved         Kind = "bound-moved"
	ElementDropped     Kind = "element-dropped" // of a list
	QuantifierSwapped  Kind = "quantifier-swapped"
	BranchFixed        Kind = "branch-fixed" // of a conditional: it is always true, or never
	FlagFlipped        Kind = "flag-flipped" // of a parameter
)

// Change is one way in which an expression is changed.
type Change struct {
	Kind   Kind
	Term   *term.Term // what the expression becomes
	Offset int        // of what changed, in the expression, in code points
	What   string     // was done, in words: "bound 500 moved to 501"
	Hint   string     // the case that would notice it: "add a case with …"
}

// MaxChanges bounds the changes of one expression. Of a longer one they are the
// first.
const MaxChanges = 256

// MaxElements bounds how many elements of one list are left out, one at a time:
// of a longer one the first, the last and some between them.
const MaxElements = 4

// OfCondition changes a rule's condition. demand is what the rule requires; nil
// if it only obliges, so that its obligations are what a case would look at.
func OfCondition(condition, demand *term.Term) []Change {
	m := &mutator{obliges: demand == nil}
	if condition.Op == term.Const {
		return nil
	}
	conjuncts := clausesOf(condition)
	m.change(condition, func(t *term.Term) *term.Term { return t })
	hint := "add a case that violates the rule"
	if m.obliges {
		hint = "add a case that the rule looks at, with its obligations"
	}
	m.add(ConditionNegated, term.Negate(condition), condition.Offset, "the condition negated", hint)
	m.each(conjuncts, func(c *term.Term, at rebuild) {
		m.add(PartDropped, at(term.Constant(true)), c.Offset, m.leftOut(quote(c)), m.without(c, true))
	})
	return m.out
}

// OfDemand changes what a rule requires. Of condition, which may be nil, it
// takes what is known wherever the rule looks.
func OfDemand(demand, condition *term.Term) []Change {
	m := &mutator{demand: true, known: map[string]bool{}}
	if demand.Op == term.Const {
		return nil
	}
	if condition != nil {
		for _, c := range condition.Conjuncts() {
			m.known[c.String()] = true
		}
	}
	clauses := clausesOf(demand)
	m.each(clauses, func(c *term.Term, at rebuild) {
		m.add(ClauseNegated, at(term.Negate(c)), c.Offset, quote(c)+" negated", "add a case that meets all the rule requires")
		if len(clauses) > 1 {
			m.add(PartDropped, at(term.Constant(true)), c.Offset, m.leftOut(quote(c)), m.without(c, true))
		}
	})
	return m.out
}

// Never reports whether a rule with that condition is known to look at nothing.
func Never(condition *term.Term) bool { return impossible(clausesOf(condition)) >= 0 }

// clausesOf returns the conjuncts of a term, those about one field as one, so
// that a guard and what it guards stay together.
func clausesOf(t *term.Term) []*term.Term {
	if t.Op != term.And {
		return []*term.Term{t}
	}
	var out []*term.Term
	for _, g := range grouped(t.Args) {
		out = append(out, joined(term.And, g))
	}
	return out
}

// impossible returns the index of a clause that no action meets; -1 if there is
// none.
func impossible(clauses []*term.Term) int {
	return slices.IndexFunc(clauses, func(c *term.Term) bool { return c.IsConst(false) || lower.Same(c, term.Constant(false)) })
}

// rebuild puts a changed part into what it is a part of.
type rebuild func(*term.Term) *term.Term

// mutator collects the changes of one expression.
type mutator struct {
	demand  bool            // it is what a rule requires, else its condition
	obliges bool            // of a condition: the rule requires nothing
	known   map[string]bool // texts that hold wherever the rule looks
	loop    string          // the list that the loop around runs over
	clause  *term.Term      // the clause that is being changed
	text    string          // of the clause
	whole   rebuild         // from a clause to the expression
	out     []Change
}

// each changes one clause after the other: first as change says, then within.
// Where no action meets one of them, the others make no difference.
func (m *mutator) each(clauses []*term.Term, change func(c *term.Term, at rebuild)) {
	only := impossible(clauses)
	for i, c := range clauses {
		if m.known[c.String()] || only >= 0 && i != only {
			continue
		}
		m.change(c, replacing(term.And, clauses, i))
		unchanged := func(t *term.Term) *term.Term { return t }
		change(c, unchanged)
		m.within(c, true, unchanged)
	}
}

// change takes up a clause.
func (m *mutator) change(clause *term.Term, whole rebuild) {
	m.clause, m.text, m.whole = clause, clause.String(), whole
}

// replacing returns what puts another term in the place of one of several that
// op joins.
func replacing(op term.Op, terms []*term.Term, i int) rebuild {
	return func(t *term.Term) *term.Term {
		out := slices.Clone(terms)
		out[i] = t
		if op == term.And {
			return term.Conjunction(out...)
		}
		return term.Disjunction(out...)
	}
}

// add records a change of the clause, unless it makes no difference to it.
func (m *mutator) add(kind Kind, clause *term.Term, offset int, what, hint string) {
	if len(m.out) == MaxChanges || clause.String() == m.text || lower.Same(clause, m.clause) {
		return
	}
	m.out = append(m.out, Change{Kind: kind, Term: m.whole(clause), Offset: offset, What: what, Hint: hint})
}

// without is the hint for a part that is left out, which is otherwise needed to
// be true, or false where it stands under a negation.
func (m *mutator) without(t *term.Term, positive bool) string {
	switch says := m.says(t, !positive); {
	case m.demand:
		return "add a case where " + says
	case m.obliges:
		return "add a case where " + says + ", without the rule's obligations"
	default:
		return "add a case that would violate the rule, but where " + says
	}
}

// alone is the hint for an alternative that is left out.
func (m *mutator) alone(t *term.Term, positive bool) string {
	switch says := m.says(t, positive); {
	case m.demand:
		return "add a case that meets the rule only because " + says
	case m.obliges:
		return "add a case where " + says + ", with the rule's obligations"
	default:
		return "add a case that violates the rule where " + says
	}
}

// with is the hint for a place at which one value makes the difference.
func (m *mutator) with(place, value string) string {
	hint := "add a case with " + place + " " + value
	switch {
	case m.demand:
		return hint
	case m.obliges:
		return hint + " that says which obligations it has"
	}
	return hint + " that violates the rule"
}

// says is [term.Term.Says] for parts of loops, too.
func (m *mutator) says(t *term.Term, truth bool) string {
	if m.loop == "" {
		return cut(t.Says(truth))
	}
	return fmt.Sprintf("an element of %s makes %s %t", m.loop, quote(t), truth)
}

// show prints a value as a case would have it.
func show(v any) string {
	if text, ok := v.(string); ok && text != "" && !strings.ContainsAny(text, " \t\n\"'`") {
		return text
	}
	return term.Constant(v).String()
}

// maxQuoted bounds how much of an expression words repeat, in characters.
const maxQuoted = 100

func quote(t *term.Term) string { return "`" + cut(t.String()) + "`" }

func cut(s string) string {
	if utf8.RuneCountInString(s) <= maxQuoted {
		return s
	}
	return string([]rune(s)[:maxQuoted-1]) + "…"
}
