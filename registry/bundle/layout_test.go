package bundle_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

func releaseOf(t *testing.T, v string) *bundle.Artifact {
	t.Helper()
	c := config()
	c.Version = v
	return pack(t, bundle.Source{Config: c, Files: files()})
}

func open(t *testing.T, dir string) *bundle.Layout {
	t.Helper()
	l, err := bundle.OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t *testing.T, a *bundle.Artifact, dir, tag string) {
	t.Helper()
	if err := a.WriteLayout(dir, tag); err != nil {
		t.Fatal(err)
	}
}

func TestLayoutMerges(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "layout")
	first, second := releaseOf(t, "1.0.0"), releaseOf(t, "1.1.0")
	write(t, first, dir, "1.0.0")
	write(t, first, dir, "stable")
	write(t, second, dir, "1.1.0")
	write(t, second, dir, "stable")
	write(t, second, dir, "1.1.0")
	l := open(t, dir)
	want := map[string]mesh.Digest{"1.0.0": first.Digest(), "1.1.0": second.Digest(), "stable": second.Digest()}
	if diff := cmp.Diff(want, l.Tags()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if got := len(l.Manifests()); got != 2 {
		t.Errorf("the layout has %d manifests, want 2", got)
	}
	for _, a := range []*bundle.Artifact{first, second} {
		if _, err := bundle.Read(t.Context(), l, a.Digest()); err != nil {
			t.Error(err)
		}
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Base(name)[0] == '.' {
			t.Errorf("%s was left behind", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLayoutHoldsSignatures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := releaseOf(t, "1.0.0")
	sigstore := []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":"eyJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly94In0="}}`)
	signature, err := bundle.PackSignature(a.Descriptor(), sigstore, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, a, dir, "1.0.0")
	write(t, signature, dir, "")
	write(t, signature, dir, "")
	l := open(t, dir)
	referrers, err := l.Referrers(t.Context(), a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if len(referrers) != 1 || mesh.Digest(referrers[0].Digest) != signature.Digest() || !bundle.MayBeSignature(referrers[0]) {
		t.Fatalf("referrers %v", referrers)
	}
	if got := referrers[0].Annotations[bundle.AnnotationSigstorePredicate]; got != "https://x" {
		t.Errorf("the manifest says it states %q", got)
	}
	data, err := bundle.ReadSignature(t.Context(), l, a.Digest(), signature.Digest())
	if err != nil || string(data) != string(sigstore) {
		t.Errorf("read %q (%v)", data, err)
	}
	if _, err := bundle.ReadSignature(t.Context(), l, signature.Digest(), signature.Digest()); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a signature of something else: %v, want %s", err, mesh.CodeInvalid)
	}
	if _, err := bundle.ReadSignature(t.Context(), l, a.Digest(), a.Digest()); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a bundle in place of a signature: %v, want %s", err, mesh.CodeInvalid)
	}
	if _, err := bundle.PackSignature(a.Descriptor(), []byte(`{}`), time.Time{}); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("attaching what is no Sigstore bundle: %v, want %s", err, mesh.CodeInvalid)
	}
}

func TestLayoutRepairsADamagedBlob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := releaseOf(t, "1.0.0")
	write(t, a, dir, "1.0.0")
	blob := filepath.Join(dir, "blobs", "sha256", a.Blobs()[0].Digest.Encoded())
	if err := os.WriteFile(blob, []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Read(t.Context(), open(t, dir), a.Digest()); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
		t.Errorf("reading a damaged layout: %v, want %s", err, mesh.CodePolicyInvalid)
	}
	write(t, a, dir, "1.0.0")
	if _, err := bundle.Read(t.Context(), open(t, dir), a.Digest()); err != nil {
		t.Error(err)
	}
}

func TestLayoutRefuses(t *testing.T) {
	t.Parallel()
	a := releaseOf(t, "1.0.0")
	if err := a.WriteLayout(t.TempDir(), "not/a tag"); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a tag that is none: %v", err)
	}
	occupied := t.TempDir()
	if err := os.WriteFile(filepath.Join(occupied, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.WriteLayout(occupied, "1.0.0"); err == nil {
		t.Error("wrote into a directory that holds something else")
	}
	if _, err := bundle.OpenLayout(filepath.Join(occupied, "none")); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("opening nothing: %v, want %s", err, mesh.CodeNotFound)
	}
	old := t.TempDir()
	write(t, a, old, "1.0.0")
	if err := os.WriteFile(filepath.Join(old, ocispec.ImageLayoutFile), []byte(`{"imageLayoutVersion":"2.0.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.OpenLayout(old); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a layout of another version: %v, want %s", err, mesh.CodeInvalid)
	}
}

func FuzzLayoutIndex(f *testing.F) {
	index, err := json.Marshal(ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{{Digest: "sha256:x", Annotations: map[string]string{ocispec.AnnotationRefName: "a"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(index)
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{ocispec.ImageLayoutFile: []byte(`{"imageLayoutVersion":"1.0.0"}`), ocispec.ImageIndexFile: data} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, err := bundle.OpenLayout(dir)
		if err != nil {
			return
		}
		for _, d := range l.Tags() {
			if _, err := bundle.Read(t.Context(), l, d); err == nil {
				t.Error("read a bundle that is not there")
			}
		}
		if _, err := l.Referrers(t.Context(), "sha256:x"); err != nil {
			t.Error(err)
		}
	})
}
