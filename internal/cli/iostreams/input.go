package iostreams

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// ReadAll reads standard input to its end, but at most limit bytes. It returns
// at once when ctx ends, so that Ctrl-C works while a person types; what is
// read afterwards is lost.
func (s *Streams) ReadAll(ctx context.Context, limit int64) ([]byte, error) {
	return interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(s.In, limit)) })
}

// ReadSecret reads one line without echo where standard input is a terminal,
// after writing prompt to standard error; from anything else it is
// [Streams.ReadAll]. When ctx ends the terminal is left as it was found.
func (s *Streams) ReadSecret(ctx context.Context, prompt string, limit int64) ([]byte, error) {
	f, ok := s.In.(*os.File)
	if !ok || !s.inTTY {
		return s.ReadAll(ctx, limit)
	}
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(s.Err, prompt); err != nil {
		return nil, err
	}
	secret, err := interruptible(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if ctx.Err() != nil {
		_ = term.Restore(fd, before)
	}
	_, _ = io.WriteString(s.Err, "\n")
	return secret, err
}

// interruptible reads until ctx ends. A read of a file cannot be called off:
// it is left behind, for the process to end with.
func interruptible(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
