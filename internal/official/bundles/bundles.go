// Package bundles holds the official bundles of this build, packed and signed:
// the framework packs of catalog/frameworks/packs as OCI image layouts, each
// with the manifest that carries its signature.
//
// [List] names them, [Release.Manifests] and [Release.Blob] hand out their
// content in the order in which a registry accepts it. The key they are signed
// with is that of internal/official. Nothing is verified here: what is
// published goes through the same trust check as any other push.
package bundles

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

// IndexFile is the file that lists the releases, as the generator writes it.
const IndexFile = "index.json"

//go:embed all:layouts
var embedded embed.FS

// Release is one version of an official bundle.
type Release struct {
	Bundle  mesh.BundleRef `json:"bundle"`
	Version string         `json:"version"` // semantic version, also the tag
	Digest  mesh.Digest    `json:"digest"`  // of the bundle's manifest
	// Path is the folder of the release's OCI image layout within the
	// embedded files.
	Path string `json:"path"`

	files fs.FS
}

// Manifest is one manifest of a release with what must be there before it.
type Manifest struct {
	Descriptor ocispec.Descriptor
	Data       []byte
	Tag        string               // empty: only known by its digest
	Blobs      []ocispec.Descriptor // config and layers
}

// List returns the official bundles of this build, sorted by name and version.
// The error of a build without any is [mesh.CodeUnavailable] and says how to
// make them.
func List() ([]Release, error) {
	layouts, err := fs.Sub(embedded, "layouts")
	if err != nil {
		return nil, fmt.Errorf("opening the embedded layouts: %w", err)
	}
	return Open(layouts)
}

// Open lists the releases in a folder that the generator wrote.
func Open(files fs.FS) ([]Release, error) {
	raw, err := fs.ReadFile(files, IndexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "this build has no official bundles").
			WithHint("build with make build, which packs and signs them")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of official bundles: %w", err)
	}
	var releases []Release
	if err := json.Unmarshal(raw, &releases); err != nil {
		return nil, fmt.Errorf("decoding the list of official bundles: %w", err)
	}
	for i := range releases {
		layout, err := fs.Sub(files, releases[i].Path)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", releases[i].Bundle, err)
		}
		releases[i].files = layout
	}
	return releases, nil
}

// Manifests returns the manifests of the release in the order they must be
// pushed: the bundle first, then what refers to it.
func (r Release) Manifests() ([]Manifest, error) {
	raw, err := fs.ReadFile(r.files, ocispec.ImageIndexFile)
	if err != nil {
		return nil, fmt.Errorf("reading the layout of %s: %w", r.Bundle, err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("decoding the layout of %s: %w", r.Bundle, err)
	}
	var bundle, referrers []Manifest
	for _, desc := range index.Manifests {
		m, err := r.manifest(desc)
		if err != nil {
			return nil, err
		}
		if mesh.Digest(desc.Digest) == r.Digest {
			bundle = append(bundle, m)
		} else {
			referrers = append(referrers, m)
		}
	}
	if len(bundle) != 1 {
		return nil, fmt.Errorf("the layout of %s has %d manifests with digest %s, not one", r.Bundle, len(bundle), r.Digest)
	}
	return append(bundle, referrers...), nil
}

func (r Release) manifest(desc ocispec.Descriptor) (Manifest, error) {
	data, err := r.Blob(mesh.Digest(desc.Digest))
	if err != nil {
		return Manifest{}, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("decoding manifest %s of %s: %w", desc.Digest, r.Bundle, err)
	}
	return Manifest{
		Descriptor: desc,
		Data:       data,
		Tag:        desc.Annotations[ocispec.AnnotationRefName],
		Blobs:      append([]ocispec.Descriptor{m.Config}, m.Layers...),
	}, nil
}

// Blob returns the content with that digest.
func (r Release) Blob(d mesh.Digest) ([]byte, error) {
	if _, err := mesh.ParseDigest(string(d)); err != nil {
		return nil, fmt.Errorf("opening a blob of %s: %w", r.Bundle, err)
	}
	algorithm, encoded, _ := strings.Cut(string(d), ":")
	data, err := fs.ReadFile(r.files, path.Join(ocispec.ImageBlobsDir, algorithm, encoded))
	if err != nil {
		return nil, fmt.Errorf("reading blob %s of %s: %w", d, r.Bundle, err)
	}
	return data, nil
}
