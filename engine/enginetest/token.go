package enginetest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The kinds of tokens.
type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenLiteral
	tokenSign
)

// token is one word of an expression, at source[pos:end].
type token struct {
	kind     tokenKind
	text     string // of a name or sign
	value    any    // of a literal
	pos, end int
}

// signs are what is neither name nor literal, the longer ones first.
var signs = []string{"==", "!=", "<=", ">=", "&&", "||",
	"<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]", "{", "}", ".", ","}

// scan cuts an expression into tokens. The last one is tokenEnd.
func scan(source string) ([]token, error) {
	var tokens []token
	for pos := 0; ; {
		pos = skipSpace(source, pos)
		t, err := next(source, pos)
		if err != nil {
			return nil, fmt.Errorf("at %d: %w", pos, err)
		}
		tokens = append(tokens, t)
		if t.kind == tokenEnd {
			return tokens, nil
		}
		pos = t.end
	}
}

// skipSpace skips white space and comments, which run to the end of the line.
func skipSpace(source string, pos int) int {
	for pos < len(source) {
		switch {
		case strings.IndexByte(" \t\r\n\f", source[pos]) >= 0:
			pos++
		case strings.HasPrefix(source[pos:], "//"):
			for pos < len(source) && source[pos] != '\n' {
				pos++
			}
		default:
			return pos
		}
	}
	return pos
}

func next(source string, pos int) (token, error) {
	rest := source[pos:]
	switch {
	case rest == "":
		return token{kind: tokenEnd, pos: pos, end: pos}, nil
	case isDigit(rest[0]), rest[0] == '.' && len(rest) > 1 && isDigit(rest[1]):
		return scanNumber(source, pos)
	case quoteAt(rest) >= 0:
		return scanString(source, pos)
	case isLetter(rest[0]):
		end := pos
		for end < len(source) && (isLetter(source[end]) || isDigit(source[end])) {
			end++
		}
		return nameToken(source[pos:end], pos, end), nil
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{kind: tokenSign, text: s, pos: pos, end: pos + len(s)}, nil
		}
	}
	return token{}, unsupported{"character " + strconv.Quote(rest[:1])}
}

func nameToken(name string, pos, end int) token {
	t := token{kind: tokenLiteral, pos: pos, end: end}
	switch name {
	case "true":
		t.value = true
	case "false":
		t.value = false
	case "null":
		t.value = nil
	case "in":
		return token{kind: tokenSign, text: name, pos: pos, end: end}
	default:
		return token{kind: tokenName, text: name, pos: pos, end: end}
	}
	return t
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// scanNumber reads an integer, in decimal or hexadecimal, or a double. A
// number too large for an int64 stays text: only a minus before it can save it.
func scanNumber(source string, pos int) (token, error) {
	end, double := pos, false
	if strings.HasPrefix(source[pos:], "0x") || strings.HasPrefix(source[pos:], "0X") {
		end += 2
		for end < len(source) && strings.IndexByte("0123456789abcdefABCDEF", source[end]) >= 0 {
			end++
		}
	} else {
		for end < len(source) && isDigit(source[end]) {
			end++
		}
		if end+1 < len(source) && source[end] == '.' && isDigit(source[end+1]) {
			double = true
			for end++; end < len(source) && isDigit(source[end]); {
				end++
			}
		}
		if n := exponent(source[end:]); n > 0 {
			double, end = true, end+n
		}
	}
	text := source[pos:end]
	if end < len(source) && (source[end] == 'u' || source[end] == 'U') {
		return token{}, unsupported{"unsigned integers"}
	}
	t := token{kind: tokenLiteral, text: text, pos: pos, end: end}
	if double {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return token{}, err
		}
		t.value = f
		return t, nil
	}
	i, err := strconv.ParseInt(text, 0, 64)
	if isDigit(text[0]) && !strings.HasPrefix(text, "0x") && !strings.HasPrefix(text, "0X") {
		i, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		t.value = tooLarge{}
		return t, nil
	}
	t.value = i
	return t, nil
}

// tooLarge stands for 9223372036854775808 and above.
type tooLarge struct{}

// exponent returns the length of an exponent at the start of the text, or 0.
func exponent(text string) int {
	if text == "" || text[0] != 'e' && text[0] != 'E' {
		return 0
	}
	n := 1
	if n < len(text) && (text[n] == '+' || text[n] == '-') {
		n++
	}
	digits := n
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	if n == digits {
		return 0
	}
	return n
}

// quoteAt returns where the quote of a string literal that begins the text
// stands, after at most two letters of prefix; -1 if there is none.
func quoteAt(text string) int {
	for i := 0; i < len(text) && i <= 2; i++ {
		switch text[i] {
		case '"', '\'':
			return i
		case 'r', 'R', 'b', 'B':
		default:
			return -1
		}
	}
	return -1
}

func scanString(source string, pos int) (token, error) {
	at := quoteAt(source[pos:])
	prefix := strings.ToLower(source[pos : pos+at])
	if strings.Contains(prefix, "b") {
		return token{}, unsupported{"bytes"}
	}
	raw := prefix == "r"
	start := pos + at
	quote := source[start : start+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(source[start:], triple) {
		quote = triple
	}
	var b strings.Builder
	for i := start + len(quote); i < len(source); {
		switch {
		case strings.HasPrefix(source[i:], quote):
			return token{kind: tokenLiteral, value: b.String(), pos: pos, end: i + len(quote)}, nil
		case source[i] == '\\' && !raw:
			r, n, err := escape(source[i:])
			if err != nil {
				return token{}, err
			}
			b.WriteRune(r)
			i += n
		case len(quote) == 1 && (source[i] == '\n' || source[i] == '\r'):
			return token{}, fmt.Errorf("a line ends within a string")
		default:
			_, n := utf8.DecodeRuneInString(source[i:])
			b.WriteString(source[i : i+n])
			i += n
		}
	}
	return token{}, fmt.Errorf("a string does not end")
}

// escape reads an escape sequence and returns its character and length.
func escape(text string) (rune, int, error) {
	if len(text) < 2 {
		return 0, 0, fmt.Errorf("a string ends in a backslash")
	}
	simple := map[byte]rune{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
		'\\': '\\', '?': '?', '"': '"', '\'': '\'', '`': '`'}
	if r, ok := simple[text[1]]; ok {
		return r, 2, nil
	}
	first, digits, base := 2, 0, 16
	switch text[1] {
	case 'x', 'X':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '0', '1', '2', '3':
		first, digits, base = 1, 3, 8
	}
	if digits == 0 || len(text) < first+digits {
		return 0, 0, fmt.Errorf("no such escape sequence: %q", text[:2])
	}
	n, err := strconv.ParseUint(text[first:first+digits], base, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return 0, 0, fmt.Errorf("no such character: %q", text[:first+digits])
	}
	return rune(n), first + digits, nil
}
