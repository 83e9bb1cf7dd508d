// Package store makes a registry of its two halves: the bytes of package
// blobs and the knowledge of package metadata.
//
// [New] is the only constructor. The order of its writes is what keeps the
// halves consistent: bytes first, then the row that makes them reachable; on
// removal the row first. A crash in between leaves bytes nobody can reach,
// which [Store.CollectGarbage] removes, never a row without bytes.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/blobs"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
)

// Store is the registry of one tenant; it implements [registry.Store].
type Store struct {
	// Manifests are rows and nothing else: reading and listing them is the
	// metadata's alone.
	registry.ManifestReader
	registry.Lister

	meta  metadata.Store
	blobs *blobs.Tenant
}

var _ registry.Store = (*Store)(nil)

// New joins the two halves, which must belong to the same tenant.
func New(meta metadata.Store, bytes *blobs.Tenant) *Store {
	return &Store{ManifestReader: meta, Lister: meta, meta: meta, blobs: bytes}
}

// StatBlob implements [registry.BlobReader].
func (s *Store) StatBlob(ctx context.Context, repo registry.Name, digest mesh.Digest) (registry.BlobInfo, error) {
	return s.meta.Blob(ctx, repo, digest)
}

// OpenBlob implements [registry.BlobReader]. The reader is an *os.File, which
// servers send without copying it through memory.
func (s *Store) OpenBlob(ctx context.Context, repo registry.Name, digest mesh.Digest) (io.ReadSeekCloser, registry.BlobInfo, error) {
	info, err := s.meta.Blob(ctx, repo, digest)
	if err != nil {
		return nil, registry.BlobInfo{}, err
	}
	f, err := s.blobs.Open(digest)
	if errors.Is(err, registry.ErrBlobUnknown) {
		// The row says it is there: somebody removed the file under us.
		return nil, registry.BlobInfo{}, fmt.Errorf("blob %s of %s has lost its file", digest, repo)
	}
	if err != nil {
		return nil, registry.BlobInfo{}, err
	}
	return f, info, nil
}

// PushManifest implements [registry.ManifestWriter].
func (s *Store) PushManifest(ctx context.Context, repo registry.Name, push registry.Push) (*registry.Event, error) {
	m, err := registry.ParseManifest(push)
	if err != nil {
		return nil, err
	}
	return s.meta.PutManifest(ctx, repo, m, push.Tags, push.Condition)
}

// MountBlob implements [registry.BlobWriter].
func (s *Store) MountBlob(ctx context.Context, to, from registry.Name, digest mesh.Digest) (registry.BlobInfo, error) {
	return s.meta.MountBlob(ctx, to, from, digest)
}

// DeleteManifest implements [registry.Deleter].
func (s *Store) DeleteManifest(ctx context.Context, repo registry.Name, digest mesh.Digest) (*registry.Event, error) {
	return s.meta.DeleteManifest(ctx, repo, digest)
}

// DeleteTag implements [registry.Deleter].
func (s *Store) DeleteTag(ctx context.Context, repo registry.Name, tag registry.Tag) (*registry.Event, error) {
	return s.meta.DeleteTag(ctx, repo, tag)
}

// DeleteBlob implements [registry.Deleter]. The bytes stay until garbage is
// collected: another repository may have them.
func (s *Store) DeleteBlob(ctx context.Context, repo registry.Name, digest mesh.Digest) error {
	return s.meta.UnlinkBlob(ctx, repo, digest)
}

// StartUpload implements [registry.BlobWriter].
func (s *Store) StartUpload(_ context.Context, repo registry.Name) (registry.Upload, error) {
	u, err := s.blobs.Start(repo)
	if err != nil {
		return nil, err
	}
	return &upload{Upload: u, store: s, repo: repo}, nil
}

// ResumeUpload implements [registry.BlobWriter].
func (s *Store) ResumeUpload(_ context.Context, repo registry.Name, id registry.UploadID) (registry.Upload, error) {
	u, err := s.blobs.Resume(repo, id)
	if err != nil {
		return nil, err
	}
	return &upload{Upload: u, store: s, repo: repo}, nil
}

// upload links what the upload stores.
type upload struct {
	*blobs.Upload

	store *Store
	repo  registry.Name
}

// Commit implements [registry.Upload].
func (u *upload) Commit(ctx context.Context, digest mesh.Digest) (info registry.BlobInfo, err error) {
	err = u.Upload.Commit(ctx, digest, func(size int64) error {
		info, err = u.store.meta.LinkBlob(ctx, u.repo, digest, size)
		return err
	})
	return info, err
}

// CollectGarbage removes the bytes no repository has any more and that were
// stored before a time, and returns how many blobs it removed. The time keeps
// apart what was just uploaded again; nobody waits for the collection longer
// than one blob takes.
func (s *Store) CollectGarbage(ctx context.Context, before time.Time) (int, error) {
	count := 0
	err := s.blobs.Each(ctx, func(digest mesh.Digest, stored time.Time) error {
		if !stored.Before(before) {
			return nil
		}
		removed, err := s.collect(ctx, digest)
		if removed {
			count++
		}
		return err
	})
	return count, err
}

func (s *Store) collect(ctx context.Context, digest mesh.Digest) (bool, error) {
	linked := func() (bool, error) { return s.meta.BlobLinked(ctx, digest) }
	// Most blobs are: those are told without anybody having to wait.
	if yes, err := linked(); err != nil || yes {
		return false, err
	}
	return s.blobs.Collect(digest, linked)
}
