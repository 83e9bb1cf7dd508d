package remote_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/remote"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host  string
		plain bool
		want  string // in the error; empty: accepted
	}{
		{"127.0.0.1:8080", false, ""},
		{"http://localhost:8080/", false, ""},
		{"http://[::1]:8080", false, ""},
		{"registry.example.com", false, ""},
		{"https://registry.example.com", false, ""},
		{"http://registry.example.com", true, ""},
		{"http://registry.example.com", false, "plain HTTP"},
		{"http://127.0.0.1.example.com", false, "plain HTTP"},
		{"http://10.0.0.7:5000", false, "plain HTTP"},
		{"ftp://registry.example.com", false, "ftp://"},
		{"", false, "not a registry"},
		{"registry.example.com/acme", false, "not a registry"},
		{"user:secret@registry.example.com", false, "not a registry"},
		{"registry example", false, "not a registry"},
	} {
		t.Run(tt.host, func(t *testing.T) {
			t.Parallel()
			_, err := remote.New(tt.host, remote.Options{PlainHTTP: tt.plain})
			if tt.want == "" && err == nil {
				return
			}
			if tt.want == "" || mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), tt.want) || mesh.HintOf(err) == "" {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// serve starts a registry of our own behind a handler that may interfere.
func serve(t *testing.T, wrap func(w http.ResponseWriter, r *http.Request, next http.Handler)) string {
	t.Helper()
	next := handler(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wrap(w, r, next) }))
	t.Cleanup(server.Close)
	return server.URL
}

func pushed(t *testing.T, addr string) mesh.Digest {
	t.Helper()
	d, err := connect(t, addr).Push(t.Context(), acme, "1.0.0", pack(t, "1.0.0", "one"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	challenge := func(w http.ResponseWriter, header string) {
		w.Header().Set("WWW-Authenticate", header)
		w.WriteHeader(http.StatusUnauthorized)
	}
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "token" || password != "secret" {
			challenge(w, `Basic realm="x"`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": "short-lived"})
	}))
	t.Cleanup(tokens.Close)
	basic := serve(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if user, password, _ := r.BasicAuth(); user != "token" || password != "secret" {
			challenge(w, `Basic realm="x"`)
			return
		}
		next.ServeHTTP(w, r)
	})
	bearer := serve(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch r.Header.Get("Authorization") {
		case "Bearer secret", "Bearer short-lived":
			next.ServeHTTP(w, r)
		default:
			challenge(w, `Bearer realm="`+tokens.URL+`/token",service="mesh",scope="repository:acme/export-control:pull,push"`)
		}
	})
	forbidden := serve(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"errors":[{"code":"DENIED","message":"not a publisher of acme"}]}`))
	})
	login := remote.Options{Username: "token", Password: "secret"}
	for _, tt := range []struct {
		name, url string
		opts      remote.Options
		code      mesh.Code
		want      string
	}{
		{"basic", basic, login, "", ""},
		{"token flow", bearer, login, "", ""},
		{"bearer token", bearer, remote.Options{Token: "secret"}, "", ""},
		{"basic, anonymous", basic, remote.Options{}, mesh.CodeUnauthenticated, "wants other credentials"},
		{"basic, wrong", basic, remote.Options{Username: "token", Password: "guess"}, mesh.CodeUnauthenticated, "wants other credentials"},
		{"bearer, wrong", bearer, remote.Options{Token: "guess"}, mesh.CodeUnauthenticated, "wants other credentials"},
		{"token flow, wrong", bearer, remote.Options{Username: "token", Password: "guess"}, mesh.CodeUnauthenticated, "wants other credentials"},
		{"forbidden", forbidden, remote.Options{Token: "secret"}, mesh.CodeForbidden, "not a publisher of acme"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := remote.New(tt.url, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Push(t.Context(), acme, "1.0.0", pack(t, "1.0.0", "one"))
			if mesh.CodeOf(err) != tt.code || err != nil && (!strings.Contains(err.Error(), tt.want) || mesh.HintOf(err) == "") {
				t.Errorf("got %v (%s), want %q (%s)", err, mesh.CodeOf(err), tt.want, tt.code)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "guess")) {
				t.Errorf("the message shows a secret: %v", err)
			}
		})
	}
}

// TestTokenStaysAtTheRegistry: a registry may redirect blobs to a store that
// is none of the token's business.
func TestTokenStaysAtTheRegistry(t *testing.T) {
	t.Parallel()
	blob := []byte("name: one\n")
	var leaked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked.Store(r.Header.Get("Authorization") != "")
		_, _ = w.Write(blob)
	}))
	t.Cleanup(elsewhere.Close)
	url := serve(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") && strings.HasSuffix(r.URL.Path, pack(t, "1.0.0", "one").Blobs()[1].Digest.Encoded()) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
			return
		}
		next.ServeHTTP(w, r)
	})
	d := pushed(t, url)
	c, err := remote.New(url, remote.Options{Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pull(t.Context(), acme, d); err != nil {
		t.Fatal(err)
	}
	if leaked.Load() {
		t.Error("the token went to where the registry redirected")
	}
}

// TestRegistryLies serves other content than was asked for.
func TestRegistryLies(t *testing.T) {
	t.Parallel()
	rules := pack(t, "1.0.0", "one").Blobs()[1].Digest.String()
	answer := func(data []byte) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data)
		}
	}
	for _, tt := range []struct {
		name, path string
		lie        func(w http.ResponseWriter)
	}{
		{"another blob", "/blobs/" + rules, answer([]byte("name: two\n"))},
		{"a longer blob", "/blobs/" + rules, answer(bytes.Repeat([]byte("x"), 1<<20))},
		{"a blob without end", "/blobs/" + rules, func(w http.ResponseWriter) {
			chunk := bytes.Repeat([]byte("x"), 1<<16)
			for range 10_000 { // 640 MB, unless the reader hangs up
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}},
		{"a manifest without end", "/manifests/sha256:", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Content-Length", strconv.Itoa(1<<30))
			chunk := bytes.Repeat([]byte(" "), 1<<16)
			for range 10_000 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var lying atomic.Bool
			url := serve(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if lying.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, tt.path) {
					tt.lie(w)
					return
				}
				next.ServeHTTP(w, r)
			})
			d := pushed(t, url)
			lying.Store(true)
			b, err := connect(t, url).Pull(t.Context(), acme, d)
			if err == nil {
				t.Fatalf("pulled %q", b.Rules().Data)
			}
			if code := mesh.CodeOf(err); code == mesh.CodeInternal {
				t.Errorf("%v has no code", err)
			}
		})
	}
}

func TestBrokenConnectionsAreRetried(t *testing.T) {
	t.Parallel()
	rules := pack(t, "1.0.0", "one").Blobs()[1].Digest.String()
	var broken sync.Map
	url := serve(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		_, again := broken.LoadOrStore(r.Method+r.URL.Path, true)
		switch {
		case again || r.Method != http.MethodGet:
			next.ServeHTTP(w, r)
		case strings.HasSuffix(r.URL.Path, rules): // breaks in the middle
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("name"))
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	d := pushed(t, url)
	b, err := connect(t, url).Pull(t.Context(), acme, d)
	if err != nil {
		t.Fatal(err)
	}
	if string(b.Rules().Data) != "name: one\n" {
		t.Errorf("pulled %q", b.Rules().Data)
	}
}

func TestRegistryIsDown(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	url := serve(t, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		requests.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	d := pack(t, "1.0.0", "one").Digest()
	if _, err := connect(t, url).Pull(t.Context(), acme, d); mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" {
		t.Errorf("a registry that fails: %v, want %s", err, mesh.CodeUnavailable)
	}
	if n := requests.Load(); n < 2 || n > 8 {
		t.Errorf("%d requests, want a few", n)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, err := connect(t, gone.URL).Signatures(t.Context(), acme, d); mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" {
		t.Errorf("no registry there: %v, want %s", err, mesh.CodeUnavailable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := connect(t, url).Resolve(ctx, acme, "1.0.0"); err == nil {
		t.Error("a canceled request succeeded")
	}
}

func TestAttachToNothing(t *testing.T) {
	t.Parallel()
	client := connect(t, ours(t))
	d := pack(t, "1.0.0", "one").Digest()
	data, err := sign.Sign(t.Context(), newKey(t), d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.AttachSignature(t.Context(), acme, d, data); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("got %v, want %s", err, mesh.CodeNotFound)
	}
	d = pushed(t, client.Host())
	if _, err := client.AttachSignature(t.Context(), acme, d, []byte("{}")); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("attaching what is no signature: %v, want %s", err, mesh.CodeInvalid)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var steps []remote.Progress
	c, err := remote.New(ours(t), remote.Options{Progress: func(p remote.Progress) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, p)
	}})
	if err != nil {
		t.Fatal(err)
	}
	count := func(want func(remote.Progress) bool) (n int) {
		for _, p := range steps {
			if want(p) {
				n++
			}
		}
		return n
	}
	a := pack(t, "1.0.0", "one")
	if _, err := c.Push(t.Context(), acme, "1.0.0", a); err != nil {
		t.Fatal(err)
	}
	contents := len(a.Blobs()) + 1
	done := func(p remote.Progress) bool { return p.Done && !p.Skipped }
	if begun, ended := count(func(p remote.Progress) bool { return !p.Done }), count(done); begun != contents || ended != contents {
		t.Errorf("a push began %d and ended %d transfers, want %d", begun, ended, contents)
	}
	steps = nil
	if _, err := c.Push(t.Context(), acme, "1.0.0", a); err != nil {
		t.Fatal(err)
	}
	if skipped := count(func(p remote.Progress) bool { return p.Skipped }); skipped != len(a.Blobs()) {
		t.Errorf("pushing again skipped %d blobs, want %d", skipped, len(a.Blobs()))
	}
	steps = nil
	if _, err := c.Pull(t.Context(), acme, a.Digest()); err != nil {
		t.Fatal(err)
	}
	if ended := count(done); ended != contents {
		t.Errorf("a pull ended %d transfers, want %d", ended, contents)
	}
}
