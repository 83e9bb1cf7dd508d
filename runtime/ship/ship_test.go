package ship_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/runtime/hubtest"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/ship"
)

// enrolled returns how a shipper connects to the hub as a new runtime.
func enrolled(t *testing.T, h *hubtest.Hub) ship.Connect {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := hubapi.NewClient(h.URL(), hubtest.EnrolToken, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Enrol(t.Context(), hubapi.EnrolRequest{Name: "test", PublicKey: base64.StdEncoding.EncodeToString(public)})
	if err != nil {
		t.Fatal(err)
	}
	if client, err = hubapi.NewClient(h.URL(), res.Token, nil); err != nil {
		t.Fatal(err)
	}
	return func(context.Context) (ship.Session, error) {
		return ship.Session{RuntimeID: res.ID, Key: key, Sender: client}, nil
	}
}

func openJournal(t *testing.T, opts journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.TempDir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// record appends n decisions whose request ids are their sequence.
func record(t *testing.T, j *journal.Journal, n int) {
	t.Helper()
	for range n {
		d := &mesh.DecisionRecord{RequestID: fmt.Sprint(j.Status().LastSeq + 1), Environment: "<&>\u2028 must arrive byte by byte"}
		data, err := json.Marshal(mesh.Event{Kind: mesh.EventDecision, Time: time.Now(), Decision: d})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Append(t.Context(), []journal.Record{{Data: data, Local: []byte("never leaves the machine")}}); err != nil {
			t.Fatal(err)
		}
	}
}

// start runs a shipper until the test ends.
func start(t *testing.T, j *journal.Journal, connect ship.Connect) *ship.Shipper {
	t.Helper()
	s := ship.New(j, connect, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the shipper ended with %v", err)
		}
	})
	return s
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// checkAll wants records 1 to n at the hub, each once and in order.
func checkAll(t *testing.T, h *hubtest.Hub, j *journal.Journal, n int) {
	t.Helper()
	events := h.Events(t, j.ID())
	if len(events) != n {
		t.Fatalf("the hub has %d records, want %d", len(events), n)
	}
	for i, e := range events {
		if want := fmt.Sprint(i + 1); e.Decision.RequestID != want {
			t.Fatalf("record %d at the hub is decision %s", i+1, e.Decision.RequestID)
		}
	}
}

func TestRecordsArriveSoon(t *testing.T) {
	t.Parallel()
	h, j := hubtest.New(t), openJournal(t, journal.Options{})
	s := start(t, j, enrolled(t, h))
	record(t, j, 3)
	began := time.Now()
	waitFor(t, "the acknowledgement", func() bool { return j.AckedThrough() == 3 })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("delivery took %v", took)
	}
	checkAll(t, h, j, 3)
	waitFor(t, "the status", func() bool { st := s.Status(); return st.Lag == 0 && st.Error == "" && !st.LastAck.IsZero() })
}

func TestABacklogGoesInBatchesWithinTheBounds(t *testing.T) {
	t.Parallel()
	h, j := hubtest.New(t), openJournal(t, journal.Options{})
	record(t, j, 20)
	large := strings.Repeat("y", 900_000)
	for range 20 {
		data := fmt.Appendf(nil, `{"kind":"decision","time":"2026-01-01T00:00:00Z","decision":{"requestId":"%d","environment":%q}}`, j.Status().LastSeq+1, large)
		if _, err := j.Append(t.Context(), []journal.Record{{Data: data}}); err != nil {
			t.Fatal(err)
		}
	}
	start(t, j, enrolled(t, h))
	waitFor(t, "the backlog", func() bool { return j.AckedThrough() == 40 })
	checkAll(t, h, j, 40)
	if n := h.Batches(); n < 3 || n > 10 {
		t.Errorf("%d batches for 18 MB", n)
	}
}

func TestAHubThatFailsLosesNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []mesh.Code{mesh.CodeUnavailable, mesh.CodeRateLimited, mesh.CodeInternal, mesh.CodeUnauthenticated} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			h, j := hubtest.New(t), openJournal(t, journal.Options{})
			connect := enrolled(t, h)
			var tries atomic.Int64
			h.Fail(func(*http.Request) error { tries.Add(1); return mesh.Errorf(code, "not now") })
			s := start(t, j, connect)
			record(t, j, 5)
			waitFor(t, "a second try", func() bool { return tries.Load() >= 2 })
			if st := s.Status(); st.Lag != 5 || st.Error == "" {
				t.Errorf("status while the hub fails: %+v", st)
			}
			h.Fail(nil)
			waitFor(t, "the acknowledgement", func() bool { return j.AckedThrough() == 5 })
			checkAll(t, h, j, 5)
		})
	}
}

// TestAnAnswerThatIsLost delivers a batch whose acknowledgement never comes.
func TestAnAnswerThatIsLost(t *testing.T) {
	t.Parallel()
	h, j := hubtest.New(t), openJournal(t, journal.Options{})
	connect := enrolled(t, h)
	var lost atomic.Bool
	losing := func(ctx context.Context) (ship.Session, error) {
		s, err := connect(ctx)
		s.Sender = senderFunc(func(ctx context.Context, b hubapi.Batch) (hubapi.BatchAck, error) {
			inner, _ := connect(ctx)
			ack, err := inner.Sender.SendBatch(ctx, b)
			if lost.CompareAndSwap(false, true) {
				return hubapi.BatchAck{}, mesh.Errorf(mesh.CodeUnavailable, "the connection broke")
			}
			return ack, err
		})
		return s, err
	}
	record(t, j, 4)
	start(t, j, losing)
	waitFor(t, "the acknowledgement", func() bool { return j.AckedThrough() == 4 })
	checkAll(t, h, j, 4)
	if n := h.Batches(); n != 2 {
		t.Errorf("%d batches, want the same one twice", n)
	}
}

type senderFunc func(context.Context, hubapi.Batch) (hubapi.BatchAck, error)

func (f senderFunc) SendBatch(ctx context.Context, b hubapi.Batch) (hubapi.BatchAck, error) {
	return f(ctx, b)
}

func TestAHubRestoredFromABackupGetsWhatItLacks(t *testing.T) {
	t.Parallel()
	h, j := hubtest.New(t), openJournal(t, journal.Options{})
	start(t, j, enrolled(t, h))
	record(t, j, 10)
	waitFor(t, "the acknowledgement", func() bool { return j.AckedThrough() == 10 })
	h.Truncate(j.ID(), 4)
	record(t, j, 1)
	waitFor(t, "the hub to have all again", func() bool { return len(h.Events(t, j.ID())) == 11 })
	checkAll(t, h, j, 11)
}

func TestAnAcknowledgementThatCannotBeIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, ack := range map[string]func(*journal.Journal) hubapi.BatchAck{
		"of another journal": func(*journal.Journal) hubapi.BatchAck { return hubapi.BatchAck{JournalID: "jr_other", AckedThrough: 2} },
		"beyond the end":     func(j *journal.Journal) hubapi.BatchAck { return hubapi.BatchAck{JournalID: j.ID(), AckedThrough: 99} },
		"of nothing":         func(j *journal.Journal) hubapi.BatchAck { return hubapi.BatchAck{JournalID: j.ID()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := openJournal(t, journal.Options{})
			record(t, j, 2)
			_, key, err := ed25519.GenerateKey(nil)
			if err != nil {
				t.Fatal(err)
			}
			s := ship.New(j, func(context.Context) (ship.Session, error) {
				return ship.Session{RuntimeID: "rt_1", Key: key, Sender: senderFunc(func(context.Context, hubapi.Batch) (hubapi.BatchAck, error) {
					return ack(j), nil
				})}, nil
			}, slog.New(slog.DiscardHandler))
			if err := s.Flush(t.Context()); mesh.CodeOf(err) != mesh.CodeConflict {
				t.Errorf("Flush = %v, want a conflict", err)
			}
			if got := j.AckedThrough(); got != 0 {
				t.Errorf("the cursor moved to %d", got)
			}
		})
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	j := openJournal(t, journal.Options{})
	record(t, j, 1)
	s := ship.New(j, func(ctx context.Context) (ship.Session, error) {
		<-ctx.Done()
		return ship.Session{}, context.Cause(ctx)
	}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Flush(ctx); err == nil {
		t.Error("flushed without a hub")
	}
}
