package yamldoc

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh"
)

// byteOrderMark may begin a file of UTF-8; editors on Windows write it.
const byteOrderMark = "\uFEFF"

// hintDepth is what to do about a value that is nested too deep.
const hintDepth = "no document needs that depth; look for brackets that are not closed"

// checkText refuses what is no plain UTF-8 text: before anything is parsed, so
// that the place of a fault is exact and the parser sees what people see. It
// returns false where the text cannot be read any further.
func checkText(file string, src []byte, found *Findings) bool {
	stop := func(line, column int, rule, message, hint string) bool {
		found.Add(failure(file, line, column, rule, message, hint))
		return false
	}
	if kind := utf16Kind(src); kind != "" {
		return stop(1, 1, "encoding", "the file is "+kind+", not UTF-8", "save the file as UTF-8")
	}
	if at := bytes.IndexByte(src[:min(len(src), MaxSize)], 0); at >= 0 { // of its other bytes, which nobody wrote as text, there is nothing to say
		line, column := place(src, at)
		return stop(line, column, "encoding", "the file is not text: it holds a NUL character", "save the file as UTF-8 text")
	}
	line, column, directives := 1, 1, true
	for i := 0; i < len(src); {
		if i >= MaxSize {
			return stop(line, column, "too-large", fmt.Sprintf("the file has more than %d bytes", MaxSize), "split it; this is where it becomes too large")
		}
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return stop(line, column, "encoding", fmt.Sprintf("byte 0x%02X is not UTF-8", src[i]), "save the file as UTF-8")
		}
		followed := bytes.HasPrefix(src[i+size:], []byte("\n"))
		if message, hint := unwanted(r, followed); message != "" {
			if found.Add(failure(file, line, column, "encoding", message, hint)); endsLine(r) {
				return false // where the lines are that follow depends on the reader
			}
		}
		if directives && column == 1 {
			directives = checkDirective(file, src[i:], line, found)
		}
		if r == '\n' {
			line, column = line+1, 1
		} else {
			column++
		}
		i += size
	}
	return true
}

// checkDirective refuses a line that says how the document is to be read, which
// is the language's to say. It returns false where no more of them can follow.
func checkDirective(file string, src []byte, line int, found *Findings) bool {
	text, _, _ := bytes.Cut(src, []byte("\n"))
	text = bytes.TrimRight(text, " \t\r")
	switch {
	case len(text) == 0 || text[0] == '#':
		return true
	case text[0] != '%':
		return false
	}
	found.Add(failure(file, line, 1, "yaml-directive", "the directive "+Shorten(string(text))+" is not allowed",
		"remove the line: every document is read as YAML 1.2"))
	return true
}

// endsLine tells characters that end a line for some readers.
func endsLine(r rune) bool { return r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' }

// utf16Kind returns the name of the encoding if src begins like UTF-16 or
// UTF-32 text.
func utf16Kind(src []byte) string {
	switch {
	case bytes.HasPrefix(src, []byte{0xFF, 0xFE, 0, 0}), bytes.HasPrefix(src, []byte{0, 0, 0xFE, 0xFF}):
		return "UTF-32"
	case bytes.HasPrefix(src, []byte{0xFF, 0xFE}), bytes.HasPrefix(src, []byte{0xFE, 0xFF}):
		return "UTF-16"
	case len(src) >= 4 && (src[0] == 0) != (src[1] == 0) && src[0] == 0 == (src[2] == 0) && src[1] == 0 == (src[3] == 0):
		return "UTF-16" // without a mark: every other byte of ASCII is zero
	}
	return ""
}

// unwanted says what is wrong with a character and what to do about it; empty
// for one that may stand in a document. followed tells that a line feed comes
// next. YAML 1.1 and 1.2 differ on what else ends a line, and editors differ
// from both, so that a rule behind such a line end could hide in a comment.
// What turns the direction of text or takes no room makes people read another
// policy than the one that decides.
func unwanted(r rune, followed bool) (message, hint string) {
	const asLineEnd = "end lines with LF or CRLF; within text write it as an escape in double quotes"
	switch {
	case r == '\r' && !followed:
		return "the file holds a carriage return without a line feed", "end lines with LF or CRLF"
	case r != '\r' && endsLine(r):
		return fmt.Sprintf("the character U+%04X ends a line for some readers and not for others", r), asLineEnd
	case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069', r == '\u200E', r == '\u200F':
		return fmt.Sprintf("the character U+%04X makes text read in another order than it stands", r), "remove it, or write it as an escape in double quotes"
	case r >= '\u200B' && r <= '\u200D':
		return fmt.Sprintf("the file holds the invisible character U+%04X", r), "remove it, or write it as an escape in double quotes"
	case r == '\uFEFF':
		return "the file holds a byte order mark that is not at its beginning", "remove it"
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7F && r <= 0x9F, r == 0xFFFE, r == 0xFFFF:
		return fmt.Sprintf("the file holds the control character U+%04X", r), "remove it, or write it as an escape in double quotes"
	}
	return "", ""
}

var (
	yamlErrorLine = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)
	// parserError is an error of the parser's grammar, which counts lines from
	// zero where the scanner counts them from one.
	parserError = regexp.MustCompile(`^(did not find expected (<document start>|node content|'-' indicator|key|',' or '[\]}]')|found (undefined tag|duplicate %|incompatible YAML))`)
	// openBracket is one about a bracket that is not closed where it should be.
	openBracket   = regexp.MustCompile(`^did not find expected ',' or '([\]}])'`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// remedies say what to do about the errors of the YAML parser that people run
// into, by a part of its message.
var remedies = []struct{ part, remedy string }{
	{"mapping values are not allowed", "put text with a colon into quotes, or correct the indentation"},
	{"could not find expected ':'", "write key: value; put text that begins like a key into quotes"},
	{"did not find expected key", "correct the indentation, or close the quote or bracket before it"},
	{"did not find expected ','", "separate the elements by commas and close the bracket"},
	{"did not find expected '-' indicator", "begin every element of the list with - in the same column"},
	{"did not find expected node content", "write a value here"},
	{"found unexpected end of stream", "close the quote that was opened here"},
	{"cannot start any token", "put the text into quotes"},
	{"unknown escape character", `write \\ for a backslash, or use single quotes`},
	{"hexdecimal", `write \\ for a backslash, or use single quotes`},
	{"block sequence entries are not allowed", "put the list into lines of its own, below its key"},
	{"tab character", "indent with spaces, YAML does not allow tabs"},
	{"<document start>", "remove what follows the end of the document"},
	{"directive", "remove the line that begins with %"},
	{"incompatible YAML document", "remove the line that begins with %"},
}

// syntaxError positions an error of the YAML parser, which only knows lines.
func syntaxError(file string, src []byte, err error) mesh.Finding {
	line, message := 1, err.Error()
	if m := yamlErrorLine.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
			if parserError.MatchString(message) {
				line++
			}
		}
	}
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		at, column := aliasPlace(src, m[1])
		return failure(file, at, column, "yaml-alias", "aliases are not allowed", "write the value out")
	}
	if strings.Contains(message, "exceeded max depth") {
		at, column := depthPlace(src, line)
		return failure(file, at, column, "too-deep", fmt.Sprintf("nested more than %d levels deep", MaxDepth), hintDepth)
	}
	hint := "look for quotes and brackets that are not closed, and at the indentation"
	for _, r := range remedies {
		if strings.Contains(message, r.part) {
			hint = r.remedy
			break
		}
	}
	closing := ""
	if m := openBracket.FindStringSubmatch(message); m != nil {
		closing = m[1]
	} else if end := 1 + bytes.Count(bytes.TrimRight(src, " \n"), []byte("\n")); line > end {
		line, closing = end, "]}" // it ends within one
	}
	if closing != "" {
		if at, column := bracketPlace(src, line, closing); column > 0 {
			return failure(file, at, column, "yaml-syntax", "not YAML: "+Shorten(message), hint)
		}
	}
	indent := indentation(src, line)
	if bytes.ContainsRune(indent, '\t') {
		hint = "indent with spaces, YAML does not allow tabs"
	}
	return failure(file, line, len(indent)+1, "yaml-syntax", "not YAML: "+Shorten(message), hint)
}

// indentation returns the white space that a line begins with.
func indentation(src []byte, line int) []byte {
	text := lineOf(src, line)
	return text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
}

// lineOf returns a line without its end; empty for one that is not there.
func lineOf(src []byte, line int) []byte {
	for n := 1; n < line; n++ {
		_, src, _ = bytes.Cut(src, []byte("\n"))
	}
	text, _, _ := bytes.Cut(src, []byte("\n"))
	return text
}

// bracketPlace finds the bracket that the parser wanted to be closed, which opens
// in that line: of one in the first line it only says where it stumbled. The
// column is 0 where there is none.
func bracketPlace(src []byte, line int, closing string) (at, column int) {
	for _, at := range []int{line, 1} {
		text := lineOf(src, at)
		if offset := lastOpen(text, closing); offset >= 0 {
			return at, 1 + utf8.RuneCount(text[:offset])
		}
	}
	return line, 0
}

// opening is the bracket that one closes; 0 for what is none.
func opening(closing byte) byte {
	switch closing {
	case ']':
		return '['
	case '}':
		return '{'
	}
	return 0
}

// lastOpen returns where in a line the last bracket opens that one of those would
// close, and that nothing in the line closes; -1 for nowhere.
func lastOpen(text []byte, closing string) int {
	var open []int
	for i := 0; i < len(text); i++ {
		begins := i == 0 || bytes.IndexByte([]byte(" \t,:[{"), text[i-1]) >= 0
		switch c := text[i]; {
		case c == '#' && begins:
			i = len(text)
		case (c == '"' || c == '\'') && begins:
			end := bytes.IndexByte(text[i+1:], c)
			if end < 0 {
				end = len(text)
			}
			i += 1 + end
		case c == '[' || c == '{':
			open = append(open, i)
		case len(open) > 0 && text[open[len(open)-1]] == opening(c):
			open = open[:len(open)-1]
		}
	}
	for i := len(open) - 1; i >= 0; i-- {
		if strings.ContainsFunc(closing, func(c rune) bool { return text[open[i]] == opening(byte(c)) }) {
			return open[i]
		}
	}
	return -1
}

// aliasPlace finds the first use of an alias. What looks like one within text
// may be taken for it, which leads near enough.
func aliasPlace(src []byte, name string) (line, column int) {
	use := []byte("*" + name)
	for from := 0; ; {
		at := bytes.Index(src[from:], use)
		if at < 0 {
			return 1, 1
		}
		at += from
		if at == 0 || bytes.IndexByte([]byte(" \t\n,[{:"), src[at-1]) >= 0 {
			return place(src, at)
		}
		from = at + len(use)
	}
}

// depthPlace finds what opens one level too many: a bracket, or an element of a
// list within lists.
func depthPlace(src []byte, line int) (int, int) {
	depth := 0
	for i, c := range src {
		switch c {
		case '[', '{':
			if depth++; depth > MaxDepth {
				return place(src, i)
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	if at, column := indentPlace(src); at > 0 {
		return at, column
	}
	return line, len(indentation(src, line)) + 1
}

// indentPlace finds the element of a list that lies one level too deep; 0 for
// none.
func indentPlace(src []byte) (line, column int) {
	type level struct {
		column int
		list   bool
	}
	var open []level
	for line = 1; len(src) > 0; line++ {
		var text []byte
		text, src, _ = bytes.Cut(src, []byte("\n"))
		for at := 0; ; at += len("-") {
			at += len(text[at:]) - len(bytes.TrimLeft(text[at:], " "))
			if at == len(text) || text[at] == '#' {
				break
			}
			here := level{at, bytes.HasPrefix(text[at:], []byte("- "))}
			for n := len(open); n > 0 && (open[n-1].column > at || open[n-1].list && open[n-1].column == at && !here.list); n-- {
				open = open[:n-1]
			}
			if n := len(open); n == 0 || open[n-1] != here {
				open = append(open, here)
			}
			if !here.list {
				break
			}
			if len(open) > MaxDepth {
				return line, at + 1
			}
		}
	}
	return 0, 0
}

// place returns line and column of an offset.
func place(src []byte, offset int) (line, column int) {
	before := src[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[start:])
}
