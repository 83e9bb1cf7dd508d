package iostreams

import (
	"fmt"
	"unicode/utf8"
)

// Progress shows what a command is doing, on standard error and only where
// that is a terminal. The zero value of its fields is not useful: make one
// with [Streams.Progress].
type Progress struct {
	streams *Streams
	shown   int
}

// Progress returns a progress line.
func (s *Streams) Progress() *Progress { return &Progress{streams: s} }

// Step replaces the line by what is done now.
func (p *Progress) Step(format string, args ...any) {
	if !p.streams.errTTY {
		return
	}
	p.Done()
	text := cut(fmt.Sprintf(format, args...), p.streams.width-1)
	p.shown = utf8.RuneCountInString(text)
	_, _ = fmt.Fprint(p.streams.Err, p.streams.Paint(Faint, text))
}

// Done removes the line. It must be called before anything else is written.
func (p *Progress) Done() {
	if p.shown == 0 {
		return
	}
	out := p.streams.Err
	if s, ok := out.(screen); ok {
		out = s.w // only the line itself is moved back in
	}
	_, _ = fmt.Fprintf(out, "\r%*s\r", p.shown, "")
	p.shown = 0
}
