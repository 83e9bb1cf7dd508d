package sign_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

const digest = mesh.Digest("sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae")

var subject = trust.Subject{Bundle: mesh.BundleRef{Namespace: "acme", Name: "export"}, Digest: digest}

func generate(t *testing.T, password string) *sign.Key {
	t.Helper()
	key, err := sign.GenerateKey([]byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keyFile encrypts a key of any kind as cosign import-key-pair does.
func keyFile(t *testing.T, private any, password string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := encrypted.Encrypt(der, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: enc})
}

func TestKeyFilesRoundTrip(t *testing.T) {
	t.Parallel()
	prefix := filepath.Join(t.TempDir(), "vendor")
	key := generate(t, "secret")
	if err := key.WriteFiles(prefix); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(prefix + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the private key has mode %v, want 0600", info.Mode().Perm())
	}
	again, err := sign.LoadKey(prefix+".key", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(prefix + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if string(again.PublicKeyPEM()) != string(public) || again.Fingerprint() != key.Fingerprint() {
		t.Error("the key that was read is another than the one written")
	}
	if err := key.WriteFiles(prefix); mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("overwriting a key: %v, want %s", err, mesh.CodeConflict)
	}
}

func TestLoadKeyRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := generate(t, "secret")
	if err := key.WriteFiles(filepath.Join(dir, "good")); err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"rsa.key":   keyFile(t, weak, ""),
		"plain.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}),
		"text.key":  []byte("hello"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, file, password, want string
		code                       mesh.Code
	}{
		{"missing", "none.key", "", "no key file", mesh.CodeNotFound},
		{"wrong password", "good.key", "guess", "cannot be decrypted", mesh.CodeInvalid},
		{"public key", "good.pub", "secret", "public key", mesh.CodeInvalid},
		{"rsa", "rsa.key", "", "not supported", mesh.CodeInvalid},
		{"not encrypted", "plain.key", "", "cosign's format", mesh.CodeInvalid},
		{"no pem", "text.key", "", "not a PEM file", mesh.CodeInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := sign.LoadKey(filepath.Join(dir, tt.file), []byte(tt.password))
			if mesh.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) || mesh.HintOf(err) == "" {
				t.Errorf("got %v (%s, hint %q), want %q (%s) and a hint", err, mesh.CodeOf(err), mesh.HintOf(err), tt.want, tt.code)
			}
			if err != nil && strings.Contains(err.Error(), "guess") {
				t.Error("the message shows the password")
			}
		})
	}
}

func TestSignatureIsTrusted(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, err := sign.ParseKey(keyFile(t, private, "pw"), []byte("pw"))
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*sign.Key{"ECDSA P-256": generate(t, ""), "Ed25519": edwards} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := sign.Sign(t.Context(), key, digest)
			if err != nil {
				t.Fatal(err)
			}
			policy, err := trust.TrustKeys("acme/**", key.PublicKeyPEM())
			if err != nil {
				t.Fatal(err)
			}
			verdict, err := policy.Verify(t.Context(), subject, []trust.Signature{{Bundle: data}})
			if err != nil {
				t.Fatal(err)
			}
			if got := verdict.Accepted[0].KeyFingerprint; got != key.Fingerprint() {
				t.Errorf("accepted key %s, want %s", got, key.Fingerprint())
			}
		})
	}
}

func TestSignRefusesWhatIsNoDigest(t *testing.T) {
	t.Parallel()
	if _, err := sign.Sign(t.Context(), generate(t, ""), "latest"); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("got %v, want %s", err, mesh.CodeInvalid)
	}
}

func TestKeyDoesNotPrintItsSecret(t *testing.T) {
	t.Parallel()
	key := generate(t, "")
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(verb, key); got != key.Fingerprint() {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}
