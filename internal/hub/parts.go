package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/catalog/index"
	"github.com/ai-agent-mesh/mesh/catalog/ingest"
	"github.com/ai-agent-mesh/mesh/catalog/posture"
	catalogsqlite "github.com/ai-agent-mesh/mesh/catalog/sqlite"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/durable"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/migrations"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/blobs"
	metasqlite "github.com/ai-agent-mesh/mesh/registry/metadata/sqlite"
	registrystore "github.com/ai-agent-mesh/mesh/registry/store"
)

const dirMode = 0o700

// parts is everything a hub opens, in the order it is opened.
type parts struct {
	lock  *durable.Lock
	db    *sqlite.DB
	store *catalogsqlite.Store
	blobs *blobs.Store

	metadata   *metasqlite.Store
	registry   *registrystore.Store
	frameworks *frameworks.Catalog
	notify     *catalog.Notifier
	metrics    *metrics

	auth       *auth.Authenticator
	guard      *auth.Registry
	namespaces *catalog.Namespaces
	bundles    *catalog.Bundles
	search     *catalog.Search
	fleet      *catalog.Fleet
	evidence   *catalog.Evidence
	ingest     *ingest.Service
	posture    *posture.Service
	worker     *index.Worker
}

func openParts(ctx context.Context, cfg Config, opts Options) (p *parts, err error) {
	p = &parts{notify: &catalog.Notifier{}, metrics: newMetrics(opts.Version)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
			p = nil
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, dirMode); err != nil {
		return p, mesh.Errorf(mesh.CodeUnavailable, "creating the data directory %s: %w", cfg.DataDir, err).
			WithHint("name a directory you may write with --data-dir")
	}
	if p.lock, err = lockDataDir(filepath.Join(cfg.DataDir, lockFile)); err != nil {
		return p, err
	}
	if p.db, err = sqlite.Open(ctx, cfg.Database, sqlite.Options{Migrations: migrations.SQLite()}); err != nil {
		return p, err
	}
	p.store = catalogsqlite.New(p.db)
	if err := p.openRegistry(cfg); err != nil {
		return p, err
	}
	if p.frameworks, err = frameworks.Load(); err != nil {
		return p, fmt.Errorf("loading the frameworks: %w", err)
	}
	p.wire(opts)
	return p, p.openAccess(ctx, cfg)
}

// openRegistry joins the registry's two halves for the one tenant.
func (p *parts) openRegistry(cfg Config) (err error) {
	if p.blobs, err = blobs.Open(cfg.Blobs, blobs.Options{}); err != nil {
		return err
	}
	bytes, err := p.blobs.Tenant(mesh.DefaultTenant)
	if err != nil {
		return err
	}
	p.metadata = metasqlite.New(p.db)
	p.registry = registrystore.New(p.metadata.Tenant(mesh.DefaultTenant), bytes)
	return nil
}

// wire makes the services over the stores.
func (p *parts) wire(opts Options) {
	p.namespaces = catalog.NewNamespaces(p.store, p.notify)
	p.bundles = catalog.NewBundles(p.store)
	p.search = catalog.NewSearch(p.store, p.frameworks, p.notify)
	p.fleet = catalog.NewFleet(p.store, catalog.NewResolver(p.store, tags{p.registry}), p.notify)
	p.evidence = catalog.NewEvidence(p.store, p.notify)
	p.ingest = ingest.New(p.store, p.store, p.notify, p.metrics)
	p.posture = posture.New(p.store, p.frameworks)
	indexer := index.NewIndexer(func(mesh.TenantID) index.Content { return p.registry }, p.store, p.store, p.frameworks)
	outbox := p.metadata.Outbox()
	p.metrics.watchOutbox(outbox)
	p.worker = index.NewWorker(indexer, outbox, p.store, p.notify, p.metrics, opts.Logger)
}

// openAccess prepares who may call: the administrator's token and the key the
// registry's tokens are signed with.
func (p *parts) openAccess(ctx context.Context, cfg Config) error {
	if _, err := auth.EnsureAdmin(ctx, p.store, mesh.DefaultTenant, filepath.Join(cfg.DataDir, auth.AdminTokenFile), time.Now()); err != nil {
		return err
	}
	issuer, err := auth.LoadIssuer(filepath.Join(cfg.DataDir, keyFile))
	if err != nil {
		return err
	}
	p.auth = auth.NewAuthenticator(p.store, mesh.DefaultTenant)
	p.guard = auth.NewRegistry(p.auth, issuer, p.namespaces, cfg.PublicURL)
	return nil
}

// close closes what was opened, in reverse.
func (p *parts) close() error {
	var errs []error
	if p.db != nil {
		errs = append(errs, p.db.Close())
	}
	if p.lock != nil {
		errs = append(errs, p.lock.Release())
	}
	return errors.Join(errs...)
}

// tags reads the registry's tags for subscriptions to a channel.
type tags struct{ store registry.ManifestReader }

// Tag implements [catalog.Tags].
func (t tags) Tag(ctx context.Context, _ mesh.TenantID, ref mesh.BundleRef, tag string) (mesh.Digest, error) {
	parsed, err := registry.ParseTag(tag)
	if err != nil {
		return "", err
	}
	m, err := t.store.StatManifest(ctx, registry.Name(ref.String()), registry.ByTag(parsed))
	return m.Digest, err
}

// lockDataDir takes the data directory for this process.
func lockDataDir(path string) (*durable.Lock, error) {
	l, err := durable.Acquire(path)
	if errors.Is(err, durable.ErrLocked) {
		return nil, mesh.Errorf(mesh.CodeConflict, "another hub uses this data directory: it holds %s", path).
			WithHint("stop the other hub, or give this one a directory of its own with --data-dir")
	}
	return l, err
}
