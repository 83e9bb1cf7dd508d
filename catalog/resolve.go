package catalog

import (
	"context"
	"fmt"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// Tags reads the registry's moving tags.
type Tags interface {
	// Tag returns what a tag of a repository means now. [mesh.CodeNotFound] if
	// there is none.
	Tag(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, tag string) (mesh.Digest, error)
}

// Resolver says which release a subscription means now. It is safe for
// concurrent use.
type Resolver struct {
	releases ReleaseReader
	tags     Tags
}

// NewResolver returns the service.
func NewResolver(releases ReleaseReader, tags Tags) *Resolver {
	return &Resolver{releases: releases, tags: tags}
}

// resolvePage is how many versions are looked at in one go. They come newest
// first, so the first page nearly always has the answer.
const resolvePage = 100

// Resolve returns the release s means. Where nothing does, the digest is
// empty and the reason says why; the error is only for what could not be
// looked up.
func (r *Resolver) Resolve(ctx context.Context, tenant mesh.TenantID, s mesh.Subscription) (hubapi.ResolvedSubscription, error) {
	out := hubapi.ResolvedSubscription{Subscription: s}
	var err error
	switch s.Kind() {
	case mesh.SelectDigest:
		err = r.byDigest(ctx, tenant, mesh.Digest(s.Selector), &out)
	case mesh.SelectChannel:
		err = r.byChannel(ctx, tenant, &out)
	case mesh.SelectLatest:
		err = r.byRange(ctx, tenant, bundle.Range{}, &out)
	case mesh.SelectRange:
		rng, perr := bundle.ParseRange(s.Selector)
		if perr != nil {
			out.Reason = perr.Error()
			return out, nil
		}
		err = r.byRange(ctx, tenant, rng, &out)
	}
	if err != nil {
		return out, fmt.Errorf("resolving %s: %w", s, err)
	}
	return out, nil
}

// trustState identifies what the status of the release that was resolved to
// rests on; empty if there is none.
func (r *Resolver) trustState(ctx context.Context, tenant mesh.TenantID, s hubapi.ResolvedSubscription) (string, error) {
	if s.Digest == "" {
		return "", nil
	}
	state, err := r.releases.TrustState(ctx, tenant, s.Subscription.Bundle, s.Version)
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		return "", nil // removed meanwhile; the next look sees it
	}
	return state, err
}

// byRange takes the highest version in the range that may be followed. A
// yanked version is skipped, as the artifact's contract wants it.
func (r *Resolver) byRange(ctx context.Context, tenant mesh.TenantID, rng bundle.Range, out *hubapi.ResolvedSubscription) error {
	before, seen := "", 0
	for {
		page, err := r.releases.Versions(ctx, tenant, out.Subscription.Bundle, before, resolvePage)
		if err != nil {
			return err
		}
		for _, v := range page {
			parsed, err := bundle.ParseVersion(v.Version)
			if err != nil || !rng.Contains(parsed) {
				continue
			}
			if Followable(v.Status) {
				out.Version, out.Digest, out.Status, out.Reason = v.Version, v.Digest, v.Status, ""
				return nil
			}
			if out.Reason == "" {
				out.Reason = fmt.Sprintf("%s is %s", v.Version, v.Status)
				if v.Reason != "" {
					out.Reason += ": " + v.Reason
				}
			}
		}
		seen += len(page)
		if len(page) < resolvePage {
			break
		}
		before = page[len(page)-1].Version
	}
	switch {
	case seen == 0:
		out.Reason = "there is no bundle " + out.Subscription.Bundle.String()
	case out.Reason == "":
		out.Reason = "no release matches"
	}
	return nil
}

func (r *Resolver) byDigest(ctx context.Context, tenant mesh.TenantID, d mesh.Digest, out *hubapi.ResolvedSubscription) error {
	found, err := r.releases.ReleasesByDigest(ctx, tenant, out.Subscription.Bundle, d)
	if err != nil {
		return err
	}
	for _, rel := range found {
		out.Version, out.Status = rel.Version, rel.Status
		// Asked for by its content, a yanked release is what was asked for.
		if Followable(rel.Status) || rel.Status == hubapi.StatusYanked {
			out.Digest, out.Reason = rel.Digest, ""
			return nil
		}
		out.Reason = fmt.Sprintf("%s is %s: %s", rel.Version, rel.Status, rel.Reason)
	}
	if len(found) == 0 {
		out.Reason = "no release has this content"
	}
	return nil
}

func (r *Resolver) byChannel(ctx context.Context, tenant mesh.TenantID, out *hubapi.ResolvedSubscription) error {
	d, err := r.tags.Tag(ctx, tenant, out.Subscription.Bundle, out.Subscription.Selector)
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		out.Reason = fmt.Sprintf("%s has no channel %s", out.Subscription.Bundle, out.Subscription.Selector)
		return nil
	}
	if err != nil {
		return err
	}
	return r.byDigest(ctx, tenant, d, out)
}
