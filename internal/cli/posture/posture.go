// Package posture is the commands `mesh posture …`: what runtimes reported,
// counted per control of a framework.
package posture

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// NewCmdPosture returns `posture` with its verbs.
func NewCmdPosture(env *command.Env) *cobra.Command {
	return command.Group("posture", "See the evidence per control", newCmdShow(env, nil))
}

// showOptions are the arguments of `posture show`.
type showOptions struct {
	session.Flags
	Framework mesh.FrameworkID // empty: every framework with decisions
	All       bool
	JSON      bool
}

// showResult is what `posture show` prints.
type showResult struct {
	Items []hubapi.Posture `json:"items"`
}

func newCmdShow(env *command.Env, runF func(*showOptions) error) *cobra.Command {
	opts := &showOptions{}
	var framework string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Count decisions and violations per control",
		Long: `Show, per control of a framework, how many decisions its rules took part in, how
many were allowed and denied, and how many violations there were. These are
counts of what runtimes reported, not a statement that a duty is fulfilled.

Controls no decision touched are left out unless --all asks for them; --json has
them always. Without --framework every framework is shown that has decisions.`,
		Example: "    mesh posture show --framework gdpr",
		Args:    command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Framework = mesh.FrameworkID(framework)
			if runF != nil {
				return runF(opts)
			}
			return showRun(cmd.Context(), env, opts)
		},
	}
	cmd.Flags().StringVar(&framework, "framework", "", "only this `framework`, such as gdpr")
	cmd.Flags().BoolVar(&opts.All, "all", false, "list controls without decisions too")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, showResult{})
	return cmd
}

func showRun(ctx context.Context, env *command.Env, opts *showOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	result := showResult{Items: []hubapi.Posture{}}
	if opts.Framework != "" {
		p, err := client.Posture(ctx, opts.Framework)
		if err != nil {
			return err
		}
		result.Items = append(result.Items, p)
	} else if result.Items, err = touched(ctx, client); err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	if len(result.Items) == 0 {
		_, _ = fmt.Fprintln(env.IO.Err, "No runtime has reported a decision yet.")
	}
	return printPostures(env, opts, result.Items)
}

// touched returns the posture of every framework that decisions touched.
func touched(ctx context.Context, client *hubapi.Client) ([]hubapi.Posture, error) {
	page, err := client.Frameworks(ctx)
	if err != nil {
		return nil, err
	}
	postures := []hubapi.Posture{}
	for _, f := range page.Items {
		p, err := client.Posture(ctx, f.ID)
		if errors.Is(err, &mesh.Error{Code: mesh.CodeNotFound}) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.Decisions > 0 {
			postures = append(postures, p)
		}
	}
	return postures, nil
}

func printPostures(env *command.Env, opts *showOptions, postures []hubapi.Posture) error {
	for i, p := range postures {
		if env.IO.OutIsTerminal() {
			if i > 0 {
				_, _ = fmt.Fprintln(env.IO.Out)
			}
			_, _ = fmt.Fprintf(env.IO.Out, "%s: %d decisions\n", env.IO.Paint(iostreams.Bold, string(p.Framework)), p.Decisions)
		}
		table := env.IO.NewTable("control", "decisions", "allowed", "denied", "violations", "last", "title")
		for _, c := range p.Controls {
			if c.Decisions == 0 && c.Violations == 0 && !opts.All {
				continue
			}
			last := ""
			if c.LastAt != nil {
				last = command.Time(*c.LastAt)
			}
			table.Row(c.ID, c.Decisions, c.Allowed, painted(c.Denied, iostreams.Red), painted(c.Violations, iostreams.Yellow), last, c.Title)
		}
		if err := table.Print(); err != nil {
			return err
		}
	}
	return nil
}

// painted sets a count apart unless it is zero.
func painted(n int64, style iostreams.Style) iostreams.Styled {
	if n == 0 {
		style = ""
	}
	return iostreams.Styled{Text: fmt.Sprint(n), Style: style}
}
