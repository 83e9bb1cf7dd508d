package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "acme/privacy", "a/b/c", "a.b_c__d---e/0", strings.Repeat("a", 255)} {
		if n, err := registry.ParseName(good); err != nil || string(n) != good {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "-a", "a-", "a b", "../a", "a\n", strings.Repeat("a", 256)} {
		if _, err := registry.ParseName(bad); !errors.Is(err, registry.ErrNameInvalid) || mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNameParts(t *testing.T) {
	t.Parallel()
	if ns := registry.Name("acme/privacy").Namespace(); ns != "acme" {
		t.Errorf("namespace %q", ns)
	}
	if ref, ok := registry.Name("acme/privacy").BundleRef(); !ok || ref.String() != "acme/privacy" {
		t.Errorf("bundle %s, %t", ref, ok)
	}
	for _, n := range []registry.Name{"acme", "a/b/c"} {
		if ref, ok := n.BundleRef(); ok {
			t.Errorf("%s is bundle %s", n, ref)
		}
	}
}

func TestParseReference(t *testing.T) {
	t.Parallel()
	sha256, sha512 := registry.DigestOf("", nil), registry.DigestOf("sha512:", nil)
	for _, tt := range []struct {
		in   string
		want registry.Reference
		err  error
	}{
		{"1.0.0", registry.ByTag("1.0.0"), nil},
		{"_x", registry.ByTag("_x"), nil},
		{string(sha256), registry.ByDigest(sha256), nil},
		{string(sha512), registry.ByDigest(sha512), nil},
		{"", registry.Reference{}, registry.ErrTagInvalid},
		{".x", registry.Reference{}, registry.ErrTagInvalid},
		{"a/b", registry.Reference{}, registry.ErrTagInvalid},
		{strings.Repeat("a", 129), registry.Reference{}, registry.ErrTagInvalid},
		{"sha256:", registry.Reference{}, registry.ErrDigestInvalid},
		{"md5:d41d8cd98f00b204e9800998ecf8427e", registry.Reference{}, registry.ErrDigestInvalid},
		{strings.ToUpper(string(sha256)), registry.Reference{}, registry.ErrDigestInvalid},
	} {
		got, err := registry.ParseReference(tt.in)
		if !errors.Is(err, tt.err) || (tt.err == nil && (got != tt.want || got.String() != tt.in)) {
			t.Errorf("%q: %+v, %v", tt.in, got, err)
		}
	}
}

func TestWhichTagsAreVersions(t *testing.T) {
	t.Parallel()
	hex := strings.Repeat("0a", 32)
	for tag, want := range map[registry.Tag]bool{
		"1.0.0": true, "v1.2.3": true, "1.0.0-rc.1": true, "1.0.0_build.5": true, "0.0.0-0a": true,
		"latest": false, "stable": false, "1": false, "1.0": false, "1.0.0.0": false, "01.0.0": false, "1.0.0-01": false, "V1.0.0": false, "1.0.0-": false, "x1.0.0": false,
		registry.Tag("1.0.0-sha256-" + hex): true,
		// Rewritten with every signature (referrers tag schema; cosign).
		registry.Tag("sha256-" + hex):          false,
		registry.Tag("sha256-" + hex + ".sig"): false,
		registry.Tag("sha512-" + hex + hex):    false,
	} {
		if got := tag.IsVersion(); got != want {
			t.Errorf("%s: version %v, want %v", tag, got, want)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	f.Add("1.0.0")
	f.Add("sha256-" + strings.Repeat("a", 64) + ".sig")
	f.Add(string(registry.DigestOf("", nil)))
	f.Add("a:b")
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := registry.ParseReference(s)
		if err != nil {
			if mesh.CodeOf(err) != mesh.CodeInvalid {
				t.Errorf("%q: code %s", s, mesh.CodeOf(err))
			}
			return
		}
		if ref.String() != s || (ref.Tag == "") == (ref.Digest == "") {
			t.Errorf("%q was read as %+v", s, ref)
		}
		if ref.Tag.IsVersion() && strings.HasPrefix(s, "sha") {
			t.Errorf("%q is a version and belongs to a digest", s)
		}
	})
}

const (
	emptyConfig = `"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}`
	image       = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` + emptyConfig + `,"layers":[]}`
	index       = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
)

func TestParseManifest(t *testing.T) {
	t.Parallel()
	body := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x",` + emptyConfig +
		`,"layers":[{"mediaType":"a/b","digest":"` + string(registry.DigestOf("", []byte("layer"))) + `","size":5,"unknown":true}],
		"subject":{"mediaType":"a/b","digest":"` + string(registry.DigestOf("", []byte("subject"))) + `","size":7},"annotations":{"k":"v"},"unknown":[1]}`
	got, err := registry.ParseManifest(registry.Push{Body: []byte(body), MediaType: "application/vnd.oci.image.manifest.v1+json; charset=utf-8"})
	if err != nil {
		t.Fatal(err)
	}
	want := &registry.ParsedManifest{
		Manifest: registry.Manifest{Body: []byte(body), ManifestInfo: registry.ManifestInfo{
			Digest: registry.DigestOf("", []byte(body)), MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: "application/x",
			Subject: registry.DigestOf("", []byte("subject")), Annotations: map[string]string{"k": "v"}, Size: int64(len(body)),
		}},
		Needs: []registry.Need{
			{Digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", Size: 2},
			{Digest: registry.DigestOf("", []byte("layer")), Size: 5},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	bare, err := registry.ParseManifest(registry.Push{Body: []byte(strings.Replace(image, `"mediaType":"application/vnd.oci.image.manifest.v1+json",`, "", 1)), MediaType: "application/vnd.docker.distribution.manifest.v2+json"})
	if err != nil || bare.ArtifactType != "application/vnd.oci.empty.v1+json" || bare.MediaType != "application/vnd.docker.distribution.manifest.v2+json" {
		t.Errorf("%+v, %v", bare, err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":                 ``,
		"not JSON":                `hello`,
		"not an object":           `[]`,
		"two documents":           image + image,
		"other version":           strings.Replace(image, `"schemaVersion":2`, `"schemaVersion":1`, 1),
		"no media type":           strings.Replace(image, `"mediaType":"application/vnd.oci.image.manifest.v1+json",`, "", 1),
		"unknown media type":      strings.Replace(image, "application/vnd.oci.image.manifest.v1+json", "application/json", 1),
		"image without config":    strings.Replace(image, emptyConfig+`,`, "", 1),
		"image with manifests":    strings.Replace(image, `"layers":[]`, `"manifests":[]`, 1),
		"index with config":       strings.Replace(index, `"manifests"`, emptyConfig+`,"manifests"`, 1),
		"repeated field":          strings.Replace(image, `"layers":[]`, `"layers":[],"layers":[]`, 1),
		"invalid digest":          strings.Replace(image, "sha256:4413", "sha256:ZZZZ", 1),
		"negative size":           strings.Replace(image, `"size":2`, `"size":-2`, 1),
		"descriptor without type": strings.Replace(image, `"mediaType":"application/vnd.oci.empty.v1+json",`, "", 1),
		"invalid subject":         strings.Replace(image, `"layers"`, `"subject":{"digest":"x"},"layers"`, 1),
		"too deep":                strings.Replace(image, `"layers"`, `"x":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,"layers"`, 1),
		"too many layers":         strings.Replace(image, `"layers":[]`, `"layers":[{}`+strings.Repeat(`,{}`, 10_000)+`]`, 1),
		"long artifactType":       strings.Replace(image, `"layers"`, `"artifactType":"`+strings.Repeat("x", 256)+`","layers"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := registry.ParseManifest(registry.Push{Body: []byte(body)}); !errors.Is(err, registry.ErrManifestInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	// Another case is another field: whoever reads it without case would see
	// other layers than were checked.
	m, err := registry.ParseManifest(registry.Push{Body: []byte(strings.Replace(index, `"manifests":[]`, `"manifests":[],"Manifests":[{"mediaType":"a/b","digest":"sha256:x","size":1}]`, 1))})
	if err != nil || len(m.Needs) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(image), "")
	f.Add([]byte(index), "application/vnd.oci.image.index.v1+json")
	f.Add([]byte(`{"schemaVersion":2,"subject":{}}`), "application/vnd.oci.image.manifest.v1+json")
	f.Add([]byte(`{"a":"\"[{"}`), "a/b; c=d")
	f.Fuzz(func(t *testing.T, body []byte, mediaType string) {
		m, err := registry.ParseManifest(registry.Push{Body: body, MediaType: mediaType})
		if err != nil {
			if code := mesh.CodeOf(err); code != mesh.CodeInvalid && code != mesh.CodeTooLarge {
				t.Errorf("code %s: %v", code, err)
			}
			return
		}
		if m.Digest != registry.DigestOf("", body) || m.MediaType == "" || m.Size != int64(len(body)) {
			t.Errorf("%+v", m.ManifestInfo)
		}
		for _, need := range m.Needs {
			if _, err := mesh.ParseDigest(string(need.Digest)); err != nil || need.Size < 0 {
				t.Errorf("needs %+v, %v", need, err)
			}
		}
	})
}
