// Package vendor is the commands `mesh vendor …`: the signing keys that
// releases of a namespace are verified against.
package vendor

import (
	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

// NewCmdVendor returns `vendor` with its verbs.
func NewCmdVendor(env *command.Env) *cobra.Command {
	key := command.Group("key", "Make, register, list and revoke signing keys",
		newCmdKeyGenerate(env, nil),
		newCmdKeyAdd(env, nil),
		newCmdKeyList(env, nil),
		newCmdKeyRevoke(env, nil),
	)
	return command.Group("vendor", "Signing keys, and whom to trust", key, newCmdTrust(env, nil))
}

// addNamespace adds --namespace, which the command needs.
func addNamespace(cmd *cobra.Command, target *string) {
	cmd.Flags().StringVar(target, "namespace", "", "`namespace` whose releases the key signs")
}

// checkNamespace refuses one that is missing or malformed.
func checkNamespace(ns string) (mesh.Namespace, error) {
	if ns == "" {
		return "", command.UsageErrorf("whose key? --namespace is missing").WithHint("for example --namespace acme")
	}
	if _, err := mesh.ParseBundleRef(ns + "/name"); err != nil {
		return "", command.UsageErrorf("%q is not a valid namespace", ns).WithHint(mesh.HintOf(err))
	}
	return mesh.Namespace(ns), nil
}
