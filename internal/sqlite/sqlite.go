// Package sqlite opens the one database file of the embedded default and
// hands it out one tenant at a time.
//
// [Open] brings the schema up to date and returns a [DB]. [DB.Tenant] gives a
// handle whose transactions always carry that tenant: it is argument ?1 of
// every statement, and a statement that does not mention ?1 is refused, so
// that a forgotten "WHERE tenant = ?1" fails in its first test instead of
// leaking rows. [DB.System] gives the handle without a tenant, for workers
// and maintenance that look across tenants; nothing that serves a request may
// use it.
//
// There is one writing connection and a pool of reading ones. In WAL mode
// readers never wait for the writer, and every committed write is on disk
// before Write returns (synchronous=FULL): a success that was told to a
// client survives a power failure.
//
// The package is the only one that names the driver and the migration
// library, and the only one that turns their errors into ours. It knows no
// tables; those are in package migrations and in the stores that use this
// package.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

const (
	// DefaultBusyTimeout is how long a connection waits for another process
	// that has the file locked, such as a backup, before it reports
	// [mesh.CodeUnavailable].
	DefaultBusyTimeout = 10 * time.Second

	// minReaders keeps reads flowing on small machines while one of them is a
	// long export.
	minReaders = 4

	// checkpointPages is how many 4 KiB pages the write-ahead log collects
	// before they are moved into the database file: 4 MiB.
	checkpointPages = 1000

	// cacheKiB bounds the page cache of one connection.
	cacheKiB = 8 << 10

	fileMode = 0o600
	dirMode  = 0o700
)

// Options configure [Open]. Migrations is required, the rest has defaults.
type Options struct {
	// Migrations holds the numbered goose files at its root.
	Migrations fs.FS
	// BusyTimeout replaces [DefaultBusyTimeout] if it is positive.
	BusyTimeout time.Duration
	// Readers is the number of reading connections; 0 means one for each
	// processor, at least four.
	Readers int
}

// DB is an open database file. Its methods are safe for concurrent use.
type DB struct {
	path    string
	writer  *writer
	readers *pool
	close   func() error
}

// Open opens the database file at path, creates it (mode 0600) if it is not
// there, and applies the migrations that are missing. A database that was
// migrated by a newer program is refused with [mesh.CodeUnsupported]: an older
// program would not know what the newer one relies on. The caller closes the
// DB.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	if opts.Migrations == nil {
		return nil, fmt.Errorf("opening database %s: no migrations given", path)
	}
	if opts.BusyTimeout <= 0 {
		opts.BusyTimeout = DefaultBusyTimeout
	}
	if opts.Readers <= 0 {
		opts.Readers = max(minReaders, runtime.NumCPU())
	}
	if err := createFile(path); err != nil {
		return nil, fmt.Errorf("creating database %s: %w", path, mapError(err))
	}
	if err := migrate(ctx, dsn(path, opts.BusyTimeout, true), opts.Migrations); err != nil {
		return nil, fmt.Errorf("migrating database %s: %w", path, mapError(err))
	}
	writing, err := openPool(ctx, dsn(path, opts.BusyTimeout, true), 1, "BEGIN IMMEDIATE")
	if err != nil {
		return nil, fmt.Errorf("opening database %s: %w", path, mapError(err))
	}
	readers, err := openPool(ctx, dsn(path, opts.BusyTimeout, false), opts.Readers, "BEGIN")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening database %s: %w", path, mapError(err)), writing.close())
	}
	writer := newWriter(writing)
	return &DB{path: path, writer: writer, readers: readers, close: sync.OnceValue(func() error {
		// The writer last: closing the last connection folds the log into the file.
		return errors.Join(readers.close(), writer.close())
	})}, nil
}

// createFile makes the file before SQLite does, to give it its mode; SQLite
// gives the log beside it the same.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn spells out every setting the durability promise rests on, for both
// kinds of connection: SQLite forgets all of them but the journal mode when a
// connection closes.
func dsn(path string, busy time.Duration, write bool) string {
	q := url.Values{}
	pragma := func(name, value string) { q.Add("_pragma", name+"("+value+")") }
	pragma("busy_timeout", strconv.FormatInt(busy.Milliseconds(), 10))
	pragma("journal_mode", "WAL")
	pragma("synchronous", "FULL")
	pragma("foreign_keys", "ON")
	pragma("trusted_schema", "OFF")
	pragma("cache_size", "-"+strconv.Itoa(cacheKiB))
	pragma("wal_autocheckpoint", strconv.Itoa(checkpointPages))
	if !write {
		pragma("query_only", "ON")
	}
	q.Set("_dqs", "0")
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

// Path returns the file the database was opened from.
func (db *DB) Path() string { return db.path }

// Close waits for running transactions and closes the file. The handles made
// from db fail afterwards. Closing again does nothing.
func (db *DB) Close() error { return db.close() }

// Ping reports whether the database answers; for readiness checks.
func (db *DB) Ping(ctx context.Context) error {
	return db.System().Read(ctx, func(tx *Tx) error {
		var one int
		return tx.QueryRow("SELECT 1").Scan(&one)
	})
}

// Tenant returns the handle for one tenant's rows. With an empty id its
// transactions fail: there is no default tenant at this level.
func (db *DB) Tenant(id mesh.TenantID) *Tenant { return &Tenant{db: db, id: id} }

// System returns the handle that sees every tenant's rows. It is for workers,
// which take the tenant from the job they work on, and for maintenance.
func (db *DB) System() *System { return &System{db: db} }
