package policy

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/strictyaml"
)

// testOptions are the arguments of `policy test`.
type testOptions struct {
	baseFlags
	Paths             []string
	MinCoverage       float64 // percent
	MinClauseCoverage float64 // percent
	Mutate            bool
	MinMutation       float64 // percent
	JUnit             string  // file
	Watch             bool
	Verbose           bool
	JSON              bool
}

// testResult is what `policy test` prints.
type testResult struct {
	OK             bool                 `json:"ok"`
	Passed         int                  `json:"passed"`
	Failed         int                  `json:"failed"`
	Coverage       float64              `json:"coverage"`       // percent of rules that both fired and did not
	ClauseCoverage float64              `json:"clauseCoverage"` // percent of clauses that were both violated and met
	Cases          []cases.CaseResult   `json:"cases"`
	Rules          []cases.RuleCoverage `json:"rules"`
	Mutation       *mutationResult      `json:"mutation"` // null unless mutants were tried
	Findings       []mesh.Finding       `json:"findings"` // warnings

	runs    []policyRun
	elapsed time.Duration
}

// mutationResult is the part of [testResult] on mutants.
type mutationResult struct {
	Score float64 `json:"score"` // percent of mutants that the cases caught
	cases.Mutation
}

// policyRun is what came out for one of the paths.
type policyRun struct {
	report   *cases.Report
	mutation *cases.Mutation // nil unless mutants were tried
}

func newCmdTest(env *command.Env, runF func(*testOptions) error) *cobra.Command {
	opts := &testOptions{}
	cmd := &cobra.Command{
		Use:   "test PATH...",
		Short: "Run the cases of policies",
		Long: `Decide every case of a policy's *_test.yaml files and report what differs, and
what the cases exercise: a rule is covered if some case violates it and some case
does not; a clause, one of the things a rule requires, if some case that the rule
looks at violates it and some such case meets it. What is missing is named.

With --mutate the policy is changed in many small ways, one at a time: a rule left
out, a condition negated, a bound moved by one, a value taken from a list. Each
time some case should fail. Where none does, the change is reported with the case
that would notice it.

PATH is a directory with bundle.yaml and policy.yaml, a policy file, whose cases
stand beside it, or a file of cases. With --watch the cases run again whenever a
file changes, until Ctrl-C.

Exit code 3 says that the policy does not compile, 4 that cases fail, or cover or
notice less than --min-coverage, --min-clause-coverage or --min-mutation demand.`,
		Example: `    mesh policy test .
    mesh policy test . --min-coverage 100 --mutate --min-mutation 90
    mesh policy test . --mutate --junit report.xml
    mesh policy test policy.yaml --watch`,
		Args: command.Arguments(1, -1, "at least one directory or policy file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			opts.Mutate = opts.Mutate || cmd.Flags().Changed("min-mutation")
			if err := opts.check(); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return promptly(cmd.Context(), env, func(ctx context.Context, env *command.Env) error {
				if !opts.Watch {
					return testRun(ctx, env, opts)
				}
				tick := time.NewTicker(watchInterval)
				defer tick.Stop()
				return watchRun(ctx, env, opts, tick.C)
			})
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&opts.MinCoverage, "min-coverage", 0, "fail if fewer than this `percent` of the rules are covered")
	flags.Float64Var(&opts.MinClauseCoverage, "min-clause-coverage", 0, "fail if fewer than this `percent` of the rules' clauses are covered")
	flags.BoolVar(&opts.Mutate, "mutate", false, "try small changes of the policy, which the cases should notice")
	flags.Float64Var(&opts.MinMutation, "min-mutation", 0, "fail if the cases notice fewer than this `percent` of the changes; implies --mutate")
	flags.StringVar(&opts.JUnit, "junit", "", "write the results to this `file`, as JUnit XML")
	flags.BoolVar(&opts.Watch, "watch", false, "run again whenever a file changes")
	flags.BoolVarP(&opts.Verbose, "verbose", "v", false, "list the cases that pass and the changes that are noticed, too")
	addBase(cmd, &opts.baseFlags)
	command.AddJSON(cmd, &opts.JSON, testResult{})
	return cmd
}

// check refuses flags that make no sense, by themselves or together.
func (o *testOptions) check() error {
	for _, p := range []struct {
		flag  string
		value float64
	}{{"--min-coverage", o.MinCoverage}, {"--min-clause-coverage", o.MinClauseCoverage}, {"--min-mutation", o.MinMutation}} {
		if math.IsNaN(p.value) || p.value < 0 || p.value > 100 {
			return command.UsageErrorf("%s %v is no percentage", p.flag, p.value).WithHint("give a number from 0 to 100")
		}
	}
	switch {
	case o.Watch && o.JSON:
		return command.UsageErrorf("--watch prints for people, --json one result for programs").WithHint("leave one of them out")
	case o.Watch && o.JUnit != "":
		return command.UsageErrorf("--watch prints for people, --junit writes one result for programs").WithHint("leave one of them out")
	}
	return o.checkBases()
}

// testRun runs the cases once and reports them.
func testRun(ctx context.Context, env *command.Env, opts *testOptions) error {
	start := time.Now()
	result, err := runTests(ctx, env, opts)
	result.elapsed = time.Since(start)
	if opts.JUnit != "" && ctx.Err() == nil {
		if err := writeJUnit(opts, result, err); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	verdict := result.verdict(opts)
	result.OK = verdict == nil
	if err := printTest(env, opts, result); err != nil {
		return err
	}
	return verdict
}

// runTests runs the cases of every path. The result is there either way, and
// holds what was run before an error.
func runTests(ctx context.Context, env *command.Env, opts *testOptions) (*testResult, error) {
	result := &testResult{Cases: []cases.CaseResult{}, Rules: []cases.RuleCoverage{}, Findings: []mesh.Finding{}}
	controls, err := frameworks.Load()
	if err != nil {
		return result, err
	}
	find := newBaseFinder(env, opts.baseFlags).find(ctx)
	var sources []*checked
	for _, path := range opts.Paths {
		source, err := testPath(ctx, path, controls, find, result)
		if err != nil {
			return result, err
		}
		sources = append(sources, source)
	}
	all := cases.Report{Coverage: result.Rules}
	result.Coverage, result.ClauseCoverage = percentOf(all.Covered()), percentOf(all.CoveredClauses())
	if !opts.Mutate || result.Failed > 0 {
		return result, nil
	}
	return result, mutatePaths(ctx, env, opts.Paths, sources, result)
}

// testPath runs the cases of one policy into result.
func testPath(ctx context.Context, path string, controls policy.ControlIndex, find publish.BaseFunc, result *testResult) (*checked, error) {
	source, err := check(ctx, path, controls, find)
	if err != nil && (source == nil || source.report.Cases == nil || mesh.CodeOf(err) != mesh.CodeCasesFailed) {
		return nil, err
	}
	report := source.report
	result.Findings = inOrder(append(result.Findings, report.Findings...))
	if report.Cases == nil {
		return nil, mesh.Errorf(mesh.CodeNotFound, "%s has no cases", path).WithHint("write them into files that end with " + publish.CasesSuffix)
	}
	result.runs = append(result.runs, policyRun{report: report.Cases})
	result.Passed += report.Cases.Passed
	result.Failed += report.Cases.Failed
	result.Cases = append(result.Cases, report.Cases.Cases...)
	result.Rules = append(result.Rules, report.Cases.Coverage...)
	return source, nil
}

// mutatePaths tries the mutants of each policy into result.
func mutatePaths(ctx context.Context, env *command.Env, paths []string, sources []*checked, result *testResult) error {
	progress := env.IO.Progress()
	defer progress.Done()
	all := &mutationResult{Mutation: cases.Mutation{Mutants: []cases.MutantResult{}}}
	for i, source := range sources {
		m, err := source.mutate(ctx, func(done, total int) {
			if done%progressStep == 0 {
				progress.Step("%s: mutant %d of %d", paths[i], done, total)
			}
		})
		if err != nil {
			return err
		}
		result.runs[i].mutation = m
		all.Tried += m.Tried
		all.Caught += m.Caught
		all.Skipped += m.Skipped
		all.Truncated = all.Truncated || m.Truncated
		all.Mutants = append(all.Mutants, m.Mutants...)
	}
	all.Score = percentOf(all.Mutation.Score())
	result.Mutation = all
	return nil
}

// progressStep is the number of mutants from one line of progress to the next.
const progressStep = 50

// checked is what became of a path: the report of its cases, and what tries its
// mutants.
type checked struct {
	report *publish.Report
	mutate func(ctx context.Context, progress func(done, total int)) (*cases.Mutation, error)
}

// check goes through the publish gate with the sources of a bundle, or with a
// policy that is in none yet.
func check(ctx context.Context, path string, controls policy.ControlIndex, find publish.BaseFunc) (*checked, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	if !info.IsDir() {
		return checkLone(ctx, path, controls, find)
	}
	source, findings, err := publish.Load(ctx, path, publish.LoadOptions{Controls: controls, Base: find})
	if err != nil {
		return nil, beside(err, findings)
	}
	if source == nil {
		return nil, unrunnable(path, withoutRef(path, findings))
	}
	report, err := source.Check(ctx)
	if report != nil {
		report.Findings = append(findings, report.Findings...)
	}
	return &checked{report: report, mutate: source.Mutate}, err
}

// withoutRef says what to do about a missing bundle.yaml where there is no --ref.
func withoutRef(path string, findings []mesh.Finding) []mesh.Finding {
	for i, f := range findings {
		if f.Rule == strictyaml.RuleMissing && f.File == filepath.Join(path, publish.MetadataFile) && f.Line == 0 {
			findings[i].Hint = "write namespace, name and version into it, or test the policy by itself: mesh policy test " + filepath.Join(path, bundle.RulesTitle)
		}
	}
	return findings
}

// verdict says why the run fails; nil if it does not.
func (r *testResult) verdict(opts *testOptions) error {
	fails := func(hint, format string, args ...any) error {
		return &command.Shown{Err: mesh.Errorf(mesh.CodeCasesFailed, format, args...).WithHint(hint)}
	}
	switch {
	case r.Failed > 0 && opts.Mutate:
		return fails("the policy is changed once all of them pass", "%d of %s failed", r.Failed, plural(r.Passed+r.Failed, "case"))
	case r.Failed > 0:
		return fails("", "%d of %s failed", r.Failed, plural(r.Passed+r.Failed, "case"))
	case r.Coverage < opts.MinCoverage:
		return fails("add a case that violates, and one that satisfies, each rule listed as not covered",
			"the cases cover %s of the rules, %s are demanded", percent(r.Coverage), percent(opts.MinCoverage))
	case r.ClauseCoverage < opts.MinClauseCoverage:
		return fails("add the cases that are named above",
			"the cases cover %s of the clauses, %s are demanded", percent(r.ClauseCoverage), percent(opts.MinClauseCoverage))
	case r.Mutation != nil && r.Mutation.Score < opts.MinMutation:
		return fails("add the cases that are named above",
			"the cases notice %s of the changes, %s are demanded", percent(r.Mutation.Score), percent(opts.MinMutation))
	}
	return nil
}
