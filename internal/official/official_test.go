package official_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/official"
)

// TestPublicKey holds for a build with official bundles and for a fresh clone.
func TestPublicKey(t *testing.T) {
	t.Parallel()
	key, err := official.PublicKey()
	if err != nil {
		if !errors.Is(err, &mesh.Error{Code: mesh.CodeUnavailable}) || mesh.HintOf(err) == "" || key != nil {
			t.Errorf("a build without a key: %q, %v, hint %q", key, err, mesh.HintOf(err))
		}
		return
	}
	block, rest := pem.Decode(key)
	if block == nil || len(rest) > 0 {
		t.Fatalf("the key is not one PEM block:\n%s", key)
	}
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		t.Errorf("the key is not a public key: %v", err)
	}
}
