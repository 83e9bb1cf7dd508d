package policy

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

// testOptions are the arguments of `policy test`.
type testOptions struct {
	baseFlags
	Paths       []string
	MinCoverage float64 // percent
	Verbose     bool
	JSON        bool
}

// testResult is what `policy test` prints.
type testResult struct {
	OK       bool                 `json:"ok"`
	Passed   int                  `json:"passed"`
	Failed   int                  `json:"failed"`
	Coverage float64              `json:"coverage"` // percent of rules that both fired and did not
	Cases    []cases.CaseResult   `json:"cases"`
	Rules    []cases.RuleCoverage `json:"rules"`
	Findings []mesh.Finding       `json:"findings"` // warnings
}

func newCmdTest(env *command.Env, runF func(*testOptions) error) *cobra.Command {
	opts := &testOptions{}
	cmd := &cobra.Command{
		Use:   "test PATH...",
		Short: "Run the cases of policies",
		Long: `Decide every case of a policy's *_test.yaml files and report what differs, and
which rules the cases exercise: a rule is covered if some case violates it and
some case does not.

PATH is a directory with bundle.yaml and policy.yaml, a policy file, whose cases
stand beside it, or a file of cases.
Exit code 3 says that the policy does not compile, 4 that cases fail or cover
less than --min-coverage.`,
		Example: "    mesh policy test .\n    mesh policy test . --min-coverage 100",
		Args:    command.Arguments(1, -1, "at least one directory or policy file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			if opts.MinCoverage < 0 || opts.MinCoverage > 100 {
				return command.UsageErrorf("--min-coverage %v is no percentage", opts.MinCoverage).WithHint("give a number from 0 to 100")
			}
			if runF != nil {
				return runF(opts)
			}
			return testRun(cmd.Context(), env, opts)
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&opts.MinCoverage, "min-coverage", 0, "fail if fewer than this `percent` of the rules are covered")
	flags.BoolVarP(&opts.Verbose, "verbose", "v", false, "list the cases that pass too")
	addBase(cmd, &opts.baseFlags)
	command.AddJSON(cmd, &opts.JSON, testResult{})
	return cmd
}

func testRun(ctx context.Context, env *command.Env, opts *testOptions) error {
	result := testResult{Cases: []cases.CaseResult{}, Rules: []cases.RuleCoverage{}, Findings: []mesh.Finding{}}
	controls, err := frameworks.Load()
	if err != nil {
		return err
	}
	find := newBaseFinder(env, opts.baseFlags).find(ctx)
	for _, path := range opts.Paths {
		if err := testPath(ctx, path, controls, find, &result); err != nil {
			return err
		}
	}
	result.Coverage = coverage(result.Rules)
	enough := result.Coverage >= opts.MinCoverage
	result.OK = result.Failed == 0 && enough
	if err := printTest(env, opts, result); err != nil {
		return err
	}
	switch {
	case result.Failed > 0:
		return &command.Shown{Err: mesh.Errorf(mesh.CodeCasesFailed, "%d of %s failed", result.Failed, plural(result.Passed+result.Failed, "case"))}
	case !enough:
		return &command.Shown{Err: mesh.Errorf(mesh.CodeCasesFailed, "the cases cover %.0f %% of the rules, %.0f %% are demanded", result.Coverage, opts.MinCoverage).
			WithHint("add a case that violates, and one that satisfies, each rule listed as not covered")}
	}
	return nil
}

// testPath runs the cases of one policy into result.
func testPath(ctx context.Context, path string, controls policy.ControlIndex, find publish.BaseFunc, result *testResult) error {
	report, err := check(ctx, path, controls, find)
	if err != nil && (report == nil || report.Cases == nil || mesh.CodeOf(err) != mesh.CodeCasesFailed) {
		return err
	}
	result.Findings = inOrder(append(result.Findings, report.Findings...))
	if report.Cases == nil {
		return mesh.Errorf(mesh.CodeNotFound, "%s has no cases", path).WithHint("write them into files that end with " + casesSuffix)
	}
	result.Passed += report.Cases.Passed
	result.Failed += report.Cases.Failed
	result.Cases = append(result.Cases, report.Cases.Cases...)
	result.Rules = append(result.Rules, report.Cases.Coverage...)
	return nil
}

// check goes through the publish gate with the sources of a bundle, or with a
// policy that is in none yet.
func check(ctx context.Context, path string, controls policy.ControlIndex, find publish.BaseFunc) (*publish.Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	if !info.IsDir() {
		return checkLone(ctx, path, controls, find)
	}
	source, findings, err := publish.Load(path, publish.LoadOptions{Controls: controls, Base: find})
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "%s does not compile", path).WithFindings(findings)
	}
	report, err := source.Check(ctx)
	if report != nil {
		report.Findings = append(findings, report.Findings...)
	}
	return report, err
}

// coverage returns the percentage of rules that are covered; 100 for none.
func coverage(rules []cases.RuleCoverage) float64 {
	if len(rules) == 0 {
		return 100
	}
	covered := 0
	for _, r := range rules {
		if r.Covered() {
			covered++
		}
	}
	return 100 * float64(covered) / float64(len(rules))
}

func printTest(env *command.Env, opts *testOptions, r testResult) error {
	if opts.JSON {
		return env.WriteJSON(r)
	}
	for _, f := range r.Findings {
		command.WriteFinding(env.IO, f)
	}
	out := env.IO.Out
	for _, c := range r.Cases {
		switch {
		case !c.Passed:
			_, _ = fmt.Fprintf(out, "%s %s: %s\n", env.IO.Paint(iostreams.Red, "FAIL"), c.Position, c.Name)
			for _, failure := range c.Failures {
				_, _ = fmt.Fprintf(out, "     %s\n", failure)
			}
		case opts.Verbose:
			_, _ = fmt.Fprintf(out, "%s %s: %s\n", env.IO.Paint(iostreams.Green, "pass"), c.Position, c.Name)
		}
	}
	for _, rule := range r.Rules {
		if !rule.Covered() {
			_, _ = fmt.Fprintf(out, "%s %s %s: %s\n", env.IO.Paint(iostreams.Yellow, "not covered:"), rule.PolicyID, rule.RuleID, uncovered(rule))
		}
	}
	summary := env.IO.Paint(iostreams.Green, "ok")
	if !r.OK {
		summary = env.IO.Paint(iostreams.Red, "failed")
	}
	_, err := fmt.Fprintf(out, "%s: %d passed, %d failed, %s, %.0f %% covered\n", summary, r.Passed, r.Failed, plural(len(r.Rules), "rule"), r.Coverage)
	return err
}

// uncovered says which kind of case is missing.
func uncovered(r cases.RuleCoverage) string {
	switch {
	case r.Fired == 0 && r.NotFired == 0:
		return "no case reaches it"
	case r.Fired == 0:
		return "no case violates it"
	}
	return "every case violates it"
}
