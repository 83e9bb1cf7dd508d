// Package policy holds the commands `mesh policy …`: writing, checking,
// packing, publishing, fetching and verifying policy bundles.
//
// Each verb is a file. What the verbs do stands elsewhere: internal/publish
// reads and checks sources, registry/bundle packs, registry/remote transfers,
// registry/sign and registry/trust sign and verify.
package policy

import (
	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

// NewCmdPolicy returns `policy` with its verbs.
func NewCmdPolicy(env *command.Env) *cobra.Command {
	return command.Group("policy", "Write, check, publish and verify policies",
		newCmdInit(env, nil),
		newCmdSchema(env, nil),
		newCmdLint(env, nil),
		newCmdTest(env, nil),
		newCmdExplain(env, nil),
		newCmdDiff(env, nil),
		newCmdBuild(env, nil),
		newCmdPush(env, nil),
		newCmdPull(env, nil),
		newCmdSign(env, nil),
		newCmdVerify(env, nil),
		newCmdImport(),
	)
}

// newCmdImport returns a command that is not there: who looks for it learns why,
// with --help, too.
func newCmdImport() *cobra.Command {
	return &cobra.Command{
		Use:                "import",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return command.UsageErrorf("there is no `mesh policy import`: what Rego and Cedar decide cannot be converted faithfully").
				WithHint("docs/policy-import.md says why, and how to move a policy by hand")
		},
	}
}
