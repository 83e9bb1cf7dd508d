package iostreams

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// screen is a terminal that shows text and this package's styles and obeys
// nothing else. What commands print comes from hubs, vendors and agents; a
// control sequence in a README or an agent's id must not move the cursor, set
// the title or answer as if it were typed.
type screen struct{ w io.Writer }

// Write shows p; the count is of p, however it was shown.
func (s screen) Write(p []byte) (int, error) {
	if _, err := s.w.Write(visible(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// The control characters of C0 that text may hold, and those of C1 (ECMA-48)
// as UTF-8 writes them: 0xC2 and a byte below the first printable one.
const (
	escape      = 0x1b
	del         = 0x7f
	c1Lead      = 0xc2
	c1First     = 0x80
	c1Last      = 0x9f
	replacement = "\uFFFD"
)

// visible writes control characters in caret notation, as ^[ for ESC, and those
// that turn the direction of writing, by which a text would be read for another,
// as JSON does.
func visible(p []byte) []byte {
	if bytes.IndexFunc(p, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' || r >= del && r <= c1Last || unicode.Is(unicode.Bidi_Control, r)
	}) < 0 {
		return p
	}
	var out bytes.Buffer
	for i := 0; i < len(p); i++ {
		switch b := p[i]; {
		case b == escape && sgr(p[i:]) > 0:
			n := sgr(p[i:])
			out.Write(p[i : i+n])
			i += n - 1
		case b == '\r' && i+1 < len(p) && p[i+1] == '\n':
			// the line end of another system
		case b < ' ' && b != '\n' && b != '\t', b == del:
			out.WriteByte('^')
			out.WriteByte(b ^ 0x40)
		case b == c1Lead && i+1 < len(p) && p[i+1] >= c1First && p[i+1] <= c1Last:
			out.WriteString(replacement)
			i++
		default:
			r, size := utf8.DecodeRune(p[i:])
			if unicode.Is(unicode.Bidi_Control, r) {
				fmt.Fprintf(&out, `\u%04x`, r)
			} else {
				out.Write(p[i : i+size])
			}
			i += size - 1
		}
	}
	return out.Bytes()
}

// sgr returns the length of the style sequence at the start of p; 0 if there
// is none that [Streams.Paint] writes.
func sgr(p []byte) int {
	rest, found := strings.CutPrefix(string(p[:min(len(p), len("\x1b[00m"))]), "\x1b[")
	code, _, ended := strings.Cut(rest, "m")
	if !found || !ended {
		return 0
	}
	switch Style(code) {
	case "0", Bold, Faint, Red, Green, Yellow, Cyan:
		return len("\x1b[") + len(code) + len("m")
	}
	return 0
}
