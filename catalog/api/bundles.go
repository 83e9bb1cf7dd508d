package api

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
)

// Paging are the parameters of every list. It and the others that routes embed
// are exported because huma looks for parameters in exported fields only.
type Paging struct {
	Cursor string `query:"cursor" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"elements in a page; 50 if not given"`
}

// The answer of a list.
type pageOutput[T any] struct{ Body hubapi.Page[T] }

func page[T any](p hubapi.Page[T], err error) (*pageOutput[T], error) {
	if err != nil {
		return nil, err
	}
	return &pageOutput[T]{Body: p}, nil
}

// The answer that is one document.
type output[T any] struct{ Body T }

func one[T any](v T, err error) (*output[T], error) {
	if err != nil {
		return nil, err
	}
	return &output[T]{Body: v}, nil
}

type searchInput struct {
	Paging
	Query     string `query:"q" doc:"words and control ids; misspelt words are corrected"`
	Framework string `query:"framework" doc:"a framework, by any of its names"`
	Control   string `query:"control" doc:"a control, such as gdpr:Art.17, AC-2(1) or 164.312(e)(1)"`
	Vendor    string `query:"vendor" doc:"vendor or namespace"`
	Status    string `query:"status" doc:"verified, unsigned, refused, invalid, yanked, deprecated or any; listed ones if not given"`
}

// BundleInput names a bundle in the path.
type BundleInput struct {
	Namespace string `path:"namespace"`
	Name      string `path:"name"`
}

func (in BundleInput) ref() (mesh.BundleRef, error) {
	return mesh.ParseBundleRef(in.Namespace + "/" + in.Name)
}

func (r *routes) registerBundles() {
	get(r, "/bundles", "search-bundles", "bundles", "Find bundles", r.search)
	get(r, "/bundles/{namespace}/{name}", "get-bundle", "bundles", "One release of a bundle", r.bundle)
	get(r, "/bundles/{namespace}/{name}/versions", "list-versions", "bundles", "The releases of a bundle, newest first", r.versions)
}

func (r *routes) search(ctx context.Context, in *searchInput) (*output[hubapi.SearchResult], error) {
	p := auth.FromContext(ctx)
	return one(r.Search.Find(ctx, p.Tenant, hubapi.SearchQuery{
		Text: in.Query, Framework: mesh.FrameworkID(in.Framework), Control: in.Control, Vendor: in.Vendor,
		Status: in.Status, Cursor: in.Cursor, Limit: in.Limit,
	}, p.SeesPrivate()))
}

// visible hides what the caller may not see as if it were not there.
func (r *routes) visible(ctx context.Context, in BundleInput, version string) (mesh.BundleRef, error) {
	p := auth.FromContext(ctx)
	ref, err := in.ref()
	if err != nil || p.SeesPrivate() {
		return ref, err
	}
	private, err := r.Namespaces.Private(ctx, p.Tenant, ref.Namespace)
	if err == nil && private {
		return ref, catalog.ErrNoBundle(ref, version)
	}
	return ref, err
}

func (r *routes) bundle(ctx context.Context, in *struct {
	BundleInput
	Version string `query:"version" doc:"a version or digest; the newest listed one if not given"`
}) (*output[hubapi.BundleDetail], error) {
	ref, err := r.visible(ctx, in.BundleInput, in.Version)
	if err != nil {
		return nil, err
	}
	return one(r.Bundles.Get(ctx, auth.FromContext(ctx).Tenant, ref, in.Version))
}

func (r *routes) versions(ctx context.Context, in *struct {
	BundleInput
	Paging
}) (*pageOutput[hubapi.Version], error) {
	ref, err := r.visible(ctx, in.BundleInput, "")
	if err != nil {
		return nil, err
	}
	return page(r.Bundles.Versions(ctx, auth.FromContext(ctx).Tenant, ref, in.Cursor, in.Limit))
}
