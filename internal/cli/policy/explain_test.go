package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// TestExplainTellsPoliciesApart explains two files of the same name.
func TestExplainTellsPoliciesApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const rule = "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: ID, controls: [], require: 'action.type == \"TYPE\"'}]}\n"
	satisfied := write("a/policy.yaml", strings.NewReplacer("ID", "first", "TYPE", "tool.call").Replace(rule))
	violated := write("b/policy.yaml", strings.NewReplacer("ID", "second", "TYPE", "egress").Replace(rule))
	action := write("action.json", `{"action": {"type": "tool.call"}}`)

	streams, _, out, _ := iostreams.Test()
	err := explainRun(t.Context(), command.NewEnv(streams), &explainOptions{Policies: []string{satisfied, violated}, File: action})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"local/policy (" + satisfied + ")", "local/policy (" + violated + ")"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not named in\n%s", want, out)
		}
	}
	head, tail, _ := strings.Cut(out.String(), "local/policy ("+violated+")")
	if !strings.Contains(head, "first") || strings.Contains(head, "violated: second") || !strings.Contains(tail, "violated: second") {
		t.Errorf("each policy should have its own decision:\n%s", out)
	}
}

// TestExplainRefusesWhatNoRuntimeDecides explains an action that no runtime
// would record.
func TestExplainRefusesWhatNoRuntimeDecides(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	source := write("policy.yaml", "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: r, controls: [], require: 'true'}]}\n")
	action := write("action.json", `{"action": {"type": "tool.call"}, "actor": {"userId": "`+strings.Repeat("u", 1025)+`"}}`)
	streams, _, out, _ := iostreams.Test()
	err := explainRun(t.Context(), command.NewEnv(streams), &explainOptions{Policies: []string{source}, File: action})
	const want = "actor.userId is 1025 bytes long; at most 1024 can be recorded"
	if err == nil || err.Error() != want || out.Len() > 0 {
		t.Errorf("got %v and %q, want %s", err, out, want)
	}
}
