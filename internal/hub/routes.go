package hub

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/api"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/frontend"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/ocihttp"
)

// The addresses of probes.
const (
	pathHealth = "/healthz"
	pathReady  = "/readyz"
)

// schemaMediaType is that of a JSON Schema document.
const schemaMediaType = "application/schema+json"

// routes puts the hub's addresses together.
func (h *Hub) routes() (http.Handler, error) {
	rest, err := api.New(api.Services{
		Auth: h.parts.auth, Bundles: h.parts.bundles, Search: h.parts.search, Frameworks: h.parts.frameworks,
		Namespaces: h.parts.namespaces, Fleet: h.parts.fleet, Evidence: h.parts.evidence, Ingest: h.parts.ingest,
		Posture: h.parts.posture, Responses: h.parts.store, Info: h.info,
	})
	if err != nil {
		return nil, err
	}
	pages, err := frontend.New(pageCatalog{h})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	httpx.HandleGet(mux, "/openapi.json", document("application/vnd.oai.openapi+json;version=3.1", rest.Document()))
	httpx.HandleGet(mux, policy.SchemaPath("policy"), document(schemaMediaType, policy.Schema()))
	httpx.HandleGet(mux, policy.SchemaPath("action"), document(schemaMediaType, policy.ActionSchema()))
	httpx.HandleGet(mux, policy.SchemaPath("cases"), document(schemaMediaType, cases.Schema()))
	httpx.HandleGet(mux, pathHealth, http.HandlerFunc(h.healthz))
	httpx.HandleGet(mux, pathReady, httpx.HandlerFunc(h.readyz))
	httpx.HandleGet(mux, "/metrics", h.metricsHandler())
	mux.Handle("/", pages)
	oci := h.registryHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// These two take paths as they are: a mux would clean and redirect them.
		switch {
		case below(r.URL.Path, "/v2"):
			oci.ServeHTTP(w, r)
		case below(r.URL.Path, hubapi.BasePath):
			rest.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	}), nil
}

func below(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// registryHandler is the OCI registry behind its guard.
func (h *Hub) registryHandler() http.Handler {
	guard := h.parts.guard
	oci := ocihttp.New(ocihttp.Single(h.parts.registry), ocihttp.Options{
		Authorize: func(r *http.Request, repo registry.Name, access ocihttp.Access) error {
			return guard.Authorize(r, string(repo), string(access))
		},
		Challenge: func(r *http.Request, repo registry.Name, access ocihttp.Access) []string {
			return guard.Challenge(r, string(repo), string(access))
		},
		Logger: h.logger,
	})
	token := httpx.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		err := guard.ServeToken(w, r)
		if mesh.CodeOf(err) == mesh.CodeUnauthenticated {
			w.Header().Set("WWW-Authenticate", `Basic realm="aimesh"`)
		}
		return err
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == auth.TokenPath {
			token.ServeHTTP(w, r)
			return
		}
		oci.ServeHTTP(w, r)
	})
}

// document serves bytes that do not change while the program runs.
func document(mediaType string, data []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", mediaType)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Access-Control-Allow-Origin", "*") // editors in a browser read schemas
		_, _ = w.Write(data)                           // the client has gone: nobody is left to tell
	})
}

// healthz says that the process answers.
func (h *Hub) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // the client has gone: nobody is left to tell
}

// readyz says whether the hub can do its work.
func (h *Hub) readyz(w http.ResponseWriter, r *http.Request) error {
	if !h.Ready(r.Context()) {
		return mesh.Errorf(mesh.CodeUnavailable, "the official bundles are not indexed yet").
			WithHint("this takes a moment after the first start; the log says if it does not")
	}
	h.healthz(w, r)
	return nil
}

// metricsHandler serves the metrics: to everybody who can reach a hub on
// loopback, else to administrators.
func (h *Hub) metricsHandler() http.Handler {
	exposition := h.parts.metrics.handler(slog.NewLogLogger(h.logger.Handler(), slog.LevelWarn))
	return httpx.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if !httpx.IsLoopback(h.cfg.Listen) {
			p, err := h.parts.auth.Request(r)
			if err == nil {
				err = p.RequireAdmin()
			}
			if err != nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="aimesh"`)
				return err
			}
		}
		exposition.ServeHTTP(w, r)
		return nil
	})
}

// pageCatalog is what the pages show: what anybody may see.
type pageCatalog struct{ hub *Hub }

// Search implements [frontend.Catalog].
func (c pageCatalog) Search(ctx context.Context, q hubapi.SearchQuery) (hubapi.SearchResult, error) {
	return c.hub.parts.search.Find(ctx, mesh.DefaultTenant, q, false)
}

// Bundle implements [frontend.Catalog].
func (c pageCatalog) Bundle(ctx context.Context, ref mesh.BundleRef, version string) (hubapi.BundleDetail, error) {
	private, err := c.hub.parts.namespaces.Private(ctx, mesh.DefaultTenant, ref.Namespace)
	if err != nil {
		return hubapi.BundleDetail{}, err
	}
	if private {
		return hubapi.BundleDetail{}, catalog.ErrNoBundle(ref, version)
	}
	return c.hub.parts.bundles.Get(ctx, mesh.DefaultTenant, ref, version)
}

// Info implements [frontend.Catalog].
func (c pageCatalog) Info(ctx context.Context) hubapi.HubInfo { return c.hub.info(ctx) }
