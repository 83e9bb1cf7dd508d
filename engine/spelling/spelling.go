// Package spelling finds what somebody probably meant to write: [Nearest] where
// something is wrong in any case, [Misspelt] where it may also be right.
package spelling

import (
	"slices"
	"strings"
)

// maxLength bounds the words that are compared: the comparison takes time in
// the product of the lengths.
const maxLength = 64

// Nearest returns the candidate that resembles word most, or "" if none is
// near: at most one edit in three characters away. Case and the separators
// _ - . and space do not count as edits. Of equally near candidates the first
// wins.
func Nearest(word string, candidates []string) string {
	folded := fold(word)
	if len(folded) == 0 || len(folded) > maxLength {
		return ""
	}
	best, bestDistance := "", len(folded)/3+1
	for _, candidate := range candidates {
		c := fold(candidate)
		if len(c) > maxLength || len(c)-len(folded) >= bestDistance || len(folded)-len(c) >= bestDistance {
			continue
		}
		if d := distance(folded, c); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// Misspelt returns the known word that a word probably is a misspelling of, or
// "" where it is one of them or, as far as can be told, a word of its own. It is
// stricter than [Nearest], for values of which there may be others than those
// that are known: each part of the word must be at most one edit away from that
// of the known one, two if that is long, begin alike and have the same digits;
// and parts of less than four characters must be equal.
func Misspelt(word string, known []string) string {
	if slices.Contains(known, word) {
		return ""
	}
	folded, parts := fold(word), partsOf(word)
	if len(folded) > maxLength {
		return ""
	}
	for _, k := range known {
		if slices.Equal(fold(k), folded) || slices.EqualFunc(parts, partsOf(k), slip) {
			return k
		}
	}
	return ""
}

// partsOf cuts a word at its separators.
func partsOf(word string) []string {
	return strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune(separators, r) })
}

// slip reports whether somebody who meant one part of a word may have written
// the other.
func slip(written, meant string) bool {
	w, m := fold(written), fold(meant)
	if slices.Equal(w, m) {
		return true
	}
	if onlyDigits(w) != onlyDigits(m) {
		return false // another number is another thing: ISO 27002
	}
	const short, long = 4, 8
	if len(m) < short || len(w) < 2 || w[0] != m[0] && (w[0] != m[1] || w[1] != m[0]) {
		return false
	}
	edits := 1
	if len(m) >= long {
		edits = 2
	}
	return distance(w, m) <= edits
}

func onlyDigits(word []rune) string {
	return string(slices.DeleteFunc(slices.Clone(word), func(r rune) bool { return r < '0' || r > '9' }))
}

// separators do not count when words are compared.
const separators = "_-. "

// DidYouMean returns a hint that names the nearest candidate; if none is near
// and there are only a few, all of them; else "".
func DidYouMean(word string, candidates []string) string {
	if n := Nearest(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	const few = 16
	if len(candidates) == 0 || len(candidates) > few {
		return ""
	}
	return "known here: " + strings.Join(candidates, ", ")
}

func fold(s string) []rune {
	var out []rune
	for _, r := range strings.ToLower(s) {
		if !strings.ContainsRune(separators, r) {
			out = append(out, r)
		}
	}
	return out
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbors that turn a into b (optimal string alignment).
func distance(a, b []rune) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
