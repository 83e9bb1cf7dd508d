package trust

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	sigstore "github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"

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

	// maxReasons bounds how many refused signatures a message explains.
	maxReasons = 8
)

// Signature is one Sigstore bundle that was found attached to a bundle.
type Signature struct {
	Referrer mesh.Digest // the manifest that attaches it; only reported
	Bundle   []byte      // application/vnd.dev.sigstore.bundle.v0.3+json
}

// Subject is what a signature has to be about: the manifest with Digest, found
// where Bundle lives. The bundle's name chooses the policies.
type Subject struct {
	Bundle mesh.BundleRef
	Digest mesh.Digest
}

// String returns "namespace/name@digest".
func (s Subject) String() string { return s.Bundle.String() + "@" + string(s.Digest) }

// Acceptance says why one trust policy was satisfied.
type Acceptance struct {
	Policy         string      // the namespaces the policy is for
	Authority      string      // the key's path as the policy names it, else its fingerprint
	KeyFingerprint string      // sha256:… of the public key's PKIX encoding
	Referrer       mesh.Digest // the signature that satisfied it
}

// Verdict says that every policy for a subject was satisfied, and by what.
type Verdict struct {
	Subject  Subject
	Accepted []Acceptance // at least one, in the policy's order
}

// Verify reports whether the signatures satisfy every policy that matches the
// subject; if none matches, nothing is trusted. Signatures beyond
// [MaxSignatures] are not looked at. The error has [mesh.CodeSignatureRefused],
// tells for each signature why it was not accepted, and what to do.
func (p *Policy) Verify(ctx context.Context, subject Subject, signatures []Signature) (*Verdict, error) {
	want, err := digestPolicy(subject.Digest)
	if err != nil {
		return nil, err
	}
	verdict := &Verdict{Subject: subject}
	signatures = signatures[:min(len(signatures), MaxSignatures)]
	var candidates []*candidate
	for _, r := range p.rules {
		if !r.matches(subject.Bundle) {
			continue
		}
		if candidates == nil {
			candidates = newCandidates(subject.Digest, signatures)
		}
		accepted, err := r.verify(ctx, subject, candidates, want)
		if err != nil {
			return nil, err
		}
		verdict.Accepted = append(verdict.Accepted, accepted)
	}
	if len(verdict.Accepted) == 0 {
		return nil, mesh.Errorf(mesh.CodeSignatureRefused, "%s is not trusted: no trust policy is about %s", subject, subject.Bundle.Namespace).
			WithHint(fmt.Sprintf("add a policy for %s/** with the vendor's key to the trust policy", subject.Bundle.Namespace))
	}
	return verdict, nil
}

// digestPolicy says which artifact a signature must be about.
func digestPolicy(d mesh.Digest) (verify.ArtifactPolicyOption, error) {
	if _, err := mesh.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	algorithm, value, _ := strings.Cut(string(d), ":")
	raw, err := hex.DecodeString(value)
	if err != nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%q is not a digest", d)
	}
	return verify.WithArtifactDigest(algorithm, raw), nil
}

// candidate is a signature, taken apart once for all policies.
type candidate struct {
	referrer mesh.Digest
	entity   *sigstore.Bundle
	keyHint  string
	refused  error // why no key could make it acceptable
}

func newCandidates(d mesh.Digest, signatures []Signature) []*candidate {
	out := make([]*candidate, len(signatures))
	for i, s := range signatures {
		out[i] = newCandidate(d, s)
	}
	return out
}

// newCandidate looks at everything that can be refused without a key. Nothing
// it reads is believed yet: it can only refuse.
func newCandidate(d mesh.Digest, s Signature) *candidate {
	c := &candidate{referrer: s.Referrer}
	if len(s.Bundle) > MaxSignatureSize {
		c.refused = fmt.Errorf("it has %d bytes, more than the %d allowed", len(s.Bundle), MaxSignatureSize)
		return c
	}
	c.entity = &sigstore.Bundle{}
	if err := c.entity.UnmarshalJSON(s.Bundle); err != nil {
		c.refused = fmt.Errorf("it is not a Sigstore bundle: %w", err)
		return c
	}
	if !c.entity.MinVersion("v0.3") {
		c.refused = errors.New("it is a Sigstore bundle older than v0.3")
		return c
	}
	c.keyHint, c.refused = keyHint(c.entity)
	if c.refused == nil {
		c.refused = checkStatement(c.entity, d)
	}
	return c
}

// keyHint returns what the bundle says about its key.
func keyHint(b *sigstore.Bundle) (string, error) {
	content, err := b.VerificationContent()
	if err != nil {
		return "", fmt.Errorf("it is not a Sigstore bundle: %w", err)
	}
	if content.Certificate() != nil {
		return "", errors.New("it is signed with a certificate, and the policy trusts keys")
	}
	key := content.PublicKey()
	if key == nil {
		return "", errors.New("it names no key")
	}
	return key.Hint(), nil
}

// statement is the part of an in-toto statement v1 that decides what it is
// about.
type statement struct {
	Subject []struct {
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string `json:"predicateType"`
}

// checkStatement says in words what verification would refuse anyway: that the
// statement is about something else, or is no signature.
func checkStatement(b *sigstore.Bundle, d mesh.Digest) error {
	envelope := b.GetDsseEnvelope()
	if envelope == nil {
		return errors.New("it holds no signed statement")
	}
	var s statement
	if err := json.Unmarshal(envelope.GetPayload(), &s); err != nil {
		return fmt.Errorf("its statement is malformed: %w", err)
	}
	if s.PredicateType != PredicateTypeSignature {
		return notASignature(s.PredicateType)
	}
	algorithm, value, _ := strings.Cut(string(d), ":")
	for _, subject := range s.Subject {
		if subject.Digest[algorithm] == value {
			return nil
		}
	}
	return errors.New("it is about another artifact")
}

func notASignature(predicateType string) error {
	const shown = 200
	if len(predicateType) > shown {
		predicateType = predicateType[:shown] + "…"
	}
	return fmt.Errorf("it is an attestation of type %q and not a signature (%s)", predicateType, PredicateTypeSignature)
}

// verify returns the first acceptable signature.
func (r rule) verify(ctx context.Context, subject Subject, candidates []*candidate, want verify.ArtifactPolicyOption) (Acceptance, error) {
	reasons := make([]error, len(candidates))
	for i, c := range candidates {
		if err := ctx.Err(); err != nil {
			return Acceptance{}, fmt.Errorf("verifying %s: %w", subject, err)
		}
		if reasons[i] = c.refused; c.refused != nil {
			continue
		}
		for _, key := range r.keys {
			if reasons[i] = key.verify(c, want); reasons[i] == nil {
				return Acceptance{Policy: r.String(), Authority: key.name, KeyFingerprint: key.fingerprint, Referrer: c.referrer}, nil
			}
		}
		reasons[i] = r.wrongKey(c, reasons[i])
	}
	return Acceptance{}, r.refusal(subject, candidates, reasons)
}

// verify checks one signature with one key, and then, on the statement that is
// now known to be signed, that it is a signature.
func (a *keyAuthority) verify(c *candidate, want verify.ArtifactPolicyOption) error {
	var failure error
	for _, v := range a.verifiers {
		result, err := v.Verify(c.entity, verify.NewPolicy(want, verify.WithKey()))
		if err != nil {
			failure = err
			continue
		}
		if result.Statement == nil {
			return errors.New("it holds no signed statement")
		}
		if t := result.Statement.GetPredicateType(); t != PredicateTypeSignature {
			return notASignature(t)
		}
		return nil
	}
	return failure
}

// wrongKey explains a signature that no key of the policy verifies. Which it
// is, another key or a broken signature, can be told by the hint, if the
// signer left one.
func (r rule) wrongKey(c *candidate, last error) error {
	if len(r.keys) == 0 {
		return errors.New("no key is trusted for this namespace")
	}
	claimed := claimedFingerprint(c.keyHint)
	if slices.ContainsFunc(r.keys, func(k *keyAuthority) bool { return k.fingerprint == claimed }) {
		return fmt.Errorf("it names the trusted key %s, but was not made by it, or was changed: %w", claimed, last)
	}
	trusted := make([]string, len(r.keys))
	for i, k := range r.keys {
		trusted[i] = k.name
	}
	return fmt.Errorf("it was made by another key (it names %s) than the ones trusted (%s)", claimed, strings.Join(trusted, ", "))
}

// refusal is the error of a rule no signature satisfies.
func (r rule) refusal(subject Subject, candidates []*candidate, reasons []error) error {
	if len(candidates) == 0 {
		return mesh.Errorf(mesh.CodeSignatureRefused, "%s is not trusted: it is not signed, and the trust policy for %s wants a signature", subject, r).
			WithHint("if the bundle is yours, sign it with mesh policy sign; if not, ask its vendor to")
	}
	lines := make([]string, 0, maxReasons)
	for i, c := range candidates[:min(len(candidates), maxReasons)] {
		lines = append(lines, fmt.Sprintf("signature %s: %s", c.referrer, reasons[i]))
	}
	if more := len(candidates) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return mesh.Errorf(mesh.CodeSignatureRefused, "%s is not trusted: no signature satisfies the trust policy for %s: %s", subject, r, strings.Join(lines, "; ")).
		WithHint("check with the vendor which key signs its bundles; if it is one named here, add it to the trust policy, and if not, do not use this bundle")
}
