package vendor

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// maxKeyBytes bounds a public key file; the largest RSA key has some 3 KiB.
const maxKeyBytes = 64 << 10

// keyAddOptions are the arguments of `vendor key add`.
type keyAddOptions struct {
	session.Flags
	Namespace mesh.Namespace
	File      string
	JSON      bool
}

func newCmdKeyAdd(env *command.Env, runF func(*keyAddOptions) error) *cobra.Command {
	opts := &keyAddOptions{}
	var namespace string
	cmd := &cobra.Command{
		Use:   "add --namespace NAMESPACE KEY.pub",
		Short: "Register the public key that signs a namespace's releases",
		Long: `Register a public key (PEM) at the hub. Releases of the namespace that are
signed with its private key are listed as verified from then on. A namespace
that does not exist is created. Registering a key again changes nothing.`,
		Example: "    mesh vendor key add --namespace acme cosign.pub",
		Args:    command.Arguments(1, 1, "the file of a public key"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			opts.File = args[0]
			if opts.Namespace, err = checkNamespace(namespace); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return keyAddRun(cmd.Context(), env, opts)
		},
	}
	addNamespace(cmd, &namespace)
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.Key{})
	return cmd
}

func keyAddRun(ctx context.Context, env *command.Env, opts *keyAddOptions) error {
	pem, err := readPublicKey(opts.File)
	if err != nil {
		return err
	}
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	key, err := client.AddKey(ctx, opts.Namespace, pem)
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(key)
	}
	_, err = fmt.Fprintf(env.IO.Out, "%s may sign releases of %s\n%s key %s\n", opts.File, key.Namespace, key.Algorithm, command.Fingerprint(key.Fingerprint))
	return err
}

// readPublicKey reads a PEM file and refuses a private key before it leaves
// the machine.
func readPublicKey(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", mesh.Errorf(mesh.CodeNotFound, "reading the public key: %w", err).
			WithHint("make a key pair with `mesh vendor key generate NAME`, or with `cosign generate-key-pair`")
	}
	if info.Size() > maxKeyBytes {
		return "", mesh.Errorf(mesh.CodeInvalid, "%s is too large to be a public key", file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", mesh.Errorf(mesh.CodeInvalid, "reading the public key: %w", err)
	}
	return checkPublicKey(file, data)
}

// keyListOptions are the arguments of `vendor key list`.
type keyListOptions struct {
	session.Flags
	Namespace mesh.Namespace
	JSON      bool
}

// keyListResult is what `vendor key list` prints.
type keyListResult struct {
	Items []hubapi.Key `json:"items"`
}

func newCmdKeyList(env *command.Env, runF func(*keyListOptions) error) *cobra.Command {
	opts := &keyListOptions{}
	var namespace string
	cmd := &cobra.Command{
		Use:     "list --namespace NAMESPACE",
		Short:   "List the signing keys of a namespace",
		Example: "    mesh vendor key list --namespace acme",
		Args:    command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if opts.Namespace, err = checkNamespace(namespace); err != nil {
				return err
			}
			if runF != nil {
				return runF(opts)
			}
			return keyListRun(cmd.Context(), env, opts)
		},
	}
	addNamespace(cmd, &namespace)
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, keyListResult{})
	return cmd
}

func keyListRun(ctx context.Context, env *command.Env, opts *keyListOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	page, err := client.Keys(ctx, opts.Namespace)
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(keyListResult{Items: page.Items})
	}
	table := env.IO.NewTable("status", "algorithm", "added", "fingerprint")
	for _, k := range page.Items {
		state := iostreams.Styled{Text: "current", Style: iostreams.Green}
		if k.RevokedAt != nil {
			state = iostreams.Styled{Text: "revoked", Style: iostreams.Red}
		}
		table.Row(state, k.Algorithm, command.Time(k.AddedAt), command.Fingerprint(k.Fingerprint))
	}
	if table.Len() == 0 {
		_, _ = fmt.Fprintf(env.IO.Err, "%s has no key; its releases cannot be verified.\n", opts.Namespace)
	}
	return table.Print()
}
