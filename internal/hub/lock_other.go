//go:build !unix

package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ai-agent-mesh/mesh"
)

// lockDataDir takes the data directory for this process. Without file locks it
// is a file that must not be there; the system removes it where a process that
// has it open ends.
func lockDataDir(path string) (*os.File, error) {
	// On Windows this fails while another process has the file open.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Errorf(mesh.CodeConflict, "another hub uses this data directory: it holds %s: %w", path, err).
			WithHint("stop the other hub, or give this one a directory of its own with --data-dir")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}
