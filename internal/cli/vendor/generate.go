package vendor

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/passphrase"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// keyGenerateOptions are the arguments of `vendor key generate`.
type keyGenerateOptions struct {
	Prefix string
	JSON   bool
}

// keyGenerateResult is what `vendor key generate` prints.
type keyGenerateResult struct {
	PrivateKey  string `json:"privateKey"` // file names
	PublicKey   string `json:"publicKey"`
	Fingerprint string `json:"fingerprint"`
}

func newCmdKeyGenerate(env *command.Env, runF func(*keyGenerateOptions) error) *cobra.Command {
	opts := &keyGenerateOptions{}
	cmd := &cobra.Command{
		Use:   "generate NAME",
		Short: "Make a key pair to sign releases with",
		Long: `Make an ECDSA P-256 key pair: NAME.key, encrypted with a password and readable
only by you, and NAME.pub. They are the files that cosign generate-key-pair
makes, and cosign reads them.

The password is taken from COSIGN_PASSWORD where that is set, be it empty, and
asked for on a terminal otherwise.`,
		Example: `    mesh vendor key generate acme
    mesh vendor key add --namespace acme acme.pub`,
		Args: command.Arguments(1, 1, "a name for the files"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Prefix = strings.TrimSuffix(args[0], ".key")
			if runF != nil {
				return runF(opts)
			}
			return keyGenerateRun(cmd.Context(), env, opts)
		},
	}
	command.AddJSON(cmd, &opts.JSON, keyGenerateResult{})
	return cmd
}

func keyGenerateRun(ctx context.Context, env *command.Env, opts *keyGenerateOptions) error {
	password, err := passphrase.New(ctx, env)
	if err != nil {
		return err
	}
	key, err := sign.GenerateKey(password)
	if err != nil {
		return err
	}
	if err := key.WriteFiles(opts.Prefix); err != nil {
		return err
	}
	r := keyGenerateResult{PrivateKey: opts.Prefix + ".key", PublicKey: opts.Prefix + ".pub", Fingerprint: key.Fingerprint()}
	if opts.JSON {
		return env.WriteJSON(r)
	}
	_, err = fmt.Fprintf(env.IO.Out, "%s (keep it secret)\n%s (register it with `mesh vendor key add`)\nfingerprint %s\n", r.PrivateKey, r.PublicKey, r.Fingerprint)
	return err
}

// checkPublicKey accepts a file of one public key and returns its PEM block,
// without whatever else stands in the file.
func checkPublicKey(file string, data []byte) (string, error) {
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return "", mesh.Errorf(mesh.CodeInvalid, "%s is not a PEM file", file).WithHint("give the .pub file of the key pair")
	case bytes.Contains(data, []byte("PRIVATE KEY")):
		return "", mesh.Errorf(mesh.CodeInvalid, "%s holds a private key; it was not sent", file).WithHint("give the .pub file of the key pair")
	case block.Type != "PUBLIC KEY":
		return "", mesh.Errorf(mesh.CodeInvalid, "%s holds a %s, not a PUBLIC KEY", file, strings.ToLower(block.Type)).WithHint("give the .pub file of the key pair")
	case len(bytes.TrimSpace(rest)) > 0:
		return "", mesh.Errorf(mesh.CodeInvalid, "%s holds more than one key", file).WithHint("give a file for each")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})), nil
}
