package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

// The names that tell what a source file is.
const (
	bundleFile  = "bundle.yaml"
	casesSuffix = "_test.yaml"
)

// lintOptions are the arguments of `policy lint`.
type lintOptions struct {
	baseFlags
	Paths []string
	JSON  bool
}

// lintResult is what `policy lint` prints.
type lintResult struct {
	OK       bool           `json:"ok"`
	Files    int            `json:"files"` // that were checked
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Findings []mesh.Finding `json:"findings"`
}

func newCmdLint(env *command.Env, runF func(*lintOptions) error) *cobra.Command {
	opts := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "lint PATH...",
		Short: "Report everything that is wrong with policies",
		Long: `Check policies, cases and bundle.yaml files, and report everything that is
wrong at once, with file, line and column: YAML and its schema, CEL with its
types, controls the framework does not have, and what is valid but probably not
meant (a warning), such as rules that nothing can violate or that contradict each
other. A directory stands for every .yaml and .yml file below it.

A policy that extends another is checked together with it. The base is looked
for at the paths of --base, beside the policy in base/1, and at the hub.

Exit code 3 says that something is an error. Warnings do not fail.`,
		Example: "    mesh policy lint policy.yaml\n    mesh policy lint bundles/",
		Args:    command.Arguments(1, -1, "at least one file or directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			if err := opts.checkBases(); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return lintRun(cmd.Context(), env, opts)
		},
	}
	addBase(cmd, &opts.baseFlags)
	command.AddJSON(cmd, &opts.JSON, lintResult{})
	return cmd
}

func lintRun(ctx context.Context, env *command.Env, opts *lintOptions) error {
	controls, err := frameworks.Load()
	if err != nil {
		return err
	}
	files, err := sourceFiles(opts.Paths)
	if err != nil {
		return err
	}
	find := newBaseFinder(env, opts.baseFlags).find(ctx)
	result := lintResult{Files: len(files), Findings: []mesh.Finding{}}
	progress := env.IO.Progress()
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		progress.Step("checking %s", file)
		findings, err := lintFile(file, controls, find)
		if err != nil {
			progress.Done()
			return err
		}
		result.Findings = append(result.Findings, findings...)
	}
	progress.Done()
	result.Findings = inOrder(result.Findings)
	for _, f := range result.Findings {
		if f.Level == mesh.LevelError {
			result.Errors++
		} else {
			result.Warnings++
		}
	}
	result.OK = result.Errors == 0
	return printLint(env, opts, result)
}

func printLint(env *command.Env, opts *lintOptions, r lintResult) error {
	if opts.JSON {
		if err := env.WriteJSON(r); err != nil {
			return err
		}
	} else {
		for _, f := range r.Findings {
			command.WriteFinding(env.IO, f)
		}
	}
	if !r.OK {
		return &command.Shown{Err: mesh.Errorf(mesh.CodePolicyInvalid, "%s in %s", plural(r.Errors, "error"), plural(r.Files, "file"))}
	}
	if opts.JSON {
		return nil
	}
	summary := env.IO.Paint(iostreams.Green, "ok") + ": " + plural(r.Files, "file")
	if r.Warnings > 0 {
		summary += ", " + plural(r.Warnings, "warning")
	}
	_, err := fmt.Fprintln(env.IO.Out, summary)
	return err
}

// sourceFiles lists the files that the paths stand for, each once.
func sourceFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fileError(path, err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && name != path && (strings.HasPrefix(d.Name(), ".") || publish.IsKeptBase(name)) {
				return filepath.SkipDir
			}
			if ext := filepath.Ext(name); !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking for policies: %w", err)
		}
		if len(files) == before {
			return nil, mesh.Errorf(mesh.CodeNotFound, "%s holds no .yaml file", path).WithHint("start a policy with `mesh policy init " + path + "`")
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// fileError says what a person can do about a file that cannot be read.
func fileError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return mesh.Errorf(mesh.CodeNotFound, "%s does not exist", path)
	}
	return mesh.Errorf(mesh.CodeInvalid, "reading %s: %w", path, err)
}

// lintFile checks one source file, by what its name says it is.
func lintFile(file string, controls policy.ControlIndex, find publish.BaseFunc) ([]mesh.Finding, error) {
	if filepath.Base(file) == bundleFile {
		_, findings, err := publish.Load(filepath.Dir(file), publish.LoadOptions{Controls: controls, Base: find})
		return findings, err
	}
	src, err := readSource(file)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(file, casesSuffix) {
		_, findings := cases.Parse(file, src)
		return findings, nil
	}
	_, findings, err := lintPolicy(file, src, controls, find)
	return findings, err
}

// lintPolicy parses a policy, merges it with what it extends, and checks what
// it means.
func lintPolicy(file string, src []byte, controls policy.ControlIndex, find publish.BaseFunc) (*policy.Document, []mesh.Finding, error) {
	whole, findings, err := parseWhole(file, src, find)
	switch {
	case err != nil:
		return nil, nil, err
	case whole == nil:
		return nil, append(findings, lintRest(file, src, controls)...), nil
	}
	return whole, append(findings, engine.Lint(whole, controls)...), nil
}

// parseWhole parses a policy and merges it with what it extends, which may lie
// beside it. The document is nil if any finding is an error.
func parseWhole(file string, src []byte, find publish.BaseFunc) (*policy.Document, []mesh.Finding, error) {
	doc, findings := policy.Parse(file, src)
	if doc == nil {
		return nil, findings, nil
	}
	whole, _, found, err := publish.Resolve(doc, publish.BesideSources(filepath.Dir(file), find))
	return whole, append(findings, found...), err
}

// lintRest reports the errors in what can be read of a policy whose shape is at
// fault. Warnings wait: they may come of what is missing.
func lintRest(file string, src []byte, controls policy.ControlIndex) []mesh.Finding {
	rest, findings := policy.Salvage(file, src)
	if rest == nil || rest.Extends != nil {
		return nil
	}
	findings = append(findings, engine.Lint(rest, controls)...)
	return slices.DeleteFunc(findings, func(f mesh.Finding) bool { return f.Level != mesh.LevelError })
}

// readSource reads a source file. Of one that is larger than a policy may be
// it returns enough for the parser to say so.
func readSource(file string) ([]byte, error) {
	src, err := publish.ReadSource(file)
	if err != nil {
		return nil, fileError(file, err)
	}
	return src, nil
}

// inOrder sorts findings by place and leaves each once: a file is reached both
// by itself and through its bundle.yaml.
func inOrder(findings []mesh.Finding) []mesh.Finding {
	slices.SortStableFunc(findings, func(a, b mesh.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(findings)
}

// plural returns "1 error" or "2 errors".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
