package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// Resolve returns the digest a tag points to; a digest is looked up as well.
// [mesh.CodeNotFound] if the registry has neither.
func (c *Client) Resolve(ctx context.Context, ref mesh.BundleRef, tagOrDigest string) (mesh.Digest, error) {
	repo, err := c.repository(ref)
	if err != nil {
		return "", err
	}
	desc, err := repo.Resolve(ctx, tagOrDigest)
	if err != nil {
		return "", c.wrap(err, "looking up %s/%s:%s", c.host, ref, tagOrDigest)
	}
	d, err := mesh.ParseDigest(string(desc.Digest))
	if err != nil {
		return "", c.wrap(err, "looking up %s/%s:%s", c.host, ref, tagOrDigest)
	}
	return d, nil
}

// ListTags returns every tag of the repository, sorted.
func (c *Client) ListTags(ctx context.Context, ref mesh.BundleRef) ([]string, error) {
	repo, err := c.repository(ref)
	if err != nil {
		return nil, err
	}
	var tags []string
	err = repo.Tags(ctx, "", func(page []string) error {
		tags = append(tags, page...)
		return nil
	})
	if err != nil {
		return nil, c.wrap(err, "listing the tags of %s/%s", c.host, ref)
	}
	slices.Sort(tags)
	return tags, nil
}

// Pull fetches the bundle with digest d, within the limits of
// registry/bundle. It is well-formed, not yet trusted.
func (c *Client) Pull(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) (*bundle.Bundle, error) {
	f, err := c.fetcher(ref)
	if err != nil {
		return nil, err
	}
	b, err := again(ctx, func() (*bundle.Bundle, error) { return bundle.Read(ctx, f, d) })
	if err != nil {
		return nil, c.wrap(err, "pulling %s/%s@%s", c.host, ref, d)
	}
	return b, nil
}

// Signatures returns the Sigstore bundles attached to the bundle with digest d,
// at most [trust.MaxSignatures]. None is no error.
func (c *Client) Signatures(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) ([]trust.Signature, error) {
	if _, err := mesh.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	f, err := c.fetcher(ref)
	if err != nil {
		return nil, err
	}
	signatures, err := again(ctx, func() ([]trust.Signature, error) {
		referrers, err := f.referrers(ctx, d)
		if err != nil {
			return nil, err
		}
		return trust.Collect(ctx, f, d, referrers)
	})
	if err != nil {
		return nil, c.wrap(err, "reading the signatures of %s/%s@%s", c.host, ref, d)
	}
	return signatures, nil
}

// again repeats a transfer whose connection broke. The retries of the HTTP
// client end when a response begins; this is for what breaks behind that.
func again[T any](ctx context.Context, transfer func() (T, error)) (T, error) {
	for attempt := 0; ; attempt++ {
		v, err := transfer()
		if err == nil || attempt == maxRetries || !broken(err) || ctx.Err() != nil {
			return v, err
		}
	}
}

// fetcher is the content of one repository.
type fetcher struct {
	client *Client
	repo   *remote.Repository
}

func (c *Client) fetcher(ref mesh.BundleRef) (*fetcher, error) {
	repo, err := c.repository(ref)
	if err != nil {
		return nil, err
	}
	return &fetcher{client: c, repo: repo}, nil
}

// referrers lists what names d as its subject.
func (f *fetcher) referrers(ctx context.Context, d mesh.Digest) ([]ocispec.Descriptor, error) {
	var out []ocispec.Descriptor
	errEnough := errors.New("enough referrers")
	subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(d)}
	err := f.repo.Referrers(ctx, subject, "", func(page []ocispec.Descriptor) error {
		if out = append(out, page...); len(out) >= maxReferrers {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, f.client.wrap(err, "listing referrers")
	}
	return out, nil
}

// Manifest implements [bundle.Fetcher].
func (f *fetcher) Manifest(ctx context.Context, d mesh.Digest) ([]byte, error) {
	desc, rc, err := f.repo.Manifests().FetchReference(ctx, string(d))
	if err != nil {
		return nil, f.client.wrap(err, "fetching the manifest")
	}
	f.client.report(desc, false, false)
	data, err := io.ReadAll(io.LimitReader(rc, bundle.MaxManifestSize+1))
	if err := errors.Join(err, rc.Close()); err != nil {
		return nil, f.client.wrap(err, "fetching the manifest")
	}
	if len(data) > bundle.MaxManifestSize {
		return nil, mesh.Errorf(mesh.CodeTooLarge, "manifest %s has more than the %d bytes allowed", d, bundle.MaxManifestSize)
	}
	f.client.report(desc, true, false)
	return data, nil
}

// Blob implements [bundle.Fetcher].
func (f *fetcher) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	rc, err := f.repo.Blobs().Fetch(ctx, desc)
	if err != nil {
		return nil, f.client.wrap(err, "fetching the blob")
	}
	f.client.report(desc, false, false)
	return &reportedBlob{rc, func() { f.client.report(desc, true, false) }}, nil
}

// reportedBlob says when a blob was read.
type reportedBlob struct {
	io.ReadCloser
	done func()
}

func (b *reportedBlob) Close() error {
	b.done()
	if err := b.ReadCloser.Close(); err != nil {
		return fmt.Errorf("closing the blob: %w", err)
	}
	return nil
}
