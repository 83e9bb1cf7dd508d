// Package version is the command `mesh version`.
package version

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/buildinfo"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

// Options are the command's arguments.
type Options struct {
	JSON bool
}

// Result is what the command prints.
type Result struct {
	Program string `json:"program"`
	buildinfo.Info
	PolicyLanguage string `json:"policyLanguage"` // the version this program knows
}

// NewCmdVersion returns `version`. A nil runF means the command's own work.
func NewCmdVersion(env *command.Env, runF func(*Options) error) *cobra.Command {
	opts := &Options{}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(opts)
			}
			return versionRun(env, cmd.Root().Name(), opts)
		},
	}
	command.AddJSON(cmd, &opts.JSON, Result{})
	return cmd
}

func versionRun(env *command.Env, program string, opts *Options) error {
	r := Result{Program: program, Info: env.Build, PolicyLanguage: policy.Version}
	if opts.JSON {
		return env.WriteJSON(r)
	}
	line := fmt.Sprintf("%s %s (%s, %s", r.Program, r.Version, r.Platform, r.Go)
	if r.Commit != "" {
		line += ", commit " + r.Commit[:min(12, len(r.Commit))]
	}
	if r.Modified {
		line += ", modified"
	}
	_, err := fmt.Fprintln(env.IO.Out, line+")")
	return err
}
