// Package pattern compiles the regular expressions that policies contain, and
// matches texts against them, within bounds.
//
// The syntax is RE2's (https://github.com/google/re2/wiki/Syntax): matching
// takes time in the product of the sizes of pattern and text, and never more.
// Both sizes are bounded here, because neither author nor agent is trusted with
// the product: [Compile] refuses a pattern that unfolds into a large program,
// and [Pattern.Match] a text that is too long for it.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// The limits.
const (
	MaxLength = 2_000 // characters of a pattern
	// MaxSize bounds what a pattern unfolds into, in steps of the automaton:
	// one for each character and class, times the repetitions around it.
	MaxSize = 2_000
	// MaxSteps bounds the steps of one match, see [Pattern.Steps]: some tenths of
	// a second in the worst case.
	MaxSteps = 20_000_000
)

// Pattern is a compiled regular expression. It is immutable and safe for
// concurrent use.
type Pattern struct {
	re   *regexp.Regexp
	size int
}

// Compile compiles a regular expression. The error is a phrase that says what
// is wrong with it, for a sentence about the pattern.
func Compile(source string) (*Pattern, error) {
	if n := utf8.RuneCountInString(source); n > MaxLength {
		return nil, fmt.Errorf("has %d characters, more than %d", n, MaxLength)
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, explain(err)
	}
	size := unfolded(parsed)
	if size > MaxSize {
		return nil, errTooLarge
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, explain(err)
	}
	return &Pattern{re: re, size: max(size, 1)}, nil
}

var errTooLarge = fmt.Errorf("unfolds into more than %d steps", MaxSize)

// Steps returns what matching a text may take: the size of the pattern times the
// bytes of the text.
func (p *Pattern) Steps(text string) int { return p.size * len(text) }

// Match reports whether the text holds a match. A text that is too long for
// the pattern is an error.
func (p *Pattern) Match(text string) (bool, error) {
	if p.Steps(text) > MaxSteps {
		return false, fmt.Errorf("a text of %d bytes is too long for the pattern: at most %d", len(text), MaxSteps/p.size)
	}
	return p.re.MatchString(text), nil
}

// explain says in words what the parser of regular expressions refuses.
func explain(err error) error {
	var fault *syntax.Error
	if !errors.As(err, &fault) {
		return err
	}
	expr := []rune(fault.Expr)
	const long = 60
	if len(expr) > long {
		expr = append(expr[:long], '…')
	}
	switch fault.Code {
	case syntax.ErrInvalidRepeatSize, syntax.ErrLarge, syntax.ErrNestingDepth:
		return errTooLarge
	case syntax.ErrInvalidPerlOp:
		return fmt.Errorf("uses %s, which RE2 does not have", string(expr))
	}
	if shown := strings.TrimSpace(string(expr)); shown != "" {
		return fmt.Errorf("does not compile: %s in %s", fault.Code, shown)
	}
	return fmt.Errorf("does not compile: %s", fault.Code)
}

// unfolded estimates the size of the program before it is made, so that a
// short pattern cannot make a long one. It stops counting beyond MaxSize.
func unfolded(re *syntax.Regexp) int {
	size := 0
	for _, sub := range re.Sub {
		if size += unfolded(sub); size > MaxSize {
			return size
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpConcat:
		return size
	case syntax.OpAlternate:
		return size + len(re.Sub) - 1
	case syntax.OpCapture:
		return size + 2
	case syntax.OpRepeat:
		return size * max(re.Min, re.Max, 1)
	}
	return size + 1
}
