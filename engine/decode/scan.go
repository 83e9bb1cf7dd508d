package decode

import (
	"math/bits"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads JSON that is what it should be, in one pass. It explains
// nothing: whatever it finds wrong or does not know, it fails, and the general
// decoder reads the same bytes again. So it may refuse what the general decoder
// takes, but must never take what that refuses.
//
// A scanner that failed stands at the end of the document, where every further
// step fails too; whoever reads a whole document asks once, at its end.
type scanner struct {
	in     string // the document; texts are parts of it
	data   []byte // the same bytes
	pos    int
	depth  int // of arrays and objects around pos
	failed bool
	arena
}

func (s *scanner) fail() {
	s.failed = true
	s.pos = len(s.in)
}

// peek returns the next byte that is no white space, without taking it, and 0
// at the end.
func (s *scanner) peek() byte {
	if i := s.pos; uint(i) < uint(len(s.in)) && s.in[i] > ' ' {
		return s.in[i]
	}
	return s.peekFurther()
}

func (s *scanner) peekFurther() byte {
	for ; s.pos < len(s.in); s.pos++ {
		switch c := s.in[s.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// at reports whether c comes, without white space before it.
func (s *scanner) at(c byte) bool {
	return uint(s.pos) < uint(len(s.in)) && s.in[s.pos] == c
}

// end holds that nothing follows, and reports whether all was well.
func (s *scanner) end() bool {
	return !s.failed && s.peek() == 0 && s.pos == len(s.in)
}

// literal takes true, false or null.
func (s *scanner) literal(literal string) {
	if !strings.HasPrefix(s.in[s.pos:], literal) {
		s.fail()
		return
	}
	s.pos += len(literal)
}

// null takes null, if that is what comes.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.literal("null")
	return true
}

// open enters an object or a list, and leaves it if it is empty: there is more
// otherwise.
func (s *scanner) open(open, closing byte) (more bool) {
	if s.peek() != open || s.depth == MaxDepth {
		s.fail()
		return false
	}
	s.pos++
	s.depth++
	return !s.closed(closing)
}

// next goes on to what follows in an object or a list, or leaves it at its end.
func (s *scanner) next(closing byte) (more bool) {
	if s.peek() == ',' {
		s.pos++
		return true
	}
	if !s.closed(closing) {
		s.fail()
	}
	return false
}

func (s *scanner) closed(closing byte) bool {
	if s.peek() != closing {
		return false
	}
	s.pos++
	s.depth--
	return true
}

// first enters an object, and following goes on to what follows in it; more is
// false at its end. Either stands at the name of a member then. What programs
// write, without white space, is looked for first.
func (s *scanner) first() (more bool) {
	if i := s.pos; i+1 < len(s.in) && s.in[i] == '{' && s.in[i+1] == '"' && s.depth < MaxDepth {
		s.pos++
		s.depth++
		return true
	}
	return s.open('{', '}') && s.atName()
}

func (s *scanner) following() (more bool) {
	if i := s.pos; i+1 < len(s.in) {
		switch s.in[i] {
		case ',':
			if s.in[i+1] == '"' {
				s.pos++
				return true
			}
		case '}':
			s.pos++
			s.depth--
			return false
		}
	}
	return s.next('}') && s.atName()
}

func (s *scanner) atName() bool {
	if s.peek() != '"' {
		s.fail()
	}
	return !s.failed
}

// field takes a name that was recognized, of that many bytes with quotes and
// colon, and returns the bit of the field. The generated functions compare what
// comes with the names there are: that is less work than to look for the end of
// a name first, and the processor goes on at the value before the comparison is
// done. A name with escapes, or with a space before its colon, is not
// recognized.
func (s *scanner) field(length int, bit uint32) uint32 {
	s.pos += length
	return bit
}

// name takes any name, and the colon.
func (s *scanner) name() string {
	name := s.string()
	if s.peek() != ':' {
		s.fail()
		return ""
	}
	s.pos++
	return name
}

// once notes that the field of that bit was read. A field that is given twice
// fails.
func (s *scanner) once(seen, bit uint32) uint32 {
	if seen&bit != 0 {
		s.fail()
	}
	return seen | bit
}

// list reads a list onto the end of kept, and returns that part of it. It is
// nil for null.
func list[T any](s *scanner, kept *[]T, element func(*scanner) T) []T {
	if s.null() {
		return nil
	}
	start := len(*kept)
	for more := s.open('[', ']'); more; more = s.next(']') {
		v := element(s)
		*kept = append(*kept, v)
	}
	end := len(*kept)
	return (*kept)[start:end:end]
}

// texts reads a list of text, or null.
func (s *scanner) texts() []string {
	return list(s, &s.lists, (*scanner).string)
}

// text reads text, or null.
func (s *scanner) text() *string {
	if !s.at('"') && s.null() {
		return nil
	}
	return lend(&s.strings, s.string())
}

// string reads text.
func (s *scanner) string() string {
	if !s.at('"') && s.peek() != '"' {
		s.fail()
		return ""
	}
	in, start := s.in, s.pos+1
	for i := start; i+8 <= len(in); i += 8 {
		if m := special(word(in[i : i+8])); m != 0 {
			end := i + bits.TrailingZeros64(m)/8
			if in[end] != '"' {
				break
			}
			s.pos = end + 1
			return in[start:end]
		}
	}
	return s.specialString(start)
}

// word returns the first eight bytes as a number; the first is its lowest.
func word(in string) uint64 {
	_ = in[7]
	return uint64(in[0]) | uint64(in[1])<<8 | uint64(in[2])<<16 | uint64(in[3])<<24 |
		uint64(in[4])<<32 | uint64(in[5])<<40 | uint64(in[6])<<48 | uint64(in[7])<<56
}

// special looks at eight bytes at once for those that text cannot simply go
// over: quotes, backslashes, control characters and all that is not ASCII. The
// lowest bit that is set is in the first of them; bits above it mean nothing.
func special(w uint64) uint64 {
	const each, high = 0x0101010101010101, 0x8080808080808080
	quoteOrControl := (w ^ 0x02*each) - 0x21*each // 0x22 becomes 0x20, and what is below that stays below
	backslash := (w ^ '\\'*each) - each
	return (quoteOrControl | backslash | w) & high
}

// specialString reads text that begins at start and has more than plain ASCII
// in it, or is close to the end of the document.
func (s *scanner) specialString(start int) string {
	escaped, ascii := false, true
	for i := start; i < len(s.in); i++ {
		switch c := s.in[i]; {
		case c == '"':
			s.pos = i + 1
			if escaped {
				return s.unescaped(s.data[start-1 : i+1])
			}
			if text := s.in[start:i]; ascii || utf8.ValidString(text) {
				return text
			}
			s.fail()
			return ""
		case c == '\\':
			escaped = true
			i++ // an escaped quote ends nothing
		case c < ' ':
			s.fail()
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	s.fail()
	return ""
}

// unescaped returns what a string with escapes says.
func (s *scanner) unescaped(quoted []byte) string {
	start := len(s.unquoted)
	out, err := jsontext.AppendUnquote(s.unquoted, quoted)
	if err != nil {
		s.fail()
		return ""
	}
	s.unquoted = out
	return view(out[start:])
}

// flag reads true, false or null.
func (s *scanner) flag() *bool {
	switch s.peek() {
	case 't':
		s.literal("true")
		return lend(&s.flags, true)
	case 'f':
		s.literal("false")
		return lend(&s.flags, false)
	}
	if !s.null() {
		s.fail()
	}
	return nil
}

// instant reads a time, or null. RFC 3339 is stricter than the time package,
// and the general decoder as strict as the RFC.
func (s *scanner) instant() *time.Time {
	if s.null() {
		return nil
	}
	const toHour, toSecond = len("2006-01-02T15"), len("2006-01-02T15:04:05")
	start := s.pos + 1
	text := s.string()
	if len(text) <= toSecond || len(text) != s.pos-1-start { // the latter if it has escapes
		s.fail()
		return nil
	}
	var t time.Time
	if text[toHour] != ':' || text[toSecond] == ',' || t.UnmarshalText(s.data[start:s.pos-1]) != nil {
		s.fail()
		return nil
	}
	if zone := text[len(text)-len("07:00"):]; text[len(text)-1] != 'Z' && (zone[:2] >= "24" || zone[3:] >= "60") {
		s.fail()
	}
	return lend(&s.instants, t)
}

// whole reads a whole number, or null.
func (s *scanner) whole() *int64 {
	if s.null() {
		return nil
	}
	n, ok := s.digits()
	if !ok {
		if n, ok = parseWhole(s.numeral()); !ok {
			s.fail()
		}
	}
	return lend(&s.wholes, n)
}

// number reads a number, or null.
func (s *scanner) number() *float64 {
	if s.null() {
		return nil
	}
	var f float64
	if n, ok := s.digits(); ok {
		f = float64(n)
	} else if f, ok = parseNumber(s.numeral()); !ok {
		s.fail()
	}
	return lend(&s.numbers, f)
}

// digits takes a number if it consists of digits alone and is exact in an
// int64 and a float64.
func (s *scanner) digits() (n int64, ok bool) {
	const most = 15 // digits of which every number is below 1<<53
	s.peek()
	i := s.pos
	for ; i < len(s.in); i++ {
		d := s.in[i] - '0'
		if d > 9 {
			break
		}
		n = n*10 + int64(d)
	}
	switch length := i - s.pos; {
	case length == 0 || length > most || length > 1 && s.in[s.pos] == '0':
		return 0, false
	case i < len(s.in) && (s.in[i] == '.' || s.in[i]|' ' == 'e'):
		return 0, false
	}
	s.pos = i
	return n, true
}

// numeral takes a number and returns it as it is written (RFC 8259, section
// 6).
func (s *scanner) numeral() string {
	s.peek()
	start := s.pos
	s.skip("-", 1)
	if s.skip("0", 1) == 0 && s.skipDigits() == 0 {
		s.fail()
	}
	if s.skip(".", 1) == 1 && s.skipDigits() == 0 {
		s.fail()
	}
	if s.skip("eE", 1) == 1 {
		s.skip("+-", 1)
		if s.skipDigits() == 0 {
			s.fail()
		}
	}
	return s.in[start:s.pos]
}

func (s *scanner) skipDigits() int { return s.skip("0123456789", len(s.in)) }

// skip takes at most so many of the bytes in set, and returns how many.
func (s *scanner) skip(set string, most int) int {
	start := s.pos
	for s.pos < len(s.in) && s.pos-start < most && strings.IndexByte(set, s.in[s.pos]) >= 0 {
		s.pos++
	}
	return s.pos - start
}
