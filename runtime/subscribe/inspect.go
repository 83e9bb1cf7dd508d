package subscribe

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ai-agent-mesh/mesh"
)

// Stored is what a runtime keeps in its data directory.
type Stored struct {
	RuntimeID mesh.RuntimeID // empty until it is enrolled
	Name      string
	Hub       string
	InForce   []string // the last good set, as namespace/name:version
}

// Inspect reads the data directory of a runtime, running or not, and changes
// nothing in it. Its errors are those that would keep [New] from starting on
// the directory. A directory that no runtime has used satisfies [errors.Is]
// with fs.ErrNotExist.
func Inspect(dir string) (Stored, error) {
	if _, err := os.Stat(filepath.Join(dir, keyFile)); err != nil {
		return Stored{}, fmt.Errorf("looking for a runtime: %w", err)
	}
	if _, err := loadKey(dir); err != nil {
		return Stored{}, err
	}
	known, err := readEnrolment(dir)
	if err != nil {
		return Stored{}, err
	}
	st, err := (store{dir: dir}).loadState()
	if err != nil {
		return Stored{}, err
	}
	var out Stored
	if known != nil {
		out.RuntimeID, out.Name, out.Hub = known.RuntimeID, known.Name, known.Hub
	}
	for _, b := range st.InForce {
		out.InForce = append(out.InForce, b.Bundle+":"+b.Version)
	}
	return out, nil
}
