// Package cli is the program mesh: it joins the commands of every noun into
// one tree.
//
// [Main] is the whole program as a function, so that tests run it without a
// process of its own. Each noun is a package below this one and each verb a
// file in it; package command holds what they share. Nothing is decided here
// but which commands there are and how they are grouped.
package cli

//go:generate go test -run "^(TestReference|TestEveryCommandSpeaksJSON)$" -update .

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/internal/cli/catalog"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/decide"
	"github.com/ai-agent-mesh/mesh/internal/cli/decisions"
	"github.com/ai-agent-mesh/mesh/internal/cli/dev"
	"github.com/ai-agent-mesh/mesh/internal/cli/doctor"
	"github.com/ai-agent-mesh/mesh/internal/cli/framework"
	"github.com/ai-agent-mesh/mesh/internal/cli/hubserve"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/login"
	"github.com/ai-agent-mesh/mesh/internal/cli/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/posture"
	"github.com/ai-agent-mesh/mesh/internal/cli/runtimes"
	"github.com/ai-agent-mesh/mesh/internal/cli/runtimeserve"
	"github.com/ai-agent-mesh/mesh/internal/cli/vendor"
	"github.com/ai-agent-mesh/mesh/internal/cli/version"
)

// The groups of `mesh --help`.
const (
	groupServe  = "serve"
	groupPolicy = "policy"
	groupGovern = "govern"
	groupSetup  = "setup"
)

// Main runs mesh with the arguments behind the program's name and returns its
// exit code. It returns when the command is done or ctx is canceled.
func Main(ctx context.Context, args []string, streams *iostreams.Streams) int {
	env := command.NewEnv(streams)
	return command.Execute(ctx, env, NewCmdRoot(env), args)
}

// NewCmdRoot returns the tree of all commands.
func NewCmdRoot(env *command.Env) *cobra.Command {
	root := command.Root(env, "mesh", "Policies for AI agents: signed, searchable, enforced, evidenced", `mesh publishes compliance policies as signed bundles, runs the hub that lists
them and the runtimes that enforce them, and shows the evidence.

    mesh dev                          a hub and a runtime on this machine
    mesh policy init my-policy        start a policy of your own
    mesh decide -f action.json        ask a runtime whether an agent may do something`)
	root.AddGroup(
		&cobra.Group{ID: groupServe, Title: "Run"},
		&cobra.Group{ID: groupPolicy, Title: "Write, publish and find policies"},
		&cobra.Group{ID: groupGovern, Title: "Enforce and see the evidence"},
		&cobra.Group{ID: groupSetup, Title: "Set up"},
	)
	add(root, groupServe,
		dev.NewCmdDev(env, nil),
		hubserve.NewCmdHub(env),
	)
	add(root, groupPolicy,
		policy.NewCmdPolicy(env),
		vendor.NewCmdVendor(env),
		catalog.NewCmdCatalog(env),
		framework.NewCmdFramework(env),
	)
	add(root, groupGovern,
		runtimes.NewCmdRuntime(env, runtimeserve.NewCmdServe(env, nil)),
		decide.NewCmdDecide(env, nil),
		decisions.NewCmdDecisions(env),
		posture.NewCmdPosture(env),
	)
	add(root, groupSetup,
		login.NewCmdLogin(env, nil),
		login.NewCmdLogout(env, nil),
		doctor.NewCmdDoctor(env, nil),
		version.NewCmdVersion(env, nil),
	)
	root.SetHelpCommandGroupID(groupSetup)
	root.SetCompletionCommandGroupID(groupSetup)
	return root
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}
