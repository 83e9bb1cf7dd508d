package bundle

import (
	"fmt"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
)

// MaxBases bounds how many bases a bundle carries.
const MaxBases = 8

// The files of a base within a bundle; the number counts from 1, the nearest
// base first.
const (
	baseManifestTitle = "base/%d/manifest.json"
	baseRulesTitle    = "base/%d/policy.yaml"
)

// Base is a bundle that another extends, as much of it as that needs: the
// manifest, whose digest the other names, and the policy document. With both,
// anybody can check without a network that the document is the one that was
// named. Only [NewBase] makes one.
type Base struct {
	Digest   mesh.Digest // of the manifest
	Name     string      // "namespace/name" that the manifest is annotated with; empty if it is not
	Manifest []byte
	Rules    []byte
}

// NewBase checks that manifest is the bundle manifest with that digest and that
// rules is the document it names. A difference is [mesh.CodePolicyInvalid].
func NewBase(d mesh.Digest, manifest, rules []byte) (*Base, error) {
	m, err := ParseManifest(d, manifest)
	if err != nil {
		return nil, fmt.Errorf("the base %s: %w", d, err)
	}
	i := slices.IndexFunc(m.Layers, func(l ocispec.Descriptor) bool { return l.MediaType == MediaTypeRules })
	desc := m.Layers[i] // checkManifest found it
	if int64(len(rules)) != desc.Size {
		return nil, malformed("the base %s: its policy has %d bytes, the manifest promises %d", d, len(rules), desc.Size)
	}
	if err := verifyDigest(desc.Digest, rules); err != nil {
		return nil, malformed("the base %s: its policy is not the one that the manifest names: %w", d, err)
	}
	return &Base{Digest: d, Name: m.Annotations[AnnotationName], Manifest: manifest, Rules: rules}, nil
}

// Base returns the bundle as a base of others.
func (b *Bundle) Base() (*Base, error) {
	if b.artifact == nil {
		return nil, malformed("the bundle %s was not read", b.Config.Ref())
	}
	return NewBase(b.Digest, b.artifact.manifest.data, b.Rules().Data)
}

// BaseFiles returns the files that carry the bases within a bundle, the nearest
// first.
func BaseFiles(bases []*Base) []File {
	var out []File
	for i, b := range bases {
		out = append(out,
			File{Title: fmt.Sprintf(baseManifestTitle, i+1), MediaType: MediaTypeBaseManifest, Data: b.Manifest},
			File{Title: fmt.Sprintf(baseRulesTitle, i+1), MediaType: MediaTypeBaseRules, Data: b.Rules})
	}
	return out
}

// Bases returns the bases that the bundle carries, the nearest first. One that
// is incomplete, or a document that its manifest does not name, is
// [mesh.CodePolicyInvalid]. Whether they are the ones that the bundle's policy
// extends is for its reader to say.
func (b *Bundle) Bases() ([]*Base, error) {
	files := map[string]File{}
	for _, f := range b.Files {
		if f.MediaType == MediaTypeBaseManifest || f.MediaType == MediaTypeBaseRules {
			files[f.Title] = f
		}
	}
	var out []*Base
	for n := 1; len(files) > 0; n++ {
		base, err := takeBase(files, n)
		if err != nil {
			return nil, err
		}
		out = append(out, base)
	}
	return out, nil
}

// takeBase takes the n-th base out of files.
func takeBase(files map[string]File, n int) (*Base, error) {
	if n > MaxBases {
		return nil, malformed("the bundle carries more than %d bases", MaxBases)
	}
	manifest, rules := fmt.Sprintf(baseManifestTitle, n), fmt.Sprintf(baseRulesTitle, n)
	if files[manifest].MediaType != MediaTypeBaseManifest || files[rules].MediaType != MediaTypeBaseRules {
		return nil, malformed("the bundle carries no %s and %s, but other files of bases: %s", manifest, rules, strings.Join(titles(files), ", "))
	}
	data := files[manifest].Data
	base, err := NewBase(mesh.Digest(digest.FromBytes(data)), data, files[rules].Data)
	delete(files, manifest)
	delete(files, rules)
	return base, err
}

func titles(files map[string]File) []string {
	var out []string
	for title := range files {
		out = append(out, title)
	}
	slices.Sort(out)
	return out[:min(len(out), MaxBases)]
}
