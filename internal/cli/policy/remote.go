package policy

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/passphrase"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/remote"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// release names one release in a registry.
type release struct {
	Bundle mesh.BundleRef
	Target string // a tag or a digest
}

// parseRelease reads NAMESPACE/NAME:VERSION or NAMESPACE/NAME@DIGEST. A moving
// tag such as latest or stable may stand for the version.
func parseRelease(s string) (release, error) {
	name, target, found := strings.Cut(s, "@")
	if found {
		if _, err := mesh.ParseDigest(target); err != nil {
			return release{}, command.Usage(err)
		}
	} else if name, target, found = strings.Cut(s, ":"); !found || target == "" {
		return release{}, command.UsageErrorf("%q does not say which release", s).
			WithHint("write namespace/name:version or namespace/name@sha256:…; `mesh catalog versions " + name + "` lists the versions")
	}
	ref, err := mesh.ParseBundleRef(name)
	if err != nil {
		return release{}, command.Usage(err)
	}
	return release{Bundle: ref, Target: target}, nil
}

// version returns the version that the release is asked for by; empty for a
// digest or a tag that is no version.
func (r release) version() string {
	if _, err := bundle.ParseVersion(r.Target); err != nil {
		return ""
	}
	return r.Target
}

// registry connects to the registry of the session's hub, which has the hub's
// address. progress may be nil.
func registry(s *session.Session, progress *iostreams.Progress) (*remote.Client, error) {
	opts := remote.Options{PlainHTTP: s.Hub.Scheme == "http", Token: s.Token}
	if progress != nil {
		opts.Progress = func(p remote.Progress) {
			if !p.Done {
				progress.Step("%s (%d bytes)", shortDigest(p.Digest), p.Size)
			}
		}
	}
	return remote.New(s.Hub.String(), opts)
}

// shortDigest is enough of a digest to recognize it.
func shortDigest(d mesh.Digest) string {
	const enough = len("sha256:") + 12
	return string(d[:min(len(d), enough)])
}

// addKey adds --key to a command that signs.
func addKey(cmd *cobra.Command, target *string) {
	cmd.Flags().StringVar(target, "key", "", "private key `file`, as `mesh vendor key generate` and cosign make it (password: COSIGN_PASSWORD)")
}

// loadKey reads a private key, asking for its password where that is needed.
func loadKey(ctx context.Context, env *command.Env, file string) (*sign.Key, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, mesh.Errorf(mesh.CodeNotFound, "reading the key: %w", err).WithHint("make one with `mesh vendor key generate NAME`, or name another with --key")
	}
	password, err := passphrase.Get(ctx, env, file)
	if err != nil {
		return nil, err
	}
	key, err := sign.LoadKey(file, password)
	if err != nil {
		return nil, fmt.Errorf("opening the key: %w", err)
	}
	return key, nil
}
