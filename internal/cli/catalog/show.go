package catalog

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// showOptions are the arguments of `catalog show`.
type showOptions struct {
	session.Flags
	Bundle  mesh.BundleRef
	Version string
	Readme  bool
	JSON    bool
}

func newCmdShow(env *command.Env, runF func(*showOptions) error) *cobra.Command {
	opts := &showOptions{}
	cmd := &cobra.Command{
		Use:   "show [NAMESPACE/]NAME[:VERSION]",
		Short: "Show one bundle",
		Long: `Show a release: who signed it, the controls it serves and how, its rules, and
its other versions. Without a version the newest that is listed; a digest behind
an @ works too. Without a namespace it is an official bundle.`,
		Example: "    mesh catalog show gdpr\n    mesh catalog show acme/guardrails:1.0.0 --readme",
		Args:    command.Arguments(1, 1, "a bundle"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if opts.Bundle, opts.Version, err = parseRelease(args[0]); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return showRun(cmd.Context(), env, opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Readme, "readme", false, "print the bundle's README alone")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.BundleDetail{})
	return cmd
}

func showRun(ctx context.Context, env *command.Env, opts *showOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	b, err := client.Bundle(ctx, opts.Bundle, opts.Version)
	if err != nil {
		return err
	}
	switch {
	case opts.JSON:
		return env.WriteJSON(b)
	case opts.Readme && b.Readme == "":
		return mesh.Errorf(mesh.CodeNotFound, "%s has no README", opts.Bundle)
	case opts.Readme:
		_, err := fmt.Fprintln(env.IO.Out, b.Readme)
		return err
	}
	printBundle(env, b)
	return nil
}

func printBundle(env *command.Env, b hubapi.BundleDetail) {
	out, io := env.IO.Out, env.IO
	_, _ = fmt.Fprintf(out, "%s %s\n", io.Paint(iostreams.Bold, string(b.Namespace)+"/"+b.Name+":"+b.Version), io.Paint(status(b.Status).Style, string(b.Status)))
	field := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(out, "  %-11s %s\n", name, value)
		}
	}
	field("title", b.Title)
	field("summary", b.Summary)
	field("reason", b.Reason)
	field("vendor", b.Vendor)
	field("licence", b.Licence)
	field("frameworks", joined(b.Frameworks))
	field("modes", joined(b.Modes))
	for _, base := range b.Extends {
		field("extends", base+" (as its vendor says)")
	}
	field("published", command.Time(b.PublishedAt))
	field("digest", string(b.Digest))
	for _, s := range b.SignedBy {
		field("signed by", "key "+command.Fingerprint(s.Fingerprint))
	}
	if len(b.Controls) > 0 {
		_, _ = fmt.Fprintf(out, "\n%s\n", io.Paint(iostreams.Bold, "Controls"))
		for _, c := range b.Controls {
			_, _ = fmt.Fprintf(out, "  %-24s %-10s %s\n", c.ID, c.How, c.Title)
		}
	}
	if len(b.Rules) > 0 {
		_, _ = fmt.Fprintf(out, "\n%s\n", io.Paint(iostreams.Bold, "Rules"))
		for _, r := range b.Rules {
			_, _ = fmt.Fprintf(out, "  %s  %s\n", r.ID, io.Paint(iostreams.Faint, joined(r.Controls)))
			if r.Message != "" {
				_, _ = fmt.Fprintf(out, "      %s\n", r.Message)
			}
		}
	}
	if len(b.Versions) > 1 {
		_, _ = fmt.Fprintf(out, "\n%s\n", io.Paint(iostreams.Bold, "Versions"))
		for _, v := range b.Versions {
			_, _ = fmt.Fprintf(out, "  %-14s %-11s %s\n", v.Version, v.Status, command.Time(v.PublishedAt))
		}
	}
}
