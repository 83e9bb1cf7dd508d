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
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// The names that tell what a source file is.
const (
	bundleFile  = "bundle.yaml"
	casesSuffix = "_test.yaml"
)

// lintOptions are the arguments of `policy lint`.
type lintOptions struct {
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

Exit code 3 says that something is an error. Warnings do not fail.`,
		Example: "    mesh policy lint policy.yaml\n    mesh policy lint bundles/",
		Args:    command.Arguments(1, -1, "at least one file or directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Paths = args
			if runF != nil {
				return runF(opts)
			}
			return lintRun(cmd.Context(), env, opts)
		},
	}
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
	result := lintResult{Files: len(files), Findings: []mesh.Finding{}}
	progress := env.IO.Progress()
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		progress.Step("checking %s", file)
		findings, err := lintFile(file, controls)
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
			if d.IsDir() && name != path && strings.HasPrefix(d.Name(), ".") {
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
func lintFile(file string, controls policy.ControlIndex) ([]mesh.Finding, error) {
	if filepath.Base(file) == bundleFile {
		_, findings, err := publish.Load(filepath.Dir(file), publish.LoadOptions{Controls: controls})
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
	doc, findings := policy.Parse(file, src)
	if doc != nil {
		findings = append(findings, engine.Lint(doc, controls)...)
	}
	return findings, nil
}

// readSource reads a file that has the size of a policy.
func readSource(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fileError(file, err)
	}
	if info.Size() > bundle.MaxRulesSize {
		return nil, mesh.Errorf(mesh.CodeTooLarge, "%s has %d bytes; a policy may have %d", file, info.Size(), bundle.MaxRulesSize)
	}
	src, err := os.ReadFile(file)
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
