package pattern

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// MaxTellSteps bounds the instructions that one [Tell] looks at: some tenths of a
// second.
const MaxTellSteps = 2_000_000

// maxStates bounds the states that one Tell keeps.
const maxStates = 4_000

// Told is a text and which of several patterns match it.
type Told struct {
	Text    string
	Matches []bool
}

// Tell returns one text, a short one, for each combination of matches that it
// finds of patterns, in at most so many steps, and how many it took. complete
// reports that there are no others. A text that is too long for a pattern is left
// aside.
func Tell(steps int, patterns ...*Pattern) (found []Told, complete bool, taken int) {
	t := teller{left: min(steps, MaxTellSteps), seen: map[string]bool{}, told: map[string]bool{}}
	for _, p := range patterns {
		parsed, err := syntax.Parse(p.re.String(), syntax.Perl)
		if err != nil {
			return nil, false, 0
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			return nil, false, 0
		}
		t.programs = append(t.programs, program)
	}
	t.alphabet = alphabetOf(t.programs)
	found, complete = t.search()
	return found, complete, t.visits
}

// teller goes through the states that all patterns are in after a text, the
// shortest texts first.
type teller struct {
	programs []*syntax.Prog
	alphabet []rune
	queue    []state
	seen     map[string]bool
	told     map[string]bool
	found    []Told
	left     int // of the visits
	visits   int
}

// state is what the patterns make of a text so far.
type state struct {
	runs []run
	last rune // of the text; -1 at its beginning
	from int  // the state before, in the queue; negative for none
}

// run is where one pattern is.
type run struct {
	at      []uint32 // the instructions that go on, sorted
	matched bool     // whatever follows
}

func (t *teller) search() (found []Told, complete bool) {
	t.add(state{runs: make([]run, len(t.programs)), last: -1, from: -1})
	for next := -1; next+1 < len(t.queue); { // more are queued meanwhile
		next++
		t.tell(next)
		if len(t.found) == 1<<len(t.programs) {
			return t.found, true
		}
		for _, r := range t.alphabet {
			s := state{runs: make([]run, len(t.programs)), last: r, from: next}
			for i, p := range t.programs {
				s.runs[i] = t.step(p, t.queue[next].runs[i], t.queue[next].last, r)
			}
			if t.add(s); len(t.queue) > maxStates || t.visits > t.left {
				return t.found, false
			}
		}
	}
	return t.found, true
}

// add queues a state that is new.
func (t *teller) add(s state) {
	var key strings.Builder
	key.WriteString(strconv.Itoa(int(kindOf(s.last))))
	for _, r := range s.runs {
		key.WriteString("|" + strconv.FormatBool(r.matched))
		for _, pc := range r.at {
			key.WriteString("," + strconv.Itoa(int(pc)))
		}
	}
	if text := key.String(); !t.seen[text] {
		t.seen[text] = true
		t.queue = append(t.queue, s)
	}
}

// kindOf is what matters of a character to what stands behind it.
func kindOf(r rune) syntax.EmptyOp { return syntax.EmptyOpContext(r, -1) }

// tell notes which patterns match the text of a state as it is.
func (t *teller) tell(i int) {
	s := t.queue[i]
	matches := make([]bool, len(t.programs))
	key := ""
	for n, p := range t.programs {
		_, ends := t.follow(p, s.runs[n].at, syntax.EmptyOpContext(s.last, -1))
		matches[n] = s.runs[n].matched || ends
		key += strconv.FormatBool(matches[n])
	}
	if t.told[key] {
		return
	}
	t.told[key] = true
	var text []rune
	for at := i; t.queue[at].from >= 0; at = t.queue[at].from {
		text = append(text, t.queue[at].last)
	}
	slices.Reverse(text)
	t.found = append(t.found, Told{string(text), matches})
}

// step takes a character.
func (t *teller) step(p *syntax.Prog, r run, before, c rune) run {
	if r.matched {
		return run{matched: true}
	}
	at, matched := t.follow(p, r.at, syntax.EmptyOpContext(before, c))
	if matched {
		return run{matched: true}
	}
	var out run
	for _, pc := range at {
		if in := &p.Inst[pc]; in.MatchRune(c) && !slices.Contains(out.at, in.Out) {
			out.at = append(out.at, in.Out)
		}
	}
	slices.Sort(out.at)
	return out
}

// follow returns the instructions that take a character and can be reached, also
// by a match that begins here, and whether a match ends.
func (t *teller) follow(p *syntax.Prog, from []uint32, context syntax.EmptyOp) (at []uint32, matched bool) {
	seen := map[uint32]bool{}
	stack := append(slices.Clone(from), uint32(p.Start))
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		t.visits++
		switch in := &p.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^context == 0 {
				stack = append(stack, in.Out)
			}
		case syntax.InstMatch:
			matched = true
		case syntax.InstFail:
		default:
			at = append(at, pc)
		}
	}
	return at, matched
}

// alphabetOf returns a character of each range that programs tell apart, those
// that texts are best made of first.
func alphabetOf(programs []*syntax.Prog) []rune {
	breaks := map[rune]bool{' ': true, '\n': true, '\n' + 1: true, '0': true, '9' + 1: true, 'A': true, 'Z' + 1: true, '_': true, '_' + 1: true, 'a': true, 'z' + 1: true, 0x7f: true, 0: true}
	span := func(lo, hi rune) { breaks[lo], breaks[hi+1] = true, true }
	for _, p := range programs {
		for i := range p.Inst {
			in := &p.Inst[i]
			for n := 0; n+1 < len(in.Rune); n += 2 {
				span(in.Rune[n], in.Rune[n+1])
			}
			if len(in.Rune) != 1 {
				continue
			}
			span(in.Rune[0], in.Rune[0])
			for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
				span(r, r)
			}
		}
	}
	var out []rune
	for r := range breaks {
		if r <= unicode.MaxRune && (r < 0xd800 || r >= 0xe000) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b rune) int {
		if x, y := plainness(a), plainness(b); x != y {
			return x - y
		}
		return int(a - b)
	})
	return out
}

// plainness orders characters by how well they look in an example.
func plainness(r rune) int {
	switch {
	case 'a' <= r && r <= 'z':
		return 0
	case 'A' <= r && r <= 'Z':
		return 1
	case '0' <= r && r <= '9':
		return 2
	case ' ' < r && r < 0x7f:
		return 3
	case r == ' ':
		return 4
	case unicode.IsPrint(r):
		return 5
	}
	return 6
}
