// Package sqlite keeps the metadata of a registry in a SQLite database: the
// interfaces of package metadata over the tables of migration 00001.
//
// [New] wraps the database, [Store.Tenant] is the metadata of one tenant,
// [Store.Outbox] the workers' view. The database is not closed here.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
)

// Store is the metadata of all tenants in one database.
type Store struct {
	db   *sqlite.DB
	wake chan struct{}
}

// New returns the store over a migrated database.
func New(db *sqlite.DB) *Store { return &Store{db: db, wake: make(chan struct{}, 1)} }

// Tenant returns one tenant's part.
func (s *Store) Tenant(id mesh.TenantID) *Tenant { return &Tenant{store: s, db: s.db.Tenant(id)} }

// Outbox returns the events of all tenants.
func (s *Store) Outbox() *Outbox { return &Outbox{store: s, db: s.db.System()} }

// notify wakes the worker. It is called after the commit.
func (s *Store) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

// Tenant is the metadata of one tenant; it implements [metadata.Store].
type Tenant struct {
	store *Store
	db    *sqlite.Tenant
}

var _ metadata.Store = (*Tenant)(nil)

func now() int64 { return time.Now().UnixMicro() }

func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

const sqlRepositoryExists = `SELECT 1 FROM repository WHERE tenant = ?1 AND name = ?2`

// requireRepository tells a repository that does not exist from one that
// lacks something.
func requireRepository(tx *sqlite.Tx, repo registry.Name) error {
	var one int
	err := tx.QueryRow(sqlRepositoryExists, string(repo)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return registry.ErrNameUnknown.With("there is no repository %s", repo)
	}
	return err
}

const sqlCreateRepository = `INSERT INTO repository (tenant, name, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`

func createRepository(tx *sqlite.Tx, repo registry.Name) error {
	_, err := tx.Exec(sqlCreateRepository, string(repo), now())
	return err
}

const sqlBlob = `SELECT size, created_at FROM repository_blob WHERE tenant = ?1 AND repository = ?2 AND digest = ?3`

func blob(tx *sqlite.Tx, repo registry.Name, digest mesh.Digest) (registry.BlobInfo, error) {
	info := registry.BlobInfo{Digest: digest}
	var created int64
	err := tx.QueryRow(sqlBlob, string(repo), string(digest)).Scan(&info.Size, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return registry.BlobInfo{}, registry.ErrBlobUnknown.With("there is no blob %s in %s", digest, repo)
	}
	info.Created = timeOf(created)
	return info, err
}

// Blob implements [metadata.Blobs].
func (t *Tenant) Blob(ctx context.Context, repo registry.Name, digest mesh.Digest) (info registry.BlobInfo, err error) {
	err = t.db.Read(ctx, func(tx *sqlite.Tx) error {
		info, err = blob(tx, repo, digest)
		return err
	})
	return info, err
}

const sqlLinkBlob = `INSERT INTO repository_blob (tenant, repository, digest, size, created_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING`

func linkBlob(tx *sqlite.Tx, repo registry.Name, digest mesh.Digest, size int64) (registry.BlobInfo, error) {
	if err := createRepository(tx, repo); err != nil {
		return registry.BlobInfo{}, err
	}
	created := now()
	_, err := tx.Exec(sqlLinkBlob, string(repo), string(digest), size, created)
	return registry.BlobInfo{Digest: digest, Size: size, Created: timeOf(created)}, err
}

// LinkBlob implements [metadata.Blobs].
func (t *Tenant) LinkBlob(ctx context.Context, repo registry.Name, digest mesh.Digest, size int64) (info registry.BlobInfo, err error) {
	err = t.db.Write(ctx, func(tx *sqlite.Tx) error {
		info, err = linkBlob(tx, repo, digest, size)
		return err
	})
	return info, err
}

// MountBlob implements [metadata.Blobs].
func (t *Tenant) MountBlob(ctx context.Context, to, from registry.Name, digest mesh.Digest) (info registry.BlobInfo, err error) {
	err = t.db.Write(ctx, func(tx *sqlite.Tx) error {
		source, err := blob(tx, from, digest)
		if err != nil {
			return err
		}
		info, err = linkBlob(tx, to, digest, source.Size)
		return err
	})
	return info, err
}

const (
	sqlUnlinkBlob = `DELETE FROM repository_blob WHERE tenant = ?1 AND repository = ?2 AND digest = ?3`
	sqlReferrer   = `SELECT manifest FROM manifest_reference WHERE tenant = ?1 AND repository = ?2 AND digest = ?3 LIMIT 1`
)

// requireUnused fails if a manifest needs the content.
func requireUnused(tx *sqlite.Tx, repo registry.Name, digest mesh.Digest) error {
	var manifest string
	err := tx.QueryRow(sqlReferrer, string(repo), string(digest)).Scan(&manifest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return registry.ErrInUse.With("manifest %s needs %s", manifest, digest).WithHint("delete the manifest first")
}

// UnlinkBlob implements [metadata.Blobs].
func (t *Tenant) UnlinkBlob(ctx context.Context, repo registry.Name, digest mesh.Digest) error {
	return t.db.Write(ctx, func(tx *sqlite.Tx) error {
		if _, err := blob(tx, repo, digest); err != nil {
			return err
		}
		if err := requireUnused(tx, repo, digest); err != nil {
			return err
		}
		_, err := tx.Exec(sqlUnlinkBlob, string(repo), string(digest))
		return err
	})
}

const sqlBlobLinked = `SELECT EXISTS (SELECT 1 FROM repository_blob WHERE tenant = ?1 AND digest = ?2)`

// BlobLinked implements [metadata.Blobs].
func (t *Tenant) BlobLinked(ctx context.Context, digest mesh.Digest) (linked bool, err error) {
	err = t.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(sqlBlobLinked, string(digest)).Scan(&linked)
	})
	return linked, err
}

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding a column: %w", err)
	}
	return string(b), nil
}

func fromJSON(column string, v any) error {
	if err := json.Unmarshal([]byte(column), v); err != nil {
		return fmt.Errorf("decoding a column: %w", err)
	}
	return nil
}
