package dev

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// fake is a service whose Run ends with what end receives, or with its
// context.
type fake struct {
	end    chan error
	closed int
}

func (f *fake) Run(ctx context.Context) error {
	select {
	case err := <-f.end:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (f *fake) Close() error {
	f.closed++
	return nil
}

func TestPartOutlivesItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{}
	p := start(ctx, "the fake", f)
	cancel()
	select {
	case <-p.done:
		t.Fatal("it stopped with the context, before its turn")
	default:
	}
	if err := p.stop(); err != nil || f.closed != 1 {
		t.Errorf("stop: %v, closed %d times", err, f.closed)
	}
}

func TestPartThatEndsByItself(t *testing.T) {
	t.Parallel()
	broken := mesh.Errorf(mesh.CodeConflict, "the disk is gone")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"with an error", broken, "the fake stopped: the disk is gone"},
		{"without one", nil, "the fake stopped by itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{end: make(chan error, 1)}
			p := start(t.Context(), "the fake", f)
			f.end <- tt.err
			_, err := p.await(t.Context(), time.Minute, func() bool { return false })
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, tt.err) && tt.err != nil {
				t.Errorf("await: %v", err)
			}
			if err := p.stop(); err != nil || f.closed != 1 {
				t.Errorf("stop: %v, closed %d times", err, f.closed)
			}
		})
	}
}

func TestAwaitEndsWithContextAndTime(t *testing.T) {
	t.Parallel()
	p := start(t.Context(), "the fake", &fake{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.await(ctx, time.Minute, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("await: %v", err)
	}
	if ready, err := p.await(t.Context(), time.Millisecond, func() bool { return false }); ready || err != nil {
		t.Errorf("when the time is over: %v, %v", ready, err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}
