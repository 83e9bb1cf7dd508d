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

// openGapNote opens the note, creating it with all its blocks, and returns the
// losses that the journal does not tell of yet. On a disk that is full already
// there is no note: the file is nil and nothing is lost but the count.
func openGapNote(dir string, last uint64) (*os.File, mesh.Gap, error) {
	path := filepath.Join(dir, gapFile)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Gap{}, fmt.Errorf("reading what the journal lost: %w", err)
	}
	var note gapNote
	if len(data) == 0 || json.Unmarshal(data, &note) != nil || note.After != last {
		note = gapNote{}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, note.Gap, nil
	}
	if len(data) == 0 && writeGapNote(f, gapNote{}) != nil {
		_ = f.Close()
		return nil, note.Gap, nil
	}
	return f, note.Gap, nil
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
	j.gap.From = told.To
}
