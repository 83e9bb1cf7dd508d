package mesh

import (
	"fmt"
	"regexp"
	"strings"
)

// TenantID names a customer of a hub. The embedded default has exactly one,
// [DefaultTenant].
type TenantID string

// DefaultTenant is the only tenant of a hub on its embedded defaults.
const DefaultTenant TenantID = "default"

// AgentID names an agent within a tenant.
type AgentID string

// RuntimeID names an enrolled runtime. The hub assigns it at enrolment.
type RuntimeID string

// JournalID names one journal of a runtime. It is random, made when the
// journal is created, so that a runtime whose disk was replaced cannot reuse
// the sequence numbers of its former journal.
type JournalID string

// Namespace is the part of a bundle's name that belongs to one vendor, and
// what signing keys are registered for.
type Namespace string

// OfficialNamespace holds the bundles that ship with the product, named by
// framework id.
const OfficialNamespace Namespace = "mesh"

// maxNameLength bounds a namespace and a name each, so that both and a slash
// stay within the 255 characters the OCI distribution spec advises for a
// repository name.
const maxNameLength = 100

// nameSyntax is a path component of a repository name
// (OCI distribution spec 1.1, "Pulling manifests").
var nameSyntax = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$`)

// BundleRef names a policy bundle without saying which version: the
// repository "namespace/name". The zero value names nothing.
type BundleRef struct {
	Namespace Namespace `json:"namespace"`
	Name      string    `json:"name"`
}

// ParseBundleRef reads "namespace/name". Both parts are path components of an
// OCI repository name: lower-case letters, digits and single separators.
func ParseBundleRef(s string) (BundleRef, error) {
	ns, name, ok := strings.Cut(s, "/")
	if !ok {
		return BundleRef{}, Errorf(CodeInvalid, "bundle %q has no namespace", s).WithHint("write it as namespace/name, for example mesh/gdpr")
	}
	for _, part := range []string{ns, name} {
		if len(part) > maxNameLength || !nameSyntax.MatchString(part) {
			return BundleRef{}, Errorf(CodeInvalid, "bundle %q: %q is not a valid name", s, part).
				WithHint(fmt.Sprintf("use lower-case letters, digits and single . _ - between them, at most %d characters", maxNameLength))
		}
	}
	return BundleRef{Namespace: Namespace(ns), Name: name}, nil
}

// String returns "namespace/name", which is also the OCI repository name and
// the policyId of the bundle's decisions.
func (r BundleRef) String() string { return string(r.Namespace) + "/" + r.Name }

// IsZero reports whether r names nothing.
func (r BundleRef) IsZero() bool { return r == BundleRef{} }

// Digest is a content address, "sha256:" or "sha512:" and lower-case
// hexadecimal (OCI image spec 1.1, "Digests").
type Digest string

var digestSyntax = regexp.MustCompile(`^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$`)

// ParseDigest reads a digest of one of the two registered algorithms.
func ParseDigest(s string) (Digest, error) {
	if !digestSyntax.MatchString(s) {
		return "", Errorf(CodeInvalid, "%q is not a digest", s).WithHint("a digest is sha256: and 64, or sha512: and 128, lower-case hexadecimal characters")
	}
	return Digest(s), nil
}

// FrameworkID names a compliance framework in the catalog, such as "gdpr" or
// "fedramp-moderate", or a vendor's own. It is always lower case.
type FrameworkID string

// ControlID names one control of a framework: "gdpr:Art.6",
// "hipaa:164.312(e)(1)". The part behind the first colon is spelled as the
// framework's catalog spells it.
type ControlID string

// NewControlID joins a framework and the catalog's spelling of one of its
// controls.
func NewControlID(framework FrameworkID, local string) ControlID {
	return ControlID(string(framework) + ":" + local)
}

// Framework returns the part before the colon; empty if there is none.
func (c ControlID) Framework() FrameworkID {
	f, _, ok := strings.Cut(string(c), ":")
	if !ok {
		return ""
	}
	return FrameworkID(f)
}

// Local returns the part behind the colon: the control as its framework
// writes it.
func (c ControlID) Local() string {
	_, local, ok := strings.Cut(string(c), ":")
	if !ok {
		return string(c)
	}
	return local
}
