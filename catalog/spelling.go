package catalog

import "unicode/utf8"

// The limits of correcting a word. Short words have too many neighbors.
const (
	minCorrected    = 3 // runes; shorter words are left as they are
	minTwoEdits     = 7 // runes from which on two edits are allowed
	maxSpellingEdit = 2
)

// spelling corrects words by the vocabulary of what can be found. It is
// immutable and safe for concurrent use.
type spelling struct {
	byLength map[int][]entry
}

type entry struct {
	word  []rune
	count int // in how many documents it occurs
}

// newSpelling takes the words that occur and in how many documents.
func newSpelling(vocabulary map[string]int) *spelling {
	s := &spelling{byLength: map[int][]entry{}}
	for w, n := range vocabulary {
		runes := []rune(w)
		if len(runes) >= minCorrected && len(runes) <= maxWordLength {
			s.byLength[len(runes)] = append(s.byLength[len(runes)], entry{runes, n})
		}
	}
	return s
}

// correct returns the word of the vocabulary that w was probably meant to be:
// the one with the fewest edits, of those the most frequent, of those the
// first in alphabetical order. False if nothing is near.
func (s *spelling) correct(w string) (string, bool) {
	length := utf8.RuneCountInString(w)
	if length < minCorrected || length > maxWordLength {
		return "", false
	}
	allowed := 1
	if length >= minTwoEdits {
		allowed = maxSpellingEdit
	}
	var best entry
	bestDistance := allowed + 1
	m := newMeasure([]rune(w))
	for n := max(minCorrected, length-allowed); n <= length+allowed; n++ {
		for _, e := range s.byLength[n] {
			d := m.distance(e.word, bestDistance)
			if d > allowed || d > bestDistance {
				continue
			}
			if d < bestDistance || e.count > best.count || (e.count == best.count && string(e.word) < string(best.word)) {
				best, bestDistance = e, d
			}
		}
	}
	return string(best.word), bestDistance <= allowed
}

// measure computes distances from one word. It keeps its rows between calls.
type measure struct {
	word                      []rune
	before, previous, current []int
}

func newMeasure(word []rune) *measure {
	n := maxWordLength + maxSpellingEdit + 1
	return &measure{word: word, before: make([]int, n), previous: make([]int, n), current: make([]int, n)}
}

// distance returns the number of insertions, deletions, substitutions and
// swaps of neighbors between the word and other (optimal string alignment),
// or something above limit as soon as it must exceed it.
func (m *measure) distance(other []rune, limit int) int {
	for j := range len(other) + 1 {
		m.previous[j] = j
	}
	for i, a := range m.word {
		m.current[0] = i + 1
		lowest := m.current[0]
		for j, b := range other {
			cost := 1
			if a == b {
				cost = 0
			}
			d := min(m.previous[j]+cost, m.previous[j+1]+1, m.current[j]+1)
			if i > 0 && j > 0 && a == other[j-1] && m.word[i-1] == b {
				d = min(d, m.before[j-1]+1)
			}
			m.current[j+1] = d
			lowest = min(lowest, d)
		}
		if lowest > limit {
			return lowest
		}
		m.before, m.previous, m.current = m.previous, m.current, m.before
	}
	return m.previous[len(other)]
}
