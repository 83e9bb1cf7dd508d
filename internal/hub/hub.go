// Package hub wires the hub: registry, catalog, evidence, REST API and pages
// over one data directory, as a value with Run and Close.
//
// [New] opens the data directory and everything in it, [Hub.Run] serves until
// its context ends, [Hub.Close] releases what New opened. A test builds the
// same value on a temporary directory and port 0. The package holds no
// behavior of its own: what the hub does is in registry, catalog and their
// neighbors.
package hub

import (
	"context"
	"log/slog"

	"github.com/ai-agent-mesh/mesh"
)

// Options are what a program gives a hub beside its configuration.
type Options struct {
	// Logger receives everything the hub logs; nil discards it.
	Logger *slog.Logger
	// Version is the program's version, shown to clients.
	Version string
}

// Hub is a running or startable hub. Use [New].
type Hub struct {
	cfg Config
}

// New opens the hub's data directory and prepares every part, without
// listening yet. Its errors are [*mesh.Error]: [mesh.CodeInvalid] for a
// configuration that does not validate, [mesh.CodeConflict] if another hub
// uses the directory, [mesh.CodeUnavailable] if the disk or port cannot be
// used. The caller closes the Hub.
func New(ctx context.Context, cfg Config, opts Options) (*Hub, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Run serves until ctx ends and then shuts down in order: no new requests,
// running ones finish within the configured time, workers stop. It returns nil
// after an orderly shutdown.
func (h *Hub) Run(ctx context.Context) error { return mesh.Errorf(mesh.CodeUnsupported, "being built") }

// Close releases the data directory. It is safe to call twice.
func (h *Hub) Close() error { return nil }

// URL returns the address clients reach the hub at, with the real port:
// "http://127.0.0.1:8080". It is known once New returned.
func (h *Hub) URL() string { return "" }

// AdminTokenFile returns the file that holds the administrator's token.
func (h *Hub) AdminTokenFile() string { return "" }

// AdminToken returns the administrator's token, for programs that run hub and
// runtime in one process.
func (h *Hub) AdminToken() (string, error) {
	return "", mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Ready reports whether the official packs are indexed.
func (h *Hub) Ready(ctx context.Context) bool { return false }
