//go:build unix

package hub

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ai-agent-mesh/mesh"
)

// lockDataDir takes the data directory for this process. The kernel gives it
// back when the process ends, however it ends.
func lockDataDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, mesh.Errorf(mesh.CodeConflict, "another hub uses this data directory: it holds %s", path).
			WithHint("stop the other hub, or give this one a directory of its own with --data-dir")
	}
	return nil, fmt.Errorf("locking %s: %w", path, err)
}
