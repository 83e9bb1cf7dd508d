package catalogtest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

func testReleases(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.Release(ctx, tenant, ref("a"), "1.0.0")
	wantCode(t, "a release that is not there", err, mesh.CodeNotFound)
	_, err = s.Newest(ctx, tenant, ref("a"))
	wantCode(t, "the newest of nothing", err, mesh.CodeNotFound)

	want := release("a", "1.0.0", nil)
	must(t, s.PutRelease(ctx, tenant, want))
	got, err := s.Release(ctx, tenant, ref("a"), "1.0.0")
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a release comes back changed (-want +got):\n%s", diff)
	}
	_, err = s.Release(ctx, other, ref("a"), "1.0.0")
	wantCode(t, "another tenant's release", err, mesh.CodeNotFound)

	if state, err := s.TrustState(ctx, tenant, ref("a"), "1.0.0"); err != nil || state != want.TrustState {
		t.Errorf("trust state is %q, %v", state, err)
	}
	_, err = s.TrustState(ctx, tenant, ref("a"), "2.0.0")
	wantCode(t, "the trust state of nothing", err, mesh.CodeNotFound)
	want = release("a", "1.0.0", func(r *catalog.Release) {
		r.Status, r.Reason, r.TrustState = hubapi.StatusRefused, "no key", "state 2"
		r.Controls, r.SignedBy = nil, nil
	})
	must(t, s.PutRelease(ctx, tenant, want))
	got, err = s.Release(ctx, tenant, ref("a"), "1.0.0")
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a release was not replaced (-want +got):\n%s", diff)
	}
	must(t, s.DeleteRelease(ctx, tenant, ref("a"), "1.0.0"))
	must(t, s.DeleteRelease(ctx, tenant, ref("a"), "1.0.0"))
	_, err = s.Release(ctx, tenant, ref("a"), "1.0.0")
	wantCode(t, "a deleted release", err, mesh.CodeNotFound)
}

func testVersions(t *testing.T, s Store) {
	ctx := t.Context()
	newestFirst := []string{"10.0.0", "2.0.0", "2.0.0-rc.11", "2.0.0-rc.2", "2.0.0-rc.2.1", "2.0.0-rc", "2.0.0-2", "1.10.0", "1.9.0"}
	// rc.2.1 is higher than rc.2 (semver 2.0 section 11.4.4).
	newestFirst[3], newestFirst[4] = newestFirst[4], newestFirst[3]
	for i := range newestFirst {
		v := newestFirst[(i*4)%len(newestFirst)]
		must(t, s.PutRelease(ctx, tenant, release("a", v, func(r *catalog.Release) {
			if v == "10.0.0" {
				r.Status = hubapi.StatusUnsigned
			}
		})))
	}
	var got []string
	before := ""
	for {
		page, err := s.Versions(ctx, tenant, ref("a"), before, 4)
		must(t, err)
		for _, v := range page {
			got = append(got, v.Version)
			before = v.Version
		}
		if len(page) < 4 {
			break
		}
	}
	if diff := cmp.Diff(newestFirst, got); diff != "" {
		t.Errorf("versions are out of order (-want +got):\n%s", diff)
	}
	newest, err := s.Newest(ctx, tenant, ref("a"))
	must(t, err)
	if newest.Version != "2.0.0" {
		t.Errorf("the newest listed release is %s", newest.Version)
	}
	must(t, s.PutRelease(ctx, tenant, release("b", "1.0.0-rc.1", nil)))
	must(t, s.PutRelease(ctx, tenant, release("b", "0.9.0", func(r *catalog.Release) { r.Status = hubapi.StatusInvalid })))
	newest, err = s.Newest(ctx, tenant, ref("b"))
	must(t, err)
	if newest.Version != "1.0.0-rc.1" {
		t.Errorf("without a listed release a pre-release is the newest, not %s", newest.Version)
	}
	none, err := s.Versions(ctx, other, ref("a"), "", 10)
	must(t, err)
	if len(none) > 0 {
		t.Errorf("another tenant sees %v", none)
	}
}

func testReleaseLists(t *testing.T, s Store) {
	ctx := t.Context()
	for _, r := range []*catalog.Release{
		release("b", "1.0.0", nil), release("a", "1.1.0", nil), release("a", "1.0.0", nil),
		release("c", "1.0.0", func(r *catalog.Release) { r.Digest = digestOf('c') }),
		release("d", "1.0.0", func(r *catalog.Release) { r.Namespace = "acme-2" }),
	} {
		must(t, s.PutRelease(ctx, tenant, r))
	}
	same, err := s.ReleasesByDigest(ctx, tenant, ref("a"), digestOf('a'))
	must(t, err)
	if len(same) != 2 || same[0].Version != "1.0.0" || same[1].Version != "1.1.0" {
		t.Errorf("releases of one content are %+v", same)
	}
	var got []catalog.ReleaseKey
	var after catalog.ReleaseKey
	for {
		page, err := s.NamespaceReleases(ctx, tenant, "acme", after, 2)
		must(t, err)
		got = append(got, page...)
		if len(page) < 2 {
			break
		}
		after = page[len(page)-1]
	}
	want := []catalog.ReleaseKey{{Name: "a", Version: "1.0.0"}, {Name: "a", Version: "1.1.0"}, {Name: "b", Version: "1.0.0"}, {Name: "c", Version: "1.0.0"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("releases of a namespace (-want +got):\n%s", diff)
	}
}

func testSightings(t *testing.T, s Store) {
	ctx := t.Context()
	first, err := s.Sight(ctx, tenant, ref("a"), digestOf('a'), []mesh.Digest{digestOf('1')}, noon)
	must(t, err)
	later := noon.Add(time.Hour)
	second, err := s.Sight(ctx, tenant, ref("a"), digestOf('a'), []mesh.Digest{digestOf('1'), digestOf('2')}, later)
	must(t, err)
	if !first[digestOf('1')].Equal(noon) || !second[digestOf('1')].Equal(noon) || !second[digestOf('2')].Equal(later) {
		t.Errorf("sightings are %v, then %v", first, second)
	}
	elsewhere, err := s.Sight(ctx, other, ref("a"), digestOf('a'), []mesh.Digest{digestOf('1')}, later)
	must(t, err)
	if !elsewhere[digestOf('1')].Equal(later) {
		t.Error("one tenant's sighting counts for another")
	}
}

// names returns what a search finds.
func names(t *testing.T, s Store, f catalog.SearchFilter) string {
	t.Helper()
	hits, err := s.Search(t.Context(), tenant, f, 100)
	must(t, err)
	var out []string
	for _, h := range hits {
		out = append(out, h.Ref.Name)
	}
	return strings.Join(out, " ")
}

func testSearch(t *testing.T, s Store) {
	ctx := t.Context()
	must(t, s.PutRelease(ctx, tenant, release("plain", "1.0.0", func(r *catalog.Release) {
		r.Summary, r.Readme = "Nothing special", "Somewhere it says telehealth"
	})))
	must(t, s.PutRelease(ctx, tenant, release("telehealth", "1.0.0", func(r *catalog.Release) {
		r.Frameworks, r.Vendor, r.Modes = []mesh.FrameworkID{"hipaa"}, "Other Inc", []mesh.Mode{mesh.ModeMonitor}
	})))
	must(t, s.PutRelease(ctx, tenant, release("telehealth", "0.9.0", nil)))
	must(t, s.PutRelease(ctx, other, release("secret-telehealth", "1.0.0", nil)))
	for _, test := range []struct {
		name   string
		filter catalog.SearchFilter
		want   string
	}{
		{"a name weighs more than a readme", catalog.SearchFilter{Words: []string{"telehealth"}}, "telehealth plain"},
		{"inflected", catalog.SearchFilter{Words: []string{"encrypted"}}, "telehealth"},
		{"all words", catalog.SearchFilter{Words: []string{"telehealth", "special"}}, "plain"},
		{"any word", catalog.SearchFilter{Words: []string{"nowhere", "special"}, AnyWord: true}, "plain"},
		{"beginning of the last word", catalog.SearchFilter{Words: []string{"teleh"}, Prefix: true}, "telehealth plain"},
		{"no beginning unless asked", catalog.SearchFilter{Words: []string{"teleh"}}, ""},
		{"framework", catalog.SearchFilter{Framework: "hipaa"}, "telehealth"},
		{"vendor", catalog.SearchFilter{Vendor: "Other Inc"}, "telehealth"},
		{"vendor and words", catalog.SearchFilter{Vendor: "Acme Corp", Words: []string{"telehealth"}}, "plain"},
	} {
		if got := names(t, s, test.filter); got != test.want {
			t.Errorf("%s: found %q, want %q", test.name, got, test.want)
		}
	}
	hits, err := s.Search(ctx, tenant, catalog.SearchFilter{Framework: "hipaa"}, 100)
	must(t, err)
	if len(hits) != 1 || hits[0].Vendor != "Other Inc" || hits[0].Status != hubapi.StatusVerified || len(hits[0].Modes) != 1 {
		t.Fatalf("hits are %+v", hits)
	}
	loaded, err := s.SearchBundles(ctx, tenant, []int64{hits[0].ID, 1 << 40})
	must(t, err)
	if b := loaded[hits[0].ID]; len(loaded) != 1 || b.Version != "1.0.0" {
		t.Errorf("loaded %+v", loaded)
	}
	if strange, err := s.SearchBundles(ctx, other, []int64{hits[0].ID}); err != nil || len(strange) > 0 {
		t.Errorf("another tenant loads %+v, %v", strange, err)
	}
	if limited, err := s.Search(ctx, tenant, catalog.SearchFilter{}, 1); err != nil || len(limited) != 1 {
		t.Errorf("with limit 1: %+v, %v", limited, err)
	}
	must(t, s.DeleteRelease(ctx, tenant, ref("telehealth"), "1.0.0"))
	if got := names(t, s, catalog.SearchFilter{Framework: "hipaa"}); got != "" {
		t.Errorf("a deleted release is found: %s", got)
	}
	if got := names(t, s, catalog.SearchFilter{Words: []string{"telehealth"}}); got != "telehealth plain" {
		t.Errorf("the release before it is not found: %s", got)
	}
}

func testSearchStatus(t *testing.T, s Store) {
	ctx := t.Context()
	put := func(version string, status hubapi.Status) {
		must(t, s.PutRelease(ctx, tenant, release("a", version, func(r *catalog.Release) { r.Status = status })))
	}
	put("1.0.0", hubapi.StatusVerified)
	put("1.1.0", hubapi.StatusVerified)
	put("1.2.0", hubapi.StatusRefused)
	put("2.0.0-rc.1", hubapi.StatusVerified)
	put("2.0.0", hubapi.StatusUnsigned)
	for status, want := range map[string]string{
		"": "1.1.0", "verified": "1.1.0", "refused": "1.2.0", "unsigned": "2.0.0", catalog.StatusAny: "2.0.0",
	} {
		for _, words := range [][]string{nil, {"title"}} {
			hits, err := s.Search(ctx, tenant, catalog.SearchFilter{Status: status, Words: words}, 10)
			must(t, err)
			if len(hits) != 1 {
				t.Fatalf("status %q, words %v: %d hits, a bundle is listed once", status, words, len(hits))
			}
			loaded, err := s.SearchBundles(ctx, tenant, []int64{hits[0].ID})
			must(t, err)
			if got := loaded[hits[0].ID].Version; got != want {
				t.Errorf("status %q, words %v: version %s, want %s", status, words, got, want)
			}
		}
	}
	if hits, err := s.Search(ctx, tenant, catalog.SearchFilter{Status: "invalid"}, 10); err != nil || len(hits) != 0 {
		t.Errorf("no release is invalid, found %+v, %v", hits, err)
	}
}

func testSearchControls(t *testing.T, s Store) {
	ctx := t.Context()
	bind := func(name string, ids ...mesh.ControlID) {
		must(t, s.PutRelease(ctx, tenant, release(name, "1.0.0", func(r *catalog.Release) {
			r.Controls = nil
			for _, id := range ids {
				r.Controls = append(r.Controls, hubapi.BoundControl{ID: id, How: "enforced"})
			}
		})))
	}
	bind("privacy", "gdpr:Art.17")
	bind("access", "fedramp-moderate:ac-2.1", "fedramp-moderate:ac-20")
	bind("health", "hipaa:164.312(e)(1)")
	for written, want := range map[string]string{
		"Art. 17": "privacy", "article 17": "privacy", "Art. 1": "", "AC-2(1)": "access", "ac-2.1": "access", "AC-02(01)": "access", "AC-2": "access",
		"164.312(e)(1)": "health", "164.312": "health", "164.31": "", "ac-2.1.1": "",
	} {
		l := catalog.Label{Local: catalog.ReduceLabel(written)}
		if got := names(t, s, catalog.SearchFilter{Labels: []catalog.Label{l}}); got != want {
			t.Errorf("%s: found %q, want %q", written, got, want)
		}
		known, err := s.KnowsLabel(ctx, tenant, l)
		must(t, err)
		if known != (want != "") {
			t.Errorf("%s: known is %v", written, known)
		}
	}
	l := catalog.Label{Framework: "hipaa", Local: "art.17"}
	if got := names(t, s, catalog.SearchFilter{Labels: []catalog.Label{l}}); got != "" {
		t.Errorf("another framework's article: %s", got)
	}
	both := []catalog.Label{{Local: "ac.2.1"}, {Local: "ac.20"}}
	if got := names(t, s, catalog.SearchFilter{Labels: both}); got != "access" {
		t.Errorf("two controls: %s", got)
	}
	if known, err := s.KnowsLabel(ctx, other, catalog.Label{Local: "art.17"}); err != nil || known {
		t.Errorf("another tenant knows the control: %v, %v", known, err)
	}
}

func testSearchHostile(t *testing.T, s Store) {
	ctx := t.Context()
	must(t, s.PutRelease(ctx, tenant, release("a", "1.0.0", nil)))
	for _, word := range []string{`"`, `'`, `*`, `title:x`, `NEAR(a b)`, `a" OR "b`, `^x`, `{`, `-`, `AND`, `OR`, `NOT`, "\x00", ";--", "", "%"} {
		for _, prefix := range []bool{false, true} {
			if _, err := s.Search(ctx, tenant, catalog.SearchFilter{Words: []string{word, "encryption"}, Prefix: prefix}, 10); err != nil {
				t.Errorf("word %q, prefix %v: %v", word, prefix, err)
			}
			if _, err := s.KnowsWord(ctx, tenant, word, prefix); err != nil {
				t.Errorf("word %q, prefix %v: %v", word, prefix, err)
			}
		}
	}
}

func testSearchPrivacy(t *testing.T, s Store) {
	ctx := t.Context()
	must(t, s.PutRelease(ctx, tenant, release("open", "1.0.0", func(r *catalog.Release) { r.Readme = "visible" })))
	must(t, s.PutRelease(ctx, tenant, release("draft", "1.0.0", func(r *catalog.Release) {
		r.Status, r.Readme = hubapi.StatusUnsigned, "unlisted"
	})))
	_, err := s.PutNamespace(ctx, tenant, hubapi.NamespaceInfo{Name: "vault", Visibility: hubapi.VisibilityPrivate, CreatedAt: noon})
	must(t, err)
	must(t, s.PutRelease(ctx, tenant, release("hidden", "1.0.0", func(r *catalog.Release) { r.Namespace, r.Readme = "vault", "confidential" })))
	if got := names(t, s, catalog.SearchFilter{}); got != "open" {
		t.Errorf("anybody finds %q", got)
	}
	hits, err := s.Search(ctx, tenant, catalog.SearchFilter{Private: true}, 10)
	must(t, err)
	if len(hits) != 2 {
		t.Errorf("the tenant's own find %+v", hits)
	}
	words, err := s.Vocabulary(ctx, tenant)
	must(t, err)
	if words["visible"] != 1 || words["confidential"] != 0 || words["unlisted"] != 0 {
		t.Errorf("the vocabulary has visible %d, confidential %d, unlisted %d times", words["visible"], words["confidential"], words["unlisted"])
	}
	if words["encryption"] == 0 {
		t.Error("the vocabulary holds stems, not words")
	}
}
