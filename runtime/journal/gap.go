package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

const (
	gapFile = "gap.json"
	// gapBytes is the fixed size of the file. Its blocks are there before the
	// disk is full, so that it can be written over when it is.
	gapBytes = 1024
	// maxReason bounds the text of a gap; escaped as JSON it fits six times.
	maxReason = 128
)

// gapNote is what a process that loses decisions leaves to the next one, in
// case it is ended before the disk takes a record again. It holds for a journal
// that ends at After: the first record behind that tells of the gap.
type gapNote struct {
	After uint64   `json:"after"`
	Gap   mesh.Gap `json:"gap"`
}

// told reports whether the record, the one behind After, tells of the gap. What
// else stands there was written while the disk refused, and nobody was told
// that it was.
func (n gapNote) told(record []byte) bool {
	var event mesh.Event
	return json.Unmarshal(record, &event) == nil && event.Gap != nil &&
		event.Gap.Denied >= n.Gap.Denied && event.Gap.Allowed >= n.Gap.Allowed
}

// readGapNote returns the note; the zero value if there is none that can be
// read.
func readGapNote(dir string) (gapNote, error) {
	data, err := os.ReadFile(filepath.Join(dir, gapFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return gapNote{}, fmt.Errorf("reading what the journal lost: %w", err)
	}
	var note gapNote
	if json.Unmarshal(data, &note) != nil {
		return gapNote{}, nil
	}
	return note, nil
}

// undo returns the log without what a process wrote that was ended while it
// could not write, and the losses that the log does not tell of yet. Whoever
// appended was told that these records are not there, and they are counted as
// lost. A reader that has passed them proves the opposite, so nothing in front
// of a cursor is ever removed.
func undo(dir string, v verified, note gapNote, passed uint64) (verified, mesh.Gap, error) {
	switch {
	case note.Gap.From.IsZero() || v.last < note.After || passed > note.After:
		return v, mesh.Gap{}, nil
	case v.last == note.After:
		return v, note.Gap, nil
	}
	record, err := readRecord(v.segments, note.After+1)
	if err != nil || note.told(record) {
		return v, mesh.Gap{}, err
	}
	if err := rewind(dir, note.After, false); err != nil {
		return v, mesh.Gap{}, err
	}
	cut := v.cut
	for _, s := range v.segments {
		cut += s.bytes
	}
	if v, err = verifySegments(dir, passed); err != nil {
		return v, mesh.Gap{}, err
	}
	for _, s := range v.segments {
		cut -= s.bytes
	}
	v.cut = cut
	return v, note.Gap, nil
}

// openGapNote opens the note, creating it with all its blocks. On a disk that
// is full already there is none: nothing is lost but the count.
func openGapNote(dir string) *os.File {
	f, err := os.OpenFile(filepath.Join(dir, gapFile), os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil
	}
	if info, err := f.Stat(); err == nil && info.Size() >= gapBytes {
		return f
	}
	if writeGapNote(f, gapNote{}) != nil {
		_ = f.Close()
		return nil
	}
	return f
}

// writeGapNote writes over the note in place.
func writeGapNote(f *os.File, note gapNote) error {
	data, err := json.Marshal(note)
	if err != nil {
		return fmt.Errorf("noting what the journal lost: %w", err)
	}
	if len(data) >= gapBytes {
		return fmt.Errorf("noting what the journal lost: %d bytes", len(data))
	}
	page := make([]byte, gapBytes)
	for i := copy(page, data); i < gapBytes; i++ {
		page[i] = ' '
	}
	page[gapBytes-1] = '\n'
	if _, err := f.WriteAt(page, 0); err != nil {
		return fmt.Errorf("noting what the journal lost: %w", err)
	}
	return f.Sync()
}

// noteGap leaves the losses to a later process. It may fail, as everything may
// on a broken disk; this process still counts.
func (j *Journal) noteGap() {
	j.mu.Lock()
	note := gapNote{After: j.last, Gap: j.gap}
	j.mu.Unlock()
	if j.gapNote != nil && !note.Gap.From.IsZero() {
		_ = writeGapNote(j.gapNote, note)
	}
}

// lose counts what a failed append loses; the caller holds mu.
func (j *Journal) lose(a *appending, cause error) {
	now := time.Now().UTC()
	for _, r := range a.records {
		switch r.Loss {
		case LossNone:
			continue
		case LossDenied:
			j.gap.Denied++
		case LossAllowed:
			j.gap.Allowed++
		}
		if j.gap.From.IsZero() {
			j.gap.From = now
			j.gap.Reason = cause.Error()[:min(len(cause.Error()), maxReason)]
		}
		j.gap.To = now
	}
}

// settle removes from the losses those that a record tells of now; the caller
// holds mu. What was lost meanwhile goes into the next gap.
func (j *Journal) settle(told mesh.Gap) {
	j.gap.Denied -= told.Denied
	j.gap.Allowed -= told.Allowed
	if j.gap.Denied+j.gap.Allowed == 0 {
		j.gap = mesh.Gap{}
		return
	}
	if !told.From.IsZero() {
		j.gap.From = told.To
	}
}
