package sqlite

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/registry"
)

const sqlRepositories = `SELECT name FROM repository r WHERE tenant = ?1 AND name > ?2
	AND EXISTS (SELECT 1 FROM manifest m WHERE m.tenant = r.tenant AND m.repository = r.name) ORDER BY name LIMIT ?3`

// Repositories implements [registry.Lister].
func (t *Tenant) Repositories(ctx context.Context, after registry.Name, limit int) ([]registry.Name, error) {
	list := []registry.Name{}
	err := t.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			var name registry.Name
			err := scan(&name)
			list = append(list, name)
			return err
		}, sqlRepositories, string(after), limit)
	})
	return list, err
}

const sqlTags = `SELECT name, digest, updated_at FROM tag WHERE tenant = ?1 AND repository = ?2 AND name > ?3 ORDER BY name LIMIT ?4`

// Tags implements [registry.Lister].
func (t *Tenant) Tags(ctx context.Context, repo registry.Name, after registry.Tag, limit int) ([]registry.TagInfo, error) {
	list := []registry.TagInfo{}
	err := t.db.Read(ctx, func(tx *sqlite.Tx) error {
		if err := requireRepository(tx, repo); err != nil {
			return err
		}
		return tx.Each(func(scan func(...any) error) error {
			var info registry.TagInfo
			var updated int64
			err := scan(&info.Tag, &info.Digest, &updated)
			info.Updated = timeOf(updated)
			list = append(list, info)
			return err
		}, sqlTags, string(repo), string(after), limit)
	})
	return list, err
}

// The subject's inequality lets the partial index serve the query.
const sqlReferrers = `SELECT ` + manifestColumns + ` FROM manifest
	WHERE tenant = ?1 AND repository = ?2 AND subject = ?3 AND subject <> '' AND (?4 = '' OR artifact_type = ?4) AND digest > ?5
	ORDER BY digest LIMIT ?6`

// Referrers implements [registry.Lister].
func (t *Tenant) Referrers(ctx context.Context, repo registry.Name, subject mesh.Digest, artifactType string, after mesh.Digest, limit int) ([]registry.ManifestInfo, error) {
	list := []registry.ManifestInfo{}
	err := t.db.Read(ctx, func(tx *sqlite.Tx) error {
		return tx.Each(func(scan func(...any) error) error {
			info, err := scanManifest(scan)
			list = append(list, info)
			return err
		}, sqlReferrers, string(repo), string(subject), artifactType, string(after), limit)
	})
	return list, err
}
