package policy

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

// checkLone runs the cases of a policy file that is in no bundle yet: those of
// the *_test.yaml files beside it that name it. file may also be one of those.
func checkLone(ctx context.Context, file string, controls policy.ControlIndex, find publish.BaseFunc) (*checked, error) {
	l := &lone{policy: file, report: &publish.Report{Findings: []mesh.Finding{}}}
	caseFiles := []string{file}
	if !strings.HasSuffix(file, publish.CasesSuffix) {
		var err error
		if caseFiles, err = filepath.Glob(filepath.Join(filepath.Dir(file), "*"+publish.CasesSuffix)); err != nil {
			return nil, fmt.Errorf("looking for cases: %w", err)
		}
	}
	for _, name := range caseFiles {
		if err := l.read(ctx, name, name == file); err != nil {
			return nil, err
		}
	}
	out := &checked{report: l.report, mutate: l.mutate}
	return out, l.run(ctx, controls, find)
}

// lone is a policy that is in no bundle, and its cases.
type lone struct {
	policy  string // the file
	suites  []*cases.Suite
	program *engine.Program
	report  *publish.Report
}

// read reads a file of cases. Given by itself, it says which policy they are of;
// else it counts if it names that policy.
func (l *lone) read(ctx context.Context, name string, itself bool) error {
	src, err := readSource(name)
	if err != nil {
		return err
	}
	suite, findings := cases.Salvage(ctx, name, src)
	if err := ctx.Err(); err != nil {
		return err
	}
	if suite == nil {
		l.report.Findings = append(l.report.Findings, findings...)
		if itself {
			return unrunnable(name, l.report.Findings)
		}
		return nil
	}
	about := filepath.Join(filepath.Dir(name), filepath.FromSlash(suite.Policy))
	if itself || suite.Policy == "" || about == filepath.Clean(l.policy) {
		l.report.Findings = append(l.report.Findings, findings...) // else they are another policy's
	}
	if itself && suite.Policy == "" {
		if about = bundledPolicy(name); about == "" {
			return mesh.Errorf(mesh.CodePolicyInvalid, "%s does not say which policy its cases are for", name).WithHint("write `policy: policy.yaml` into it").WithFindings(findings)
		}
	}
	if itself {
		l.policy = about
	}
	if about == filepath.Clean(l.policy) {
		l.suites = append(l.suites, suite)
	}
	return nil
}

// run compiles the policy and runs the suites into the report.
func (l *lone) run(ctx context.Context, controls policy.ControlIndex, find publish.BaseFunc) error {
	src, err := readSource(l.policy)
	if err != nil && mesh.HasErrors(l.report.Findings) {
		return unrunnable(l.policy, l.report.Findings)
	}
	if err != nil {
		return err
	}
	doc, findings, err := lintPolicy(l.policy, src, controls, find)
	l.report.Findings = append(l.report.Findings, findings...)
	if err != nil {
		return beside(err, inOrder(l.report.Findings))
	}
	if mesh.HasErrors(l.report.Findings) {
		for _, s := range l.suites {
			if doc != nil {
				l.report.Findings = append(l.report.Findings, s.Lint(doc)...)
			}
		}
		return unrunnable(l.policy, l.report.Findings)
	}
	if len(l.suites) == 0 {
		return mesh.Errorf(mesh.CodeNotFound, "there are no cases for %s", l.policy).
			WithHint("put them beside it, into a file that ends with " + publish.CasesSuffix + " and says `policy: " + filepath.Base(l.policy) + "`")
	}
	name := nameFromDir(strings.TrimSuffix(l.policy, filepath.Ext(l.policy)))
	l.program, err = engine.Compile([]engine.Policy{{ID: "local/" + name, Document: doc, Controls: engine.RuleIndex(doc, controls)}})
	if err != nil {
		return err
	}
	slices.SortFunc(l.suites, func(a, b *cases.Suite) int { return strings.Compare(a.File, b.File) })
	l.report.Cases = cases.Run(ctx, l.program, l.suites)
	return ctx.Err()
}

// mutate tries the mutants of the policy that run has compiled.
func (l *lone) mutate(ctx context.Context, progress func(done, total int)) (*cases.Mutation, error) {
	return cases.Mutate(ctx, l.program, l.suites, progress)
}

// unrunnable says that cases cannot be run, and whose fault that is.
func unrunnable(path string, findings []mesh.Finding) error {
	message := "the cases of %s are malformed"
	for _, f := range findings {
		switch {
		case f.Level != mesh.LevelError, strings.HasSuffix(f.File, publish.CasesSuffix):
		case filepath.Base(f.File) == publish.MetadataFile:
			message = "%s is no bundle yet"
		default:
			return mesh.Errorf(mesh.CodePolicyInvalid, "%s does not compile", path).WithFindings(inOrder(findings))
		}
	}
	return mesh.Errorf(mesh.CodePolicyInvalid, message, path).WithFindings(inOrder(findings))
}
