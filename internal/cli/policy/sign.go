package policy

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// signOptions are the arguments of `policy sign`.
type signOptions struct {
	session.Flags
	Release release
	Key     string
	JSON    bool
}

// signResult is what `policy sign` prints.
type signResult struct {
	Ref         string      `json:"ref"` // namespace/name
	Digest      mesh.Digest `json:"digest"`
	Signature   mesh.Digest `json:"signature"` // of the manifest that attaches it
	Fingerprint string      `json:"fingerprint"`
	listing
}

func newCmdSign(env *command.Env, runF func(*signOptions) error) *cobra.Command {
	opts := &signOptions{}
	cmd := &cobra.Command{
		Use:   "sign REF --key FILE",
		Short: "Sign a bundle that was pushed",
		Long: `Sign the bundle that REF names and attach the signature to it in the registry.
The signature is a Sigstore bundle, so plain cosign verify accepts it.`,
		Example: "    mesh policy sign acme/guardrails:1.0.0 --key acme.key",
		Args:    command.Arguments(1, 1, "a release, namespace/name:version"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if opts.Release, err = parseRelease(args[0]); err != nil {
				return err
			}
			if opts.Key == "" {
				return command.UsageErrorf("with which key? --key FILE is missing").WithHint("make one with `mesh vendor key generate NAME`")
			}
			if runF != nil {
				return runF(opts)
			}
			return signRun(cmd.Context(), env, opts)
		},
	}
	addKey(cmd, &opts.Key)
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, signResult{})
	return cmd
}

func signRun(ctx context.Context, env *command.Env, opts *signOptions) error {
	s, err := session.Open(env, opts.Flags)
	if err != nil {
		return err
	}
	client, err := registry(s, nil)
	if err != nil {
		return err
	}
	digest, err := client.Resolve(ctx, opts.Release.Bundle, opts.Release.Target)
	if err != nil {
		return err
	}
	key, err := loadKey(ctx, env, opts.Key)
	if err != nil {
		return err
	}
	signature, err := sign.Sign(ctx, key, digest)
	if err != nil {
		return err
	}
	result := signResult{Ref: opts.Release.Bundle.String(), Digest: digest, Fingerprint: key.Fingerprint()}
	if result.Signature, err = client.AttachSignature(ctx, opts.Release.Bundle, digest, signature); err != nil {
		return err
	}
	result.listing = awaitListing(ctx, s, opts.Release.Bundle, digest, true)
	if opts.JSON {
		return env.WriteJSON(result)
	}
	_, err = fmt.Fprintf(env.IO.Out, "%s@%s\nsigned by key %s\n", result.Ref, result.Digest, result.Fingerprint)
	printListing(env, opts.Release.Bundle, opts.Release.Target, result.listing)
	return err
}
