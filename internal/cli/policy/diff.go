package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/compare"
	"github.com/ai-agent-mesh/mesh/engine/term"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// diffOptions are the arguments of `policy diff`.
type diffOptions struct {
	baseFlags
	paramFlags
	Older, Newer string
	All          bool
	ExitCode     bool
	JSON         bool
}

func newCmdDiff(env *command.Env, runF func(*diffOptions) error) *cobra.Command {
	opts := &diffOptions{}
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what another version of a policy changes",
		Long: `Compare two versions of a policy and say in words which actions become allowed
or denied, fail, or oblige to something else, and what changes of mode, default,
parameters, grades and controls. Each change comes with an example action, which
both versions have decided. Both are compared as in enforce mode and with the
same parameters: the policies' defaults, or those given with --param.

That there is no difference is said only where it is proved for every action;
what could be neither found nor excluded is listed. Of many changes the first 50
are listed, and how many others there are; --all lists them all, and so does --json.

OLD and NEW are files, directories of bundles, image layouts (DIR:TAG) or
releases in a hub (namespace/name:version). No signature is asked for. What
sources extend is looked for at the paths of --base, beside them in base/1, and at
the hub. The exit
code is 0 whether or not there are changes; with --exit-code it is 1 if there are
any, or if something could not be decided, as of any error. Exit code 3 says that
a policy does not compile.`,
		Example: `    mesh policy diff mesh/gdpr:3.0.0 mesh/gdpr:3.1.0
    mesh policy diff old.yaml policy.yaml --json`,
		Args: command.Arguments(2, 2, "two policies, the old one and the new one"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Older, opts.Newer = args[0], args[1]
			if err := opts.checkBases(); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return promptly(cmd.Context(), env, func(ctx context.Context, env *command.Env) error { return diffRun(ctx, env, opts) })
		},
	}
	cmd.Flags().BoolVar(&opts.All, "all", false, "list every change, however many there are")
	cmd.Flags().BoolVar(&opts.ExitCode, "exit-code", false, "exit with 1 unless it is proved that nothing changes")
	addParamFlags(cmd, &opts.paramFlags)
	addBase(cmd, &opts.baseFlags)
	command.AddJSON(cmd, &opts.JSON, compare.Report{})
	return cmd
}

func diffRun(ctx context.Context, env *command.Env, opts *diffOptions) error {
	values, err := opts.values()
	if err != nil {
		return err
	}
	find := newBaseFinder(env, opts.baseFlags).find(ctx)
	older, err := read(ctx, env, opts.Flags, opts.Older, find)
	if err != nil {
		return err
	}
	newer, err := read(ctx, env, opts.Flags, opts.Newer, find)
	if err != nil {
		return err
	}
	policies := []engine.Policy{older, newer}
	if err := bind([]string{opts.Older, opts.Newer}, policies, values); err != nil {
		return err
	}
	report, err := compared(ctx, env, policies[0], policies[1])
	if err != nil {
		return err
	}
	if opts.JSON {
		err = env.WriteJSON(report)
	} else {
		printDiff(env.IO, report, opts.All)
	}
	switch {
	case err != nil || !opts.ExitCode || report.Identical:
		return err
	case report.Differ == compare.Unknown:
		return &command.Quiet{Err: mesh.Errorf(mesh.CodeConflict, "it is not known whether the versions differ")}
	}
	return &command.Quiet{Err: mesh.Errorf(mesh.CodeConflict, "the versions are not the same")}
}

// compared compares two versions, and shows how far that is.
func compared(ctx context.Context, env *command.Env, older, newer engine.Policy) (*compare.Report, error) {
	progress := env.IO.Progress()
	defer progress.Done()
	return compare.Policies(ctx, older, newer, func(done, total int) {
		if done%progressStep == 0 {
			progress.Step("rule %d of %d", done, total)
		}
	})
}

// changeStyles are the colors of changes.
var changeStyles = map[compare.Kind]iostreams.Style{
	compare.Denied: iostreams.Red, compare.Failing: iostreams.Red, compare.Allowed: iostreams.Green, compare.Mode: iostreams.Yellow, compare.Default: iostreams.Yellow,
}

// shownChanges bounds the changes, and what is not known, that people are told
// without --all.
const shownChanges = 50

func printDiff(streams *iostreams.Streams, r *compare.Report, all bool) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(streams.Out, format+"\n", args...) }
	changes, gaps := r.Changes, r.Questions()
	questions := len(gaps)
	if !all {
		changes, gaps = changes[:min(len(changes), shownChanges)], gaps[:min(len(gaps), shownChanges)]
	}
	for _, c := range changes {
		words := c.Words
		if style := changeStyles[c.Kind]; style != "" {
			words = streams.Paint(style, words)
		}
		line("%s", words)
		if c.Example == nil {
			continue
		}
		if text, err := json.Marshal(c.Example); err == nil {
			line("    %s %s", streams.Paint(iostreams.Faint, "for example"), term.Visible(string(text)))
		}
	}
	if rest := r.Changes[len(changes):]; len(rest) > 0 {
		line("and %s: %s (--all lists them)", plural(len(rest), "more change"), kindsOf(rest))
	}
	if slices.ContainsFunc(changes, func(c compare.Change) bool { return c.OtherRules }) {
		line("each is said of actions that no other rule refuses")
	}
	for _, g := range gaps {
		line("%s %s: %s", streams.Paint(iostreams.Yellow, "not known:"), g.What, g.Why)
	}
	if rest := questions - len(gaps); rest > 0 {
		line("and %s that could not be answered (--all lists them)", plural(rest, "more question"))
	}
	switch {
	case r.Identical:
		line("no difference: it is proved that both decide every action alike")
	case r.Differ == compare.Unknown:
		line("%s no difference was found, and none is excluded", streams.Paint(iostreams.Yellow, "it is not known whether they differ:"))
	case len(r.Incomplete) > 0:
		line("there may be %s", streams.Paint(iostreams.Yellow, "more differences: see what is not known"))
	}
}

// kindsOf says how many changes there are of each kind, most of all denials.
func kindsOf(changes []compare.Change) string {
	count := map[compare.Kind]int{}
	for _, c := range changes {
		count[c.Kind]++
	}
	var parts []string
	for _, k := range []struct {
		kind  compare.Kind
		words string
	}{
		{compare.Denied, "denied now"}, {compare.Allowed, "allowed now"}, {compare.Failing, "failing now"}, {compare.Obligation, "with other obligations"},
	} {
		if n := count[k.kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k.words))
			delete(count, k.kind)
		}
	}
	others := 0
	for _, n := range count {
		others += n
	}
	if others > 0 {
		parts = append(parts, fmt.Sprintf("%d of rules and what they say", others))
	}
	return strings.Join(parts, ", ")
}
