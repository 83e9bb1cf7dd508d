//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package journal

import (
	"os"

	"github.com/ai-agent-mesh/mesh"
)

// lock refuses: without a lock two runtimes could number different records
// alike.
func lock(path string) (*os.File, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "locking %s: this system has no flock", path).
		WithHint("run the runtime on Linux, macOS or a BSD, or in a container")
}

func unlock(f *os.File) error { return f.Close() }
