package iostreams

import (
	"context"
	"io"
	"sync/atomic"
)

// Lend returns streams for a goroutine that may have to be left behind. They are
// those of s until they are taken back: what is written to them then is dropped,
// with an error.
//
// takeBack waits for a write that has begun, until ctx ends; whoever calls it may
// write to s when it returns. A write that nobody reads from cannot be called off:
// if ctx ended first, one may still be under way.
func (s *Streams) Lend() (lent *Streams, takeBack func(ctx context.Context)) {
	l := &loan{turn: make(chan struct{}, 1)}
	streams := *s
	streams.Out, streams.Err = l.over(s.Out, nil), l.over(s.Err, &l.open)
	return &streams, func(ctx context.Context) { l.end(ctx, s.Err) }
}

// loan is what the streams have in common that were lent together.
type loan struct {
	turn  chan struct{} // holds one while somebody writes
	ended atomic.Bool
	open  bool // the last line of Err is not ended; for who has the turn
}

// over lends w. What guards a terminal stays the outermost, since [Progress] goes
// around it.
func (l *loan) over(w io.Writer, open *bool) io.Writer {
	if s, ok := w.(screen); ok {
		return screen{lentWriter{s.w, l, open}}
	}
	return lentWriter{w, l, open}
}

// end takes back what was lent. A line of progress that was left where it is
// ends, so that what is said next has a line of its own.
func (l *loan) end(ctx context.Context, errOut io.Writer) {
	l.ended.Store(true)
	select {
	case l.turn <- struct{}{}: // nobody writes, whether ctx has ended or not
	default:
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
	if l.open {
		_, _ = io.WriteString(errOut, "\n")
	}
	<-l.turn
}

// lentWriter is a writer until its loan ends.
type lentWriter struct {
	w    io.Writer
	loan *loan
	open *bool // whether the last line is not ended; nil where nobody asks
}

// Write writes p, or says that the writer is closed.
func (w lentWriter) Write(p []byte) (int, error) {
	w.loan.turn <- struct{}{}
	defer func() { <-w.loan.turn }()
	if w.loan.ended.Load() {
		return 0, io.ErrClosedPipe
	}
	if w.open != nil && len(p) > 0 {
		last := p[len(p)-1]
		*w.open = last != '\n' && last != '\r'
	}
	return w.w.Write(p)
}
