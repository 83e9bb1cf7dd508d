package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

func open(t testing.TB, dir string, opts journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, opts)
	if err != nil {
		t.Fatalf("opening the journal: %v", err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func appendText(t testing.TB, j *journal.Journal, texts ...string) uint64 {
	t.Helper()
	var records []journal.Record
	for _, s := range texts {
		records = append(records, journal.Record{Data: []byte(s)})
	}
	seq, err := j.Append(t.Context(), records)
	if err != nil {
		t.Fatalf("appending %q: %v", texts, err)
	}
	return seq
}

func readAll(t testing.TB, j *journal.Journal, from uint64) []string {
	t.Helper()
	var texts []string
	for {
		records, err := j.Read(from, 100, 1<<20)
		if err != nil {
			t.Fatalf("reading from %d: %v", from, err)
		}
		if len(records) == 0 {
			return texts
		}
		for _, r := range records {
			texts = append(texts, string(r.Data))
		}
		from += uint64(len(records))
	}
}

func TestRecordsSurviveReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	if got := appendText(t, j, "one"); got != 1 {
		t.Errorf("first sequence = %d, want 1", got)
	}
	if got := appendText(t, j, "two", "three"); got != 2 {
		t.Errorf("second append begins at %d, want 2", got)
	}
	if _, err := j.Append(t.Context(), []journal.Record{{Data: []byte("four"), Local: []byte("stays here")}}); err != nil {
		t.Fatal(err)
	}
	id := j.ID()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, journal.Options{})
	if j.ID() != id {
		t.Errorf("id = %s, want %s: it belongs to the records", j.ID(), id)
	}
	if got := appendText(t, j, "five"); got != 5 {
		t.Errorf("after reopening the sequence goes on at %d, want 5", got)
	}
	if diff := cmp.Diff([]string{"one", "two", "three", "four", "five"}, readAll(t, j, 1)); diff != "" {
		t.Errorf("records differ (-want +got):\n%s", diff)
	}
	records, err := j.Read(4, 1, 0)
	if err != nil || len(records) != 1 || string(records[0].Local) != "stays here" {
		t.Errorf("the local part of record 4 = %v, %v", records, err)
	}
}

func TestTwoJournalsHaveTwoIDs(t *testing.T) {
	t.Parallel()
	if a, b := open(t, t.TempDir(), journal.Options{}), open(t, t.TempDir(), journal.Options{}); a.ID() == b.ID() {
		t.Errorf("both are %s", a.ID())
	}
}

func TestOneProcessHoldsAJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	_, err := journal.Open(dir, journal.Options{})
	if mesh.CodeOf(err) != mesh.CodeConflict || mesh.HintOf(err) == "" {
		t.Errorf("second Open = %v, want a conflict with a hint", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, journal.Options{})
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), journal.Options{})
	canceled, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the caller went away")
	cancel(gone)
	if _, err := j.Append(canceled, []journal.Record{{Data: []byte("x")}}); !errors.Is(err, gone) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := j.Append(t.Context(), nil); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("nothing: %v", err)
	}
	if _, err := j.Append(t.Context(), []journal.Record{{Data: make([]byte, journal.MaxDataBytes+1)}}); mesh.CodeOf(err) != mesh.CodeTooLarge {
		t.Errorf("too much data: %v", err)
	}
	if _, err := j.Append(t.Context(), []journal.Record{{Local: make([]byte, journal.MaxLocalBytes+1)}}); mesh.CodeOf(err) != mesh.CodeTooLarge {
		t.Errorf("too much local data: %v", err)
	}
	if got := j.Status(); got.LastSeq != 0 || !got.Writable {
		t.Errorf("status after refusals = %+v", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), []journal.Record{{Data: []byte("x")}}); mesh.CodeOf(err) != mesh.CodeUnavailable {
		t.Errorf("closed: %v", err)
	}
}

// countingLog counts syncs and makes them slow enough to see waiting.
type countingLog struct {
	journal.Log
	syncs *atomic.Int64
}

func (l countingLog) Sync() error {
	l.syncs.Add(1)
	time.Sleep(2 * time.Millisecond)
	return l.Log.Sync()
}

func TestWaitingAppendersShareASync(t *testing.T) {
	t.Parallel()
	var syncs atomic.Int64
	j := open(t, t.TempDir(), journal.WithLog(journal.Options{}, func(_ string, log journal.Log) journal.Log {
		return countingLog{log, &syncs}
	}))
	const writers, each = 32, 20
	var seen sync.Map
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				seq, err := j.Append(t.Context(), []journal.Record{{Data: fmt.Appendf(nil, "%d.%d", w, i)}})
				if err != nil {
					t.Errorf("appending: %v", err)
					return
				}
				if _, twice := seen.LoadOrStore(seq, true); twice {
					t.Errorf("sequence %d was given twice", seq)
				}
			}
		})
	}
	wg.Wait()
	if got := len(readAll(t, j, 1)); got != writers*each {
		t.Errorf("%d records, want %d", got, writers*each)
	}
	if got := syncs.Load(); got > writers*each/4 {
		t.Errorf("%d syncs for %d records of %d writers: they do not share", got, writers*each, writers)
	}
}

// blockedLog syncs for the first time when it is let.
type blockedLog struct {
	journal.Log
	first            *sync.Once
	syncing, proceed chan struct{}
}

func (l blockedLog) Sync() error {
	l.first.Do(func() {
		close(l.syncing)
		<-l.proceed
	})
	return l.Log.Sync()
}

// impatient is the context of a caller that gives up as soon as it has to
// wait.
type impatient struct {
	context.Context
	waits atomic.Bool
}

func (c *impatient) Done() <-chan struct{} {
	c.waits.Store(true)
	done := make(chan struct{})
	close(done)
	return done
}

func (c *impatient) Err() error {
	if c.waits.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

func (c *impatient) Value(any) any { return nil } // so that no other context answers in its place

// TestAnOverloadIsToldOf loses a decision while the disk is slow but sound.
func TestAnOverloadIsToldOf(t *testing.T) {
	t.Parallel()
	syncing, proceed := make(chan struct{}), make(chan struct{})
	first := &sync.Once{}
	j := open(t, t.TempDir(), journal.WithLog(journal.Options{}, func(_ string, log journal.Log) journal.Log {
		return blockedLog{log, first, syncing, proceed}
	}))
	release := sync.OnceFunc(func() { close(proceed) })
	t.Cleanup(release) // before the journal is closed, which waits for its disk
	// Whoever gives up waiting leaves the records where they wait.
	giveUp := func(records []journal.Record) error {
		_, err := j.Append(&impatient{Context: t.Context()}, records)
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := j.Append(t.Context(), []journal.Record{{Data: []byte("first")}}); err != nil {
			t.Errorf("appending: %v", err)
		}
	})
	<-syncing
	local := make([]byte, journal.MaxLocalBytes)
	large := make([]journal.Record, 31)
	for i := range large {
		large[i] = journal.Record{Data: []byte("large"), Local: local}
	}
	if err := giveUp(large); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("62 MiB are to wait: %v", err)
	}
	lost := journal.Record{Data: local[:journal.MaxDataBytes], Local: local, Loss: journal.LossAllowed}
	if err := giveUp([]journal.Record{lost}); mesh.CodeOf(err) != mesh.CodeUnavailable {
		t.Fatalf("65 MiB are to be too much: %v", err)
	}
	release()
	wg.Wait()
	waitFor(t, "the loss to be told of", func() bool { return j.Status().Unrecorded == 0 })
	last := j.Status().LastSeq
	records, err := j.Read(1, int(last), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	told := uint64(0)
	for _, r := range records {
		var event mesh.Event
		if json.Unmarshal(r.Data, &event) == nil && event.Gap != nil {
			told += event.Gap.Allowed
		}
	}
	if told != 1 {
		t.Errorf("%d losses were told of, want 1", told)
	}
}

func TestReadStaysWithinBounds(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), journal.Options{})
	appendText(t, j, "aaaa", "bbbb", "cccc", "dddd")
	for range 2 {
		if _, err := j.Append(t.Context(), []journal.Record{{Data: []byte("e"), Local: make([]byte, 80)}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name              string
		from              uint64
		maxRecords, bytes int
		want              int
	}{
		{"by number", 1, 3, 100, 3},
		{"by size", 1, 10, 9, 2},
		{"one even if it is larger", 2, 10, 1, 1},
		{"from the middle", 3, 10, 100, 3},
		{"by what stays here, too", 5, 10, 100, 1},
		{"behind the end", 7, 10, 100, 0},
	} {
		records, err := j.Read(tt.from, tt.maxRecords, tt.bytes)
		if err != nil || len(records) != tt.want {
			t.Errorf("%s: %d records, %v; want %d", tt.name, len(records), err, tt.want)
		}
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), journal.Options{})
	woken := make(chan error, 1)
	go func() { woken <- j.Wait(t.Context(), 0) }()
	appendText(t, j, "one")
	if err := <-woken; err != nil {
		t.Errorf("woken by a record: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	go func() { woken <- j.Wait(t.Context(), 1) }()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; mesh.CodeOf(err) != mesh.CodeUnavailable {
		t.Errorf("woken by Close: %v", err)
	}
}

// fill appends records of about a kilobyte.
func fill(t testing.TB, j *journal.Journal, n int) {
	t.Helper()
	pad := make([]byte, 1000)
	for i := range pad {
		pad[i] = '.'
	}
	for i := range n {
		appendText(t, j, fmt.Sprintf("%06d%s", i, pad))
	}
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "segments", "0*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestAcknowledgedSegmentsAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opts := journal.Options{SegmentBytes: 8 << 10, RetainBytes: 16 << 10}
	j := open(t, dir, opts)
	fill(t, j, 100)
	if got := len(segmentFiles(t, dir)); got < 10 {
		t.Fatalf("%d segments, want at least 10", got)
	}
	if err := j.Advance(journal.Shipped, 90); err != nil {
		t.Fatal(err)
	}
	if got := j.Status().FirstSeq; got != 1 {
		t.Errorf("oldest record = %d, want 1: the other reader has not passed it", got)
	}
	if err := j.Advance(journal.Evaluated, 95); err != nil {
		t.Fatal(err)
	}
	status := j.Status()
	if status.FirstSeq < 60 || status.FirstSeq > 90 {
		t.Errorf("oldest record = %d, want about 16 KiB behind 90", status.FirstSeq)
	}
	if _, err := j.Read(1, 1, 1); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("reading a removed record: %v", err)
	}
	if err := j.Advance(journal.Shipped, 101); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("moving behind the end: %v", err)
	}
	if err := j.Advance(journal.Shipped, 85); err != nil {
		t.Errorf("moving back for a hub that was restored: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, opts)
	if again := j.Status(); again.FirstSeq != status.FirstSeq || again.LastSeq != 100 || again.Shipped != 85 || again.Evaluated != 95 {
		t.Errorf("after reopening: %+v, before: %+v", again, status)
	}
	if got := len(readAll(t, j, status.FirstSeq)); got != int(101-status.FirstSeq) {
		t.Errorf("%d records are left, want %d", got, 101-status.FirstSeq)
	}
}

func TestAFullJournalRefusesUntilTheHubAcknowledges(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), journal.Options{SegmentBytes: 8 << 10, MaxBytes: 64 << 10, RetryInterval: time.Millisecond})
	var err error
	n := uint64(0)
	for n < 1000 {
		if _, err = j.Append(t.Context(), []journal.Record{{Data: make([]byte, 1000), Loss: journal.LossDenied}}); err != nil {
			break
		}
		n++
	}
	if mesh.CodeOf(err) != mesh.CodeUnavailable || n < 50 || n > 65 {
		t.Fatalf("full after %d records with %v", n, err)
	}
	for _, name := range []journal.CursorName{journal.Shipped, journal.Evaluated} {
		if err := j.Advance(name, n); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the gap to be told", func() bool { return j.Status().Unrecorded == 0 })
	records, err := j.Read(n+1, 1, 1)
	if err != nil || len(records) != 1 {
		t.Fatalf("reading the record after recovery: %v, %v", records, err)
	}
	var event mesh.Event
	if err := json.Unmarshal(records[0].Data, &event); err != nil || event.Kind != mesh.EventGap || event.Gap.Denied != 1 {
		t.Errorf("the first record after recovery = %s (%v), want a gap of 1 denied", records[0].Data, err)
	}
}

func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestFilesAreReadableByTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	appendText(t, j, "one")
	if err := j.Advance(journal.Shipped, 1); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	record := []journal.Record{{Data: make([]byte, 1000)}}
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			j := open(b, b.TempDir(), journal.Options{})
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := j.Append(b.Context(), record); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
