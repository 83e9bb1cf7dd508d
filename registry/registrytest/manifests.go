package registrytest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

func testManifests(t *testing.T, s registry.Store) {
	_, err := s.Manifest(t.Context(), Repo, registry.ByTag("1.0.0"))
	wantFault(t, err, registry.ErrNameUnknown)
	body := Image(func(m *ocispec.Manifest) { m.Annotations = map[string]string{"k": "v"} }, "one")
	d := PushImage(t, s, Repo, body, []string{"one"}, "1.0.0", "latest")
	for _, ref := range []registry.Reference{registry.ByTag("1.0.0"), registry.ByTag("latest"), registry.ByDigest(d)} {
		m, err := s.Manifest(t.Context(), Repo, ref)
		if err != nil {
			t.Fatal(err)
		}
		sameBytes(t, m.Body, body)
		want := registry.ManifestInfo{
			Digest: d, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/vnd.example.artifact",
			Annotations: map[string]string{"k": "v"}, Size: int64(len(body)), Created: m.Created,
		}
		if diff := cmp.Diff(want, m.ManifestInfo); diff != "" || m.Created.IsZero() {
			t.Errorf("Manifest(%s) (-want +got):\n%s", ref, diff)
		}
		info, err := s.StatManifest(t.Context(), Repo, ref)
		if diff := cmp.Diff(m.ManifestInfo, info); diff != "" || err != nil {
			t.Errorf("StatManifest(%s): %v (-Manifest +StatManifest):\n%s", ref, err, diff)
		}
	}
	_, err = s.Manifest(t.Context(), Repo, registry.ByTag("2.0.0"))
	wantFault(t, err, registry.ErrManifestUnknown)
	_, err = s.StatManifest(t.Context(), Repo, registry.ByDigest(registry.DigestOf("", []byte("x"))))
	wantFault(t, err, registry.ErrManifestUnknown)

	event, err := s.PushManifest(t.Context(), Repo, registry.Push{Body: body, Tags: []registry.Tag{"1.0.0"}})
	if err != nil || event.Changed {
		t.Errorf("pushing what is there: %+v, %v", event, err)
	}
	sha512 := registry.DigestOf("sha512:", body)
	event, err = s.PushManifest(t.Context(), Repo, registry.Push{Body: body, Digest: sha512})
	if err != nil || event.Digest != sha512 {
		t.Errorf("by sha512: %+v, %v", event, err)
	}
}

func testManifestNeeds(t *testing.T, s registry.Store) {
	body := Image(nil, "layer")
	Put(t, s, Repo, "{}")
	_, err := s.PushManifest(t.Context(), Repo, registry.Push{Body: body})
	wantFault(t, err, registry.ErrManifestBlobUnknown)
	Put(t, s, "acme/other", "layer") // somebody else's is not enough
	_, err = s.PushManifest(t.Context(), Repo, registry.Push{Body: body})
	wantFault(t, err, registry.ErrManifestBlobUnknown)
	_, err = s.StatManifest(t.Context(), Repo, registry.ByDigest(registry.DigestOf("", body)))
	wantFault(t, err, registry.ErrManifestUnknown)
	image := PushImage(t, s, Repo, body, []string{"layer"})

	lying := Image(func(m *ocispec.Manifest) { m.Layers[0].Size = 1 }, "layer")
	_, err = s.PushManifest(t.Context(), Repo, registry.Push{Body: lying})
	wantFault(t, err, registry.ErrManifestInvalid)

	_, err = s.PushManifest(t.Context(), Repo, registry.Push{Body: Index([]byte(`{"not":"there"}`))})
	wantFault(t, err, registry.ErrManifestBlobUnknown)
	index, err := s.PushManifest(t.Context(), Repo, registry.Push{Body: Index(body)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.DeleteManifest(t.Context(), Repo, image)
	wantFault(t, err, registry.ErrInUse)
	for _, d := range []mesh.Digest{index.Digest, image} {
		if _, err := s.DeleteManifest(t.Context(), Repo, d); err != nil {
			t.Error(err)
		}
	}

	elsewhere := Image(func(m *ocispec.Manifest) {
		m.Layers[0].MediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
	}, "never pushed")
	if _, err := s.PushManifest(t.Context(), Repo, registry.Push{Body: elsewhere}); err != nil {
		t.Errorf("a layer that may be elsewhere: %v", err)
	}
}

func testManifestRefused(t *testing.T, s registry.Store) {
	good := Image(nil)
	Put(t, s, Repo, "{}")
	tests := []struct {
		name string
		push registry.Push
		want *registry.Fault
	}{
		{"not JSON", registry.Push{Body: []byte("hello"), MediaType: ocispec.MediaTypeImageManifest}, registry.ErrManifestInvalid},
		{"other digest", registry.Push{Body: good, Digest: registry.DigestOf("", []byte("x"))}, registry.ErrDigestInvalid},
		{"other media type", registry.Push{Body: good, MediaType: ocispec.MediaTypeImageIndex}, registry.ErrManifestInvalid},
		{"too large", registry.Push{Body: make([]byte, registry.MaxManifestSize+1)}, registry.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.push.Tags = []registry.Tag{"1.0.0"}
			_, err := s.PushManifest(t.Context(), Repo, tt.push)
			wantFault(t, err, tt.want)
			_, err = s.StatManifest(t.Context(), Repo, registry.ByTag("1.0.0"))
			wantFault(t, err, registry.ErrManifestUnknown)
		})
	}
}

func referrer(subject mesh.Digest, artifactType string, i int) []byte {
	return Image(func(m *ocispec.Manifest) {
		m.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(subject), Size: 7}
		m.ArtifactType = artifactType
		m.Annotations = map[string]string{"number": fmt.Sprint(i)}
	})
}

func testReferrers(t *testing.T, s registry.Store) {
	subject := registry.DigestOf("", []byte("a manifest that comes later, or never"))
	list, err := s.Referrers(t.Context(), Repo, subject, "", "", 10)
	if err != nil || len(list) != 0 {
		t.Errorf("of a repository that does not exist: %v, %v", list, err)
	}
	signatures := map[mesh.Digest]bool{}
	for i := range 5 {
		signatures[PushImage(t, s, Repo, referrer(subject, "application/signature", i), nil)] = true
	}
	bill := PushImage(t, s, Repo, referrer(subject, "application/bill", 0), nil)
	PushImage(t, s, Repo, referrer(bill, "application/signature", 0), nil) // refers to another
	PushImage(t, s, "acme/other", referrer(subject, "application/signature", 0), nil)

	var got []registry.ManifestInfo
	for after := mesh.Digest(""); ; {
		page, err := s.Referrers(t.Context(), Repo, subject, "application/signature", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
		if len(page) < 2 {
			break
		}
		after = page[len(page)-1].Digest
	}
	if len(got) != len(signatures) {
		t.Fatalf("%d signatures, want %d", len(got), len(signatures))
	}
	for i, m := range got {
		if !signatures[m.Digest] || m.Subject != subject || m.ArtifactType != "application/signature" || m.Annotations["number"] == "" {
			t.Errorf("unexpected referrer %+v", m)
		}
		if i > 0 && got[i-1].Digest >= m.Digest {
			t.Error("referrers are not in the order of their digests")
		}
	}
	if all, err := s.Referrers(t.Context(), Repo, subject, "", "", 100); err != nil || len(all) != 6 {
		t.Errorf("without a filter: %d, %v", len(all), err)
	}
	if _, err := s.DeleteManifest(t.Context(), Repo, bill); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Referrers(t.Context(), Repo, subject, "", "", 100); err != nil || len(all) != 5 {
		t.Errorf("after one was deleted: %d, %v", len(all), err)
	}
	noType := Image(func(m *ocispec.Manifest) {
		m.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(bill), Size: 7}
		m.ArtifactType = ""
	})
	PushImage(t, s, Repo, noType, nil)
	if list, err := s.Referrers(t.Context(), Repo, bill, ocispec.MediaTypeEmptyJSON, "", 10); err != nil || len(list) != 1 {
		t.Errorf("by the type of its config: %d, %v", len(list), err)
	}
}

func tagNames(t *testing.T, s registry.Lister, repo registry.Name, after registry.Tag, limit int) string {
	t.Helper()
	list, err := s.Tags(t.Context(), repo, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, info := range list {
		names = append(names, string(info.Tag))
	}
	return strings.Join(names, " ")
}

func testTags(t *testing.T, s registry.Store) {
	_, err := s.Tags(t.Context(), Repo, "", 10)
	wantFault(t, err, registry.ErrNameUnknown)
	d := PushImage(t, s, Repo, Image(nil), nil, "stable", "1.0.0", "Stable", "10.0.0", "latest")
	if got := tagNames(t, s, Repo, "", 10); got != "1.0.0 10.0.0 Stable latest stable" {
		t.Errorf("tags in byte order: %s", got)
	}
	if got := tagNames(t, s, Repo, "10.0.0", 2); got != "Stable latest" {
		t.Errorf("a page: %s", got)
	}
	if got := tagNames(t, s, Repo, "m", 2); got != "stable" {
		t.Errorf("after a tag that does not exist: %s", got)
	}
	list, err := s.Tags(t.Context(), Repo, "", 1)
	if err != nil || list[0].Digest != d || list[0].Updated.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
	event, err := s.DeleteTag(t.Context(), Repo, "stable")
	if err != nil || event.Digest != d || event.Kind != registry.TagDeleted {
		t.Errorf("DeleteTag: %+v, %v", event, err)
	}
	_, err = s.DeleteTag(t.Context(), Repo, "stable")
	wantFault(t, err, registry.ErrManifestUnknown)
	if _, err := s.StatManifest(t.Context(), Repo, registry.ByDigest(d)); err != nil {
		t.Errorf("the manifest went with its tag: %v", err)
	}
}

// push pushes one of several manifests that differ and nothing more.
func push(t *testing.T, s registry.Store, number int, cond registry.Condition, tags ...registry.Tag) (*registry.Event, error) {
	t.Helper()
	layer := fmt.Sprint("content ", number)
	Put(t, s, Repo, "{}")
	Put(t, s, Repo, layer)
	return s.PushManifest(t.Context(), Repo, registry.Push{Body: Image(nil, layer), Tags: tags, Condition: cond})
}

func testVersions(t *testing.T, s registry.Store) {
	for _, version := range []registry.Tag{"1.0.0", "v1.0.0", "1.0.0-rc.1", "1.0.0_build.5"} {
		first, err := push(t, s, 1, registry.Condition{}, version)
		if err != nil {
			t.Fatal(err)
		}
		_, err = push(t, s, 2, registry.Condition{}, version)
		wantFault(t, err, registry.ErrTagImmutable)
		if mesh.HintOf(err) == "" {
			t.Errorf("%s: nobody is told what to do", version)
		}
		_, err = push(t, s, 2, registry.Condition{Match: first.Digest}, version)
		wantFault(t, err, registry.ErrTagImmutable) // knowing what it means is no permission
		if _, err := s.DeleteTag(t.Context(), Repo, version); err != nil {
			t.Fatal(err)
		}
		_, err = push(t, s, 2, registry.Condition{}, version)
		wantFault(t, err, registry.ErrTagImmutable)
		if _, err := push(t, s, 1, registry.Condition{}, version); err != nil {
			t.Errorf("%s: the old content was refused: %v", version, err)
		}
		info, err := s.StatManifest(t.Context(), Repo, registry.ByTag(version))
		if err != nil || info.Digest != first.Digest {
			t.Errorf("%s means %s, %v", version, info.Digest, err)
		}
	}
	event, err := push(t, s, 1, registry.Condition{}, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteManifest(t.Context(), Repo, event.Digest); err != nil {
		t.Fatal(err)
	}
	_, err = push(t, s, 2, registry.Condition{}, "1.0.0")
	wantFault(t, err, registry.ErrTagImmutable) // deleting the manifest is no way around
	_, err = push(t, s, 2, registry.Condition{}, "stable", "1.0.0")
	wantFault(t, err, registry.ErrTagImmutable)
	_, err = s.StatManifest(t.Context(), Repo, registry.ByTag("stable"))
	wantFault(t, err, registry.ErrManifestUnknown) // all tags or none
}

func testMovingTags(t *testing.T, s registry.Store) {
	moving := []registry.Tag{"latest", "stable", "1", "1.0", "sha256-" + registry.Tag(strings.Repeat("a", 64)), "sha256-" + registry.Tag(strings.Repeat("a", 64)) + ".sig"}
	for i := range 3 {
		event, err := push(t, s, i, registry.Condition{}, moving...)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range moving {
			info, err := s.StatManifest(t.Context(), Repo, registry.ByTag(tag))
			if err != nil || info.Digest != event.Digest {
				t.Errorf("%s means %s, %v; want %s", tag, info.Digest, err, event.Digest)
			}
		}
	}
}

func testConditions(t *testing.T, s registry.Store) {
	first, err := push(t, s, 1, registry.Condition{Absent: true}, "stable")
	if err != nil {
		t.Fatal(err)
	}
	_, err = push(t, s, 2, registry.Condition{Absent: true}, "stable")
	wantFault(t, err, registry.ErrTagMoved)
	second, err := push(t, s, 2, registry.Condition{Match: first.Digest}, "stable")
	if err != nil || second.Kind != registry.ManifestPushed {
		t.Fatalf("%+v, %v", second, err)
	}
	_, err = push(t, s, 3, registry.Condition{Match: first.Digest}, "stable")
	wantFault(t, err, registry.ErrTagMoved)
	_, err = push(t, s, 3, registry.Condition{Match: first.Digest}, "candidate")
	wantFault(t, err, registry.ErrTagMoved) // what does not exist matches nothing
	back, err := push(t, s, 1, registry.Condition{Match: second.Digest}, "stable")
	if err != nil || back.Kind != registry.TagMoved || !back.Changed {
		t.Errorf("%+v, %v", back, err)
	}
}

func testDeleteManifest(t *testing.T, s registry.Store) {
	missing := registry.DigestOf("", []byte("missing"))
	_, err := s.DeleteManifest(t.Context(), Repo, missing)
	wantFault(t, err, registry.ErrNameUnknown)
	event, err := push(t, s, 1, registry.Condition{}, "1.0.0", "latest")
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := s.DeleteManifest(t.Context(), Repo, event.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]registry.Tag{"1.0.0", "latest"}, deleted.Tags); diff != "" || deleted.Kind != registry.ManifestDeleted {
		t.Errorf("event %+v", deleted)
	}
	for _, ref := range []registry.Reference{registry.ByDigest(event.Digest), registry.ByTag("1.0.0"), registry.ByTag("latest")} {
		_, err := s.Manifest(t.Context(), Repo, ref)
		wantFault(t, err, registry.ErrManifestUnknown)
	}
	_, err = s.DeleteManifest(t.Context(), Repo, event.Digest)
	wantFault(t, err, registry.ErrManifestUnknown)
	if got := tagNames(t, s, Repo, "", 10); got != "" {
		t.Errorf("tags left: %s", got)
	}
}

func testRepositories(t *testing.T, s registry.Store) {
	for _, repo := range []registry.Name{"b/x", "a/y", "a/x", "a-b/x"} {
		PushImage(t, s, repo, Image(nil), nil)
	}
	Put(t, s, "only/blobs", "no manifest yet")
	list, err := s.Repositories(t.Context(), "", 10)
	if diff := cmp.Diff([]registry.Name{"a-b/x", "a/x", "a/y", "b/x"}, list); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	list, err = s.Repositories(t.Context(), "a/x", 1)
	if diff := cmp.Diff([]registry.Name{"a/y"}, list); diff != "" || err != nil {
		t.Errorf("a page: %v (-want +got):\n%s", err, diff)
	}
}

// Databases are known to compare text without case, or without trailing
// spaces.
func testIdentifiers(t *testing.T, s registry.Store) {
	upper, err := push(t, s, 1, registry.Condition{}, "Stable")
	if err != nil {
		t.Fatal(err)
	}
	lower, err := push(t, s, 2, registry.Condition{}, "stable")
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[registry.Tag]mesh.Digest{"Stable": upper.Digest, "stable": lower.Digest} {
		info, err := s.StatManifest(t.Context(), Repo, registry.ByTag(tag))
		if err != nil || info.Digest != want {
			t.Errorf("%s means %s, %v", tag, info.Digest, err)
		}
	}
	_, err = s.StatManifest(t.Context(), Repo, registry.ByTag("STABLE"))
	wantFault(t, err, registry.ErrManifestUnknown)
}
