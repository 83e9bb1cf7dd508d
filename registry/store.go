package registry

import (
	"context"
	"io"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// Store is a registry of one tenant. All methods are safe for concurrent use.
//
// Every error that a caller can act on is one of the [Fault] sentinels, asked
// for with [errors.Is]; each method lists its own. Beyond those any method can
// return [mesh.CodeCanceled] and [mesh.CodeUnavailable]. An error leaves
// nothing half-done.
type Store interface {
	Reader
	Lister
	Writer
	Deleter
}

// Reader reads content by its address.
type Reader interface {
	BlobReader
	ManifestReader
}

// BlobReader reads the blobs of a repository.
type BlobReader interface {
	// StatBlob returns the digest and size of a blob.
	//
	// Errors: [ErrBlobUnknown], also where the repository does not exist.
	StatBlob(ctx context.Context, repo Name, digest mesh.Digest) (BlobInfo, error)

	// OpenBlob returns a blob's bytes, as they were verified when they were
	// stored. The caller closes the reader; it stays readable if the blob is
	// deleted meanwhile.
	//
	// Errors: [ErrBlobUnknown].
	OpenBlob(ctx context.Context, repo Name, digest mesh.Digest) (io.ReadSeekCloser, BlobInfo, error)
}

// ManifestReader reads the manifests of a repository.
type ManifestReader interface {
	// Manifest returns the manifest a reference means now, with its bytes as
	// they were pushed. The caller must not change the bytes.
	//
	// Errors: [ErrNameUnknown], [ErrManifestUnknown].
	Manifest(ctx context.Context, repo Name, ref Reference) (*Manifest, error)

	// StatManifest is Manifest without the bytes.
	//
	// Errors: [ErrNameUnknown], [ErrManifestUnknown].
	StatManifest(ctx context.Context, repo Name, ref Reference) (ManifestInfo, error)
}

// Lister enumerates. Lists are in byte order of what they list, begin after
// the element "after" (which need not exist), and end after limit elements;
// limit must be positive. Fewer elements than limit mean that the list is at
// its end.
type Lister interface {
	// Repositories lists the repositories that hold a manifest.
	Repositories(ctx context.Context, after Name, limit int) ([]Name, error)

	// Tags lists the tags of a repository and what they mean.
	//
	// Errors: [ErrNameUnknown].
	Tags(ctx context.Context, repo Name, after Tag, limit int) ([]TagInfo, error)

	// Referrers lists the manifests whose subject is the given digest, whether
	// or not that subject exists, in the order of their digests. A non-empty
	// artifactType leaves only manifests of that type. A repository that does
	// not exist has no referrers.
	Referrers(ctx context.Context, repo Name, subject mesh.Digest, artifactType string, after mesh.Digest, limit int) ([]ManifestInfo, error)
}

// Writer adds content.
type Writer interface {
	BlobWriter
	ManifestWriter
}

// BlobWriter adds blobs to a repository, which begins to exist with the first
// of them.
type BlobWriter interface {
	// StartUpload begins an upload. It survives a restart and is given up
	// after some time without progress.
	StartUpload(ctx context.Context, repo Name) (Upload, error)

	// ResumeUpload continues an upload that was begun in the same repository.
	//
	// Errors: [ErrUploadUnknown].
	ResumeUpload(ctx context.Context, repo Name, id UploadID) (Upload, error)

	// MountBlob makes a blob of one repository available in another without
	// copying it. Whether the caller may read "from" is not checked here.
	//
	// Errors: [ErrBlobUnknown] if from does not hold it.
	MountBlob(ctx context.Context, to, from Name, digest mesh.Digest) (BlobInfo, error)
}

// Upload is a blob on its way in. Calls on one upload, also through different
// values, run one after the other.
type Upload interface {
	// ID returns what [BlobWriter.ResumeUpload] takes.
	ID() UploadID

	// Size returns how many bytes have arrived.
	//
	// Errors: [ErrUploadUnknown] if the upload is over.
	Size(ctx context.Context) (int64, error)

	// Append adds the bytes of r and returns the new size. offset is where the
	// caller believes them to begin; a negative one means at the end. If r
	// fails, what it yielded before stays and can be continued; if the blob
	// becomes too large, or cannot be written, the upload is over.
	//
	// Errors: [ErrRangeInvalid] if offset is not the end, [ErrTooLarge],
	// [ErrUploadUnknown] if the upload is over.
	Append(ctx context.Context, offset int64, r io.Reader) (int64, error)

	// Commit ends the upload: if the bytes have the digest they are stored
	// durably as a blob of the repository, otherwise they are thrown away.
	//
	// Errors: [ErrDigestInvalid], [ErrUploadUnknown] if the upload is over.
	Commit(ctx context.Context, digest mesh.Digest) (BlobInfo, error)

	// Abort throws the upload away.
	//
	// Errors: [ErrUploadUnknown] if the upload is over.
	Abort(ctx context.Context) error
}

// ManifestWriter adds manifests.
type ManifestWriter interface {
	// PushManifest stores a manifest, its tags, its place among the referrers
	// of its subject and the [Event] of the push, all or nothing and durably.
	// Pushing what is there already changes nothing and is no error; its event
	// then says so.
	//
	// Errors: [ErrManifestInvalid], [ErrManifestBlobUnknown] if a blob or
	// manifest that it needs is not in the repository, [ErrDigestInvalid] if
	// push.Digest is not the body's, [ErrTagImmutable] if a version's tag would
	// move, [ErrTagMoved] if push.Condition does not hold.
	PushManifest(ctx context.Context, repo Name, push Push) (*Event, error)
}

// Deleter removes content. What is not there is an error, as the distribution
// spec wants it.
type Deleter interface {
	// DeleteManifest removes a manifest and every tag that means it.
	//
	// Errors: [ErrNameUnknown], [ErrManifestUnknown], [ErrInUse] if an index
	// lists it.
	DeleteManifest(ctx context.Context, repo Name, digest mesh.Digest) (*Event, error)

	// DeleteTag removes a tag. The name of a version stays reserved for the
	// digest it meant.
	//
	// Errors: [ErrNameUnknown], [ErrManifestUnknown].
	DeleteTag(ctx context.Context, repo Name, tag Tag) (*Event, error)

	// DeleteBlob removes a blob from a repository; other repositories keep it.
	//
	// Errors: [ErrBlobUnknown], [ErrInUse] if a manifest needs it.
	DeleteBlob(ctx context.Context, repo Name, digest mesh.Digest) error
}

// BlobInfo describes a stored blob.
type BlobInfo struct {
	Digest  mesh.Digest
	Size    int64 // bytes
	Created time.Time
}

// ManifestInfo describes a stored manifest.
type ManifestInfo struct {
	Digest    mesh.Digest
	MediaType string
	// ArtifactType is the manifest's, or the media type of its config if it
	// names none (distribution spec, "Listing Referrers").
	ArtifactType string
	Subject      mesh.Digest // "" for none
	Annotations  map[string]string
	Size         int64 // bytes
	Created      time.Time
}

// Manifest is a stored manifest with its bytes.
type Manifest struct {
	ManifestInfo
	Body []byte
}

// TagInfo is a tag and what it means.
type TagInfo struct {
	Tag     Tag
	Digest  mesh.Digest
	Updated time.Time
}

// Push is a manifest to be stored.
type Push struct {
	// Body is the manifest, at most [MaxManifestSize] bytes.
	Body []byte
	// MediaType is what the client called it; "" means what the body says.
	MediaType string
	// Digest is the expected digest, which also chooses its algorithm; "" means
	// sha256.
	Digest mesh.Digest
	// Tags get to mean the manifest.
	Tags []Tag
	// Condition must hold for every tag.
	Condition Condition
}

// Condition is what a tag must mean for a push to go through: the
// compare-and-set of moving tags. The zero value always holds.
type Condition struct {
	Absent bool        // the tag does not exist
	Match  mesh.Digest // the tag means this; "" for any
}

// IsZero reports whether c always holds.
func (c Condition) IsZero() bool { return c == Condition{} }
