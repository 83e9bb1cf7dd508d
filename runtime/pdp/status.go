package pdp

import (
	"net/http"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/ship"
)

// Status is how a runtime is; the body of GET /v1/status.
type Status struct {
	RuntimeID     mesh.RuntimeID       `json:"runtimeId,omitzero"` // empty until it is enrolled
	Name          string               `json:"name"`
	Version       string               `json:"version"`
	StartedAt     time.Time            `json:"startedAt"`
	Hub           HubStatus            `json:"hub"`
	Mode          mesh.Mode            `json:"mode,omitzero"` // the runtime's own, if it weakens
	Subscriptions []SubscriptionStatus `json:"subscriptions"`
	InForce       []mesh.BundleInForce `json:"inForce"`
	Refusals      []mesh.Refusal       `json:"refusals"`
	Journal       journal.Status       `json:"journal"`
	Shipping      ship.Status          `json:"shipping"`
}

// HubStatus says how a runtime gets on with its hub.
type HubStatus struct {
	URL string `json:"url"`
	// Since is when the hub answered last; zero if it never did.
	Since time.Time `json:"since,omitzero"`
	Error string    `json:"error,omitzero"` // why the last request failed; empty if it did not
}

// SubscriptionStatus says what came of one subscription.
type SubscriptionStatus struct {
	Subscription mesh.Subscription `json:"subscription"`
	Source       string            `json:"source"` // hubapi.SourceLocal or hubapi.SourceHub
	Ready        bool              `json:"ready"`  // a bundle is in force
	Version      string            `json:"version,omitzero"`
	Digest       mesh.Digest       `json:"digest,omitzero"`
	// Reason says why nothing is in force, or why what the subscription means
	// now is not.
	Reason string `json:"reason,omitzero"`
}

// Readiness is the body of GET /readyz.
type Readiness struct {
	Ready         bool                 `json:"ready"`
	Subscriptions []SubscriptionStatus `json:"subscriptions"`
}

func (s *server) status(w http.ResponseWriter, r *http.Request) error {
	return httpx.WriteJSON(w, r, http.StatusOK, s.opts.Status())
}

// readyz is 200 once every subscription has a bundle in force.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) error {
	ready := Readiness{Ready: true, Subscriptions: s.opts.Status().Subscriptions}
	for _, sub := range ready.Subscriptions {
		ready.Ready = ready.Ready && sub.Ready
	}
	if ready.Ready {
		return httpx.WriteJSON(w, r, http.StatusOK, ready)
	}
	return httpx.WriteJSON(w, r, mesh.CodeUnavailable.HTTPStatus(), ready)
}
