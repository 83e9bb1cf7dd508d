package space

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// valuesAt returns a value of every class that what is said of a place tells
// apart, the ones that examples are best made of first. complete is false if
// there are too many classes to name all of them. Lists are for lists.go.
func (s *said) valuesAt(p Place) (values []Value, complete bool) {
	if p.dynamic() {
		return s.dynamicValues()
	}
	complete = true
	switch p.leaf.Kind {
	case shape.String:
		var texts []string
		texts, complete = s.textValues()
		values = stated(texts)
	case shape.Bool:
		values = []Value{Stated(true), Stated(false)}
	case shape.Int:
		values = stated(s.wholeNumbers())
	case shape.Float:
		values = stated(s.realNumbers())
	case shape.Time:
		values = stated(s.times())
	default:
		values = []Value{Stated(nil)}
	}
	if !p.leaf.Field.Required {
		return slices.Insert(values, 0, Absent()), complete
	}
	return slices.DeleteFunc(values, func(v Value) bool { return v.V == "" }), complete // it may not be empty
}

func stated[T any](list []T) []Value {
	out := make([]Value, len(list))
	for i, v := range list {
		out[i] = Stated(v)
	}
	return out
}

// dynamicValues are of every type that JSON has.
func (s *said) dynamicValues() ([]Value, bool) {
	texts, complete := s.textValues()
	var numbers []Value
	for _, f := range s.realNumbers() {
		if f == math.Trunc(f) && math.Abs(f) < term.MaxExact {
			numbers = append(numbers, Stated(int64(f)))
		} else {
			numbers = append(numbers, Stated(f))
		}
	}
	values := []Value{Absent()}
	if len(s.numbers) > 0 {
		values = append(append(values, numbers...), stated(texts)...)
	} else {
		values = append(append(values, stated(texts)...), numbers...)
	}
	if s.computed {
		for _, text := range s.texts[:min(len(s.texts), maxSharedTexts)] {
			values = append(values, Stated([]any{text}))
		}
	}
	for _, size := range s.sizesNear(maxElements) {
		values = append(values, Stated(slices.Repeat([]any{fillings[0]}, size)))
	}
	values = append(values, Stated(true), Stated(false), Stated([]any{}), Stated(map[string]any{}), Stated(nil))
	if s.elements != nil {
		for _, text := range s.elements.texts {
			values = append(values, Stated([]any{text}), Stated(map[string]any{text: true}))
		}
	}
	return values, complete
}

// breaks returns the sorted numbers between which classes lie: the constants,
// and the bounds that the action's schema sets to most numbers.
func (s *said) breaks() []float64 {
	out := append(slices.Clone(s.numbers), 0, 1)
	slices.Sort(out)
	return slices.Compact(out)
}

// wholeNumbers are the constants and the next ones on both sides.
func (s *said) wholeNumbers() []int64 {
	var out []int64
	add := func(f float64) {
		if n := int64(f); math.Abs(f) <= term.MaxExact && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for _, f := range s.numbers {
		if f == math.Trunc(f) {
			add(f)
		}
	}
	for _, f := range s.breaks() {
		add(math.Ceil(f - 1))
		add(math.Floor(f + 1))
		add(f)
	}
	return out
}

// realNumbers are the constants and a number in each interval between them.
func (s *said) realNumbers() []float64 {
	out := slices.Clone(s.numbers)
	add := func(f float64) {
		if !math.IsInf(f, 0) && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	breaks := s.breaks()
	for i, f := range breaks {
		if i+1 < len(breaks) {
			add(between(f, breaks[i+1]))
		}
		add(f)
	}
	last := breaks[len(breaks)-1]
	add(max(last+1, math.Nextafter(last, math.Inf(1))))
	add(min(breaks[0]-1, math.Nextafter(breaks[0], math.Inf(-1))))
	return out
}

// between returns a number between two, a whole one if it can; the first where
// there is none.
func between(a, b float64) float64 {
	if whole := math.Floor(a + 1); a < whole && whole < b {
		return whole
	}
	middle := a + (b-a)/2
	if middle <= a || middle >= b {
		return a
	}
	return middle
}

// times are worth trying, no classes: hours of a working day, around those that
// terms speak of, and of a weekend.
func (s *said) times() []time.Time {
	var out []time.Time
	for _, text := range s.texts {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			out = append(out, at.UTC(), at.UTC().Add(time.Second), at.UTC().Add(-time.Second))
		}
	}
	const day, weekend, hours = 5, 4, 24
	seen := map[int]bool{}
	add := func(date, hour int) {
		hour = (hour + hours) % hours
		if !seen[date*hours+hour] {
			seen[date*hours+hour] = true
			out = append(out, time.Date(2026, time.January, date, hour, 0, 0, 0, time.UTC))
		}
	}
	add(day, 12)
	for _, f := range s.numbers {
		if f >= 0 && f < hours {
			for _, near := range []int{0, 1, -1, 2, -2} {
				add(day, int(f)+near)
			}
		}
	}
	for _, hour := range []int{0, 3, 6, 9, 15, 18, 21} {
		add(day, hour)
	}
	add(weekend, 12)
	return out
}

// maxTextClasses bounds the combinations of beginning, end and inside.
const maxTextClasses = 64

// textValues are the constants and a text for each combination of a beginning,
// an end and parts that terms ask for, between which stands a filling that
// nothing asks for.
func (s *said) textValues() (texts []string, complete bool) {
	parts, complete := s.textParts()
	made, ok := s.fill(parts, s.unusual())
	for _, filling := range fillings {
		if natural, fits := s.fill(parts, filling); fits {
			made, ok = natural, true
			break
		}
	}
	texts = slices.DeleteFunc(slices.Clone(s.texts), func(text string) bool { return text == "" })
	if texts = append(texts, made...); slices.Contains(s.texts, "") {
		texts = append(texts, "") // says the least in an example
	}
	return append(texts, s.otherTexts(parts)...), complete && ok
}

// otherTexts are worth trying, no classes: texts of sizes that are asked for, and
// such as patterns tell apart.
func (s *said) otherTexts(parts []textPart) []string {
	var out []string
	for _, size := range s.sizesNear(maxSize) {
		for _, part := range parts {
			text := part.prefix + strings.Join(part.infixes, "") + part.suffix
			if missing := size - utf8.RuneCountInString(text); missing >= 0 {
				remember(&out, part.prefix+strings.Repeat("x", missing)+strings.Join(part.infixes, "")+part.suffix)
			}
		}
	}
	for i, p := range s.patterns {
		if s.tell == nil {
			break
		}
		for _, q := range append(s.patterns[:max(i, 1):max(i, 1)], s.sizePatterns()...) { // each with each, one alone with itself
			told, _ := s.tell(p, q)
			for _, t := range told {
				remember(&out, t.Text)
			}
		}
	}
	return out
}

// sizePatterns match texts of the sizes that are asked for.
func (s *said) sizePatterns() []string {
	const most = 1_000 // repetitions that a pattern may have
	var out []string
	for _, size := range s.sizesNear(most) {
		out = append(out, fmt.Sprintf("(?s)^.{%d}$", size))
	}
	return out
}

// sizesNear are those that are asked for, and the next ones.
func (s *said) sizesNear(most int) []int {
	var out []int
	for _, n := range s.sizes {
		for _, size := range []int{n, n + 1, n - 1} {
			if 0 <= size && size <= most {
				remember(&out, size)
			}
		}
	}
	return out
}

// fillings are words that look natural in an example.
var fillings = [...]string{"other", "another", "example", "anything", "unknown"}

// unusual is a character that is in no constant.
func (s *said) unusual() string {
	all := strings.Join(slices.Concat(s.texts, s.prefixes, s.suffixes, s.infixes), "")
	for r := '!'; ; r++ {
		if !strings.ContainsRune(all, r) {
			return string(r)
		}
	}
}

// textPart is what a text is to begin with, to end with and to contain.
type textPart struct {
	prefix, suffix string
	infixes        []string
}

func (s *said) textParts() (parts []textPart, complete bool) {
	prefixes, suffixes := append([]string{""}, s.prefixes...), append([]string{""}, s.suffixes...)
	subsets := [][]string{nil}
	const most = 6 // of which all subsets fit
	for _, q := range s.infixes[:min(len(s.infixes), most)] {
		for _, set := range slices.Clone(subsets) {
			subsets = append(subsets, append(slices.Clone(set), q))
		}
	}
	complete = len(s.infixes) <= most
	for _, set := range subsets {
		for _, prefix := range prefixes {
			for _, suffix := range suffixes {
				if len(parts) == maxTextClasses {
					return parts, false
				}
				parts = append(parts, textPart{prefix, suffix, set})
			}
		}
	}
	return parts, complete
}

// fill makes the texts of parts. It returns false if the filling makes any of
// them begin with, end with, contain or be something it should not.
func (s *said) fill(parts []textPart, filling string) ([]string, bool) {
	out := make([]string, len(parts))
	for i, part := range parts {
		text := part.prefix + filling
		for _, q := range part.infixes {
			text += q + filling
		}
		out[i] = text + part.suffix
		if !s.fits(part, out[i]) {
			return out, false
		}
	}
	return out, true
}

func (s *said) fits(part textPart, text string) bool {
	for _, p := range s.prefixes {
		if strings.HasPrefix(text, p) != strings.HasPrefix(part.prefix, p) {
			return false
		}
	}
	for _, q := range s.suffixes {
		if strings.HasSuffix(text, q) != strings.HasSuffix(part.suffix, q) {
			return false
		}
	}
	pieces := append([]string{part.prefix, part.suffix}, part.infixes...)
	for _, q := range s.infixes {
		within := slices.ContainsFunc(pieces, func(piece string) bool { return strings.Contains(piece, q) })
		if strings.Contains(text, q) != within {
			return false
		}
	}
	return !slices.Contains(s.texts, text)
}
