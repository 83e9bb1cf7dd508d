package remote_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// TestCosignEd25519: cosign signs with the prehashed variant of Ed25519 and
// verifies the pure one. Both directions must work all the same.
func TestCosignEd25519(t *testing.T) {
	t.Parallel()
	cosign := tool(t, "cosign")
	client := connect(t, ours(t))
	dir := t.TempDir()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plain.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, cosign, "import-key-pair", "--key", "plain.pem", "--output-key-prefix", "vendor")
	mustRun(t, dir, cosign, "trusted-root", "create", "--out", "root.json")
	key, err := sign.LoadKey(filepath.Join(dir, "vendor.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1.0.0", "2.0.0"} {
		d, err := client.Push(t.Context(), acme, version, pack(t, version, "text"))
		if err != nil {
			t.Fatal(err)
		}
		target := client.Host() + "/" + acme.String() + "@" + string(d)
		if version == "1.0.0" { // by us
			data, err := sign.Sign(t.Context(), key, d)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.AttachSignature(t.Context(), acme, d, data); err != nil {
				t.Fatal(err)
			}
			mustRun(t, dir, cosign, "verify", "--key", "vendor.pub", "--new-bundle-format", "--private-infrastructure", "--trusted-root", "root.json", "--allow-http-registry", target)
		} else {
			mustRun(t, dir, cosign, "sign", "--key", "vendor.key", "--tlog-upload=false", "--new-bundle-format", "--allow-http-registry", "-y", target)
		}
		signatures, err := client.Signatures(t.Context(), acme, d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify(t, key, d, signatures); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}
