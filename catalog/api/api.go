// Package api is the hub's REST API under /api/v1.
//
// [New] registers every route on gin through huma, which describes them in the
// OpenAPI document as it goes; the document is committed as openapi.json and a
// test fails when it is stale. A route parses its request, asks one service of
// package catalog, and writes what comes back. The documents on the wire are
// those of package catalog/hubapi.
//
// Around the routes lie three layers: who calls (internal/auth), repeated
// requests (Idempotency-Key), and ETags. Errors leave through one edge only,
// internal/httpx: handlers return them, and what huma finds wrong with a
// request is translated.
package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/catalog/ingest"
	"github.com/ai-agent-mesh/mesh/catalog/posture"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

// Services are what the routes ask. All are required.
type Services struct {
	Auth       *auth.Authenticator
	Bundles    *catalog.Bundles
	Search     *catalog.Search
	Frameworks catalog.Frameworks
	Namespaces *catalog.Namespaces
	Fleet      *catalog.Fleet
	Evidence   *catalog.Evidence
	Ingest     *ingest.Service
	Posture    *posture.Service
	Responses  catalog.ResponseStore
	Info       func(ctx context.Context) hubapi.HubInfo
}

// API is the REST API. It is safe for concurrent use.
type API struct {
	handler  http.Handler
	document []byte
}

// New returns the API over services. Its handler serves [hubapi.BasePath] and
// what lies below.
func New(s Services) (*API, error) {
	engine := newEngine()
	h := humagin.New(engine, config())
	r := &routes{Services: s, api: h}
	r.register()
	document, err := describe(h.OpenAPI())
	if err != nil {
		return nil, err
	}
	var handler http.Handler = engine
	handler = withETags(handler)
	handler = newReplayer(s.Responses).wrap(handler)
	handler = authenticate(s.Auth, handler)
	return &API{handler: handler, document: document}, nil
}

// newEngine returns a router that leaves errors to our edge and prints
// nothing.
func newEngine() *gin.Engine {
	// The mode is gin's own global; any other makes it print every route.
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.UseRawPath, engine.UnescapePathValues = true, true
	engine.NoRoute(func(c *gin.Context) { httpx.NotFound(c.Writer, c.Request) })
	return engine
}

// config is huma's configuration without the pages and links it adds by
// default: the hub serves its own document, and responses are exactly what
// hubapi says.
func config() huma.Config {
	c := huma.DefaultConfig("AI-Agent Mesh hub", apiVersion)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{errorEdge}
	return c
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Document returns the OpenAPI 3.1 document, JSON. The caller must not change
// it.
func (a *API) Document() []byte { return a.document }

// routes registers the routes.
type routes struct {
	Services
	api huma.API
}

func (r *routes) register() {
	r.api.UseMiddleware(intercept)
	r.registerInfo()
	r.registerBundles()
	r.registerFrameworks()
	r.registerNamespaces()
	r.registerRuntimes()
	r.registerEvidence()
}

// infoOutput is the answer of GET /api/v1.
type infoOutput struct{ Body hubapi.HubInfo }

func (r *routes) registerInfo() {
	get(r, "", "hub-info", "hub", "Which hub this is", func(ctx context.Context, _ *struct{}) (*infoOutput, error) {
		return &infoOutput{Body: r.Info(ctx)}, nil
	})
}
