// Package hub wires the hub: registry, catalog, evidence, REST API and pages
// over one data directory, as a value with Run and Close.
//
// [New] opens the data directory and everything in it and takes the address,
// [Hub.Run] serves until its context ends, [Hub.Close] releases what New
// opened. A test builds the same value on a temporary directory and port 0.
// The package holds no behavior of its own: what the hub does is in registry,
// catalog and their neighbors.
package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

// The files of a data directory, beside hub.db and blobs.
const (
	lockFile = "hub.lock"
	keyFile  = "hub-key.pem"
)

// maintenanceEvery is how often garbage is collected; garbageAge is how old it
// has to be, so that what is being pushed is not taken for it.
const (
	maintenanceEvery = time.Hour
	garbageAge       = 24 * time.Hour
)

// Options are what a program gives a hub beside its configuration.
type Options struct {
	// Logger receives everything the hub logs; nil discards it.
	Logger *slog.Logger
	// Version is the program's version, shown to clients.
	Version string
}

// Hub is a hub that can run. Use [New]. Run is called once; the other methods
// are safe for concurrent use.
type Hub struct {
	cfg      Config
	opts     Options
	logger   *slog.Logger
	parts    *parts
	listener net.Listener
	tls      *tls.Config
	official []officialRelease
	ready    atomic.Bool
	closing  sync.Once
	closeErr error
}

// New opens the hub's data directory, prepares every part and takes the
// address, without serving yet. Its errors are [*mesh.Error]:
// [mesh.CodeInvalid] for a configuration that does not validate,
// [mesh.CodeConflict] if another hub uses the directory,
// [mesh.CodeUnavailable] if the disk or the address cannot be used. The caller
// closes the Hub.
func New(ctx context.Context, cfg Config, opts Options) (h *Hub, err error) {
	cfg.SetDefaults()
	if findings := cfg.Validate(); mesh.HasErrors(findings) {
		return nil, mesh.Errorf(mesh.CodeInvalid, "the hub's configuration: %s", findings[0]).WithFindings(findings)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	h = &Hub{cfg: cfg, opts: opts, logger: opts.Logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
			h = nil
		}
	}()
	if cfg.TLS() {
		if h.tls, err = httpx.TLSConfig(cfg.TLSCert, cfg.TLSKey); err != nil {
			return h, err
		}
	}
	if h.parts, err = openParts(ctx, cfg, opts); err != nil {
		return h, err
	}
	if err = h.publishOfficial(ctx); err != nil {
		return h, fmt.Errorf("publishing the official bundles: %w", err)
	}
	h.listener, err = httpx.Listen(ctx, cfg.Listen)
	return h, err
}

// Run serves until ctx ends and then shuts down in order: no new requests,
// running ones finish within the configured time, workers stop. It returns nil
// after an orderly shutdown.
func (h *Hub) Run(ctx context.Context) error {
	h.warn(ctx)
	handler, err := h.handler()
	if err != nil {
		return err
	}
	// The workers outlive the server: what a last request changed is worked on
	// while there is time, and kept in the outbox otherwise.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	workers.Go(func() { h.parts.worker.Run(background) })
	workers.Go(func() { h.maintain(background) })
	h.logger.InfoContext(ctx, "the hub is listening", slog.String("url", h.URL()), slog.String("dataDir", h.cfg.DataDir))
	err = httpx.Serve(ctx, httpx.ServeOptions{Logger: h.logger, Drain: h.cfg.ShutdownTimeout},
		httpx.Server{Listener: h.listener, Handler: handler, TLS: h.tls})
	stop()
	workers.Wait()
	h.logger.InfoContext(context.WithoutCancel(ctx), "the hub has stopped")
	return err
}

// warn says loudly what makes the hub less safe than its defaults.
func (h *Hub) warn(ctx context.Context) {
	if h.cfg.TLS() || httpx.IsLoopback(h.cfg.Listen) {
		return
	}
	hint := "give --tls-cert and --tls-key, or listen on loopback behind a proxy that ends TLS"
	if strings.HasPrefix(h.cfg.PublicURL, "https://") {
		hint = "make sure that only the proxy in front can reach this address"
	}
	h.logger.WarnContext(ctx, "SERVING WITHOUT TLS BEYOND THIS MACHINE: tokens and evidence travel readable for everybody in between",
		slog.String("listen", h.cfg.Listen), slog.String("hint", hint))
}

// maintain removes what uploads and deletions left behind, at the start and
// from time to time.
func (h *Hub) maintain(ctx context.Context) {
	ticker := time.NewTicker(maintenanceEvery)
	defer ticker.Stop()
	for {
		h.clean(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (h *Hub) clean(ctx context.Context) {
	uploads, err := h.parts.blobs.ExpireUploads(ctx)
	if err != nil {
		h.logger.WarnContext(ctx, "removing abandoned uploads", slog.String("error", err.Error()))
	}
	removed, err := h.parts.registry.CollectGarbage(ctx, time.Now().Add(-garbageAge))
	if err != nil {
		h.logger.WarnContext(ctx, "collecting garbage", slog.String("error", err.Error()))
	}
	if uploads+removed > 0 {
		h.logger.InfoContext(ctx, "removed what nothing needs", slog.Int("uploads", uploads), slog.Int("blobs", removed))
	}
}

// Close releases the data directory. It is safe to call twice.
func (h *Hub) Close() error {
	h.closing.Do(func() {
		var errs []error
		if h.listener != nil {
			if err := h.listener.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
		if h.parts != nil {
			errs = append(errs, h.parts.close())
		}
		h.closeErr = errors.Join(errs...)
	})
	return h.closeErr
}

// URL returns the address clients reach the hub at, with the real port:
// "http://127.0.0.1:8080". It is known once New returned.
func (h *Hub) URL() string {
	if h.cfg.PublicURL != "" {
		return strings.TrimSuffix(h.cfg.PublicURL, "/")
	}
	scheme := "http"
	if h.cfg.TLS() {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(h.listener.Addr().String())
	if err != nil {
		return scheme + "://" + h.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost" // every address of the machine, so also this one
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// AdminTokenFile returns the file that holds the administrator's token.
func (h *Hub) AdminTokenFile() string { return filepath.Join(h.cfg.DataDir, auth.AdminTokenFile) }

// AdminToken returns the administrator's token, for programs that run hub and
// runtime in one process. An operator may have removed its file; that is
// [mesh.CodeNotFound].
func (h *Hub) AdminToken() (string, error) {
	data, err := os.ReadFile(h.AdminTokenFile())
	if errors.Is(err, os.ErrNotExist) {
		return "", mesh.Errorf(mesh.CodeNotFound, "the administrator's token is not in %s any more", h.AdminTokenFile()).
			WithHint("give it with --token-file or MESH_TOKEN")
	}
	if err != nil {
		return "", fmt.Errorf("reading the administrator's token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Ready reports whether the official bundles are indexed and the database
// answers.
func (h *Hub) Ready(ctx context.Context) bool {
	if h.parts.db.Ping(ctx) != nil {
		return false
	}
	if h.ready.Load() {
		return true
	}
	for _, r := range h.official {
		rel, err := h.parts.store.Release(ctx, mesh.DefaultTenant, r.ref, r.version)
		if err != nil || !catalog.Followable(rel.Status) {
			return false
		}
	}
	h.ready.Store(true)
	return true
}

// info is what the hub says of itself.
func (h *Hub) info(ctx context.Context) hubapi.HubInfo {
	info := hubapi.HubInfo{Version: h.opts.Version, Ready: h.Ready(ctx)}
	found, err := h.parts.search.Find(ctx, mesh.DefaultTenant, hubapi.SearchQuery{Limit: 1}, false)
	if err == nil {
		info.Bundles = found.Total
	}
	return info
}

// handler is everything the hub serves, with the outer layer around it.
func (h *Hub) handler() (http.Handler, error) {
	mux, err := h.routes()
	if err != nil {
		return nil, err
	}
	logged := httpx.Wrap(h.parts.metrics.measure(mux), h.logger)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Probes come every few seconds, and before the hub is ready they are
		// refused: neither belongs into the log.
		if r.URL.Path == pathHealth || r.URL.Path == pathReady {
			mux.ServeHTTP(w, r)
			return
		}
		logged.ServeHTTP(w, r)
	}), nil
}
