// Package ship delivers a runtime's journal to the hub.
//
// A [Shipper] is a cursor over the journal and nothing more: it reads what is
// behind the last acknowledged record, signs it as one batch
// (internal/auditlog), sends it and moves the cursor when the hub answers that
// it is durable. It keeps no queue, so there is nothing to lose: a hub that is
// gone, slow or refuses makes it wait, a restart makes it read on from the
// cursor, and what the hub then gets twice it stores once.
package ship

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auditlog"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

const (
	// linger is how long a batch may grow before it is sent. It is what a
	// record waits when the hub is up and idle.
	linger = 50 * time.Millisecond
	// minBackoff and maxBackoff bound the pause after a failure.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
	// refusedBackoff follows an answer that asking again will hardly change.
	refusedBackoff = 30 * time.Second
	// sendTimeout bounds one delivery.
	sendTimeout = 30 * time.Second
	// maxRecordBytes is what the records of a batch may take; the rest of
	// [hubapi.MaxBatchBytes] is for what surrounds them.
	maxRecordBytes = hubapi.MaxBatchBytes - 64<<10
)

// Sender takes batches: a [hubapi.Client].
type Sender interface {
	SendBatch(ctx context.Context, b hubapi.Batch) (hubapi.BatchAck, error)
}

// Session is an enrolment that is in force.
type Session struct {
	RuntimeID mesh.RuntimeID
	Key       ed25519.PrivateKey
	Sender    Sender
}

// Connect returns the session in force. It blocks until the runtime is
// enrolled or ctx is done.
type Connect func(ctx context.Context) (Session, error)

// Status says how delivery goes.
type Status struct {
	AckedThrough uint64    `json:"ackedThrough"`
	Lag          uint64    `json:"lag"` // records that the hub has not acknowledged
	LastAck      time.Time `json:"lastAck,omitzero"`
	Error        string    `json:"error,omitzero"` // why the last attempt failed; empty if it did not
}

// Shipper delivers one journal.
type Shipper struct {
	journal *journal.Journal
	connect Connect
	logger  *slog.Logger

	mu      sync.Mutex
	lastAck time.Time
	lastErr error
}

// New returns a shipper. It does nothing until Run.
func New(j *journal.Journal, connect Connect, logger *slog.Logger) *Shipper {
	return &Shipper{journal: j, connect: connect, logger: logger}
}

// Status returns how delivery goes.
func (s *Shipper) Status() Status {
	j := s.journal.Status()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{AckedThrough: j.Shipped, Lag: j.LastSeq - j.Shipped, LastAck: s.lastAck}
	if s.lastErr != nil {
		st.Error = s.lastErr.Error()
	}
	return st
}

// Run delivers until ctx is done, then returns nil. An error means that the
// journal is closed.
func (s *Shipper) Run(ctx context.Context) error {
	failures := 0
	for {
		if err := s.journal.Wait(ctx, s.journal.AckedThrough()); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if st := s.journal.Status(); st.LastSeq-st.Shipped < hubapi.MaxBatchRecords && !pause(ctx, linger) {
			return nil
		}
		err := s.deliver(ctx)
		if ctx.Err() != nil {
			return nil
		}
		s.note(ctx, err, failures)
		if err == nil {
			failures = 0
			continue
		}
		failures++
		if !pause(ctx, backoff(err, failures)) {
			return nil
		}
	}
}

// Flush delivers what the journal holds now, as long as ctx and the hub allow.
func (s *Shipper) Flush(ctx context.Context) error {
	for through := s.journal.Status().LastSeq; s.journal.AckedThrough() < through; {
		if err := s.deliver(ctx); err != nil {
			return err
		}
	}
	return nil
}

// deliver sends one batch and moves the cursor.
func (s *Shipper) deliver(ctx context.Context) error {
	session, err := s.connect(ctx)
	if err != nil {
		return err
	}
	first := s.journal.AckedThrough() + 1
	records, err := s.journal.Read(first, hubapi.MaxBatchRecords, maxRecordBytes)
	if err != nil || len(records) == 0 {
		return err
	}
	batch := hubapi.Batch{RuntimeID: session.RuntimeID, JournalID: s.journal.ID(), FirstSeq: first, Records: make([]json.RawMessage, len(records))}
	for i, r := range records {
		batch.Records[i] = r.Data
	}
	origin := auditlog.Origin{RuntimeID: batch.RuntimeID, JournalID: batch.JournalID, FirstSeq: first}
	if batch.Root, batch.Signature, err = auditlog.SignBatch(session.Key, origin, batch.Records); err != nil {
		return err
	}
	sendCtx, cancel := context.WithTimeoutCause(ctx, sendTimeout, errTimeout())
	defer cancel()
	ack, err := session.Sender.SendBatch(sendCtx, batch)
	if err != nil {
		return s.follow(ctx, err, first)
	}
	return s.acknowledge(ctx, ack, first)
}

// acknowledge moves the cursor to what the hub has durably. A hub that says
// less than it was sent gets the rest again; one that says more, or another
// journal, is not believed.
func (s *Shipper) acknowledge(ctx context.Context, ack hubapi.BatchAck, first uint64) error {
	last := s.journal.Status().LastSeq
	if ack.JournalID != s.journal.ID() || ack.AckedThrough < first || ack.AckedThrough > last {
		return mesh.Errorf(mesh.CodeConflict, "the hub acknowledged record %d of journal %s; it was sent records of %s from %d on, of which there are %d",
			ack.AckedThrough, ack.JournalID, s.journal.ID(), first, last).
			WithHint("check that the hub was not restored from a backup or replaced")
	}
	s.move(ctx, ack.AckedThrough)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastAck = time.Now().UTC()
	return nil
}

// follow goes back to where the hub is if it says that records are missing in
// front of the batch, as a hub does that was restored from a backup.
func (s *Shipper) follow(ctx context.Context, err error, first uint64) error {
	if mesh.CodeOf(err) != mesh.CodeSequence {
		return err
	}
	through, ok := hubapi.AckedThrough(err)
	st := s.journal.Status()
	switch {
	case !ok || through+1 == first || through > st.LastSeq:
		return err // it makes no sense, so nothing moves
	case through+1 < st.FirstSeq:
		return mesh.Errorf(mesh.CodeConflict, "the hub has the journal up to record %d, and records up to %d were removed here because it had acknowledged them",
			through, st.FirstSeq-1).WithHint("restore the hub from a later backup; the records behind that stay here until then")
	}
	s.logger.WarnContext(ctx, "the hub asks for records again", slog.Uint64("from", through+1), slog.Uint64("sent", first))
	s.move(ctx, through)
	return nil
}

func (s *Shipper) move(ctx context.Context, through uint64) {
	if err := s.journal.Advance(journal.Shipped, through); err != nil {
		s.logger.WarnContext(ctx, "the acknowledged place in the journal was not stored", slog.Any("error", err))
	}
}

// note remembers the outcome and logs when it changes.
func (s *Shipper) note(ctx context.Context, err error, failures int) {
	s.mu.Lock()
	s.lastErr = err
	s.mu.Unlock()
	switch {
	case err == nil && failures > 0:
		s.logger.InfoContext(ctx, "records reach the hub again", slog.Int("failures", failures))
	case err != nil && failures == 0:
		s.logger.WarnContext(ctx, "records do not reach the hub; they stay in the journal", slog.Any("error", err), slog.String("hint", mesh.HintOf(err)))
	}
}

// backoff is the pause after the n-th failure in a row, with jitter: many
// runtimes must not return to a hub at the same moment.
func backoff(err error, n int) time.Duration {
	limit := maxBackoff
	switch mesh.CodeOf(err) {
	case mesh.CodeInvalid, mesh.CodeConflict, mesh.CodeForbidden, mesh.CodeSignatureRefused, mesh.CodeTooLarge:
		limit = refusedBackoff
	}
	d := min(minBackoff<<min(n-1, 16), limit)
	return d/2 + rand.N(d/2+1)
}

// pause waits; it reports false if ctx was done first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// errTimeout is why a delivery was given up.
func errTimeout() error {
	return errors.New("the hub did not acknowledge a batch within " + sendTimeout.String())
}
