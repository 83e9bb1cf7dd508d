package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// Push stores the artifact, blobs first, and tags it; an empty tag leaves it
// untagged. It returns the digest. Pushing what is there already succeeds. A
// version that is there with other content is [mesh.CodeConflict], also on a
// registry that would let the tag move: a version means one content forever.
func (c *Client) Push(ctx context.Context, ref mesh.BundleRef, tag string, a *bundle.Artifact) (mesh.Digest, error) {
	repo, err := c.repository(ref)
	if err != nil {
		return "", err
	}
	if err := c.checkImmutable(ctx, ref, tag, a.Digest()); err != nil {
		return "", err
	}
	if err := c.push(ctx, repo, tag, a); err != nil {
		return "", c.wrap(err, "pushing %s/%s:%s", c.host, ref, tag)
	}
	return a.Digest(), nil
}

// checkImmutable refuses to move the tag of a version.
func (c *Client) checkImmutable(ctx context.Context, ref mesh.BundleRef, tag string, d mesh.Digest) error {
	if _, err := bundle.ParseVersion(tag); err != nil {
		return nil // a channel may move
	}
	have, err := c.Resolve(ctx, ref, tag)
	switch {
	case errors.Is(err, &mesh.Error{Code: mesh.CodeNotFound}):
		return nil
	case err != nil:
		return err
	case have != d:
		return mesh.Errorf(mesh.CodeConflict, "%s %s is published already, with other content (%s)", ref, tag, have).
			WithHint("publish the change as a new version")
	}
	return nil
}

// push stores blobs and then the manifest, under its digest if tag is empty.
func (c *Client) push(ctx context.Context, repo *remote.Repository, tag string, a *bundle.Artifact) error {
	for _, desc := range a.Blobs() {
		if err := c.pushBlob(ctx, repo, desc, a); err != nil {
			return fmt.Errorf("blob %s: %w", desc.Digest, err)
		}
	}
	desc := a.Descriptor()
	data, err := a.Manifest(ctx, a.Digest())
	if err != nil {
		return err
	}
	c.report(desc, false, false)
	if tag == "" {
		tag = desc.Digest.String()
	}
	if err := repo.PushReference(ctx, desc, bytes.NewReader(data), tag); err != nil {
		return fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	c.report(desc, true, false)
	return nil
}

func (c *Client) pushBlob(ctx context.Context, repo *remote.Repository, desc ocispec.Descriptor, a *bundle.Artifact) error {
	exists, err := repo.Blobs().Exists(ctx, desc)
	if err != nil {
		return err
	}
	if exists {
		c.report(desc, true, true)
		return nil
	}
	content, err := a.Blob(ctx, desc)
	if err != nil {
		return err
	}
	c.report(desc, false, false)
	if err := errors.Join(repo.Blobs().Push(ctx, desc, content), content.Close()); err != nil {
		return err
	}
	c.report(desc, true, false)
	return nil
}

func (c *Client) report(desc ocispec.Descriptor, done, skipped bool) {
	c.progress(Progress{Digest: mesh.Digest(desc.Digest), MediaType: desc.MediaType, Size: desc.Size, Done: done, Skipped: skipped})
}

// AttachSignature attaches a Sigstore bundle to the bundle with digest d, as
// cosign does it, and returns the digest of the attaching manifest. The bundle
// must be there: [mesh.CodeNotFound]. On a registry without the referrers API
// two processes that attach to the same bundle at the same moment may overwrite
// each other's entry; that is the tag schema's weakness.
func (c *Client) AttachSignature(ctx context.Context, ref mesh.BundleRef, d mesh.Digest, sigstoreBundle []byte) (mesh.Digest, error) {
	repo, err := c.repository(ref)
	if err != nil {
		return "", err
	}
	subject, err := repo.Resolve(ctx, string(d))
	if err != nil {
		return "", c.wrap(err, "looking up %s/%s@%s", c.host, ref, d)
	}
	a, err := bundle.PackSignature(subject, sigstoreBundle, time.Now())
	if err != nil {
		return "", fmt.Errorf("attaching a signature to %s@%s: %w", ref, d, err)
	}
	if err := c.push(ctx, repo, "", a); err != nil {
		return "", c.wrap(err, "attaching a signature to %s/%s@%s", c.host, ref, d)
	}
	return a.Digest(), nil
}
