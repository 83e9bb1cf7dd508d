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
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

const bundleColumns = `id, namespace, name, version, digest, title, summary, vendor, licence, frameworks, modes, status, reason, published_at`

const releaseColumns = bundleColumns + `, controls, rules, readme, signed_by, words, trust_state, extends`

const selectRelease = `SELECT ` + releaseColumns + ` FROM release
	WHERE tenant = ?1 AND namespace = ? AND name = ? AND version = ?`

const selectByDigest = `SELECT ` + releaseColumns + ` FROM release
	WHERE tenant = ?1 AND digest = ? AND namespace = ? AND name = ? ORDER BY version_key`

// Listed ones first, then releases before pre-releases, then the highest.
const selectNewest = `SELECT ` + releaseColumns + ` FROM release
	WHERE tenant = ?1 AND namespace = ? AND name = ?
	ORDER BY status IN ('verified', 'deprecated') DESC, prerelease, version_key DESC LIMIT 1`

const selectVersions = `SELECT version, digest, status, reason, published_at FROM release
	WHERE tenant = ?1 AND namespace = ? AND name = ? AND version_key < ?
	ORDER BY version_key DESC LIMIT ?`

const selectNamespaceReleases = `SELECT name, version FROM release
	WHERE tenant = ?1 AND namespace = ? AND (name, version) > (?, ?)
	ORDER BY name, version LIMIT ?`

const upsertRelease = `INSERT INTO release (
		tenant, namespace, name, version, version_key, prerelease, digest, title, summary, vendor, licence,
		frameworks, modes, controls, rules, signed_by, readme, words, status, reason, trust_state, published_at, extends)
	VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (tenant, namespace, name, version) DO UPDATE SET
		digest = excluded.digest, title = excluded.title, summary = excluded.summary, vendor = excluded.vendor,
		licence = excluded.licence, frameworks = excluded.frameworks, modes = excluded.modes,
		controls = excluded.controls, rules = excluded.rules, signed_by = excluded.signed_by,
		readme = excluded.readme, words = excluded.words, status = excluded.status, reason = excluded.reason,
		trust_state = excluded.trust_state, published_at = excluded.published_at, extends = excluded.extends
	RETURNING id`

const deleteRelease = `DELETE FROM release WHERE tenant = ?1 AND namespace = ? AND name = ? AND version = ? RETURNING id`

const (
	deleteFrameworks = `DELETE FROM release_framework WHERE tenant = ?1 AND release = ?`
	insertFramework  = `INSERT OR IGNORE INTO release_framework (tenant, framework, release) VALUES (?1, ?, ?)`
	deleteControls   = `DELETE FROM release_control WHERE tenant = ?1 AND release = ?`
	insertControl    = `INSERT OR IGNORE INTO release_control (tenant, label, framework, control, release) VALUES (?1, ?, ?, ?, ?)`
)

// newestHigh is higher than every version key.
const newestHigh = "~"

// scanRelease reads the columns of releaseColumns.
func scanRelease(scan func(...any) error) (*catalog.Release, int64, error) {
	var r catalog.Release
	var controls, rules, signedBy, extends string
	id, err := scanBundle(func(dest ...any) error {
		return scan(append(dest, &controls, &rules, &r.Readme, &signedBy, &r.Words, &r.TrustState, &extends)...)
	}, &r.Bundle)
	if err != nil {
		return nil, 0, err
	}
	return &r, id, errors.Join(decode(controls, &r.Controls), decode(rules, &r.Rules), decode(signedBy, &r.SignedBy), decode(extends, &r.Extends))
}

// scanBundle reads the columns of bundleColumns.
func scanBundle(scan func(...any) error, b *hubapi.Bundle) (id int64, err error) {
	var frameworks, modes string
	var published int64
	if err := scan(&id, &b.Namespace, &b.Name, &b.Version, &b.Digest, &b.Title, &b.Summary, &b.Vendor, &b.Licence,
		&frameworks, &modes, &b.Status, &b.Reason, &published); err != nil {
		return 0, err
	}
	b.PublishedAt = fromMicros(published)
	return id, errors.Join(decode(frameworks, &b.Frameworks), decode(modes, &b.Modes))
}

// Release implements [catalog.ReleaseReader].
func (s *Store) Release(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) (*catalog.Release, error) {
	var r *catalog.Release
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) (err error) {
		r, _, err = scanRelease(tx.QueryRow(selectRelease, ref.Namespace, ref.Name, version).Scan)
		return err
	})
	return r, err
}

// Newest implements [catalog.BundleStore].
func (s *Store) Newest(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef) (*catalog.Release, error) {
	var r *catalog.Release
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) (err error) {
		r, _, err = scanRelease(tx.QueryRow(selectNewest, ref.Namespace, ref.Name).Scan)
		return err
	})
	return r, err
}

const selectTrustState = `SELECT trust_state FROM release
	WHERE tenant = ?1 AND namespace = ? AND name = ? AND version = ?`

// TrustState implements [catalog.ReleaseReader].
func (s *Store) TrustState(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) (state string, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(selectTrustState, ref.Namespace, ref.Name, version).Scan(&state)
	})
	return state, err
}

// ReleasesByDigest implements [catalog.ReleaseReader].
func (s *Store) ReleasesByDigest(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, digest mesh.Digest) ([]catalog.Release, error) {
	var out []catalog.Release
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			r, _, err := scanRelease(scan)
			if err == nil {
				out = append(out, *r)
			}
			return err
		}, selectByDigest, digest, ref.Namespace, ref.Name)
	})
	return out, err
}

// Versions implements [catalog.ReleaseReader].
func (s *Store) Versions(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, before string, limit int) ([]hubapi.Version, error) {
	key := newestHigh
	if before != "" {
		var err error
		if key, _, err = catalog.VersionKey(before); err != nil {
			return nil, err
		}
	}
	var out []hubapi.Version
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var v hubapi.Version
			var published int64
			if err := scan(&v.Version, &v.Digest, &v.Status, &v.Reason, &published); err != nil {
				return err
			}
			v.PublishedAt = fromMicros(published)
			out = append(out, v)
			return nil
		}, selectVersions, ref.Namespace, ref.Name, key, limit)
	})
	return out, err
}

// NamespaceReleases implements [catalog.ReleaseWriter].
func (s *Store) NamespaceReleases(ctx context.Context, tenant mesh.TenantID, ns mesh.Namespace, after catalog.ReleaseKey, limit int) ([]catalog.ReleaseKey, error) {
	var out []catalog.ReleaseKey
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var k catalog.ReleaseKey
			if err := scan(&k.Name, &k.Version); err != nil {
				return err
			}
			out = append(out, k)
			return nil
		}, selectNamespaceReleases, ns, after.Name, after.Version, limit)
	})
	return out, err
}

// PutRelease implements [catalog.ReleaseWriter].
func (s *Store) PutRelease(ctx context.Context, tenant mesh.TenantID, r *catalog.Release) error {
	key, prerelease, err := catalog.VersionKey(r.Version)
	if err != nil {
		return err
	}
	lists, err := encodeLists(r)
	if err != nil {
		return err
	}
	return s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		var id int64
		err := tx.QueryRow(upsertRelease, r.Namespace, r.Name, r.Version, key, flag(prerelease), r.Digest,
			r.Title, r.Summary, r.Vendor, r.Licence, lists.frameworks, lists.modes, lists.controls, lists.rules, lists.signedBy,
			r.Readme, r.Words, r.Status, r.Reason, r.TrustState, micros(r.PublishedAt), lists.extends).Scan(&id)
		if err != nil {
			return fmt.Errorf("writing release %s %s: %w", r.Ref(), r.Version, err)
		}
		if err := putFacets(tx, id, r); err != nil {
			return err
		}
		return refreshSearch(tx, r.Ref())
	})
}

type releaseLists struct{ frameworks, modes, controls, rules, signedBy, extends string }

func encodeLists(r *catalog.Release) (l releaseLists, err error) {
	for _, f := range []struct {
		into *string
		from any
	}{
		{&l.frameworks, notNil(r.Frameworks)}, {&l.modes, notNil(r.Modes)}, {&l.controls, notNil(r.Controls)},
		{&l.rules, notNil(r.Rules)}, {&l.signedBy, notNil(r.SignedBy)}, {&l.extends, notNil(r.Extends)},
	} {
		if *f.into, err = encode(f.from); err != nil {
			return l, err
		}
	}
	return l, nil
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// putFacets replaces the rows that filters look at.
func putFacets(tx *sqlite.Tx, id int64, r *catalog.Release) error {
	if _, err := tx.Exec(deleteFrameworks, id); err != nil {
		return fmt.Errorf("clearing frameworks: %w", err)
	}
	for _, f := range r.Frameworks {
		if _, err := tx.Exec(insertFramework, f, id); err != nil {
			return fmt.Errorf("writing framework %s: %w", f, err)
		}
	}
	if _, err := tx.Exec(deleteControls, id); err != nil {
		return fmt.Errorf("clearing controls: %w", err)
	}
	for _, c := range r.Controls {
		if _, err := tx.Exec(insertControl, catalog.ReduceLabel(c.ID.Local()), c.ID.Framework(), c.ID, id); err != nil {
			return fmt.Errorf("writing control %s: %w", c.ID, err)
		}
	}
	return nil
}

// DeleteRelease implements [catalog.ReleaseWriter].
func (s *Store) DeleteRelease(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) error {
	return s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		// The full-text rows are found through the release, so they go first.
		if err := clearSearch(tx, ref); err != nil {
			return err
		}
		var id int64
		err := tx.QueryRow(deleteRelease, ref.Namespace, ref.Name, version).Scan(&id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("deleting release %s %s: %w", ref, version, err)
		}
		return refreshSearch(tx, ref)
	})
}

const (
	insertSighting = `INSERT OR IGNORE INTO signature_sighting (tenant, repository, subject, referrer, seen_at) VALUES (?1, ?, ?, ?, ?)`
	selectSighting = `SELECT referrer, seen_at FROM signature_sighting WHERE tenant = ?1 AND repository = ? AND subject = ?`
)

// Sight implements [catalog.SightingStore].
func (s *Store) Sight(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, subject mesh.Digest, referrers []mesh.Digest, now time.Time) (map[mesh.Digest]time.Time, error) {
	seen := map[mesh.Digest]time.Time{}
	read := func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var d mesh.Digest
			var at int64
			if err := scan(&d, &at); err != nil {
				return err
			}
			seen[d] = fromMicros(at)
			return nil
		}, selectSighting, ref.String(), subject)
	}
	if err := s.db.Tenant(tenant).Read(ctx, read); err != nil {
		return nil, err
	}
	var unseen []mesh.Digest
	for _, d := range referrers {
		if _, ok := seen[d]; !ok {
			unseen = append(unseen, d)
		}
	}
	if len(unseen) == 0 {
		return seen, nil
	}
	err := s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		for _, d := range unseen {
			if _, err := tx.Exec(insertSighting, ref.String(), subject, d, micros(now)); err != nil {
				return fmt.Errorf("noting signature %s: %w", d, err)
			}
		}
		return read(tx)
	})
	return seen, err
}
