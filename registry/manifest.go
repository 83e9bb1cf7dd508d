package registry

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"mime"
	"strings"

	"github.com/go-json-experiment/json"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

const (
	// MaxManifestSize is the largest manifest a store takes, in bytes; the
	// distribution spec asks for at least this ("Pushing Manifests").
	MaxManifestSize = 4 << 20

	// maxManifestDepth is how deep the JSON of a manifest may nest. Manifests
	// need five levels.
	maxManifestDepth = 32

	// maxDescriptors bounds what a manifest lists, and so the work of checking
	// that it is all there.
	maxDescriptors = 10_000

	maxMediaTypeLength = 255
)

// The manifest types of Docker that have the same shape as the OCI's, which
// container clients still push.
const (
	mediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	mediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// ParsedManifest is a manifest that was checked by itself: what it says is
// well-formed, whether what it needs is there is not known yet.
type ParsedManifest struct {
	Manifest
	// Needs is the content that must be in the repository: config and layers
	// of an image, the manifests of an index. The subject is not among it.
	Needs []Need
}

// Need is one thing a manifest lists.
type Need struct {
	Digest   mesh.Digest
	Size     int64
	Manifest bool // a manifest, not a blob
}

// document has the fields of image manifest and index. Fields nobody reads
// here are not decoded, so that clients may write what they like there.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *descriptor       `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"`
	Subject       *descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

type descriptor struct {
	MediaType string   `json:"mediaType"`
	Digest    string   `json:"digest"`
	Size      int64    `json:"size"`
	URLs      []string `json:"urls"`
}

// ParseManifest checks a push by itself and computes its digest. The JSON is
// read strictly: a field that occurs twice or in another case would mean one
// thing to us and another to whoever pulls it. Unknown fields are let through.
//
// Errors: [ErrManifestInvalid], [ErrDigestInvalid], [ErrTooLarge].
func ParseManifest(push Push) (*ParsedManifest, error) {
	if len(push.Body) > MaxManifestSize {
		return nil, ErrTooLarge.With("the manifest is larger than %d MiB", MaxManifestSize>>20).
			WithHint("put the content into layers; a manifest only lists them")
	}
	digest, err := verify(push)
	if err != nil {
		return nil, err
	}
	if nestedDeeper(push.Body, maxManifestDepth) {
		return nil, ErrManifestInvalid.With("the manifest is nested deeper than %d levels", maxManifestDepth)
	}
	var doc document
	if err := json.Unmarshal(push.Body, &doc); err != nil {
		return nil, ErrManifestInvalid.With("the manifest cannot be read: %v", err).
			WithHint("it must be a JSON object whose fields occur once and in the case the OCI image spec gives them")
	}
	mediaType, err := doc.mediaType(push.MediaType)
	if err != nil {
		return nil, err
	}
	needs, err := doc.needs(mediaType)
	if err != nil {
		return nil, err
	}
	m := &ParsedManifest{Needs: needs, Manifest: Manifest{
		Body: push.Body,
		ManifestInfo: ManifestInfo{
			Digest: digest, MediaType: mediaType, ArtifactType: doc.artifactType(),
			Annotations: doc.Annotations, Size: int64(len(push.Body)),
		},
	}}
	if doc.Subject != nil {
		if m.Subject, err = doc.Subject.check("subject"); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func verify(push Push) (mesh.Digest, error) {
	digest := DigestOf(push.Digest, push.Body)
	if push.Digest != "" && digest != push.Digest {
		return "", ErrDigestInvalid.With("the manifest's digest is %s, not %s", digest, push.Digest).
			WithHint("the bytes were changed on the way, or the digest is another manifest's")
	}
	return digest, nil
}

// DigestOf returns the digest of data by the algorithm of like, sha256 if like
// is empty.
func DigestOf(like mesh.Digest, data []byte) mesh.Digest {
	if strings.HasPrefix(string(like), "sha512:") {
		sum := sha512.Sum512(data)
		return mesh.Digest("sha512:" + hex.EncodeToString(sum[:]))
	}
	sum := sha256.Sum256(data)
	return mesh.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// mediaType reconciles what the client and what the document say.
func (d *document) mediaType(contentType string) (string, error) {
	if contentType != "" {
		t, _, err := mime.ParseMediaType(contentType)
		if err != nil {
			return "", ErrManifestInvalid.With("%q is not a media type", clip(contentType))
		}
		contentType = t
	}
	switch {
	case d.SchemaVersion != 2:
		return "", ErrManifestInvalid.With("schemaVersion is %d", d.SchemaVersion).WithHint("write schemaVersion 2; nothing else is pushed any more")
	case contentType == "" && d.MediaType == "":
		return "", ErrManifestInvalid.With("the manifest has no media type").WithHint("send it as Content-Type")
	case contentType != "" && d.MediaType != "" && contentType != d.MediaType:
		return "", ErrManifestInvalid.With("the Content-Type is %q, the manifest says %q", contentType, clip(d.MediaType))
	case contentType == "":
		contentType = d.MediaType
	}
	switch contentType {
	case ocispec.MediaTypeImageManifest, mediaTypeDockerManifest:
		if d.Config == nil || d.Manifests != nil {
			return "", ErrManifestInvalid.With("the manifest has no config, or lists manifests").WithHint("an image manifest has config and layers, an index has manifests")
		}
	case ocispec.MediaTypeImageIndex, mediaTypeDockerList:
		if d.Config != nil || d.Layers != nil {
			return "", ErrManifestInvalid.With("the index has a config or layers").WithHint("an image manifest has config and layers, an index has manifests")
		}
	default:
		return "", ErrManifestInvalid.With("manifests of type %q are not known here", clip(contentType)).
			WithHint("push an OCI image manifest or index; what kind of artifact it is belongs into artifactType")
	}
	return contentType, nil
}

func (d *document) artifactType() string {
	if d.ArtifactType == "" && d.Config != nil {
		return d.Config.MediaType
	}
	return d.ArtifactType
}

func (d *document) needs(mediaType string) ([]Need, error) {
	if n := len(d.Layers) + len(d.Manifests); n > maxDescriptors {
		return nil, ErrManifestInvalid.With("the manifest lists %d descriptors, at most %d are taken", n, maxDescriptors)
	}
	if len(d.artifactType()) > maxMediaTypeLength {
		return nil, ErrManifestInvalid.With("the artifactType is longer than %d characters", maxMediaTypeLength)
	}
	index := mediaType == ocispec.MediaTypeImageIndex || mediaType == mediaTypeDockerList
	list, field := d.Layers, "layers"
	if index {
		list, field = d.Manifests, "manifests"
	}
	needs := make([]Need, 0, len(list)+1)
	if d.Config != nil {
		digest, err := d.Config.check("config")
		if err != nil {
			return nil, err
		}
		needs = append(needs, Need{Digest: digest, Size: d.Config.Size})
	}
	for i := range list {
		digest, err := list[i].check(fmt.Sprintf("%s[%d]", field, i))
		if err != nil {
			return nil, err
		}
		if list[i].isElsewhere() {
			continue
		}
		needs = append(needs, Need{Digest: digest, Size: list[i].Size, Manifest: index})
	}
	return needs, nil
}

func (d *descriptor) check(where string) (mesh.Digest, error) {
	digest, err := mesh.ParseDigest(clip(d.Digest))
	if err != nil {
		return "", ErrManifestInvalid.With("%s: %v", where, err).WithHint(mesh.HintOf(err))
	}
	if d.Size < 0 {
		return "", ErrManifestInvalid.With("%s: the size is negative", where)
	}
	if d.MediaType == "" || len(d.MediaType) > maxMediaTypeLength {
		return "", ErrManifestInvalid.With("%s: the media type is missing or longer than %d characters", where, maxMediaTypeLength)
	}
	return digest, nil
}

// isElsewhere reports whether a layer may be fetched from another place and
// need not be in the registry (image spec, "Non-Distributable Layers").
func (d *descriptor) isElsewhere() bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, ".nondistributable.") || strings.HasSuffix(d.MediaType, ".foreign.diff.tar.gzip")
}

// nestedDeeper reports whether JSON nests deeper than limit, without trusting
// that it is JSON.
func nestedDeeper(data []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
