//go:build unix

package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// TestLintPassesPipes: what nobody writes to is not waited for, and a link that
// leads nowhere hides nothing else. A link to a file is the file.
func TestLintPassesPipes(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	const good = "version: \"3.0.0\"\nname: n\ndefault: deny\nrules: {}\nunknown: 1\n"
	if err := os.WriteFile(filepath.Join(elsewhere, "p.yaml"), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe.yaml")
	for _, err := range []error{
		syscall.Mkfifo(pipe, 0o600),
		os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dead.yaml")),
		os.Symlink(filepath.Join(elsewhere, "p.yaml"), filepath.Join(dir, "linked.yaml")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	streams, _, out, _ := iostreams.Test()
	err := lintRun(t.Context(), command.NewEnv(streams), &lintOptions{Paths: []string{dir}, JSON: true})
	if command.ExitCode(err) != command.ExitPolicyInvalid {
		t.Fatalf("it ends with %v", err)
	}
	var result lintResult
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, f := range result.Findings {
		got += filepath.Base(f.File) + " " + f.Rule + "\n"
	}
	if want := "dead.yaml no-file\nlinked.yaml unknown-key\npipe.yaml no-file\n"; got != want {
		t.Errorf("findings:\n%swant:\n%s", got, want)
	}
	err = lintRun(t.Context(), command.NewEnv(streams), &lintOptions{Paths: []string{pipe}})
	if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("by itself: %v", err)
	}
}
