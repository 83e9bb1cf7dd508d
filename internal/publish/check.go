package publish

import (
	"context"
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// RuleDefault is the rule of a finding that a parameter needs a default.
const RuleDefault = "param-default"

// Report is the outcome of the publish gate.
type Report struct {
	Findings []mesh.Finding `json:"findings"` // of lint; warnings too, never nil
	Cases    *cases.Report  `json:"cases"`    // nil if there are no cases, or they could not be run
}

// Check is the publish gate: it lints the policy and runs its cases. The error
// has [mesh.CodePolicyInvalid] or [mesh.CodeCasesFailed] and carries findings;
// the report is there either way. A policy without cases passes.
func (s *Source) Check(ctx context.Context) (*Report, error) {
	return gate(ctx, s.Document, s.config, s.suites, s.controls)
}

// Mutate tries every mutant of the policy with its cases: see [cases.Mutate]. The
// sources must have passed [Source.Check]. Without cases there is nothing to
// try, and the result is nil.
func (s *Source) Mutate(ctx context.Context, progress func(done, total int)) (*cases.Mutation, error) {
	if len(s.suites) == 0 {
		return nil, nil
	}
	program, err := compileFor(s.Document, s.config)
	if err != nil {
		return nil, err
	}
	return cases.Mutate(ctx, program, s.suites, progress)
}

// Check is [Source.Check] for a bundle that was read: lint, and the cases it
// carries.
func Check(ctx context.Context, b *bundle.Bundle, controls policy.ControlIndex) (*Report, error) {
	doc, err := checkedDocument(b)
	if err != nil {
		return &Report{Findings: []mesh.Finding{}}, err
	}
	var reader cases.Reader
	var suites []*cases.Suite
	var findings []mesh.Finding
	for _, f := range b.Tests() {
		suite, found := parseCases(ctx, &reader, f.Title, f.Title, f.Data)
		if err := ctx.Err(); err != nil {
			return &Report{Findings: []mesh.Finding{}}, fmt.Errorf("reading the cases of %s: %w", b.Config.Ref(), err)
		}
		findings = append(findings, found...)
		if suite != nil {
			suites = append(suites, suite)
		}
	}
	if mesh.HasErrors(findings) {
		findings = yamldoc.Bound(yamldoc.InOrder(findings))
		return &Report{Findings: findings}, mesh.Errorf(mesh.CodePolicyInvalid, "the cases of %s are malformed", b.Config.Ref()).WithFindings(findings)
	}
	return gate(ctx, doc, b.Config, suites, controls)
}

func gate(ctx context.Context, doc *policy.Document, config bundle.Config, suites []*cases.Suite, controls policy.ControlIndex) (*Report, error) {
	findings := engine.Lint(doc, controls)
	failed := mesh.HasErrors(findings)
	if failed {
		findings = append(findings, lintSuites(suites, doc)...)
	}
	report := &Report{Findings: yamldoc.Bound(yamldoc.InOrder(findings))}
	if failed {
		return report, mesh.Errorf(mesh.CodePolicyInvalid, "the policy of %s does not compile", config.Ref()).WithFindings(report.Findings)
	}
	if len(suites) == 0 {
		return report, nil
	}
	if open := withoutDefault(doc); len(open) > 0 {
		report.Findings = append(report.Findings, open...)
		return report, mesh.Errorf(mesh.CodePolicyInvalid, "the cases of %s cannot run: parameters have no value", config.Ref()).WithFindings(open)
	}
	program, err := compileFor(doc, config)
	if err != nil {
		return report, err
	}
	report.Cases = cases.Run(ctx, program, suites)
	if err := ctx.Err(); err != nil {
		return report, fmt.Errorf("running the cases of %s: %w", config.Ref(), err)
	}
	if !report.Cases.OK() {
		return report, mesh.Errorf(mesh.CodeCasesFailed, "%d of %d cases of %s fail", report.Cases.Failed, report.Cases.Failed+report.Cases.Passed, config.Ref()).
			WithHint("correct the policy or what the cases want; mesh policy test shows both").
			WithFindings(failures(report.Cases))
	}
	return report, nil
}

// compileFor makes the program that the cases of a bundle are decided with.
func compileFor(doc *policy.Document, config bundle.Config) (*engine.Program, error) {
	program, err := engine.Compile([]engine.Policy{{ID: config.Ref().String(), Document: doc, Controls: config.RuleIndex}})
	if err != nil {
		return nil, fmt.Errorf("compiling %s for its cases: %w", config.Ref(), err)
	}
	return program, nil
}

// withoutDefault reports the parameters that would have no value while cases
// run, which know of no subscriber.
func withoutDefault(doc *policy.Document) []mesh.Finding {
	var out []mesh.Finding
	for _, p := range doc.Params {
		if p.Default == nil {
			out = append(out, mesh.Finding{
				Position: p.Position, Level: mesh.LevelError, Rule: RuleDefault,
				Message: fmt.Sprintf("the parameter %s has no default, which cases need", p.Name),
				Hint:    "give it a strict default, such as an empty list, or publish the policy without cases",
			})
		}
	}
	return out
}

// failures turns what differs into findings at the cases' places.
func failures(r *cases.Report) []mesh.Finding {
	var out []mesh.Finding
	for _, c := range r.Cases {
		for _, failure := range c.Failures {
			out = append(out, mesh.Finding{
				Position: c.Position, Level: mesh.LevelError, Rule: "case", Message: fmt.Sprintf("case %q: %s", c.Name, failure),
			})
		}
	}
	return slices.Clip(out)
}
