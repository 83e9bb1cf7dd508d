package bundle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// oneManifest holds a manifest, and the same blob under every digest.
type oneManifest struct{ manifest, blob []byte }

func (f oneManifest) Manifest(context.Context, mesh.Digest) ([]byte, error) { return f.manifest, nil }

func (f oneManifest) Blob(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(f.blob))), nil
}

// Whatever a registry says is attached, only a Sigstore bundle with the digest
// its manifest promises comes out, attached to what was asked about.
func FuzzReadSignature(f *testing.F) {
	subject := mesh.Digest(digest.FromString("subject"))
	layer := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":2}`, bundle.MediaTypeSigstoreBundle, digest.FromString("{}"))
	manifest := func(subject mesh.Digest, layers string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"subject":{"digest":%q},"layers":[%s]}`, subject, layers)
	}
	f.Add(manifest(subject, layer), []byte("{}"))
	f.Add(manifest(subject, layer), []byte("{} and more"))
	f.Add(manifest(subject, layer), []byte("[]"))
	f.Add(manifest(subject, layer+","+layer), []byte("{}"))
	f.Add(manifest(subject, ""), []byte("{}"))
	f.Add(manifest(mesh.Digest(digest.FromString("other")), layer), []byte("{}"))
	f.Add(manifest(subject, strings.Replace(layer, `"size":2`, `"size":-1`, 1)), []byte("{}"))
	f.Add(manifest(subject, strings.Replace(layer, "sha256:", "md5:", 1)), []byte("{}"))
	f.Add(manifest(subject, strings.Replace(layer, "sigstore", "other", 1)), []byte("{}"))
	f.Add([]byte(`{"subject":null,"layers":null}`), []byte("{}"))
	f.Fuzz(func(t *testing.T, manifest, blob []byte) {
		content := oneManifest{manifest, blob}
		referrer := mesh.Digest(digest.FromBytes(manifest))
		got, err := bundle.ReadSignature(t.Context(), content, subject, referrer)
		if err != nil {
			if code := mesh.CodeOf(err); code != mesh.CodeInvalid && code != mesh.CodePolicyInvalid {
				t.Errorf("code %s: %v", code, err)
			}
			return
		}
		var m ocispec.Manifest
		if err := json.Unmarshal(manifest, &m); err != nil {
			t.Fatalf("read a signature of %q: %v", manifest, err)
		}
		promised := m.Layers[0].Digest
		if len(got) > bundle.MaxSigstoreBundleSize || promised.Algorithm().FromBytes(got) != promised || mesh.Digest(m.Subject.Digest) != subject {
			t.Errorf("read %q of %q", got, manifest)
		}
		if _, err := bundle.ReadSignature(t.Context(), content, subject, subject); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("under another digest: %v", err)
		}
	})
}
