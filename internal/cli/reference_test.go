package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/internal/cli"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// TestReference holds the reference page to the commands. Run with -update to
// write it.
func TestReference(t *testing.T) {
	t.Parallel()
	streams, _, _, _ := iostreams.Test()
	root := cli.NewCmdRoot(command.NewEnv(streams))
	var b strings.Builder
	b.WriteString("# Commands\n\n<!-- Written by go test ./internal/cli -run TestReference$ -update from the commands. -->\n\nEvery command of `mesh`, as its `--help` explains it. `mesh-runtime` has `serve`, which is\n`mesh runtime serve`, and `version`.\n")
	for _, group := range root.Groups() {
		fmt.Fprintf(&b, "\n## %s\n", group.Title)
		for _, cmd := range root.Commands() {
			if cmd.GroupID == group.ID {
				describe(&b, cmd)
			}
		}
	}
	for _, cmd := range root.Commands() {
		if cmd.IsAdditionalHelpTopicCommand() {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", cmd.Short, strings.TrimRight(cmd.Long, "\n"))
		}
	}
	matchesFile(t, filepath.Join("..", "..", "docs", "reference", "cli.md"), b.String())
}

// describe writes the section of a command, or those of a noun's verbs.
func describe(b *strings.Builder, cmd *cobra.Command) {
	if len(cmd.Commands()) > 0 {
		for _, sub := range cmd.Commands() {
			if !sub.Hidden {
				describe(b, sub)
			}
		}
		return
	}
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	long, fields, _ := strings.Cut(long, "\n\nJSON fields: ")
	fmt.Fprintf(b, "\n### %s\n\n```\n%s\n```\n\n%s\n", cmd.CommandPath(), cmd.UseLine(), long)
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```console\n%s\n```\n", unindent(cmd.Example))
	}
	if flags := strings.TrimRight(cmd.NonInheritedFlags().FlagUsages(), "\n"); flags != "" {
		fmt.Fprintf(b, "\nFlags:\n\n```\n%s\n```\n", flags)
	}
	if fields != "" {
		fmt.Fprintf(b, "\nFields of `--json`: `%s`.\n", strings.ReplaceAll(fields, ", ", "`, `"))
	}
}

// unindent writes the lines of an example as they are typed.
func unindent(example string) string {
	lines := strings.Split(example, "\n")
	for i, line := range lines {
		lines[i] = "$ " + strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}
