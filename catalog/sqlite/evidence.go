package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/catalog/posture"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

const (
	selectAcked = `SELECT acked_through FROM journal WHERE tenant = ?1 AND runtime = ? AND journal = ?`

	selectRecords = `SELECT seq, record FROM event
		WHERE tenant = ?1 AND runtime = ? AND journal = ? AND seq BETWEEN ? AND ?`

	insertBatch = `INSERT INTO batch (tenant, runtime, journal, first_seq, records, root, signature, received_at)
		VALUES (?1, ?, ?, ?, ?, ?, ?, ?) RETURNING id`

	insertEvent = `INSERT INTO event (tenant, runtime, journal, seq, batch, kind, problem, request_id, agent, outcome, record)
		VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	upsertJournal = `INSERT INTO journal (tenant, runtime, journal, acked_through, malformed, updated_at)
		VALUES (?1, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, runtime, journal) DO UPDATE SET acked_through = excluded.acked_through,
			malformed = malformed + excluded.malformed, updated_at = excluded.updated_at`

	upsertControlCount = `INSERT INTO posture_control (tenant, framework, control, day, decisions, allowed, denied,
			violations, low, medium, high, critical, last_at)
		VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, framework, control, day) DO UPDATE SET
			decisions = decisions + excluded.decisions, allowed = allowed + excluded.allowed,
			denied = denied + excluded.denied, violations = violations + excluded.violations,
			low = low + excluded.low, medium = medium + excluded.medium, high = high + excluded.high,
			critical = critical + excluded.critical, last_at = max(last_at, excluded.last_at)`

	upsertFrameworkCount = `INSERT INTO posture_framework (tenant, framework, day, decisions) VALUES (?1, ?, ?, ?)
		ON CONFLICT (tenant, framework, day) DO UPDATE SET decisions = decisions + excluded.decisions`
)

// AppendEvidence implements [catalog.EvidenceWriter].
func (s *Store) AppendEvidence(ctx context.Context, tenant mesh.TenantID, b catalog.EvidenceBatch) (acked uint64, err error) {
	last := b.FirstSeq + uint64(len(b.Records)) - 1
	err = s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		err := tx.QueryRow(selectAcked, b.RuntimeID, b.JournalID).Scan(&acked)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("reading how far the journal is: %w", err)
		}
		if b.FirstSeq > acked+1 {
			return hubapi.SequenceError(acked, b.FirstSeq)
		}
		if b.FirstSeq <= acked {
			if err := compareRecords(tx, b, min(acked, last)); err != nil {
				return err
			}
		}
		if last <= acked {
			return nil // delivered before
		}
		fresh := b.Records[acked+1-b.FirstSeq:]
		if err := insertEvidence(tx, b, acked+1, fresh); err != nil {
			return err
		}
		acked = last
		return nil
	})
	return acked, err
}

// compareRecords refuses a batch that says something else of records that are
// stored: a journal's past does not change.
func compareRecords(tx *sqlite.Tx, b catalog.EvidenceBatch, through uint64) error {
	return tx.Each(func(scan func(...any) error) error {
		var seq uint64
		var stored sql.RawBytes
		if err := scan(&seq, &stored); err != nil {
			return err
		}
		if !bytes.Equal(stored, b.Records[seq-b.FirstSeq].Body) {
			return mesh.Errorf(mesh.CodeConflict, "record %d of journal %s differs from the one delivered before", seq, b.JournalID).
				WithHint("a journal that was restored from a copy must not go on: move it away, the runtime then begins a new one")
		}
		return nil
	}, selectRecords, b.RuntimeID, b.JournalID, b.FirstSeq, through)
}

func insertEvidence(tx *sqlite.Tx, b catalog.EvidenceBatch, first uint64, fresh []catalog.EvidenceRecord) error {
	var batch int64
	err := tx.QueryRow(insertBatch, b.RuntimeID, b.JournalID, b.FirstSeq, len(b.Records), b.Root, b.Signature, micros(b.ReceivedAt)).Scan(&batch)
	if err != nil {
		return fmt.Errorf("writing the batch: %w", err)
	}
	malformed := 0
	for i, r := range fresh {
		if r.Kind == catalog.KindMalformed {
			malformed++
		}
		if _, err := tx.Exec(insertEvent, b.RuntimeID, b.JournalID, first+uint64(i), batch, r.Kind, r.Problem,
			r.RequestID, r.AgentID, r.Outcome, r.Body); err != nil {
			return fmt.Errorf("writing record %d: %w", first+uint64(i), err)
		}
	}
	if err := addCounts(tx, fresh); err != nil {
		return err
	}
	last := first + uint64(len(fresh)) - 1
	if _, err := tx.Exec(upsertJournal, b.RuntimeID, b.JournalID, last, malformed, micros(b.ReceivedAt)); err != nil {
		return fmt.Errorf("advancing the journal: %w", err)
	}
	return nil
}

// addCounts adds up what the records touch before it writes: thousands of
// records touch a few dozen rows.
func addCounts(tx *sqlite.Tx, records []catalog.EvidenceRecord) error {
	controls, frameworks := catalog.Tally(records)
	for key, c := range controls {
		if _, err := tx.Exec(upsertControlCount, key.Control.Framework(), key.Control, key.Day, c.Decisions, c.Allowed, c.Denied,
			c.Violations, c.Severities[mesh.SeverityLow], c.Severities[mesh.SeverityMedium], c.Severities[mesh.SeverityHigh],
			c.Severities[mesh.SeverityCritical], micros(c.LastAt)); err != nil {
			return fmt.Errorf("counting %s: %w", key.Control, err)
		}
	}
	for key, n := range frameworks {
		if _, err := tx.Exec(upsertFrameworkCount, key.Framework, key.Day, n); err != nil {
			return fmt.Errorf("counting %s: %w", key.Framework, err)
		}
	}
	return nil
}

const (
	selectFrameworkCount = `SELECT coalesce(sum(decisions), 0) FROM posture_framework WHERE tenant = ?1 AND framework = ?`

	selectControlCounts = `SELECT control, sum(decisions), sum(allowed), sum(denied), sum(violations),
			sum(low), sum(medium), sum(high), sum(critical), max(last_at)
		FROM posture_control WHERE tenant = ?1 AND framework = ? GROUP BY control ORDER BY control`
)

// PostureCounts implements [posture.Store].
func (s *Store) PostureCounts(ctx context.Context, tenant mesh.TenantID, framework mesh.FrameworkID) (decisions int64, counts []posture.Count, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		if err := tx.QueryRow(selectFrameworkCount, framework).Scan(&decisions); err != nil {
			return err
		}
		return tx.Each(func(scan func(...any) error) error {
			var c posture.Count
			var low, medium, high, critical, last int64
			if err := scan(&c.Control, &c.Decisions, &c.Allowed, &c.Denied, &c.Violations, &low, &medium, &high, &critical, &last); err != nil {
				return err
			}
			c.Severities = map[mesh.Severity]int64{
				mesh.SeverityLow: low, mesh.SeverityMedium: medium, mesh.SeverityHigh: high, mesh.SeverityCritical: critical,
			}
			c.LastAt = fromMicros(last)
			counts = append(counts, c)
			return nil
		}, selectControlCounts, framework)
	})
	return decisions, counts, err
}

// A query is answered by the index of what it is most likely to be narrowed
// down by; the rest filters.
const (
	decisionColumns = `SELECT e.id, e.runtime, e.journal, e.seq, b.signature, e.record
		FROM event AS e`
	decisionJoin = ` JOIN batch AS b ON b.id = e.batch
		WHERE e.tenant = ?1 AND e.kind IN ('decision', 'evaluation')
		AND (?2 = '' OR e.request_id = ?2) AND (?3 = '' OR e.runtime = ?3)
		AND (?4 = '' OR e.agent = ?4) AND (?5 = '' OR e.outcome = ?5)`
	decisionsBefore = ` AND e.id < ?6 ORDER BY e.id DESC LIMIT ?7`
	decisionsAfter  = ` AND e.id > ?6 ORDER BY e.id LIMIT ?7`

	byRequest = ` INDEXED BY event_decision_by_request` + decisionJoin + ` AND e.request_id = ?2 AND e.request_id <> ''`
	byRuntime = ` INDEXED BY event_decision_by_runtime` + decisionJoin + ` AND e.runtime = ?3`
	byAgent   = ` INDEXED BY event_decision_by_agent` + decisionJoin + ` AND e.agent = ?4 AND e.agent <> ''`
	byArrival = ` INDEXED BY event_decision` + decisionJoin

	selectLastEvent = `SELECT coalesce(max(id), 0) FROM event INDEXED BY event_decision
		WHERE tenant = ?1 AND kind IN ('decision', 'evaluation')`
)

// decisionQuery is the statement for a filter in each direction.
type decisionQuery struct{ before, after string }

var (
	queryByRequest = decisionQuery{decisionColumns + byRequest + decisionsBefore, decisionColumns + byRequest + decisionsAfter}
	queryByRuntime = decisionQuery{decisionColumns + byRuntime + decisionsBefore, decisionColumns + byRuntime + decisionsAfter}
	queryByAgent   = decisionQuery{decisionColumns + byAgent + decisionsBefore, decisionColumns + byAgent + decisionsAfter}
	queryByArrival = decisionQuery{decisionColumns + byArrival + decisionsBefore, decisionColumns + byArrival + decisionsAfter}
)

func queryFor(f catalog.DecisionFilter) decisionQuery {
	switch {
	case f.RequestID != "":
		return queryByRequest
	case f.AgentID != "":
		return queryByAgent
	case f.RuntimeID != "":
		return queryByRuntime
	}
	return queryByArrival
}

const maxEventID = 1<<63 - 1

// DecisionsBefore implements [catalog.DecisionStore].
func (s *Store) DecisionsBefore(ctx context.Context, tenant mesh.TenantID, f catalog.DecisionFilter, before int64, limit int) ([]catalog.StoredDecision, error) {
	if before == 0 {
		before = maxEventID
	}
	return s.decisions(ctx, tenant, queryFor(f).before, f, before, limit)
}

// DecisionsAfter implements [catalog.DecisionStore].
func (s *Store) DecisionsAfter(ctx context.Context, tenant mesh.TenantID, f catalog.DecisionFilter, after int64, limit int) ([]catalog.StoredDecision, error) {
	return s.decisions(ctx, tenant, queryFor(f).after, f, after, limit)
}

func (s *Store) decisions(ctx context.Context, tenant mesh.TenantID, query string, f catalog.DecisionFilter, id int64, limit int) ([]catalog.StoredDecision, error) {
	var out []catalog.StoredDecision
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var d catalog.StoredDecision
			if err := scan(&d.ID, &d.RuntimeID, &d.JournalID, &d.Seq, &d.Signature, &d.Record); err != nil {
				return err
			}
			out = append(out, d)
			return nil
		}, query, f.RequestID, f.RuntimeID, f.AgentID, f.Outcome, id, limit)
	})
	return out, err
}

// LastEvidence implements [catalog.DecisionStore].
func (s *Store) LastEvidence(ctx context.Context, tenant mesh.TenantID) (id int64, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(selectLastEvent).Scan(&id)
	})
	return id, err
}
