package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

const (
	runtimeColumns = `id, name, public_key, enrolled_at, last_seen, report`

	selectRuntime = `SELECT ` + runtimeColumns + ` FROM runtime WHERE tenant = ?1 AND (id = ?2 OR name = ?2)`

	selectRuntimes = `SELECT ` + runtimeColumns + ` FROM runtime WHERE tenant = ?1 AND name > ? ORDER BY name LIMIT ?`

	insertRuntime = `INSERT INTO runtime (tenant, id, name, public_key, enrolled_at, report) VALUES (?1, ?, ?, ?, ?, ?)`

	updateReport = `UPDATE runtime SET report = ?2, last_seen = ?3 WHERE tenant = ?1 AND id = ?4`

	selectSubscriptions = `SELECT subscription FROM runtime_subscription
		WHERE tenant = ?1 AND runtime = ? ORDER BY subscription`

	deleteSubscription = `DELETE FROM runtime_subscription WHERE tenant = ?1 AND runtime = ? AND subscription = ?`

	insertSubscription = `INSERT INTO runtime_subscription (tenant, runtime, subscription, created_at) VALUES (?1, ?, ?, ?)`

	selectJournals = `SELECT journal, acked_through, malformed FROM journal
		WHERE tenant = ?1 AND runtime = ? ORDER BY updated_at DESC, journal`

	selectGaps = `SELECT record FROM event INDEXED BY event_gap
		WHERE tenant = ?1 AND runtime = ? AND journal = ? AND kind = 'gap' ORDER BY seq DESC LIMIT ?`
)

func scanRuntime(scan func(...any) error) (r catalog.RuntimeRecord, err error) {
	var enrolled int64
	var seen *int64
	var report string
	if err := scan(&r.ID, &r.Name, &r.PublicKey, &enrolled, &seen, &report); err != nil {
		return r, err
	}
	r.EnrolledAt = fromMicros(enrolled)
	if seen != nil {
		t := fromMicros(*seen)
		r.LastSeen = &t
	}
	return r, decode(report, &r.Report)
}

// Enrol implements [catalog.RuntimeStore].
func (s *Store) Enrol(ctx context.Context, tenant mesh.TenantID, r catalog.RuntimeRecord, token auth.Hash) (mesh.RuntimeID, error) {
	report, err := encode(r.Report)
	if err != nil {
		return "", err
	}
	id := r.ID
	err = s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		known, err := scanRuntime(tx.QueryRow(selectRuntime, r.Name).Scan)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			if _, err := tx.Exec(insertRuntime, r.ID, r.Name, r.PublicKey, micros(r.EnrolledAt), report); err != nil {
				return fmt.Errorf("writing runtime %s: %w", r.Name, err)
			}
		case err != nil:
			return fmt.Errorf("looking for runtime %s: %w", r.Name, err)
		case known.PublicKey != r.PublicKey:
			return mesh.Errorf(mesh.CodeConflict, "runtime %s has another key", r.Name)
		default:
			id = known.ID
			if _, err := tx.Exec(deleteRuntimeTokens, id); err != nil {
				return fmt.Errorf("removing the former token of %s: %w", r.Name, err)
			}
		}
		if _, err := tx.Exec(insertToken, token[:], auth.KindRuntime, id, micros(r.EnrolledAt)); err != nil {
			return fmt.Errorf("writing the token of %s: %w", r.Name, err)
		}
		return nil
	})
	return id, err
}

// Runtime implements [catalog.RuntimeStore].
func (s *Store) Runtime(ctx context.Context, tenant mesh.TenantID, idOrName string) (r catalog.RuntimeRecord, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) (err error) {
		r, err = scanRuntime(tx.QueryRow(selectRuntime, idOrName).Scan)
		return err
	})
	return r, err
}

// Runtimes implements [catalog.RuntimeStore].
func (s *Store) Runtimes(ctx context.Context, tenant mesh.TenantID, after string, limit int) ([]catalog.RuntimeRecord, error) {
	var out []catalog.RuntimeRecord
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			r, err := scanRuntime(scan)
			out = append(out, r)
			return err
		}, selectRuntimes, after, limit)
	})
	return out, err
}

// PutReport implements [catalog.RuntimeStore].
func (s *Store) PutReport(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID, r hubapi.RuntimeReport, now time.Time) error {
	report, err := encode(r)
	if err != nil {
		return err
	}
	return s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		n, err := tx.Exec(updateReport, report, micros(now), id)
		if err == nil && n == 0 {
			return mesh.Errorf(mesh.CodeNotFound, "there is no runtime %s", id)
		}
		return err
	})
}

// HubSubscriptions implements [catalog.RuntimeStore].
func (s *Store) HubSubscriptions(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID) (out []mesh.Subscription, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) (err error) {
		out, err = hubSubscriptions(tx, id)
		return err
	})
	return out, err
}

func hubSubscriptions(tx *sqlite.Tx, id mesh.RuntimeID) ([]mesh.Subscription, error) {
	var out []mesh.Subscription
	err := tx.Each(func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		sub, err := mesh.ParseSubscription(text)
		if err != nil {
			return mesh.Errorf(mesh.CodeInternal, "a stored subscription is damaged: %w", err)
		}
		out = append(out, sub)
		return nil
	}, selectSubscriptions, id)
	return out, err
}

// PutHubSubscription implements [catalog.RuntimeStore].
func (s *Store) PutHubSubscription(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID, sub mesh.Subscription, max int, now time.Time) error {
	return s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		known, err := hubSubscriptions(tx, id)
		if err != nil {
			return err
		}
		others := 0
		for _, k := range known {
			if k.Bundle != sub.Bundle {
				others++
			}
		}
		if err := deleteOf(tx, id, known, sub.Bundle); err != nil {
			return err
		}
		if others >= max {
			return mesh.Errorf(mesh.CodeTooLarge, "the runtime has %d subscriptions, and that is the most", max)
		}
		_, err = tx.Exec(insertSubscription, id, sub.String(), micros(now))
		return err
	})
}

// DeleteHubSubscription implements [catalog.RuntimeStore].
func (s *Store) DeleteHubSubscription(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID, ref mesh.BundleRef) error {
	return s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		known, err := hubSubscriptions(tx, id)
		if err != nil {
			return err
		}
		return deleteOf(tx, id, known, ref)
	})
}

// deleteOf deletes those of the known subscriptions that are to one bundle.
func deleteOf(tx *sqlite.Tx, id mesh.RuntimeID, known []mesh.Subscription, ref mesh.BundleRef) error {
	for _, k := range known {
		if k.Bundle != ref {
			continue
		}
		if _, err := tx.Exec(deleteSubscription, id, k.String()); err != nil {
			return fmt.Errorf("deleting %s: %w", k, err)
		}
	}
	return nil
}

// Journals implements [catalog.RuntimeStore].
func (s *Store) Journals(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID) ([]hubapi.JournalStatus, error) {
	var out []hubapi.JournalStatus
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		err := tx.Each(func(scan func(...any) error) error {
			var j hubapi.JournalStatus
			if err := scan(&j.JournalID, &j.AckedThrough, &j.Malformed); err != nil {
				return err
			}
			out = append(out, j)
			return nil
		}, selectJournals, id)
		if err != nil {
			return err
		}
		for i := range out {
			if out[i].Gaps, err = gaps(tx, id, out[i].JournalID); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func gaps(tx *sqlite.Tx, id mesh.RuntimeID, journal mesh.JournalID) ([]mesh.Gap, error) {
	out := []mesh.Gap{}
	err := tx.Each(func(scan func(...any) error) error {
		var record string
		if err := scan(&record); err != nil {
			return err
		}
		var event mesh.Event
		if err := decode(record, &event); err != nil {
			return err
		}
		if event.Gap != nil {
			out = append(out, *event.Gap)
		}
		return nil
	}, selectGaps, id, journal, hubapi.MaxGaps)
	return out, err
}
