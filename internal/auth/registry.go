package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// TokenPath is where clients exchange credentials for a registry token.
const TokenPath = "/v2/token"

// Visibility says whether a namespace may be read by anybody.
type Visibility interface {
	// Private reports whether only the tenant's own callers may read the
	// namespace. One that does not exist is not private: there is nothing to
	// hide.
	Private(ctx context.Context, tenant mesh.TenantID, ns mesh.Namespace) (bool, error)
}

// Registry guards the OCI registry. It takes a hub's tokens as bearer token
// or as the password of Basic authentication with any user name, and the
// short-lived tokens it issues itself. It is safe for concurrent use.
type Registry struct {
	auth       *Authenticator
	issuer     *Issuer
	visibility Visibility
	publicURL  string
	now        func() time.Time
}

// NewRegistry returns the guard. publicURL is how clients reach the hub
// ("https://hub.example.com"); if it is empty, it is what each of them asked
// for.
func NewRegistry(a *Authenticator, issuer *Issuer, v Visibility, publicURL string) *Registry {
	return &Registry{auth: a, issuer: issuer, visibility: v, publicURL: strings.TrimSuffix(publicURL, "/"), now: time.Now}
}

// identify returns who sent r and, where the credentials are a registry token,
// to what it is limited; scoped is false where they are not.
func (g *Registry) identify(r *http.Request) (p Principal, grants []Grant, scoped bool, err error) {
	c, err := parseCredentials(r)
	switch {
	case err != nil:
		return Principal{}, nil, false, err
	case c.scheme == "":
		return Anonymous(g.auth.tenant), nil, false, nil
	case c.scheme == schemeBearer && strings.Contains(c.secret, "."):
		p, grants, err = g.issuer.verify(c.secret, g.now())
		return p, grants, true, err
	}
	p, err = g.auth.Token(r.Context(), c.secret)
	return p, nil, false, err
}

// Authorize decides whether a request may take an action in a repository; nil
// allows it. With an empty repository the action is "ping", which asks whether
// the credentials are valid, or "catalog", the list of repositories, which is
// an administrator's. [mesh.CodeUnauthenticated] asks for other credentials,
// [mesh.CodeForbidden] is final.
func (g *Registry) Authorize(r *http.Request, repository, action string) error {
	p, grants, scoped, err := g.identify(r)
	if err != nil {
		return err
	}
	if repository == "" {
		return g.authorizeRoot(p, scoped, action)
	}
	if err := g.permit(r.Context(), p, repository, action); err != nil {
		return err
	}
	if scoped && !allows(grants, repository, action) {
		return mesh.Errorf(mesh.CodeUnauthenticated, "the registry token was issued for something else")
	}
	return nil
}

// authorizeRoot decides about what belongs to no repository. Without
// credentials a ping is refused, or `login` could not tell a wrong password.
func (g *Registry) authorizeRoot(p Principal, scoped bool, action string) error {
	if action != "ping" {
		return p.RequireAdmin()
	}
	if scoped {
		return nil // an anonymous client that did what the challenge said
	}
	return p.RequireKnown()
}

// permit decides by who asks, without regard to the token's own limits.
func (g *Registry) permit(ctx context.Context, p Principal, repository, action string) error {
	ns, _, _ := strings.Cut(repository, "/")
	if action != ActionPull {
		if err := p.RequireAdmin(); err != nil {
			return fmt.Errorf("writing to %s: %w", repository, err)
		}
		return nil
	}
	if p.SeesPrivate() {
		return nil
	}
	private, err := g.visibility.Private(ctx, p.Tenant, mesh.Namespace(ns))
	if err != nil {
		return err
	}
	if private {
		return errUnauthenticated("reading " + repository + " needs a token")
	}
	return nil
}

// Challenge returns the values of WWW-Authenticate for a request that needs
// credentials (distribution specification, token authentication; RFC 6750).
func (g *Registry) Challenge(r *http.Request, repository, action string) []string {
	challenge := fmt.Sprintf("Bearer realm=%q,service=%q", g.base(r)+TokenPath, Service)
	switch {
	case repository != "":
		actions := action
		if action == ActionPush {
			actions = ActionPull + "," + ActionPush // a client that pushes looks first
		}
		challenge += fmt.Sprintf(",scope=%q", scopeRepository+":"+repository+":"+actions)
	case action == "catalog":
		challenge += `,scope="registry:catalog:*"`
	}
	return []string{challenge}
}

// base returns the address the client reaches the hub at.
func (g *Registry) base(r *http.Request) string {
	if g.publicURL != "" {
		return g.publicURL
	}
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// The limits of a token request.
const (
	maxScopes      = 32
	maxScopeLength = 512
)

const scopeRepository = "repository"

// tokenResponse is the answer of the token endpoint. Old clients read Token,
// OAuth clients AccessToken; they are the same.
type tokenResponse struct {
	Token       string    `json:"token"`
	AccessToken string    `json:"access_token"`
	ExpiresIn   int       `json:"expires_in"` // seconds
	IssuedAt    time.Time `json:"issued_at"`
}

// ServeToken answers GET /v2/token?service=…&scope=…: a token for what the
// caller asked for and may do. It grants less than asked where the caller may
// do less, as the specification wants it; the registry then refuses. Errors
// are returned, nothing is written then.
func (g *Registry) ServeToken(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		return mesh.Errorf(mesh.CodeUnsupported, "tokens are issued to GET with Basic credentials")
	}
	p, _, scoped, err := g.identify(r)
	if err != nil {
		return err
	}
	if scoped {
		return mesh.Errorf(mesh.CodeUnauthenticated, "a registry token does not get another one").WithHint("log in again")
	}
	q := r.URL.Query()
	if s := q.Get("service"); s != "" && s != Service {
		return mesh.Errorf(mesh.CodeInvalid, "this is not the service %q", s).WithHint("use the realm and service of the challenge")
	}
	grants, err := g.grant(r.Context(), p, q["scope"])
	if err != nil {
		return err
	}
	now := g.now()
	token, err := g.issuer.issue(p, grants, now)
	if err != nil {
		return err
	}
	body, err := json.Marshal(tokenResponse{token, token, int(TokenLifetime / time.Second), now.UTC().Truncate(time.Second)})
	if err != nil {
		return fmt.Errorf("encoding a token: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(append(body, '\n'))
	return err
}

// grant returns the part of the requested scopes that p may have.
func (g *Registry) grant(ctx context.Context, p Principal, scopes []string) ([]Grant, error) {
	grants := []Grant{}
	asked, err := parseScopes(scopes)
	if err != nil {
		return nil, err
	}
	for _, want := range asked {
		have := Grant{Type: want.Type, Name: want.Name, Actions: []string{}}
		for _, action := range want.Actions {
			switch err := g.permit(ctx, p, want.Name, action); mesh.CodeOf(err) {
			case "":
				have.Actions = append(have.Actions, action)
			case mesh.CodeUnauthenticated, mesh.CodeForbidden:
			default:
				return nil, err
			}
		}
		if len(have.Actions) > 0 {
			grants = append(grants, have)
		}
	}
	return grants, nil
}

// parseScopes reads the scope parameters: each a space-separated list of
// "repository:namespace/name:pull,push". Scopes of other types, such as
// "registry:catalog:*", grant nothing and are left out; the same repository
// may be named repeatedly.
func parseScopes(params []string) ([]Grant, error) {
	var grants []Grant
	index := map[string]int{}
	count := 0
	for _, param := range params {
		for scope := range strings.FieldsSeq(param) {
			if count++; count > maxScopes || len(scope) > maxScopeLength {
				return nil, mesh.Errorf(mesh.CodeInvalid, "more than %d scopes, or one longer than %d bytes", maxScopes, maxScopeLength)
			}
			typ, rest, _ := strings.Cut(scope, ":")
			cut := strings.LastIndexByte(rest, ':')
			if typ != scopeRepository || cut <= 0 {
				continue
			}
			name := rest[:cut]
			at, seen := index[name]
			if !seen {
				at = len(grants)
				index[name] = at
				grants = append(grants, Grant{Type: typ, Name: name})
			}
			for action := range strings.SplitSeq(rest[cut+1:], ",") {
				grants[at].add(action)
			}
		}
	}
	return grants, nil
}

// add adds an action; "*" stands for all of them.
func (g *Grant) add(action string) {
	actions := []string{action}
	if action == "*" {
		actions = []string{ActionPull, ActionPush, ActionDelete}
	}
	for _, a := range actions {
		known := a == ActionPull || a == ActionPush || a == ActionDelete
		if known && !slices.Contains(g.Actions, a) {
			g.Actions = append(g.Actions, a)
		}
	}
}
