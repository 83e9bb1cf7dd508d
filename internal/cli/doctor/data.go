package doctor

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/node"
)

// runtimeDirs are where a runtime's data may be: --data-dir is its own
// directory, or the one above that `mesh runtime serve` and `mesh dev` use.
func runtimeDirs(dataDir string) []string {
	return []string{dataDir, filepath.Join(dataDir, "runtime"), filepath.Join(dataDir, "dev", "runtime")}
}

// checkData looks at what keeps a stopped runtime from starting again: its key
// and who can read it, its last good set and its journal.
func checkData(_ context.Context, e *examination) Check {
	found := skipped("no runtime has used %s", e.opts.DataDir)
	for _, dir := range runtimeDirs(e.opts.DataDir) {
		s, err := node.Inspect(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case mesh.CodeOf(err) == mesh.CodeConflict:
			found = ok("%s is in use by a running runtime", dir)
			continue
		case err != nil:
			return failed(cmp.Or(mesh.HintOf(err), "make it readable for the user that runs the runtime"), "the runtime in %s cannot start: %v", dir, err)
		}
		name := cmp.Or(s.Name, "a runtime that is not enrolled")
		found = ok("%s is stopped, with %d bundles and %d of %d records at the hub, in %s", name, len(s.InForce), s.Journal.Shipped, s.Journal.LastSeq, dir)
	}
	return found
}
