package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
)

// MaxBases bounds how many policies stand behind one another: a profile's
// base, the base's base and so on.
const MaxBases = 8

// Base names the policy that a profile extends: the bundle, and the content by
// the digest of its manifest.
type Base struct {
	Bundle   mesh.BundleRef
	Digest   mesh.Digest
	Position mesh.Position // where the profile names it
}

// String returns the notation of the document: that of a subscription.
func (b Base) String() string {
	return mesh.Subscription{Bundle: b.Bundle, Selector: string(b.Digest)}.String()
}

// file is what positions in the base's document call it.
func (b Base) file() string {
	const enough = len("sha256:") + 12
	return b.Bundle.String() + "@" + string(b.Digest[:min(len(b.Digest), enough)]) + "/policy.yaml"
}

// Resolver finds the policies that profiles extend.
type Resolver interface {
	// Base returns the policy document of the bundle whose manifest has that
	// digest. Whether it has is for the resolver to check, and so is whether
	// the document belongs to the manifest. An error is shown to the author.
	Base(bundle mesh.BundleRef, manifest mesh.Digest) ([]byte, error)
}

// extends reads the reference to a base.
func (p *parser) extends(n *yaml.Node) *Base {
	if n == nil {
		return nil
	}
	s, err := mesh.ParseSubscription(n.Value)
	if err != nil {
		p.report(mesh.LevelError, n, "wrong-value", err.Error(), mesh.HintOf(err))
		return nil
	}
	return &Base{Bundle: s.Bundle, Digest: mesh.Digest(s.Selector), Position: p.doc.Position(n)}
}

// Unresolved reports whether the document extends a base that [Resolve] has not
// read yet. Such a document demands less than it means, and nothing may be
// decided by it.
func (d *Document) Unresolved() bool { return d.Extends != nil && len(d.Bases) == 0 }

// Resolve returns the document that a profile and its bases make together: all
// rules of the bases, as the profile narrows them, and its own. Where a profile
// would allow what its base refuses, that is an error, of rule "widens-base"
// and at the profile's place. A document without a base, and one that was
// resolved, is returned as it is. The document is nil if any finding is an
// error.
func Resolve(doc *Document, r Resolver) (*Document, []mesh.Finding) {
	if doc.partial {
		return nil, nil // what is wrong with it was said
	}
	merged, findings := ResolveRest(doc, r)
	if mesh.HasErrors(findings) {
		return nil, findings
	}
	return merged, findings
}

// ResolveRest is [Resolve] for checking as much as possible at once: the
// document may be partial, and so is the one returned if any finding is an
// error. Where a base cannot be read it is the profile alone.
func ResolveRest(doc *Document, r Resolver) (*Document, []mesh.Finding) {
	if !doc.Unresolved() {
		return doc, nil
	}
	chain := []*Document{doc}
	for d := doc; d.Extends != nil; d = chain[len(chain)-1] {
		if len(chain) > MaxBases {
			return doc.alone(), []mesh.Finding{unresolved(doc.Extends, fmt.Sprintf("more than %d policies extend each other", MaxBases), "extend a base that is nearer to the first")}
		}
		base, findings := readBase(d.Extends, r)
		if base == nil {
			return doc.alone(), findings
		}
		chain = append(chain, base)
	}
	merged := chain[len(chain)-1]
	var findings []mesh.Finding
	for i := len(chain) - 2; i >= 0; i-- {
		m := merger{base: merged, profile: chain[i]}
		merged = m.merge()
		findings = append(findings, m.findings...)
	}
	merged.own = nil // nothing more will be merged with it
	if doc.partial || mesh.HasErrors(findings) {
		merged.partial, merged.lacks = true, doc.lacks
		merged.damage(nil, nil)
	}
	return merged, findings
}

// alone returns what can be checked of a profile without its base.
func (d *Document) alone() *Document {
	out := *d
	out.partial, out.own = true, nil
	out.lacks = map[string]bool{"extends": true}
	maps.Copy(out.lacks, d.lacks)
	out.Rules = slices.Clone(d.Rules)
	out.damage(nil, anyParam())
	return &out
}

// readBase reads one base. What is only a warning was one for its author.
func readBase(b *Base, r Resolver) (*Document, []mesh.Finding) {
	if r == nil {
		return nil, []mesh.Finding{unresolved(b, "the base "+b.String()+" was not read", "")}
	}
	src, err := r.Base(b.Bundle, b.Digest)
	if err != nil {
		return nil, []mesh.Finding{unresolved(b, fmt.Sprintf("the base %s cannot be read: %v", b, err), mesh.HintOf(err))}
	}
	base, findings := parse(b.file(), src)
	if base == nil {
		return nil, append([]mesh.Finding{unresolved(b, "the base "+b.String()+" is not a policy that this program reads", "extend another release of it, or update the program")}, findings...)
	}
	return base, nil
}

func unresolved(b *Base, message, hint string) mesh.Finding {
	return mesh.Finding{Position: b.Position, Level: mesh.LevelError, Rule: "unresolved-base", Message: message, Hint: hint}
}

// hintExtends says how a base is named, where the schema only knows a pattern.
func hintExtends(root *yaml.Node, findings []mesh.Finding) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if key.Value != "extends" {
			continue
		}
		for j := range findings {
			f := &findings[j]
			if shown, _, ok := strings.Cut(f.Message, " does not have the form"); ok && f.Line == value.Line && f.Column == value.Column {
				f.Message = shown + " does not name a base by its digest"
				f.Hint = "write namespace/name@sha256:…, with the digest that mesh policy build and mesh catalog versions print"
			}
		}
	}
}
