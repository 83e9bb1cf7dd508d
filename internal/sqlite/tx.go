package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/ai-agent-mesh/mesh"
)

// Tenant is the handle for the rows of one tenant; see [DB.Tenant].
type Tenant struct {
	db *DB
	id mesh.TenantID
}

// ID returns the tenant.
func (t *Tenant) ID() mesh.TenantID { return t.id }

// Read runs fn in a transaction that sees one state of the database and
// cannot write.
func (t *Tenant) Read(ctx context.Context, fn func(*Tx) error) error {
	return t.db.readers.run(ctx, t, fn)
}

// Write runs fn in a transaction that is committed durably if fn returns nil
// and leaves no trace otherwise. Writing transactions run one after the
// other: fn must not wait for anything but the database, and must not call
// Write itself. Transactions that wait at the same time share one commit,
// which their callers do not notice but by its speed.
func (t *Tenant) Write(ctx context.Context, fn func(*Tx) error) error {
	return t.db.writer.run(ctx, t, fn)
}

// System is the handle that sees every tenant; see [DB.System]. Its
// statements have no implied argument.
type System struct{ db *DB }

// Read is like [Tenant.Read].
func (s *System) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.db.readers.run(ctx, nil, fn)
}

// Write is like [Tenant.Write].
func (s *System) Write(ctx context.Context, fn func(*Tx) error) error {
	return s.db.writer.run(ctx, nil, fn)
}

// Tx is a running transaction. It is valid until the function it was given to
// returns, and only in the goroutine that function runs in. While a result is
// being iterated the same statement must not be run again.
//
// In a tenant's transaction ?1 is the tenant in every statement, and the
// caller's first argument is ?2. Plain ? parameters count on from the highest
// number to their left, so "WHERE tenant = ?1 AND name = ?" is fine and a
// plain ? to the left of ?1 is not.
type Tx struct {
	run    func() (context.Context, *conn, error)
	tenant *Tenant // nil: system
}

// Tenant returns the tenant whose rows the transaction sees, "" for a
// transaction of the system handle.
func (tx *Tx) Tenant() mesh.TenantID {
	if tx.tenant == nil {
		return ""
	}
	return tx.tenant.id
}

// Exec runs a statement and returns how many rows it inserted, updated or
// deleted.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	ctx, stmt, args, err := tx.prepare(query, args)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query runs a query. The caller closes the rows and looks at their Err;
// [Tx.Each] does both.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	ctx, stmt, args, err := tx.prepare(query, args)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRow runs a query of which the first row matters. Without a row the
// row's Scan returns [sql.ErrNoRows], which becomes [mesh.CodeNotFound] if it
// leaves the transaction.
func (tx *Tx) QueryRow(query string, args ...any) Row {
	ctx, stmt, args, err := tx.prepare(query, args)
	if err != nil {
		return Row{err: err}
	}
	return Row{row: stmt.QueryRowContext(ctx, args...)}
}

// Row is the first row of a query.
type Row struct {
	row *sql.Row
	err error
}

// Scan copies the columns into dest, as [sql.Row.Scan] does.
func (r Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.row.Scan(dest...)
}

// Each runs a query and calls fn for every row with the function that scans
// it, until fn returns an error.
func (tx *Tx) Each(fn func(scan func(dest ...any) error) error, query string, args ...any) error {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// mentionsTenant finds ?1 that is not the beginning of ?10.
var mentionsTenant = regexp.MustCompile(`\?1(?:[^0-9]|$)`)

func (tx *Tx) prepare(query string, args []any) (context.Context, *sql.Stmt, []any, error) {
	ctx, c, err := tx.run()
	if err != nil {
		return nil, nil, nil, err
	}
	stmt, known := c.stmts[query]
	if tx.tenant != nil {
		if !known && !mentionsTenant.MatchString(query) {
			return nil, nil, nil, fmt.Errorf("statement without its tenant (?1): %s", query)
		}
		args = append([]any{string(tx.tenant.id)}, args...)
	}
	if known {
		return ctx, stmt, args, nil
	}
	stmt, err = c.prepare(ctx, query)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("preparing %q: %w", query, err)
	}
	return ctx, stmt, args, nil
}
