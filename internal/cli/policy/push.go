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

// pushOptions are the arguments of `policy push`.
type pushOptions struct {
	baseFlags
	Path string
	Ref  string
	Sign bool
	Key  string
	JSON bool
}

// pushResult is what `policy push` prints.
type pushResult struct {
	Ref         string      `json:"ref"` // namespace/name
	Version     string      `json:"version"`
	Digest      mesh.Digest `json:"digest"`
	Hub         string      `json:"hub"`
	Signed      bool        `json:"signed"`
	Signature   mesh.Digest `json:"signature,omitzero"`   // of the manifest that attaches it
	Fingerprint string      `json:"fingerprint,omitzero"` // of the key
	listing
	Warnings []mesh.Finding `json:"warnings"`
}

func newCmdPush(env *command.Env, runF func(*pushOptions) error) *cobra.Command {
	opts := &pushOptions{}
	cmd := &cobra.Command{
		Use:   "push PATH",
		Short: "Publish a policy bundle",
		Long: `Check a policy, run its cases, pack it and push it to a hub, under the name and
version in its bundle.yaml or in --ref. With --sign it is signed as well, as
cosign would do it. A policy that fails is not pushed, and a version that was
published never changes.

The hub lists a release as verified once it is signed by a key that is
registered for its namespace: see mesh vendor key add.`,
		Example: `    mesh policy push . --sign --key acme.key
    mesh policy push policy.yaml --ref acme/guardrails:1.0.0`,
		Args: command.Arguments(1, 1, "a directory or policy file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Path = args[0]
			if err := checkRef(opts.Ref); err != nil {
				return err
			}
			if err := opts.checkBases(); err != nil {
				return err
			}
			if opts.Sign != (opts.Key != "") {
				return command.UsageErrorf("--sign and --key go together").WithHint("for example --sign --key acme.key")
			}
			if runF != nil {
				return runF(opts)
			}
			return pushRun(cmd.Context(), env, opts)
		},
	}
	addRef(cmd, &opts.Ref)
	cmd.Flags().BoolVar(&opts.Sign, "sign", false, "sign what was pushed")
	addKey(cmd, &opts.Key)
	addBase(cmd, &opts.baseFlags)
	command.AddJSON(cmd, &opts.JSON, pushResult{})
	return cmd
}

func pushRun(ctx context.Context, env *command.Env, opts *pushOptions) error {
	s, err := session.Open(env, opts.Flags)
	if err != nil {
		return err
	}
	p, err := pack(ctx, env, opts.Path, opts.Ref, opts.baseFlags)
	if err != nil {
		return err
	}
	result := pushResult{
		Ref: p.source.Ref.String(), Version: p.source.Version.String(), Digest: p.artifact.Digest(),
		Hub: s.Hub.String(), Warnings: p.warnings,
	}
	// The key is opened before anything is pushed: a wrong password should not
	// leave an unsigned release behind.
	var signature []byte
	if opts.Sign {
		key, err := loadKey(ctx, env, opts.Key)
		if err != nil {
			return err
		}
		if signature, err = sign.Sign(ctx, key, result.Digest); err != nil {
			return err
		}
		result.Signed, result.Fingerprint = true, key.Fingerprint()
	}
	if err := transfer(ctx, env, s, p, signature, &result); err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	return printPush(env, p.source.Ref, result)
}

// transfer pushes the bundle and then its signature, if there is one, and asks
// what the hub makes of them.
func transfer(ctx context.Context, env *command.Env, s *session.Session, p *packed, signature []byte, result *pushResult) error {
	progress := env.IO.Progress()
	defer progress.Done()
	client, err := registry(s, progress)
	if err != nil {
		return err
	}
	if _, err := client.Push(ctx, p.source.Ref, result.Version, p.artifact); err != nil {
		return err
	}
	if signature != nil {
		progress.Step("attaching the signature")
		result.Signature, err = client.AttachSignature(ctx, p.source.Ref, result.Digest, signature)
		if err != nil {
			return mesh.Errorf(mesh.CodeOf(err), "%s:%s was pushed, but not its signature: %w", result.Ref, result.Version, err).
				WithHint("push it again with the same key, or run `mesh policy sign " + result.Ref + ":" + result.Version + " --key FILE`")
		}
	}
	progress.Step("waiting for the hub to look at it")
	result.listing = awaitListing(ctx, s, p.source.Ref, result.Digest, result.Signed)
	return nil
}

func printPush(env *command.Env, ref mesh.BundleRef, r pushResult) error {
	_, err := fmt.Fprintf(env.IO.Out, "%s:%s\n%s\nat %s\n", r.Ref, r.Version, r.Digest, r.Hub)
	if err == nil && r.Signed {
		_, err = fmt.Fprintf(env.IO.Out, "signed by key %s\n", r.Fingerprint)
	}
	printListing(env, ref, r.Version, r.listing)
	return err
}
