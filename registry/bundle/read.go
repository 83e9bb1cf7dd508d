package bundle

import (
	"bytes"
	"context"
	_ "crypto/sha256" // the algorithms mesh.ParseDigest accepts
	_ "crypto/sha512"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

// Fetcher is whoever holds content: a registry, a store, a layout on disk, an
// [Artifact]. What it returns is not believed: [Read] compares every byte with
// the digest it asked for.
type Fetcher interface {
	// Manifest returns the bytes of a manifest. The error of a digest that is
	// not there has [mesh.CodeNotFound].
	Manifest(ctx context.Context, d mesh.Digest) ([]byte, error)
	// Blob opens a blob. The caller closes it. The error of a digest that is
	// not there has [mesh.CodeNotFound].
	Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error)
}

// Bundle is a bundle that was read: within the limits, and equal to its
// digests. Nothing says yet that anybody trusted signed it.
type Bundle struct {
	Digest   mesh.Digest
	Manifest ocispec.Manifest
	Config   Config
	Files    []File // in the manifest's order

	artifact *Artifact
}

// Artifact returns the bundle as it was read, byte for byte, for storing it
// where [Read] will find it again. A Bundle that Read did not make has none.
func (b *Bundle) Artifact() *Artifact { return b.artifact }

// Rules returns the policy document.
func (b *Bundle) Rules() File {
	for _, f := range b.Files {
		if f.MediaType == MediaTypeRules {
			return f
		}
	}
	return File{}
}

// Tests returns the files of cases, ordered by title.
func (b *Bundle) Tests() []File {
	var out []File
	for _, f := range b.Files {
		if f.MediaType == MediaTypeTests {
			out = append(out, f)
		}
	}
	return sortedFiles(out)
}

// Readme returns the page for people, and false if there is none.
func (b *Bundle) Readme() (File, bool) { return b.find(MediaTypeDocs, ReadmeTitle) }

// Params returns the JSON Schema of the parameters, and false if the bundle
// takes none.
func (b *Bundle) Params() (File, bool) { return b.find(MediaTypeParams, ParamsTitle) }

func (b *Bundle) find(mediaType, title string) (File, bool) {
	for _, f := range b.Files {
		if f.MediaType == mediaType && f.Title == title {
			return f, true
		}
	}
	return File{}, false
}

// Read fetches and takes apart the bundle with digest d. Content that is
// malformed, over a limit or not what its digest says is refused with
// [mesh.CodePolicyInvalid]; errors of the Fetcher are passed on.
func Read(ctx context.Context, f Fetcher, d mesh.Digest) (*Bundle, error) {
	if _, err := mesh.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	data, err := f.Manifest(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", d, err)
	}
	m, err := ParseManifest(d, data)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Digest: d, Manifest: *m, artifact: &Artifact{
		artifactType: m.ArtifactType,
		manifest:     blob{descriptor(ocispec.MediaTypeImageManifest, data), data},
	}}
	b.artifact.manifest.desc.Digest = digest.Digest(d) // of either algorithm
	if err := b.readConfig(ctx, f); err != nil {
		return nil, err
	}
	for _, desc := range m.Layers {
		if err := b.readLayer(ctx, f, desc); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Bundle) readConfig(ctx context.Context, f Fetcher) error {
	data, err := b.fetch(ctx, f, b.Manifest.Config)
	if err != nil {
		return err
	}
	config, err := ParseConfig(data)
	if err != nil {
		return err
	}
	b.Config = *config
	return nil
}

func (b *Bundle) readLayer(ctx context.Context, f Fetcher, desc ocispec.Descriptor) error {
	data, err := b.fetch(ctx, f, desc)
	if err != nil {
		return err
	}
	file := File{Title: desc.Annotations[ocispec.AnnotationTitle], MediaType: desc.MediaType, Data: data}
	if desc.MediaType == MediaTypeOPA {
		if err := checkArchive(file.Title, data); err != nil {
			return err
		}
	}
	b.Files = append(b.Files, file)
	return nil
}

// fetch returns a blob, once per digest, and keeps it for Artifact.
func (b *Bundle) fetch(ctx context.Context, f Fetcher, desc ocispec.Descriptor) ([]byte, error) {
	for _, have := range b.artifact.blobs {
		if have.desc.Digest == desc.Digest && have.desc.Size == desc.Size {
			return have.data, nil
		}
	}
	data, err := fetchBlob(ctx, f, desc)
	if err != nil {
		return nil, err
	}
	desc.Annotations = nil
	b.artifact.blobs = append(b.artifact.blobs, blob{desc, data})
	return data, nil
}

// ParseManifest reads the manifest of a bundle and checks its shape, without
// fetching what it names. It tolerates members it does not know, as the image
// spec demands ("Extensibility"); they are signed with the digest and decide
// nothing. Repeated members are refused: another reader might take the other.
func ParseManifest(d mesh.Digest, data []byte) (*ocispec.Manifest, error) {
	if len(data) > MaxManifestSize {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "manifest %s has %d bytes, more than the %d allowed", d, len(data), MaxManifestSize)
	}
	if err := verifyDigest(digest.Digest(d), data); err != nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "manifest %s: %w", d, err)
	}
	var m ocispec.Manifest
	if err := jsonv2.Unmarshal(data, &m); err != nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "manifest %s: %w", d, err)
	}
	if err := checkManifest(&m); err != nil {
		return nil, err
	}
	return &m, nil
}

// checkManifest checks everything that can be said without the blobs.
func checkManifest(m *ocispec.Manifest) error {
	switch {
	case m.SchemaVersion != 2 || m.MediaType != ocispec.MediaTypeImageManifest:
		return malformed("the manifest is %q, not an OCI image manifest", m.MediaType)
	case m.ArtifactType != ArtifactType:
		return malformed("the artifact is a %q, not a policy bundle", m.ArtifactType).WithHint("a policy bundle has the artifactType " + ArtifactType)
	case m.Config.MediaType != MediaTypeConfig:
		return malformed("the config is a %q, not %s", m.Config.MediaType, MediaTypeConfig)
	case len(m.Layers) > MaxLayers:
		return malformed("the bundle has %d layers, more than the %d allowed", len(m.Layers), MaxLayers)
	}
	if err := checkDescriptor(m.Config, "config"); err != nil {
		return err
	}
	return checkLayers(m.Layers, m.Config.Size)
}

// checkLayers checks titles and sizes of layers, which together with the
// config's must stay within the limit, and that exactly one holds the rules.
func checkLayers(layers []ocispec.Descriptor, total int64) error {
	rules := 0
	titles := make(map[string]string, len(layers)) // to media type
	for i, l := range layers {
		title := l.Annotations[ocispec.AnnotationTitle]
		if err := checkTitle(title); err != nil {
			return malformed("layer %d: %w", i, err)
		}
		if _, repeated := titles[title]; repeated {
			return malformed("two layers are titled %q", title)
		}
		titles[title] = l.MediaType
		if err := checkDescriptor(l, title); err != nil {
			return err
		}
		if l.MediaType == MediaTypeRules {
			rules++
		}
		total += l.Size // no overflow: every size is at most MaxBundleSize
	}
	switch {
	case rules != 1:
		return malformed("the bundle has %d layers of type %s, not one", rules, MediaTypeRules).WithHint("put all rules into one policy.yaml")
	case titles[RulesTitle] != MediaTypeRules:
		return malformed("the rules layer is not titled %s", RulesTitle)
	case total > MaxBundleSize:
		return malformed("the bundle has %d bytes, more than the %d allowed", total, MaxBundleSize)
	}
	return nil
}

// sizeLimit returns what a blob of a media type may have.
func sizeLimit(mediaType string) int64 {
	switch mediaType {
	case MediaTypeConfig:
		return MaxConfigSize
	case MediaTypeRules, MediaTypeBaseRules:
		return MaxRulesSize
	case MediaTypeBaseManifest:
		return MaxManifestSize
	}
	return MaxBundleSize
}

func checkDescriptor(desc ocispec.Descriptor, what string) error {
	if _, err := mesh.ParseDigest(string(desc.Digest)); err != nil {
		return malformed("%s: %w", what, err)
	}
	if limit := sizeLimit(desc.MediaType); desc.Size < 0 || desc.Size > limit {
		return malformed("%s has %d bytes, more than the %d allowed", what, desc.Size, limit)
	}
	return nil
}

// checkTitle accepts a path that stays within the directory it is unpacked
// into, on every operating system, and that a terminal can show.
func checkTitle(title string) error {
	switch {
	case title == "":
		return fmt.Errorf("the annotation %s is missing", ocispec.AnnotationTitle)
	case len(title) > MaxTitleLength:
		return fmt.Errorf("the title has %d bytes, more than the %d allowed", len(title), MaxTitleLength)
	case !utf8.ValidString(title) || strings.ContainsFunc(title, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the title %q has characters that cannot be printed", title)
	case strings.ContainsAny(title, `\:`):
		return fmt.Errorf("the title %q has a backslash or colon", title)
	case path.IsAbs(title) || path.Clean(title) != title || title == "." || title == ".." || strings.HasPrefix(title, "../"):
		return fmt.Errorf("the title %q is not a plain relative path", title)
	}
	return nil
}

// fetchBlob reads exactly what desc promises.
func fetchBlob(ctx context.Context, f Fetcher, desc ocispec.Descriptor) (_ []byte, err error) {
	rc, err := f.Blob(ctx, desc)
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", desc.Digest, err)
	}
	defer func() {
		if cerr := rc.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("reading blob %s: %w", desc.Digest, cerr)
		}
	}()
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, io.LimitReader(rc, desc.Size+1)); err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", desc.Digest, err)
	}
	if int64(buf.Len()) != desc.Size {
		return nil, malformed("blob %s has not the %d bytes its manifest promises", desc.Digest, desc.Size)
	}
	if err := verifyDigest(desc.Digest, buf.Bytes()); err != nil {
		return nil, malformed("blob %s: %w", desc.Digest, err)
	}
	return buf.Bytes(), nil
}

// verifyDigest compares content with its address. Digests come from outside,
// and go-digest panics on an algorithm it does not know.
func verifyDigest(d digest.Digest, data []byte) error {
	if _, err := mesh.ParseDigest(string(d)); err != nil {
		return err
	}
	if got := d.Algorithm().FromBytes(data); got != d {
		return fmt.Errorf("the content has the digest %s", got)
	}
	return nil
}

func malformed(format string, args ...any) *mesh.Error {
	return mesh.Errorf(mesh.CodePolicyInvalid, format, args...)
}
