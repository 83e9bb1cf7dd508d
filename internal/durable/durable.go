// Package durable writes files that survive a power failure: after
// [WriteFile] returns, the file holds either its former content or the new
// one, never a part of it, whatever happens to the machine.
//
// It is for small files that are replaced as a whole, such as keys, cursors
// and state. Content that grows is the journal's business. A [Lock] keeps a
// second process away from a directory of such files.
package durable

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path: it writes a new file beside it, syncs
// that to disk, renames it over path and syncs the directory. The new file has
// the permissions perm from the start, so that a secret is never readable
// wider than that, not even for a moment. After an error path holds the former
// content, or, if only the directory could not be synced, the new one, which
// may then not survive a power failure.
func WriteFile(path string, data []byte, perm os.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	// CreateTemp makes files 0600, which is narrower than any perm in use.
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the creations, renames and removals in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening %s to sync it: %w", dir, err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}
