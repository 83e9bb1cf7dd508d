package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/official/bundles"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// checkout returns a copy of the parts of this checkout that a run reads.
func checkout(t *testing.T) settings {
	t.Helper()
	s := settings{root: t.TempDir()}
	source := filepath.Join("..", "..", "..", filepath.FromSlash(packsDir))
	if err := os.CopyFS(s.path(packsDir), os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{layoutsDir, filepath.Dir(publicKey)} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// snapshot returns the content of every generated file.
func snapshot(t *testing.T, s settings) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, dir := range []string{layoutsDir, filepath.Dir(publicKey)} {
		err := filepath.WalkDir(s.path(dir), func(name string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(name)
			files[strings.TrimPrefix(name, s.root)] = string(content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func mustGenerate(t *testing.T, s settings) []string {
	t.Helper()
	changed, err := generate(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestGenerateSignsWhatTheKeyVerifies(t *testing.T) {
	t.Parallel()
	s := checkout(t)
	mustGenerate(t, s)
	before := snapshot(t, s)
	if changed := mustGenerate(t, s); len(changed) > 0 || !cmp.Equal(before, snapshot(t, s)) {
		t.Errorf("the second run changed %v", changed)
	}
	public, err := os.ReadFile(s.path(publicKey))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := trust.TrustKeys("mesh/**", public)
	if err != nil {
		t.Fatal(err)
	}
	releases, err := bundles.Open(os.DirFS(s.path(layoutsDir)))
	if err != nil {
		t.Fatal(err)
	}
	if len(releases) != 2 {
		t.Fatalf("%d releases, want gdpr and hipaa", len(releases))
	}
	for _, r := range releases {
		layout, err := bundle.OpenLayout(s.path(layoutsDir + "/" + r.Path))
		if err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Read(t.Context(), layout, r.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if b.Config.Ref() != r.Bundle || b.Config.Version != r.Version {
			t.Errorf("%s %s is signed as %s %s", r.Bundle, r.Version, b.Config.Ref(), b.Config.Version)
		}
		manifests, err := r.Manifests()
		if err != nil {
			t.Fatal(err)
		}
		signature, err := bundle.ReadSignature(t.Context(), layout, r.Digest, mesh.Digest(manifests[1].Descriptor.Digest))
		if err != nil {
			t.Fatal(err)
		}
		_, err = policy.Verify(t.Context(), trust.Subject{Bundle: r.Bundle, Digest: r.Digest}, []trust.Signature{{Bundle: signature}})
		if err != nil {
			t.Errorf("verifying %s: %v", r.Bundle, err)
		}
	}
}

func TestGenerateFollowsSourcesAndKey(t *testing.T) {
	t.Parallel()
	s := checkout(t)
	mustGenerate(t, s)
	first := snapshot(t, s)

	readme := s.path(packsDir + "/gdpr/README.md")
	if err := os.WriteFile(readme, []byte("# Changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := mustGenerate(t, s)
	if cmp.Equal(first, snapshot(t, s)) || len(changed) != 1 || !strings.Contains(changed[0], "mesh/gdpr") {
		t.Errorf("changing one pack signed %v", changed)
	}

	key, err := sign.GenerateKey([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	prefix := filepath.Join(t.TempDir(), "release")
	if err := key.WriteFiles(prefix); err != nil {
		t.Fatal(err)
	}
	s.keyFile, s.password = prefix+".key", []byte("secret")
	mustGenerate(t, s)
	public, err := os.ReadFile(s.path(publicKey))
	if err != nil {
		t.Fatal(err)
	}
	if string(public) != string(key.PublicKeyPEM()) {
		t.Error("the key that was named did not sign")
	}

	// A deleted layout is noticed and made again.
	if err := os.RemoveAll(s.path(layoutsDir + "/hipaa")); err != nil {
		t.Fatal(err)
	}
	if changed := mustGenerate(t, s); len(changed) == 0 {
		t.Error("a missing layout was not noticed")
	}
}

func TestGenerateWritesNothingOfABrokenPack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, content string
		code                mesh.Code
	}{
		{"cases that fail", "gdpr/lawfulness_test.yaml", "policy: policy.yaml\ncases: [{name: x, given: {action: {type: data.read}}, want: {allowed: true}}]\n", mesh.CodeCasesFailed},
		{"rules without cases", "gdpr/rights_test.yaml", "policy: policy.yaml\ncases: [{name: x, given: {action: {type: tool.call}}, want: {allowed: true}}]\n", mesh.CodeCasesFailed},
		{"an unknown key", "gdpr/policy.yaml", "version: \"3.0.0\"\nname: x\nrulez: {}\n", mesh.CodePolicyInvalid},
		{"another namespace", "gdpr/bundle.yaml", "namespace: acme\nname: gdpr\nversion: 3.0.0\n", mesh.CodeInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := checkout(t)
			if err := os.WriteFile(s.path(packsDir+"/"+tt.file), []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := generate(t.Context(), s)
			if mesh.CodeOf(err) != tt.code {
				t.Errorf("generate: %v (code %s), want code %s", err, mesh.CodeOf(err), tt.code)
			}
			if files := snapshot(t, s); len(files) > 0 {
				t.Errorf("wrote %d files", len(files))
			}
		})
	}
}

func TestGenerateRefusesAKeyThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := checkout(t)
	s.keyFile = filepath.Join(t.TempDir(), "missing.key")
	if _, err := generate(t.Context(), s); !errors.Is(err, &mesh.Error{Code: mesh.CodeNotFound}) {
		t.Errorf("generate with a key that is not there: %v", err)
	}
}
