package dev

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// service is what hub and runtime have in common.
type service interface {
	Run(ctx context.Context) error
	Close() error
}

// part is a service that runs in the background.
type part[S service] struct {
	value  S
	cancel context.CancelFunc
	done   chan error // receives what Run returned, once
}

// start runs s until its stop is called; the end of ctx alone does not stop
// it, because the parts stop one after the other.
func start[S service](ctx context.Context, s S) *part[S] {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &part[S]{value: s, cancel: cancel, done: make(chan error, 1)}
	go func() { p.done <- s.Run(ctx) }()
	return p
}

// stop ends the service and waits for it.
func (p *part[S]) stop() error {
	p.cancel()
	err := <-p.done
	p.done <- nil // stop may be called again
	return errors.Join(err, p.value.Close())
}

// await waits until ready reports true.
func (p *part[S]) await(ctx context.Context, ready func() bool, name string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for !ready() {
		select {
		case err := <-p.done:
			p.done <- nil
			if err == nil {
				err = errors.New(name + " stopped")
			}
			return err
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return mesh.Errorf(mesh.CodeUnavailable, "%s is not ready after %v", name, readyTimeout).WithHint("look at its log: --log-level info")
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func join(list []string) string { return strings.Join(list, ", ") }
