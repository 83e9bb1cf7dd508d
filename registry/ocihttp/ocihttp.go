// Package ocihttp serves the OCI distribution API 1.1 under /v2/ over a
// [registry.Store].
//
// [New] is the only entry point; it returns an [http.Handler] to be mounted at
// /v2 and below. A request is parsed once into its kind and the typed parts of
// its path, authorized, and handed to the handler that a table names for the
// kind. Handlers call the store and write successes; errors they return, and
// one table says how an error looks on the wire.
//
// The package decides nothing about content: rules of the store (immutable
// versions, what a manifest needs) are the store's, who may do what is
// [Options.Authorize]'s.
//
// Specification: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
package ocihttp

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/ai-agent-mesh/mesh/registry"
)

// StoreFunc picks the store a request works on, the one of its tenant.
type StoreFunc func(r *http.Request) (registry.Store, error)

// Single returns the StoreFunc of a registry that has one tenant.
func Single(store registry.Store) StoreFunc {
	return func(*http.Request) (registry.Store, error) { return store, nil }
}

// Options configure [New]. The zero value serves everything to everybody.
type Options struct {
	// Authorize is asked before anything is looked up; nil allows everything.
	Authorize AuthorizeFunc
	// Challenge tells clients how to authenticate; nil tells them nothing.
	Challenge ChallengeFunc
	// OnPush is called after a change is durable and before the client hears
	// of it. It must not block: the work itself is in the outbox.
	OnPush func(ctx context.Context, event *registry.Event)
	// Logger receives the errors that are the server's (5xx). Internal ones
	// are told to nobody else. nil discards them.
	Logger *slog.Logger
	// PageSize bounds the lists of tags, repositories and referrers in one
	// answer; 0 means [DefaultPageSize].
	PageSize int
}

// DefaultPageSize is the number of elements in one answer. It keeps an answer
// within what clients accept: oras-go and containerd read at most 4 MiB.
const DefaultPageSize = 1000

// handler is what New returns.
type handler struct {
	store StoreFunc
	opts  Options
	table [kindCount]handlerFunc
}

// handlerFunc answers one kind of request. It writes successes only.
type handlerFunc func(c *call) error

// call is a request on its way to its handler.
type call struct {
	request
	w     http.ResponseWriter
	r     *http.Request
	query url.Values
	store registry.Store
	opts  *Options
}

// New returns the handler of the distribution API, to be mounted at /v2 and
// everything below.
func New(store StoreFunc, opts Options) http.Handler {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.PageSize <= 0 {
		opts.PageSize = DefaultPageSize
	}
	return &handler{store: store, opts: opts, table: [kindCount]handlerFunc{
		kindPing:           (*call).ping,
		kindBlobGet:        (*call).getBlob,
		kindBlobDelete:     (*call).deleteBlob,
		kindUploadStart:    (*call).startUpload,
		kindUploadStatus:   (*call).uploadStatus,
		kindUploadChunk:    (*call).uploadChunk,
		kindUploadFinish:   (*call).finishUpload,
		kindUploadCancel:   (*call).cancelUpload,
		kindManifestGet:    (*call).getManifest,
		kindManifestPut:    (*call).putManifest,
		kindManifestDelete: (*call).deleteManifest,
		kindTags:           (*call).listTags,
		kindReferrers:      (*call).listReferrers,
		kindCatalog:        (*call).listRepositories,
	}}
}

// ServeHTTP implements [http.Handler]. It alone writes errors.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	// Clients of Docker look for it (end-1).
	header.Set("Docker-Distribution-API-Version", "registry/2.0")
	// Content is what anybody pushed: no browser may run it as ours.
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	req, err := parse(r.Method, r.URL.Path)
	if err == nil {
		err = h.serve(w, r, req)
	}
	if err != nil {
		h.writeError(w, r, req, err)
	}
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, req request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return registry.ErrNameInvalid.With("the query of the address cannot be read: %v", err)
	}
	c := &call{request: req, w: w, r: r, query: query, opts: &h.opts}
	if err := c.authorize(req.repo, req.kind.access()); err != nil {
		return err
	}
	if c.store, err = h.store(r); err != nil {
		return err
	}
	return h.table[req.kind](c)
}

func (c *call) authorize(repo registry.Name, access Access) error {
	if c.opts.Authorize == nil {
		return nil
	}
	return c.opts.Authorize(c.r, repo, access)
}

func (c *call) ctx() context.Context { return c.r.Context() }

// announce tells the hook about a change that is durable.
func (c *call) announce(event *registry.Event) {
	if c.opts.OnPush != nil && event.Changed {
		c.opts.OnPush(c.ctx(), event)
	}
}

func (c *call) ping() error {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write([]byte("{}\n")) // the client has gone: nobody is left to tell
	}
	return nil
}
