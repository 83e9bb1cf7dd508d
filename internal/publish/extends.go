package publish

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// BaseFunc finds the bundle that a policy extends: the one whose manifest has
// that digest. The name is for finding it; an error is shown to the author.
type BaseFunc func(name mesh.BundleRef, manifest mesh.Digest) (*bundle.Base, error)

// Resolve merges a document with the bases it extends, which find is asked for.
// It returns them, the nearest first, for the bundle to carry. A document
// without a base is returned as it is; a nil find knows no base. The document
// is nil if any finding is an error. The error is that of a base which find
// could not ask for, because a hub does not answer or lets nobody in: that is
// no fault of the document.
func Resolve(doc *policy.Document, find BaseFunc) (*policy.Document, []*bundle.Base, []mesh.Finding, error) {
	r := newResolver(find)
	merged, findings := policy.Resolve(doc, r)
	if r.unasked != nil {
		return nil, nil, nil, r.unasked
	}
	return merged, r.used, findings, nil
}

// ReadPolicy reads the policy of a file and merges it with the bases it extends,
// as policy.Parse and [Resolve] do. The findings say everything that is wrong
// with its form; if any is an error the document is partial, for checking the
// rest at once, or nil where nothing can be made of the file. The error is that
// of Resolve, with the place, where the base is all that is missing; the document
// is then partial, too.
func ReadPolicy(file string, src []byte, find BaseFunc) (*policy.Document, []*bundle.Base, []mesh.Finding, error) {
	doc, findings := policy.Salvage(file, src)
	if doc == nil {
		return nil, nil, findings, nil
	}
	r := newResolver(find)
	merged, found := policy.ResolveRest(doc, r)
	if r.unasked != nil && !doc.Partial() {
		return merged, nil, findings, fmt.Errorf("%s: %w", found[0].Position, r.unasked)
	}
	return merged, r.used, append(findings, found...), nil
}

func newResolver(find BaseFunc) *resolver {
	if find == nil {
		find = func(mesh.BundleRef, mesh.Digest) (*bundle.Base, error) { return nil, errNotHere() }
	}
	return &resolver{find: find}
}

// resolver finds bases for the engine and remembers them.
type resolver struct {
	find    BaseFunc
	used    []*bundle.Base
	unasked error // why a base could not be asked for
}

// Base implements [policy.Resolver].
func (r *resolver) Base(name mesh.BundleRef, manifest mesh.Digest) ([]byte, error) {
	base, err := r.find(name, manifest)
	if err != nil {
		switch mesh.CodeOf(err) {
		case mesh.CodeUnavailable, mesh.CodeUnauthenticated, mesh.CodeForbidden, mesh.CodeCanceled:
			r.unasked = fmt.Errorf("the base %s@%s cannot be read: %w", name, manifest, err)
		}
		return nil, err
	}
	switch {
	case base.Digest != manifest:
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "found %s in its place", base.Digest)
	case base.Name == "":
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the bundle with that digest does not say whose it is").WithHint("extend a release that mesh policy build packed")
	case base.Name != name.String():
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the bundle with that digest is %s", base.Name).WithHint("write extends: " + base.Name + "@" + string(manifest))
	}
	r.used = append(r.used, base)
	return base.Rules, nil
}

// among finds bases in a list.
func among(bases []*bundle.Base) BaseFunc {
	return func(_ mesh.BundleRef, manifest mesh.Digest) (*bundle.Base, error) {
		if i := slices.IndexFunc(bases, func(b *bundle.Base) bool { return b.Digest == manifest }); i >= 0 {
			return bases[i], nil
		}
		return nil, mesh.Errorf(mesh.CodeNotFound, "the bundle does not carry it").WithHint("build the bundle again with mesh policy build")
	}
}

// resolveCarried merges a bundle's policy with the bases that the bundle
// carries: exactly those it extends.
func resolveCarried(b *bundle.Bundle, doc *policy.Document) (*policy.Document, error) {
	bases, err := b.Bases()
	if err != nil {
		return nil, err
	}
	merged, used, findings, err := Resolve(doc, among(bases))
	if err != nil {
		return nil, err
	}
	if merged == nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the policy of %s %s does not go together with its base", b.Config.Ref(), b.Config.Version).WithFindings(findings)
	}
	if len(used) != len(bases) {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the bundle %s %s carries %d bases, of which its policy extends %d", b.Config.Ref(), b.Config.Version, len(bases), len(used)).
			WithHint("build the bundle again with mesh policy build")
	}
	return merged, nil
}

// extended names the bases of a document as the signed config does.
func extended(doc *policy.Document) []string {
	var out []string
	for _, b := range doc.Bases {
		out = append(out, b.String())
	}
	return out
}

// BesideSources finds bases in the directory of a policy's sources, where a
// pulled bundle has them: base/1/manifest.json and base/1/policy.yaml, base/2/…
// and so on. What is not there is asked of next, which may be nil.
func BesideSources(dir string, next BaseFunc) BaseFunc {
	return func(name mesh.BundleRef, manifest mesh.Digest) (*bundle.Base, error) {
		for n := 1; n <= bundle.MaxBases; n++ {
			kept := filepath.Join(dir, keptBases, fmt.Sprint(n))
			data, err := readFile(filepath.Join(kept, keptManifest), bundle.MaxManifestSize)
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", kept, err)
			}
			if mesh.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(data))) != manifest {
				continue
			}
			rules, err := readFile(filepath.Join(kept, bundle.RulesTitle), bundle.MaxRulesSize)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", kept, err)
			}
			return bundle.NewBase(manifest, data, rules)
		}
		if next == nil {
			return nil, errNotHere()
		}
		return next(name, manifest)
	}
}

// IsKeptBase reports whether a directory holds a base beside sources rather
// than sources.
func IsKeptBase(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, keptManifest))
	return err == nil && filepath.Base(filepath.Dir(dir)) == keptBases
}

// The names of bases beside sources.
const (
	keptBases    = "base"
	keptManifest = "manifest.json"
)

func errNotHere() error { return mesh.Errorf(mesh.CodeNotFound, "it is not here") }
