package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

const (
	selectNamespace = `SELECT name, visibility, created_at FROM namespace WHERE tenant = ?1 AND name = ?`

	selectNamespaces = `SELECT name, visibility, created_at FROM namespace
		WHERE tenant = ?1 AND name > ? AND (? OR visibility = 'public') ORDER BY name LIMIT ?`

	insertNamespace = `INSERT INTO namespace (tenant, name, visibility, created_at) VALUES (?1, ?, ?, ?)
		ON CONFLICT (tenant, name) DO NOTHING`

	upsertNamespace = `INSERT INTO namespace (tenant, name, visibility, created_at) VALUES (?1, ?, ?, ?)
		ON CONFLICT (tenant, name) DO UPDATE SET visibility = excluded.visibility`

	upsertRecheck = `INSERT INTO namespace_recheck (tenant, namespace, requested_at) VALUES (?1, ?, ?)
		ON CONFLICT (tenant, namespace) DO UPDATE SET requested_at = max(requested_at + 1, excluded.requested_at)`

	selectRechecks = `SELECT tenant, namespace, requested_at FROM namespace_recheck ORDER BY requested_at LIMIT ?`

	deleteRecheck = `DELETE FROM namespace_recheck WHERE tenant = ? AND namespace = ? AND requested_at = ?`

	keyColumns = `fingerprint, namespace, algorithm, public_key, added_at, revoked_at`

	selectKeys = `SELECT ` + keyColumns + ` FROM namespace_key
		WHERE tenant = ?1 AND namespace = ? ORDER BY added_at, fingerprint`

	selectKey = `SELECT ` + keyColumns + ` FROM namespace_key
		WHERE tenant = ?1 AND namespace = ? AND fingerprint = ?`

	countKeys = `SELECT count(*) FROM namespace_key WHERE tenant = ?1 AND namespace = ? AND revoked_at IS NULL`

	insertKey = `INSERT INTO namespace_key (tenant, namespace, fingerprint, algorithm, public_key, added_at)
		VALUES (?1, ?, ?, ?, ?, ?) ON CONFLICT (tenant, namespace, fingerprint) DO NOTHING`

	revokeKey = `UPDATE namespace_key SET revoked_at = ?2
		WHERE tenant = ?1 AND namespace = ?3 AND fingerprint = ?4 AND revoked_at IS NULL`
)

func scanNamespace(scan func(...any) error) (n hubapi.NamespaceInfo, err error) {
	var created int64
	err = scan(&n.Name, &n.Visibility, &created)
	n.CreatedAt = fromMicros(created)
	return n, err
}

func scanKey(scan func(...any) error) (k hubapi.Key, err error) {
	var added int64
	var revoked *int64
	err = scan(&k.Fingerprint, &k.Namespace, &k.Algorithm, &k.PublicKey, &added, &revoked)
	k.AddedAt = fromMicros(added)
	if revoked != nil {
		t := fromMicros(*revoked)
		k.RevokedAt = &t
	}
	return k, err
}

// Namespace implements [catalog.NamespaceStore].
func (s *Store) Namespace(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) (n hubapi.NamespaceInfo, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) (err error) {
		n, err = scanNamespace(tx.QueryRow(selectNamespace, name).Scan)
		return err
	})
	return n, err
}

// Namespaces implements [catalog.NamespaceStore].
func (s *Store) Namespaces(ctx context.Context, tenant mesh.TenantID, private bool, after string, limit int) ([]hubapi.NamespaceInfo, error) {
	var out []hubapi.NamespaceInfo
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			n, err := scanNamespace(scan)
			out = append(out, n)
			return err
		}, selectNamespaces, after, private, limit)
	})
	return out, err
}

// EnsureNamespace implements [catalog.NamespaceStore].
func (s *Store) EnsureNamespace(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace, now time.Time) error {
	// Nearly always it exists, and reading does not wait for the writer.
	if _, err := s.Namespace(ctx, tenant, name); mesh.CodeOf(err) != mesh.CodeNotFound {
		return err
	}
	return s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(insertNamespace, name, hubapi.VisibilityPublic, micros(now))
		return err
	})
}

// PutNamespace implements [catalog.NamespaceStore].
func (s *Store) PutNamespace(ctx context.Context, tenant mesh.TenantID, n hubapi.NamespaceInfo) (stored hubapi.NamespaceInfo, err error) {
	err = s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) (err error) {
		if _, err = tx.Exec(upsertNamespace, n.Name, n.Visibility, micros(n.CreatedAt)); err != nil {
			return fmt.Errorf("writing namespace %s: %w", n.Name, err)
		}
		if _, err = tx.Exec(upsertRecheck, n.Name, micros(n.CreatedAt)); err != nil {
			return fmt.Errorf("requesting a recheck of %s: %w", n.Name, err)
		}
		stored, err = scanNamespace(tx.QueryRow(selectNamespace, n.Name).Scan)
		return err
	})
	return stored, err
}

// Keys implements [catalog.NamespaceStore].
func (s *Store) Keys(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) ([]hubapi.Key, error) {
	var out []hubapi.Key
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			k, err := scanKey(scan)
			out = append(out, k)
			return err
		}, selectKeys, name)
	})
	return out, err
}

// AddKey implements [catalog.NamespaceStore].
func (s *Store) AddKey(ctx context.Context, tenant mesh.TenantID, k hubapi.Key, max int) (stored hubapi.Key, added bool, err error) {
	err = s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		if _, err := tx.Exec(insertNamespace, k.Namespace, hubapi.VisibilityPublic, micros(k.AddedAt)); err != nil {
			return fmt.Errorf("creating namespace %s: %w", k.Namespace, err)
		}
		n, err := tx.Exec(insertKey, k.Namespace, k.Fingerprint, k.Algorithm, k.PublicKey, micros(k.AddedAt))
		if err != nil {
			return fmt.Errorf("writing key %s: %w", k.Fingerprint, err)
		}
		if added = n > 0; added {
			var count int
			if err := tx.QueryRow(countKeys, k.Namespace).Scan(&count); err != nil {
				return fmt.Errorf("counting keys: %w", err)
			}
			if count > max {
				return mesh.Errorf(mesh.CodeTooLarge, "namespace %s has %d keys in use, and that is the most", k.Namespace, max).
					WithHint("revoke one that is not used any more")
			}
			if _, err := tx.Exec(upsertRecheck, k.Namespace, micros(k.AddedAt)); err != nil {
				return fmt.Errorf("requesting a recheck of %s: %w", k.Namespace, err)
			}
		}
		stored, err = scanKey(tx.QueryRow(selectKey, k.Namespace, k.Fingerprint).Scan)
		return err
	})
	return stored, added, err
}

// RevokeKey implements [catalog.NamespaceStore].
func (s *Store) RevokeKey(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace, fingerprint string, now time.Time) (k hubapi.Key, err error) {
	err = s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		n, err := tx.Exec(revokeKey, micros(now), name, fingerprint)
		if err != nil {
			return fmt.Errorf("revoking key %s: %w", fingerprint, err)
		}
		if n > 0 {
			if _, err := tx.Exec(upsertRecheck, name, micros(now)); err != nil {
				return fmt.Errorf("requesting a recheck of %s: %w", name, err)
			}
		}
		k, err = scanKey(tx.QueryRow(selectKey, name, fingerprint).Scan)
		return err
	})
	return k, err
}

// Rechecks implements [catalog.RecheckStore].
func (s *Store) Rechecks(ctx context.Context, limit int) ([]catalog.Recheck, error) {
	var out []catalog.Recheck
	err := s.db.System().Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var r catalog.Recheck
			var at int64
			if err := scan(&r.Tenant, &r.Namespace, &at); err != nil {
				return err
			}
			r.RequestedAt = fromMicros(at)
			out = append(out, r)
			return nil
		}, selectRechecks, limit)
	})
	return out, err
}

// RecheckDone implements [catalog.RecheckStore].
func (s *Store) RecheckDone(ctx context.Context, r catalog.Recheck) error {
	return s.db.System().Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(deleteRecheck, r.Tenant, r.Namespace, micros(r.RequestedAt))
		return err
	})
}
