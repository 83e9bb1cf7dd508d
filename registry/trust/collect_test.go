package trust_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	godigest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// shelf holds artifacts, and fails where it is told to.
type shelf struct {
	artifacts []*bundle.Artifact
	err       error
}

func (s shelf) Manifest(ctx context.Context, d mesh.Digest) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	for _, a := range s.artifacts {
		if a.Digest() == d {
			return a.Manifest(ctx, d)
		}
	}
	return nil, mesh.Errorf(mesh.CodeNotFound, "no manifest %s", d)
}

func (s shelf) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	for _, a := range s.artifacts {
		if rc, err := a.Blob(ctx, desc); err == nil {
			return rc, nil
		}
	}
	return nil, mesh.Errorf(mesh.CodeNotFound, "no blob %s", desc.Digest)
}

func TestCollect(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	attach := func(data []byte, to mesh.Digest) *bundle.Artifact {
		a, err := bundle.PackSignature(ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: godigest.Digest(to), Size: 1}, data, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	attestation := attach(attested(t, key, "https://slsa.dev/provenance/v1").Bundle, digest)
	signature := attach(signed(t, key, digest).Bundle, digest)
	elsewhere := attach(signed(t, key, other).Bundle, other)
	s := shelf{artifacts: []*bundle.Artifact{attestation, signature, elsewhere}}
	listed := func(a *bundle.Artifact, predicateType string) ocispec.Descriptor {
		d := a.Descriptor()
		d.Annotations = map[string]string{bundle.AnnotationSigstorePredicate: predicateType}
		return d
	}
	untyped := listed(attestation, "")
	untyped.ArtifactType = ""
	foreign := listed(signature, trust.PredicateTypeSignature)
	foreign.ArtifactType = "application/spdx+json"
	gone := listed(signature, "")
	gone.Digest = godigest.Digest(other)
	got, err := trust.Collect(t.Context(), s, digest, []ocispec.Descriptor{
		foreign, gone, untyped, listed(elsewhere, trust.PredicateTypeSignature), listed(signature, trust.PredicateTypeSignature),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Referrer != signature.Digest() || got[1].Referrer != attestation.Digest() {
		t.Errorf("collected %d, want the signature and then the attestation", len(got))
	}
	if _, err := trusting(t, "acme", key).Verify(t.Context(), subject, got); err != nil {
		t.Error(err)
	}
}

// TestCollectTellsNoneFromUnknown: a registry that fails must not look like
// one that holds no signature.
func TestCollectTellsNoneFromUnknown(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	referrer := ocispec.Descriptor{ArtifactType: bundle.MediaTypeSigstoreBundle, Digest: godigest.Digest(other)}
	if _, err := trust.Collect(t.Context(), shelf{err: down}, digest, []ocispec.Descriptor{referrer}); !errors.Is(err, down) {
		t.Errorf("got %v, want %v", err, down)
	}
	got, err := trust.Collect(t.Context(), shelf{}, digest, nil)
	if err != nil || len(got) != 0 {
		t.Errorf("no referrers: %v %v", got, err)
	}
}
