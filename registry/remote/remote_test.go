package remote_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/remote"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

var acme = mesh.BundleRef{Namespace: "acme", Name: "export-control"}

// pack makes a bundle whose policy says text.
func pack(t *testing.T, version, text string) *bundle.Artifact {
	t.Helper()
	a, err := bundle.Pack(bundle.Source{
		Config: bundle.Config{
			Namespace: acme.Namespace, Name: acme.Name, Version: version, Title: "Export control",
			Frameworks: []mesh.FrameworkID{"acme-export"}, Modes: []mesh.Mode{mesh.ModeEnforce}, Engine: "3.0.0",
		},
		Files: []bundle.File{
			{Title: bundle.RulesTitle, MediaType: bundle.MediaTypeRules, Data: []byte("name: " + text + "\n")},
			{Title: "cases/export_test.yaml", MediaType: bundle.MediaTypeTests, Data: []byte("cases: []\n")},
			{Title: bundle.ReadmeTitle, MediaType: bundle.MediaTypeDocs, Data: []byte("# Export control\n")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func connect(t *testing.T, addr string) *remote.Client {
	t.Helper()
	c, err := remote.New(addr, remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t *testing.T) *sign.Key {
	t.Helper()
	key, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func verify(t *testing.T, key *sign.Key, d mesh.Digest, signatures []trust.Signature) (*trust.Verdict, error) {
	t.Helper()
	policy, err := trust.TrustKeys("acme/**", key.PublicKeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	return policy.Verify(t.Context(), trust.Subject{Bundle: acme, Digest: d}, signatures)
}

// TestLifeOfABundle pushes, tags, pulls, signs and verifies, on every registry
// there is.
func TestLifeOfABundle(t *testing.T) {
	t.Parallel()
	for name, start := range registries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := connect(t, start(t))
			a := pack(t, "1.0.0", "one")
			d, err := client.Push(t.Context(), acme, "1.0.0", a)
			if err != nil {
				t.Fatal(err)
			}
			if d != a.Digest() {
				t.Fatalf("pushed %s, want %s", d, a.Digest())
			}
			if _, err := client.Push(t.Context(), acme, "1.0.0", a); err != nil {
				t.Errorf("pushing the same again: %v", err)
			}
			if _, err := client.Push(t.Context(), acme, "1.0.0", pack(t, "1.0.0", "two")); mesh.CodeOf(err) != mesh.CodeConflict {
				t.Errorf("moving the tag of a version: %v, want %s", err, mesh.CodeConflict)
			}
			if _, err := client.Push(t.Context(), acme, "stable", a); err != nil {
				t.Errorf("tagging a channel: %v", err)
			}
			resolved, err := client.Resolve(t.Context(), acme, "1.0.0")
			if err != nil || resolved != d {
				t.Errorf("the tag points to %s (%v), want %s", resolved, err, d)
			}
			b, err := client.Pull(t.Context(), acme, d)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(b.Rules().Data); got != "name: one\n" {
				t.Errorf("pulled rules %q", got)
			}
			if b.Artifact().Digest() != d {
				t.Errorf("the pulled artifact is %s, want %s", b.Artifact().Digest(), d)
			}
			testSignatures(t, client, d)
			tags, err := client.ListTags(t.Context(), acme)
			if err != nil {
				t.Fatal(err)
			}
			tags = slices.DeleteFunc(tags, func(s string) bool { return strings.HasPrefix(s, "sha256-") })
			if !slices.Equal(tags, []string{"1.0.0", "stable"}) {
				t.Errorf("tags %q", tags)
			}
		})
	}
}

func testSignatures(t *testing.T, client *remote.Client, d mesh.Digest) {
	t.Helper()
	signatures, err := client.Signatures(t.Context(), acme, d)
	if err != nil || len(signatures) != 0 {
		t.Fatalf("an unsigned bundle has %d signatures (%v)", len(signatures), err)
	}
	ours, theirs := newKey(t), newKey(t)
	attestation, err := sign.Attest(t.Context(), ours, d, "https://slsa.dev/provenance/v1", map[string]any{"buildType": "make"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.AttachSignature(t.Context(), acme, d, attestation); err != nil {
		t.Fatal(err)
	}
	for _, key := range []*sign.Key{theirs, ours} {
		data, err := sign.Sign(t.Context(), key, d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.AttachSignature(t.Context(), acme, d, data); err != nil {
			t.Fatal(err)
		}
	}
	signatures, err = client.Signatures(t.Context(), acme, d)
	if err != nil || len(signatures) != 3 {
		t.Fatalf("the bundle has %d signatures (%v), want 3", len(signatures), err)
	}
	verdict, err := verify(t, ours, d, signatures)
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Accepted[0].KeyFingerprint != ours.Fingerprint() {
		t.Errorf("accepted %s, want %s", verdict.Accepted[0].KeyFingerprint, ours.Fingerprint())
	}
	if _, err := verify(t, newKey(t), d, signatures); mesh.CodeOf(err) != mesh.CodeSignatureRefused {
		t.Errorf("verifying with a third key: %v, want %s", err, mesh.CodeSignatureRefused)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, start := range registries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := connect(t, start(t))
			if _, err := client.Resolve(t.Context(), acme, "1.0.0"); mesh.CodeOf(err) != mesh.CodeNotFound {
				t.Errorf("resolving in an empty registry: %v, want %s", err, mesh.CodeNotFound)
			}
			if _, err := client.Pull(t.Context(), acme, pack(t, "1.0.0", "x").Digest()); mesh.CodeOf(err) != mesh.CodeNotFound {
				t.Errorf("pulling from an empty registry: %v, want %s", err, mesh.CodeNotFound)
			}
		})
	}
}

// TestCosignAndOras exchanges bundles and signatures with the real programs.
func TestCosignAndOras(t *testing.T) {
	t.Parallel()
	cosign, oras := tool(t, "cosign"), tool(t, "oras")
	for name, start := range registries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := start(t)
			client := connect(t, addr)
			dir := t.TempDir()
			a := pack(t, "1.0.0", "one")
			if err := a.WriteLayout(filepath.Join(dir, "layout"), "1.0.0"); err != nil {
				t.Fatal(err)
			}
			target := addr + "/" + acme.String() + ":1.0.0"
			mustRun(t, dir, oras, "cp", "--from-oci-layout", "layout:1.0.0", "--to-plain-http", target)
			d, err := client.Resolve(t.Context(), acme, "1.0.0")
			if err != nil || d != a.Digest() {
				t.Fatalf("oras copied %s (%v), want %s", d, err, a.Digest())
			}
			mustRun(t, dir, oras, "pull", "--plain-http", "-o", "pulled", target)
			mustRun(t, dir, cosign, "trusted-root", "create", "--out", "root.json")

			t.Run("cosign verifies what we sign", func(t *testing.T) {
				key := newKey(t)
				if err := key.WriteFiles(filepath.Join(dir, "ours")); err != nil {
					t.Fatal(err)
				}
				data, err := sign.Sign(t.Context(), key, d)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.AttachSignature(t.Context(), acme, d, data); err != nil {
					t.Fatal(err)
				}
				if out := mustRun(t, dir, cosign, "public-key", "--key", "ours.key"); !strings.Contains(out, strings.TrimSpace(string(key.PublicKeyPEM()))) {
					t.Errorf("cosign reads another key from our file:\n%s", out)
				}
				mustRun(t, dir, cosign, "verify", "--key", "ours.pub", "--new-bundle-format", "--private-infrastructure", "--trusted-root", "root.json", "--allow-http-registry", target)
				mustRun(t, dir, cosign, "verify", "--key", "ours.pub", "--private-infrastructure", "--trusted-root", "root.json", "--allow-http-registry", target)
			})
			t.Run("we verify what cosign signs", func(t *testing.T) {
				mustRun(t, dir, cosign, "generate-key-pair", "--output-key-prefix", "theirs")
				mustRun(t, dir, cosign, "sign", "--key", "theirs.key", "--tlog-upload=false", "--new-bundle-format", "--allow-http-registry", "-y", target+"@"+string(d))
				key, err := sign.LoadKey(filepath.Join(dir, "theirs.key"), nil)
				if err != nil {
					t.Fatal(err)
				}
				signatures, err := client.Signatures(t.Context(), acme, d)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := verify(t, key, d, signatures); err != nil {
					t.Error(err)
				}
			})
			out := mustRun(t, dir, oras, "discover", "--plain-http", target)
			if n := strings.Count(out, bundle.MediaTypeSigstoreBundle); n < 1 {
				t.Errorf("oras discover shows no signature:\n%s", out)
			}
		})
	}
}
