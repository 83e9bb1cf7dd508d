package registry

import (
	"regexp"
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// Name is the name of a repository: path components of lower-case letters,
// digits and separators, joined by slashes. A policy bundle's is
// "namespace/name"; other artifacts may have deeper ones.
type Name string

// Tag is a name for a manifest within a repository.
type Tag string

// UploadID names an upload. It is random and unguessable: whoever knows it and
// may push to the repository can continue the upload.
type UploadID string

const (
	// maxNameLength is what the distribution spec advises, because clients
	// count the host name in.
	maxNameLength = 255
	maxTagLength  = 128
)

var (
	// Distribution spec 1.1, "Pulling manifests".
	nameSyntax     = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagSyntax      = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	uploadIDSyntax = regexp.MustCompile(`^[a-z0-9]{16,64}$`)
)

// ParseName reads a repository name.
//
// Errors: [ErrNameInvalid].
func ParseName(s string) (Name, error) {
	if len(s) > maxNameLength || !nameSyntax.MatchString(s) {
		return "", ErrNameInvalid.With("%q is not a repository name", clip(s)).
			WithHint("use lower-case letters, digits, single . _ - and / between them, at most 255 characters, for example acme/privacy")
	}
	return Name(s), nil
}

// BundleRef returns the name as that of a policy bundle; false if it has not
// exactly two components.
func (n Name) BundleRef() (mesh.BundleRef, bool) {
	ref, err := mesh.ParseBundleRef(string(n))
	return ref, err == nil
}

// Namespace returns the first component, whose owner decides who may push.
func (n Name) Namespace() mesh.Namespace {
	ns, _, _ := strings.Cut(string(n), "/")
	return mesh.Namespace(ns)
}

// ParseTag reads a tag.
//
// Errors: [ErrTagInvalid].
func ParseTag(s string) (Tag, error) {
	if !tagSyntax.MatchString(s) {
		return "", ErrTagInvalid.With("%q is not a tag", clip(s)).
			WithHint("use letters, digits, . _ and -, not . or - first, at most 128 characters")
	}
	return Tag(s), nil
}

// ParseDigest is [mesh.ParseDigest] with this package's error.
//
// Errors: [ErrDigestInvalid].
func ParseDigest(s string) (mesh.Digest, error) {
	d, err := mesh.ParseDigest(clip(s))
	if err != nil {
		return "", ErrDigestInvalid.With("%s", err.Error()).WithHint(mesh.HintOf(err))
	}
	return d, nil
}

// ParseUploadID reads an upload's id.
//
// Errors: [ErrUploadUnknown]: what is not an id names no upload.
func ParseUploadID(s string) (UploadID, error) {
	if !uploadIDSyntax.MatchString(s) {
		return "", ErrUploadUnknown.With("there is no upload %q", clip(s))
	}
	return UploadID(s), nil
}

// Reference is a tag or a digest; exactly one of the fields is set.
type Reference struct {
	Tag    Tag
	Digest mesh.Digest
}

// ParseReference reads a tag or a digest: a digest has a colon, a tag cannot.
//
// Errors: [ErrTagInvalid], [ErrDigestInvalid].
func ParseReference(s string) (Reference, error) {
	if strings.Contains(s, ":") {
		d, err := ParseDigest(s)
		return Reference{Digest: d}, err
	}
	t, err := ParseTag(s)
	return Reference{Tag: t}, err
}

// ByTag returns the reference that is a tag.
func ByTag(t Tag) Reference { return Reference{Tag: t} }

// ByDigest returns the reference that is a digest.
func ByDigest(d mesh.Digest) Reference { return Reference{Digest: d} }

// String returns the tag or the digest.
func (r Reference) String() string {
	if r.Digest != "" {
		return string(r.Digest)
	}
	return string(r.Tag)
}

// clip keeps hostile input out of messages and logs at length.
func clip(s string) string {
	const limit = 300
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
