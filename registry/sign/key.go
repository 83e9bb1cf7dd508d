package sign

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/ai-agent-mesh/mesh"
)

// PasswordVariable names the environment variable that programs take a key
// file's password from. Cosign's name is kept so that one setting serves both.
const PasswordVariable = "COSIGN_PASSWORD"

// maxKeySize bounds a key file; an RSA key of 4096 bits takes 4 KiB.
const maxKeySize = 64 << 10

// Key is a private key, ready to sign. It is safe for concurrent use and never
// prints its secret.
type Key struct {
	signer    signature.SignerVerifier
	public    []byte // PKIX PEM
	publicDER []byte
	// file returns the encrypted key file. Encrypting is made slow on purpose,
	// so it waits until somebody wants the file.
	file func() ([]byte, error)
}

// GenerateKey makes an ECDSA P-256 key, what cosign generates by default. Its
// file will be encrypted with password; an empty password is cosign's way of
// having none: the file is then protected by its mode alone.
func GenerateKey(password []byte) (*Key, error) {
	private, err := cosign.GeneratePrivateKey()
	if err != nil {
		return nil, fmt.Errorf("generating a signing key: %w", err)
	}
	signer, err := signature.LoadDefaultSignerVerifier(private)
	if err != nil {
		return nil, fmt.Errorf("generating a signing key: %w", err)
	}
	return newKey(signer, func() ([]byte, error) { return encrypt(private, password) })
}

// encrypt writes a key as cosign does it: PKCS #8 in a secretbox whose key
// scrypt derives from the password, in PEM.
func encrypt(private *ecdsa.PrivateKey, password []byte) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	box, err := encrypted.Encrypt(der, password)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: cosign.SigstorePrivateKeyPemType, Bytes: box}), nil
}

// LoadKey reads a private key file, encrypted with password as cosign does it.
// A missing file is [mesh.CodeNotFound], a wrong password or another format
// [mesh.CodeInvalid].
func LoadKey(file string, password []byte) (*Key, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Errorf(mesh.CodeNotFound, "there is no key file %s", file).WithHint("make one with cosign generate-key-pair, or name another with --key")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key file %s: %w", file, err)
	}
	key, err := ParseKey(data, password)
	if err != nil {
		return nil, fmt.Errorf("reading the key file %s: %w", file, err)
	}
	return key, nil
}

// ParseKey is [LoadKey] for a file's content. ECDSA P-256 and Ed25519 keys can
// sign.
func ParseKey(data, password []byte) (*Key, error) {
	block, _ := pem.Decode(data)
	switch {
	case len(data) > maxKeySize || block == nil:
		return nil, mesh.Errorf(mesh.CodeInvalid, "it is not a PEM file").WithHint("a private key made by cosign begins with -----BEGIN " + cosign.SigstorePrivateKeyPemType)
	case block.Type == "PUBLIC KEY":
		return nil, mesh.Errorf(mesh.CodeInvalid, "it is a public key").WithHint("sign with the private key, usually the .key file beside the .pub")
	case block.Type != cosign.SigstorePrivateKeyPemType && block.Type != cosign.CosignPrivateKeyPemType:
		return nil, mesh.Errorf(mesh.CodeInvalid, "it holds a %s, not a key in cosign's format", block.Type).WithHint("convert it with cosign import-key-pair --key FILE")
	}
	// Pure Ed25519 instead of cosign's default for such keys, Ed25519ph: it is
	// what verifiers of DSSE envelopes, cosign's own among them, expect.
	signer, err := cosign.LoadPrivateKey(data, password, &[]signature.LoadOption{})
	if err != nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "it cannot be decrypted with the password given").WithHint("set " + PasswordVariable + " to the key's password; empty if it has none")
	}
	data = bytes.Clone(data)
	return newKey(signer, func() ([]byte, error) { return data, nil })
}

// newKey checks that the key is of a kind every verifier understands.
func newKey(signer signature.SignerVerifier, file func() ([]byte, error)) (*Key, error) {
	public, err := signer.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("reading the public key: %w", err)
	}
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, unsupportedKey("ECDSA on " + k.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return nil, unsupportedKey(fmt.Sprintf("%T", public))
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key: %w", err)
	}
	return &Key{
		signer:    signer,
		file:      file,
		public:    pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		publicDER: der,
	}, nil
}

func unsupportedKey(kind string) error {
	return mesh.Errorf(mesh.CodeInvalid, "its kind, %s, is not supported", kind).WithHint("use ECDSA P-256, which cosign generate-key-pair makes, or Ed25519")
}

// WriteFiles writes prefix.key, encrypted and readable only by its owner, and
// prefix.pub. Existing files are not overwritten: [mesh.CodeConflict].
func (k *Key) WriteFiles(prefix string) error {
	private, err := k.file()
	if err != nil {
		return fmt.Errorf("encrypting the key: %w", err)
	}
	if err := writeNew(prefix+".key", private, 0o600); err != nil {
		return err
	}
	if err := writeNew(prefix+".pub", k.public, 0o644); err != nil {
		return errors.Join(err, os.Remove(prefix+".key"))
	}
	return nil
}

// writeNew creates a file durably, or not at all.
func writeNew(name string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return mesh.Errorf(mesh.CodeConflict, "%s is there already", name).WithHint("choose another name, or move the old key away: what it signed cannot be signed again without it")
	}
	if err != nil {
		return fmt.Errorf("writing the key file %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the key file %s: %w", name, errors.Join(err, os.Remove(name)))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes the name of a new file durable: what a lost key signed cannot
// be signed again.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// PublicKeyPEM returns the public key as a PKIX PEM block, what a trust policy
// and cosign's --key take.
func (k *Key) PublicKeyPEM() []byte { return bytes.Clone(k.public) }

// Fingerprint returns "sha256:" and the hexadecimal SHA-256 of the public
// key's PKIX encoding, the form registry/trust reports.
func (k *Key) Fingerprint() string {
	sum := sha256.Sum256(k.publicDER)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// String returns the fingerprint, so that printing a key is harmless.
func (k *Key) String() string { return k.Fingerprint() }

// LogValue implements [slog.LogValuer] with the fingerprint.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.Fingerprint()) }
