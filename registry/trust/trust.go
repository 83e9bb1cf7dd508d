// Package trust decides whether a bundle's signatures make it trustworthy.
//
// A [Policy], read from a trust.yaml with [LoadPolicy] or made of keys with
// [TrustKeys], says who may sign for which namespaces. [Policy.Verify] takes
// the digest of a bundle, where it was found and the signatures attached to
// it, and returns a [Verdict] or the reasons why not.
//
// Everything is offline: the policy holds the keys, and no service is asked.
// A policy belongs to whoever verifies and is never taken from where the
// bundle came from. What a signature does not say, namespace, name and
// version, is compared by internal/publish, from the signed config.
package trust

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// PredicateTypeSignature is the in-toto predicate type of a cosign signature.
// Another type is an attestation: it says something about the artifact, not
// that its signer stands behind it, and is never accepted as a signature.
const PredicateTypeSignature = "https://sigstore.dev/cosign/sign/v1"

// The limits of one verification.
const (
	// MaxSignatureSize bounds one Sigstore bundle.
	MaxSignatureSize = bundle.MaxSigstoreBundleSize
	// MaxSignatures bounds how many signatures are tried, because anybody who
	// may push can attach them and each costs a verification.
	MaxSignatures = 64
)

// Signature is one Sigstore bundle v0.3 that was found attached to a bundle.
type Signature struct {
	Referrer mesh.Digest // the manifest that attaches it; only reported
	Bundle   []byte      // application/vnd.dev.sigstore.bundle.v0.3+json
}

// Subject is what a signature has to be about: the manifest with Digest, found
// where Bundle lives. The namespace chooses the policies.
type Subject struct {
	Bundle mesh.BundleRef
	Digest mesh.Digest
}

// Policy says who may sign for which namespaces. It is immutable and safe for
// concurrent use. The zero value trusts nobody.
type Policy struct{}

// Acceptance says why one trust policy was satisfied.
type Acceptance struct {
	Policy         string      // the namespaces the policy is for
	Authority      string      // the key file, or what else the policy calls it
	KeyFingerprint string      // sha256:… of the public key's PKIX encoding
	Referrer       mesh.Digest // the signature that satisfied it
}

// Verdict says that every policy for a subject's namespace was satisfied, and
// by what.
type Verdict struct {
	Subject  Subject
	Accepted []Acceptance // at least one, in the policy's order
}

// LoadPolicy reads a trust.yaml. Paths of keys are relative to it. Errors name
// file, line and column and have [mesh.CodeInvalid].
func LoadPolicy(file string) (*Policy, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// ParsePolicy is [LoadPolicy] for a file's content. file names it in findings
// and its directory is where relative paths of keys start. The policy is nil
// if any finding is an error.
func ParsePolicy(file string, src []byte) (*Policy, []mesh.Finding) { return nil, nil }

// TrustKeys makes the policy that any of the PEM-encoded public keys may sign
// for the namespaces that match the glob, such as "mesh/**".
func TrustKeys(namespaceGlob string, pem ...[]byte) (*Policy, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Verify reports whether signatures satisfy every policy for the subject's
// namespace. The error has [mesh.CodeSignatureRefused], tells for each
// signature why it was not accepted, and what to do.
func (p *Policy) Verify(ctx context.Context, subject Subject, signatures []Signature) (*Verdict, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// KeyFingerprint returns "sha256:" and the hexadecimal SHA-256 of the PKIX
// encoding of a PEM-encoded public key.
func KeyFingerprint(pem []byte) (string, error) {
	return "", mesh.Errorf(mesh.CodeUnsupported, "being built")
}
