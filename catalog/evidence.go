package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

// KindMalformed marks a record of a journal that is stored but cannot be
// read. It is no kind of event a runtime writes.
const KindMalformed mesh.EventKind = "malformed"

// EvidenceBatch is a verified batch, ready to be stored.
type EvidenceBatch struct {
	RuntimeID  mesh.RuntimeID
	JournalID  mesh.JournalID
	FirstSeq   uint64
	Records    []EvidenceRecord // Records[i] has sequence FirstSeq + i
	Root       string
	Signature  string
	ReceivedAt time.Time
}

// EvidenceRecord is one record of a journal and what was read in it.
type EvidenceRecord struct {
	Body      []byte // the journal's own bytes
	Kind      mesh.EventKind
	Problem   string // why Kind is KindMalformed
	RequestID string
	AgentID   mesh.AgentID
	Outcome   string
	Touches   []Touch // what it adds to the posture
}

// Touch is what one decision adds to the posture of one control.
type Touch struct {
	Control    mesh.ControlID
	At         time.Time
	Denied     bool
	Violations map[mesh.Severity]int64 // of the control's rules
}

// EvidenceWriter stores evidence.
type EvidenceWriter interface {
	// AppendEvidence stores the records that are not there yet, adds them to
	// the roll-ups and advances the journal, in one transaction that is
	// durable when it returns. It returns up to where the journal is now held.
	//
	// A batch that leaves a gap is [mesh.CodeSequence], made by
	// [hubapi.SequenceError]. A record that is there with other bytes is
	// [mesh.CodeConflict]. Nothing is stored then.
	AppendEvidence(ctx context.Context, tenant mesh.TenantID, b EvidenceBatch) (ackedThrough uint64, err error)
}

// StoredDecision is a decision as a store returns it.
type StoredDecision struct {
	ID        int64 // grows in the order of arrival
	RuntimeID mesh.RuntimeID
	JournalID mesh.JournalID
	Seq       uint64
	Signature string // of the batch it came in
	Record    []byte // a mesh.Event with a Decision
}

// DecisionFilter is what a store is asked for.
type DecisionFilter struct {
	RequestID string
	RuntimeID mesh.RuntimeID
	AgentID   mesh.AgentID
	Outcome   string
}

// DecisionStore reads decisions. Both lists hold at most limit elements.
type DecisionStore interface {
	// DecisionsBefore lists decisions newest first, those that arrived before
	// an id; 0 begins with the newest.
	DecisionsBefore(ctx context.Context, tenant mesh.TenantID, f DecisionFilter, before int64, limit int) ([]StoredDecision, error)
	// DecisionsAfter lists decisions oldest first, those that arrived after an
	// id.
	DecisionsAfter(ctx context.Context, tenant mesh.TenantID, f DecisionFilter, after int64, limit int) ([]StoredDecision, error)
	// LastEvidence returns the id of what arrived last, 0 for nothing.
	LastEvidence(ctx context.Context, tenant mesh.TenantID) (int64, error)
}

// Evidence answers what was decided. It is safe for concurrent use.
type Evidence struct {
	store  DecisionStore
	notify *Notifier
}

// NewEvidence returns the service.
func NewEvidence(store DecisionStore, n *Notifier) *Evidence {
	return &Evidence{store: store, notify: n}
}

const (
	cursorDecisions = "decisions"

	// AfterNow follows from now on.
	AfterNow = "now"
)

// Decisions lists decisions: the newest first or, if After is set, what came
// in behind it, the oldest first, waiting up to Wait for the first. The next
// of a page that follows is always set and is where to go on. stop ends the
// wait early; nil never does.
func (e *Evidence) Decisions(ctx context.Context, tenant mesh.TenantID, q hubapi.DecisionQuery, stop <-chan struct{}) (hubapi.Page[hubapi.Decision], error) {
	none := hubapi.Page[hubapi.Decision]{Items: []hubapi.Decision{}}
	switch q.Outcome {
	case "", mesh.OutcomeAllowed, mesh.OutcomeDenied:
	default:
		return none, mesh.Errorf(mesh.CodeInvalid, "there is no outcome %q", q.Outcome).WithHint("use allowed or denied")
	}
	f := DecisionFilter{RequestID: q.RequestID, RuntimeID: q.RuntimeID, AgentID: q.AgentID, Outcome: q.Outcome}
	if q.After != "" {
		return e.follow(ctx, tenant, f, q, stop)
	}
	stored, err := paged(cursorDecisions, q.Cursor, q.Limit, func(key string, n int) ([]StoredDecision, error) {
		before, err := parseEventID(key)
		if err != nil {
			return nil, err
		}
		return e.store.DecisionsBefore(ctx, tenant, f, before, n)
	}, func(d StoredDecision) string { return strconv.FormatInt(d.ID, 10) })
	if err != nil {
		return none, err
	}
	items, err := describeAll(tenant, stored.Items)
	return hubapi.Page[hubapi.Decision]{Items: items, Next: stored.Next}, err
}

func parseEventID(key string) (int64, error) {
	if key == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil || id < 0 {
		return 0, mesh.Errorf(mesh.CodeInvalid, "the cursor is not one of decisions")
	}
	return id, nil
}

// follow lists what arrived behind a cursor and waits if that is nothing.
func (e *Evidence) follow(ctx context.Context, tenant mesh.TenantID, f DecisionFilter, q hubapi.DecisionQuery, stop <-chan struct{}) (hubapi.Page[hubapi.Decision], error) {
	none := hubapi.Page[hubapi.Decision]{Items: []hubapi.Decision{}}
	limit, err := Limit(q.Limit)
	if err != nil {
		return none, err
	}
	after, err := e.followFrom(ctx, tenant, q.After)
	if err != nil {
		return none, err
	}
	timeout := time.NewTimer(min(q.Wait, hubapi.MaxWait))
	defer timeout.Stop()
	for {
		changed := e.notify.Watch(TopicEvidence)
		stored, err := e.store.DecisionsAfter(ctx, tenant, f, after, limit)
		if err != nil {
			return none, fmt.Errorf("following decisions: %w", err)
		}
		if len(stored) > 0 || q.Wait <= 0 {
			return e.followed(tenant, stored, after)
		}
		select {
		case <-changed:
		case <-timeout.C:
			return e.followed(tenant, nil, after)
		case <-stop:
			return e.followed(tenant, nil, after)
		case <-ctx.Done():
			return none, errGone(ctx)
		}
	}
}

func (e *Evidence) followFrom(ctx context.Context, tenant mesh.TenantID, after string) (int64, error) {
	if after == AfterNow {
		return e.store.LastEvidence(ctx, tenant)
	}
	key, err := decodeCursor(cursorDecisions, after)
	if err != nil {
		return 0, err
	}
	return parseEventID(key)
}

func (e *Evidence) followed(tenant mesh.TenantID, stored []StoredDecision, after int64) (hubapi.Page[hubapi.Decision], error) {
	if len(stored) > 0 {
		after = stored[len(stored)-1].ID
	}
	items, err := describeAll(tenant, stored)
	return hubapi.Page[hubapi.Decision]{Items: items, Next: encodeCursor(cursorDecisions, strconv.FormatInt(after, 10))}, err
}

func describeAll(tenant mesh.TenantID, stored []StoredDecision) ([]hubapi.Decision, error) {
	items := make([]hubapi.Decision, 0, len(stored))
	for _, s := range stored {
		d, err := describe(tenant, s)
		if err != nil {
			return nil, err
		}
		items = append(items, d)
	}
	return items, nil
}

// describe reads a stored decision. The tenant is the one the runtime is
// enrolled in, whatever the record says.
func describe(tenant mesh.TenantID, s StoredDecision) (hubapi.Decision, error) {
	var event mesh.Event
	if err := json.Unmarshal(s.Record, &event); err != nil {
		return hubapi.Decision{}, fmt.Errorf("reading record %d of journal %s: %w", s.Seq, s.JournalID, err)
	}
	if event.Decision == nil {
		return hubapi.Decision{}, fmt.Errorf("record %d of journal %s holds no decision", s.Seq, s.JournalID)
	}
	d := event.Decision
	entry := d.Entry
	entry.TenantID, entry.Signature = tenant, s.Signature
	entry.PolicyEvaluations = list(entry.PolicyEvaluations)
	return hubapi.Decision{
		AuditEntry: entry, RequestID: d.RequestID, RuntimeID: s.RuntimeID, JournalID: s.JournalID, Seq: s.Seq,
		Mode: d.Mode, WouldAllow: d.WouldAllow, Evaluated: d.Evaluated, AgentAsserted: d.AgentAsserted,
		Violations: list(d.Violations), Obligations: list(d.Obligations), Errors: d.Errors, Bundles: list(d.Bundles),
	}, nil
}
