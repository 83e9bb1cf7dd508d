// Package metadata says what a registry asks of its database: which
// repository holds which blobs and manifests, what the tags mean, who refers
// to whom, and the outbox. [Store] is one tenant's part, [Outbox] the
// workers' view across tenants. Package sqlite below implements both; package
// store joins a Store with the bytes of package blobs.
//
// One call is one transaction. A push above all: the manifest, what it
// references, its tags with their compare-and-set, and the outbox row are
// there together or not at all.
//
// [CheckTag] holds the rule which tags may move, so that no database has one
// of its own.
package metadata

import (
	"context"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// Store is the metadata of one tenant's registry. All methods are safe for
// concurrent use; their errors are those of the methods of [registry.Store]
// with the same purpose.
type Store interface {
	registry.ManifestReader
	registry.Lister
	Blobs
	Manifests
}

// Blobs knows through which repositories a blob can be reached.
type Blobs interface {
	// Blob returns a blob of a repository, or [registry.ErrBlobUnknown].
	Blob(ctx context.Context, repo registry.Name, digest mesh.Digest) (registry.BlobInfo, error)
	// LinkBlob makes a stored blob one of the repository's and returns it.
	LinkBlob(ctx context.Context, repo registry.Name, digest mesh.Digest, size int64) (registry.BlobInfo, error)
	// MountBlob links a blob of another repository, or returns
	// [registry.ErrBlobUnknown].
	MountBlob(ctx context.Context, to, from registry.Name, digest mesh.Digest) (registry.BlobInfo, error)
	// UnlinkBlob is [registry.Deleter.DeleteBlob] without the bytes.
	UnlinkBlob(ctx context.Context, repo registry.Name, digest mesh.Digest) error
	// BlobLinked reports whether any repository still has the blob.
	BlobLinked(ctx context.Context, digest mesh.Digest) (bool, error)
}

// Manifests adds and removes manifests and tags.
type Manifests interface {
	// PutManifest is [registry.ManifestWriter.PushManifest] of what was parsed.
	PutManifest(ctx context.Context, repo registry.Name, m *registry.ParsedManifest, tags []registry.Tag, cond registry.Condition) (*registry.Event, error)
	// DeleteManifest is [registry.Deleter.DeleteManifest].
	DeleteManifest(ctx context.Context, repo registry.Name, digest mesh.Digest) (*registry.Event, error)
	// DeleteTag is [registry.Deleter.DeleteTag].
	DeleteTag(ctx context.Context, repo registry.Name, tag registry.Tag) (*registry.Event, error)
}

// Outbox is the list of events that still have to be worked on, of all
// tenants. An event leaves it only by Done: what was begun when the program
// ended is pending again.
type Outbox interface {
	// Pending returns the oldest events that are due, at most limit.
	Pending(ctx context.Context, limit int) ([]Job, error)
	// Done removes events. Those that are gone already are no error.
	Done(ctx context.Context, ids ...int64) error
	// Retry keeps an event for another attempt, not before at, and remembers
	// why. One that is gone already is no error.
	Retry(ctx context.Context, id int64, at time.Time, reason string) error
	// Enqueue adds an event that no change caused, such as a manifest whose
	// signature arrived, and returns its id. ID, Time and Changed of the
	// argument are ignored.
	Enqueue(ctx context.Context, event registry.Event) (int64, error)
	// Next returns when the earliest event that is not yet due will be; the
	// zero time if there is none.
	Next(ctx context.Context) (time.Time, error)
	// Depth returns how many events there are, due or not.
	Depth(ctx context.Context) (int, error)
	// Wake returns a channel that receives when events were added. It
	// remembers one wake-up, and is meant for one receiver: after it, and once
	// at the start, take everything that is pending.
	Wake() <-chan struct{}
}

// Job is an event in the outbox.
type Job struct {
	registry.Event
	Attempts  int    // that failed so far
	LastError string // of the last of them
}

// TagState is what a database knows of a tag before a push sets it.
type TagState struct {
	Current   mesh.Digest // what it means, "" if it does not exist
	Tombstone mesh.Digest // what it meant before it was deleted, "" if it never was
}

// CheckTag reports whether a push may make tag mean digest: the condition
// must hold, and a version never changes its meaning, not even by being
// deleted in between.
//
// Errors: [registry.ErrTagMoved], [registry.ErrTagImmutable].
func CheckTag(tag registry.Tag, state TagState, digest mesh.Digest, cond registry.Condition) error {
	switch {
	case cond.Absent && state.Current != "":
		return registry.ErrTagMoved.With("the tag %s exists, it means %s", tag, state.Current).
			WithHint("push without If-None-Match to move it, if it may move")
	case cond.Match != "" && cond.Match != state.Current:
		current := state.Current
		if current == "" {
			current = "nothing"
		}
		return registry.ErrTagMoved.With("the tag %s means %s, not %s", tag, current, cond.Match).
			WithHint("somebody else moved it: look at what it means now, then push again")
	case !tag.IsVersion():
		return nil
	case state.Current != "" && state.Current != digest:
		return registry.ErrTagImmutable.With("version %s is published as %s and cannot become %s", tag, state.Current, digest).
			WithHint("a version never changes its content: publish the change under a new version")
	case state.Current == "" && state.Tombstone != "" && state.Tombstone != digest:
		return registry.ErrTagImmutable.With("version %s was published as %s and deleted; it cannot come back as %s", tag, state.Tombstone, digest).
			WithHint("a version never changes its content: publish the change under a new version")
	}
	return nil
}
