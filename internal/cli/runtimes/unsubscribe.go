package runtimes

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// unsubscribeOptions are the arguments of `runtime unsubscribe`.
type unsubscribeOptions struct {
	session.Flags
	Runtime string
	Bundle  mesh.BundleRef
	JSON    bool
}

func newCmdUnsubscribe(env *command.Env, runF func(*unsubscribeOptions) error) *cobra.Command {
	opts := &unsubscribeOptions{}
	cmd := &cobra.Command{
		Use:   "unsubscribe RUNTIME BUNDLE",
		Short: "Take back a subscription that was added at the hub",
		Long: `Take back what ` + "`mesh runtime subscribe`" + ` added for a bundle, [NAMESPACE/]NAME.
The runtime follows without a restart.

What a runtime subscribes to itself stays: that takes its own configuration.`,
		Example: "    mesh runtime unsubscribe edge-1 hipaa",
		Args:    command.Arguments(2, 2, "a runtime and a bundle"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Runtime = args[0]
			// A subscription is taken too: it is what people have at hand.
			name, _, _ := strings.Cut(args[1], "@")
			s, err := mesh.ParseSubscription(name)
			if err != nil {
				return command.Usage(err)
			}
			opts.Bundle = s.Bundle
			if runF != nil {
				return runF(opts)
			}
			return unsubscribeRun(cmd.Context(), env, opts)
		},
	}
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.SubscriptionSet{})
	return cmd
}

func unsubscribeRun(ctx context.Context, env *command.Env, opts *unsubscribeOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	set, err := client.Unsubscribe(ctx, opts.Runtime, opts.Bundle)
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(set)
	}
	_, _ = fmt.Fprintf(env.IO.Out, "%s does not follow %s\n", opts.Runtime, opts.Bundle)
	return nil
}
