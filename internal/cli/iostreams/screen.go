package iostreams

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// screen is a terminal that shows text and this package's styles and obeys
// nothing else. What commands print comes from hubs, vendors and agents; a
// control sequence in a README or an agent's id must not move the cursor, set
// the title or answer as if it were typed.
//
// A character is written at once: the first bytes of one are shown for bytes.
type screen struct{ w io.Writer }

// Write shows p; the count is of p, however it was shown.
func (s screen) Write(p []byte) (int, error) {
	if _, err := s.w.Write(visible(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// The control characters of C0 that have a meaning here.
const (
	escape = 0x1b
	del    = 0x7f
)

// visible writes the control characters of ASCII in caret notation, as ^[ for ESC,
// what else is hidden, by which a text would be read for another, as JSON does, and
// bytes that are no UTF-8, which some terminals obey, as \x9b.
func visible(p []byte) []byte {
	if utf8.Valid(p) && bytes.IndexFunc(p, func(r rune) bool { return r != '\n' && r != '\t' && term.Hidden(r) }) < 0 {
		return p
	}
	var out bytes.Buffer
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		switch {
		case r == escape && sgr(p) > 0:
			size = sgr(p)
			out.Write(p[:size])
		case r == '\r' && bytes.HasPrefix(p, []byte("\r\n")):
			// the line end of another system
		case r == '\n', r == '\t':
			out.WriteRune(r)
		case r < ' ', r == del:
			out.WriteByte('^')
			out.WriteByte(p[0] ^ 0x40)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, p[0])
		case term.Hidden(r):
			out.WriteString(term.Escape(r))
		default:
			out.Write(p[:size])
		}
		p = p[size:]
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
