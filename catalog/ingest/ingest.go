// Package ingest takes the evidence that runtimes deliver.
//
// [Service.Batch] decodes a batch, checks that it comes from the runtime that
// signed it and continues its journal, reads what each record adds to the
// posture, and has everything stored in one transaction. The acknowledgment is
// given only after that transaction is durable, because the runtime forgets
// what was acknowledged.
//
// A record the hub cannot read is evidence too: it is stored as it is, marked
// as malformed, and does not hold up those behind it. What a record says about
// its tenant is not believed; the runtime's enrolment says it.
package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auditlog"
	"github.com/ai-agent-mesh/mesh/internal/auth"
)

// maxField bounds the fields of a record that are indexed. A longer one is no
// reason to refuse evidence; it is not found by that field.
const maxField = 512

// Runtimes knows who is enrolled.
type Runtimes interface {
	// Runtime returns the runtime with an id. [mesh.CodeNotFound] if there is
	// none.
	Runtime(ctx context.Context, tenant mesh.TenantID, idOrName string) (catalog.RuntimeRecord, error)
}

// Observer is told what was stored, for metrics. It must not block.
type Observer interface {
	// Ingested is called after a batch became durable.
	Ingested(records, malformed int, took time.Duration)
}

// Service takes batches. It is safe for concurrent use.
type Service struct {
	runtimes Runtimes
	store    catalog.EvidenceWriter
	notify   *catalog.Notifier
	observer Observer
	now      func() time.Time
}

// New returns the service. What arrives is announced on
// [catalog.TopicEvidence]. The observer may be nil.
func New(r Runtimes, store catalog.EvidenceWriter, n *catalog.Notifier, obs Observer) *Service {
	return &Service{runtimes: r, store: store, notify: n, observer: obs, now: time.Now}
}

// Batch stores a batch, the JSON of a [hubapi.Batch] of at most
// [hubapi.MaxBatchBytes], that a principal delivers, and says up to where the
// journal is now held. Delivering it again is no error and stores nothing.
//
// Errors: [mesh.CodeInvalid] and [mesh.CodeTooLarge] for what is no batch,
// [mesh.CodeForbidden] and [mesh.CodeUnauthenticated] if the principal is not
// the batch's runtime, [mesh.CodeSignatureRefused], [mesh.CodeSequence] (see
// [hubapi.AckedThrough]) if records are missing before it, and
// [mesh.CodeConflict] if it contradicts what was delivered before. Nothing is
// stored then.
func (s *Service) Batch(ctx context.Context, p auth.Principal, data []byte) (hubapi.BatchAck, error) {
	start := s.now()
	b, err := Decode(data)
	if err != nil {
		return hubapi.BatchAck{}, err
	}
	if p.Kind != auth.KindRuntime {
		// Not even an administrator speaks for a runtime.
		return hubapi.BatchAck{}, notTheRuntime(p)
	}
	if err := p.RequireRuntime(b.RuntimeID); err != nil {
		return hubapi.BatchAck{}, err
	}
	if err := s.verify(ctx, p.Tenant, b); err != nil {
		return hubapi.BatchAck{}, err
	}
	batch := catalog.EvidenceBatch{
		RuntimeID: b.RuntimeID, JournalID: b.JournalID, FirstSeq: b.FirstSeq,
		Root: b.Root, Signature: b.Signature, ReceivedAt: start,
		Records: make([]catalog.EvidenceRecord, len(b.Records)),
	}
	malformed := 0
	for i, body := range b.Records {
		batch.Records[i] = Record(body)
		if batch.Records[i].Kind == catalog.KindMalformed {
			malformed++
		}
	}
	acked, err := s.store.AppendEvidence(ctx, p.Tenant, batch)
	if err != nil {
		return hubapi.BatchAck{}, fmt.Errorf("storing records %d and following: %w", b.FirstSeq, err)
	}
	s.notify.Notify(catalog.TopicEvidence)
	if s.observer != nil {
		s.observer.Ingested(len(b.Records), malformed, s.now().Sub(start))
	}
	return hubapi.BatchAck{JournalID: b.JournalID, AckedThrough: acked}, nil
}

func notTheRuntime(p auth.Principal) error {
	if !p.Known() {
		return p.RequireKnown()
	}
	return mesh.Errorf(mesh.CodeForbidden, "evidence is delivered with the runtime's own token").
		WithHint("use the token that enrolling the runtime returned")
}

// Decode reads a batch and checks its bounds. It does not look into the
// records.
func Decode(data []byte) (*hubapi.Batch, error) {
	if len(data) > hubapi.MaxBatchBytes {
		return nil, mesh.Errorf(mesh.CodeTooLarge, "the batch has %d bytes, more than the %d allowed", len(data), hubapi.MaxBatchBytes).
			WithHint("send fewer records at a time")
	}
	// Not httpx.DecodeJSON, which refuses repeated names at any depth: what is
	// wrong within a record must not refuse those around it.
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var b hubapi.Batch
	if err := dec.Decode(&b); err != nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "the batch is not JSON as the API document describes it: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, mesh.Errorf(mesh.CodeInvalid, "something follows the batch")
	}
	switch n := len(b.Records); {
	case n == 0:
		return nil, mesh.Errorf(mesh.CodeInvalid, "the batch has no records")
	case n > hubapi.MaxBatchRecords:
		return nil, mesh.Errorf(mesh.CodeTooLarge, "the batch has %d records, more than the %d allowed", n, hubapi.MaxBatchRecords).
			WithHint("send fewer records at a time")
	case b.RuntimeID == "" || b.JournalID == "":
		return nil, mesh.Errorf(mesh.CodeInvalid, "the batch does not say which journal of which runtime it is from")
	case b.FirstSeq == 0 || b.FirstSeq > math.MaxInt64-hubapi.MaxBatchRecords:
		return nil, mesh.Errorf(mesh.CodeInvalid, "firstSeq %d is no sequence; they start at 1", b.FirstSeq)
	}
	return &b, nil
}

// verify checks the batch against the key its runtime was enrolled with.
func (s *Service) verify(ctx context.Context, tenant mesh.TenantID, b *hubapi.Batch) error {
	rec, err := s.runtimes.Runtime(ctx, tenant, string(b.RuntimeID))
	if err != nil {
		return fmt.Errorf("looking for runtime %s: %w", b.RuntimeID, err)
	}
	key, err := catalog.ParseRuntimeKey(rec.PublicKey)
	if err != nil {
		return mesh.Errorf(mesh.CodeInternal, "the stored key of runtime %s: %w", rec.ID, err)
	}
	origin := auditlog.Origin{RuntimeID: b.RuntimeID, JournalID: b.JournalID, FirstSeq: b.FirstSeq}
	return auditlog.VerifyBatch(key, origin, b.Records, b.Root, b.Signature)
}

// Record reads one record of a journal. It never fails: what is not readable
// is a record of kind [catalog.KindMalformed].
func Record(body []byte) catalog.EvidenceRecord {
	r := catalog.EvidenceRecord{Body: body}
	malformed := func(problem string) catalog.EvidenceRecord {
		return catalog.EvidenceRecord{Body: body, Kind: catalog.KindMalformed, Problem: clip(problem)}
	}
	var e mesh.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return malformed(err.Error())
	}
	r.Kind = e.Kind
	switch e.Kind {
	case mesh.EventDecision, mesh.EventEvaluation:
		if e.Decision == nil {
			return malformed("a " + string(e.Kind) + " without its decision")
		}
	case mesh.EventGap:
		if e.Gap == nil {
			return malformed("a gap without its extent")
		}
		return r
	case mesh.EventRefusal:
		if e.Refusal == nil {
			return malformed("a refusal without its reason")
		}
		return r
	case mesh.EventSet:
		return r
	default:
		return malformed("unknown kind " + string(e.Kind))
	}
	d := e.Decision
	switch d.Entry.Outcome {
	case mesh.OutcomeAllowed, mesh.OutcomeDenied:
	default:
		return malformed("unknown outcome " + d.Entry.Outcome)
	}
	r.RequestID, r.AgentID, r.Outcome = indexed(d.RequestID), mesh.AgentID(indexed(string(d.Entry.AgentID))), d.Entry.Outcome
	r.Touches = touches(e.Time, d)
	return r
}

// indexed returns s if it is short enough to be found by.
func indexed(s string) string {
	if len(s) > maxField {
		return ""
	}
	return s
}

func clip(s string) string {
	if len(s) > maxField {
		return s[:maxField]
	}
	return s
}

// touches collects the controls a decision touched: those of every rule that
// looked at the action, and the violations of each control's rules.
func touches(at time.Time, d *mesh.DecisionRecord) []catalog.Touch {
	if !d.Evaluated {
		return nil // its evaluation follows as a record of its own
	}
	if at.IsZero() {
		at = d.Entry.Timestamp
	}
	var order []mesh.ControlID
	found := map[mesh.ControlID]*catalog.Touch{}
	touch := func(id mesh.ControlID) *catalog.Touch {
		t, ok := found[id]
		if !ok {
			t = &catalog.Touch{Control: id, At: at, Denied: d.Entry.Outcome == mesh.OutcomeDenied}
			found[id] = t
			order = append(order, id)
		}
		return t
	}
	for _, p := range d.Entry.PolicyEvaluations {
		for _, id := range p.Controls {
			touch(id)
		}
	}
	for _, v := range d.Violations {
		for _, id := range v.Controls {
			t := touch(id)
			if t.Violations == nil {
				t.Violations = map[mesh.Severity]int64{}
			}
			t.Violations[v.Severity]++
		}
	}
	out := make([]catalog.Touch, 0, len(order))
	for _, id := range order {
		if id.Framework() != "" && len(id) <= maxField {
			out = append(out, *found[id])
		}
	}
	return out
}
