package decisions

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// queryOptions are the arguments of `decisions query`.
type queryOptions struct {
	session.Flags
	filter
	Limit  int
	Cursor string
	JSON   bool
}

// queryResult is what `decisions query` prints.
type queryResult struct {
	Items []hubapi.Decision `json:"items"`
	Next  string            `json:"next,omitzero"` // what --cursor continues with
}

func newCmdQuery(env *command.Env, runF func(*queryOptions) error) *cobra.Command {
	opts := &queryOptions{}
	cmd := &cobra.Command{
		Use:     "query",
		Short:   "List decisions, the last to arrive first",
		Example: "    mesh decisions query --outcome denied\n    mesh decisions query --request req_abc --json",
		Args:    command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.check(); err != nil {
				return err
			}
			if opts.Limit < 1 {
				return command.UsageErrorf("--limit %d is not positive", opts.Limit)
			}
			if runF != nil {
				return runF(opts)
			}
			return queryRun(cmd.Context(), env, opts)
		},
	}
	addFilter(cmd, &opts.filter)
	cmd.Flags().IntVarP(&opts.Limit, "limit", "n", hubapi.DefaultPageSize, "list at most this `number`")
	cmd.Flags().StringVar(&opts.Cursor, "cursor", "", "continue a list: the `next` of a former --json result")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, queryResult{})
	return cmd
}

func queryRun(ctx context.Context, env *command.Env, opts *queryOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	q := opts.query()
	result := queryResult{Items: []hubapi.Decision{}, Next: opts.Cursor}
	for {
		q.Cursor, q.Limit = result.Next, min(opts.Limit-len(result.Items), hubapi.MaxPageSize)
		page, err := client.Decisions(ctx, q)
		if err != nil {
			return err
		}
		result.Items, result.Next = append(result.Items, page.Items...), page.Next
		if page.Next == "" || len(result.Items) >= opts.Limit {
			break
		}
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	if len(result.Items) == 0 {
		_, _ = fmt.Fprintln(env.IO.Err, "No decision matches.")
		return nil
	}
	table := env.IO.NewTable(columns()...)
	for i := range result.Items {
		addRow(table, &result.Items[i])
	}
	return table.Print()
}
