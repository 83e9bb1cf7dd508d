package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// createdAnnotation is where a manifest says when its bundle was made (OCI
// image spec 1.1, "Pre-Defined Annotation Keys").
const createdAnnotation = "org.opencontainers.image.created"

// pullOptions are the arguments of `policy pull`.
type pullOptions struct {
	session.Flags
	trustFlags
	Release release
	Output  string
	Layout  bool
	Force   bool
	JSON    bool
}

// pullResult is what `policy pull` prints.
type pullResult struct {
	Ref      string      `json:"ref"` // namespace/name
	Version  string      `json:"version"`
	Digest   mesh.Digest `json:"digest"`
	Output   string      `json:"output"`
	Files    []string    `json:"files"`    // below output; none for a layout
	Verified bool        `json:"verified"` // a signature was demanded and accepted
}

func newCmdPull(env *command.Env, runF func(*pullOptions) error) *cobra.Command {
	opts := &pullOptions{}
	cmd := &cobra.Command{
		Use:   "pull REF -o DIR",
		Short: "Fetch a policy bundle",
		Long: `Fetch a bundle from a hub, check every byte against its digest, and write its
files into DIR, with a bundle.yaml from which it could be built again. With --key
or --trust-policy nothing is written unless the bundle is signed by whom you
trust.

--layout writes an OCI image layout instead, signatures included, which can be
carried to where there is no network.`,
		Example: `    mesh policy pull mesh/gdpr:3.0.0 -o gdpr
    mesh policy pull acme/guardrails@sha256:… -o guardrails --key acme.pub`,
		Args: command.Arguments(1, 1, "a release, namespace/name:version"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if opts.Release, err = parseRelease(args[0]); err != nil {
				return err
			}
			switch {
			case opts.Output == "":
				return command.UsageErrorf("where to? -o DIR is missing").WithHint("for example -o " + opts.Release.Bundle.Name)
			case len(opts.Keys) > 0 && opts.TrustPolicy != "":
				return command.UsageErrorf("--key and --trust-policy exclude each other")
			}
			if runF != nil {
				return runF(opts)
			}
			return pullRun(cmd.Context(), env, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.Output, "output", "o", "", "`directory` to write into")
	flags.BoolVar(&opts.Layout, "layout", false, "write an OCI image layout")
	flags.BoolVar(&opts.Force, "force", false, "overwrite files that exist")
	flags.StringArrayVar(&opts.Keys, "key", nil, "public key `file` that must have signed; may be repeated")
	flags.StringVar(&opts.TrustPolicy, "trust-policy", "", "trust.yaml `file` that must accept the signature")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, pullResult{})
	return cmd
}

func pullRun(ctx context.Context, env *command.Env, opts *pullOptions) error {
	s, err := session.Open(env, opts.Flags)
	if err != nil {
		return err
	}
	progress := env.IO.Progress()
	defer progress.Done()
	f, err := fetch(ctx, s, opts.Release, progress)
	if err != nil {
		return err
	}
	config := &f.bundle.Config
	result := pullResult{Ref: config.Ref().String(), Version: config.Version, Digest: f.bundle.Digest, Output: opts.Output, Files: []string{}}
	if opts.given() {
		if _, err := f.verify(ctx, opts.trustFlags); err != nil {
			return err
		}
		result.Verified = true
	} else if err := f.expect.Verify(f.bundle); err != nil {
		return err
	}
	if opts.Layout {
		err = writeLayout(f, opts.Output)
	} else {
		result.Files, err = writeSources(f.bundle, opts.Output, opts.Force)
	}
	if err != nil {
		return err
	}
	progress.Done()
	if opts.JSON {
		return env.WriteJSON(result)
	}
	_, err = fmt.Fprintf(env.IO.Out, "%s:%s\n%s\nin %s\n", result.Ref, result.Version, result.Digest, result.Output)
	return err
}

// writeLayout stores the bundle and its signatures in an image layout.
func writeLayout(f *found, dir string) error {
	a := f.bundle.Artifact()
	if err := a.WriteLayout(dir, f.bundle.Config.Version); err != nil {
		return err
	}
	for _, s := range f.signatures {
		signature, err := bundle.PackSignature(a.Descriptor(), s.Bundle, time.Time{})
		if err != nil {
			return fmt.Errorf("storing the signature %s: %w", s.Referrer, err)
		}
		if err := signature.WriteLayout(dir, ""); err != nil {
			return err
		}
	}
	return nil
}

// writeSources writes the bundle's files and a bundle.yaml into dir. Nothing
// is written outside of it, whatever links lie there.
func writeSources(b *bundle.Bundle, dir string, force bool) ([]string, error) {
	metadata, err := metadataFile(b)
	if err != nil {
		return nil, err
	}
	files := append([]bundle.File{{Title: publish.MetadataFile, Data: metadata}}, b.Files...)
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Title
	}
	slices.Sort(names)
	if !force {
		if err := refuseExisting(dir, names); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, f := range files {
		name := filepath.FromSlash(f.Title)
		if parent := path.Dir(f.Title); parent != "." {
			if err := root.MkdirAll(filepath.FromSlash(parent), 0o755); err != nil {
				return nil, fmt.Errorf("making a directory for %s: %w", f.Title, err)
			}
		}
		if err := writeIn(root, name, f.Data, force); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func writeIn(root *os.Root, name string, data []byte, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := root.OpenFile(name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return mesh.Errorf(mesh.CodeConflict, "%s exists already", name).WithHint("choose another directory, or overwrite with --force")
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// sourceMetadata is the bundle.yaml that a pulled bundle gets.
type sourceMetadata struct {
	Namespace mesh.Namespace `yaml:"namespace"`
	Name      string         `yaml:"name"`
	Version   string         `yaml:"version"`
	Title     string         `yaml:"title,omitempty"`
	Summary   string         `yaml:"summary,omitempty"`
	Vendor    string         `yaml:"vendor,omitempty"`
	Licence   string         `yaml:"licence,omitempty"`
	Created   string         `yaml:"created,omitempty"`
}

func metadataFile(b *bundle.Bundle) ([]byte, error) {
	c := &b.Config
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, "# Pulled from %s@%s\n", c.Ref(), b.Digest)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	err := enc.Encode(sourceMetadata{c.Namespace, c.Name, c.Version, c.Title, c.Summary, c.Vendor, c.Licence, b.Manifest.Annotations[createdAnnotation]})
	return out.Bytes(), err
}
