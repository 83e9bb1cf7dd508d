package durable_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ai-agent-mesh/mesh/internal/durable"
)

func TestLockIsHeldOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := durable.Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Acquire(path); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("a second lock: %v, want ErrLocked", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := durable.Acquire(path)
	if err != nil {
		t.Fatalf("after its release: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

// A child that was forked but does not run its program yet shares the open
// file. What was released is free nevertheless.
func TestReleaseWhileChildrenStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	var children sync.WaitGroup
	defer children.Wait()
	for range 4 {
		children.Go(func() {
			for range 25 {
				if err := exec.Command("true").Run(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 500 {
		l, err := durable.Acquire(path)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
}
