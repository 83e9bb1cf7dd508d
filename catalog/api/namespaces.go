package api

import (
	"context"
	"net/http"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
)

// NamespaceInput names a namespace in the path.
type NamespaceInput struct {
	Namespace string `path:"namespace"`
}

func (r *routes) registerNamespaces() {
	get(r, "/namespaces", "list-namespaces", "namespaces", "The namespaces, by name", r.listNamespaces)
	send[hubapi.NamespaceRequest](r, http.MethodPost, "/namespaces", "put-namespace", "namespaces",
		"Create a namespace or change its visibility", http.StatusOK, r.putNamespace)
	get(r, "/namespaces/{namespace}/keys", "list-keys", "namespaces", "The keys a namespace's releases are verified against", r.keys)
	send[hubapi.KeyRequest](r, http.MethodPost, "/namespaces/{namespace}/keys", "add-key", "namespaces",
		"Register a signing key; creates the namespace", http.StatusCreated, r.addKey)
	handle(r, operation(http.MethodDelete, "/namespaces/{namespace}/keys/{fingerprint}", "revoke-key", "namespaces",
		"End the use of a signing key"), nil, r.revokeKey)
}

func (r *routes) listNamespaces(ctx context.Context, in *Paging) (*pageOutput[hubapi.NamespaceInfo], error) {
	p := auth.FromContext(ctx)
	return page(r.Namespaces.List(ctx, p.Tenant, p.SeesPrivate(), in.Cursor, in.Limit))
}

func (r *routes) putNamespace(ctx context.Context, in *JSONBody) (*output[hubapi.NamespaceInfo], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	req, err := decode[hubapi.NamespaceRequest](*in)
	if err != nil {
		return nil, err
	}
	return one(r.Namespaces.Put(ctx, p.Tenant, req))
}

func (r *routes) keys(ctx context.Context, in *NamespaceInput) (*pageOutput[hubapi.Key], error) {
	p := auth.FromContext(ctx)
	ns := mesh.Namespace(in.Namespace)
	if !p.SeesPrivate() {
		private, err := r.Namespaces.Private(ctx, p.Tenant, ns)
		if err != nil {
			return nil, err
		}
		if private {
			return nil, catalog.ErrNoNamespace(ns)
		}
	}
	return page(r.Namespaces.Keys(ctx, p.Tenant, ns))
}

func (r *routes) addKey(ctx context.Context, in *struct {
	NamespaceInput
	JSONBody
}) (*output[hubapi.Key], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	req, err := decode[hubapi.KeyRequest](in.JSONBody)
	if err != nil {
		return nil, err
	}
	return one(r.Namespaces.AddKey(ctx, p.Tenant, mesh.Namespace(in.Namespace), req.PublicKey))
}

func (r *routes) revokeKey(ctx context.Context, in *struct {
	NamespaceInput
	Fingerprint string `path:"fingerprint"`
}) (*output[hubapi.Key], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	return one(r.Namespaces.RevokeKey(ctx, p.Tenant, mesh.Namespace(in.Namespace), in.Fingerprint))
}
