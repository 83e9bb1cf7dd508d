package policy

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

// schemaOptions are the arguments of `policy schema`.
type schemaOptions struct {
	Action bool
	Cases  bool
	JSON   bool
}

// schemaResult names what every JSON Schema that is printed holds.
type schemaResult struct {
	Schema string `json:"$schema"`
	ID     string `json:"$id"`
}

func newCmdSchema(env *command.Env, runF func(*schemaOptions) error) *cobra.Command {
	opts := &schemaOptions{}
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of policies",
		Long: `Print the JSON Schema (2020-12) of policy documents, for editors and other
programs. The output is JSON with or without --json.

    mesh policy schema > policy.schema.json
    # in the first line of policy.yaml, for editors with a YAML language server:
    # yaml-language-server: $schema=policy.schema.json

A hub serves the schemas as well, at the paths in their $id.`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if opts.Action && opts.Cases {
				return command.UsageErrorf("--action and --cases exclude each other")
			}
			if runF != nil {
				return runF(opts)
			}
			return schemaRun(env, opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Action, "action", false, "print the schema of the action that policies decide about instead")
	cmd.Flags().BoolVar(&opts.Cases, "cases", false, "print the schema of files with cases, *_test.yaml, instead")
	command.AddJSON(cmd, &opts.JSON, schemaResult{})
	return cmd
}

func schemaRun(env *command.Env, opts *schemaOptions) error {
	schema := policy.Schema()
	switch {
	case opts.Action:
		schema = policy.ActionSchema()
	case opts.Cases:
		schema = cases.Schema()
	}
	if opts.JSON {
		return env.WriteJSON(json.RawMessage(schema))
	}
	_, err := env.IO.Out.Write(schema)
	return err
}
