package trust_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "cosign", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestWhatCosignMade verifies what the cosign program, v2.6.5, attached to a
// bundle: `cosign sign` and `cosign attest`, both with --new-bundle-format and
// the key in testdata/cosign. `cosign verify` accepts either; we do not.
func TestWhatCosignMade(t *testing.T) {
	t.Parallel()
	policy, err := trust.TrustKeys("acme/**", fixture(t, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	s := trust.Subject{Bundle: subject.Bundle, Digest: mesh.Digest(fixture(t, "digest"))}
	verify := func(name string) error {
		_, err := policy.Verify(t.Context(), s, []trust.Signature{{Referrer: other, Bundle: fixture(t, name)}})
		return err
	}
	if err := verify("signature.sigstore.json"); err != nil {
		t.Errorf("the signature: %v", err)
	}
	if err := verify("attestation.sigstore.json"); mesh.CodeOf(err) != mesh.CodeSignatureRefused || !strings.Contains(err.Error(), `an attestation of type "https://acme.example/gate/v1"`) {
		t.Errorf("the attestation: %v, want %s", err, mesh.CodeSignatureRefused)
	}
}
