package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/tidwall/wal"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

const (
	// maxGroupBytes bounds what one fsync commits, and with it the time the
	// last of its appenders waits.
	maxGroupBytes = 4 << 20
	// maxPendingBytes bounds what waits in memory for the disk.
	maxPendingBytes = 64 << 20
)

// appending is one call of Append on its way through the committer.
type appending struct {
	records []Record
	bytes   int
	first   uint64
	done    chan error // buffered: the caller may have gone
}

// Append writes records as one unit and returns the sequence of the first once
// all of them are on disk. It fails with [mesh.CodeUnavailable] while the disk
// does not take records, the journal is full or too much is waiting, and with
// [mesh.CodeTooLarge] for a record beyond the bounds; none of the records is
// then in the journal, and those with a Loss are counted for the next gap.
//
// If ctx is done first, Append returns its cause: whether the records are
// written is then not known to the caller, who must release nothing that
// depends on them.
func (j *Journal) Append(ctx context.Context, records []Record) (firstSeq uint64, err error) {
	if len(records) == 0 {
		return 0, mesh.Errorf(mesh.CodeInvalid, "appending nothing to the journal")
	}
	a := &appending{records: records, done: make(chan error, 1)}
	for _, r := range records {
		if len(r.Data) > MaxDataBytes || len(r.Local) > MaxLocalBytes {
			return 0, mesh.Errorf(mesh.CodeTooLarge, "a record of %d + %d bytes is over the journal's limits of %d and %d",
				len(r.Data), len(r.Local), MaxDataBytes, MaxLocalBytes)
		}
		a.bytes += len(r.Data) + len(r.Local) + frameHeader
	}
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if err := j.enqueue(a); err != nil {
		return 0, err
	}
	select {
	case err := <-a.done:
		return a.first, err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (j *Journal) enqueue(a *appending) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closing:
		return errClosed()
	case j.pendingBytes+a.bytes > maxPendingBytes && len(j.pending) > 0:
		err := mesh.Errorf(mesh.CodeUnavailable, "the journal is overloaded: %d bytes wait for the disk", j.pendingBytes)
		j.lose(a, err)
		j.signal()
		return err
	}
	j.pending = append(j.pending, a)
	j.pendingBytes += a.bytes
	j.signal()
	return nil
}

// signal wakes the committer.
func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// commitLoop is the committer: the only writer of the log.
func (j *Journal) commitLoop() {
	defer close(j.done)
	defer j.release()
	var retryAt time.Time
	var retry <-chan time.Time // for a gap that nobody's decision would bring to disk
	for {
		select {
		case <-j.wake:
		case <-retry:
		}
		closing, err := j.commitPending(&retryAt)
		if closing {
			return
		}
		retry = nil
		if err != nil {
			j.noteGap()
			retry = time.After(j.opts.RetryInterval)
		}
	}
}

// commitPending commits until nothing waits any more. The error says that
// losses still wait to be told; closing, that this was the last time.
func (j *Journal) commitPending(retryAt *time.Time) (closing bool, err error) {
	for {
		group, closing, work := j.take()
		if !work {
			return closing, nil
		}
		if err := j.commitGroup(group, retryAt); err != nil && len(group) == 0 {
			if closing {
				j.noteGap()
			}
			return closing, err
		}
	}
}

// release lets waiting readers go; nothing will be written any more.
func (j *Journal) release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.grown)
}

// take removes the next group from what is pending. There is work where it is
// not empty, or where losses wait to be told.
func (j *Journal) take() (group []*appending, closing, work bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, bytes := 0, 0
	for n < len(j.pending) && (n == 0 || bytes+j.pending[n].bytes <= maxGroupBytes) {
		bytes += j.pending[n].bytes
		n++
	}
	group = j.pending[:n:n]
	j.pending = j.pending[n:]
	j.pendingBytes -= bytes
	return group, j.closing, n > 0 || !j.gap.From.IsZero()
}

// commitGroup writes a group and answers its appenders.
func (j *Journal) commitGroup(group []*appending, retryAt *time.Time) error {
	gap, fault := j.state()
	var err error
	if fault != nil {
		if time.Now().Before(*retryAt) {
			j.answer(group, fault, 0, gap)
			return fault
		}
		if j.dirty {
			err = j.recover(fault)
		}
	}
	written := 0
	if err == nil {
		written, err = j.write(group, gap)
	}
	if err != nil {
		*retryAt = time.Now().Add(j.opts.RetryInterval)
		err = writeError(err)
	}
	j.answer(group, err, written, gap)
	return err
}

func (j *Journal) state() (gap mesh.Gap, fault error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.gap, j.fault
}

// writeError is what appenders get.
func writeError(err error) error {
	if e := (*mesh.Error)(nil); errors.As(err, &e) {
		return err
	}
	hint := "look at the disk under the data directory"
	if noSpace(err) {
		hint = "free space on the disk under the data directory; recording goes on by itself"
	}
	return mesh.Errorf(mesh.CodeUnavailable, "the journal cannot be written: %w", err).WithHint(hint)
}

// noSpace reports whether err says that there is no room, after which the
// pages written so far are sound.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// write puts a gap, if there is one, and the records of the group on disk. It
// returns how many records it wrote.
func (j *Journal) write(group []*appending, gap mesh.Gap) (int, error) {
	batch, plan, err := j.encode(group, gap)
	if err != nil || plan.records == 0 {
		return 0, err
	}
	if err := j.makeRoom(plan.bytes); err != nil {
		return 0, err
	}
	j.dirty = true
	if err := j.log.WriteBatch(batch); err != nil {
		return 0, err
	}
	if err := j.log.Sync(); err != nil {
		return 0, err
	}
	if len(plan.segments) > 0 {
		// The new segment's name must be as durable as its content.
		if err := durable.SyncDir(j.segmentsDir); err != nil {
			return 0, err
		}
	}
	j.dirty = false
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments[len(j.segments)-1].bytes += plan.head
	j.segments = append(j.segments, plan.segments...)
	return plan.records, nil
}

// plan foresees what a batch does to the segments.
type plan struct {
	records  int
	bytes    int64
	head     int64     // bytes that go to the present tail
	segments []segment // begun by the batch
}

// encode frames the records and foresees where the log begins new segments:
// it does so as soon as one is as large as it should be.
func (j *Journal) encode(group []*appending, gap mesh.Gap) (*wal.Batch, plan, error) {
	j.mu.Lock()
	next, tail := j.last+1, j.segments[len(j.segments)-1].bytes
	j.mu.Unlock()
	var (
		p     plan
		batch wal.Batch
		buf   []byte
		limit = int64(j.opts.SegmentBytes)
		begin = func(first uint64) {
			p.segments = append(p.segments, segment{path: segmentPath(j.segmentsDir, first), first: first})
			tail = 0
		}
	)
	if tail > limit {
		begin(next)
	}
	first := next
	add := func(r Record) {
		buf = appendFrame(buf[:0], frame{seq: next, group: first, record: r})
		batch.Write(next, buf)
		n := entryLength(len(buf))
		next++
		p.records++
		p.bytes += n
		tail += n
		if len(p.segments) == 0 {
			p.head += n
		} else {
			p.segments[len(p.segments)-1].bytes += n
		}
		if tail >= limit {
			begin(next)
		}
	}
	if !gap.From.IsZero() {
		data, err := json.Marshal(mesh.Event{Kind: mesh.EventGap, Time: time.Now().UTC(), Gap: &gap})
		if err != nil {
			return nil, p, fmt.Errorf("encoding a gap: %w", err)
		}
		add(Record{Data: data})
	}
	for _, a := range group {
		for _, r := range a.records {
			add(r)
		}
	}
	return &batch, p, nil
}

// makeRoom keeps the journal below its bound, at the cost of acknowledged
// records that would be retained otherwise.
func (j *Journal) makeRoom(n int64) error {
	fits := func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.size()+n <= j.opts.MaxBytes
	}
	if fits() {
		return nil
	}
	if err := j.reclaim(0); err != nil {
		return err
	}
	if fits() {
		return nil
	}
	return mesh.Errorf(mesh.CodeUnavailable, "the journal is full: it holds %d bytes that the hub has not acknowledged", j.opts.MaxBytes).
		WithHint("bring the hub back, so that records are acknowledged and removed")
}

// answer tells the appenders of a group what became of it, and everybody else
// what the journal holds now.
func (j *Journal) answer(group []*appending, err error, written int, gap mesh.Gap) {
	j.mu.Lock()
	before := j.fault
	if err == nil {
		next := j.last + 1
		if !gap.From.IsZero() {
			next++
		}
		for _, a := range group {
			a.first = next
			next += uint64(len(a.records))
		}
		j.last += uint64(written)
		j.fault = nil
		j.settle(gap)
		close(j.grown)
		j.grown = make(chan struct{})
	} else {
		j.fault = err
		for _, a := range group {
			j.lose(a, err)
		}
	}
	changed := (before == nil) != (j.fault == nil)
	j.mu.Unlock()
	if changed {
		j.opts.Notify(Change{Err: err, Gap: gap})
	}
	for _, a := range group {
		a.done <- err
	}
}

// recover brings the log back to the last record that was acknowledged and
// opens it again.
func (j *Journal) recover(fault error) error {
	j.mu.Lock()
	last := j.last
	j.mu.Unlock()
	j.readMu.Lock()
	defer j.readMu.Unlock()
	// Closing syncs first and gives up if that fails; the second attempt
	// releases the file, since the kernel reports a failed write-back once.
	if err := j.log.Close(); err != nil && !errors.Is(err, wal.ErrClosed) {
		_ = j.log.Close()
	}
	if err := rewind(j.segmentsDir, last, !noSpace(fault)); err != nil {
		return err
	}
	log, err := j.opts.openLog(j.segmentsDir, j.opts.SegmentBytes)
	if err != nil {
		return fmt.Errorf("opening the journal's log again: %w", err)
	}
	segments, err := listSegments(j.segmentsDir)
	if err != nil {
		_ = log.Close()
		return err
	}
	if len(segments) == 0 {
		segments = []segment{{path: segmentPath(j.segmentsDir, 1), first: 1}}
	}
	j.log, j.dirty = log, false
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments = segments
	return nil
}
