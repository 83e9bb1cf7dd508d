package bundle

import (
	"context"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

// WriteLayout writes the artifact into the OCI image layout in dir, which is
// created where it is missing, and tags it. Other content of the layout stays;
// a manifest of the same tag is replaced. Blobs come first and the index last,
// by renaming, so that a reader sees the old layout or the new one.
func (a *Artifact) WriteLayout(dir, tag string) error {
	return mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Layout reads an OCI image layout on disk. It is safe for concurrent use.
type Layout struct{ dir string }

// OpenLayout opens the layout in dir.
func OpenLayout(dir string) (*Layout, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Tags returns the tags of the layout and what they point to.
func (l *Layout) Tags() map[string]mesh.Digest { return nil }

// Manifest implements [Fetcher].
func (l *Layout) Manifest(ctx context.Context, d mesh.Digest) ([]byte, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Blob implements [Fetcher].
func (l *Layout) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}
