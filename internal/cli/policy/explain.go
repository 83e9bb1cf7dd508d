package policy

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/explain"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/decide"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// explainOptions are the arguments of `policy explain`.
type explainOptions struct {
	baseFlags
	paramFlags
	Policies []string
	File     string // "-": standard input
	Rules    []string
	JSON     bool
}

func newCmdExplain(env *command.Env, runF func(*explainOptions) error) *cobra.Command {
	opts := &explainOptions{}
	cmd := &cobra.Command{
		Use:   "explain POLICY... -f FILE",
		Short: "Say why an action is decided as it is",
		Long: `Decide an action, as JSON, by one or several policies and say how: for each rule
whether it looks at the action and what of its condition says that it does not,
each part of what it demands with what the action's fields say, and why
personalData() and its like answer as they do. Of an action that is denied it
also says which single change would allow it; each of them was tried.

POLICY is a file, the directory of a bundle, an image layout (DIR:TAG) or a
release in a hub (namespace/name:version). What sources extend is looked for at
the paths of --base, beside them in base/1, and at the hub. Nothing is recorded,
and no signature is asked for. What is explained is no failure: the exit code is 0
for a denial, too.`,
		Example: `    mesh policy explain policy.yaml -f action.json
    echo '{"action": {"type": "egress"}}' | mesh policy explain . -f - --rule phi-egress`,
		Args: command.Arguments(1, -1, "at least one policy"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Policies = args
			if opts.File == "" {
				return command.UsageErrorf("which action? -f FILE is missing").WithHint("-f - reads standard input; `mesh policy schema --action` says what an action can hold")
			}
			if err := opts.checkBases(); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return promptly(cmd.Context(), env, func(ctx context.Context, env *command.Env) error { return explainRun(ctx, env, opts) })
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.File, "file", "f", "", "`file` with the action as JSON; - is standard input")
	flags.StringArrayVar(&opts.Rules, "rule", nil, "`id` of the rule to explain; may be repeated (default: all)")
	addParamFlags(cmd, &opts.paramFlags)
	addBase(cmd, &opts.baseFlags)
	command.AddJSON(cmd, &opts.JSON, explain.Trace{})
	return cmd
}

func explainRun(ctx context.Context, env *command.Env, opts *explainOptions) error {
	program, err := programOf(ctx, env, opts)
	if err != nil {
		return err
	}
	data, err := decide.ReadAction(ctx, env, opts.File)
	if err != nil {
		return err
	}
	action, err := decode.Action(data)
	if err != nil {
		return decide.Placed(err, opts.File)
	}
	if err := action.CheckRecordable(); err != nil {
		return err // no runtime decides it
	}
	trace := explain.Explain(ctx, program, action)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := only(trace, opts.Rules); err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(trace)
	}
	printTrace(env.IO, trace)
	return nil
}

// programOf compiles the policies of the command line.
func programOf(ctx context.Context, env *command.Env, opts *explainOptions) (*engine.Program, error) {
	values, err := opts.values()
	if err != nil {
		return nil, err
	}
	find := newBaseFinder(env, opts.baseFlags).find(ctx)
	var policies []engine.Policy
	for _, arg := range opts.Policies {
		p, err := read(ctx, env, opts.Flags, arg, find)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	if err := bind(opts.Policies, policies, values); err != nil {
		return nil, err
	}
	for i, p := range policies {
		if _, err := p.Document.BindParams(p.Params); err != nil {
			return nil, mesh.Errorf(mesh.CodeInvalid, "%s: %w", opts.Policies[i], err).WithHint(hintParam)
		}
	}
	tellApart(policies, opts.Policies)
	return engine.Compile(policies)
}

// tellApart says behind names that several policies share where each is from: a
// decision knows its policies by name.
func tellApart(policies []engine.Policy, sources []string) {
	bearers := map[string]int{}
	for _, p := range policies {
		bearers[p.ID]++
	}
	for i := range policies {
		if p := &policies[i]; bearers[p.ID] > 1 {
			p.ID += " (" + sources[i] + ")"
		}
	}
}

// only leaves the rules that were asked for.
func only(t *explain.Trace, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	found := map[string]bool{}
	for i := range t.Policies {
		p := &t.Policies[i]
		p.Rules = slices.DeleteFunc(p.Rules, func(r explain.Rule) bool {
			found[r.RuleID] = true
			return !slices.Contains(ids, r.RuleID)
		})
	}
	for _, id := range ids {
		if !found[id] {
			return mesh.Errorf(mesh.CodeNotFound, "no policy has the rule %s", id).WithHint("without --rule all of them are explained")
		}
	}
	return nil
}

// printTrace tells a trace to people.
func printTrace(streams *iostreams.Streams, t *explain.Trace) {
	p := tracePrinter{streams, streams.Out}
	p.line("%s", p.verdict(t))
	for i := range t.Policies {
		p.policy(&t.Policies[i])
	}
	for _, o := range t.Obligations {
		p.line("obligation: %s", obligationText(o))
	}
	if t.GivenUp {
		p.line("\nnot all parts of the rules were evaluated, which takes too many steps; those that are left are shown as an error")
	}
	p.remedy(&t.Remedy, t.Allowed)
	if t.Remedy.GivenUp {
		p.line("\nthe search for %s was given up before all was tried: it takes too many steps", sought(t.Allowed))
	}
}

// sought is what the remedy of a trace is.
func sought(allowed bool) string {
	if allowed {
		return "what would violate nothing"
	}
	return "what would allow it"
}

type tracePrinter struct {
	*iostreams.Streams
	out io.Writer
}

func (p tracePrinter) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

func (p tracePrinter) verdict(t *explain.Trace) string {
	switch {
	case !t.Allowed:
		return p.Paint(iostreams.Red, "DENIED")
	case !t.WouldAllow:
		return p.Paint(iostreams.Yellow, "ALLOWED") + " although rules are violated, in a mode that only watches"
	}
	return p.Paint(iostreams.Green, "ALLOWED")
}

func (p tracePrinter) policy(t *explain.Policy) {
	reason := t.Reason
	if reason == "" {
		reason = "no rule looks at the action"
	}
	p.line("\n%s, in %s mode: %s", p.Paint(iostreams.Bold, t.PolicyID), t.Mode, reason)
	for i := range t.Rules {
		p.rule(&t.Rules[i])
	}
}

func (p tracePrinter) rule(r *explain.Rule) {
	name := p.Paint(iostreams.Bold, r.RuleID)
	switch r.Outcome {
	case explain.Ignored:
		p.line("  %s does not look at it%s", name, p.Paint(iostreams.Faint, ignoredBecause(r)))
		return
	case explain.Satisfied:
		p.line("  %s is %s", name, p.Paint(iostreams.Green, "satisfied"))
	case explain.Violated:
		p.line("  %s is %s (%s): %s", name, p.Paint(iostreams.Red, "violated"), r.Severity, r.Message)
	case explain.Failed:
		p.line("  %s %s: %s", name, p.Paint(iostreams.Red, "could not be evaluated"), r.Error)
	}
	said := map[string]bool{}
	for _, c := range r.When {
		p.clause("when", c.Truth, apart(said, c, clauseText(c)))
	}
	for _, c := range r.Require {
		p.clause("require", c.Truth, apart(said, c, demandText(c)))
	}
	for _, o := range r.Obligations {
		p.line("      %-7s  %s", "obliges", obligationText(o))
	}
	if r.Outcome == explain.Violated && r.Recommendation != "" {
		p.line("      %-7s  %s", "do", r.Recommendation)
	}
}

// ignoredBecause says which part of a condition is not met.
func ignoredBecause(r *explain.Rule) string {
	if r.RuleID == policy.RuleDefault {
		return ": another rule does"
	}
	for _, c := range r.When {
		if c.Truth == "false" {
			return ": " + clauseText(c)
		}
	}
	return ""
}

func (p tracePrinter) clause(part, truth, text string) {
	style := map[string]iostreams.Style{"true": iostreams.Green, "false": iostreams.Red}[truth]
	if style == "" {
		style = iostreams.Yellow
	}
	p.line("      %-7s  %s  %s", part, p.Paint(style, fmt.Sprintf("%-5s", truth)), text)
}

// clauseText says what the fields of a clause hold and, where it is not met, what
// it wants.
func clauseText(c explain.Clause) string {
	return foundText(c, c.Truth != "true")
}

// demandText is clauseText for a part of a demand, which says what it wants even
// where it is met, unless anybody sees that.
func demandText(c explain.Clause) string {
	plain := slices.Contains([]string{"stated", `not ""`, "not null"}, c.Wanted) ||
		len(c.Fields) == 1 && c.Wanted == explain.ValueText(c.Fields[0].Value)
	return foundText(c, c.Truth != "true" || !plain)
}

// apart is the text of a clause, with what it wants where it would read as another
// part of the rule does.
func apart(said map[string]bool, c explain.Clause, text string) string {
	if said[text] {
		text = foundText(c, true)
	}
	said[text] = true
	return text
}

func foundText(c explain.Clause, wanted bool) string {
	parts := explain.Found(c.Fields)
	for _, q := range c.Predicates {
		answer := map[string]string{"true": "holds", "false": "does not hold"}[q.Answer]
		if answer == "" {
			answer = "has no value"
		}
		parts = append(parts, q.Name+" "+answer+" because "+strings.Join(q.Because, " and "))
	}
	if len(parts) == 0 {
		return c.Clause.Clause
	}
	text := strings.Join(parts, ", ")
	if wanted && c.Wanted != "" && (len(c.Predicates) == 0 || len(c.Fields) > 0) {
		text += "; wanted: " + shortened(c.Wanted)
	}
	return text
}

// shortened cuts what is too long for a line; --json has all of it.
func shortened(text string) string {
	const enough = 150
	if short := []rune(text); len(short) > enough {
		return string(short[:enough]) + "…"
	}
	return text
}

func obligationText(o mesh.Obligation) string {
	if len(o.Properties) == 0 {
		return o.Type
	}
	return o.Type + " " + explain.ValueText(o.Properties)
}

// remedy says what would allow the action or, if it is allowed by its mode alone,
// what would let it violate nothing.
func (p tracePrinter) remedy(r *explain.Remedy, allowed bool) {
	alone, then, that := "any of these alone would allow it:", "it is allowed", "that would allow it"
	if allowed {
		alone, then, that = "with any of these alone it would violate nothing:", "nothing is violated", "with which it would violate nothing"
	}
	switch {
	case len(r.Changes) > 0:
		if p.line(""); r.Changes[0].Avoids {
			p.line("no single change was found that meets the rules in the way; with any of these alone one of them does not look at it, and %s:", then)
		} else {
			p.line("%s", alone)
		}
		for _, c := range r.Changes {
			p.line("  %s", c)
		}
	case r.Best != nil:
		p.line("\nno single change was found %s; %s leaves %d of %s in the way", that, r.Best, r.Remaining, plural(len(r.Rules), "rule"))
	case len(r.Rules) > 0:
		p.line("\nno single change was found %s; %s in the way", that, are(len(r.Rules), "rule"))
	}
}

// are returns "1 rule is" or "2 rules are".
func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return plural(n, noun) + " are"
}
