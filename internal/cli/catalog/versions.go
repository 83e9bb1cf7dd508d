package catalog

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// versionsOptions are the arguments of `catalog versions`.
type versionsOptions struct {
	session.Flags
	Bundle mesh.BundleRef
	JSON   bool
}

// versionsResult is what `catalog versions` prints.
type versionsResult struct {
	Items []hubapi.Version `json:"items"`
}

func newCmdVersions(env *command.Env, runF func(*versionsOptions) error) *cobra.Command {
	opts := &versionsOptions{}
	cmd := &cobra.Command{
		Use:   "versions [NAMESPACE/]NAME",
		Short: "List the versions of a bundle",
		Long:  "List every release of a bundle, newest first, with its status and digest.",
		Args:  command.Arguments(1, 1, "a bundle"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var version string
			if opts.Bundle, version, err = parseRelease(args[0]); err != nil {
				return err
			}
			if version != "" {
				return command.UsageErrorf("%s names a version already", args[0]).WithHint("see `mesh catalog show " + args[0] + "`")
			}
			if runF != nil {
				return runF(opts)
			}
			return versionsRun(cmd.Context(), env, opts)
		},
	}
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, versionsResult{})
	return cmd
}

func versionsRun(ctx context.Context, env *command.Env, opts *versionsOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	items, err := session.All(func(cursor string) (hubapi.Page[hubapi.Version], error) {
		return client.Versions(ctx, opts.Bundle, cursor)
	})
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(versionsResult{Items: items})
	}
	table := env.IO.NewTable("version", "status", "published", "digest", "reason")
	for _, v := range items {
		table.Row(v.Version, status(v.Status), command.Time(v.PublishedAt), v.Digest, v.Reason)
	}
	return table.Print()
}
