// Package decisions is the commands `mesh decisions …`: the decisions that
// runtimes reported to a hub.
package decisions

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// NewCmdDecisions returns `decisions` with its verbs.
func NewCmdDecisions(env *command.Env) *cobra.Command {
	return command.Group("decisions", "See what runtimes decided",
		newCmdQuery(env, nil),
		newCmdTail(env, nil),
	)
}

// filter chooses among decisions.
type filter struct {
	RequestID string
	Runtime   string
	Agent     string
	Outcome   string
}

// addFilter adds the flags of a filter.
func addFilter(cmd *cobra.Command, f *filter) {
	flags := cmd.Flags()
	flags.StringVar(&f.RequestID, "request", "", "only decisions about the action with this request `id`")
	flags.StringVar(&f.Runtime, "runtime", "", "only decisions of this runtime, by its `id`")
	flags.StringVar(&f.Agent, "agent", "", "only decisions about this agent, by its `id`")
	flags.StringVar(&f.Outcome, "outcome", "", "only allowed or only denied ones")
}

// check refuses an outcome that does not exist.
func (f filter) check() error {
	switch f.Outcome {
	case "", mesh.OutcomeAllowed, mesh.OutcomeDenied:
		return nil
	}
	return command.UsageErrorf("--outcome %q is none", f.Outcome).WithHint("use allowed or denied")
}

func (f filter) query() hubapi.DecisionQuery {
	return hubapi.DecisionQuery{RequestID: f.RequestID, RuntimeID: mesh.RuntimeID(f.Runtime), AgentID: mesh.AgentID(f.Agent), Outcome: f.Outcome}
}

// addRow appends a decision to a table of [columns].
func addRow(table *iostreams.Table, d *hubapi.Decision) {
	var rules []string
	for _, v := range d.Violations {
		rules = append(rules, v.PolicyID+" "+v.RuleID)
	}
	for _, e := range d.Errors {
		rules = append(rules, e.PolicyID+" "+e.RuleID+" (error)")
	}
	table.Row(command.Time(d.Timestamp), outcome(d), d.AgentID, d.Action, d.RuntimeID, d.RequestID, strings.Join(rules, ", "))
}

// columns are the headings of decisions.
func columns() []string {
	return []string{"time", "outcome", "agent", "action", "runtime", "request", "violated"}
}

// outcome paints what was decided.
func outcome(d *hubapi.Decision) iostreams.Styled {
	switch {
	case d.Outcome == mesh.OutcomeDenied:
		return iostreams.Styled{Text: d.Outcome, Style: iostreams.Red}
	case d.Evaluated && !d.WouldAllow:
		return iostreams.Styled{Text: d.Outcome + " (" + string(d.Mode) + ")", Style: iostreams.Yellow}
	}
	return iostreams.Styled{Text: d.Outcome, Style: iostreams.Green}
}

// line writes a decision as one line for people who watch.
func line(io *iostreams.Streams, d *hubapi.Decision) string {
	o := outcome(d)
	text := fmt.Sprintf("%s %s %s by %s", io.Paint(iostreams.Faint, command.Time(d.Timestamp)), io.Paint(o.Style, o.Text), iostreams.OneLine(d.Action), iostreams.OneLine(string(d.AgentID)))
	for _, v := range d.Violations {
		text += fmt.Sprintf("\n    %s %s %s", v.PolicyID, v.RuleID, io.Paint(iostreams.Cyan, controls(v.Controls)))
	}
	return text
}

func controls(ids []mesh.ControlID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}
