package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

// tagSyntax is the OCI distribution spec's <reference> as a tag.
var tagSyntax = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// WriteLayout writes the artifact into the OCI image layout in dir, which is
// created where it is missing, under tag; an empty tag adds it without one, as
// befits a signature. Other content of the layout stays, a manifest that had
// the tag loses it. Blobs come first and the index last, by renaming, so a
// reader sees the old layout or the new one. Two writers at the same time must
// be kept apart by the caller, or the later index wins.
//
// Format: OCI image spec 1.1, "OCI Image Layout Specification".
func (a *Artifact) WriteLayout(dir, tag string) error {
	if tag != "" && !tagSyntax.MatchString(tag) {
		return mesh.Errorf(mesh.CodeInvalid, "%q is not a tag", tag)
	}
	root := layoutDir(dir)
	index, err := root.prepare()
	if err != nil {
		return fmt.Errorf("writing the image layout %s: %w", dir, err)
	}
	for _, b := range append(slices.Clone(a.blobs), a.manifest) {
		if err := root.writeBlob(b); err != nil {
			return fmt.Errorf("writing the image layout %s: %w", dir, err)
		}
	}
	entry := a.Descriptor()
	if tag != "" {
		entry.Annotations = map[string]string{ocispec.AnnotationRefName: tag}
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispec.Descriptor) bool {
		return refName(d) == tag && (tag != "" || d.Digest == entry.Digest)
	})
	index.Manifests = append(index.Manifests, entry)
	if err := root.writeJSON(ocispec.ImageIndexFile, index); err != nil {
		return fmt.Errorf("writing the image layout %s: %w", dir, err)
	}
	return nil
}

func refName(d ocispec.Descriptor) string { return d.Annotations[ocispec.AnnotationRefName] }

// layoutDir is the root of a layout that is written.
type layoutDir string

func (l layoutDir) path(name string) string {
	return filepath.Join(string(l), filepath.FromSlash(name))
}

// prepare makes an empty layout where there is none and returns the index of
// the one there is. A directory that holds something else is left alone.
func (l layoutDir) prepare() (*ocispec.Index, error) {
	entries, err := os.ReadDir(string(l))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		existing, err := OpenLayout(string(l))
		if err != nil {
			return nil, err
		}
		return &existing.index, nil
	}
	if err := os.MkdirAll(l.path(ocispec.ImageBlobsDir), 0o755); err != nil {
		return nil, err
	}
	if err := l.writeJSON(ocispec.ImageLayoutFile, ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion}); err != nil {
		return nil, err
	}
	return &ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}, nil
}

func blobPath(d digest.Digest) string {
	return ocispec.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// writeBlob stores a blob unless the layout has it.
func (l layoutDir) writeBlob(b blob) error {
	name := blobPath(b.desc.Digest)
	if have, err := os.ReadFile(l.path(name)); err == nil && verifyDigest(b.desc.Digest, have) == nil {
		return nil
	}
	return l.write(name, b.data)
}

func (l layoutDir) writeJSON(name string, v any) error {
	data, err := canonical(v)
	if err != nil {
		return err
	}
	return l.write(name, data)
}

// write makes the file appear with all of its content, durably, or not at all.
func (l layoutDir) write(name string, data []byte) (err error) {
	target := l.path(name)
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	if err := writeSynced(tmp, data); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), target); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeSynced(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Layout reads an OCI image layout. It is a [Fetcher], sees the index as it was
// when opened, and is safe for concurrent use.
type Layout struct {
	fsys  fs.FS
	index ocispec.Index
}

// OpenLayout opens the layout in dir: [mesh.CodeNotFound] if there is none,
// [mesh.CodeInvalid] if it is malformed.
func OpenLayout(dir string) (*Layout, error) {
	l, err := OpenLayoutFS(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("opening the image layout %s: %w", dir, err)
	}
	return l, nil
}

// OpenLayoutFS is [OpenLayout] for a file system, such as an embedded one.
func OpenLayoutFS(fsys fs.FS) (*Layout, error) {
	l := &Layout{fsys: fsys}
	var version ocispec.ImageLayout
	if err := l.readJSON(ocispec.ImageLayoutFile, &version); err != nil {
		return nil, err
	}
	if version.Version != ocispec.ImageLayoutVersion {
		return nil, mesh.Errorf(mesh.CodeInvalid, "the image layout has version %q, not %s", version.Version, ocispec.ImageLayoutVersion)
	}
	if err := l.readJSON(ocispec.ImageIndexFile, &l.index); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Layout) readJSON(name string, v any) error {
	data, err := l.read(name, MaxManifestSize)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return mesh.Errorf(mesh.CodeInvalid, "%s: %w", name, err)
	}
	return nil
}

// read returns a file of at most limit bytes.
func (l *Layout) read(name string, limit int64) ([]byte, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%s has more than %d bytes", name, limit)
	}
	return data, nil
}

func (l *Layout) open(name string) (fs.File, error) {
	f, err := l.fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Errorf(mesh.CodeNotFound, "the image layout has no %s", name)
	}
	return f, err
}

// Tags returns the tags of the layout and the manifest each points to.
func (l *Layout) Tags() map[string]mesh.Digest {
	tags := make(map[string]mesh.Digest, len(l.index.Manifests))
	for _, d := range l.index.Manifests {
		if tag := refName(d); tag != "" {
			tags[tag] = mesh.Digest(d.Digest)
		}
	}
	return tags
}

// Manifests describes every manifest of the layout, each once.
func (l *Layout) Manifests() []ocispec.Descriptor {
	var out []ocispec.Descriptor
	for _, d := range l.index.Manifests {
		if !slices.ContainsFunc(out, func(o ocispec.Descriptor) bool { return o.Digest == d.Digest }) {
			d.Annotations = nil
			out = append(out, d)
		}
	}
	return out
}

// Referrers describes the manifests of the layout whose subject is d, in the
// order of the index. Manifests that cannot be read are passed over: they
// refer to nothing.
func (l *Layout) Referrers(ctx context.Context, d mesh.Digest) ([]ocispec.Descriptor, error) {
	var out []ocispec.Descriptor
	for _, desc := range l.Manifests() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err := l.Manifest(ctx, mesh.Digest(desc.Digest))
		if err != nil {
			continue
		}
		var m ocispec.Manifest
		if json.Unmarshal(data, &m) != nil || m.Subject == nil || mesh.Digest(m.Subject.Digest) != d {
			continue
		}
		desc.ArtifactType, desc.Annotations = m.ArtifactType, m.Annotations
		out = append(out, desc)
	}
	return out, nil
}

// Manifest implements [Fetcher].
func (l *Layout) Manifest(_ context.Context, d mesh.Digest) ([]byte, error) {
	if _, err := mesh.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	return l.read(blobPath(digest.Digest(d)), MaxManifestSize)
}

// Blob implements [Fetcher].
func (l *Layout) Blob(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if _, err := mesh.ParseDigest(string(desc.Digest)); err != nil {
		return nil, err
	}
	return l.open(blobPath(desc.Digest))
}
