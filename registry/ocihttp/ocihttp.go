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
	// Logger receives internal errors, which clients only see as such; nil
	// discards them.
	Logger *slog.Logger
	// PageSize bounds the lists of tags, repositories and referrers in one
	// answer; 0 means [DefaultPageSize].
	PageSize int
}

// DefaultPageSize is the number of elements in one answer. It keeps an answer
// within what clients accept: oras-go and containerd read at most 4 MiB.
const DefaultPageSize = 1000
