// Package framework is the commands `mesh framework …`: the compliance
// frameworks of a hub's catalog and their controls.
package framework

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// NewCmdFramework returns `framework` with its verbs.
func NewCmdFramework(env *command.Env) *cobra.Command {
	return command.Group("framework", "Look up compliance frameworks and their controls",
		newCmdList(env, nil),
		newCmdShow(env, nil),
	)
}

// listOptions are the arguments of `framework list`.
type listOptions struct {
	session.Flags
	JSON bool
}

// listResult is what `framework list` prints.
type listResult struct {
	Items []hubapi.Framework `json:"items"`
}

func newCmdList(env *command.Env, runF func(*listOptions) error) *cobra.Command {
	opts := &listOptions{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the frameworks",
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
	page, err := client.Frameworks(ctx)
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(listResult{Items: page.Items})
	}
	table := env.IO.NewTable("framework", "controls", "version", "title")
	for _, f := range page.Items {
		table.Row(f.ID, f.Controls, f.Version, f.Title)
	}
	return table.Print()
}

// showOptions are the arguments of `framework show`.
type showOptions struct {
	session.Flags
	Framework string
	JSON      bool
}

// showResult is what `framework show` prints.
type showResult struct {
	hubapi.Framework
	Items []hubapi.Control `json:"items"`
}

func newCmdShow(env *command.Env, runF func(*showOptions) error) *cobra.Command {
	opts := &showOptions{}
	cmd := &cobra.Command{
		Use:   "show FRAMEWORK",
		Short: "List the controls of a framework",
		Long: `List the controls of a framework with their place in it and how each can be met:
by the runtime at the moment of an action, by evidence, or by an attestation.`,
		Example: "    mesh framework show gdpr",
		Args:    command.Arguments(1, 1, "a framework"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Framework = args[0]
			if runF != nil {
				return runF(opts)
			}
			return showRun(cmd.Context(), env, opts)
		},
	}
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, showResult{})
	return cmd
}

func showRun(ctx context.Context, env *command.Env, opts *showOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	var result showResult
	if result.Framework, err = client.Framework(ctx, opts.Framework); err != nil {
		return err
	}
	result.Items, err = session.All(func(cursor string) (hubapi.Page[hubapi.Control], error) {
		return client.Controls(ctx, result.ID, cursor)
	})
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	if env.IO.OutIsTerminal() {
		_, _ = fmt.Fprintf(env.IO.Out, "%s  %s %s\n\n", env.IO.Paint(iostreams.Bold, string(result.ID)), result.Title, result.Version)
	}
	table := env.IO.NewTable("control", "met by", "binds", "title")
	for _, c := range result.Items {
		title := c.Title
		if title == "" {
			title = c.Topic
		}
		table.Row(c.ID, c.Enforcement, c.Addressee, title)
	}
	return table.Print()
}
