package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/blobs"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
	"github.com/ai-agent-mesh/mesh/registry/metadata/sqlite/sqlitetest"
	"github.com/ai-agent-mesh/mesh/registry/registrytest"
	"github.com/ai-agent-mesh/mesh/registry/store"
)

func open(t *testing.T, dir string, tenant mesh.TenantID) (*store.Store, metadata.Outbox, func()) {
	t.Helper()
	meta, closeDB := sqlitetest.Open(t, dir)
	disk, err := blobs.Open(filepath.Join(dir, "blobs"), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := disk.Tenant(tenant)
	if err != nil {
		t.Fatal(err)
	}
	return store.New(meta.Tenant(tenant), bytes), meta.Outbox(), closeDB
}

func TestSuite(t *testing.T) {
	t.Parallel()
	registrytest.Run(t, func(t *testing.T) registry.Store {
		s, _, _ := open(t, t.TempDir(), mesh.DefaultTenant)
		return s
	})
}

func TestOutboxSuite(t *testing.T) {
	t.Parallel()
	registrytest.RunOutbox(t, func(t *testing.T, tenant mesh.TenantID) (registry.Store, metadata.Outbox) {
		s, o, _ := open(t, t.TempDir(), tenant)
		return s, o
	})
}

func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, _, closeDB := open(t, dir, "one")
	d := registrytest.PushImage(t, one, registrytest.Repo, registrytest.Image(nil, "secret"), []string{"secret"}, "1.0.0")
	closeDB()
	two, _, _ := open(t, dir, "two")
	if _, err := two.StatManifest(t.Context(), registrytest.Repo, registry.ByDigest(d)); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("another tenant's manifest: %v", err)
	}
	if _, err := two.StatBlob(t.Context(), registrytest.Repo, registry.DigestOf("", []byte("secret"))); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("another tenant's blob: %v", err)
	}
	registrytest.PushImage(t, two, registrytest.Repo, registrytest.Image(nil, "own"), []string{"own"}, "1.0.0") // the same version, its own
	list, err := two.Repositories(t.Context(), "", 10)
	if err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// crash copies what is on disk while the store is open, as a power failure
// would leave it.
func crash(t *testing.T, dir string) string {
	t.Helper()
	after := t.TempDir()
	if err := os.CopyFS(after, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return after
}

func TestAnsweredPushSurvivesACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _, _ := open(t, dir, mesh.DefaultTenant)
	body := registrytest.Image(nil, "layer")
	d := registrytest.PushImage(t, s, registrytest.Repo, body, []string{"layer"}, "1.0.0")

	after, outbox, _ := open(t, crash(t, dir), mesh.DefaultTenant)
	m, err := after.Manifest(t.Context(), registrytest.Repo, registry.ByTag("1.0.0"))
	if err != nil || m.Digest != d || string(m.Body) != string(body) {
		t.Errorf("manifest: %+v, %v", m, err)
	}
	r, _, err := after.OpenBlob(t.Context(), registrytest.Repo, registry.DigestOf("", []byte("layer")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	jobs, err := outbox.Pending(t.Context(), 10)
	if err != nil || len(jobs) != 1 || jobs[0].Digest != d {
		t.Errorf("outbox: %+v, %v", jobs, err)
	}
}

func TestUploadContinuesAfterARestart(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []mesh.Digest{"sha256:", "sha512:"} {
		dir := t.TempDir()
		s, _, _ := open(t, dir, mesh.DefaultTenant)
		up, err := s.StartUpload(t.Context(), registrytest.Repo)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := up.Append(t.Context(), 0, strings.NewReader("before ")); err != nil {
			t.Fatal(err)
		}
		after, _, _ := open(t, crash(t, dir), mesh.DefaultTenant)
		if up, err = after.ResumeUpload(t.Context(), registrytest.Repo, up.ID()); err != nil {
			t.Fatal(err)
		}
		if n, err := up.Size(t.Context()); err != nil || n != 7 {
			t.Errorf("Size: %d, %v", n, err)
		}
		if _, err := up.Append(t.Context(), 7, strings.NewReader("after")); err != nil {
			t.Fatal(err)
		}
		if _, err := up.Commit(t.Context(), registry.DigestOf(algorithm, []byte("before after"))); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestCollectGarbage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _, _ := open(t, dir, mesh.DefaultTenant)
	kept := registrytest.Put(t, s, registrytest.Repo, "kept")
	dropped := registrytest.Put(t, s, registrytest.Repo, "dropped")
	if err := s.DeleteBlob(t.Context(), registrytest.Repo, dropped); err != nil {
		t.Fatal(err)
	}
	if n, err := s.CollectGarbage(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("within the grace: %d, %v", n, err)
	}
	if n, err := s.CollectGarbage(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("CollectGarbage: %d, %v", n, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "blobs", "default", "blobs", "sha256", "*"))
	if err != nil || len(files) != 1 || !strings.HasSuffix(string(kept), filepath.Base(files[0])) {
		t.Errorf("left: %v, %v", files, err)
	}
}

func TestLostFileIsOurFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _, _ := open(t, dir, mesh.DefaultTenant)
	d := registrytest.Put(t, s, registrytest.Repo, "lost")
	if err := os.RemoveAll(filepath.Join(dir, "blobs", "default", "blobs", "sha256")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.OpenBlob(t.Context(), registrytest.Repo, d); mesh.CodeOf(err) != mesh.CodeInternal {
		t.Errorf("got %v", err)
	}
}
