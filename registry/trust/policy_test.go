package trust_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// publicPEM encodes a public key of any kind.
func publicPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func indent(data []byte, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "\n"+by)
}

// writeTrust writes a trust.yaml beside the public halves of keys and loads it.
func writeTrust(t *testing.T, src string, keys map[string]*sign.Key) (*trust.Policy, error) {
	t.Helper()
	dir := t.TempDir()
	for name, key := range keys {
		if err := os.WriteFile(filepath.Join(dir, name), key.PublicKeyPEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "trust.yaml")
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	return trust.LoadPolicy(file)
}

// TestEveryMatchingPolicyMustPass has a policy for everything, of an auditor,
// and one for a vendor.
func TestEveryMatchingPolicyMustPass(t *testing.T) {
	t.Parallel()
	vendor, auditor, former := newKey(t), newKey(t), newKey(t)
	policy, err := writeTrust(t, `
policies:
  - namespaces: ["acme/**"]
    authorities:
      - key: {path: former.pub}
      - key:
          data: |
`+indent(vendor.PublicKeyPEM(), "            ")+`
  - namespaces: ["**"]
    authorities:
      - key: {path: auditor.pub}
`, map[string]*sign.Key{"former.pub": former, "auditor.pub": auditor})
	if err != nil {
		t.Fatal(err)
	}
	byVendor, byAuditor, byFormer := signed(t, vendor, digest), signed(t, auditor, digest), signed(t, former, digest)
	verdict, err := policy.Verify(t.Context(), subject, []trust.Signature{byAuditor, byVendor})
	if err != nil {
		t.Fatal(err)
	}
	if len(verdict.Accepted) != 2 || verdict.Accepted[0].Authority != vendor.Fingerprint() || verdict.Accepted[1].Authority != "auditor.pub" || verdict.Accepted[1].Policy != "**" {
		t.Errorf("accepted %+v", verdict.Accepted)
	}
	if _, err := policy.Verify(t.Context(), subject, []trust.Signature{byFormer, byAuditor}); err != nil {
		t.Errorf("signed by the other authority: %v", err)
	}
	for name, signatures := range map[string][]trust.Signature{"vendor alone": {byVendor}, "auditor alone": {byAuditor}} {
		if _, err := policy.Verify(t.Context(), subject, signatures); mesh.CodeOf(err) != mesh.CodeSignatureRefused {
			t.Errorf("%s: %v, want %s", name, err, mesh.CodeSignatureRefused)
		}
	}
	elsewhere := trust.Subject{Bundle: mesh.BundleRef{Namespace: "other", Name: "x"}, Digest: digest}
	if _, err := policy.Verify(t.Context(), elsewhere, []trust.Signature{byAuditor}); err != nil {
		t.Errorf("a namespace only the auditor is asked for: %v", err)
	}
}

func TestPolicyRefused(t *testing.T) {
	t.Parallel()
	key := indent(newKey(t).PublicKeyPEM(), "          ")
	for _, tt := range []struct {
		name, src, rule, message string
		line, column             int
	}{
		{"not YAML", "policies: [", "yaml-syntax", "does not parse", 1, 1},
		{"empty", "", "yaml-syntax", "is empty", 1, 1},
		{"a list", "- a", "wrong-type", "key: value", 1, 1},
		{"no policies", "policy: []", "unknown-key", `unknown key "policy"`, 1, 1},
		{"unknown key", "policies:\n  - namespace: [a]\n    authorities: []\n", "unknown-key", `unknown key "namespace"`, 2, 5},
		{"key twice", "policies: []\npolicies: []\n", "repeated-key", "given twice", 2, 1},
		{"no namespaces", "policies:\n  - authorities: [{key: {path: a}}]\n", "missing", "namespaces is missing", 2, 5},
		{"empty namespaces", "policies:\n  - namespaces: []\n    authorities: [{key: {path: a}}]\n", "limit", "0 namespaces", 2, 17},
		{"no authorities", "policies:\n  - namespaces: [a]\n", "missing", "authorities is missing", 2, 5},
		{"empty authorities", "policies:\n  - namespaces: [a]\n    authorities: []\n", "limit", "0 authorities", 3, 18},
		{"bad glob", "policies:\n  - namespaces: [\"A/**\"]\n    authorities: []\n", "namespace", "not a pattern", 2, 18},
		{"keyless", "policies:\n  - namespaces: [a]\n    authorities:\n      - keyless: {issuer: x}\n", "unsupported", "keyless authorities are not supported", 4, 18},
		{"attestations", "policies:\n  - namespaces: [a]\n    authorities: []\n    attestations: [{predicateType: x}]\n", "unsupported", "attestations are not supported", 4, 19},
		{"authority without key", "policies:\n  - namespaces: [a]\n    authorities: [{}]\n", "missing", "names no key", 3, 19},
		{"key without source", "policies:\n  - namespaces: [a]\n    authorities: [{key: {}}]\n", "key", "either path or data", 3, 25},
		{"key with both", "policies:\n  - namespaces: [a]\n    authorities: [{key: {path: a, data: b}}]\n", "key", "either path or data", 3, 25},
		{"missing key file", "policies:\n  - namespaces: [a]\n    authorities: [{key: {path: none.pub}}]\n", "key", "there is no file", 3, 32},
		{"key that is none", "policies:\n  - namespaces: [a]\n    authorities: [{key: {data: hello}}]\n", "key", "not a PEM-encoded public key", 3, 32},
		{"two keys in one", "policies:\n  - namespaces: [a]\n    authorities:\n      - key:\n         data: |\n" + key + "\n" + key + "\n", "key", "something follows the key", 5, 16},
		{"alias", "policies: &a []\n", "yaml-syntax", "anchors", 1, 11},
		{"two documents", "policies: []\n---\npolicies: []\n", "yaml-syntax", "second document", 2, 1},
		{"too large", "policies: []\n#" + strings.Repeat("x", 300<<10), "too-large", "bytes, more than", 0, 0},
		{"too deep", "policies: " + strings.Repeat("[", 30) + strings.Repeat("]", 30), "yaml-syntax", "deeper than", 1, 27},
		{"number in place of a policy", "policies: [1]", "wrong-type", "expected key: value pairs", 1, 12},
		{"text in place of a list", "policies:\n  - namespaces: a\n    authorities: []\n", "wrong-type", "expected a list", 2, 17},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "trust.yaml")
			p, findings := trust.ParsePolicy(file, []byte(tt.src))
			if p != nil {
				t.Error("there is a policy in spite of errors")
			}
			for _, f := range findings {
				if f.Rule == tt.rule && strings.Contains(f.Message, tt.message) && f.File == file && f.Line == tt.line && f.Column == tt.column {
					return
				}
			}
			t.Errorf("findings %v, want %s %q at %d:%d", findings, tt.rule, tt.message, tt.line, tt.column)
		})
	}
}

func TestLoadPolicy(t *testing.T) {
	t.Parallel()
	if _, err := trust.LoadPolicy(filepath.Join(t.TempDir(), "none.yaml")); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("a missing file: %v, want %s", err, mesh.CodeNotFound)
	}
	_, err := writeTrust(t, "policies:\n  - namespaces: [a]\n    authorities: [{keyles: {}}]\n", nil)
	if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), "trust.yaml:3:20: error: unknown key") {
		t.Errorf("a misspelt key: %v", err)
	}
}

func TestKeyKinds(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edwards, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	agreement, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		pem        []byte
	}{
		{"RSA 2048", "", publicPEM(t, &strong.PublicKey)},
		{"Ed25519", "", publicPEM(t, edwards)},
		{"RSA 1024", "too weak", publicPEM(t, &weak.PublicKey)},
		{"X25519", "not supported", publicPEM(t, agreement.PublicKey())},
		{"private key", "holds a PRIVATE KEY", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})},
		{"damaged", "malformed", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})},
		{"too large", "not a PEM-encoded", append(publicPEM(t, edwards), make([]byte, 100<<10)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := trust.TrustKeys("acme/**", tt.pem)
			fingerprint, ferr := trust.KeyFingerprint(tt.pem)
			if tt.want == "" {
				if err != nil || ferr != nil || !strings.HasPrefix(fingerprint, "sha256:") {
					t.Errorf("got %v, %v, %q", err, ferr, fingerprint)
				}
				return
			}
			if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzParsePolicy(f *testing.F) {
	key := newKey(f)
	f.Add([]byte("policies:\n  - namespaces: [\"acme/**\"]\n    authorities:\n      - key:\n          data: |\n" + indent(key.PublicKeyPEM(), "            ") + "\n"))
	f.Add([]byte("policies:\n  - namespaces: [a]\n    authorities: [{keyless: {issuer: x}}]\n    attestations: []\n"))
	f.Add([]byte("policies: [{}]\n---\n"))
	signature := signed(f, newKey(f), digest)
	f.Fuzz(func(t *testing.T, src []byte) {
		p, findings := trust.ParsePolicy(filepath.Join(t.TempDir(), "trust.yaml"), src)
		if (p == nil) != mesh.HasErrors(findings) {
			t.Fatalf("policy %v with findings %v", p, findings)
		}
		if p == nil {
			return
		}
		if _, err := p.Verify(t.Context(), subject, []trust.Signature{signature}); err == nil {
			t.Error("a key that nobody was told of is trusted")
		}
	})
}
