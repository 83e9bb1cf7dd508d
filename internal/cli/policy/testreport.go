package policy

import (
	"fmt"
	"math"
	"strconv"

	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// printTest tells the result to a person, or to a program with --json.
func printTest(env *command.Env, opts *testOptions, r *testResult) error {
	if opts.JSON {
		return env.WriteJSON(r)
	}
	for _, f := range r.Findings {
		command.WriteFinding(env.IO, f)
	}
	printCases(env.IO, opts, r.Cases)
	for i := range r.Rules {
		printUncovered(env.IO, &r.Rules[i])
	}
	if r.Mutation != nil {
		printMutants(env.IO, opts, r.Mutation.Mutants)
	}
	return printSummary(env.IO, r)
}

func printCases(io *iostreams.Streams, opts *testOptions, list []cases.CaseResult) {
	for _, c := range list {
		switch {
		case !c.Passed:
			_, _ = fmt.Fprintf(io.Out, "%s %s: %s\n", io.Paint(iostreams.Red, "FAIL"), c.Position, c.Name)
			for _, failure := range c.Failures {
				_, _ = fmt.Fprintf(io.Out, "     %s\n", failure)
			}
		case opts.Verbose:
			_, _ = fmt.Fprintf(io.Out, "%s %s: %s\n", io.Paint(iostreams.Green, "pass"), c.Position, c.Name)
		}
	}
}

// printUncovered lists what the cases do not exercise. Of a rule that no case
// reaches, there is nothing to say of its clauses.
func printUncovered(io *iostreams.Streams, r *cases.RuleCoverage) {
	mark := io.Paint(iostreams.Yellow, "not covered:")
	if !r.Covered() {
		_, _ = fmt.Fprintf(io.Out, "%s %s %s: %s\n", mark, r.PolicyID, r.RuleID, uncovered(r))
	}
	if r.Looked == 0 || len(r.Clauses) == 1 && !r.Covered() {
		return
	}
	for _, c := range r.Clauses {
		if c.Covered() {
			continue
		}
		what := "is never met"
		if c.Violated == 0 {
			what = "is never violated"
		}
		_, _ = fmt.Fprintf(io.Out, "%s %s %s: `%s` %s: %s\n", mark, r.PolicyID, r.RuleID, c.Clause, what, c.Hint)
	}
}

// uncovered says which kind of case is missing.
func uncovered(r *cases.RuleCoverage) string {
	switch {
	case r.Fired == 0 && r.Looked == 0:
		return "no case reaches it: " + r.Hint
	case r.Fired == 0:
		return "no case violates it: " + r.Hint
	}
	return "every case violates it: " + r.Hint
}

func printMutants(io *iostreams.Streams, opts *testOptions, list []cases.MutantResult) {
	for _, m := range list {
		switch {
		case !m.Caught:
			_, _ = fmt.Fprintf(io.Out, "%s %s %s: %s is not noticed: %s\n", io.Paint(iostreams.Yellow, "survived:"), m.Position, m.RuleID, m.Change, m.Hint)
		case opts.Verbose:
			_, _ = fmt.Fprintf(io.Out, "%s %s %s: %s (by %q)\n", io.Paint(iostreams.Green, "caught:"), m.Position, m.RuleID, m.Change, m.CaughtBy)
		}
	}
}

func printSummary(io *iostreams.Streams, r *testResult) error {
	summary := io.Paint(iostreams.Green, "ok")
	if !r.OK {
		summary = io.Paint(iostreams.Red, "failed")
	}
	clauses := 0
	for _, rule := range r.Rules {
		for _, c := range rule.Clauses {
			if !c.Constant {
				clauses++
			}
		}
	}
	line := fmt.Sprintf("%s: %d passed, %d failed, %s, %s covered", summary, r.Passed, r.Failed, plural(len(r.Rules), "rule"), percent(r.Coverage))
	if clauses > 0 {
		line += fmt.Sprintf(", %s, %s covered", plural(clauses, "clause"), percent(r.ClauseCoverage))
	}
	if m := r.Mutation; m != nil {
		line += fmt.Sprintf(", %s, %s noticed", plural(m.Tried, "change"), percent(m.Score))
		if m.Truncated {
			line += fmt.Sprintf(" (of more than %d: the others were not tried)", m.Tried)
		}
	}
	_, err := fmt.Fprintln(io.Out, line)
	return err
}

// percentOf makes a percentage of a share. It is rounded to a millionth, so that
// a threshold of 57 % is met by 57 of 100.
func percentOf(share float64) float64 {
	const millionths = 1e6
	return math.Round(share*100*millionths) / millionths
}

// percent prints a percentage, rounded down: 100 % is all.
func percent(p float64) string {
	const tenths = 10
	return strconv.FormatFloat(math.Floor(p*tenths)/tenths, 'f', -1, 64) + " %"
}
