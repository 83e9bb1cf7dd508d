package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

// segment is one file of the log: consecutive entries, the first of which is
// named by the file.
type segment struct {
	path  string
	first uint64
	bytes int64
}

// segmentNameLength is the number of decimal digits of a segment's name.
const segmentNameLength = 20

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%0*d", segmentNameLength, first))
}

// listSegments returns the segments of a directory, oldest first.
func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir) // sorted by name, which is by number
	if err != nil {
		return nil, fmt.Errorf("listing the journal's segments: %w", err)
	}
	var segments []segment
	for _, entry := range entries {
		first, err := strconv.ParseUint(entry.Name(), 10, 64)
		if err != nil || first == 0 || len(entry.Name()) != segmentNameLength || entry.IsDir() {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fmt.Errorf("listing the journal's segments: %w", err)
		}
		segments = append(segments, segment{path: filepath.Join(dir, entry.Name()), first: first, bytes: info.Size()})
	}
	return segments, nil
}

// scan is what reading a segment from its start found.
type scan struct {
	last  uint64 // sequence of the last whole record; first-1 if there is none
	bytes int64  // length of the whole records
	torn  []byte // what follows them
	data  []byte // of the record the scan was to go through; nil if it did not get there
}

// scanSegment reads a segment up to its end, up to the record through, or up
// to the first entry that is not the whole record that must stand there.
func scanSegment(s segment, through uint64) (scan, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return scan{}, fmt.Errorf("reading the journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 256<<10)
	found := scan{last: s.first - 1}
	var buf []byte
	for found.last < through {
		size, err := binary.ReadUvarint(r)
		if err != nil || size < frameHeader || size > frameHeader+maxFrameBytes {
			break
		}
		if uint64(cap(buf)) < size {
			buf = make([]byte, size)
		}
		if _, err := io.ReadFull(r, buf[:size]); err != nil {
			break
		}
		fr, n, err := decodeFrame(buf[:size])
		if err != nil || n != int(size) || fr.seq != found.last+1 {
			break
		}
		found.last++
		found.bytes += entryLength(int(size))
		if found.last == through {
			found.data = fr.record.Data
		}
	}
	if found.bytes < s.bytes {
		found.torn = make([]byte, s.bytes-found.bytes)
		if _, err := f.ReadAt(found.torn, found.bytes); err != nil && !errors.Is(err, io.EOF) {
			return scan{}, fmt.Errorf("reading the journal: %w", err)
		}
	}
	return found, nil
}

// readRecord returns the data of a record; nil if no segment holds it.
func readRecord(segments []segment, seq uint64) ([]byte, error) {
	for i := len(segments) - 1; i >= 0; i-- {
		if segments[i].first <= seq {
			found, err := scanSegment(segments[i], seq)
			return found.data, err
		}
	}
	return nil, nil
}

// entryLength is what an entry of n bytes takes in a segment.
func entryLength(n int) int64 {
	var b [binary.MaxVarintLen64]byte
	return int64(binary.PutUvarint(b[:], uint64(n)) + n)
}

// verified is a log in which every record is whole.
type verified struct {
	segments []segment
	last     uint64 // sequence of the last record
	cut      int64  // bytes of a torn tail, to cut off
}

// verifySegments checks every record and repairs what may be: a torn tail is
// cut off, and segments whose records are all acknowledged are dropped if they
// are damaged. Other damage is an error.
func verifySegments(dir string, acked uint64) (verified, error) {
	v, drop, err := surveySegments(dir, acked)
	if err != nil {
		return v, err
	}
	if v.cut > 0 {
		tail := v.segments[len(v.segments)-1]
		if err := truncateSegment(tail.path, tail.bytes); err != nil {
			return v, err
		}
	}
	for _, s := range v.segments[:drop] {
		if err := os.Remove(s.path); err != nil {
			return v, fmt.Errorf("removing a damaged segment whose records are acknowledged: %w", err)
		}
	}
	v.segments = v.segments[drop:]
	return v, nil
}

// surveySegments reads every record and changes nothing. The first drop
// segments are damaged, or lie in front of a damaged one, and all their records
// are acknowledged; damage to others, or in front of records that were synced
// later, is an error.
func surveySegments(dir string, acked uint64) (v verified, drop int, err error) {
	segments, err := listSegments(dir)
	if err != nil {
		return v, 0, err
	}
	for i, s := range segments {
		found, err := scanSegment(s, noLimit)
		if err != nil {
			return v, 0, err
		}
		v.last = found.last
		tail := i == len(segments)-1
		if tail && len(found.torn) > 0 && !hasLaterGroup(found.torn, found.last+1) {
			v.cut = int64(len(found.torn))
			segments[i].bytes = found.bytes
			continue
		}
		whole := len(found.torn) == 0 && (tail || found.last+1 == segments[i+1].first)
		if whole {
			continue
		}
		if tail || segments[i+1].first-1 > acked {
			return v, 0, corruptError(s.path, found.last+1)
		}
		drop = i + 1
	}
	v.segments = segments
	return v, drop, nil
}

// rewind makes last the last record on disk: later ones were written, but
// nobody was told so. With rewrite the tail is copied, because after a failed
// fsync the kernel may hold pages it no longer intends to write.
func rewind(dir string, last uint64, rewrite bool) error {
	segments, err := listSegments(dir)
	if err != nil {
		return err
	}
	for len(segments) > 1 && segments[len(segments)-1].first > last {
		if err := os.Remove(segments[len(segments)-1].path); err != nil {
			return fmt.Errorf("removing a segment that was not acknowledged: %w", err)
		}
		segments = segments[:len(segments)-1]
	}
	if len(segments) == 0 {
		if last == 0 {
			return nil // the log has not made its first segment yet
		}
		return missingError(dir, last)
	}
	tail := segments[len(segments)-1]
	found, err := scanSegment(tail, last)
	if err != nil {
		return err
	}
	if found.last != last {
		return corruptError(tail.path, found.last+1)
	}
	if err := truncateSegment(tail.path, found.bytes); err != nil {
		return err
	}
	if rewrite {
		data, err := os.ReadFile(tail.path)
		if err != nil {
			return fmt.Errorf("copying the journal's tail: %w", err)
		}
		if err := durable.WriteFile(tail.path, data, fileMode); err != nil {
			return err
		}
	}
	return durable.SyncDir(dir)
}

func truncateSegment(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cutting the journal's tail: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("cutting the journal's tail: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("cutting the journal's tail: %w", err)
	}
	return nil
}

func corruptError(path string, seq uint64) error {
	return mesh.Errorf(mesh.CodeUnavailable, "the journal is damaged: record %d in %s is not whole, and records behind it are", seq, path).
		WithHint("check the disk, then restore the journal's directory from a backup, or move it away: " +
			"the runtime then begins a new journal, and the hub shows where the old one ends")
}

func missingError(dir string, seq uint64) error {
	return mesh.Errorf(mesh.CodeUnavailable, "the journal is damaged: its cursors are at record %d, which is not in %s", seq, dir).
		WithHint("restore the journal's directory from a backup, or move it away: " +
			"the runtime then begins a new journal, and the hub shows where the old one ends")
}
