package journal

import (
	"fmt"
	"os"
	"path/filepath"
)

// Inspect reads the journal that nobody has open and changes nothing in it:
// what [Open] would repair is left, and told as CutBytes. A journal that a
// process holds is [mesh.CodeConflict], a damaged one the error of [Open], and
// one that does not exist satisfies [errors.Is] with fs.ErrNotExist.
func Inspect(dir string) (_ Status, err error) {
	if _, err := os.Stat(filepath.Join(dir, segmentsDir)); err != nil {
		return Status{}, fmt.Errorf("looking for the journal: %w", err)
	}
	held, err := acquire(filepath.Join(dir, lockFile))
	if err != nil {
		return Status{}, err
	}
	defer func() { _ = held.Release() }()
	places, err := loadCursors(dir)
	if err != nil {
		return Status{}, err
	}
	log, drop, err := surveySegments(filepath.Join(dir, segmentsDir), places.min())
	if err != nil {
		return Status{}, err
	}
	if at := places.max(); at > log.last {
		return Status{}, missingError(filepath.Join(dir, segmentsDir), at)
	}
	s := Status{
		FirstSeq: log.last + 1, LastSeq: log.last, Shipped: places.get(Shipped), Evaluated: places.get(Evaluated), CutBytes: log.cut,
	}
	if kept := log.segments[drop:]; len(kept) > 0 {
		s.FirstSeq = kept[0].first
		for _, segment := range kept {
			s.Bytes += segment.bytes
		}
	}
	s.ID, err = identity(dir, true)
	return s, err
}
