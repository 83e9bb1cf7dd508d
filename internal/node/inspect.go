package node

import (
	"path/filepath"

	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/subscribe"
)

// Stored is what a stopped runtime left in its data directory.
type Stored struct {
	subscribe.Stored
	Journal journal.Status
}

// Inspect looks at the data directory of a runtime that does not run, without
// changing it. Its errors are those that would keep [New] from starting there.
// A directory that no runtime has used satisfies [errors.Is] with
// fs.ErrNotExist, and one that a running process holds is mesh.CodeConflict.
func Inspect(dir string) (s Stored, err error) {
	if s.Stored, err = subscribe.Inspect(dir); err != nil {
		return s, err
	}
	s.Journal, err = journal.Inspect(filepath.Join(dir, journalDir))
	return s, err
}
