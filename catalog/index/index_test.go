package index_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/catalog/index"
	catalogsqlite "github.com/ai-agent-mesh/mesh/catalog/sqlite"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/migrations"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/blobs"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	metasqlite "github.com/ai-agent-mesh/mesh/registry/metadata/sqlite"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	registrystore "github.com/ai-agent-mesh/mesh/registry/store"
)

const tenant = mesh.DefaultTenant

var ref = mesh.BundleRef{Namespace: "acme", Name: "tickets"}

// site is a registry and a catalog with a worker between them.
type site struct {
	registry   *registrystore.Store
	outbox     *metasqlite.Outbox
	store      *catalogsqlite.Store
	namespaces *catalog.Namespaces
	notify     *catalog.Notifier
	attempts   *attempts
	content    *failing
	frameworks *frameworks.Catalog
}

// attempts counts what the worker tells its observer.
type attempts struct {
	mu             sync.Mutex
	worked, failed int
}

func (a *attempts) Indexed(_ time.Duration, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.failed++
	} else {
		a.worked++
	}
}

func (a *attempts) counts() (worked, failed int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.worked, a.failed
}

// failing is a registry whose reads of one repository fail or panic.
type failing struct {
	index.Content
	mu     sync.Mutex
	repo   registry.Name
	panics bool
}

func (f *failing) set(repo registry.Name, panics bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.repo, f.panics = repo, panics
}

func (f *failing) StatManifest(ctx context.Context, repo registry.Name, r registry.Reference) (registry.ManifestInfo, error) {
	f.mu.Lock()
	fails, panics := f.repo == repo, f.panics
	f.mu.Unlock()
	switch {
	case fails && panics:
		panic("a fault in a parser")
	case fails:
		return registry.ManifestInfo{}, errors.New("the disk is on fire")
	}
	return f.Content.StatManifest(ctx, repo, r)
}

func newSite(t *testing.T) *site {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), sqlite.Options{Migrations: migrations.SQLite()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	files, err := blobs.Open(t.TempDir(), blobs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tenantFiles, err := files.Tenant(tenant)
	if err != nil {
		t.Fatal(err)
	}
	meta := metasqlite.New(db)
	s := &site{outbox: meta.Outbox(), store: catalogsqlite.New(db), notify: &catalog.Notifier{}, attempts: &attempts{}}
	s.registry = registrystore.New(meta.Tenant(tenant), tenantFiles)
	s.content = &failing{Content: s.registry}
	s.namespaces = catalog.NewNamespaces(s.store, s.notify)
	if s.frameworks, err = frameworks.Load(); err != nil {
		t.Fatal(err)
	}
	return s
}

// work runs a worker until the test ends or the returned function is called.
func (s *site) work(t *testing.T) (stop func()) {
	t.Helper()
	x := index.NewIndexer(func(mesh.TenantID) index.Content { return s.content }, s.store, s.store, s.frameworks)
	w := index.NewWorker(x, s.outbox, s.store, s.notify, s.attempts, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

const policy = `version: "3.0.0"
name: "Retention of support tickets"
framework: "GDPR"
rules:
  custom:
    - id: keep-short
      controls: ["gdpr:Art.17"]
      when: 'action.type == "data.write"'
      require: 'has(data.retentionDays) && data.retentionDays <= 30'
      severity: high
      message: "Tickets are kept for 30 days at most"
enforcement:
  mode: enforce
`

// pack makes a bundle; edit changes its files before.
func pack(t *testing.T, version string, edit func(files map[string]string)) *bundle.Artifact {
	t.Helper()
	files := map[string]string{
		"policy.yaml": policy,
		"bundle.yaml": "namespace: acme\nname: tickets\nversion: " + version + "\nsummary: Erasure of tickets\nvendor: Acme Corp\nlicence: Apache-2.0\n",
	}
	if edit != nil {
		edit(files)
	}
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{})
	if err != nil || mesh.HasErrors(findings) {
		t.Fatal(err, findings)
	}
	a, err := src.Build()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// push stores an artifact under tags, as a client would.
func (s *site) push(t *testing.T, repo registry.Name, a *bundle.Artifact, tags ...registry.Tag) mesh.Digest {
	t.Helper()
	ctx := t.Context()
	body, err := a.Manifest(ctx, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	for _, desc := range a.Blobs() {
		r, err := a.Blob(ctx, desc)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		s.upload(t, repo, mesh.Digest(desc.Digest), data)
	}
	if _, err := s.registry.PushManifest(ctx, repo, registry.Push{Body: body, Tags: tags}); err != nil {
		t.Fatal(err)
	}
	return a.Digest()
}

func (s *site) sign(t *testing.T, key *sign.Key, a *bundle.Artifact) mesh.Digest {
	t.Helper()
	raw, err := sign.Sign(t.Context(), key, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	attached, err := bundle.PackSignature(a.Descriptor(), raw, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return s.push(t, "acme/tickets", attached)
}

func newKey(t *testing.T) *sign.Key {
	t.Helper()
	key, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// await waits until a version has a status and returns it; the zero status
// waits until it is gone.
func (s *site) await(t *testing.T, version string, want hubapi.Status) *catalog.Release {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := s.notify.Watch(catalog.TopicReleases)
		r, err := s.store.Release(t.Context(), tenant, ref, version)
		switch {
		case mesh.CodeOf(err) == mesh.CodeNotFound && want == "":
			return nil
		case err == nil && r.Status == want:
			return r
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s is not %q: %+v, %v", version, want, r, err)
		}
	}
}

func TestStatusFollowsSignaturesAndKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.work(t)
	ctx := t.Context()
	a := pack(t, "1.0.0", nil)
	s.push(t, "acme/tickets", a, "1.0.0")
	s.await(t, "1.0.0", hubapi.StatusUnsigned)
	first, second := newKey(t), newKey(t)
	s.sign(t, first, a)
	s.await(t, "1.0.0", hubapi.StatusRefused)

	// A key that comes later verifies what was signed before.
	key, err := s.namespaces.AddKey(ctx, tenant, "acme", string(first.PublicKeyPEM()))
	if err != nil {
		t.Fatal(err)
	}
	r := s.await(t, "1.0.0", hubapi.StatusVerified)
	if len(r.SignedBy) != 1 || r.SignedBy[0].Fingerprint != key.Fingerprint || r.Title != "Retention of support tickets" {
		t.Errorf("release is %+v", r)
	}
	if len(r.Controls) != 1 || r.Controls[0].ID != "gdpr:Art.17" || r.Controls[0].Title == "" {
		t.Errorf("controls are %+v", r.Controls)
	}

	// Revoked, it still vouches for what was seen before, and for nothing new.
	if _, err := s.namespaces.RevokeKey(ctx, tenant, "acme", key.Fingerprint); err != nil {
		t.Fatal(err)
	}
	if _, err := s.namespaces.AddKey(ctx, tenant, "acme", string(first.PublicKeyPEM())); mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("registering a revoked key again: %v, want a conflict", err)
	}
	later := pack(t, "1.1.0", nil)
	s.push(t, "acme/tickets", later, "1.1.0")
	s.sign(t, first, later)
	s.await(t, "1.1.0", hubapi.StatusRefused)
	s.await(t, "1.0.0", hubapi.StatusVerified)

	// A second signature, by a key in use, makes it good.
	if _, err := s.namespaces.AddKey(ctx, tenant, "acme", string(second.PublicKeyPEM())); err != nil {
		t.Fatal(err)
	}
	s.sign(t, second, later)
	s.await(t, "1.1.0", hubapi.StatusVerified)
}

func TestAnAttestationIsNoSignature(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.work(t)
	key := newKey(t)
	if _, err := s.namespaces.AddKey(t.Context(), tenant, "acme", string(key.PublicKeyPEM())); err != nil {
		t.Fatal(err)
	}
	a := pack(t, "1.0.0", nil)
	s.push(t, "acme/tickets", a, "1.0.0")
	raw, err := sign.Attest(t.Context(), key, a.Digest(), "https://slsa.dev/provenance/v1", map[string]any{"buildType": "x"})
	if err != nil {
		t.Fatal(err)
	}
	attached, err := bundle.PackSignature(a.Descriptor(), raw, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s.push(t, "acme/tickets", attached)
	if r := s.await(t, "1.0.0", hubapi.StatusRefused); !strings.Contains(r.Reason, "attestation") {
		t.Errorf("reason is %q", r.Reason)
	}
}

func TestWhatIsNotABundle(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.work(t)
	key := newKey(t)
	if _, err := s.namespaces.AddKey(t.Context(), tenant, "acme", string(key.PublicKeyPEM())); err != nil {
		t.Fatal(err)
	}
	// Signed, but under another version and in another repository than it says.
	a := pack(t, "1.0.0", nil)
	s.push(t, "acme/tickets", a, "2.0.0")
	s.sign(t, key, a)
	if r := s.await(t, "2.0.0", hubapi.StatusInvalid); !strings.Contains(r.Reason, "1.0.0") {
		t.Errorf("reason is %q", r.Reason)
	}
	elsewhere := pack(t, "3.0.0", func(files map[string]string) {
		files["bundle.yaml"] = strings.Replace(files["bundle.yaml"], "name: tickets", "name: other", 1)
	})
	s.push(t, "acme/tickets", elsewhere, "3.0.0")
	if r := s.await(t, "3.0.0", hubapi.StatusInvalid); !strings.Contains(r.Reason, "acme/other") {
		t.Errorf("reason is %q", r.Reason)
	}
	// Its own cases fail.
	wrong := pack(t, "4.0.0", func(files map[string]string) {
		files["wrong_test.yaml"] = "policy: policy.yaml\nbase: {action: {type: data.write}, data: {retentionDays: 90}}\ncases:\n  - name: too long\n    want: {allowed: true, violations: [], obligations: []}\n"
	})
	s.push(t, "acme/tickets", wrong, "4.0.0")
	if r := s.await(t, "4.0.0", hubapi.StatusInvalid); !strings.Contains(r.Reason, "too long") {
		t.Errorf("reason is %q", r.Reason)
	}
	// Some other artifact under a version.
	s.pushOther(t, "acme/tickets", "5.0.0")
	if r := s.await(t, "5.0.0", hubapi.StatusInvalid); !strings.Contains(r.Reason, "application/vnd.example") || !strings.Contains(r.Reason, bundle.ArtifactType) {
		t.Errorf("reason is %q", r.Reason)
	}
}

func TestLatest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.work(t)
	ctx := t.Context()
	key := newKey(t)
	if _, err := s.namespaces.AddKey(ctx, tenant, "acme", string(key.PublicKeyPEM())); err != nil {
		t.Fatal(err)
	}
	latest := func(want mesh.Digest) {
		t.Helper()
		until(t, "latest is "+string(want), func() bool {
			m, err := s.registry.StatManifest(ctx, "acme/tickets", registry.ByTag("latest"))
			return err == nil && m.Digest == want
		})
	}
	publishSigned := func(version string) mesh.Digest {
		t.Helper()
		a := pack(t, version, nil)
		s.push(t, "acme/tickets", a, registry.Tag(version))
		s.sign(t, key, a)
		s.await(t, version, hubapi.StatusVerified)
		return a.Digest()
	}
	first := publishSigned("1.0.0")
	latest(first)
	publishSigned("2.0.0-rc.1")
	publishSigned("0.9.0")
	second := publishSigned("1.10.0")
	latest(second)
	unsigned := pack(t, "3.0.0", nil)
	// A client that moves latest itself has it moved back.
	s.push(t, "acme/tickets", unsigned, "3.0.0", "latest")
	s.await(t, "3.0.0", hubapi.StatusUnsigned)
	latest(second)
	if _, err := s.registry.DeleteManifest(ctx, "acme/tickets", second); err != nil {
		t.Fatal(err)
	}
	s.await(t, "1.10.0", "")
	latest(first)
}

// TestAChannelThatMovesIsNews: who follows it is told, although no release
// changes.
func TestAChannelThatMovesIsNews(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.work(t)
	ctx := t.Context()
	first, second := pack(t, "1.0.0", nil), pack(t, "1.1.0", nil)
	s.push(t, "acme/tickets", first, "1.0.0", "stable")
	s.push(t, "acme/tickets", second, "1.1.0")
	s.await(t, "1.1.0", hubapi.StatusUnsigned)
	idle := func() {
		t.Helper()
		until(t, "the outbox is empty", func() bool {
			n, err := s.outbox.Depth(ctx)
			return err == nil && n == 0
		})
	}
	told := func(what string, want bool, change func()) {
		t.Helper()
		idle()
		before := s.notify.Version(catalog.TopicReleases)
		change()
		idle()
		if got := s.notify.Version(catalog.TopicReleases) != before; got != want {
			t.Errorf("%s: told = %v, want %v", what, got, want)
		}
	}
	told("stable moves", true, func() { s.push(t, "acme/tickets", second, "stable") })
	told("a tag nobody can subscribe to", false, func() { s.push(t, "acme/tickets", second, "Build_7") })
	told("latest", false, func() { s.push(t, "acme/tickets", second, "latest") })
	told("stable is deleted", true, func() {
		if _, err := s.registry.DeleteTag(ctx, "acme/tickets", "stable"); err != nil {
			t.Error(err)
		}
	})
}

func TestPoisonDoesNotBlock(t *testing.T) {
	t.Parallel()
	for name, panics := range map[string]bool{"error": false, "panic": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.content.set("acme/poison", panics)
			s.push(t, "acme/poison", pack(t, "1.0.0", nil), "1.0.0")
			s.push(t, "acme/tickets", pack(t, "1.0.0", nil), "1.0.0")
			s.work(t)
			s.await(t, "1.0.0", hubapi.StatusUnsigned)
			if _, failed := s.attempts.counts(); failed == 0 {
				t.Error("no attempt failed")
			}
			until(t, "only the event that fails waits", func() bool {
				pending, err := s.outbox.Depth(t.Context())
				return err == nil && pending == 1
			})
			s.content.set("", false)
			poison := mesh.BundleRef{Namespace: "acme", Name: "poison"}
			until(t, "it is tried again", func() bool {
				// It says it is acme/tickets, so it is invalid: but it was looked at.
				r, err := s.store.Release(t.Context(), tenant, poison, "1.0.0")
				return err == nil && r.Status == hubapi.StatusInvalid
			})
		})
	}
}

// until waits for a condition that nothing announces.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 seconds: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestWorkSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.push(t, "acme/tickets", pack(t, "1.0.0", nil), "1.0.0")
	stop := s.work(t)
	s.await(t, "1.0.0", hubapi.StatusUnsigned)
	stop()
	s.push(t, "acme/tickets", pack(t, "1.1.0", nil), "1.1.0")
	s.work(t)
	s.await(t, "1.1.0", hubapi.StatusUnsigned)
}

// pushOther stores an artifact that is no policy bundle.
func (s *site) pushOther(t *testing.T, repo registry.Name, tag registry.Tag) {
	t.Helper()
	empty := mesh.Digest("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
	s.upload(t, repo, empty, []byte("{}"))
	body := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.example",` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + string(empty) + `","size":2},` +
		`"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + string(empty) + `","size":2}]}`
	if _, err := s.registry.PushManifest(t.Context(), repo, registry.Push{Body: []byte(body), Tags: []registry.Tag{tag}}); err != nil {
		t.Fatal(err)
	}
}

func (s *site) upload(t *testing.T, repo registry.Name, d mesh.Digest, data []byte) {
	t.Helper()
	ctx := t.Context()
	u, err := s.registry.StartUpload(ctx, repo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Append(ctx, 0, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(ctx, d); err != nil {
		t.Fatal(err)
	}
}
