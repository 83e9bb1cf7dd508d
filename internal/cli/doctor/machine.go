package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/official"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// How much of the disk should be free, in bytes. A runtime whose journal
// cannot be written denies.
const (
	spaceWarning = 2 << 30
	spaceFailure = 256 << 20
)

// syncWarning is how long one sync may take. Every decision waits for one,
// though many share it.
const syncWarning = 50 * time.Millisecond

// existing returns the directory, or the nearest one above it that exists.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil:
			return "", fmt.Errorf("%s is not a directory", dir)
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}

func checkSpace(_ context.Context, e *examination) Check {
	const hint = "free some, or put the data elsewhere with --data-dir"
	dir, err := existing(e.opts.DataDir)
	if err != nil {
		return failed("choose a directory with --data-dir", "looking for the data directory: %v", err)
	}
	free, err := freeBytes(dir)
	if err != nil {
		return skipped("how much of the disk is free cannot be told: %v", err)
	}
	switch {
	case free < spaceFailure:
		return failed(hint, "only %s are free below %s", size(free), dir)
	case free < spaceWarning:
		return warning(hint, "only %s are free below %s", size(free), dir)
	}
	return ok("%s are free below %s", size(free), dir)
}

// size writes a number of bytes for people.
func size(n uint64) string {
	const unit = 1 << 10
	switch {
	case n >= unit*unit*unit:
		return fmt.Sprintf("%.1f GiB", float64(n)/(unit*unit*unit))
	case n >= unit*unit:
		return fmt.Sprintf("%d MiB", n/(unit*unit))
	}
	return fmt.Sprintf("%d KiB", n/unit)
}

// checkSync writes and syncs a file, as journal and database do all the time.
func checkSync(_ context.Context, e *examination) Check {
	dir, err := existing(e.opts.DataDir)
	if err != nil {
		return failed("choose a directory with --data-dir", "looking for the data directory: %v", err)
	}
	took, err := syncOnce(dir)
	switch {
	case err != nil:
		return failed("make "+dir+" writable for this user, or choose another directory with --data-dir", "writing and syncing a file: %v", err)
	case took > syncWarning:
		return warning("use a disk of this machine rather than one on the network", "a sync takes %v: decisions will be slow", took.Round(time.Millisecond))
	}
	return ok("a sync takes %v", took.Round(10*time.Microsecond))
}

// syncOnce returns how long one write with a sync takes: the median of three.
func syncOnce(dir string) (_ time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".mesh-doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	var took [3]time.Duration
	for i := range took {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	return max(min(took[0], took[1]), min(max(took[0], took[1]), took[2])), nil
}

func checkTrust(_ context.Context, e *examination) Check {
	if e.opts.TrustPolicy == "" {
		if _, err := official.PublicKey(); err != nil {
			return failed(mesh.HintOf(err), "%v", err)
		}
		return ok("none is given: official bundles are trusted, nothing else")
	}
	if _, err := trust.LoadPolicy(e.opts.TrustPolicy); err != nil {
		hint := mesh.HintOf(err)
		if hint == "" {
			hint = "correct the file; `mesh vendor trust` writes one"
		}
		return failed(hint, "%v", err)
	}
	return ok("%s is valid", e.opts.TrustPolicy)
}
