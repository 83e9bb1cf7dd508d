package vendor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
)

// TestCheckPublicKey sends nothing of a file but its one public key.
func TestCheckPublicKey(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	private := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte("secret")}))
	tests := []struct{ name, file, refused string }{
		{name: "a public key", file: public},
		{name: "with text around it", file: "# ours\n" + public + "\n\n"},
		{name: "a private key", file: private, refused: "it was not sent"},
		{name: "a private key behind the public one", file: public + private, refused: "it was not sent"},
		{name: "a private key in front of the public one", file: private + public, refused: "it was not sent"},
		{name: "two public keys", file: public + public, refused: "more than one key"},
		{name: "a certificate", file: strings.ReplaceAll(public, "PUBLIC KEY", "CERTIFICATE"), refused: "holds a certificate"},
		{name: "no PEM", file: "ssh-ed25519 AAAA", refused: "not a PEM file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := checkPublicKey("acme.pub", []byte(tt.file))
			if tt.refused == "" {
				if err != nil || got != public {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err == nil || mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("got %q, %v; want %q", got, err, tt.refused)
			}
		})
	}
}
