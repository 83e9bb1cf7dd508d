package runtimes

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// listOptions are the arguments of `runtime list`.
type listOptions struct {
	session.Flags
	JSON bool
}

// listResult is what `runtime list` prints.
type listResult struct {
	Items []hubapi.Runtime `json:"items"`
}

func newCmdList(env *command.Env, runF func(*listOptions) error) *cobra.Command {
	opts := &listOptions{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the enrolled runtimes",
		Args:  command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(opts)
			}
			return listRun(cmd.Context(), env, opts)
		},
	}
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, listResult{})
	return cmd
}

func listRun(ctx context.Context, env *command.Env, opts *listOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	items, err := session.All(func(cursor string) (hubapi.Page[hubapi.Runtime], error) {
		return client.Runtimes(ctx, cursor)
	})
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(listResult{Items: items})
	}
	if len(items) == 0 {
		_, _ = fmt.Fprintln(env.IO.Err, "No runtime is enrolled. Start one with `mesh runtime serve`.")
		return nil
	}
	table := env.IO.NewTable("runtime", "name", "state", "last seen", "in force")
	for _, r := range items {
		var inForce []string
		for _, b := range r.InForce {
			inForce = append(inForce, b.Bundle+":"+b.Version)
		}
		table.Row(r.ID, r.Name, state(r), lastSeen(r), strings.Join(inForce, ", "))
	}
	return table.Print()
}
