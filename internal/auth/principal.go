package auth

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
)

// Kind says what sort of caller a [Principal] is.
type Kind string

// The kinds of principal.
const (
	KindAnonymous Kind = "anonymous"
	KindAdmin     Kind = "admin"
	KindRuntime   Kind = "runtime"
)

// Principal is who calls. The zero value may do nothing.
type Principal struct {
	Kind    Kind
	Tenant  mesh.TenantID
	Runtime mesh.RuntimeID // of KindRuntime only
}

// Anonymous is a caller without credentials. It sees what is public of the
// tenant.
func Anonymous(tenant mesh.TenantID) Principal {
	return Principal{Kind: KindAnonymous, Tenant: tenant}
}

// String names the principal without secrets: "admin", "runtime:rt_…",
// "anonymous".
func (p Principal) String() string {
	if p.Kind == KindRuntime {
		return string(p.Kind) + ":" + string(p.Runtime)
	}
	return string(p.Kind)
}

// Known reports whether the caller showed valid credentials.
func (p Principal) Known() bool { return p.Kind == KindAdmin || p.Kind == KindRuntime }

// SeesPrivate reports whether the caller may read what is not public of its
// tenant.
func (p Principal) SeesPrivate() bool { return p.Known() }

// RequireAdmin returns nil for an administrator, else
// [mesh.CodeUnauthenticated] or [mesh.CodeForbidden].
func (p Principal) RequireAdmin() error {
	switch p.Kind {
	case KindAdmin:
		return nil
	case KindRuntime:
		return mesh.Errorf(mesh.CodeForbidden, "a runtime's token is not enough for this").
			WithHint("use an administrator's token: MESH_TOKEN, --token-file or `mesh login`")
	}
	return errUnauthenticated("this needs an administrator's token")
}

// RequireKnown returns nil for a caller with credentials, else
// [mesh.CodeUnauthenticated].
func (p Principal) RequireKnown() error {
	if p.Known() {
		return nil
	}
	return errUnauthenticated("this needs a token")
}

// RequireRuntime returns nil for an administrator and for the runtime itself,
// else [mesh.CodeUnauthenticated] or [mesh.CodeForbidden].
func (p Principal) RequireRuntime(id mesh.RuntimeID) error {
	switch {
	case p.Kind == KindAdmin, p.Kind == KindRuntime && p.Runtime == id:
		return nil
	case p.Kind == KindRuntime:
		return mesh.Errorf(mesh.CodeForbidden, "this token belongs to another runtime").
			WithHint("use the token that enrolling this runtime returned")
	}
	return errUnauthenticated("this needs the runtime's token")
}

func errUnauthenticated(what string) error {
	return mesh.Errorf(mesh.CodeUnauthenticated, "%s", what).
		WithHint("send it as `Authorization: Bearer …`; the administrator's is in the file admin-token of the hub's data directory")
}

type principalKey struct{}

// WithPrincipal returns a context that carries p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the principal of a request; the zero value, which may
// do nothing, if none was set.
func FromContext(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
