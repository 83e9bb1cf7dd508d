package remote_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/remote"
)

// TestTokenIsSentOnce pushes to a registry that refuses a request with two
// credentials, as ours does: the second request of an upload repeats the
// headers of the first.
func TestTokenIsSentOnce(t *testing.T) {
	t.Parallel()
	a := pack(t, "1.0.0", "token")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer secret" {
			t.Errorf("%s %s carries the credentials %q", r.Method, r.URL.Path, got)
		}
		switch {
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodPost:
			w.Header().Set("Location", r.URL.Path+"upload")
			w.WriteHeader(http.StatusAccepted)
		case strings.Contains(r.URL.Path, "/manifests/"):
			w.Header().Set("Docker-Content-Digest", string(a.Digest()))
			w.WriteHeader(http.StatusCreated)
		default:
			w.WriteHeader(http.StatusCreated)
		}
	}))
	t.Cleanup(server.Close)
	c, err := remote.New(server.URL, remote.Options{Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), mesh.BundleRef{Namespace: "acme", Name: "token"}, "1.0.0", a); err != nil {
		t.Fatal(err)
	}
}
