package space

import (
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/pattern"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Atoms that are not exact can be anything where something is proved, but not
// independently of each other: what is at most 80 is at most 81, whatever it is.
// Such atoms form a group, which has as many choices as there are combinations
// of what its atoms can be.

// maxPatterns bounds the patterns of one group.
const maxPatterns = 4

// group makes the groups of the atoms that are not exact.
func (s *Space) group() {
	members := map[string][]int{}
	var keys []string
	for i, a := range s.atoms {
		if a.exact {
			continue
		}
		key := "\n" + a.term.String()
		if operand, _, ok := comparison(a.term); ok {
			key = "number\n" + operand.String()
		} else if a.term.Op == term.Matches {
			key = "text\n" + a.term.Args[0].String()
		}
		if members[key] == nil {
			keys = append(keys, key)
		}
		members[key] = append(members[key], i)
	}
	for _, key := range keys {
		atoms := members[key]
		switch {
		case len(atoms) == 1:
			s.single(atoms[0])
		case s.atoms[atoms[0]].term.Op == term.Matches:
			s.groupPatterns(atoms)
		default:
			s.groupNumbers(atoms)
		}
	}
}

// single is the group of an atom that has to do with no other.
func (s *Space) single(i int) {
	s.join([]int{i}, [][]lower.Truth{{lower.False}, {lower.True}}, lower.Error)
}

// join makes a group with a choice for each combination of what its atoms are,
// and one that all are errors.
func (s *Space) join(atoms []int, choices [][]lower.Truth, fails lower.Truth) {
	if slices.ContainsFunc(atoms, func(i int) bool { return !s.atoms[i].total }) {
		choices = append(choices, slices.Repeat([]lower.Truth{fails}, len(atoms)))
	}
	for n, i := range atoms {
		a := s.atoms[i]
		a.group, a.outcomes = len(s.groups), make([]Truths, len(choices))
		for c, combination := range choices {
			a.outcomes[c] = 1 << combination[n]
			a.any |= a.outcomes[c]
		}
	}
	s.groups = append(s.groups, len(choices))
}

// comparison splits a relation between what is computed and a number, as if the
// number stood on the right.
func comparison(t *term.Term) (operand *term.Term, number float64, ok bool) {
	if t.Op < term.Eq || t.Op > term.Ge {
		return nil, 0, false
	}
	a, b := t.Args[0], t.Args[1]
	if a.Op == term.Const {
		a, b = b, a
	}
	switch v := b.Value.(type) {
	case int64:
		number, ok = float64(v), -term.MaxExact < v && v < term.MaxExact
	case float64:
		number, ok = v, v == v
	}
	return a, number, ok && b.Op == term.Const && a.Op != term.Const
}

// groupNumbers makes a group of comparisons of the same with numbers.
func (s *Space) groupNumbers(atoms []int) {
	var about said
	operand, _, _ := comparison(s.atoms[atoms[0]].term)
	for _, i := range atoms {
		_, n, _ := comparison(s.atoms[i].term)
		remember(&about.numbers, n)
	}
	values := about.realNumbers()
	if operand.Kind == term.Int {
		values = nil
		for _, n := range about.wholeNumbers() {
			if n >= 0 || operand.Op != term.Size {
				values = append(values, float64(n))
			}
		}
	}
	var choices [][]lower.Truth
	seen := map[string]bool{}
	add := func(decide func(t *term.Term) lower.Truth) {
		var combination []lower.Truth
		key := ""
		for _, i := range atoms {
			v := decide(s.atoms[i].term)
			combination, key = append(combination, v), key+v.String()
		}
		if !seen[key] {
			seen[key] = true
			choices = append(choices, combination)
		}
	}
	for _, v := range values {
		add(func(t *term.Term) lower.Truth { return relates(t, v) })
	}
	if operand.Kind == term.Float || operand.Kind == term.Dyn { // it is no number, or of another type
		add(func(t *term.Term) lower.Truth { return lower.TruthOf(t.Op == term.Ne) })
		add(func(t *term.Term) lower.Truth {
			if t.Op == term.Eq || t.Op == term.Ne {
				return lower.TruthOf(t.Op == term.Ne)
			}
			return lower.Error
		})
	}
	s.join(atoms, choices, lower.Error)
}

// relates decides a comparison for what the operand may be.
func relates(t *term.Term, v float64) lower.Truth {
	_, n, _ := comparison(t)
	if t.Args[0].Op == term.Const {
		v, n = n, v
	}
	switch t.Op {
	case term.Eq:
		return lower.TruthOf(v == n)
	case term.Ne:
		return lower.TruthOf(v != n)
	case term.Lt:
		return lower.TruthOf(v < n)
	case term.Le:
		return lower.TruthOf(v <= n)
	case term.Gt:
		return lower.TruthOf(v > n)
	}
	return lower.TruthOf(v >= n)
}

// groupPatterns makes a group of the patterns that one text is matched with.
func (s *Space) groupPatterns(atoms []int) {
	var sources []string
	for _, i := range atoms {
		source, _ := s.atoms[i].term.Args[1].Value.(string)
		sources = append(sources, source)
	}
	told, complete := []pattern.Told(nil), false
	if len(sources) <= maxPatterns {
		told, complete = s.library.tell(sources...)
	}
	if !complete {
		for _, i := range atoms {
			s.single(i)
		}
		return
	}
	var choices [][]lower.Truth
	for _, t := range told {
		var combination []lower.Truth
		for _, m := range t.Matches {
			combination = append(combination, lower.TruthOf(m))
		}
		choices = append(choices, combination)
	}
	s.join(atoms, choices, lower.Error)
}

// tell is [pattern.Tell] for the sources of patterns, asked once.
func (l *Library) tell(sources ...string) ([]pattern.Told, bool) {
	key := fmt.Sprintf("%q", sources)
	if known, ok := l.told[key]; ok {
		return known.texts, known.complete
	}
	if l.tellSteps == 0 { // to compile them would take long, too
		return nil, false
	}
	var patterns []*pattern.Pattern
	for _, source := range sources {
		p, err := pattern.Compile(source)
		if err != nil {
			return nil, false
		}
		patterns = append(patterns, p)
	}
	texts, complete, steps := pattern.Tell(l.tellSteps, patterns...)
	l.tellSteps -= min(steps, l.tellSteps)
	l.told[key] = told{texts, complete}
	return texts, complete
}

// told is an answer of pattern.Tell.
type told struct {
	texts    []pattern.Told
	complete bool
}
