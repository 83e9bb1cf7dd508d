package compare

import (
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// The bounds of what is said of one change, and of what it may cost.
const (
	maxWordsSteps = 10_000 // steps of one proof that words need
	maxFurther    = 12     // parts of the other version that are looked through
	maxSaid       = 400    // bytes of one sentence
	wordsShare    = 4      // the part of all steps that is kept for questions
)

// piece is a part of a sentence, which says that a term is true.
type piece struct {
	phrase
	term *term.Term // nil if it cannot be said as one
}

func pieceOf(t *term.Term) piece { return piece{phrase: says(t), term: t} }

// statement is which actions change, in words and as terms.
type statement struct {
	types  []string // of actions; nil for any
	typed  *term.Term
	pieces []piece
	extent Extent
	whole  string // said instead of the above
}

// String says it behind "denied now:".
func (s statement) String() string {
	if s.whole != "" {
		return s.whole
	}
	subject := "any action"
	switch {
	case s.types != nil && s.extent == Some:
		subject = "some actions of " + typeWords(s.types)
	case s.types != nil:
		subject = typeWords(s.types)
	case s.extent == Some:
		subject = "some actions"
	}
	phrases := make([]phrase, len(s.pieces))
	for i, p := range s.pieces {
		phrases[i] = p.phrase
	}
	if text := join(phrases); text != "" {
		return subject + " where " + text
	}
	return subject
}

// terms are what is true of the actions that the words describe.
func (s statement) terms() []*term.Term {
	var out []*term.Term
	if s.typed != nil {
		out = append(out, s.typed)
	}
	for _, p := range s.pieces {
		if p.term != nil {
			out = append(out, p.term)
		}
	}
	return out
}

// readable reports whether a sentence is short enough to be of use.
func (s statement) readable() bool { return len(s.String()) <= maxSaid }

// proves is [comparison.impossible] for the sake of words: it leaves most of the
// steps to questions.
func (c *comparison) proves(terms []*term.Term, last space.Goal) bool {
	if c.left < c.steps/wordsShare {
		return false
	}
	goals := make([]space.Goal, 0, len(terms)+1)
	for _, t := range terms {
		goals = append(goals, space.Is(t))
	}
	return c.impossibleWithin(append(goals, last), maxWordsSteps)
}

// implies reports whether it is proved that a term is true wherever all of the
// others are.
func (c *comparison) implies(terms []*term.Term, t *term.Term) bool {
	return c.proves(terms, space.Goal{Term: t, Want: space.False | space.Error})
}

// stated says which actions change by a rule: those for which inside is true. It
// starts with what the rule looks at and misses, adds what only further knows
// where that alone says too much, and leaves out again what nobody need say.
// Whatever it says is proved of every action, or said of some.
func (c *comparison) stated(r *rule, missing []piece, ways []way, inside *term.Term, further func(known []*term.Term) []piece) statement {
	typed, types, conditions := conditionsOf(r.when)
	s := statement{types: types, typed: typed, extent: Every}
	c.narrowTypes(&s, inside)
	for _, t := range conditions {
		p := pieceOf(t)
		if slices.ContainsFunc(missing, func(m piece) bool { return m.field != "" && m.field == p.field }) && c.implied(t, ways) {
			continue // what is missing says so, too
		}
		s.pieces = append(s.pieces, p)
	}
	s.pieces = append(s.pieces, missing...)
	if c.implies(s.terms(), inside) {
		return s
	}
	exact := s
	exact.pieces = append(slices.Clone(s.pieces), further(s.terms())...)
	if len(exact.pieces) > len(s.pieces)+maxFurther || !c.implies(exact.terms(), inside) {
		s.extent = Some
		return s
	}
	c.nameTexts(&exact, inside)
	c.shorten(&exact, inside)
	if !exact.readable() {
		s.extent = Some
		return s
	}
	return exact
}

// shorten leaves out parts without which the rest says the same, the last ones
// first.
func (c *comparison) shorten(s *statement, inside *term.Term) {
	all := s.pieces
	for i := len(all) - 1; i >= 0; i-- {
		shorter := *s
		shorter.pieces = slices.Delete(slices.Clone(s.pieces), i, i+1)
		if c.implies(shorter.terms(), inside) {
			*s = shorter
		}
	}
}

// narrowTypes leaves out types of actions of which none changes.
func (c *comparison) narrowTypes(s *statement, inside *term.Term) {
	if len(s.types) < 2 {
		return
	}
	place, _ := s.typed.ComparedTexts()
	var left []any
	var names []string
	for _, name := range s.types {
		if !c.proves([]*term.Term{term.Relation(term.Eq, place, term.Constant(name))}, space.Is(inside)) {
			left, names = append(left, name), append(names, name)
		}
	}
	if len(left) > 0 && len(left) < len(s.types) {
		s.types, s.typed = names, term.Relation(term.In, place, term.Constant(left))
	}
}

// violations says which actions violate a rule of one version, missing a part of
// its demand in one of the ways, and satisfy that of the other, which may be nil.
func (c *comparison) violations(r, o *rule, clause lower.Clause, ways []way) statement {
	if r.ID == policy.RuleDefault {
		return statement{whole: "what no rule looks at", extent: Every, typed: r.when}
	}
	inside := term.Conjunction(r.when, term.Negate(term.Disjunction(clause...)))
	if o != nil {
		inside = term.Conjunction(inside, o.outcome)
	}
	missing := missingPieces(clause, ways)
	return c.stated(r, missing, ways, inside, func(known []*term.Term) []piece {
		if o == nil {
			return nil
		}
		return c.satisfying(o, known)
	})
}

// satisfying says what else an action says that satisfies a rule, where some
// terms are known to be true: that the rule does not look at it, or what it
// demands.
func (c *comparison) satisfying(o *rule, known []*term.Term) []piece {
	when := c.unknown(o.when, known)
	var demands []*term.Term
	for _, clause := range lower.Clauses(o.require) {
		if len(demands) > maxFurther {
			return nil
		}
		demands = append(demands, c.possible(clause, known))
	}
	demand := term.Conjunction(demands...)
	switch {
	case c.proves(known, isNot(o.when)):
		return pieces(append(when, demands...))
	case c.proves(known, space.Is(term.Conjunction(o.when, o.require))):
		return pieces([]*term.Term{term.Negate(term.Conjunction(when...))})
	}
	return pieces([]*term.Term{term.Disjunction(term.Negate(term.Conjunction(when...)), demand)})
}

// unknown returns the parts of a conjunction that do not follow from what is
// known.
func (c *comparison) unknown(t *term.Term, known []*term.Term) []*term.Term {
	var out []*term.Term
	for _, part := range t.Conjuncts() {
		if !c.implies(known, part) {
			out = append(out, part)
		}
	}
	return out
}

// possible is a clause without what cannot be true where some terms are.
func (c *comparison) possible(clause lower.Clause, known []*term.Term) *term.Term {
	if len(clause) == 1 {
		return clause[0]
	}
	var out []*term.Term
	for _, t := range clause {
		if !c.proves(known, space.Is(t)) {
			out = append(out, t)
		}
	}
	return term.Disjunction(out...)
}

// pieces says that terms are true, as far as that is not plain.
func pieces(terms []*term.Term) []piece {
	var out []piece
	for _, t := range terms {
		if !t.IsConst(true) {
			out = append(out, pieceOf(t))
		}
	}
	return out
}

// nameTexts names the texts that may stand at a place of which several parts
// speak, if they say nothing else about it.
func (c *comparison) nameTexts(s *statement, inside *term.Term) {
	at := map[string][]int{}
	for i, p := range s.pieces {
		at[p.field] = append(at[p.field], i)
	}
	for i := len(s.pieces) - 1; i >= 0; i-- {
		p := s.pieces[i]
		if of := at[p.field]; p.field == "" || len(of) < 2 || of[0] != i {
			continue
		}
		said := c.named(s, p.field)
		if said == nil {
			continue
		}
		shorter := *s
		shorter.pieces = slices.Clone(s.pieces)
		shorter.pieces[i] = *said
		last := i + 1
		shorter.pieces = append(shorter.pieces[:last:last], slices.DeleteFunc(slices.Clone(shorter.pieces[last:]), func(o piece) bool { return o.field == p.field })...)
		if c.implies(shorter.terms(), inside) {
			*s = shorter
		}
	}
}

// named says which texts stand at a place; nil if it may be anything else.
func (c *comparison) named(s *statement, field string) *piece {
	const (
		shown = 8  // texts
		tried = 40 // values
	)
	var about []*term.Term
	for _, p := range s.pieces {
		if p.field == field {
			about = append(about, p.term)
		}
	}
	read := readOf(term.Conjunction(about...))
	values := c.made(about...)
	if read == nil || values == nil || len(values.Values(space.PlaceOf(read))) > tried {
		return nil
	}
	var names []string
	var texts []any
	for _, v := range values.Values(space.PlaceOf(read)) {
		text, ok := v.V.(string)
		if !ok || !slices.ContainsFunc(about, func(t *term.Term) bool { return mentions(t, v.V) }) {
			continue
		}
		if !c.proves(s.terms(), space.Is(term.Relation(term.Eq, read, term.Constant(text)))) {
			names, texts = append(names, wordsOf(text)), append(texts, v.V)
		}
	}
	one := term.Relation(term.In, read, term.Constant(texts))
	if len(names) == 0 || len(names) > shown || !c.implies(s.terms(), one) {
		return nil
	}
	return &piece{phrase: phrase{field, strings.Join(names, " or ")}, term: one}
}

// readOf returns what reads the only place of a term; nil if it only asks
// whether something stands there.
func readOf(t *term.Term) *term.Term {
	var out *term.Term
	t.Walk(func(t *term.Term) bool {
		if t.Op == term.Read || t.Op == term.Key {
			out = t
		}
		return out == nil
	})
	return out
}

// implied reports whether every way of missing a demand meets a condition.
func (c *comparison) implied(condition *term.Term, ways []way) bool {
	for _, w := range ways {
		if !c.impossible(append(slices.Clone(w.cube), space.Goal{Term: condition, Want: space.False | space.Error})) {
			return false
		}
	}
	return len(ways) > 0
}

// missingPieces says of each term of a clause in which ways it is false.
func missingPieces(clause lower.Clause, ways []way) []piece {
	taken := map[string]bool{}
	for _, w := range ways {
		for _, g := range w.cube {
			taken[goalTerm(g).String()] = true
		}
	}
	var out []piece
	for _, t := range clause {
		cubes, ok := cubesOf(t, false)
		var phrases []phrase
		var terms []*term.Term
		for _, cube := range cubes {
			if ok && len(cube) == 1 && taken[goalTerm(cube[0]).String()] {
				phrases, terms = append(phrases, says(goalTerm(cube[0]))), append(terms, goalTerm(cube[0]))
			} else if ok && len(cube) > 1 {
				ok = false
			}
		}
		switch {
		case !ok || len(phrases) == 0:
			out = append(out, pieceOf(term.Negate(t)))
		case len(phrases) == len(cubes) && says(term.Negate(t)).field != "":
			out = append(out, pieceOf(term.Negate(t)))
		default:
			out = append(out, piece{phrase: merged(phrases), term: term.Disjunction(terms...)})
		}
	}
	return out
}

// conditionsOf splits a condition into what it says of the types of actions, nil
// if nothing, and what else it asks, where what is asked of a value need not ask
// that it is there.
func conditionsOf(when *term.Term) (typed *term.Term, types []string, conditions []*term.Term) {
	parts := when.Conjuncts()
	for _, part := range parts {
		if named := part.ActionTypes(); len(named) > 0 && typed == nil {
			if place, _ := part.ComparedTexts(); place != nil {
				typed, types = part, named
				continue
			}
		}
		guards := part.Op == term.Has || part.Op == term.HasKey
		if guards && slices.ContainsFunc(parts, func(o *term.Term) bool { return o != part && len(o.Reads()) == 1 && o.Reads()[0].Path() == part.Path() }) {
			continue
		}
		conditions = append(conditions, part)
	}
	return typed, types, conditions
}
