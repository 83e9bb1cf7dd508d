package journal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/wal"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

// Bounds of a record. They are checked when it is written, so that no reader
// meets a record it cannot carry.
const (
	// MaxDataBytes bounds [Record.Data]: eight of the largest fill one
	// telemetry batch.
	MaxDataBytes = 1 << 20
	// MaxLocalBytes bounds [Record.Local]; an action is at most 1 MiB.
	MaxLocalBytes = 2 << 20

	maxFrameBytes = MaxDataBytes + MaxLocalBytes
)

// Defaults of [Options].
const (
	// DefaultSegmentBytes is small because the segment that is written to is
	// held in memory, and because removal frees whole segments.
	DefaultSegmentBytes = 4 << 20
	// DefaultMaxBytes holds some eight million decisions while the hub is
	// gone. After that enforcement denies: evidence is not thrown away.
	DefaultMaxBytes = 8 << 30
	// DefaultRetainBytes is kept behind the acknowledged cursor for a hub that
	// was restored from a backup and asks again.
	DefaultRetainBytes = 64 << 20
	// DefaultRetryInterval bounds how often a journal that cannot write tries.
	DefaultRetryInterval = 200 * time.Millisecond
)

const (
	fileMode     = 0o600
	dirMode      = 0o700
	identityFile = "journal.json"
	lockFile     = "lock"
	segmentsDir  = "segments"

	noLimit = ^uint64(0)
)

// Loss says what becomes of the matter a record is about if the record cannot
// be written, for the counts of the [mesh.Gap] that follows.
type Loss int

// The losses.
const (
	LossNone    Loss = iota // nothing is lost: whoever appended tries again
	LossDenied              // a decision; its action is then refused
	LossAllowed             // a decision; its action is let through all the same
)

// Record is one entry of the journal.
type Record struct {
	// Data is compact JSON of a [mesh.Event]: what the hub receives, byte by
	// byte. At most [MaxDataBytes].
	Data []byte
	// Local never leaves this machine: the action that audit mode evaluates
	// later. At most [MaxLocalBytes]; may be nil.
	Local []byte
	// Loss is used by Append and not stored.
	Loss Loss
}

// Options bound a journal. The zero value means the defaults.
type Options struct {
	SegmentBytes  int
	MaxBytes      int64 // beyond it Append fails until records are acknowledged
	RetainBytes   int64 // of acknowledged records
	RetryInterval time.Duration
	// Notify is told when writing stops and when it works again. It is called
	// by the one goroutine that writes, so it must be fast and must not use
	// the journal. May be nil.
	Notify func(Change)

	// openLog replaces the log on disk in tests that need it to fail.
	openLog func(dir string, segmentBytes int) (segmentLog, error)
}

// Change says that writing stopped, or that it works again.
type Change struct {
	Err error    // why it stopped; nil if it works again
	Gap mesh.Gap // what went unrecorded meanwhile and is on record now; zero if nothing did
}

func (o *Options) setDefaults() {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.RetainBytes <= 0 {
		o.RetainBytes = DefaultRetainBytes
	}
	if o.RetryInterval <= 0 {
		o.RetryInterval = DefaultRetryInterval
	}
	if o.Notify == nil {
		o.Notify = func(Change) {}
	}
	if o.openLog == nil {
		o.openLog = openWAL
	}
}

// segmentLog is what is used of a log of segments.
type segmentLog interface {
	WriteBatch(*wal.Batch) error
	Sync() error
	Read(index uint64) ([]byte, error)
	Close() error
}

// openWAL opens the log. It syncs when told so, not by itself: a failed write
// and a failed sync need different repairs.
func openWAL(dir string, segmentBytes int) (segmentLog, error) {
	return wal.Open(dir, &wal.Options{
		NoSync: true, NoCopy: true, AllowEmpty: true, SegmentSize: segmentBytes, SegmentCacheSize: 2,
		DirPerms: dirMode, FilePerms: fileMode,
	})
}

// Journal is an open journal. It is safe for concurrent use. Close it.
type Journal struct {
	dir, segmentsDir string
	opts             Options
	id               mesh.JournalID
	lock             *durable.Lock
	cursors          *cursors
	cut              int64
	gapNote          *os.File // nil if it could not be made

	// readMu guards log against its own readers, which share a cache without
	// a lock, and against the committer that replaces it.
	readMu sync.Mutex
	log    segmentLog
	dirty  bool // the log may hold what was not acknowledged; the committer's own

	mu           sync.Mutex
	first, last  uint64 // records first to last are on disk
	segments     []segment
	pending      []*appending
	pendingBytes int
	gap          mesh.Gap // losses that no record tells of yet
	fault        error    // why writing does not work; nil if it does
	grown        chan struct{}
	closing      bool

	wake chan struct{} // for the committer: something is pending, or closing
	done chan struct{} // the committer has ended
}

// Open opens the journal in dir or creates it. Exactly one process holds it:
// a second gets [mesh.CodeConflict]. What a crash tore off the end is cut off
// (see [Status].CutBytes); any other damage is an error with a hint what to
// do, and leaves the files as they are.
func Open(dir string, opts Options) (_ *Journal, err error) {
	opts.setDefaults()
	j := &Journal{
		dir: dir, segmentsDir: filepath.Join(dir, segmentsDir), opts: opts,
		grown: make(chan struct{}), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := os.MkdirAll(j.segmentsDir, dirMode); err != nil {
		return nil, fmt.Errorf("creating the journal: %w", err)
	}
	if j.lock, err = acquire(filepath.Join(dir, lockFile)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = j.lock.Release()
		}
	}()
	if j.cursors, err = loadCursors(dir); err != nil {
		return nil, err
	}
	log, err := verifySegments(j.segmentsDir, j.cursors.min())
	if err != nil {
		return nil, err
	}
	if j.id, err = identity(dir, len(log.segments) > 0 || j.cursors.max() > 0); err != nil {
		return nil, err
	}
	note, err := readGapNote(dir)
	if err != nil {
		return nil, err
	}
	if log, j.gap, err = undo(j.segmentsDir, log, note, j.cursors.max()); err != nil {
		return nil, err
	}
	if err := j.load(log); err != nil {
		return nil, err
	}
	j.gapNote = openGapNote(dir)
	if !j.gap.From.IsZero() {
		j.signal()
	}
	go j.commitLoop()
	return j, nil
}

// load opens the verified segments.
func (j *Journal) load(v verified) error {
	if len(v.segments) == 0 {
		v.segments = []segment{{path: segmentPath(j.segmentsDir, 1), first: 1}}
	}
	j.segments, j.first, j.last, j.cut = v.segments, v.segments[0].first, v.last, v.cut
	if at := j.cursors.max(); at > j.last {
		return missingError(j.segmentsDir, at)
	}
	j.cursors.raise(j.first - 1)
	log, err := j.opts.openLog(j.segmentsDir, j.opts.SegmentBytes)
	if err != nil {
		return fmt.Errorf("opening the journal's log: %w", err)
	}
	j.log = log
	if err := durable.SyncDir(j.segmentsDir); err != nil {
		_ = log.Close()
		return err
	}
	return nil
}

// identity returns the journal's id, and makes one for a new journal.
func identity(dir string, exists bool) (mesh.JournalID, error) {
	type document struct {
		JournalID mesh.JournalID `json:"journalId"`
		CreatedAt time.Time      `json:"createdAt"`
	}
	path := filepath.Join(dir, identityFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !exists {
		d := document{JournalID: mesh.JournalID("jr_" + strings.ToLower(rand.Text())), CreatedAt: time.Now().UTC()}
		if data, err = json.Marshal(d); err != nil {
			return "", fmt.Errorf("naming the journal: %w", err)
		}
		if err := durable.WriteFile(path, append(data, '\n'), fileMode); err != nil {
			return "", err
		}
		return d.JournalID, durable.SyncDir(filepath.Dir(dir))
	}
	var d document
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err == nil && d.JournalID == "" {
		err = errors.New("it names none")
	}
	if err != nil {
		return "", mesh.Errorf(mesh.CodeUnavailable, "the journal is damaged: reading its id in %s: %w", path, err).
			WithHint("restore the file from a backup, or move the journal's directory away: the runtime then begins a new journal")
	}
	return d.JournalID, nil
}

// ID returns the journal's id.
func (j *Journal) ID() mesh.JournalID { return j.id }

// Status describes a journal at one moment.
type Status struct {
	ID        mesh.JournalID `json:"journalId"`
	FirstSeq  uint64         `json:"firstSeq"` // oldest record still there; LastSeq+1 if none is
	LastSeq   uint64         `json:"lastSeq"`  // 0: nothing was ever recorded
	Shipped   uint64         `json:"ackedThrough"`
	Evaluated uint64         `json:"evaluatedThrough"`
	Bytes     int64          `json:"bytes"`
	Writable  bool           `json:"writable"`
	Reason    string         `json:"reason,omitzero"` // why it is not
	// Unrecorded counts the decisions lost since writing stopped.
	Unrecorded uint64 `json:"unrecorded"`
	// CutBytes is what was cut off a torn tail when the journal was opened.
	CutBytes int64 `json:"cutBytes,omitzero"`
}

// Status returns the state of the journal.
func (j *Journal) Status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Status{
		ID: j.id, FirstSeq: j.first, LastSeq: j.last, Shipped: j.cursors.get(Shipped), Evaluated: j.cursors.get(Evaluated),
		Bytes: j.size(), Writable: j.fault == nil, Unrecorded: j.gap.Denied + j.gap.Allowed, CutBytes: j.cut,
	}
	if j.fault != nil {
		s.Reason = j.fault.Error()
	}
	return s
}

// size is the length of all segments; the caller holds mu.
func (j *Journal) size() (n int64) {
	for _, s := range j.segments {
		n += s.bytes
	}
	return n
}

// Read returns records from the sequence from on: at least one, then as many
// as stay within maxRecords and maxBytes of Data and Local, which bounds the
// memory they hold. It returns none where from
// is behind the last record, and [mesh.CodeNotFound] where it was removed. The
// records share memory with the journal and must not be changed.
func (j *Journal) Read(from uint64, maxRecords, maxBytes int) ([]Record, error) {
	j.mu.Lock()
	first, last := j.first, j.last
	j.mu.Unlock()
	if from < first {
		return nil, mesh.Errorf(mesh.CodeNotFound, "record %d was acknowledged and removed; the oldest is %d", from, first)
	}
	j.readMu.Lock()
	defer j.readMu.Unlock()
	var records []Record
	for seq := from; seq <= last && len(records) < maxRecords; seq++ {
		entry, err := j.log.Read(seq)
		if err != nil {
			return nil, fmt.Errorf("reading record %d of the journal: %w", seq, err)
		}
		f, _, err := decodeFrame(entry)
		if err != nil || f.seq != seq {
			return nil, corruptError(j.segmentsDir, seq)
		}
		if maxBytes -= len(f.record.Data) + len(f.record.Local); maxBytes < 0 && len(records) > 0 {
			break
		}
		records = append(records, f.record)
	}
	return records, nil
}

// Wait blocks until there is a record behind seq, the journal is closed
// ([mesh.CodeUnavailable]) or ctx is done.
func (j *Journal) Wait(ctx context.Context, seq uint64) error {
	for {
		j.mu.Lock()
		last, closing, grown := j.last, j.closing, j.grown
		j.mu.Unlock()
		switch {
		case last > seq:
			return nil
		case closing:
			return errClosed()
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Cursor returns how far a reader got: it is done with every record up to and
// including the result. 0 is the beginning.
func (j *Journal) Cursor(name CursorName) uint64 { return j.cursors.get(name) }

// AckedThrough is the cursor of what the hub acknowledged.
func (j *Journal) AckedThrough() uint64 { return j.cursors.get(Shipped) }

// Advance moves a reader's cursor, also backwards as far as records are still
// there, and removes segments that all readers have passed. A place behind the
// last record is [mesh.CodeInvalid]. Places are stored within a second and by
// Close, so a reader may see records again after a crash, which must be
// harmless. Any other error means that the move holds for this process but was
// not stored.
func (j *Journal) Advance(name CursorName, through uint64) error {
	j.mu.Lock()
	first, last := j.first, j.last
	j.mu.Unlock()
	if through > last || through+1 < first {
		return mesh.Errorf(mesh.CodeInvalid, "cursor %s cannot move to %d: the journal holds %d to %d", name, through, first, last)
	}
	err := j.cursors.set(name, through)
	return errors.Join(err, j.reclaim(j.opts.RetainBytes))
}

// reclaim removes the oldest segments whose records all readers have passed,
// as long as at least retain bytes remain. The segment that is written to
// always stays. It needs no space, so it works on a full disk too.
func (j *Journal) reclaim(retain int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	passed, size := j.cursors.min(), j.size()
	for len(j.segments) > 1 && j.segments[1].first-1 <= passed && size-j.segments[0].bytes >= retain {
		if err := os.Remove(j.segments[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing acknowledged records: %w", err)
		}
		size -= j.segments[0].bytes
		j.segments = j.segments[1:]
		j.first = j.segments[0].first
	}
	return nil
}

// Close writes what was appended, ends waiting readers and releases the
// directory. Appending afterwards fails. Closing again does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closing {
		j.mu.Unlock()
		<-j.done
		return nil
	}
	j.closing = true
	j.mu.Unlock()
	j.signal()
	<-j.done
	j.readMu.Lock()
	defer j.readMu.Unlock()
	err := errors.Join(j.cursors.store(), j.log.Close())
	if j.gapNote != nil {
		err = errors.Join(err, j.gapNote.Close())
	}
	return errors.Join(err, j.lock.Release())
}

func errClosed() error {
	return mesh.Errorf(mesh.CodeUnavailable, "the journal is closed")
}

// acquire takes the journal for this process: two runtimes would number
// different records alike.
func acquire(path string) (*durable.Lock, error) {
	l, err := durable.Acquire(path)
	if errors.Is(err, durable.ErrLocked) {
		return nil, mesh.Errorf(mesh.CodeConflict, "the journal is in use: another process holds %s", path).
			WithHint("stop the other runtime, or give this one a data directory of its own with --data-dir")
	}
	return l, err
}
