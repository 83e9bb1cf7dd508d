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
func checkLone(ctx context.Context, file string, controls policy.ControlIndex, find publish.BaseFunc) (*publish.Report, error) {
	policyFile, caseFiles := file, []string{file}
	if !strings.HasSuffix(file, casesSuffix) {
		var err error
		if caseFiles, err = filepath.Glob(filepath.Join(filepath.Dir(file), "*"+casesSuffix)); err != nil {
			return nil, fmt.Errorf("looking for cases: %w", err)
		}
	}
	report := &publish.Report{Findings: []mesh.Finding{}}
	var suites []*cases.Suite
	for _, name := range caseFiles {
		src, err := readSource(name)
		if err != nil {
			return nil, err
		}
		suite, findings := cases.Parse(name, src)
		report.Findings = append(report.Findings, findings...)
		if suite == nil {
			continue
		}
		about := filepath.Join(filepath.Dir(name), filepath.FromSlash(suite.Policy))
		if name == file {
			policyFile = about
		} else if about != filepath.Clean(policyFile) {
			continue
		}
		suites = append(suites, suite)
	}
	return report, runLone(ctx, policyFile, suites, controls, find, report)
}

// runLone compiles the policy and runs the suites into report.
func runLone(ctx context.Context, file string, suites []*cases.Suite, controls policy.ControlIndex, find publish.BaseFunc, report *publish.Report) error {
	src, err := readSource(file)
	if err != nil {
		return err
	}
	doc, findings := lintPolicy(file, src, controls, find)
	report.Findings = append(report.Findings, findings...)
	if mesh.HasErrors(report.Findings) {
		return mesh.Errorf(mesh.CodePolicyInvalid, "%s does not compile", file).WithFindings(inOrder(report.Findings))
	}
	if len(suites) == 0 {
		return mesh.Errorf(mesh.CodeNotFound, "there are no cases for %s", file).
			WithHint("put them beside it, into a file that ends with " + casesSuffix + " and says `policy: " + filepath.Base(file) + "`")
	}
	name := nameFromDir(strings.TrimSuffix(file, filepath.Ext(file)))
	program, err := engine.Compile([]engine.Policy{{ID: "local/" + name, Document: doc, Controls: engine.RuleIndex(doc, controls)}})
	if err != nil {
		return err
	}
	slices.SortFunc(suites, func(a, b *cases.Suite) int { return strings.Compare(a.File, b.File) })
	report.Cases = cases.Run(ctx, program, suites)
	return ctx.Err()
}
