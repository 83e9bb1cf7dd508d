package bundle_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// baseOf packs a bundle and returns it as a base.
func baseOf(t testing.TB, name string) *bundle.Base {
	t.Helper()
	c := config()
	c.Name = name
	a := pack(t, bundle.Source{Config: c, Files: []bundle.File{{Title: "policy.yaml", MediaType: bundle.MediaTypeRules, Data: []byte("name: " + name + "\n")}}})
	b, err := bundle.Read(t.Context(), a, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	base, err := b.Base()
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func TestBasesTravelAlong(t *testing.T) {
	t.Parallel()
	var bases []*bundle.Base
	c := config()
	for n := range bundle.MaxBases {
		b := baseOf(t, fmt.Sprint("base-", n))
		if b.Name != fmt.Sprint("acme/base-", n) {
			t.Errorf("the base is called %q", b.Name)
		}
		bases = append(bases, b)
		c.Extends = append(c.Extends, b.Name+"@"+string(b.Digest))
	}
	a := pack(t, bundle.Source{Config: c, Files: append(files(), bundle.BaseFiles(bases)...)})
	b, err := bundle.Read(t.Context(), a, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Bases()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bases, got); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.Extends, b.Config.Extends); diff != "" {
		t.Errorf("the config extends (-want +got):\n%s", diff)
	}
	if string(b.Rules().Data) != "name: export\n" {
		t.Errorf("the bundle's own policy is %q", b.Rules().Data)
	}
}

func TestBasesAreChecked(t *testing.T) {
	t.Parallel()
	one, two := baseOf(t, "one"), baseOf(t, "two")
	whole := bundle.BaseFiles([]*bundle.Base{one, two})
	tests := []struct {
		name, want string
		change     func(files []bundle.File) []bundle.File
	}{
		{"no manifest", "carries no base/1/manifest.json", func(f []bundle.File) []bundle.File { return f[1:] }},
		{"no policy", "carries no base/2/manifest.json and base/2/policy.yaml, but other files of bases: base/2/manifest.json", func(f []bundle.File) []bundle.File { return f[:3] }},
		{"a gap", "carries no base/1", func(f []bundle.File) []bundle.File { return f[2:] }},
		{"another title", "other files of bases: base/3/policy.yaml", func(f []bundle.File) []bundle.File {
			return append(f, bundle.File{Title: "base/3/policy.yaml", MediaType: bundle.MediaTypeBaseRules, Data: []byte("x")})
		}},
		{"the types swapped", "carries no base/1", func(f []bundle.File) []bundle.File {
			f[0].MediaType, f[1].MediaType = f[1].MediaType, f[0].MediaType
			return f
		}},
		{"another policy", "its policy is not the one that the manifest names", func(f []bundle.File) []bundle.File {
			f[1].Data = bytes.Replace(f[1].Data, []byte("one"), []byte("two"), 1)
			return f
		}},
		{"a longer policy", "the manifest promises", func(f []bundle.File) []bundle.File {
			f[3].Data = append(bytes.Clone(f[3].Data), '#')
			return f
		}},
		{"no manifest of a bundle", "not an OCI image manifest", func(f []bundle.File) []bundle.File {
			f[0].Data = []byte("{}")
			return f
		}},
		{"too many", "more than 8 bases", func(f []bundle.File) []bundle.File {
			var all []*bundle.Base
			for range bundle.MaxBases + 1 {
				all = append(all, one)
			}
			return bundle.BaseFiles(all)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			own := append([]bundle.File{}, whole...)
			a := pack(t, bundle.Source{Config: config(), Files: append(files(), tt.change(own)...)})
			b, err := bundle.Read(t.Context(), a, a.Digest())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Bases(); mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Bases: %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := bundle.NewBase(two.Digest, one.Manifest, one.Rules); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
		t.Errorf("a manifest under another digest: %v", err)
	}
	large := bundle.File{Title: "base/1/policy.yaml", MediaType: bundle.MediaTypeBaseRules, Data: make([]byte, bundle.MaxRulesSize+1)}
	if _, err := bundle.Pack(bundle.Source{Config: config(), Files: append(files(), large)}); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
		t.Errorf("a base that is too large: %v", err)
	}
}

func TestConfigExtends(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0", 64)
	for extends, ok := range map[string]bool{"acme/base@" + digest: true, "base@" + digest: false, "acme/base": false, "acme/base@^1": false, "acme/base@sha256:0": false, "": false} {
		c := config()
		c.Extends = []string{extends}
		_, err := bundle.Pack(bundle.Source{Config: c, Files: files()})
		if (err == nil) != ok {
			t.Errorf("extends %q: %v", extends, err)
		}
	}
	c := config()
	for range bundle.MaxBases + 1 {
		c.Extends = append(c.Extends, "acme/base@"+digest)
	}
	if _, err := bundle.Pack(bundle.Source{Config: c, Files: files()}); err == nil {
		t.Error("a config that extends too many bundles is accepted")
	}
}

func FuzzNewBase(f *testing.F) {
	b := baseOf(f, "base")
	f.Add(string(b.Digest), b.Manifest, b.Rules)
	f.Add(string(b.Digest), b.Manifest, []byte{})
	f.Add("sha256:x", []byte("{}"), []byte("name: x"))
	f.Fuzz(func(t *testing.T, d string, manifest, rules []byte) {
		base, err := bundle.NewBase(mesh.Digest(d), manifest, rules)
		if err == nil && (base.Digest != mesh.Digest(d) || len(base.Rules) > bundle.MaxRulesSize) {
			t.Fatalf("a base %+v", base)
		}
	})
}
