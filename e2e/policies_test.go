//go:build unix

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// policiesLimit bounds the page's commands, which all run on this machine.
const policiesLimit = 5 * time.Minute

// TestPoliciesPage types what docs/policies.md says: the blocks marked sh, in
// order, in one shell, in a clone. What each command shows is what the page
// promises of it.
func TestPoliciesPage(t *testing.T) {
	t.Parallel()
	root := repository(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "policies.md"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), policiesLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", strings.Join(shellBlocks(string(page)), "\n"))
	cmd.Dir = root
	cmd.Env = []string{"HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(), "NO_COLOR=1", "TERM=dumb", "LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	output, err := cmd.CombinedOutput()
	out := string(output)
	if err != nil {
		t.Fatalf("the page's commands end with %v:\n%s", err, out)
	}
	for _, want := range []string{
		"did you mean consent_required?",
		"did you mean purpose?",
		"[contradicting-rules]",
		"clauses, 100 % covered",
		"changes, 100 % noticed",
		"refund-needs-approval is violated",
		"any of these alone would allow it",
		"denied now: tool.call where tool.name is refund",
		"no difference: it is proved that both decide every action alike",
		"[widens-base]",
		"ok: 4 passed, 0 failed, 4 rules",
		"data.retentionDays is more than 90 and at most 365",
		"data_collection.purpose_limitation is violated",
		"[cel-cost]",
		"[cel-regex]",
		"[too-large]",
		"[yaml-alias]",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
}
