//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package durable

import (
	"fmt"
	"runtime"

	"github.com/ai-agent-mesh/mesh"
)

// Acquire refuses with [mesh.CodeUnsupported]: without a lock two processes
// could write the same data.
func Acquire(path string) (*Lock, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "locking %s: %s has no flock", path, runtime.GOOS).
		WithHint("run it on Linux, macOS or a BSD, or in a container")
}

// Release gives the lock back.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("releasing the lock: %w", err)
	}
	return nil
}
