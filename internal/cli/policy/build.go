package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// buildOptions are the arguments of `policy build`.
type buildOptions struct {
	baseFlags
	Path   string
	Output string
	Ref    string
	JSON   bool
}

// buildResult is what `policy build` prints.
type buildResult struct {
	Ref      string         `json:"ref"`     // namespace/name
	Version  string         `json:"version"` // also the layout's tag
	Digest   mesh.Digest    `json:"digest"`
	Output   string         `json:"output"` // the OCI image layout
	Passed   int            `json:"passed"` // cases
	Warnings []mesh.Finding `json:"warnings"`
}

func newCmdBuild(env *command.Env, runF func(*buildOptions) error) *cobra.Command {
	opts := &buildOptions{}
	cmd := &cobra.Command{
		Use:   "build PATH -o DIR",
		Short: "Pack a policy bundle into an OCI image layout",
		Long: `Check a policy, run its cases and pack it into an OCI image layout that any OCI
client can copy to a registry. The same sources always give the same digest.

PATH is a directory with bundle.yaml and policy.yaml, or a lone policy file
together with --ref. DIR may hold a layout already: the bundle is added to it
under its version. A bundle carries the bases that its policy extends.`,
		Example: `    mesh policy build . -o dist
    oras cp --from-oci-layout dist:1.0.0 registry.example.com/acme/guardrails:1.0.0`,
		Args: command.Arguments(1, 1, "a directory or policy file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			if opts.Output == "" {
				return command.UsageErrorf("where to? -o DIR is missing").WithHint("for example -o dist")
			}
			if err := checkRef(opts.Ref); err != nil {
				return err
			}
			if err := opts.checkBases(); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return buildRun(cmd.Context(), env, opts)
		},
	}
	cmd.Flags().StringVarP(&opts.Output, "output", "o", "", "`directory` of the OCI image layout")
	addRef(cmd, &opts.Ref)
	addBase(cmd, &opts.baseFlags)
	command.AddJSON(cmd, &opts.JSON, buildResult{})
	return cmd
}

func buildRun(ctx context.Context, env *command.Env, opts *buildOptions) error {
	if info, err := os.Stat(opts.Output); err == nil && !info.IsDir() {
		return mesh.Errorf(mesh.CodeConflict, "%s is a file, not a directory", opts.Output)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError(opts.Output, err)
	}
	p, err := pack(ctx, env, opts.Path, opts.Ref, opts.baseFlags)
	if err != nil {
		return err
	}
	if err := p.artifact.WriteLayout(opts.Output, p.source.Version.String()); err != nil {
		return err
	}
	result := buildResult{
		Ref: p.source.Ref.String(), Version: p.source.Version.String(), Digest: p.artifact.Digest(),
		Output: opts.Output, Passed: p.passed, Warnings: p.warnings,
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	_, err = fmt.Fprintf(env.IO.Out, "%s:%s\n%s\nin %s, tagged %s\n", result.Ref, result.Version, result.Digest, result.Output, result.Version)
	return err
}

// packed is a bundle that went through the publish gate.
type packed struct {
	source   *publish.Source
	artifact *bundle.Artifact
	passed   int            // cases
	warnings []mesh.Finding // never nil
}

// pack reads, checks, tests and packs sources; warnings go to standard error.
func pack(ctx context.Context, env *command.Env, path, ref string, bases baseFlags) (*packed, error) {
	progress := env.IO.Progress()
	defer progress.Done()
	progress.Step("checking %s", path)
	source, findings, err := load(ctx, path, ref, newBaseFinder(env, bases).find(ctx))
	if err != nil {
		return nil, err
	}
	report, err := source.Check(ctx)
	if err != nil {
		return nil, err
	}
	p := &packed{source: source, warnings: inOrder(append(append([]mesh.Finding{}, findings...), report.Findings...))}
	if report.Cases != nil {
		p.passed = report.Cases.Passed
	}
	progress.Step("packing %s", source.Ref)
	if p.artifact, err = source.Build(); err != nil {
		return nil, err
	}
	progress.Done()
	for _, f := range p.warnings {
		command.WriteFinding(env.IO, f)
	}
	return p, nil
}
