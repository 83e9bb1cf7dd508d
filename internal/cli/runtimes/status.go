package runtimes

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// statusOptions are the arguments of `runtime status`.
type statusOptions struct {
	session.Flags
	Runtime string
	JSON    bool
}

func newCmdStatus(env *command.Env, runF func(*statusOptions) error) *cobra.Command {
	opts := &statusOptions{}
	cmd := &cobra.Command{
		Use:   "status RUNTIME",
		Short: "Show what a runtime enforces",
		Long: `Show a runtime, named by its id or name: what it is subscribed to and what that
means now, which bundles are in force, which were refused and why, and how much
of its journal the hub has.`,
		Args: command.Arguments(1, 1, "a runtime's id or name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Runtime = args[0]
			if runF != nil {
				return runF(opts)
			}
			return statusRun(cmd.Context(), env, opts)
		},
	}
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.Runtime{})
	return cmd
}

func statusRun(ctx context.Context, env *command.Env, opts *statusOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	r, err := client.Runtime(ctx, opts.Runtime)
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(r)
	}
	printStatus(env, r)
	return nil
}

func printStatus(env *command.Env, r hubapi.Runtime) {
	out, io := env.IO.Out, env.IO
	state := presence(r)
	_, _ = fmt.Fprintf(out, "%s %s (%s)\n", io.Paint(iostreams.Bold, r.Name), io.Paint(state.Style, state.Text), r.ID)
	if seen := lastSeen(r); seen != "" {
		_, _ = fmt.Fprintf(out, "  last seen %s, version %s\n", seen, r.Version)
	}
	if r.Mode != "" {
		_, _ = fmt.Fprintf(out, "  %s: no policy is stricter than %s\n", io.Paint(iostreams.Yellow, "weakened by its own --mode"), r.Mode)
	}
	if r.Unrecorded {
		_, _ = fmt.Fprintf(out, "  %s: it runs with --journal=off-unsafe, and there is no evidence of them\n", io.Paint(iostreams.Red, "its decisions are NOT recorded"))
	}
	heading := func(title string, n int) bool {
		if n > 0 {
			_, _ = fmt.Fprintf(out, "\n%s\n", io.Paint(iostreams.Bold, title))
		}
		return n > 0
	}
	if heading("Subscriptions", len(r.Subscriptions)) {
		for _, s := range r.Subscriptions {
			meaning := s.Version
			if s.Digest == "" {
				meaning = io.Paint(iostreams.Yellow, s.Reason)
			}
			_, _ = fmt.Fprintf(out, "  %-28s %-6s %s\n", s.Subscription, s.Source, meaning)
		}
	}
	if heading("In force", len(r.InForce)) {
		for _, b := range r.InForce {
			mode := string(b.Mode)
			if b.Weakened {
				mode += " (weakened)"
			}
			_, _ = fmt.Fprintf(out, "  %-28s %s since %s\n    %s\n", b.Bundle+":"+b.Version, mode, command.Time(b.Since), io.Paint(iostreams.Faint, string(b.Digest)))
		}
	}
	if heading("Refused", len(r.Refusals)) {
		for _, f := range r.Refusals {
			_, _ = fmt.Fprintf(out, "  %s %s: %s\n", f.Bundle, f.Version, io.Paint(iostreams.Red, f.Reason))
		}
	}
	if heading("Evidence", len(r.Journals)) {
		for _, j := range r.Journals {
			_, _ = fmt.Fprintf(out, "  journal %s: %d of %d records at the hub\n", j.JournalID, j.AckedThrough, j.LastSeq)
			for _, g := range j.Gaps {
				_, _ = fmt.Fprintf(out, "    %s %s to %s: %d denied and %d allowed decisions were not recorded: %s\n",
					io.Paint(iostreams.Red, "gap"), command.Time(g.From), command.Time(g.To), g.Denied, g.Allowed, g.Reason)
			}
		}
	}
}
