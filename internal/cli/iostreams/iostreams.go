// Package iostreams is the one way commands talk to people and to other
// programs: standard input, output and error, and what is known about each of
// them.
//
// [System] wraps the process's own streams. [Test] returns buffers, and a test
// chooses whether they count as a terminal. A command writes its result to
// [Streams.Out] and everything else (progress, hints, errors) to
// [Streams.Err]; so standard output can always be piped. Tables and progress
// take another form where the stream is no terminal: plain tab-separated
// lines, and nothing.
//
// The package decides how things look, never what is said.
package iostreams

import (
	"bytes"
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// DefaultWidth is assumed where the width of the terminal is unknown, in
// columns.
const DefaultWidth = 80

// Streams holds the streams of one run of a program. It is not safe for
// concurrent use, except that Out and Err may be written to from the goroutine
// that serves and the one that logs if the underlying files allow it.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	inTTY, outTTY, errTTY bool
	color                 bool
	width                 int
}

// System returns the process's own streams. Color is on for a terminal, off
// where NO_COLOR (https://no-color.org) is set or TERM is "dumb", and forced by
// CLICOLOR_FORCE.
func System() *Streams {
	s := &Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		inTTY:  term.IsTerminal(int(os.Stdin.Fd())),
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
		width:  DefaultWidth,
	}
	if s.outTTY {
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
			s.width = w
		}
	}
	if w, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && w > 0 {
		s.width = w
	}
	s.color = colorWanted(s.outTTY && s.errTTY, os.Getenv)
	s.guard()
	return s
}

// guard keeps what is printed from controlling the terminal.
func (s *Streams) guard() {
	if s.outTTY {
		s.Out = screen{s.Out}
	}
	if s.errTTY {
		s.Err = screen{s.Err}
	}
}

// colorWanted applies the conventions about color to the environment.
func colorWanted(tty bool, getenv func(string) string) bool {
	switch {
	case getenv("NO_COLOR") != "":
		return false
	case getenv("CLICOLOR_FORCE") != "" && getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return tty && getenv("TERM") != "dumb"
}

// Test returns streams over buffers. They are no terminal until
// [Streams.SetTerminal] says so.
func Test() (s *Streams, in, out, errOut *bytes.Buffer) {
	in, out, errOut = &bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}
	return &Streams{In: in, Out: out, Err: errOut, width: DefaultWidth}, in, out, errOut
}

// SetTerminal overrides what is known about all three streams; it is for tests
// and called once.
func (s *Streams) SetTerminal(tty, color bool, width int) {
	s.inTTY, s.outTTY, s.errTTY, s.color, s.width = tty, tty, tty, color, width
	s.guard()
}

// InIsTerminal reports whether a person could be asked.
func (s *Streams) InIsTerminal() bool { return s.inTTY }

// OutIsTerminal reports whether a person reads the result.
func (s *Streams) OutIsTerminal() bool { return s.outTTY }

// ErrIsTerminal reports whether a person sees progress.
func (s *Streams) ErrIsTerminal() bool { return s.errTTY }

// Width returns the columns of the terminal, [DefaultWidth] where unknown.
func (s *Streams) Width() int { return s.width }
