package runtimeserve

import (
	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/node"
)

// addFlags adds the flags, each with the environment variable that sets it.
func addFlags(cmd *cobra.Command, opts *Options, c *node.Config, subscribe *[]string, mode *string) {
	flags := cmd.Flags()
	text := func(target *string, name, variable, usage string) {
		flags.StringVar(target, name, "", usage+" (env "+variable+")")
		command.BindEnv(flags, name, variable)
	}
	text(&opts.ConfigFile, "config", "MESH_CONFIG", "configuration `file`")
	text(&c.Hub, "hub", "MESH_HUB", "`address` of the hub (default: the last login's, else "+node.DefaultHub+")")
	flags.StringArrayVar(subscribe, "subscribe", nil, "`bundle` to enforce, such as gdpr@^3; may be repeated (env MESH_RUNTIME_SUBSCRIBE, separated by spaces)")
	command.BindEnvList(flags, "subscribe", "MESH_RUNTIME_SUBSCRIBE")
	text(mode, "mode", "MESH_RUNTIME_MODE", "weaken every policy to at most this `mode`: monitor or audit")
	text(&c.Name, "name", "MESH_RUNTIME_NAME", "`name` the hub lists the runtime as (default: the one it is enrolled under, at first the host's)")
	text(&c.Listen, "listen", "MESH_RUNTIME_LISTEN", "loopback `address` of the decision API (default "+node.DefaultListen+")")
	text(&c.Socket, "socket", "MESH_RUNTIME_SOCKET", "unix `socket` of the decision API (default: runtime.sock in the data directory)")
	text(&c.DataDir, "data-dir", "MESH_RUNTIME_DATA_DIR", "`directory` for key, journal and the last good set (default: "+dataDirHelp+")")
	text(&c.TrustPolicy, "trust-policy", "MESH_TRUST_POLICY", "trust.yaml `file` that says who may sign (default: the official key for mesh/**)")
	flags.StringVar(&opts.TokenFile, "token-file", "", "`file` with the token that enrols the runtime (env MESH_TOKEN or MESH_TOKEN_FILE)")
	flags.StringVar(&c.Journal, "journal", "", "`state` of the journal: "+node.JournalOn+", or "+node.JournalOffUnsafe+" to decide without recording, which leaves no evidence (default "+node.JournalOn+")")
	flags.BoolVar(&c.AllowDowngradeUnsafe, "allow-downgrade-unsafe", false, "accept a version below the highest that was ever in force")
	flags.BoolVar(&opts.InsecureHTTPUnsafe, "insecure-http-unsafe", false, "send the token over http, readable by everybody on the way, to a hub beyond this machine")
	command.BindEnv(flags, "insecure-http-unsafe", "MESH_INSECURE_HTTP_UNSAFE")
}

// overrides returns the settings that were given, by flag or environment.
func overrides(cmd *cobra.Command, given node.Config) []func(*node.Config) {
	byFlag := map[string]func(*node.Config){
		"hub":                    func(c *node.Config) { c.Hub = given.Hub },
		"subscribe":              func(c *node.Config) { c.Subscriptions = given.Subscriptions },
		"mode":                   func(c *node.Config) { c.Mode = given.Mode },
		"name":                   func(c *node.Config) { c.Name = given.Name },
		"listen":                 func(c *node.Config) { c.Listen = given.Listen },
		"socket":                 func(c *node.Config) { c.Socket = given.Socket },
		"data-dir":               func(c *node.Config) { c.DataDir = given.DataDir },
		"trust-policy":           func(c *node.Config) { c.TrustPolicy = given.TrustPolicy },
		"journal":                func(c *node.Config) { c.Journal = given.Journal },
		"allow-downgrade-unsafe": func(c *node.Config) { c.AllowDowngradeUnsafe = given.AllowDowngradeUnsafe },
	}
	var set []func(*node.Config)
	for name, apply := range byFlag {
		if cmd.Flags().Changed(name) {
			set = append(set, apply)
		}
	}
	return set
}
