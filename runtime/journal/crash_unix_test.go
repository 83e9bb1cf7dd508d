//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package journal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/wal"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

// childVariable makes the test binary play a process that is killed or that
// runs out of disk.
const childVariable = "MESH_JOURNAL_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "append":
		childAppend(os.Args[1])
	case "limit":
		childLimit(os.Args[1])
	default:
		os.Exit(m.Run())
	}
}

var childOptions = journal.Options{SegmentBytes: 64 << 10, RetryInterval: time.Millisecond}

// childAppend appends from many goroutines and prints each record after the
// journal acknowledged it, until it is killed.
func childAppend(dir string) {
	j, err := journal.Open(dir, childOptions)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for w := range 16 {
		go func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d-%d-%d-%s", os.Getpid(), w, i, strings.Repeat("x", rand.IntN(600)))
				seq, err := j.Append(context.Background(), []journal.Record{{Data: []byte(text)}})
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Printf("ack %d %s\n", seq, text)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// TestKilled kills a process that appends, over and over on the same journal,
// and asks for every record that was acknowledged.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked := map[uint64]string{}
	for round := range 12 {
		cmd := exec.Command(os.Args[0], dir)
		cmd.Env = append(os.Environ(), childVariable+"=append")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killAfter := 50 + rand.IntN(400)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var seq uint64
			var text string
			if _, err := fmt.Sscanf(lines.Text(), "ack %d %s", &seq, &text); err != nil {
				if n < killAfter {
					t.Fatalf("the child says %q", lines.Text())
				}
				break // a line the kill cut
			}
			acked[seq] = text
			if n == killAfter {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		j, err := journal.Open(dir, childOptions)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		got := readAll(t, j, 1)
		for seq, text := range acked {
			if seq > uint64(len(got)) || got[seq-1] != text {
				t.Fatalf("round %d: record %d was acknowledged and is lost (the journal ends at %d)", round, seq, len(got))
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// childLimit runs into a file size limit, which makes the kernel write a part
// of a record and refuse the rest, exactly as a full disk does, and goes on
// when the limit is lifted.
func childLimit(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	fail := func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
	var unlimited syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
		fail("reading the limit: %v", err)
	}
	j, err := journal.Open(dir, journal.Options{RetryInterval: time.Millisecond})
	if err != nil {
		fail("opening: %v", err)
	}
	limited := unlimited
	limited.Cur = 20_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		fail("setting the limit: %v", err)
	}
	record := []journal.Record{{Data: []byte(strings.Repeat("r", 900)), Loss: journal.LossDenied}}
	written, lost := uint64(0), uint64(0)
	for lost < 5 {
		_, err := j.Append(context.Background(), record)
		switch {
		case err == nil && lost == 0:
			written++
		case err == nil:
			fail("a record was taken while the disk was full")
		case mesh.CodeOf(err) != mesh.CodeUnavailable || !strings.Contains(mesh.HintOf(err), "free space"):
			fail("the error is %v (%s)", err, mesh.HintOf(err))
		default:
			lost++
		}
	}
	records, err := j.Read(1, 1000, 1<<20)
	readable := uint64(0)
	for _, r := range records {
		if string(r.Data) == string(record[0].Data) {
			readable++ // the others are gaps, for which there may be room yet
		}
	}
	if err != nil || readable != written {
		fail("%d of %d records can be read while the disk is full: %v", readable, written, err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
		fail("lifting the limit: %v", err)
	}
	for range 2000 {
		if _, err = j.Append(context.Background(), record); err == nil {
			break
		}
		lost++
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		fail("still refused when there is space: %v", err)
	}
	if err := j.Close(); err != nil {
		fail("closing: %v", err)
	}
	fmt.Printf("ok %d %d\n", written, lost)
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childVariable+"=limit")
	out, err := cmd.Output()
	var written, lost uint64
	if _, scanErr := fmt.Sscanf(string(out), "ok %d %d\n", &written, &lost); err != nil || scanErr != nil {
		t.Fatalf("the child: %v: %s", err, out)
	}
	if written < 10 {
		t.Errorf("the disk was full after %d records already", written)
	}
	j := open(t, dir, journal.Options{})
	if got := j.Status(); got.CutBytes != 0 {
		t.Errorf("%d bytes were cut off on opening: the journal had not repaired itself", got.CutBytes)
	}
	checkGap(t, j, written, mesh.Gap{Denied: lost})
}

// checkGap wants one gap behind the record with sequence last.
func checkGap(t *testing.T, j *journal.Journal, last uint64, want mesh.Gap) {
	t.Helper()
	var got mesh.Gap
	for i, text := range readAll(t, j, last+1) {
		var event mesh.Event
		if err := json.Unmarshal([]byte(text), &event); err != nil || event.Gap == nil {
			if i == 0 {
				t.Fatalf("the first record after recovery is %q, want a gap", text)
			}
			continue
		}
		got.Denied += event.Gap.Denied
		got.Allowed += event.Gap.Allowed
		if event.Gap.Reason == "" || event.Gap.From.IsZero() || event.Gap.To.Before(event.Gap.From) {
			t.Errorf("the gap does not say when and why: %s", text)
		}
	}
	if got.Denied != want.Denied || got.Allowed != want.Allowed {
		t.Errorf("the gap counts %d denied and %d allowed, want %d and %d", got.Denied, got.Allowed, want.Denied, want.Allowed)
	}
}

// TestAGapSurvivesItsProcess ends a process while it loses decisions.
func TestAGapSurvivesItsProcess(t *testing.T) {
	t.Parallel()
	var writeErr, syncErr atomic.Pointer[error]
	dir := t.TempDir()
	opts := journal.WithLog(journal.Options{RetryInterval: time.Millisecond}, func(dir string, log journal.Log) journal.Log {
		return failingLog{log, dir, &writeErr, &syncErr}
	})
	j := open(t, dir, opts)
	appendText(t, j, "one")
	full := error(syscall.ENOSPC)
	writeErr.Store(&full)
	for range 2 {
		for range 3 {
			if _, err := j.Append(t.Context(), []journal.Record{{Data: []byte("lost"), Loss: journal.LossDenied}}); err == nil {
				t.Fatal("a record was taken while the disk was full")
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, dir, opts)
	}
	if got := j.Status().Unrecorded; got != 6 {
		t.Errorf("%d decisions are known to be unrecorded, want 6", got)
	}
	writeErr.Store(nil)
	waitFor(t, "the gap to be told", func() bool { return j.Status().Unrecorded == 0 })
	checkGap(t, j, 1, mesh.Gap{Denied: 6})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if s := open(t, dir, journal.Options{}).Status(); s.Unrecorded != 0 || s.LastSeq != 2 {
		t.Errorf("what was told is told again: %+v", s)
	}
}

// TestWhatWasRefusedIsNotThereAfterAKill ends a process that wrote whole
// records and could not sync them: those who appended were refused.
func TestWhatWasRefusedIsNotThereAfterAKill(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 1, 30} {
		t.Run(fmt.Sprintf("behind %d records", before), func(t *testing.T) {
			t.Parallel()
			var writeErr, syncErr atomic.Pointer[error]
			dir := t.TempDir()
			// It does not try again before it is closed, as if it was killed.
			opts := journal.WithLog(journal.Options{RetryInterval: time.Hour, SegmentBytes: 4 << 10}, func(dir string, log journal.Log) journal.Log {
				return failingLog{log, dir, &writeErr, &syncErr}
			})
			j := open(t, dir, opts)
			fill(t, j, before)
			full := error(syscall.ENOSPC)
			syncErr.Store(&full)
			for range 3 {
				if _, err := j.Append(t.Context(), []journal.Record{{Data: []byte("refused"), Loss: journal.LossDenied}}); err == nil {
					t.Fatal("a record was taken while the disk was full")
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 { // what was told once is not told again
				j = open(t, dir, journal.Options{})
				waitFor(t, "the gap to be told", func() bool { return j.Status().Unrecorded == 0 })
				checkGap(t, j, uint64(before), mesh.Gap{Denied: 3})
				if texts := readAll(t, j, uint64(before)+1); len(texts) != 1 || texts[0] == "refused" {
					t.Errorf("behind the last acknowledged record: %q, want the gap alone", texts)
				}
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// failingLog fails to write, after half of the bytes, or to sync.
type failingLog struct {
	journal.Log
	dir               string
	writeErr, syncErr *atomic.Pointer[error]
}

func (l failingLog) WriteBatch(b *wal.Batch) error {
	if err := l.writeErr.Load(); err != nil {
		files, _ := os.ReadDir(l.dir)
		f, openErr := os.OpenFile(l.dir+"/"+files[len(files)-1].Name(), os.O_APPEND|os.O_WRONLY, 0)
		if openErr != nil {
			return openErr
		}
		_, _ = io.WriteString(f, "\x80\x01aMj\x01half of a rec")
		_ = f.Close()
		return *err
	}
	return l.Log.WriteBatch(b)
}

func (l failingLog) Sync() error {
	if err := l.syncErr.Load(); err != nil {
		return *err
	}
	return l.Log.Sync()
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		write, sync error
	}{
		{"a write that breaks off without space", syscall.ENOSPC, nil},
		{"a write that breaks off", syscall.EIO, nil},
		{"a sync that fails", nil, syscall.EIO},
		{"a sync without space", nil, syscall.ENOSPC},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var writeErr, syncErr atomic.Pointer[error]
			dir := t.TempDir()
			changes := make(chan journal.Change, 10)
			opts := journal.WithLog(journal.Options{
				RetryInterval: time.Millisecond, SegmentBytes: 4 << 10, Notify: func(c journal.Change) { changes <- c },
			}, func(dir string, log journal.Log) journal.Log {
				return failingLog{log, dir, &writeErr, &syncErr}
			})
			j := open(t, dir, opts)
			fill(t, j, 10)
			if tt.write != nil {
				writeErr.Store(&tt.write)
			} else {
				syncErr.Store(&tt.sync)
			}
			for i := range 7 {
				loss := journal.LossAllowed
				if i < 3 {
					loss = journal.LossDenied
				}
				_, err := j.Append(t.Context(), []journal.Record{{Data: []byte("must not be seen"), Loss: loss}})
				if mesh.CodeOf(err) != mesh.CodeUnavailable {
					t.Fatalf("append %d: %v", i, err)
				}
				if cause := errors.Join(tt.write, tt.sync); i == 0 && !errors.Is(err, errors.Unwrap(cause)) && !strings.Contains(err.Error(), cause.Error()) {
					t.Errorf("the error does not name its cause: %v", err)
				}
			}
			if s := j.Status(); s.Writable || s.Unrecorded != 7 || s.LastSeq != 10 || s.Reason == "" {
				t.Errorf("status while it fails: %+v", s)
			}
			writeErr.Store(nil)
			syncErr.Store(nil)
			waitFor(t, "the gap to be told without another decision", func() bool { return j.Status().Unrecorded == 0 })
			if s := j.Status(); !s.Writable {
				t.Errorf("status afterwards: %+v", s)
			}
			if stopped, works := <-changes, <-changes; stopped.Err == nil || works.Err != nil || works.Gap.Denied != 3 || works.Gap.Allowed != 4 || len(changes) != 0 {
				t.Errorf("was told %+v and %+v and %d more", stopped, works, len(changes))
			}
			if seq := appendText(t, j, "after"); seq != 12 {
				t.Errorf("the sequence goes on at %d, want 12", seq)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, journal.Options{})
			checkGap(t, j, 10, mesh.Gap{Denied: 3, Allowed: 4})
			for _, text := range readAll(t, j, 1) {
				if text == "must not be seen" {
					t.Error("a record that was refused is in the journal")
				}
			}
		})
	}
}
