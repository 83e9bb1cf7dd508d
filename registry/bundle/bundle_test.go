package bundle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

func config() bundle.Config {
	return bundle.Config{
		Namespace: "acme", Name: "export-control", Version: "1.2.0", Title: "Export control", Summary: "Keeps <drawings> in",
		Vendor: "Acme GmbH", Licence: "Apache-2.0", Frameworks: []mesh.FrameworkID{"gdpr", "acme-export"},
		Controls:  []bundle.Control{{Framework: "gdpr", ID: "Art.44", How: bundle.HowEnforced}, {Framework: "acme-export", ID: "7.2", How: bundle.HowAttested}},
		Modes:     []mesh.Mode{mesh.ModeEnforce},
		Engine:    "3.0.0",
		RuleIndex: map[string][]mesh.ControlID{"drawings": {"gdpr:Art.44", "acme-export:7.1"}, "b": nil},
		Inputs:    []string{"egress.host", "data.categories"},
	}
}

func files() []bundle.File {
	return []bundle.File{
		{Title: "README.md", MediaType: bundle.MediaTypeDocs, Data: []byte("# Export control\n")},
		{Title: "cases/b_test.yaml", MediaType: bundle.MediaTypeTests, Data: []byte("cases: [b]\n")},
		{Title: "policy.yaml", MediaType: bundle.MediaTypeRules, Data: []byte("name: export\n")},
		{Title: "a_test.yaml", MediaType: bundle.MediaTypeTests, Data: []byte("cases: [a]\n")},
		{Title: "params.schema.json", MediaType: bundle.MediaTypeParams, Data: []byte(`{"type":"object"}`)},
	}
}

func pack(t testing.TB, src bundle.Source) *bundle.Artifact {
	t.Helper()
	a, err := bundle.Pack(src)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPackAndRead(t *testing.T) {
	t.Parallel()
	a := pack(t, bundle.Source{Config: config(), Files: files(), Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Annotations: map[string]string{ocispec.AnnotationSource: "https://acme.example/git"}})
	b, err := bundle.Read(t.Context(), a, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	want := config()
	want.Frameworks = []mesh.FrameworkID{"acme-export", "gdpr"}
	want.Controls[0], want.Controls[1] = want.Controls[1], want.Controls[0]
	want.RuleIndex = map[string][]mesh.ControlID{"drawings": {"acme-export:7.1", "gdpr:Art.44"}, "b": {}}
	want.Inputs = []string{"data.categories", "egress.host"}
	if diff := cmp.Diff(want, b.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(files(), b.Files, cmpopts.SortSlices(func(a, b bundle.File) bool { return a.Title < b.Title })); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	wantAnnotations := map[string]string{
		"org.opencontainers.image.title": "Export control", "org.opencontainers.image.version": "1.2.0",
		"org.opencontainers.image.description": "Keeps <drawings> in", "org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.vendor": "Acme GmbH", "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
		"org.opencontainers.image.source": "https://acme.example/git",
		"dev.aimesh.policy.name":          "acme/export-control", "dev.aimesh.policy.frameworks": "acme-export,gdpr",
	}
	if diff := cmp.Diff(wantAnnotations, b.Manifest.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if b.Manifest.Layers[0].MediaType != bundle.MediaTypeRules {
		t.Errorf("the first layer is a %s, want the rules", b.Manifest.Layers[0].MediaType)
	}
	testAccessors(t, b)
	again, err := bundle.Read(t.Context(), b.Artifact(), a.Digest())
	if err != nil {
		t.Fatalf("reading the bundle's own artifact: %v", err)
	}
	if diff := cmp.Diff(b, again, cmpopts.IgnoreUnexported(bundle.Bundle{})); diff != "" {
		t.Errorf("read again (-first +second):\n%s", diff)
	}
}

func testAccessors(t *testing.T, b *bundle.Bundle) {
	t.Helper()
	if string(b.Rules().Data) != "name: export\n" {
		t.Errorf("rules %q", b.Rules().Data)
	}
	if tests := b.Tests(); len(tests) != 2 || tests[0].Title != "a_test.yaml" {
		t.Errorf("tests %v", tests)
	}
	if readme, ok := b.Readme(); !ok || string(readme.Data) != "# Export control\n" {
		t.Errorf("readme %q %v", readme.Data, ok)
	}
	if params, ok := b.Params(); !ok || string(params.Data) != `{"type":"object"}` {
		t.Errorf("params %q %v", params.Data, ok)
	}
}

// TestDigestIsPinned fails when a change of this package changes the digest of
// bundles: whoever builds an old release again would get another one.
func TestDigestIsPinned(t *testing.T) {
	t.Parallel()
	shuffled := files()
	shuffled[0], shuffled[3] = shuffled[3], shuffled[0]
	for _, src := range []bundle.Source{{Config: config(), Files: files()}, {Config: config(), Files: shuffled, Created: time.Unix(0, 0)}} {
		const want = mesh.Digest("sha256:025fcba03ab7f224b4cce62718fc205514ed5d865daf94d4f253bb1fc1cb6512")
		if got := pack(t, src).Digest(); got != want {
			t.Errorf("digest %s, want %s", got, want)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	rules := bundle.File{Title: "policy.yaml", MediaType: bundle.MediaTypeRules, Data: []byte("x")}
	cases := func(title string) bundle.File {
		return bundle.File{Title: title, MediaType: bundle.MediaTypeTests, Data: []byte("x")}
	}
	for _, tt := range []struct {
		name, want string
		change     func(*bundle.Source)
	}{
		{"no rules", "0 layers of type", func(s *bundle.Source) { s.Files = nil }},
		{"two rules layers", "2 layers of type", func(s *bundle.Source) {
			s.Files = []bundle.File{rules, {Title: "more.yaml", MediaType: bundle.MediaTypeRules, Data: []byte("y")}}
		}},
		{"rules by another title", "not titled policy.yaml", func(s *bundle.Source) {
			s.Files = []bundle.File{{Title: "rules.yaml", MediaType: bundle.MediaTypeRules}}
		}},
		{"rules too large", "bytes, more than", func(s *bundle.Source) {
			s.Files = []bundle.File{{Title: "policy.yaml", MediaType: bundle.MediaTypeRules, Data: make([]byte, bundle.MaxRulesSize+1)}}
		}},
		{"title twice", "two layers", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases("a"), cases("a")} }},
		{"title climbs", "not a plain relative path", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases("../a")} }},
		{"title climbs inside", "not a plain relative path", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases("a/../../b")} }},
		{"title is absolute", "not a plain relative path", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases("/etc/passwd")} }},
		{"title has a backslash", "backslash", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases(`..\a`)} }},
		{"title has a drive", "backslash or colon", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases("C:a")} }},
		{"title has a control character", "cannot be printed", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases("a\x1b[2J")} }},
		{"no title", "is missing", func(s *bundle.Source) { s.Files = []bundle.File{rules, cases("")} }},
		{"no version", "not a semantic version", func(s *bundle.Source) { s.Config.Version = "" }},
		{"version with metadata", "build metadata", func(s *bundle.Source) { s.Config.Version = "1.0.0+a" }},
		{"bad name", "not a valid name", func(s *bundle.Source) { s.Config.Name = "Export" }},
		{"unknown mode", "none of enforce", func(s *bundle.Source) { s.Config.Modes = []mesh.Mode{"warn"} }},
		{"control without means", "incomplete", func(s *bundle.Source) { s.Config.Controls = []bundle.Control{{Framework: "gdpr", ID: "Art.6"}} }},
		{"rule index without framework", "not framework:id", func(s *bundle.Source) { s.Config.RuleIndex = map[string][]mesh.ControlID{"r": {"Art.6"}} }},
		{"archive that is none", "not a gzipped archive", func(s *bundle.Source) {
			s.Files = []bundle.File{rules, {Title: "opa.tar.gz", MediaType: bundle.MediaTypeOPA, Data: []byte("x")}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := bundle.Source{Config: config(), Files: []bundle.File{rules}}
			tt.change(&src)
			_, err := bundle.Pack(src)
			if mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v (%s), want %q (%s)", err, mesh.CodeOf(err), tt.want, mesh.CodePolicyInvalid)
			}
		})
	}
}

// store is a Fetcher that can lie.
type store map[mesh.Digest][]byte

func (s store) put(data []byte) ocispec.Descriptor {
	d := digest.FromBytes(data)
	s[mesh.Digest(d)] = data
	return ocispec.Descriptor{Digest: d, Size: int64(len(data))}
}

func (s store) Manifest(_ context.Context, d mesh.Digest) ([]byte, error) {
	if data, ok := s[d]; ok {
		return data, nil
	}
	return nil, mesh.Errorf(mesh.CodeNotFound, "no manifest %s", d)
}

func (s store) Blob(_ context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	if data, ok := s[mesh.Digest(desc.Digest)]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	return nil, mesh.Errorf(mesh.CodeNotFound, "no blob %s", desc.Digest)
}

// forge stores what a hostile publisher may push: any manifest whose blobs
// exist.
func (s store) forge(t testing.TB, change func(m *ocispec.Manifest)) mesh.Digest {
	t.Helper()
	a := pack(t, bundle.Source{Config: config(), Files: files()})
	b, err := bundle.Read(t.Context(), a, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	for _, desc := range a.Blobs() {
		rc, err := a.Blob(t.Context(), desc)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		s.put(data)
	}
	m := b.Manifest
	change(&m)
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return mesh.Digest(s.put(data).Digest)
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		change     func(s store, m *ocispec.Manifest)
	}{
		{"an image", "not a policy bundle", func(_ store, m *ocispec.Manifest) { m.ArtifactType = "" }},
		{"an index", "not an OCI image manifest", func(_ store, m *ocispec.Manifest) { m.MediaType = ocispec.MediaTypeImageIndex }},
		{"another config", "the config is a", func(_ store, m *ocispec.Manifest) { m.Config.MediaType = ocispec.MediaTypeImageConfig }},
		{"two rules layers", "2 layers of type", func(_ store, m *ocispec.Manifest) {
			l := m.Layers[0]
			l.Annotations = map[string]string{ocispec.AnnotationTitle: "policy2.yaml"}
			l.MediaType = bundle.MediaTypeRules
			m.Layers = append(m.Layers, l)
		}},
		{"no title", "is missing", func(_ store, m *ocispec.Manifest) { m.Layers[1].Annotations = nil }},
		{"a title that climbs", "not a plain relative path", func(_ store, m *ocispec.Manifest) {
			m.Layers[1].Annotations = map[string]string{ocispec.AnnotationTitle: "../../etc/cron.d/x"}
		}},
		{"a negative size", "more than", func(_ store, m *ocispec.Manifest) { m.Layers[1].Size = -1 }},
		{"a size over the limit", "more than", func(_ store, m *ocispec.Manifest) { m.Layers[1].Size = bundle.MaxBundleSize + 1 }},
		{"sizes that add up over the limit", "more than", func(_ store, m *ocispec.Manifest) {
			m.Layers[1].Size, m.Layers[2].Size = bundle.MaxBundleSize/2, bundle.MaxBundleSize/2+1
		}},
		{"a digest that is none", "not a digest", func(_ store, m *ocispec.Manifest) { m.Layers[1].Digest = "md5:abc" }},
		{"a truncated blob", "not the", func(s store, m *ocispec.Manifest) {
			d := mesh.Digest(m.Layers[0].Digest)
			s[d] = s[d][:len(s[d])-1]
		}},
		{"a blob that goes on", "not the", func(s store, m *ocispec.Manifest) {
			d := mesh.Digest(m.Layers[0].Digest)
			s[d] = append(bytes.Clone(s[d]), 'x')
		}},
		{"a changed blob", "has the digest", func(s store, m *ocispec.Manifest) {
			d := mesh.Digest(m.Layers[0].Digest)
			s[d] = bytes.ToUpper(s[d])
		}},
		{"too many layers", "layers, more than", func(_ store, m *ocispec.Manifest) {
			for i := range bundle.MaxLayers {
				l := m.Layers[1]
				l.Annotations = map[string]string{ocispec.AnnotationTitle: fmt.Sprint("a", i)}
				m.Layers = append(m.Layers, l)
			}
		}},
		{"a config with an unknown member", `unknown object member name "enforceOnly"`, func(s store, m *ocispec.Manifest) {
			m.Config = withType(s.put([]byte(`{"namespace":"acme","name":"x","version":"1.0.0","enforceOnly":"monday"}`)), bundle.MediaTypeConfig)
		}},
		{"a config that goes on", "invalid character '{' after top-level value", func(s store, m *ocispec.Manifest) {
			m.Config = withType(s.put([]byte(`{"namespace":"acme","name":"x","version":"1.0.0"}{}`)), bundle.MediaTypeConfig)
		}},
		{"a config with a member twice", `duplicate object member name "name"`, func(s store, m *ocispec.Manifest) {
			m.Config = withType(s.put([]byte(`{"namespace":"acme","name":"x","name":"y","version":"1.0.0"}`)), bundle.MediaTypeConfig)
		}},
		{"a config with a member in another case", `unknown object member name "Version"`, func(s store, m *ocispec.Manifest) {
			m.Config = withType(s.put([]byte(`{"namespace":"acme","name":"x","version":"1.0.0","Version":"2.0.0"}`)), bundle.MediaTypeConfig)
		}},
		{"an archive with ..", "not a plain relative path", func(s store, m *ocispec.Manifest) {
			l := withType(s.put(archive(t, entry{name: "../evil.rego"})), bundle.MediaTypeOPA)
			l.Annotations = map[string]string{ocispec.AnnotationTitle: "opa.tar.gz"}
			m.Layers = append(m.Layers, l)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := store{}
			d := s.forge(t, func(m *ocispec.Manifest) { tt.change(s, m) })
			_, err := bundle.Read(t.Context(), s, d)
			if mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v (%s), want %q (%s)", err, mesh.CodeOf(err), tt.want, mesh.CodePolicyInvalid)
			}
		})
	}
}

func withType(d ocispec.Descriptor, mediaType string) ocispec.Descriptor {
	d.MediaType = mediaType
	return d
}

func TestReadManifestLimits(t *testing.T) {
	t.Parallel()
	s := store{}
	large := s.put(append([]byte(`{"x":"`), bytes.Repeat([]byte("y"), bundle.MaxManifestSize)...))
	if _, err := bundle.Read(t.Context(), s, mesh.Digest(large.Digest)); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
		t.Errorf("a manifest over 4 MiB: %v, want %s", err, mesh.CodePolicyInvalid)
	}
	other := mesh.Digest("sha256:" + strings.Repeat("0", 64))
	s[other] = []byte(`{}`)
	if _, err := bundle.Read(t.Context(), s, other); mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(err.Error(), "has the digest") {
		t.Errorf("a manifest with another digest: %v", err)
	}
	if _, err := bundle.Read(t.Context(), s, mesh.Digest("sha256:"+strings.Repeat("1", 64))); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("a manifest that is not there: %v, want %s", err, mesh.CodeNotFound)
	}
	if _, err := bundle.Read(t.Context(), s, "latest"); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a tag: %v, want %s", err, mesh.CodeInvalid)
	}
}

func FuzzParseConfig(f *testing.F) {
	a := pack(f, bundle.Source{Config: config(), Files: files()})
	b, err := bundle.Read(f.Context(), a, a.Digest())
	if err != nil {
		f.Fatal(err)
	}
	valid, err := json.Marshal(b.Config)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add([]byte(`{"namespace":"a","name":"b","version":"1.0.0","ruleIndex":{"":["x:"]}}`))
	f.Add([]byte(`{"namespace":"a","name":"b","version":"1.0.0","extends":["a/c@sha256:` + strings.Repeat("0", 64) + `"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := bundle.ParseConfig(data)
		if err != nil {
			if mesh.CodeOf(err) != mesh.CodePolicyInvalid {
				t.Errorf("%v has code %s", err, mesh.CodeOf(err))
			}
			return
		}
		again := pack(t, bundle.Source{Config: *c, Files: files()})
		b, err := bundle.Read(t.Context(), again, again.Digest())
		if err != nil {
			t.Fatalf("an accepted config does not survive: %v", err)
		}
		if diff := cmp.Diff(*c, b.Config); diff != "" {
			t.Errorf("changed by packing (-before +after):\n%s", diff)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	a := pack(f, bundle.Source{Config: config(), Files: files()})
	valid, err := a.Manifest(f.Context(), a.Digest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := bundle.ParseManifest(mesh.Digest(digest.FromBytes(data)), data)
		if err != nil {
			return
		}
		for _, l := range m.Layers {
			if l.Size > bundle.MaxBundleSize || strings.Contains(l.Annotations[ocispec.AnnotationTitle], "..") && strings.HasPrefix(l.Annotations[ocispec.AnnotationTitle], "../") {
				t.Errorf("accepted layer %v", l)
			}
		}
	})
}
