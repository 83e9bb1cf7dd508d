package command

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The annotations of a flag.
const (
	envAnnotation     = "mesh:env"      // the variable that sets it
	envListAnnotation = "mesh:env-list" // the same, values separated by white space
	fromEnvAnnotation = "mesh:from-env" // it was set by its variable
)

// BindEnv lets an environment variable set the flag where the command line
// does not. [ApplyEnv] does it.
func BindEnv(flags *pflag.FlagSet, flag, variable string) {
	annotate(flags, flag, envAnnotation, variable)
}

// BindEnvList is [BindEnv] for a flag that may be repeated: the variable holds
// its values separated by white space.
func BindEnvList(flags *pflag.FlagSet, flag, variable string) {
	annotate(flags, flag, envListAnnotation, variable)
}

func annotate(flags *pflag.FlagSet, flag, annotation, variable string) {
	f := flags.Lookup(flag)
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[annotation] = []string{variable}
}

// ApplyEnv sets every flag of cmd that the command line left out and that an
// environment variable is bound to. A variable with a value the flag does not
// accept is a usage error that names it.
func ApplyEnv(env *Env, cmd *cobra.Command) error {
	var first error
	set := func(f *pflag.Flag, variable string, values ...string) {
		for _, value := range values {
			f.Annotations[fromEnvAnnotation] = []string{variable}
			if err := cmd.Flags().Set(f.Name, value); err != nil && first == nil {
				first = UsageErrorf("environment variable %s: %w", variable, err)
			}
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			return
		}
		for _, variable := range f.Annotations[envAnnotation] {
			if value := env.Getenv(variable); value != "" {
				set(f, variable, value)
			}
		}
		for _, variable := range f.Annotations[envListAnnotation] {
			set(f, variable, strings.Fields(env.Getenv(variable))...)
		}
	})
	return first
}

// Typed reports whether the flag stands on the command line, rather than being
// set by its environment variable.
func Typed(cmd *cobra.Command, flag string) bool {
	f := cmd.Flags().Lookup(flag)
	return f != nil && f.Changed && len(f.Annotations[fromEnvAnnotation]) == 0
}

// DataDir returns the directory above those of hub and runtime: aimesh in the
// user's data directory (XDG base directory specification), or in the working
// directory where there is no home.
func DataDir(env *Env) string {
	const name = "aimesh"
	if dir := env.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, name)
	}
	if home := env.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", name)
	}
	return name
}

// Variables returns the environment variables that set flags of cmd.
func Variables(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names = append(names, f.Annotations[envAnnotation]...)
		names = append(names, f.Annotations[envListAnnotation]...)
	})
	return names
}
