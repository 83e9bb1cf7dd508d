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
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
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
			return promptly(cmd.Context(), env, func(ctx context.Context, env *command.Env) error { return lintRun(ctx, env, opts) })
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
	files, passed, err := sourceFiles(opts.Paths)
	if err != nil {
		return err
	}
	l := linter{controls: controls, find: newBaseFinder(env, opts.baseFlags).find(ctx), policies: map[string]*policy.Document{}}
	result := lintResult{Files: len(files), Findings: append([]mesh.Finding{}, passed...)}
	progress := env.IO.Progress()
	var failed error // why a file could not be checked
	for _, file := range files {
		progress.Step("checking %s", file)
		findings, err := l.file(ctx, file)
		if err := ctx.Err(); err != nil {
			return err
		}
		failed = cmp.Or(failed, err)
		result.Findings = append(result.Findings, findings...)
	}
	progress.Done()
	result.Findings = yamldoc.InOrder(result.Findings)
	for _, f := range result.Findings {
		if f.Level == mesh.LevelError {
			result.Errors++
		} else {
			result.Warnings++
		}
	}
	result.Findings = yamldoc.Bound(result.Findings)
	result.OK = result.Errors == 0 && failed == nil
	if err := printLint(env, opts, result, failed); err != nil {
		return err
	}
	return failed
}

// printLint tells the result, unless there is none beside an error.
func printLint(env *command.Env, opts *lintOptions, r lintResult, failed error) error {
	if failed != nil && len(r.Findings) == 0 {
		return nil
	}
	if opts.JSON {
		if err := env.WriteJSON(r); err != nil {
			return err
		}
	} else {
		for _, f := range r.Findings {
			command.WriteFinding(env.IO, f)
		}
	}
	if failed != nil {
		return nil
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

// sourceFiles lists the files that the paths stand for, each once. The findings
// are about what lies in a directory and cannot be read.
func sourceFiles(paths []string) ([]string, []mesh.Finding, error) {
	var files []string
	var passed []mesh.Finding
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, nil, fileError(path, err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		before := len(files) + len(passed)
		err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if name != path && (strings.HasPrefix(d.Name(), ".") || publish.IsKeptBase(name)) {
					return filepath.SkipDir
				}
				return nil
			}
			if ext := filepath.Ext(name); ext != ".yaml" && ext != ".yml" {
				return nil
			}
			if finding := unreadable(name); finding != nil {
				passed = append(passed, *finding)
			} else {
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("looking for policies: %w", err)
		}
		if len(files)+len(passed) == before {
			return nil, nil, mesh.Errorf(mesh.CodeNotFound, "%s holds no .yaml file", path).WithHint("start a policy with `mesh policy init " + path + "`")
		}
	}
	slices.Sort(files)
	return slices.Compact(files), passed, nil
}

// unreadable says why what lies in a directory is no source file: a link that
// leads nowhere, or a pipe, which whoever reads it would wait for. Nil for a file.
func unreadable(name string) *mesh.Finding {
	f := mesh.Finding{Position: mesh.Position{File: name}, Level: mesh.LevelError, Rule: "no-file"}
	switch info, err := os.Stat(name); {
	case err != nil:
		f.Message, f.Hint = "the file cannot be read: "+reason(err), "correct the link, or remove it"
	case info.Mode().IsRegular(), info.IsDir():
		return nil
	default:
		f.Message, f.Hint = "it is not a regular file, so nothing in it was checked", "put the file itself into the directory, or rename what is no policy"
	}
	return &f
}

// reason is what an error of the file system says beside the path.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// fileError says what a person can do about a file that cannot be read.
func fileError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return mesh.Errorf(mesh.CodeNotFound, "%s does not exist", path)
	}
	return mesh.Errorf(mesh.CodeInvalid, "reading %s: %w", path, err)
}

// linter checks source files.
type linter struct {
	controls policy.ControlIndex
	find     publish.BaseFunc
	policies map[string]*policy.Document // that cases are about, by path; nil for one that cannot be read
}

// file checks one source file, by what its name says it is.
func (l *linter) file(ctx context.Context, file string) ([]mesh.Finding, error) {
	if filepath.Base(file) == publish.MetadataFile {
		_, findings, err := publish.Load(ctx, filepath.Dir(file), publish.LoadOptions{Controls: l.controls, Base: l.find})
		return findings, err
	}
	src, err := readSource(file)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(file, publish.CasesSuffix) {
		return l.cases(ctx, file, src), nil
	}
	_, findings, err := lintPolicy(file, src, l.controls, l.find)
	return findings, err
}

// cases checks a file of cases, and whether the policy has the rules it names.
func (l *linter) cases(ctx context.Context, file string, src []byte) []mesh.Finding {
	suite, findings := cases.Salvage(ctx, file, src)
	if suite == nil {
		return findings
	}
	about := bundledPolicy(file)
	if suite.Policy != "" {
		about = filepath.Join(filepath.Dir(file), filepath.FromSlash(suite.Policy))
	}
	if doc := l.policy(about); doc != nil {
		findings = append(findings, suite.Lint(doc)...)
	}
	return findings
}

// policy reads a policy that cases are about; nil if it cannot be read. What is
// wrong with it is said where it is checked itself.
func (l *linter) policy(file string) *policy.Document {
	doc, known := l.policies[file]
	if known || file == "" {
		return doc
	}
	if src, err := readSource(file); err == nil {
		doc, _, _, _ = publish.ReadPolicy(file, src, publish.BesideSources(filepath.Dir(file), l.find))
	}
	l.policies[file] = doc
	return doc
}

// bundledPolicy returns the policy of the bundle that a file of cases lies in;
// "" if it lies in none.
func bundledPolicy(file string) string {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, publish.MetadataFile)); err == nil {
			return filepath.Join(dir, bundle.RulesTitle)
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
	}
}

// lintPolicy parses a policy, merges it with what it extends, and checks what
// it means. The document is partial, or nil, if any finding is an error of its
// form.
func lintPolicy(file string, src []byte, controls policy.ControlIndex, find publish.BaseFunc) (*policy.Document, []mesh.Finding, error) {
	doc, _, findings, err := publish.ReadPolicy(file, src, publish.BesideSources(filepath.Dir(file), find))
	if doc != nil {
		findings = append(findings, engine.Lint(doc, controls)...)
	}
	return doc, findings, err
}

// parseWhole parses a policy and merges it with what it extends, which may lie
// beside it. The document is nil if any finding is an error.
func parseWhole(file string, src []byte, find publish.BaseFunc) (*policy.Document, []mesh.Finding, error) {
	doc, _, findings, err := publish.ReadPolicy(file, src, publish.BesideSources(filepath.Dir(file), find))
	if mesh.HasErrors(findings) {
		doc = nil
	}
	return doc, findings, err
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

// inOrder is what is printed of findings: by place, each once, for a file is
// reached both by itself and through its bundle.yaml, and of each file so many as
// people read.
func inOrder(findings []mesh.Finding) []mesh.Finding {
	return yamldoc.Bound(yamldoc.InOrder(findings))
}

// plural returns "1 error" or "2 errors".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
