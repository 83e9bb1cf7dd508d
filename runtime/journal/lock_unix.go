//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ai-agent-mesh/mesh"
)

// lock takes the file's lock for this process. The kernel gives it back when
// the process ends, however it ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, fmt.Errorf("opening the journal's lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, mesh.Errorf(mesh.CodeConflict, "the journal is in use: another process holds %s", path).
			WithHint("stop the other runtime, or give this one a data directory of its own with --data-dir")
	}
	return nil, fmt.Errorf("locking %s: %w", path, err)
}

// unlock gives the lock back. Closing the file is not enough: a child process
// that was just forked holds it too until it executes its program.
func unlock(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
