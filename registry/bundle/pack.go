package bundle

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

// File is one file of a bundle. Title is its path within the bundle, with
// forward slashes.
type File struct {
	Title     string
	MediaType string
	Data      []byte
}

// Source is what a bundle is packed from.
type Source struct {
	Config Config
	Files  []File // one of MediaTypeRules among them; the order does not matter
	// Created is what the bundle says about its age; the zero time becomes
	// 1970. It is never the clock's, or packing twice would give two digests.
	Created time.Time
	// Annotations are added to those that follow from Config and win over
	// them, except for the version and the name.
	Annotations map[string]string
}

// blob is content with its descriptor.
type blob struct {
	desc ocispec.Descriptor
	data []byte
}

// Artifact is a packed bundle, or a packed signature of one: a manifest and
// the blobs it names. It is immutable, and a [Fetcher] of itself.
type Artifact struct {
	artifactType string
	manifest     blob
	blobs        []blob // config first, then the layers, each digest once
}

// Pack makes an artifact of sources, with every limit that [Read] has: what
// Pack makes, Read reads. A refusal has [mesh.CodePolicyInvalid].
func Pack(src Source) (*Artifact, error) {
	if err := src.Config.validate(); err != nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "packing %s: %w", src.Config.Ref(), err)
	}
	config := src.Config
	config.normalize()
	configData, err := canonical(config)
	if err != nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "packing %s: encoding the config: %w", config.Ref(), err)
	}
	a := &Artifact{artifactType: ArtifactType}
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: ArtifactType,
		Config:       a.add(MediaTypeConfig, configData),
		Annotations:  annotations(&config, src),
	}
	for _, f := range sortedFiles(src.Files) {
		desc := a.add(f.MediaType, f.Data)
		desc.Annotations = map[string]string{ocispec.AnnotationTitle: f.Title}
		m.Layers = append(m.Layers, desc)
	}
	if err := checkManifest(&m); err != nil {
		return nil, err
	}
	data, err := canonical(m)
	if err != nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "packing %s: encoding the manifest: %w", config.Ref(), err)
	}
	if len(data) > MaxManifestSize {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "packing %s: the manifest has %d bytes, more than the %d allowed", config.Ref(), len(data), MaxManifestSize)
	}
	a.manifest = blob{descriptor(ocispec.MediaTypeImageManifest, data), data}
	for _, f := range src.Files {
		if f.MediaType == MediaTypeOPA {
			if err := checkArchive(f.Title, f.Data); err != nil {
				return nil, err
			}
		}
	}
	return a, nil
}

// sortedFiles returns the files in the order they have in the manifest: rules
// first, then by media type and title.
func sortedFiles(files []File) []File {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int {
		return cmp.Or(cmp.Compare(layerRank(a.MediaType), layerRank(b.MediaType)), cmp.Compare(a.MediaType, b.MediaType), cmp.Compare(a.Title, b.Title))
	})
	return files
}

// layerRank puts what a reader looks for first at the front.
func layerRank(mediaType string) int {
	front := []string{MediaTypeRules, MediaTypeTests, MediaTypeDocs, MediaTypeParams, MediaTypeBaseManifest, MediaTypeBaseRules}
	if i := slices.Index(front, mediaType); i >= 0 {
		return i
	}
	return len(front)
}

// annotations returns the manifest's annotations (OCI image spec 1.1,
// "Pre-Defined Annotation Keys"). Empty ones are left out.
func annotations(c *Config, src Source) map[string]string {
	created := src.Created
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	frameworks := make([]string, len(c.Frameworks))
	for i, f := range c.Frameworks {
		frameworks[i] = string(f)
	}
	out := map[string]string{
		ocispec.AnnotationTitle:       c.Title,
		ocispec.AnnotationDescription: c.Summary,
		ocispec.AnnotationLicenses:    c.Licence,
		ocispec.AnnotationVendor:      c.Vendor,
		ocispec.AnnotationCreated:     created.UTC().Format(time.RFC3339),
	}
	for k, v := range src.Annotations {
		out[k] = v
	}
	out[ocispec.AnnotationVersion] = c.Version
	out[AnnotationName] = c.Ref().String()
	out[AnnotationFrameworks] = strings.Join(frameworks, ",")
	for k, v := range out {
		if v == "" {
			delete(out, k)
		}
	}
	return out
}

func descriptor(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// add stores data once and returns its descriptor.
func (a *Artifact) add(mediaType string, data []byte) ocispec.Descriptor {
	desc := descriptor(mediaType, data)
	if !slices.ContainsFunc(a.blobs, func(b blob) bool { return b.desc.Digest == desc.Digest }) {
		a.blobs = append(a.blobs, blob{desc, data})
	}
	return desc
}

// Digest returns the manifest's digest: what is signed, and what a runtime
// pulls by.
func (a *Artifact) Digest() mesh.Digest { return mesh.Digest(a.manifest.desc.Digest) }

// Descriptor describes the manifest, without annotations.
func (a *Artifact) Descriptor() ocispec.Descriptor {
	desc := a.manifest.desc
	desc.ArtifactType = a.artifactType
	return desc
}

// Blobs describes the blobs in the order they are best pushed, each once.
// They come before the manifest, or a registry refuses it.
func (a *Artifact) Blobs() []ocispec.Descriptor {
	out := make([]ocispec.Descriptor, len(a.blobs))
	for i, b := range a.blobs {
		out[i] = b.desc
	}
	return out
}

// Manifest returns the manifest's bytes if d is its digest, and
// [mesh.CodeNotFound] otherwise. The caller must not change them.
func (a *Artifact) Manifest(_ context.Context, d mesh.Digest) ([]byte, error) {
	if d != a.Digest() {
		return nil, mesh.Errorf(mesh.CodeNotFound, "the artifact has no manifest %s", d)
	}
	return a.manifest.data, nil
}

// Blob returns the content of one of its blobs, and [mesh.CodeNotFound] if it
// has none of that digest.
func (a *Artifact) Blob(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	for _, b := range a.blobs {
		if b.desc.Digest == desc.Digest {
			return io.NopCloser(bytes.NewReader(b.data)), nil
		}
	}
	return nil, mesh.Errorf(mesh.CodeNotFound, "the artifact has no blob %s", desc.Digest)
}
