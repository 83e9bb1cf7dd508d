package pdp

import (
	"net/http"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/ship"
	"github.com/ai-agent-mesh/mesh/runtime/subscribe"
)

// Status is how a runtime is; the body of GET /v1/status.
type Status struct {
	subscribe.Status
	StartedAt time.Time     `json:"startedAt"`
	Journal   JournalStatus `json:"journal"`
	Shipping  ship.Status   `json:"shipping"`
}

// JournalStatus is how the journal is and whether decisions go there. Where
// they do not, Reason says why, and Unrecorded counts all of them.
type JournalStatus struct {
	journal.Status
	Recording bool `json:"recording"`
}

// Readiness is the body of GET /readyz.
type Readiness struct {
	Ready         bool                           `json:"ready"`
	Subscriptions []subscribe.SubscriptionStatus `json:"subscriptions"`
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
