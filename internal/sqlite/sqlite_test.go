package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

const noteSchema = `-- +goose Up
CREATE TABLE note (tenant TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tenant, name)) STRICT, WITHOUT ROWID;
CREATE TABLE reply (tenant TEXT NOT NULL, note TEXT NOT NULL, FOREIGN KEY (tenant, note) REFERENCES note (tenant, name)) STRICT;
-- +goose Down
DROP TABLE reply;
DROP TABLE note;
`

const insertNote = `INSERT INTO note (tenant, name, body) VALUES (?1, ?2, ?3)`

func schema(extra ...string) fs.FS {
	fsys := fstest.MapFS{"00001_note.sql": {Data: []byte(noteSchema)}}
	for i, s := range extra {
		fsys[fmt.Sprintf("%05d_more.sql", i+2)] = &fstest.MapFile{Data: []byte(s)}
	}
	return fsys
}

func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{Migrations: schema()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func put(ctx context.Context, tenant *sqlite.Tenant, name, body string) error {
	return tenant.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(insertNote, name, body)
		return err
	})
}

func names(t *testing.T, tenant *sqlite.Tenant) string {
	t.Helper()
	var list []string
	err := tenant.Read(t.Context(), func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			list = append(list, name)
			return err
		}, `SELECT name FROM note WHERE tenant = ?1 ORDER BY name`)
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	for _, tenant := range []mesh.TenantID{"a", "b"} {
		if err := put(t.Context(), db.Tenant(tenant), "of-"+string(tenant), ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, db.Tenant("a")); got != "of-a" {
		t.Errorf("tenant a sees %q", got)
	}
	var count int
	err := db.System().Read(t.Context(), func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM note`).Scan(&count)
	})
	if err != nil || count != 2 {
		t.Errorf("system sees %d notes (%v), want 2", count, err)
	}
}

func TestForgottenTenantIsRefused(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	for _, query := range []string{`SELECT count(*) FROM note`, `SELECT count(*) FROM note WHERE name = ?10`} {
		err := db.Tenant("a").Read(t.Context(), func(tx *sqlite.Tx) error {
			var n int
			return tx.QueryRow(query).Scan(&n)
		})
		if err == nil || !strings.Contains(err.Error(), "without its tenant") {
			t.Errorf("%s: %v", query, err)
		}
	}
	if err := put(t.Context(), db.Tenant(""), "n", ""); err == nil {
		t.Error("a handle without a tenant could write")
	}
}

func TestPlainParametersFollowTheTenant(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	if err := put(t.Context(), db.Tenant("a"), "n", "hello"); err != nil {
		t.Fatal(err)
	}
	var body string
	err := db.Tenant("a").Read(t.Context(), func(tx *sqlite.Tx) error {
		return tx.QueryRow(`SELECT body FROM note WHERE tenant = ?1 AND name = ? AND body = ?`, "n", "hello").Scan(&body)
	})
	if err != nil || body != "hello" {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	boom := errors.New("boom")
	err := db.Tenant("a").Write(t.Context(), func(tx *sqlite.Tx) error {
		if _, err := tx.Exec(insertNote, "n", ""); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = db.Tenant("a").Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(insertNote, "n", "")
		cancel()
		return err
	})
	if mesh.CodeOf(err) != mesh.CodeCanceled {
		t.Errorf("canceled write: %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = db.Tenant("a").Write(t.Context(), func(tx *sqlite.Tx) error {
			_, _ = tx.Exec(insertNote, "n", "")
			panic("in the middle")
		})
	}()
	if got := names(t, db.Tenant("a")); got != "" {
		t.Errorf("left behind: %q", got)
	}
	if err := put(t.Context(), db.Tenant("a"), "n", ""); err != nil {
		t.Errorf("the writer is unusable afterwards: %v", err)
	}
}

func TestErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	tenant := db.Tenant("a")
	if err := put(t.Context(), tenant, "n", ""); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		do   func() error
		want mesh.Code
	}{
		{"same key twice", func() error { return put(t.Context(), tenant, "n", "") }, mesh.CodeConflict},
		{"foreign key", func() error {
			return tenant.Write(t.Context(), func(tx *sqlite.Tx) error {
				_, err := tx.Exec(`INSERT INTO reply (tenant, note) VALUES (?1, 'missing')`)
				return err
			})
		}, mesh.CodeConflict},
		{"no row", func() error {
			return tenant.Read(t.Context(), func(tx *sqlite.Tx) error {
				var s string
				return tx.QueryRow(`SELECT body FROM note WHERE tenant = ?1 AND name = 'missing'`).Scan(&s)
			})
		}, mesh.CodeNotFound},
		{"write while reading", func() error {
			return tenant.Read(t.Context(), func(tx *sqlite.Tx) error {
				_, err := tx.Exec(insertNote, "m", "")
				return err
			})
		}, mesh.CodeUnavailable},
		{"own code stays", func() error {
			return tenant.Read(t.Context(), func(*sqlite.Tx) error {
				return mesh.Errorf(mesh.CodeForbidden, "no: %w", sql.ErrNoRows)
			})
		}, mesh.CodeForbidden},
		{"a statement that is wrong", func() error {
			return tenant.Read(t.Context(), func(tx *sqlite.Tx) error {
				_, err := tx.Exec(`SELECT ?1 FROM nowhere`)
				return err
			})
		}, mesh.CodeInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mesh.CodeOf(tt.do()); got != tt.want {
				t.Errorf("got %s, want %s: %v", got, tt.want, tt.do())
			}
		})
	}
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	tenant := db.Tenant("a")
	err := tenant.Write(t.Context(), func(tx *sqlite.Tx) error {
		if _, err := tx.Exec(insertNote, "n", ""); err != nil {
			return err
		}
		if got := names(t, tenant); got != "" {
			t.Errorf("a reader saw what is not committed: %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, tenant); got != "n" {
		t.Errorf("after the commit: %q", got)
	}
}

func TestConcurrentWritesAllArrive(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	const writers, each = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := put(t.Context(), db.Tenant("a"), fmt.Sprintf("%d-%d", w, i), ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(strings.Fields(names(t, db.Tenant("a")))); got != writers*each {
		t.Errorf("%d notes, want %d", got, writers*each)
	}
}

// Transactions that wait together are committed together; what one of them
// does wrong is its own affair.
func TestGroupedWritesDoNotShareFailures(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	tenant := db.Tenant("a")
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := tenant.Write(t.Context(), func(tx *sqlite.Tx) error {
			close(inside)
			<-release // the others arrive meanwhile
			_, err := tx.Exec(insertNote, "first", "")
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	boom := errors.New("boom")
	for i := range 10 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			defer func() { _ = recover() }()
			err := tenant.Write(ctx, func(tx *sqlite.Tx) error {
				if _, err := tx.Exec(insertNote, fmt.Sprintf("%02d", i), ""); err != nil {
					return err
				}
				switch i % 5 {
				case 1:
					return boom
				case 2:
					_, err := tx.Exec(insertNote, "first", "") // there already
					return err
				case 3:
					cancel()
					_, err := tx.Exec(insertNote, "late", "")
					return err
				case 4:
					panic("in the middle of a group")
				}
				return nil
			})
			switch want := map[int]mesh.Code{0: "", 1: mesh.CodeInternal, 2: mesh.CodeConflict, 3: mesh.CodeCanceled}[i%5]; {
			case mesh.CodeOf(err) != want:
				t.Errorf("write %d: %v, want code %q", i, err, want)
			case i%5 == 1 && !errors.Is(err, boom):
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	close(release)
	wg.Wait()
	if got := names(t, tenant); got != "00 05 first" {
		t.Errorf("stored: %q", got)
	}
	if err := put(t.Context(), tenant, "after", ""); err != nil {
		t.Errorf("the writer is unusable afterwards: %v", err)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mesh.db")
	newer, err := sqlite.Open(t.Context(), path, sqlite.Options{Migrations: schema("-- +goose Up\nCREATE TABLE later (x TEXT);\n")})
	if err != nil {
		t.Fatal(err)
	}
	if err := newer.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{Migrations: schema()})
	if mesh.CodeOf(err) != mesh.CodeUnsupported || mesh.HintOf(err) == "" {
		t.Errorf("got %v (hint %q)", err, mesh.HintOf(err))
	}
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func TestOpenUpgrades(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mesh.db")
	old := open(t, path)
	if err := put(t.Context(), old.Tenant("a"), "n", ""); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{Migrations: schema("-- +goose Up\nALTER TABLE note ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';\n")})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, db.Tenant("a")); got != "n" {
		t.Errorf("after the upgrade: %q", got)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestCommittedIsThereWithoutClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mesh.db")
	if err := put(t.Context(), open(t, path).Tenant("a"), "n", ""); err != nil {
		t.Fatal(err)
	}
	// What a crash leaves is the file and its log as they are now.
	crashed := filepath.Join(t.TempDir(), "mesh.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, open(t, crashed).Tenant("a")); got != "n" {
		t.Errorf("after the crash: %q", got)
	}
}

func TestFilesAreThePrivateKind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "mesh.db")
	db := open(t, path)
	if err := put(t.Context(), db.Tenant("a"), "n", ""); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if perm := info.Mode().Perm(); perm != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(path)+suffix, perm)
		}
	}
}

func TestCloseWaitsAndRefuses(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "mesh.db"))
	inside, release := make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	go func() {
		result <- db.Tenant("a").Write(context.Background(), func(tx *sqlite.Tx) error {
			close(inside)
			<-release
			_, err := tx.Exec(insertNote, "n", "")
			return err
		})
	}()
	<-inside
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	close(release)
	if err := <-result; err != nil {
		t.Errorf("a write that had begun: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := db.Ping(ctx); mesh.CodeOf(err) != mesh.CodeUnavailable {
		t.Errorf("after Close: %v", err)
	}
}

func TestOpenSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notADatabase := filepath.Join(dir, "text.db")
	if err := os.WriteFile(notADatabase, []byte(strings.Repeat("this is not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{notADatabase, dir} {
		_, err := sqlite.Open(t.Context(), path, sqlite.Options{Migrations: schema()})
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
