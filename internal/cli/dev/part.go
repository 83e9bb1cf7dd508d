package dev

import (
	"context"
	"errors"
	"fmt"
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
	name   string // for people
	value  S
	cancel context.CancelFunc
	done   chan struct{} // closed when Run returned
	err    error         // what it returned; set before done is closed
}

// start runs s until its stop is called; the end of ctx alone does not stop
// it, because the parts stop one after the other.
func start[S service](ctx context.Context, name string, s S) *part[S] {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &part[S]{name: name, value: s, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = s.Run(ctx)
	}()
	return p
}

// stop ends the service and releases what it holds. What a service that ended
// by itself returned is left to failure.
func (p *part[S]) stop() error {
	defer p.cancel()
	select {
	case <-p.done:
		return p.value.Close()
	default:
	}
	p.cancel()
	<-p.done
	return errors.Join(p.err, p.value.Close())
}

// failure is the error of a service that ended by itself; done must be closed.
func (p *part[S]) failure() error {
	if p.err == nil {
		return mesh.Errorf(mesh.CodeUnavailable, "%s stopped by itself", p.name)
	}
	return fmt.Errorf("%s stopped: %w", p.name, p.err)
}

// await waits until ready reports true, and returns false if the time was over
// first.
func (p *part[S]) await(ctx context.Context, limit time.Duration, ready func() bool) (bool, error) {
	over := time.NewTimer(limit)
	defer over.Stop()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.done:
			return false, p.failure()
		case <-ctx.Done():
			return false, ctx.Err()
		case <-over.C:
			return false, nil
		case <-tick.C:
		}
	}
	return true, nil
}
