package catalog

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

// searchOptions are the arguments of `catalog search`.
type searchOptions struct {
	session.Flags
	Query     string
	Framework string
	Control   string
	Vendor    string
	Status    string
	Limit     int
	JSON      bool
}

func newCmdSearch(env *command.Env, runF func(*searchOptions) error) *cobra.Command {
	opts := &searchOptions{}
	cmd := &cobra.Command{
		Use:   "search [QUERY...]",
		Short: "Search the bundles of a hub",
		Long: `List the bundles that match all words of the query, best first; without a query
every bundle. Only verified bundles are listed, and deprecated ones, unless
--status asks for others.`,
		Example: `    mesh catalog search consent
    mesh catalog search --framework hipaa --control "164.312(e)(1)"
    mesh catalog search --status any --vendor acme`,
		Args: command.Arguments(0, -1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Query = strings.Join(args, " ")
			if err := checkLimit(opts.Limit); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return searchRun(cmd.Context(), env, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Framework, "framework", "", "only bundles for this `framework`, such as gdpr")
	flags.StringVar(&opts.Control, "control", "", "only bundles that serve this `control`, such as gdpr:Art.17")
	flags.StringVar(&opts.Vendor, "vendor", "", "only bundles of this `vendor`")
	flags.StringVar(&opts.Status, "status", "", "only this `status`: verified, unsigned, refused, invalid, yanked, deprecated or any (default: verified and deprecated)")
	flags.IntVarP(&opts.Limit, "limit", "n", hubapi.DefaultPageSize, "list at most this `number`")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.SearchResult{})
	return cmd
}

func checkLimit(n int) error {
	if n < 1 {
		return command.UsageErrorf("--limit %d is not positive", n)
	}
	return nil
}

func searchRun(ctx context.Context, env *command.Env, opts *searchOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	q := hubapi.SearchQuery{
		Text: opts.Query, Framework: mesh.FrameworkID(opts.Framework), Control: opts.Control, Vendor: opts.Vendor, Status: opts.Status,
		Limit: min(opts.Limit, hubapi.MaxPageSize),
	}
	result, err := client.Search(ctx, q)
	if err != nil {
		return err
	}
	for result.Next != "" && len(result.Items) < opts.Limit {
		q.Cursor, q.Limit = result.Next, min(opts.Limit-len(result.Items), hubapi.MaxPageSize)
		page, err := client.Search(ctx, q)
		if err != nil {
			return err
		}
		result.Items, result.Next = append(result.Items, page.Items...), page.Next
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	return printSearch(env, opts, result)
}

func printSearch(env *command.Env, opts *searchOptions, r hubapi.SearchResult) error {
	if r.Corrected != "" {
		_, _ = fmt.Fprintf(env.IO.Err, "Showing results for %q.\n", r.Corrected)
	}
	if len(r.Items) == 0 {
		_, _ = fmt.Fprintln(env.IO.Err, "No bundle matches.")
		if opts.Status == "" {
			_, _ = fmt.Fprintln(env.IO.Err, "Only verified bundles were looked at; --status any looks at all.")
		}
		return nil
	}
	table := env.IO.NewTable("bundle", "version", "status", "frameworks", "summary")
	for _, b := range r.Items {
		summary := b.Summary
		if summary == "" {
			summary = b.Title
		}
		if b.Reason != "" {
			summary = b.Reason
		}
		table.Row(string(b.Namespace)+"/"+b.Name, b.Version, status(b.Status), joined(b.Frameworks), summary)
	}
	if err := table.Print(); err != nil {
		return err
	}
	if r.Total > len(r.Items) && env.IO.OutIsTerminal() {
		_, _ = fmt.Fprintf(env.IO.Err, "%d of %d; --limit shows more.\n", len(r.Items), r.Total)
	}
	return nil
}
