package remote_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/blobs"
	"github.com/ai-agent-mesh/mesh/registry/metadata/sqlite/sqlitetest"
	"github.com/ai-agent-mesh/mesh/registry/ocihttp"
	"github.com/ai-agent-mesh/mesh/registry/store"
)

// registries are the registries every behavior is tested on: ours, which has
// the referrers API, and one that does not.
var registries = map[string]func(t *testing.T) string{
	"ours":         ours,
	"distribution": distribution,
}

// ours serves a registry of our own and returns its address.
func ours(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(handler(t))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func handler(t *testing.T) http.Handler {
	t.Helper()
	dir := t.TempDir()
	meta, _ := sqlitetest.Open(t, dir)
	disk, err := blobs.Open(filepath.Join(dir, "blobs"), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := disk.Tenant(mesh.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	return ocihttp.New(ocihttp.Single(store.New(meta.Tenant(mesh.DefaultTenant), content)), ocihttp.Options{})
}
