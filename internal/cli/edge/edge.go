// Package edge is the program mesh-runtime: the enforcement runtime alone, for
// places where nothing else is wanted. It links neither a hub nor a database.
//
// [Main] is the whole program as a function. Its commands behave as those of
// mesh with the same names.
package edge

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/runtimeserve"
	"github.com/ai-agent-mesh/mesh/internal/cli/version"
)

// Main runs mesh-runtime with the arguments behind the program's name and
// returns its exit code.
func Main(ctx context.Context, args []string, streams *iostreams.Streams) int {
	env := command.NewEnv(streams)
	return command.Execute(ctx, env, NewCmdRoot(env), args)
}

// NewCmdRoot returns the program's commands.
func NewCmdRoot(env *command.Env) *cobra.Command {
	root := command.Root(env, "mesh-runtime", "The enforcement runtime of AI-Agent Mesh", `mesh-runtime pulls signed policy bundles, verifies them and decides what AI
agents may do. It is "mesh runtime" without everything else.`)
	root.AddCommand(runtimeserve.NewCmdServe(env, nil), version.NewCmdVersion(env, nil))
	return root
}
