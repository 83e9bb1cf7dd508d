package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// maxStatements bounds the prepared statements of a connection. Queries are
// constants, so it is reached only if somebody builds them.
const maxStatements = 1024

var (
	errNoTenant = errors.New("a transaction was begun without a tenant")
	errClosed   = errors.New("the database is closed")
)

// pool is a fixed number of connections. It replaces the pool of
// database/sql, which prepares every statement anew in each transaction:
// more work than most of our queries themselves.
type pool struct {
	db    *sql.DB
	begin string
	conns chan *conn // idle ones; a nil conn is opened by whoever draws it
	size  int
	done  chan struct{}
}

// conn is a connection and the statements prepared on it. One goroutine uses
// it at a time.
type conn struct {
	sql   *sql.Conn
	stmts map[string]*sql.Stmt
}

func openPool(ctx context.Context, dsn string, size int, begin string) (*pool, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	p := &pool{db: sql.OpenDB(connector), begin: begin, conns: make(chan *conn, size), size: size, done: make(chan struct{})}
	for range size {
		p.conns <- nil
	}
	c, err := p.draw(ctx) // a file that cannot be used shows now
	if err != nil {
		return nil, errors.Join(err, p.db.Close())
	}
	p.conns <- c
	return p, nil
}

func (p *pool) draw(ctx context.Context) (*conn, error) {
	select {
	case <-p.done:
		return nil, errClosed
	default:
	}
	select {
	case c := <-p.conns:
		if c != nil {
			return c, nil
		}
		sc, err := p.db.Conn(ctx)
		if err != nil {
			p.conns <- nil
			return nil, err
		}
		return &conn{sql: sc, stmts: map[string]*sql.Stmt{}}, nil
	case <-p.done:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// close waits until every connection is idle and closes them.
func (p *pool) close() error {
	close(p.done)
	var errs []error
	for range p.size {
		if c := <-p.conns; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(append(errs, p.db.Close())...)
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		_ = s.Close() // closing the connection frees it in any case
	}
	return c.sql.Close()
}

func (c *conn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if len(c.stmts) >= maxStatements {
		for q, s := range c.stmts {
			_ = s.Close() // nothing to lose: it holds no result
			delete(c.stmts, q)
		}
	}
	stmt, err := c.sql.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = stmt
	return stmt, nil
}

func (c *conn) exec(ctx context.Context, statement string) error {
	stmt, ok := c.stmts[statement]
	if !ok {
		var err error
		if stmt, err = c.prepare(ctx, statement); err != nil {
			return err
		}
	}
	_, err := stmt.ExecContext(ctx)
	return err
}

// run runs fn in a reading transaction. A connection whose transaction cannot
// be ended is closed, which ends it.
func (p *pool) run(ctx context.Context, tenant *Tenant, fn func(*Tx) error) (err error) {
	if tenant != nil && tenant.id == "" {
		return errNoTenant
	}
	c, err := p.draw(ctx)
	if err != nil {
		return mapError(fmt.Errorf("waiting for a connection: %w", err))
	}
	// How the transaction ends must not depend on when the caller goes away.
	end := context.WithoutCancel(ctx)
	committed := false
	defer func() {
		if !committed && c.exec(end, "ROLLBACK") != nil {
			_ = c.close() // it is given up
			c = nil
		}
		p.conns <- c
	}()
	if err := c.exec(ctx, p.begin); err != nil {
		return mapError(fmt.Errorf("beginning a transaction: %w", err))
	}
	if err := fn(&Tx{run: func() (context.Context, *conn, error) { return ctx, c, nil }, tenant: tenant}); err != nil {
		return mapError(err)
	}
	if err := ctx.Err(); err != nil {
		return mapError(err)
	}
	if err := c.exec(end, "COMMIT"); err != nil {
		return mapError(fmt.Errorf("committing: %w", err))
	}
	committed = true
	return nil
}
