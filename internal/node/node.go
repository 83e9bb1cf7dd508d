// Package node is the wiring of the enforcement runtime: journal, decision
// point, subscriber, shipper and the HTTP and socket servers as one value with
// Run and Close. Programs and tests build it from a [Config] with [New].
//
// It decides nothing itself. What it adds is order: the last good set is in
// force before the first request is answered, and at the end requests are
// drained before the journal is closed.
package node

import (
	"context"
	"log/slog"

	"github.com/ai-agent-mesh/mesh"
)

// Node is one enforcement runtime.
type Node struct {
	cfg    Config
	logger *slog.Logger
}

// New prepares a runtime: it validates the configuration, locks the data
// directory, opens the journal, puts the last good set into force and binds
// the listeners. It does not need the hub. The caller must call Close, whether
// or not it calls Run.
func New(ctx context.Context, cfg Config, logger *slog.Logger) (*Node, error) {
	cfg.SetDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Node{cfg: cfg, logger: logger}, nil
}

// URL is where the decision API answers, such as "http://127.0.0.1:7070".
func (n *Node) URL() string { return "http://" + n.cfg.Listen }

// Run serves until ctx is done, then drains requests, ships what it can within
// a bound and returns nil. It returns an error if a server or the journal
// fails in a way that does not mend.
func (n *Node) Run(ctx context.Context) error {
	<-ctx.Done()
	return mesh.Errorf(mesh.CodeUnsupported, "the runtime's parts are not wired yet")
}

// Close releases the listeners, the journal and the lock. It is safe to call
// more than once.
func (n *Node) Close() error { return nil }
