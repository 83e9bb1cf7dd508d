package command

import (
	"github.com/spf13/cobra"
)

// Root returns the top of a program's command tree, with the help topics all
// programs have.
func Root(env *Env, program, short, long string) *cobra.Command {
	root := &cobra.Command{
		Use:     program + " <command>",
		Short:   short,
		Long:    long,
		Version: env.Build.Version,
		Args:    cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return ApplyEnv(env, cmd)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate)
	root.AddCommand(
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: ExitCodesHelp},
		&cobra.Command{Use: "environment", Short: "The environment variables", Long: environmentHelp},
		&cobra.Command{Use: "json", Short: "How --json prints results and errors", Long: jsonHelp},
	)
	return root
}

// usageTemplate is what --help prints below the description.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} <command>{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$commands := .Commands}}{{range $group := .Groups}}

{{.Title}}:{{range $commands}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if eq (len .Groups) 0}}

Commands:{{range $commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasHelpSubCommands}}

Help topics:{{range .Commands}}{{if .IsAdditionalHelpTopicCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableSubCommands}}

Run "{{.CommandPath}} <command> --help" for more about a command.{{end}}
`

const environmentHelp = `A flag on the command line wins over its environment variable, which wins over
the configuration file and what "mesh login" stored, which win over the default.

    MESH_HUB                   address of the hub (--hub)
    MESH_TOKEN                 token for the hub
    MESH_TOKEN_FILE            file that holds the token (--token-file)
    MESH_INSECURE_HTTP_UNSAFE  1 allows http to a hub beyond this machine (--insecure-http-unsafe)
    MESH_RUNTIME               address of the runtime that decides (--runtime)
    MESH_TRUST_POLICY          trust.yaml of a runtime, verify and doctor (--trust-policy)

    MESH_CONFIG                configuration file of the serve commands (--config)
    MESH_LOG_LEVEL             debug, info, warn or error (--log-level)
    MESH_LOG_FORMAT            text or json (--log-format)
    MESH_HUB_LISTEN            settings of mesh hub serve: --listen and so on
    MESH_HUB_DATA_DIR
    MESH_HUB_DATABASE
    MESH_HUB_BLOBS
    MESH_HUB_TLS_CERT
    MESH_HUB_TLS_KEY
    MESH_HUB_PUBLIC_URL
    MESH_RUNTIME_LISTEN        settings of mesh runtime serve: --listen and so on
    MESH_RUNTIME_DATA_DIR
    MESH_RUNTIME_SUBSCRIBE     more than one are separated by spaces
    MESH_RUNTIME_MODE
    MESH_RUNTIME_NAME
    MESH_RUNTIME_SOCKET

    COSIGN_PASSWORD            password of a private key file (cosign's own variable)
    SOURCE_DATE_EPOCH          time of creation of a bundle whose bundle.yaml has none
    XDG_CONFIG_HOME            directory above mesh/login.json
    NO_COLOR, CLICOLOR_FORCE   turn color off, or on without a terminal
`

const jsonHelp = `With --json a command prints its result, and nothing else, to standard output:
one document, or for a command that follows something one document a line. The
fields are listed in the help of each command. They keep their meaning; new
ones may be added.

If the command fails, standard error gets one line:

    {"error": {"code": "not_found", "message": "…", "hint": "…", "exitCode": 1, "findings": []}}

Standard output then holds the result as far as there is one: a policy's
findings or failed cases are a result.
`
