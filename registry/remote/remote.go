// Package remote pushes bundles to and pulls them from any registry that
// speaks the OCI distribution API.
//
// A [Client] is for one registry. [Client.Push] stores a packed artifact under
// a tag, [Client.Resolve] asks what a tag points to, [Client.Pull] fetches by
// digest and never by tag, [Client.Signatures] lists what was attached.
// Sizes are enforced while bytes arrive, failures that may pass are retried a
// bounded number of times, and no byte is believed before its digest matched.
//
// The package does not decide whether a bundle is trusted: see registry/trust.
// Standard: OCI distribution specification 1.1; registries without its
// referrers API are served by the referrers tag schema.
package remote

import (
	"context"
	"net/http"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// Options says how to reach a registry. The zero value is anonymous HTTPS
// (plain HTTP on loopback).
type Options struct {
	// PlainHTTP allows HTTP without TLS to a host beyond loopback. Credentials
	// then cross the network readable.
	PlainHTTP bool
	// Token is sent as a bearer token with every request to the registry.
	Token string
	// Username and Password answer the registry's challenge, Basic or token.
	// Token wins over them.
	Username, Password string
	// Client does the requests; nil means [http.DefaultClient]'s transport.
	Client *http.Client
	// Progress is told of every manifest and blob when it begins and ends. It
	// may be called concurrently.
	Progress func(Progress)
}

// Progress is one step of a push or a pull.
type Progress struct {
	Digest    mesh.Digest
	MediaType string
	Size      int64
	Done      bool // false when the transfer begins
	Skipped   bool // the registry had it already
}

// Client talks to one registry. It is safe for concurrent use.
type Client struct{}

// New makes a client for a registry: "host[:port]", or the same behind
// http:// or https://. It does not connect.
func New(host string, opts Options) (*Client, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Push stores the artifact, blobs first, and tags it. It returns the digest.
// A tag that would move is [mesh.CodeConflict].
func (c *Client) Push(ctx context.Context, ref mesh.BundleRef, tag string, a *bundle.Artifact) (mesh.Digest, error) {
	return "", mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Resolve returns the digest a tag points to; a digest is looked up as well.
// [mesh.CodeNotFound] if the registry has neither.
func (c *Client) Resolve(ctx context.Context, ref mesh.BundleRef, tagOrDigest string) (mesh.Digest, error) {
	return "", mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// ListTags returns every tag of the repository, sorted.
func (c *Client) ListTags(ctx context.Context, ref mesh.BundleRef) ([]string, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Pull fetches the bundle with digest d.
func (c *Client) Pull(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) (*bundle.Bundle, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Signatures returns the Sigstore bundles attached to d.
func (c *Client) Signatures(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) ([]trust.Signature, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// AttachSignature attaches a Sigstore bundle to d as cosign does it and
// returns the digest of the attaching manifest.
func (c *Client) AttachSignature(ctx context.Context, ref mesh.BundleRef, d mesh.Digest, sigstoreBundle []byte) (mesh.Digest, error) {
	return "", mesh.Errorf(mesh.CodeUnsupported, "being built")
}
