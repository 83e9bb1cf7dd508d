package decisions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

const (
	// wait is how long one request waits for decisions.
	wait = 25 * time.Second
	// retryInterval is the pause after the hub did not answer.
	retryInterval = 2 * time.Second
	// fromNow is the cursor behind everything the hub has.
	fromNow = "now"
)

// tailOptions are the arguments of `decisions tail`.
type tailOptions struct {
	session.Flags
	filter
	Last int
	JSON bool
}

func newCmdTail(env *command.Env, runF func(*tailOptions) error) *cobra.Command {
	opts := &tailOptions{}
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Watch decisions as they arrive at the hub",
		Long: `Print decisions as runtimes report them, until Ctrl-C. With --json each is one
line.`,
		Example: "    mesh decisions tail --outcome denied -n 20",
		Args:    command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.check(); err != nil {
				return err
			}
			if opts.Last < 0 || opts.Last > hubapi.MaxPageSize {
				return command.UsageErrorf("--last %d is not from 0 to %d", opts.Last, hubapi.MaxPageSize)
			}
			if runF != nil {
				return runF(opts)
			}
			return tailRun(cmd.Context(), env, opts)
		},
	}
	addFilter(cmd, &opts.filter)
	cmd.Flags().IntVarP(&opts.Last, "last", "n", 0, "begin with the last `number` of those that are there already")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.Decision{})
	return cmd
}

// tailRun ends without an error when it is interrupted: that is how it ends.
func tailRun(ctx context.Context, env *command.Env, opts *tailOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	q := opts.query()
	// The place to go on from is taken before the last decisions are listed, so
	// that none falls between; what arrives meanwhile may be printed twice and
	// is dropped by its place in the journal.
	q.After = fromNow
	page, err := client.Decisions(ctx, q)
	if err != nil {
		return err
	}
	after := page.Next
	seen := map[place]bool{}
	if opts.Last > 0 {
		last := opts.query()
		last.Limit = opts.Last
		old, err := client.Decisions(ctx, last)
		if err != nil {
			return err
		}
		slices.Reverse(old.Items)
		if err := printAll(env, opts, old.Items, seen); err != nil {
			return err
		}
	}
	return follow(ctx, env, client, opts, after, seen)
}

// place is where a record stands; it occurs once.
type place struct {
	runtime mesh.RuntimeID
	journal mesh.JournalID
	seq     uint64
}

// follow prints what comes in behind a cursor until ctx ends. A hub that goes
// away is waited for.
func follow(ctx context.Context, env *command.Env, client *hubapi.Client, opts *tailOptions, after string, seen map[place]bool) error {
	q := opts.query()
	q.Wait = wait
	away := false
	for ctx.Err() == nil {
		q.After = after
		page, err := client.Decisions(ctx, q)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, &mesh.Error{Code: mesh.CodeUnavailable}):
			if !away {
				_, _ = fmt.Fprintln(env.IO.Err, "The hub does not answer; waiting for it.")
			}
			away = true
			select {
			case <-time.After(retryInterval):
			case <-ctx.Done():
			}
			continue
		case err != nil:
			return err
		}
		if away {
			_, _ = fmt.Fprintln(env.IO.Err, "The hub answers again.")
		}
		away = false
		if err := printAll(env, opts, page.Items, seen); err != nil {
			return err
		}
		if len(page.Items) > 0 {
			clear(seen)
		}
		if page.Next != "" {
			after = page.Next
		}
	}
	return nil
}

// printAll prints the decisions that were not seen, and adds them to seen.
func printAll(env *command.Env, opts *tailOptions, items []hubapi.Decision, seen map[place]bool) error {
	for i := range items {
		d := &items[i]
		at := place{d.RuntimeID, d.JournalID, d.Seq}
		if seen[at] {
			continue
		}
		seen[at] = true
		if opts.JSON {
			if err := env.WriteJSONLine(d); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(env.IO.Out, line(env.IO, d)); err != nil {
			return err
		}
	}
	return nil
}
