package dev

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// maxStatusBytes bounds what is read of a runtime's status.
const maxStatusBytes = 1 << 20

// subscription is what a runtime's status says about one of its subscriptions.
type subscription struct {
	Subscription string `json:"subscription"`
	Ready        bool   `json:"ready"`
	Reason       string `json:"reason"`
}

// waits reports whether no bundle is in force for the subscription.
func (s subscription) waits() bool { return !s.Ready }

// subscriptions asks the runtime at url for its subscriptions; nil if it does
// not answer. It reads the runtime's status rather than /readyz, which says
// less.
func subscriptions(ctx context.Context, url string) []subscription {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/status", http.NoBody)
	if err != nil {
		return nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	status := struct {
		Subscriptions []subscription `json:"subscriptions"`
	}{Subscriptions: []subscription{}}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStatusBytes)).Decode(&status); err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return status.Subscriptions
}

// warn says which bundles are not in force.
func warn(io *iostreams.Streams, list []subscription) {
	for _, s := range list {
		if s.waits() {
			_, _ = fmt.Fprintf(io.Err, "%s %s is not in force, so everything is denied: %s\n", io.Paint(iostreams.Yellow, "warning:"), s.Subscription, s.Reason)
		}
	}
}
