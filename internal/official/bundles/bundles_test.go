package bundles_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/official/bundles"
)

func TestOpenSaysWhenThereIsNothing(t *testing.T) {
	t.Parallel()
	_, err := bundles.Open(fstest.MapFS{"README.md": {Data: []byte("a fresh clone")}})
	if !errors.Is(err, &mesh.Error{Code: mesh.CodeUnavailable}) || mesh.HintOf(err) == "" {
		t.Errorf("Open of an empty folder: %v, hint %q", err, mesh.HintOf(err))
	}
}

func TestOpenRefusesDamage(t *testing.T) {
	t.Parallel()
	const index = `[{"bundle": {"namespace": "mesh", "name": "gdpr"}, "version": "3.0.0",
		"digest": "sha256:da93d24e50a35f9f2bd86f4fc2bb7e48a76ddfb251625e910df68a1b129d3dc6", "path": "gdpr/3.0.0"}]`
	if _, err := bundles.Open(fstest.MapFS{bundles.IndexFile: {Data: []byte("[")}}); err == nil {
		t.Error("Open accepted a list that is no JSON")
	}
	releases, err := bundles.Open(fstest.MapFS{
		bundles.IndexFile:       {Data: []byte(index)},
		"gdpr/3.0.0/index.json": {Data: []byte(`{"schemaVersion": 2, "manifests": []}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := releases[0].Manifests(); err == nil {
		t.Error("Manifests accepted a layout without the bundle")
	}
	for _, d := range []mesh.Digest{"", "sha256:../../index.json", releases[0].Digest} {
		if _, err := releases[0].Blob(d); err == nil {
			t.Errorf("Blob(%q) found something", d)
		}
	}
}

// TestEmbedded reads everything this build carries, if it carries any.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	releases, err := bundles.List()
	if errors.Is(err, &mesh.Error{Code: mesh.CodeUnavailable}) {
		return // a fresh clone that was never built: the generator's tests cover the rest
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range releases {
		manifests, err := r.Manifests()
		if err != nil {
			t.Fatal(err)
		}
		if len(manifests) != 2 || manifests[0].Tag != r.Version || manifests[1].Tag != "" {
			t.Errorf("%s: want the tagged bundle and an untagged signature, got %d manifests", r.Bundle, len(manifests))
		}
		for _, m := range manifests {
			for _, blob := range m.Blobs {
				data, err := r.Blob(mesh.Digest(blob.Digest))
				if err != nil || int64(len(data)) != blob.Size {
					t.Errorf("%s: blob %s: %d bytes, %v", r.Bundle, blob.Digest, len(data), err)
				}
			}
		}
	}
}
