package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
)

// memory keeps tokens in memory.
type memory map[Hash]StoredToken

func (m memory) Token(_ context.Context, h Hash) (StoredToken, error) {
	t, ok := m[h]
	if !ok {
		return t, mesh.Errorf(mesh.CodeNotFound, "no such token")
	}
	return t, nil
}

func (m memory) PutToken(_ context.Context, t StoredToken) error {
	m[t.Hash] = t
	return nil
}

func (m memory) HasAdmin(_ context.Context, tenant mesh.TenantID) (bool, error) {
	for _, t := range m {
		if t.Principal.Kind == KindAdmin && t.Principal.Tenant == tenant {
			return true, nil
		}
	}
	return false, nil
}

func (m memory) add(p Principal) Token {
	t := NewToken(p.Kind)
	m[t.Hash()] = StoredToken{Hash: t.Hash(), Principal: p}
	return t
}

var (
	admin = Principal{Kind: KindAdmin, Tenant: "default"}
	edge  = Principal{Kind: KindRuntime, Tenant: "default", Runtime: "rt_1"}
)

func TestTokensDoNotPrintThemselves(t *testing.T) {
	t.Parallel()
	token := NewToken(KindAdmin)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "x", slog.Any("token", token))
	for _, printed := range []string{fmt.Sprint(token), fmt.Sprintf("%v %+v %#v %s", token, token, token, token), log.String()} {
		if strings.Contains(printed, token.Reveal()[10:]) {
			t.Errorf("printed as %s", printed)
		}
	}
	again, err := ParseToken(token.Reveal())
	if err != nil || again != token {
		t.Errorf("%v", err)
	}
}

func TestRequestPrincipal(t *testing.T) {
	t.Parallel()
	store := memory{}
	token, runtimeToken := store.add(admin), store.add(edge)
	a := NewAuthenticator(store, "default")
	for name, test := range map[string]struct {
		headers []string
		want    Principal
		code    mesh.Code
	}{
		"nobody":           {nil, Anonymous("default"), ""},
		"administrator":    {[]string{"Bearer " + token.Reveal()}, admin, ""},
		"scheme in lower":  {[]string{"bearer " + token.Reveal()}, admin, ""},
		"runtime":          {[]string{"Bearer " + runtimeToken.Reveal()}, edge, ""},
		"unknown":          {[]string{"Bearer " + NewToken(KindAdmin).Reveal()}, Principal{}, mesh.CodeUnauthenticated},
		"cut off":          {[]string{"Bearer " + token.Reveal()[:20]}, Principal{}, mesh.CodeUnauthenticated},
		"empty":            {[]string{""}, Principal{}, mesh.CodeUnauthenticated},
		"two":              {[]string{"Bearer " + token.Reveal(), "Bearer x"}, Principal{}, mesh.CodeUnauthenticated},
		"another scheme":   {[]string{"Digest x"}, Principal{}, mesh.CodeUnauthenticated},
		"Basic at the API": {[]string{"Basic dTpw"}, Principal{}, mesh.CodeUnauthenticated},
		"endless":          {[]string{"Bearer " + strings.Repeat("x", maxCredentialLength)}, Principal{}, mesh.CodeUnauthenticated},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		for _, h := range test.headers {
			r.Header.Add("Authorization", h)
		}
		got, err := a.Request(r)
		if mesh.CodeOf(err) != test.code || got != test.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), token.Reveal()[10:15]) {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
}

func TestEnsureAdmin(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), memory{}
	path := filepath.Join(t.TempDir(), AdminTokenFile)
	ensure := func() bool {
		t.Helper()
		created, err := EnsureAdmin(ctx, store, "default", path, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	if !ensure() || ensure() {
		t.Error("the token is made at the first start and only then")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := NewAuthenticator(store, "default").Token(ctx, strings.TrimSpace(string(data))); err != nil || p != admin {
		t.Errorf("%v, %v", p, err)
	}

	// An operator who keeps the token elsewhere gets no new one.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if ensure() {
		t.Error("a second administrator was made")
	}
	// A database that was lost takes the file's token.
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	clear(store)
	if ensure() || len(store) != 1 {
		t.Errorf("the store has %d tokens", len(store))
	}
	clear(store)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := EnsureAdmin(ctx, store, "default", path, time.Now()); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a file others can read: %v", err)
	}
}

// secret makes one namespace private.
type secret mesh.Namespace

func (s secret) Private(_ context.Context, _ mesh.TenantID, ns mesh.Namespace) (bool, error) {
	return ns == mesh.Namespace(s), nil
}

func newGuard(t *testing.T) (*Registry, memory) {
	t.Helper()
	issuer, err := LoadIssuer(filepath.Join(t.TempDir(), "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	store := memory{}
	return NewRegistry(NewAuthenticator(store, "default"), issuer, secret("vault"), ""), store
}

func request(t *testing.T, target string, token string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if token != "" {
		r.SetBasicAuth("anybody", token)
	}
	return r
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	g, store := newGuard(t)
	tokens := map[string]string{"": "", "admin": store.add(admin).Reveal(), "runtime": store.add(edge).Reveal(), "stranger": NewToken(KindAdmin).Reveal()}
	for _, test := range []struct {
		who, repo, action string
		want              mesh.Code
	}{
		{"", "", "ping", mesh.CodeUnauthenticated}, {"admin", "", "ping", ""}, {"runtime", "", "ping", ""}, {"stranger", "", "ping", mesh.CodeUnauthenticated},
		{"", "", "catalog", mesh.CodeUnauthenticated}, {"runtime", "", "catalog", mesh.CodeForbidden}, {"admin", "", "catalog", ""},
		{"", "acme/a", "pull", ""}, {"", "vault/a", "pull", mesh.CodeUnauthenticated}, {"runtime", "vault/a", "pull", ""}, {"admin", "vault/a", "pull", ""},
		{"stranger", "acme/a", "pull", mesh.CodeUnauthenticated},
		{"", "acme/a", "push", mesh.CodeUnauthenticated}, {"runtime", "acme/a", "push", mesh.CodeForbidden}, {"admin", "acme/a", "push", ""},
		{"", "acme/a", "delete", mesh.CodeUnauthenticated}, {"runtime", "acme/a", "delete", mesh.CodeForbidden}, {"admin", "acme/a", "delete", ""},
	} {
		err := g.Authorize(request(t, "/v2/", tokens[test.who]), test.repo, test.action)
		if mesh.CodeOf(err) != test.want {
			t.Errorf("%q %s %s: %v, want %q", test.who, test.action, test.repo, err, test.want)
		}
	}
}

func (g *Registry) fetch(t *testing.T, token string, scopes ...string) (string, error) {
	t.Helper()
	w := httptest.NewRecorder()
	err := g.ServeToken(w, request(t, TokenPath+"?"+url.Values{"service": {Service}, "scope": scopes}.Encode(), token))
	if err != nil {
		return "", err
	}
	var answer struct {
		Token       string    `json:"token"`
		AccessToken string    `json:"access_token"`
		ExpiresIn   int       `json:"expires_in"`
		IssuedAt    time.Time `json:"issued_at"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Token != answer.AccessToken || answer.ExpiresIn != 300 || answer.IssuedAt.IsZero() || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("answer is %s", w.Body)
	}
	return answer.Token, nil
}

func TestTokenFlow(t *testing.T) {
	t.Parallel()
	g, store := newGuard(t)
	adminToken, runtimeToken := store.add(admin).Reveal(), store.add(edge).Reveal()
	use := func(token, repo, action string) mesh.Code {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return mesh.CodeOf(g.Authorize(r, repo, action))
	}
	issued, err := g.fetch(t, adminToken, "repository:acme/a:pull,push")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		repo, action string
		want         mesh.Code
	}{
		{"", "ping", ""}, {"acme/a", "pull", ""}, {"acme/a", "push", ""},
		{"acme/a", "delete", mesh.CodeUnauthenticated}, {"acme/b", "push", mesh.CodeUnauthenticated},
	} {
		if got := use(issued, test.repo, test.action); got != test.want {
			t.Errorf("%s %s: %q, want %q", test.action, test.repo, got, test.want)
		}
	}
	weak, err := g.fetch(t, runtimeToken, "repository:acme/a:pull,push registry:catalog:*")
	if err != nil {
		t.Fatal(err)
	}
	if use(weak, "acme/a", "pull") != "" || use(weak, "acme/a", "push") != mesh.CodeForbidden {
		t.Error("a runtime's token allows what the runtime may not do, or not what it may")
	}
	anonymous, err := g.fetch(t, "", "repository:acme/a:pull", "repository:vault/a:pull")
	if err != nil {
		t.Fatal(err)
	}
	if use(anonymous, "acme/a", "pull") != "" || use(anonymous, "vault/a", "pull") != mesh.CodeUnauthenticated || use(anonymous, "", "ping") != "" {
		t.Error("an anonymous token allows too much or too little")
	}
	if _, err := g.fetch(t, NewToken(KindAdmin).Reveal()); mesh.CodeOf(err) != mesh.CodeUnauthenticated {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := g.fetch(t, adminToken, strings.Repeat("repository:a/b:pull ", maxScopes+1)); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("too many scopes: %v", err)
	}
	g.now = func() time.Time { return time.Now().Add(TokenLifetime + time.Second) }
	if use(issued, "acme/a", "pull") != mesh.CodeUnauthenticated {
		t.Error("the token has no end")
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	g, _ := newGuard(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://hub.local:8080/v2/acme/a/manifests/1.0.0", nil)
	want := []string{`Bearer realm="http://hub.local:8080/v2/token",service="aimesh-registry",scope="repository:acme/a:pull,push"`}
	if diff := cmp.Diff(want, g.Challenge(r, "acme/a", "push")); diff != "" {
		t.Error(diff)
	}
	g.publicURL = "https://hub.example.com"
	want = []string{`Bearer realm="https://hub.example.com/v2/token",service="aimesh-registry"`}
	if diff := cmp.Diff(want, g.Challenge(r, "", "ping")); diff != "" {
		t.Error(diff)
	}
}

func TestIssuerRefuses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	issuer, err := LoadIssuer(path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token, err := issuer.issue(admin, []Grant{}, now)
	if err != nil {
		t.Fatal(err)
	}
	same, err := LoadIssuer(path)
	if err != nil {
		t.Fatal(err)
	}
	if p, _, err := same.verify(token, now); err != nil || p != admin {
		t.Errorf("after a restart: %v, %v", p, err)
	}
	parts := strings.Split(token, ".")
	another, err := LoadIssuer(filepath.Join(t.TempDir(), "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := another.issue(admin, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	none := "eyJhbGciOiJub25lIn0." + parts[1] + "."
	for name, bad := range map[string]string{
		"empty": "", "no dots": "x", "two parts": parts[0] + "." + parts[1], "algorithm none": none,
		"another payload": parts[0] + "." + strings.Split(foreign, ".")[1] + "." + parts[2],
		"another hub":     foreign, "cut off": token[:len(token)-1], "endless": strings.Repeat("a", maxTokenLength) + "..",
	} {
		if _, _, err := issuer.verify(bad, now); mesh.CodeOf(err) != mesh.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := issuer.verify(token, now.Add(-time.Hour)); mesh.CodeOf(err) != mesh.CodeUnauthenticated {
		t.Errorf("before it was issued: %v", err)
	}
	if err := os.WriteFile(path, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIssuer(path); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a damaged key file: %v", err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(NewToken(KindAdmin).Reveal())
	f.Add("meshrt_")
	f.Add("meshadm_" + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			if mesh.CodeOf(err) != mesh.CodeUnauthenticated || (len(s) > 20 && strings.Contains(err.Error(), s)) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if token.Reveal() != s {
			t.Fatalf("%q became %q", s, token.Reveal())
		}
	})
}

func FuzzVerify(f *testing.F) {
	issuer, err := LoadIssuer(filepath.Join(f.TempDir(), "key.pem"))
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now()
	good, err := issuer.issue(admin, []Grant{{Type: "repository", Name: "a/b", Actions: []string{"pull"}}}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := issuer.verify(token, now); err == nil && token != good {
			t.Fatalf("%q is accepted", token)
		}
	})
}

func FuzzParseScopes(f *testing.F) {
	f.Add("repository:acme/a:pull,push repository:acme/a:*")
	f.Add("registry:catalog:*")
	f.Add("repository:host:5000/a:pull")
	f.Fuzz(func(t *testing.T, scope string) {
		grants, err := parseScopes([]string{scope})
		if err != nil {
			return
		}
		for _, g := range grants {
			if g.Name == "" || len(g.Actions) > 3 {
				t.Fatalf("%q grants %+v", scope, g)
			}
		}
	})
}
