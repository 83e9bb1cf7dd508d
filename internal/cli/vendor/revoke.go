package vendor

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// keyRevokeOptions are the arguments of `vendor key revoke`.
type keyRevokeOptions struct {
	session.Flags
	Namespace   mesh.Namespace
	Fingerprint string
	JSON        bool
}

func newCmdKeyRevoke(env *command.Env, runF func(*keyRevokeOptions) error) *cobra.Command {
	opts := &keyRevokeOptions{}
	var namespace string
	cmd := &cobra.Command{
		Use:   "revoke --namespace NAMESPACE FINGERPRINT",
		Short: "End the use of a signing key",
		Long: `Revoke a key of a namespace. What it signs from now on is not verified by it;
releases whose signature the hub saw before stay verified.`,
		Example: "    mesh vendor key list --namespace acme\n    mesh vendor key revoke --namespace acme 3f1c…",
		Args:    command.Arguments(1, 1, "the fingerprint of a key"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			opts.Fingerprint = strings.TrimPrefix(args[0], "sha256:")
			if opts.Namespace, err = checkNamespace(namespace); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return keyRevokeRun(cmd.Context(), env, opts)
		},
	}
	addNamespace(cmd, &namespace)
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.Key{})
	return cmd
}

func keyRevokeRun(ctx context.Context, env *command.Env, opts *keyRevokeOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	key, err := client.RevokeKey(ctx, opts.Namespace, opts.Fingerprint)
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(key)
	}
	_, err = fmt.Fprintf(env.IO.Out, "key %s of %s is revoked\n", command.Fingerprint(key.Fingerprint), key.Namespace)
	return err
}
