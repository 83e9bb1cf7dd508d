// Package sign makes signatures and the key files they need.
//
// [Sign] signs the digest of a bundle's manifest and returns a Sigstore bundle
// v0.3, byte for byte of the kind `cosign sign --new-bundle-format` attaches,
// so that plain `cosign verify` accepts it; registry/remote attaches it. Keys
// are those of `cosign generate-key-pair`: [GenerateKey] makes one, [LoadKey]
// reads one, and cosign reads what [Key.WriteFiles] writes.
//
// A signature covers a digest alone. Namespace, name and version stand in the
// bundle's config, which the digest covers. The package verifies nothing: see
// registry/trust. It links cosign and is kept out of the edge runtime.
package sign

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
)

// PasswordVariable names the environment variable that programs take a key
// file's password from. Cosign's name is kept so that one setting serves both.
const PasswordVariable = "COSIGN_PASSWORD"

// Key is a private key, ready to sign. It is safe for concurrent use and never
// prints its secret.
type Key struct{}

// GenerateKey makes an ECDSA P-256 key, what cosign generates by default.
func GenerateKey() (*Key, error) { return nil, mesh.Errorf(mesh.CodeUnsupported, "being built") }

// LoadKey reads a private key file, encrypted with password as cosign does it.
// A missing file is [mesh.CodeNotFound], a wrong password [mesh.CodeInvalid].
func LoadKey(file string, password []byte) (*Key, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// ParseKey is [LoadKey] for a file's content.
func ParseKey(pem, password []byte) (*Key, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// WriteFiles writes prefix.key, encrypted with password and readable only by
// the owner, and prefix.pub. Existing files are not overwritten:
// [mesh.CodeConflict].
func (k *Key) WriteFiles(prefix string, password []byte) error {
	return mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// PublicKeyPEM returns the public key as a PKIX PEM block.
func (k *Key) PublicKeyPEM() []byte { return nil }

// Fingerprint returns "sha256:" and the hexadecimal SHA-256 of the public
// key's PKIX encoding, the form registry/trust reports.
func (k *Key) Fingerprint() string { return "" }

// Sign signs the digest of a bundle's manifest and returns a Sigstore bundle
// v0.3.
func Sign(ctx context.Context, key *Key, subject mesh.Digest) ([]byte, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}
