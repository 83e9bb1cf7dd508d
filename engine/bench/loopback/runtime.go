package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Runtime is the product's program, and how to start it.
type Runtime struct {
	Program string   // the path of mesh-runtime
	Data    string   // its data directory, with the bundles it is to decide by
	Args    []string // after the ones that say where it listens and keeps data
	Dir     string   // for the second runtime, which has nothing in force; it exists
}

// How long a runtime may take to begin and to end, and how often it is looked
// after.
const (
	beginWithin = 30 * time.Second
	endWithin   = 10 * time.Second
	lookEvery   = 20 * time.Millisecond
)

// StartRuntime starts the program twice: to decide by what its data directory
// has in force, and, for the empty decision, with nothing in force.
func StartRuntime(ctx context.Context, r Runtime) (*Server, error) {
	decide, stopDecide, err := r.start(ctx, r.Data, filepath.Join(r.Dir, "decide.sock"))
	if err != nil {
		return nil, err
	}
	empty, stopEmpty, err := r.start(ctx, filepath.Join(r.Dir, "empty"), filepath.Join(r.Dir, "empty.sock"))
	if err != nil {
		return nil, errors.Join(err, stopDecide())
	}
	return &Server{
		Name: filepath.Base(r.Program), decide: decide, empty: empty,
		close: func() error { return errors.Join(stopDecide(), stopEmpty()) },
	}, nil
}

func (r Runtime) start(ctx context.Context, data, socket string) (addresses, func() error, error) {
	address, err := freeAddress()
	if err != nil {
		return addresses{}, nil, err
	}
	args := append([]string{"serve", "--listen", address, "--socket", socket, "--data-dir", data}, r.Args...)
	cmd := exec.CommandContext(ctx, r.Program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = endWithin
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return addresses{}, nil, fmt.Errorf("starting %s: %w", r.Program, err)
	}
	stop := func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		return cmd.Wait()
	}
	if err := ready(ctx, address); err != nil {
		return addresses{}, nil, errors.Join(err, stop())
	}
	return addresses{address, socket, decisionsPath}, stop, nil
}

// freeAddress is a loopback address that nobody listens on just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// ready waits until the runtime has everything in force that it is to have.
func ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, beginWithin, fmt.Errorf("the runtime was not ready within %s", beginWithin))
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
