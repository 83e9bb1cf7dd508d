package cli_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/internal/cli"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/edge"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

var update = flag.Bool("update", false, "rewrite testdata/json-fields.txt and docs/reference/cli.md")

// commands returns every command that does something, by its path.
func commands(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	streams, _, _, _ := iostreams.Test()
	env := command.NewEnv(streams)
	found := map[string]*cobra.Command{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if len(c.Commands()) == 0 && c.Runnable() && !c.Hidden {
			found[c.CommandPath()] = c
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(cli.NewCmdRoot(env))
	walk(edge.NewCmdRoot(env))
	return found
}

// TestEveryCommandSpeaksJSON holds the fields of every command's --json to the
// list in testdata: scripts rely on them, so one that disappears or is renamed
// is a breaking change. Run with -update to add fields.
func TestEveryCommandSpeaksJSON(t *testing.T) {
	t.Parallel()
	const golden = "testdata/json-fields.txt"
	var lines []string
	for path, cmd := range commands(t) {
		fields, ok := command.JSONFields(cmd)
		if !ok || cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", path)
			continue
		}
		if !strings.Contains(cmd.Long, "JSON fields: "+strings.Join(fields, ", ")) {
			t.Errorf("the help of %s does not document its JSON fields", path)
		}
		lines = append(lines, fmt.Sprintf("%s: %s\n", path, strings.Join(fields, " ")))
	}
	got := sorted(lines)
	matchesFile(t, golden, got)
}

// matchesFile compares got with a committed file, and writes the file with
// -update. The name is relative to the package.
func matchesFile(t *testing.T, name, got string) {
	t.Helper()
	inDirectory.Lock()
	defer inDirectory.Unlock()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the commands say; run go test ./internal/cli -update (-want +got):\n%s", name, diff)
	}
}

// TestEnvironmentIsDocumented holds the help topic to the variables there are.
func TestEnvironmentIsDocumented(t *testing.T) {
	t.Parallel()
	streams, _, out, _ := iostreams.Test()
	root := cli.NewCmdRoot(command.NewEnv(streams))
	root.SetArgs([]string{"help", "environment"})
	root.SetOut(out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, cmd := range commands(t) {
		for _, name := range command.Variables(cmd) {
			if !strings.Contains(out.String(), "    "+name) {
				t.Errorf("`mesh environment` does not explain %s of %s", name, path)
			}
		}
	}
}

// TestEveryCommandHasHelp asks for what people look at first.
func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	for path, cmd := range commands(t) {
		switch {
		case cmd.Short == "" || strings.HasSuffix(cmd.Short, "."):
			t.Errorf("%s: the short help %q should be a phrase without a full stop", path, cmd.Short)
		case len(cmd.Short) > 65:
			t.Errorf("%s: the short help is too long for a list", path)
		}
		for line := range strings.Lines(cmd.Long) {
			if len(strings.TrimRight(line, "\n")) > 84 && !strings.HasPrefix(line, "JSON fields") {
				t.Errorf("%s: a line of the help is wider than a terminal: %q", path, line)
			}
		}
	}
}

func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "")
}
