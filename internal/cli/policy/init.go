package policy

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

// templates are the files of a new policy. Their delimiters are those of no
// other language in them.
//
//go:embed template/*.tmpl
var templates embed.FS

const (
	leftDelim  = "<<"
	rightDelim = ">>"
)

// initOptions are the arguments of `policy init`.
type initOptions struct {
	Dir       string
	Namespace string
	Name      string
	Vendor    string
	Force     bool
	JSON      bool
}

// initResult is what `policy init` prints.
type initResult struct {
	Dir   string   `json:"dir"`
	Ref   string   `json:"ref"`   // namespace/name
	Files []string `json:"files"` // relative to dir
}

func newCmdInit(env *command.Env, runF func(*initOptions) error) *cobra.Command {
	opts := &initOptions{}
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Start a policy bundle in a directory",
		Long: `Write the sources of a small policy into DIR: bundle.yaml (what the bundle is
called), policy.yaml (its rules), policy_test.yaml (cases that exercise every
rule) and README.md. They lint, test and build as they are; change them into
your own.`,
		Example: "    mesh policy init support-guard --namespace acme",
		Args:    command.Arguments(1, 1, "a directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			opts.Dir = args[0]
			if opts.Name == "" {
				opts.Name = nameFromDir(opts.Dir)
			}
			ref := opts.Namespace + "/" + opts.Name
			if _, err := mesh.ParseBundleRef(ref); err != nil {
				return command.Usage(err)
			}
			if runF != nil {
				return runF(opts)
			}
			return initRun(env, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Namespace, "namespace", "acme", "namespace of the bundle: yours")
	flags.StringVar(&opts.Name, "name", "", "name of the bundle (default: the directory's)")
	flags.StringVar(&opts.Vendor, "vendor", "", "who publishes it, for people (default: the namespace)")
	flags.BoolVar(&opts.Force, "force", false, "overwrite files that exist")
	command.AddJSON(cmd, &opts.JSON, initResult{})
	return cmd
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// nameFromDir makes a bundle name of the last element of a path.
func nameFromDir(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	return strings.Trim(notName.ReplaceAllString(strings.ToLower(filepath.Base(abs)), "-"), "-")
}

func initRun(env *command.Env, opts *initOptions) error {
	if opts.Vendor == "" {
		opts.Vendor = opts.Namespace
	}
	files, err := render(opts)
	if err != nil {
		return err
	}
	result := initResult{Dir: opts.Dir, Ref: opts.Namespace + "/" + opts.Name}
	for _, f := range files {
		result.Files = append(result.Files, f.name)
	}
	if !opts.Force {
		if err := refuseExisting(opts.Dir, result.Files); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(opts.Dir, 0o755); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(opts.Dir, f.name), f.content, 0o644); err != nil {
			return fmt.Errorf("writing the template: %w", err)
		}
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	for _, name := range result.Files {
		_, _ = fmt.Fprintln(env.IO.Out, filepath.Join(opts.Dir, name))
	}
	_, _ = fmt.Fprintf(env.IO.Err, "Next: mesh policy test %s\n", opts.Dir)
	return nil
}

type rendered struct {
	name    string
	content []byte
}

func render(opts *initOptions) ([]rendered, error) {
	entries, err := fs.ReadDir(templates, "template")
	if err != nil {
		return nil, err
	}
	var out []rendered
	for _, e := range entries {
		t, err := template.New(e.Name()).Delims(leftDelim, rightDelim).ParseFS(templates, "template/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the template %s: %w", e.Name(), err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, opts); err != nil {
			return nil, fmt.Errorf("filling the template %s: %w", e.Name(), err)
		}
		out = append(out, rendered{strings.TrimSuffix(e.Name(), ".tmpl"), b.Bytes()})
	}
	return out, nil
}

func refuseExisting(dir string, names []string) error {
	for _, name := range names {
		file := filepath.Join(dir, name)
		if _, err := os.Lstat(file); err == nil {
			return mesh.Errorf(mesh.CodeConflict, "%s exists already", file).WithHint("choose another directory, or overwrite with --force")
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("looking for %s: %w", file, err)
		}
	}
	return nil
}
