// Package command is what every command of the programs has in common: the
// environment it runs in, its exit code, how it prints a result as JSON and how
// an error is told to a person or to a program.
//
// A verb is a file of its noun's package with three parts: an Options struct,
// NewCmdVerb(env, runF), which only parses arguments into Options, and verbRun(ctx,
// opts), which only works. Tests of flags replace runF and compare Options;
// tests of the work fill Options. [Execute] runs a tree of such commands.
//
// The package knows no command, no hub and no policy, so that the edge build
// (mesh-runtime) shares it without linking what it must not.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ai-agent-mesh/mesh/engine/spelling"
	"github.com/ai-agent-mesh/mesh/internal/cli/buildinfo"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// Env is what a command may know of the world outside its flags.
type Env struct {
	IO        *iostreams.Streams
	Build     buildinfo.Info
	LookupEnv func(string) (value string, set bool)
}

// Getenv returns the value of an environment variable, empty where unset.
func (e *Env) Getenv(name string) string {
	value, _ := e.LookupEnv(name)
	return value
}

// NewEnv returns the environment of the process with the given streams.
func NewEnv(streams *iostreams.Streams) *Env {
	return &Env{IO: streams, Build: buildinfo.Read(), LookupEnv: os.LookupEnv}
}

// Group returns the command of a noun. Called alone it prints its help; a
// verb it does not have is a usage error with the nearest ones.
func Group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:   use + " <command>",
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	group.AddCommand(verbs...)
	return group
}

// unknownCommand says which verb comes near to what was typed.
func unknownCommand(cmd *cobra.Command, typed string) error {
	err := UsageErrorf("unknown command %q for %q", typed, cmd.CommandPath())
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	if near := spelling.Nearest(typed, names); near != "" {
		return err.WithHint("did you mean " + near + "?")
	}
	return err.WithHint(fmt.Sprintf("run `%s --help` for its commands", cmd.CommandPath()))
}

// Execute runs the command tree with args, reports an error to env's streams
// and returns the exit code of the process.
func Execute(ctx context.Context, env *Env, root *cobra.Command, args []string) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetIn(env.IO.In)
	root.SetOut(env.IO.Out)
	root.SetErr(env.IO.Err)
	root.SetFlagErrorFunc(flagError)
	checkArgs(root)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	if cmd.Hidden && cmd.HasParent() {
		cmd = cmd.Parent() // nobody is shown how to use what is not there
	}
	report(env, cmd, err)
	return ExitCode(err)
}

// flagError makes an error about flags one of usage, with the flag that comes
// near to an unknown one.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = invalidValue(invalid)
	}
	usage := &UsageError{Err: err}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := spelling.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		return usage.WithHint("did you mean --" + near + "?")
	}
	return usage
}

// invalidValue says what a flag takes, where pflag repeats what the standard
// library says about parsing.
func invalidValue(err *pflag.InvalidValueError) error {
	kind := map[string]string{
		"float64": "a number", "int": "a whole number", "int64": "a whole number", "uint16": "a whole number", "uint64": "a whole number",
		"duration": "a duration, such as 30s or 5m", "bool": "true or false",
	}[err.GetFlag().Value.Type()]
	if kind == "" {
		return err
	}
	return fmt.Errorf("--%s takes %s, not %q", err.GetFlag().Name, kind, err.GetValue())
}

// checkArgs makes the errors of cobra's argument checks usage errors.
func checkArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return asUsage(err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		checkArgs(sub)
	}
}

// Arguments returns a check of the number of arguments whose error names
// them: least is how many must be there, most how many may, -1 for any number.
func Arguments(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return UsageErrorf("%s needs %s", cmd.CommandPath(), names)
		case most >= 0 && len(args) > most && most == 0:
			return UsageErrorf("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
		case most >= 0 && len(args) > most:
			return UsageErrorf("%s takes only %s; %q is too many", cmd.CommandPath(), names, args[most])
		}
		return nil
	}
}
