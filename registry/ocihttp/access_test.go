package ocihttp_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/ocihttp"
	"github.com/ai-agent-mesh/mesh/registry/registrytest"
)

// gate lets a request through by its token and remembers what was asked.
type gate struct {
	mu    sync.Mutex
	asked []string
}

func (g *gate) authorize(r *http.Request, repo registry.Name, access ocihttp.Access) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, fmt.Sprintf("%s:%s", repo, access))
	switch {
	case r.Header.Get("Authorization") == "Bearer admin":
		return nil
	case repo.Namespace() == "hidden":
		return mesh.Errorf(mesh.CodeNotFound, "there is no repository %s", repo)
	case access == ocihttp.AccessPull && repo.Namespace() != "secret":
		return nil
	case r.Header.Get("Authorization") == "":
		return mesh.Errorf(mesh.CodeUnauthenticated, "pushing needs a token").WithHint("log in first")
	}
	return mesh.Errorf(mesh.CodeForbidden, "the token does not allow to %s %s", access, repo)
}

func challenge(_ *http.Request, repo registry.Name, access ocihttp.Access) []string {
	return []string{fmt.Sprintf(`Bearer realm="https://hub/token",scope="repository:%s:%s"`, repo, access), "Basic"}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	g := &gate{}
	c := serve(t, ocihttp.Options{Authorize: g.authorize, Challenge: challenge})
	refused := c.do(http.MethodPost, repo+"/blobs/uploads/", nil).want(t, http.StatusUnauthorized, "UNAUTHORIZED")
	want := []string{`Bearer realm="https://hub/token",scope="repository:acme/privacy:push"`, "Basic"}
	if diff := cmp.Diff(want, refused.Header.Values("WWW-Authenticate")); diff != "" {
		t.Errorf("challenges (-want +got):\n%s", diff)
	}
	c.do(http.MethodPost, repo+"/blobs/uploads/", nil, "Authorization: Bearer guest").want(t, http.StatusForbidden, "DENIED")
	c.do(http.MethodPost, repo+"/blobs/uploads/", nil, "Authorization: Bearer admin").want(t, http.StatusAccepted, "")
	c.do(http.MethodGet, repo+"/tags/list", nil).want(t, http.StatusNotFound, "NAME_UNKNOWN") // allowed, but not there
	c.do(http.MethodGet, "/v2/hidden/x/tags/list", nil).want(t, http.StatusNotFound, "NAME_UNKNOWN")
	c.do(http.MethodGet, "/v2/", nil).want(t, http.StatusUnauthorized, "UNAUTHORIZED")
	c.do(http.MethodGet, "/v2/_catalog", nil).want(t, http.StatusUnauthorized, "UNAUTHORIZED")
	c.do(http.MethodDelete, repo+"/manifests/x", nil).want(t, http.StatusUnauthorized, "UNAUTHORIZED")
	wantAsked := []string{
		"acme/privacy:push", "acme/privacy:push", "acme/privacy:push", "acme/privacy:pull", "hidden/x:pull", ":ping", ":catalog", "acme/privacy:delete",
	}
	if diff := cmp.Diff(wantAsked, g.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestMountNeedsTheRightToRead(t *testing.T) {
	t.Parallel()
	g := &gate{}
	c := serve(t, ocihttp.Options{Authorize: func(r *http.Request, repo registry.Name, access ocihttp.Access) error {
		if repo == "acme/privacy" {
			return nil
		}
		return g.authorize(r, repo, access)
	}})
	d := registrytest.Put(t, c.store, "secret/plans", "plans")
	registrytest.Put(t, c.store, "public/x", "shared")
	mount := func(digest, from string) answer {
		return c.do(http.MethodPost, repo+"/blobs/uploads/?mount="+digest+"&from="+from, nil)
	}
	mount(string(d), "secret/plans").want(t, http.StatusAccepted, "") // an ordinary upload, as if it were not there
	mount(sum("unknown"), "public/x").want(t, http.StatusAccepted, "")
	mount(sum("shared"), "NOT_A_NAME").want(t, http.StatusAccepted, "")
	mount("banana", "public/x").want(t, http.StatusBadRequest, "DIGEST_INVALID")
	mount(sum("shared"), "public/x").want(t, http.StatusCreated, "").header(t, "Location", repo+"/blobs/"+sum("shared"))
	c.do(http.MethodGet, repo+"/blobs/"+string(d), nil).want(t, http.StatusNotFound, "BLOB_UNKNOWN")
}
