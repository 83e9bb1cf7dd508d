package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/ai-agent-mesh/mesh"
)

// maxKeySize bounds a public key file.
const maxKeySize = 64 << 10

// minRSABits is the least NIST SP 800-131A rev. 2 allows for signatures.
const minRSABits = 2048

// keyAuthority accepts what one key signed.
type keyAuthority struct {
	name        string // the file, or the fingerprint for a key given inline
	fingerprint string
	verifiers   []*verify.Verifier // any of; more than one for Ed25519
}

// KeyFingerprint returns "sha256:" and the hexadecimal SHA-256 of the PKIX
// encoding of a PEM-encoded public key, which names the key wherever this
// product reports one.
func KeyFingerprint(data []byte) (string, error) {
	_, fingerprint, err := parseKey(data)
	return fingerprint, err
}

// parseKey reads a PEM file that holds exactly one public key of a kind that
// is fit for signatures.
func parseKey(data []byte) (crypto.PublicKey, string, error) {
	block, rest := pem.Decode(data)
	switch {
	case len(data) > maxKeySize || block == nil:
		return nil, "", mesh.Errorf(mesh.CodeInvalid, "it is not a PEM-encoded public key").WithHint("it should begin with -----BEGIN PUBLIC KEY-----, as cosign.pub does")
	case block.Type != "PUBLIC KEY":
		return nil, "", mesh.Errorf(mesh.CodeInvalid, "it holds a %s, not a PUBLIC KEY", block.Type).WithHint("trust the public half, usually the .pub file")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, "", mesh.Errorf(mesh.CodeInvalid, "something follows the key").WithHint("give every key an authority of its own")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, "", mesh.Errorf(mesh.CodeInvalid, "the public key is malformed: %w", err)
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return nil, "", mesh.Errorf(mesh.CodeInvalid, "an RSA key of %d bits is too weak", k.N.BitLen()).WithHint(fmt.Sprintf("use ECDSA P-256, Ed25519, or RSA with %d bits or more", minRSABits))
		}
	default:
		return nil, "", mesh.Errorf(mesh.CodeInvalid, "keys of kind %T are not supported", key).WithHint("use ECDSA P-256 or Ed25519")
	}
	sum := sha256.Sum256(block.Bytes)
	return key, "sha256:" + hex.EncodeToString(sum[:]), nil
}

// newKeyAuthority makes the authority of a PEM-encoded public key; without a
// name it is called by its fingerprint.
func newKeyAuthority(name string, data []byte) (*keyAuthority, error) {
	key, fingerprint, err := parseKey(data)
	if err != nil {
		return nil, err
	}
	a := &keyAuthority{name: name, fingerprint: fingerprint}
	if name == "" {
		a.name = fingerprint
	}
	loads := [][]signature.LoadOption{nil}
	if _, ok := key.(ed25519.PublicKey); ok {
		// cosign sign uses the prehashed variant for such keys, most others
		// the pure one. Both are signatures by this key (RFC 8032, 5.1).
		loads = append(loads, []signature.LoadOption{options.WithED25519ph()})
	}
	for _, opts := range loads {
		v, err := keyVerifier(key, opts)
		if err != nil {
			return nil, mesh.Errorf(mesh.CodeInvalid, "the public key cannot be used: %w", err)
		}
		a.verifiers = append(a.verifiers, v)
	}
	return a, nil
}

// keyVerifier verifies with one key, whatever key a signature claims to be
// by, and asks for no timestamp: a key has no validity period here, it is
// trusted while the policy names it.
func keyVerifier(key crypto.PublicKey, opts []signature.LoadOption) (*verify.Verifier, error) {
	v, err := signature.LoadDefaultVerifier(key, opts...)
	if err != nil {
		return nil, err
	}
	expiring := root.NewExpiringKey(v, time.Time{}, time.Time{})
	material := root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) { return expiring, nil })
	return verify.NewVerifier(material, verify.WithNoObserverTimestamps())
}

// claimedFingerprint reads the hint in which a Sigstore bundle names its key,
// as cosign writes it: base64 of the same hash. Anything else is shown as it
// is, without trusting it.
func claimedFingerprint(hint string) string {
	if raw, err := base64.StdEncoding.DecodeString(hint); err == nil && len(raw) == sha256.Size {
		return "sha256:" + hex.EncodeToString(raw)
	}
	const shown = 100
	if len(hint) > shown {
		hint = hint[:shown] + "…"
	}
	return fmt.Sprintf("%q", hint)
}
