package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
)

const sqlTag = `SELECT digest FROM tag WHERE tenant = ?1 AND repository = ?2 AND name = ?3`

// resolve returns the digest a reference means, "" if it means nothing.
func resolve(tx *sqlite.Tx, repo registry.Name, ref registry.Reference) (mesh.Digest, error) {
	if ref.Digest != "" {
		return ref.Digest, nil
	}
	var digest mesh.Digest
	err := tx.QueryRow(sqlTag, string(repo), string(ref.Tag)).Scan(&digest)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return digest, err
}

func unknownManifest(tx *sqlite.Tx, repo registry.Name, ref registry.Reference) error {
	if err := requireRepository(tx, repo); err != nil {
		return err
	}
	return registry.ErrManifestUnknown.With("there is no manifest %s in %s", ref, repo)
}

const (
	manifestColumns = `digest, media_type, artifact_type, subject, annotations, size, created_at`

	sqlManifest     = `SELECT ` + manifestColumns + `, body FROM manifest WHERE tenant = ?1 AND repository = ?2 AND digest = ?3`
	sqlManifestInfo = `SELECT ` + manifestColumns + ` FROM manifest WHERE tenant = ?1 AND repository = ?2 AND digest = ?3`
)

func scanManifest(scan func(...any) error, more ...any) (registry.ManifestInfo, error) {
	var m registry.ManifestInfo
	var annotations string
	var created int64
	dest := append([]any{&m.Digest, &m.MediaType, &m.ArtifactType, &m.Subject, &annotations, &m.Size, &created}, more...)
	if err := scan(dest...); err != nil {
		return registry.ManifestInfo{}, err
	}
	m.Created = timeOf(created)
	return m, fromJSON(annotations, &m.Annotations)
}

// Manifest implements [registry.ManifestReader].
func (t *Tenant) Manifest(ctx context.Context, repo registry.Name, ref registry.Reference) (*registry.Manifest, error) {
	var m registry.Manifest
	err := t.db.Read(ctx, func(tx *sqlite.Tx) error {
		digest, err := resolve(tx, repo, ref)
		if err != nil {
			return err
		}
		m.ManifestInfo, err = scanManifest(tx.QueryRow(sqlManifest, string(repo), string(digest)).Scan, &m.Body)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownManifest(tx, repo, ref)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// StatManifest implements [registry.ManifestReader].
func (t *Tenant) StatManifest(ctx context.Context, repo registry.Name, ref registry.Reference) (info registry.ManifestInfo, err error) {
	err = t.db.Read(ctx, func(tx *sqlite.Tx) error {
		digest, err := resolve(tx, repo, ref)
		if err != nil {
			return err
		}
		info, err = scanManifest(tx.QueryRow(sqlManifestInfo, string(repo), string(digest)).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownManifest(tx, repo, ref)
		}
		return err
	})
	return info, err
}

// PutManifest implements [metadata.Manifests].
func (t *Tenant) PutManifest(ctx context.Context, repo registry.Name, m *registry.ParsedManifest, tags []registry.Tag, cond registry.Condition) (*registry.Event, error) {
	var event *registry.Event
	err := t.db.Write(ctx, func(tx *sqlite.Tx) error {
		if err := createRepository(tx, repo); err != nil {
			return err
		}
		if err := requireNeeds(tx, repo, m); err != nil {
			return err
		}
		added, err := insertManifest(tx, repo, m)
		if err != nil {
			return err
		}
		moved, err := setTags(tx, repo, tags, m.Digest, cond)
		if err != nil {
			return err
		}
		event = &registry.Event{Kind: registry.TagMoved, Repository: repo, Digest: m.Digest, Subject: m.Subject, Tags: moved}
		if added {
			event.Kind = registry.ManifestPushed
		}
		if !added && len(moved) == 0 {
			event.Tenant, event.Tags = tx.Tenant(), tags
			return nil
		}
		return emit(tx, event)
	})
	return t.told(event, err)
}

// told wakes the worker for an event that was committed.
func (t *Tenant) told(event *registry.Event, err error) (*registry.Event, error) {
	if err != nil {
		return nil, err
	}
	if event.Changed {
		t.store.notify()
	}
	return event, nil
}

const (
	sqlBlobSize     = `SELECT size FROM repository_blob WHERE tenant = ?1 AND repository = ?2 AND digest = ?3`
	sqlManifestSize = `SELECT size FROM manifest WHERE tenant = ?1 AND repository = ?2 AND digest = ?3`
)

// requireNeeds fails if something a manifest needs is not in the repository,
// or has another size than the manifest says: clients allocate by it.
func requireNeeds(tx *sqlite.Tx, repo registry.Name, m *registry.ParsedManifest) error {
	for _, need := range m.Needs {
		query, what := sqlBlobSize, "blob"
		if need.Manifest {
			query, what = sqlManifestSize, "manifest"
		}
		var size int64
		err := tx.QueryRow(query, string(repo), string(need.Digest)).Scan(&size)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return registry.ErrManifestBlobUnknown.With("the manifest needs %s %s, which is not in %s", what, need.Digest, repo).
				WithHint("push what a manifest lists before the manifest")
		case err != nil:
			return err
		case size != need.Size:
			return registry.ErrManifestInvalid.With("the manifest says that %s %s has %d bytes, it has %d", what, need.Digest, need.Size, size)
		}
	}
	return nil
}

const (
	sqlInsertManifest = `INSERT INTO manifest (tenant, repository, digest, media_type, artifact_type, subject, annotations, size, body, created_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING`
	sqlInsertReference = `INSERT INTO manifest_reference (tenant, repository, manifest, digest) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`
)

// insertManifest reports whether the manifest was not there before.
func insertManifest(tx *sqlite.Tx, repo registry.Name, m *registry.ParsedManifest) (bool, error) {
	annotations := "{}"
	if len(m.Annotations) > 0 {
		var err error
		if annotations, err = toJSON(m.Annotations); err != nil {
			return false, err
		}
	}
	n, err := tx.Exec(sqlInsertManifest, string(repo), string(m.Digest), m.MediaType, m.ArtifactType, string(m.Subject),
		annotations, m.Size, m.Body, now())
	if err != nil || n == 0 {
		return false, err
	}
	for _, need := range m.Needs {
		if _, err := tx.Exec(sqlInsertReference, string(repo), string(m.Digest), string(need.Digest)); err != nil {
			return false, err
		}
	}
	return true, nil
}

const (
	sqlTombstone = `SELECT digest FROM tag_tombstone WHERE tenant = ?1 AND repository = ?2 AND name = ?3`
	sqlSetTag    = `INSERT INTO tag (tenant, repository, name, digest, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (tenant, repository, name) DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at`
	sqlDropTombstone = `DELETE FROM tag_tombstone WHERE tenant = ?1 AND repository = ?2 AND name = ?3`
)

// setTags makes every tag mean the digest and returns those that meant
// something else before. Writers run one after the other, so that what was
// checked still holds when it is set.
func setTags(tx *sqlite.Tx, repo registry.Name, tags []registry.Tag, digest mesh.Digest, cond registry.Condition) ([]registry.Tag, error) {
	var moved []registry.Tag
	for _, tag := range tags {
		var state metadata.TagState
		var err error
		if state.Current, err = resolve(tx, repo, registry.ByTag(tag)); err != nil {
			return nil, err
		}
		err = tx.QueryRow(sqlTombstone, string(repo), string(tag)).Scan(&state.Tombstone)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if err := metadata.CheckTag(tag, state, digest, cond); err != nil {
			return nil, err
		}
		if state.Current == digest {
			continue
		}
		if _, err := tx.Exec(sqlSetTag, string(repo), string(tag), string(digest), now()); err != nil {
			return nil, err
		}
		if state.Tombstone != "" {
			if _, err := tx.Exec(sqlDropTombstone, string(repo), string(tag)); err != nil {
				return nil, err
			}
		}
		moved = append(moved, tag)
	}
	return moved, nil
}

const (
	sqlTagsOf         = `SELECT name FROM tag WHERE tenant = ?1 AND repository = ?2 AND digest = ?3 ORDER BY name`
	sqlDeleteTag      = `DELETE FROM tag WHERE tenant = ?1 AND repository = ?2 AND name = ?3`
	sqlDeleteManifest = `DELETE FROM manifest WHERE tenant = ?1 AND repository = ?2 AND digest = ?3`
	sqlSetTombstone   = `INSERT INTO tag_tombstone (tenant, repository, name, digest, deleted_at) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (tenant, repository, name) DO UPDATE SET digest = excluded.digest, deleted_at = excluded.deleted_at`
)

// DeleteManifest implements [metadata.Manifests].
func (t *Tenant) DeleteManifest(ctx context.Context, repo registry.Name, digest mesh.Digest) (*registry.Event, error) {
	var event *registry.Event
	err := t.db.Write(ctx, func(tx *sqlite.Tx) error {
		info, err := scanManifest(tx.QueryRow(sqlManifestInfo, string(repo), string(digest)).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownManifest(tx, repo, registry.ByDigest(digest))
		}
		if err != nil {
			return err
		}
		if err := requireUnused(tx, repo, digest); err != nil {
			return err
		}
		event = &registry.Event{Kind: registry.ManifestDeleted, Repository: repo, Digest: digest, Subject: info.Subject}
		err = tx.Each(func(scan func(...any) error) error {
			var tag registry.Tag
			err := scan(&tag)
			event.Tags = append(event.Tags, tag)
			return err
		}, sqlTagsOf, string(repo), string(digest))
		if err != nil {
			return err
		}
		for _, tag := range event.Tags {
			if err := dropTag(tx, repo, tag, digest); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(sqlDeleteManifest, string(repo), string(digest)); err != nil {
			return err
		}
		return emit(tx, event)
	})
	return t.told(event, err)
}

// dropTag removes a tag; a version's leaves a tombstone.
func dropTag(tx *sqlite.Tx, repo registry.Name, tag registry.Tag, digest mesh.Digest) error {
	if _, err := tx.Exec(sqlDeleteTag, string(repo), string(tag)); err != nil {
		return err
	}
	if !tag.IsVersion() {
		return nil
	}
	_, err := tx.Exec(sqlSetTombstone, string(repo), string(tag), string(digest), now())
	return err
}

// DeleteTag implements [metadata.Manifests].
func (t *Tenant) DeleteTag(ctx context.Context, repo registry.Name, tag registry.Tag) (*registry.Event, error) {
	var event *registry.Event
	err := t.db.Write(ctx, func(tx *sqlite.Tx) error {
		digest, err := resolve(tx, repo, registry.ByTag(tag))
		if err != nil {
			return err
		}
		if digest == "" {
			return unknownManifest(tx, repo, registry.ByTag(tag))
		}
		if err := dropTag(tx, repo, tag, digest); err != nil {
			return err
		}
		event = &registry.Event{Kind: registry.TagDeleted, Repository: repo, Digest: digest, Tags: []registry.Tag{tag}}
		return emit(tx, event)
	})
	return t.told(event, err)
}
