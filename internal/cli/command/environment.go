package command

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envAnnotation holds, on a flag, the variable that sets it.
const envAnnotation = "mesh:env"

// BindEnv lets an environment variable set the flag where the command line
// does not. [ApplyEnv] does it.
func BindEnv(flags *pflag.FlagSet, flag, variable string) {
	if f := flags.Lookup(flag); f != nil {
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[envAnnotation] = []string{variable}
	}
}

// ApplyEnv sets every flag of cmd that the command line left out and that an
// environment variable is bound to. A variable with a value the flag does not
// accept is a usage error that names it.
func ApplyEnv(env *Env, cmd *cobra.Command) error {
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names := f.Annotations[envAnnotation]
		if first != nil || f.Changed || len(names) == 0 {
			return
		}
		value := env.Getenv(names[0])
		if value == "" {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			first = UsageErrorf("environment variable %s: %w", names[0], err)
		}
	})
	return first
}
