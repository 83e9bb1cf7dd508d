package auth

import (
	"context"
	"net/http"
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// maxCredentialLength bounds an Authorization header. A signed registry token
// for a handful of repositories stays well below.
const maxCredentialLength = 8 << 10

// Authenticator makes principals of credentials. It is safe for concurrent
// use.
type Authenticator struct {
	tokens TokenStore
	tenant mesh.TenantID
}

// NewAuthenticator returns an authenticator over store. Callers without
// credentials see what is public of tenant.
func NewAuthenticator(store TokenStore, tenant mesh.TenantID) *Authenticator {
	return &Authenticator{tokens: store, tenant: tenant}
}

// Request returns who sent r: the principal of its bearer token, or an
// anonymous one where there is no Authorization header. Credentials that are
// not valid are [mesh.CodeUnauthenticated], never anonymous: a caller who
// meant to be known must not silently see less.
func (a *Authenticator) Request(r *http.Request) (Principal, error) {
	c, err := parseCredentials(r)
	if err != nil {
		return Principal{}, err
	}
	switch c.scheme {
	case "":
		return Anonymous(a.tenant), nil
	case schemeBearer:
		return a.Token(r.Context(), c.secret)
	}
	return Principal{}, mesh.Errorf(mesh.CodeUnauthenticated, "the API does not take %s authentication", c.scheme).
		WithHint("send the token as `Authorization: Bearer …`")
}

// Token returns the principal a token stands for, or
// [mesh.CodeUnauthenticated].
func (a *Authenticator) Token(ctx context.Context, secret string) (Principal, error) {
	t, err := ParseToken(secret)
	if err != nil {
		return Principal{}, err
	}
	return lookup(ctx, a.tokens, t)
}

const (
	schemeBearer = "Bearer"
	schemeBasic  = "Basic"
)

// credentials is an Authorization header, taken apart. scheme is empty where
// there is none.
type credentials struct {
	scheme string
	secret string // the bearer token, or the password
}

// parseCredentials reads the Authorization header (RFC 9110 section 11.6.2).
func parseCredentials(r *http.Request) (credentials, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return credentials{}, nil
	}
	if len(values) > 1 || len(values[0]) > maxCredentialLength {
		return credentials{}, mesh.Errorf(mesh.CodeUnauthenticated, "the request has more than one or a too long Authorization header")
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	switch {
	case strings.EqualFold(scheme, schemeBearer):
		return credentials{schemeBearer, strings.TrimSpace(rest)}, nil
	case strings.EqualFold(scheme, schemeBasic):
		_, password, ok := r.BasicAuth()
		if !ok {
			return credentials{}, mesh.Errorf(mesh.CodeUnauthenticated, "the Basic credentials are not base64 of user:password")
		}
		return credentials{schemeBasic, password}, nil
	}
	return credentials{}, mesh.Errorf(mesh.CodeUnauthenticated, "the authentication scheme is not supported").
		WithHint("send the token as `Authorization: Bearer …`")
}
