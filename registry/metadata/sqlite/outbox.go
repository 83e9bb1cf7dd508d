package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
)

// maxReason bounds what is remembered of a failed attempt, in bytes.
const maxReason = 2000

// Outbox is the events of all tenants; it implements [metadata.Outbox].
type Outbox struct {
	store *Store
	db    *sqlite.System
}

var _ metadata.Outbox = (*Outbox)(nil)

const sqlEmit = `INSERT INTO outbox (tenant, kind, repository, digest, subject, tags, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id`

// emit writes an event in the transaction of the change it reports.
func emit(tx *sqlite.Tx, event *registry.Event) error {
	at := now()
	tags, err := encodeTags(event.Tags)
	if err != nil {
		return err
	}
	event.Tenant, event.Time, event.Changed = tx.Tenant(), timeOf(at), true
	return tx.QueryRow(sqlEmit, string(event.Kind), string(event.Repository), string(event.Digest), string(event.Subject), tags, at).Scan(&event.ID)
}

func encodeTags(tags []registry.Tag) (string, error) {
	if len(tags) == 0 {
		return "[]", nil
	}
	return toJSON(tags)
}

const sqlPending = `SELECT id, tenant, kind, repository, digest, subject, tags, created_at, attempts, last_error
	FROM outbox WHERE not_before <= ?1 ORDER BY id LIMIT ?2`

// Pending implements [metadata.Outbox].
func (o *Outbox) Pending(ctx context.Context, limit int) ([]metadata.Job, error) {
	var jobs []metadata.Job
	err := o.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			job := metadata.Job{Event: registry.Event{Changed: true}}
			var tags string
			var created int64
			err := scan(&job.ID, &job.Tenant, &job.Kind, &job.Repository, &job.Digest, &job.Subject, &tags, &created, &job.Attempts, &job.LastError)
			if err != nil {
				return err
			}
			job.Time = timeOf(created)
			if err := fromJSON(tags, &job.Tags); err != nil {
				return err
			}
			jobs = append(jobs, job)
			return nil
		}, sqlPending, now(), limit)
	})
	return jobs, err
}

// Done implements [metadata.Outbox].
func (o *Outbox) Done(ctx context.Context, ids ...int64) error {
	if len(ids) == 0 {
		return nil
	}
	return o.db.Write(ctx, func(tx *sqlite.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(`DELETE FROM outbox WHERE id = ?1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

const sqlRetry = `UPDATE outbox SET attempts = attempts + 1, not_before = ?2, last_error = ?3 WHERE id = ?1`

// Retry implements [metadata.Outbox].
func (o *Outbox) Retry(ctx context.Context, id int64, at time.Time, reason string) error {
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return o.db.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(sqlRetry, id, at.UnixMicro(), reason)
		return err
	})
}

// Enqueue implements [metadata.Outbox].
func (o *Outbox) Enqueue(ctx context.Context, event registry.Event) (int64, error) {
	tags, err := encodeTags(event.Tags)
	if err != nil {
		return 0, err
	}
	var id int64
	err = o.store.db.Tenant(event.Tenant).Write(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(sqlEmit, string(event.Kind), string(event.Repository), string(event.Digest), string(event.Subject), tags, now()).Scan(&id)
	})
	if err == nil {
		o.store.notify()
	}
	return id, err
}

// Next implements [metadata.Outbox].
func (o *Outbox) Next(ctx context.Context) (time.Time, error) {
	var micros sql.NullInt64
	err := o.db.Read(ctx, func(tx *sqlite.Tx) error {
		err := tx.QueryRow(`SELECT min(not_before) FROM outbox WHERE not_before > ?1`, now()).Scan(&micros)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || !micros.Valid {
		return time.Time{}, err
	}
	return timeOf(micros.Int64), nil
}

// Depth implements [metadata.Outbox].
func (o *Outbox) Depth(ctx context.Context) (int, error) {
	var n int
	err := o.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM outbox`).Scan(&n)
	})
	return n, err
}

// Wake implements [metadata.Outbox].
func (o *Outbox) Wake() <-chan struct{} { return o.store.wake }
