package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

// A signature travels as a manifest of its own that names the bundle as its
// subject (OCI image spec 1.1, "Guidelines for Artifact Usage"), with one
// layer: a Sigstore bundle. Type and annotations are those cosign writes, so
// that cosign and other Sigstore clients find it.
const (
	// MediaTypeSigstoreBundle is the type of the layer and the artifactType of
	// the manifest (Sigstore bundle format, v0.3).
	MediaTypeSigstoreBundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// MaxSigstoreBundleSize bounds one Sigstore bundle; one with a
	// certificate, a log proof and a timestamp has some 10 KiB.
	MaxSigstoreBundleSize = 1 << 20

	// AnnotationSigstorePredicate says what the Sigstore bundle states. It is
	// not signed: good for sorting, worth nothing for trusting.
	AnnotationSigstorePredicate = "dev.sigstore.bundle.predicateType"

	annotationSigstoreContent = "dev.sigstore.bundle.content"
	sigstoreContentDSSE       = "dsse-envelope"

	// sigstoreBundlePrefix begins the media types of all versions of the
	// format; which of them can be read is for the verifier to say.
	sigstoreBundlePrefix = "application/vnd.dev.sigstore.bundle"
)

// PackSignature makes the manifest that attaches a Sigstore bundle to a
// subject. created is written down only if it is not zero. What is no Sigstore
// bundle v0.3 around a statement is refused with [mesh.CodeInvalid].
func PackSignature(subject ocispec.Descriptor, sigstoreBundle []byte, created time.Time) (*Artifact, error) {
	predicateType, err := predicateTypeOf(sigstoreBundle)
	if err != nil {
		return nil, err
	}
	a := &Artifact{artifactType: MediaTypeSigstoreBundle}
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: MediaTypeSigstoreBundle,
		Config:       a.add(ocispec.MediaTypeEmptyJSON, ocispec.DescriptorEmptyJSON.Data),
		Layers:       []ocispec.Descriptor{a.add(MediaTypeSigstoreBundle, sigstoreBundle)},
		Subject:      &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations: map[string]string{
			annotationSigstoreContent:   sigstoreContentDSSE,
			AnnotationSigstorePredicate: predicateType,
		},
	}
	if !created.IsZero() {
		m.Annotations[ocispec.AnnotationCreated] = created.UTC().Format(time.RFC3339)
	}
	data, err := canonical(m)
	if err != nil {
		return nil, fmt.Errorf("encoding the manifest of a signature: %w", err)
	}
	a.manifest = blob{descriptor(ocispec.MediaTypeImageManifest, data), data}
	return a, nil
}

// predicateTypeOf reads what a Sigstore bundle states, without verifying it.
func predicateTypeOf(sigstoreBundle []byte) (string, error) {
	if len(sigstoreBundle) > MaxSigstoreBundleSize {
		return "", mesh.Errorf(mesh.CodeTooLarge, "the Sigstore bundle has %d bytes, more than the %d allowed", len(sigstoreBundle), MaxSigstoreBundleSize)
	}
	var b struct {
		MediaType    string `json:"mediaType"`
		DSSEEnvelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(sigstoreBundle, &b); err != nil || b.MediaType != MediaTypeSigstoreBundle {
		return "", mesh.Errorf(mesh.CodeInvalid, "it is not a Sigstore bundle v0.3").WithHint("sign with mesh policy sign, or with cosign sign --new-bundle-format")
	}
	var statement struct {
		PredicateType string `json:"predicateType"`
	}
	if err := json.Unmarshal(b.DSSEEnvelope.Payload, &statement); err != nil {
		return "", mesh.Errorf(mesh.CodeInvalid, "the Sigstore bundle holds no signed statement")
	}
	return statement.PredicateType, nil
}

// MayBeSignature reports whether a referrer, as a registry lists it, may
// attach a Sigstore bundle. Registries without the referrers API list some
// with the config's type or with none, and cosign accepts those too.
func MayBeSignature(referrer ocispec.Descriptor) bool {
	switch t := referrer.ArtifactType; t {
	case "", ocispec.MediaTypeEmptyJSON, ocispec.MediaTypeImageConfig:
		return true
	default:
		return strings.HasPrefix(t, sigstoreBundlePrefix)
	}
}

// ReadSignature fetches the Sigstore bundle that the manifest with digest
// referrer attaches to subject. The manifest is read leniently: cosign's
// carry members the image spec does not define. A manifest that attaches none,
// or to something else, is refused with [mesh.CodeInvalid].
func ReadSignature(ctx context.Context, f Fetcher, subject, referrer mesh.Digest) ([]byte, error) {
	data, err := f.Manifest(ctx, referrer)
	if err != nil {
		return nil, fmt.Errorf("reading manifest %s: %w", referrer, err)
	}
	layer, err := signatureLayer(data, subject, referrer)
	if err != nil {
		return nil, err
	}
	return fetchBlob(ctx, f, layer)
}

// signatureLayer checks the manifest and returns where the Sigstore bundle is.
func signatureLayer(data []byte, subject, referrer mesh.Digest) (ocispec.Descriptor, error) {
	var none ocispec.Descriptor
	if len(data) > MaxManifestSize {
		return none, notSignature(referrer, "has %d bytes, more than the %d allowed", len(data), MaxManifestSize)
	}
	if err := verifyDigest(digest.Digest(referrer), data); err != nil {
		return none, notSignature(referrer, "is damaged: %w", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return none, notSignature(referrer, "is malformed: %w", err)
	}
	if m.Subject == nil || mesh.Digest(m.Subject.Digest) != subject {
		return none, notSignature(referrer, "is not attached to %s", subject)
	}
	if len(m.Layers) != 1 || !strings.HasPrefix(m.Layers[0].MediaType, sigstoreBundlePrefix) {
		return none, notSignature(referrer, "does not hold exactly one Sigstore bundle")
	}
	layer := m.Layers[0]
	if _, err := mesh.ParseDigest(string(layer.Digest)); err != nil {
		return none, notSignature(referrer, "is malformed: %w", err)
	}
	if layer.Size < 0 || layer.Size > MaxSigstoreBundleSize {
		return none, notSignature(referrer, "holds a Sigstore bundle of %d bytes, more than the %d allowed", layer.Size, MaxSigstoreBundleSize)
	}
	return layer, nil
}

func notSignature(referrer mesh.Digest, format string, args ...any) error {
	return mesh.Errorf(mesh.CodeInvalid, "manifest %s "+format, append([]any{referrer}, args...)...)
}
