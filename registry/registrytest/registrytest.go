// Package registrytest is the one suite every [registry.Store] passes,
// whatever it is made of. [Run] tests the store, [RunOutbox] what a push leaves
// for the workers. A change of the interface begins here.
//
// The package also makes the content tests push: [Image], [Index] and [Put].
// It never reaches a binary.
package registrytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// Opener returns an empty store for one test.
type Opener func(t *testing.T) registry.Store

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s registry.Store)
	}{
		{"Blobs", testBlobs},
		{"BlobVerification", testBlobVerification},
		{"Uploads", testUploads},
		{"BrokenUpload", testBrokenUpload},
		{"Mount", testMount},
		{"DeleteBlob", testDeleteBlob},
		{"Manifests", testManifests},
		{"ManifestNeeds", testManifestNeeds},
		{"ManifestRefused", testManifestRefused},
		{"Referrers", testReferrers},
		{"Tags", testTags},
		{"Versions", testVersions},
		{"MovingTags", testMovingTags},
		{"Conditions", testConditions},
		{"DeleteManifest", testDeleteManifest},
		{"Repositories", testRepositories},
		{"Identifiers", testIdentifiers},
		{"ConcurrentVersions", testConcurrentVersions},
		{"ConcurrentConditions", testConcurrentConditions},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// Repo is the repository most tests use.
const Repo registry.Name = "acme/privacy"

// Put uploads a blob and returns its digest.
func Put(t testing.TB, s registry.BlobWriter, repo registry.Name, data string) mesh.Digest {
	t.Helper()
	d := registry.DigestOf("", []byte(data))
	up, err := s.StartUpload(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Append(t.Context(), 0, strings.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Commit(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Descriptor describes content.
func Descriptor(mediaType, data string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.Digest(registry.DigestOf("", []byte(data))), Size: int64(len(data))}
}

// LayerType is the media type of the layers [Image] writes.
const LayerType = "application/vnd.example.layer"

// Image returns an image manifest with an empty config and the given layers.
// edit, if not nil, changes it before it is written.
func Image(edit func(*ocispec.Manifest), layers ...string) []byte {
	m := ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: "application/vnd.example.artifact",
		Config:       Descriptor(ocispec.MediaTypeEmptyJSON, "{}"),
		Layers:       []ocispec.Descriptor{},
	}
	for _, l := range layers {
		m.Layers = append(m.Layers, Descriptor(LayerType, l))
	}
	if edit != nil {
		edit(&m)
	}
	return marshal(m)
}

// Index returns an index of image manifests.
func Index(manifests ...[]byte) []byte {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for _, m := range manifests {
		index.Manifests = append(index.Manifests, Descriptor(ocispec.MediaTypeImageManifest, string(m)))
	}
	return marshal(index)
}

// PushImage uploads what an image with the layers needs, pushes it under the
// tags and returns its digest.
func PushImage(t testing.TB, s registry.Writer, repo registry.Name, body []byte, layers []string, tags ...registry.Tag) mesh.Digest {
	t.Helper()
	for _, blob := range append([]string{"{}"}, layers...) {
		Put(t, s, repo, blob)
	}
	event, err := s.PushManifest(t.Context(), repo, registry.Push{Body: body, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	return event.Digest
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // image-spec's types always marshal
	}
	return b
}

// wantFault fails unless err is the fault and names it to a person.
func wantFault(t *testing.T, err error, want *registry.Fault) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func read(t *testing.T, s registry.Store, repo registry.Name, d mesh.Digest) string {
	t.Helper()
	r, info, err := s.OpenBlob(t.Context(), repo, d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size != int64(len(data)) || info.Digest != d {
		t.Errorf("described as %s with %d bytes, is %s with %d", info.Digest, info.Size, d, len(data))
	}
	return string(data)
}

func testBlobs(t *testing.T, s registry.Store) {
	for _, data := range []string{"hello", "", strings.Repeat("long ", 100_000)} {
		d := Put(t, s, Repo, data)
		if got := read(t, s, Repo, d); got != data {
			t.Errorf("read %d bytes back, put %d", len(got), len(data))
		}
		info, err := s.StatBlob(t.Context(), Repo, d)
		if err != nil || info.Size != int64(len(data)) || info.Created.IsZero() {
			t.Errorf("StatBlob: %+v, %v", info, err)
		}
	}
	Put(t, s, Repo, "hello") // again is no error

	long := registry.DigestOf("sha512:", []byte("hello"))
	up, err := s.StartUpload(t.Context(), Repo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Append(t.Context(), -1, strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Commit(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, Repo, long); got != "hello" {
		t.Errorf("by sha512: %q", got)
	}

	r, _, err := s.OpenBlob(t.Context(), Repo, registry.DigestOf("", []byte("hello")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Seek(3, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "lo" {
		t.Errorf("after seeking: %q", rest)
	}
}

func testBlobVerification(t *testing.T, s registry.Store) {
	missing := registry.DigestOf("", []byte("missing"))
	_, _, err := s.OpenBlob(t.Context(), Repo, missing)
	wantFault(t, err, registry.ErrBlobUnknown)
	_, err = s.StatBlob(t.Context(), Repo, missing)
	wantFault(t, err, registry.ErrBlobUnknown)

	up, err := s.StartUpload(t.Context(), Repo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Append(t.Context(), 0, strings.NewReader("something else")); err != nil {
		t.Fatal(err)
	}
	_, err = up.Commit(t.Context(), missing)
	wantFault(t, err, registry.ErrDigestInvalid)
	_, err = s.StatBlob(t.Context(), Repo, missing)
	wantFault(t, err, registry.ErrBlobUnknown)
	_, err = up.Commit(t.Context(), registry.DigestOf("", []byte("something else")))
	wantFault(t, err, registry.ErrUploadUnknown) // what was wrong is gone

	d := Put(t, s, Repo, "private")
	_, err = s.StatBlob(t.Context(), "acme/other", d)
	wantFault(t, err, registry.ErrBlobUnknown) // another repository's
}

func testUploads(t *testing.T, s registry.Store) {
	up, err := s.StartUpload(t.Context(), Repo)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := up.Append(t.Context(), 0, strings.NewReader("first ")); err != nil || n != 6 {
		t.Fatalf("Append: %d, %v", n, err)
	}
	same, err := s.ResumeUpload(t.Context(), Repo, up.ID())
	if err != nil {
		t.Fatal(err)
	}
	n, err := same.Append(t.Context(), 3, strings.NewReader("overlap"))
	wantFault(t, err, registry.ErrRangeInvalid)
	if n != 6 {
		t.Errorf("after a chunk in the wrong place the size is %d", n)
	}
	if n, err = same.Append(t.Context(), 6, strings.NewReader("second")); err != nil || n != 12 {
		t.Fatalf("Append: %d, %v", n, err)
	}
	if n, err = up.Size(t.Context()); err != nil || n != 12 {
		t.Errorf("Size: %d, %v", n, err)
	}
	_, err = s.ResumeUpload(t.Context(), "acme/other", up.ID())
	wantFault(t, err, registry.ErrUploadUnknown)
	_, err = s.ResumeUpload(t.Context(), Repo, "0123456789abcdef0123456789abcdef")
	wantFault(t, err, registry.ErrUploadUnknown)
	d := registry.DigestOf("", []byte("first second"))
	if info, err := same.Commit(t.Context(), d); err != nil || info.Size != 12 {
		t.Errorf("Commit: %+v, %v", info, err)
	}
	if got := read(t, s, Repo, d); got != "first second" {
		t.Errorf("read %q", got)
	}
	_, err = up.Append(t.Context(), -1, strings.NewReader("late"))
	wantFault(t, err, registry.ErrUploadUnknown)

	canceled, err := s.StartUpload(t.Context(), Repo)
	if err != nil {
		t.Fatal(err)
	}
	if err := canceled.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantFault(t, canceled.Abort(t.Context()), registry.ErrUploadUnknown)
	_, err = s.ResumeUpload(t.Context(), Repo, canceled.ID())
	wantFault(t, err, registry.ErrUploadUnknown)
}

func testBrokenUpload(t *testing.T, s registry.Store) {
	up, err := s.StartUpload(t.Context(), Repo)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("connection reset")
	n, err := up.Append(t.Context(), 0, io.MultiReader(strings.NewReader("half"), iotestErr{gone}))
	if !errors.Is(err, gone) && mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a sender that went away: %v", err)
	}
	if n != 4 {
		t.Fatalf("%d bytes stayed, want 4", n)
	}
	if _, err := up.Append(t.Context(), 4, strings.NewReader(" and half")); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Commit(t.Context(), registry.DigestOf("", []byte("half and half"))); err != nil {
		t.Error(err)
	}
}

type iotestErr struct{ err error }

func (r iotestErr) Read([]byte) (int, error) { return 0, r.err }

func testMount(t *testing.T, s registry.Store) {
	d := Put(t, s, Repo, "shared")
	info, err := s.MountBlob(t.Context(), "acme/other", Repo, d)
	if err != nil || info.Size != 6 {
		t.Fatalf("MountBlob: %+v, %v", info, err)
	}
	if got := read(t, s, "acme/other", d); got != "shared" {
		t.Errorf("read %q", got)
	}
	_, err = s.MountBlob(t.Context(), "acme/third", "acme/nowhere", d)
	wantFault(t, err, registry.ErrBlobUnknown)
	if err := s.DeleteBlob(t.Context(), Repo, d); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, "acme/other", d); got != "shared" {
		t.Errorf("after the source was deleted: %q", got)
	}
}

func testDeleteBlob(t *testing.T, s registry.Store) {
	d := Put(t, s, Repo, "short-lived")
	if err := s.DeleteBlob(t.Context(), Repo, d); err != nil {
		t.Fatal(err)
	}
	_, err := s.StatBlob(t.Context(), Repo, d)
	wantFault(t, err, registry.ErrBlobUnknown)
	wantFault(t, s.DeleteBlob(t.Context(), Repo, d), registry.ErrBlobUnknown)
	Put(t, s, Repo, "short-lived") // it may come back

	manifest := PushImage(t, s, Repo, Image(nil, "needed"), []string{"needed"})
	wantFault(t, s.DeleteBlob(t.Context(), Repo, registry.DigestOf("", []byte("needed"))), registry.ErrInUse)
	if _, err := s.DeleteManifest(t.Context(), Repo, manifest); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteBlob(t.Context(), Repo, registry.DigestOf("", []byte("needed"))); err != nil {
		t.Error(err)
	}
}

func sameBytes(t *testing.T, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
