package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// layoutFile marks the directory of an OCI image layout (OCI image spec 1.1,
// "OCI Image Layout Specification").
const layoutFile = "oci-layout"

// trustFlags say whose signature is wanted.
type trustFlags struct {
	Keys        []string
	TrustPolicy string
}

func addTrustFlags(cmd *cobra.Command, t *trustFlags) {
	flags := cmd.Flags()
	flags.StringArrayVar(&t.Keys, "key", nil, "public key `file` that may have signed; may be repeated")
	flags.StringVar(&t.TrustPolicy, "trust-policy", "", "trust.yaml `file` that says who may sign (env MESH_TRUST_POLICY)")
	command.BindEnv(flags, "trust-policy", "MESH_TRUST_POLICY")
}

// given reports whether anything was said about trust.
func (t trustFlags) given() bool { return len(t.Keys) > 0 || t.TrustPolicy != "" }

// policy returns the trust policy; the keys are trusted for the bundle's
// namespace.
func (t trustFlags) policy(ref mesh.BundleRef) (*trust.Policy, error) {
	if len(t.Keys) == 0 {
		return trust.LoadPolicy(t.TrustPolicy)
	}
	var pems [][]byte
	for _, file := range t.Keys {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, mesh.Errorf(mesh.CodeNotFound, "reading the public key: %w", err)
		}
		if _, err := trust.KeyFingerprint(data); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		pems = append(pems, data)
	}
	return trust.TrustKeys(string(ref.Namespace)+"/**", pems...)
}

// verifyOptions are the arguments of `policy verify`.
type verifyOptions struct {
	session.Flags
	trustFlags
	Target string // as typed: a release or a layout
	JSON   bool
}

// verifyResult is what `policy verify` prints.
type verifyResult struct {
	Ref      string       `json:"ref"` // namespace/name, as signed
	Version  string       `json:"version"`
	Digest   mesh.Digest  `json:"digest"`
	Accepted []acceptance `json:"accepted"`
}

// acceptance says which signature satisfied which policy.
type acceptance struct {
	Policy      string      `json:"policy"`
	Authority   string      `json:"authority"`
	Fingerprint string      `json:"fingerprint"`
	Signature   mesh.Digest `json:"signature"`
}

func newCmdVerify(env *command.Env, runF func(*verifyOptions) error) *cobra.Command {
	opts := &verifyOptions{}
	cmd := &cobra.Command{
		Use:   "verify REF|DIR[:TAG]",
		Short: "Check who signed a bundle",
		Long: `Check that a bundle, in a hub or in an OCI image layout on disk, is what its
name says and is signed by whom you trust: the keys given with --key, or what a
trust policy says. Nothing is taken from the hub on trust.

Exit code 5 says that the signature is refused, and the message who signed and
who was expected.`,
		Example: `    mesh policy verify acme/guardrails:1.0.0 --key acme.pub
    mesh policy verify dist:1.0.0 --trust-policy trust.yaml`,
		Args: command.Arguments(1, 1, "a release or the directory of an image layout"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Target = args[0]
			switch {
			case !opts.given():
				return command.UsageErrorf("whom do you trust? --key FILE or --trust-policy FILE is missing")
			case len(opts.Keys) > 0 && opts.TrustPolicy != "" && command.Typed(cmd, "trust-policy"):
				return command.UsageErrorf("--key and --trust-policy exclude each other")
			}
			if runF != nil {
				return runF(opts)
			}
			return verifyRun(cmd.Context(), env, opts)
		},
	}
	addTrustFlags(cmd, &opts.trustFlags)
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, verifyResult{})
	return cmd
}

// found is a bundle with its signatures, as it was found somewhere.
type found struct {
	bundle     *bundle.Bundle
	expect     publish.Expect // what the place says it is
	signatures []trust.Signature
}

func verifyRun(ctx context.Context, env *command.Env, opts *verifyOptions) error {
	f, err := find(ctx, env, opts)
	if err != nil {
		return err
	}
	result, err := f.verify(ctx, opts.trustFlags)
	if err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	_, _ = fmt.Fprintf(env.IO.Out, "%s %s:%s\n%s\n", env.IO.Paint(iostreams.Green, "verified"), result.Ref, result.Version, result.Digest)
	for _, a := range result.Accepted {
		_, _ = fmt.Fprintf(env.IO.Out, "for %s: signed by %s\n", a.Policy, signer(a))
	}
	return nil
}

func signer(a acceptance) string {
	if a.Authority == a.Fingerprint || a.Authority == "" {
		return "key " + a.Fingerprint
	}
	return a.Authority + " (key " + a.Fingerprint + ")"
}

// verify compares the bundle with its place and checks its signatures.
func (f *found) verify(ctx context.Context, t trustFlags) (*verifyResult, error) {
	policy, err := t.policy(f.bundle.Config.Ref())
	if err != nil {
		return nil, err
	}
	if err := f.expect.Verify(f.bundle); err != nil {
		return nil, err
	}
	ref := f.bundle.Config.Ref()
	verdict, err := policy.Verify(ctx, trust.Subject{Bundle: ref, Digest: f.bundle.Digest}, f.signatures)
	if err != nil {
		return nil, err
	}
	result := &verifyResult{Ref: ref.String(), Version: f.bundle.Config.Version, Digest: f.bundle.Digest, Accepted: []acceptance{}}
	for _, a := range verdict.Accepted {
		result.Accepted = append(result.Accepted, acceptance{a.Policy, a.Authority, a.KeyFingerprint, a.Referrer})
	}
	return result, nil
}

// find reads the bundle and its signatures from a layout or a registry.
func find(ctx context.Context, env *command.Env, opts *verifyOptions) (*found, error) {
	dir, tag, _ := strings.Cut(opts.Target, ":")
	if _, err := os.Stat(filepath.Join(dir, layoutFile)); err == nil {
		return findInLayout(ctx, dir, tag)
	} else if info, err := os.Stat(dir); err == nil && info.IsDir() && !strings.Contains(opts.Target, ":") {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%s is no OCI image layout", dir).WithHint("`mesh policy build` makes one, and so does `oras copy --to-oci-layout`")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(dir, err)
	}
	r, err := parseRelease(opts.Target)
	if err != nil {
		return nil, err
	}
	s, err := session.Open(env, opts.Flags)
	if err != nil {
		return nil, err
	}
	progress := env.IO.Progress()
	defer progress.Done()
	return fetch(ctx, s, r, progress)
}

// fetch reads a release from the registry, by digest.
func fetch(ctx context.Context, s *session.Session, r release, progress *iostreams.Progress) (*found, error) {
	client, err := registry(s, progress)
	if err != nil {
		return nil, err
	}
	digest, err := client.Resolve(ctx, r.Bundle, r.Target)
	if err != nil {
		return nil, err
	}
	b, err := client.Pull(ctx, r.Bundle, digest)
	if err != nil {
		return nil, err
	}
	signatures, err := client.Signatures(ctx, r.Bundle, digest)
	if err != nil {
		return nil, err
	}
	return &found{bundle: b, expect: publish.Expect{Ref: r.Bundle, Version: r.version()}, signatures: signatures}, nil
}

// findInLayout reads the bundle with a tag from an image layout; without one
// the only bundle there is.
func findInLayout(ctx context.Context, dir, tag string) (*found, error) {
	layout, err := bundle.OpenLayout(dir)
	if err != nil {
		return nil, err
	}
	tags := layout.Tags()
	names := slices.Sorted(maps.Keys(tags))
	if tag == "" && len(names) == 1 {
		tag = names[0]
	}
	digest, ok := tags[tag]
	if !ok {
		err := mesh.Errorf(mesh.CodeNotFound, "layout %s has no tag %q", dir, tag)
		if tag == "" {
			err = mesh.Errorf(mesh.CodeInvalid, "layout %s holds more than one bundle, or none", dir)
		}
		return nil, err.WithHint("write " + dir + ":TAG; it has " + strings.Join(names, ", "))
	}
	b, err := bundle.Read(ctx, layout, digest)
	if err != nil {
		return nil, err
	}
	referrers, err := layout.Referrers(ctx, digest)
	if err != nil {
		return nil, err
	}
	signatures, err := trust.Collect(ctx, layout, digest, referrers)
	if err != nil {
		return nil, err
	}
	return &found{bundle: b, expect: publish.Expect{Version: release{Target: tag}.version()}, signatures: signatures}, nil
}
