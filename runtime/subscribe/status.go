package subscribe

import (
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// Status says what a runtime follows and what came of it.
type Status struct {
	RuntimeID     mesh.RuntimeID       `json:"runtimeId,omitzero"` // empty until it is enrolled
	Name          string               `json:"name"`
	Version       string               `json:"version"`
	Mode          mesh.Mode            `json:"mode,omitzero"` // the runtime's own, if it weakens
	Hub           HubStatus            `json:"hub"`
	Subscriptions []SubscriptionStatus `json:"subscriptions"`
	InForce       []mesh.BundleInForce `json:"inForce"`
	Refusals      []mesh.Refusal       `json:"refusals"`
}

// HubStatus says how a runtime gets on with its hub.
type HubStatus struct {
	URL string `json:"url"`
	// Since is when the hub answered last; zero if it never did.
	Since time.Time `json:"since,omitzero"`
	Error string    `json:"error,omitzero"` // why following it failed last; empty if it did not
}

// SubscriptionStatus says what came of one subscription.
type SubscriptionStatus struct {
	Subscription mesh.Subscription `json:"subscription"`
	Source       string            `json:"source"` // hubapi.SourceLocal or hubapi.SourceHub
	Ready        bool              `json:"ready"`  // a release that it means is in force
	Version      string            `json:"version,omitzero"`
	Digest       mesh.Digest       `json:"digest,omitzero"`
	// Reason says why nothing is in force, or not what the subscription means
	// now.
	Reason string `json:"reason,omitzero"`
}

// Status returns what the runtime follows now.
func (s *Subscriber) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Name: s.cfg.Name, Version: s.cfg.Version, Mode: s.cfg.Mode,
		Hub:     HubStatus{URL: s.cfg.Hub, Since: s.hubSeen},
		InForce: append([]mesh.BundleInForce{}, s.inForce...), Refusals: s.standing(),
		Subscriptions: make([]SubscriptionStatus, 0, len(s.wanted)),
	}
	if s.hubErr != nil {
		st.Hub.Error = s.hubErr.Error()
	}
	if s.session != nil {
		st.RuntimeID = s.session.id
	}
	for _, w := range s.wanted {
		sub := SubscriptionStatus{Subscription: w.Subscription, Source: w.source, Reason: s.reasons[w.String()]}
		for _, b := range s.inForce {
			if b.Bundle != w.Bundle.String() {
				continue
			}
			version, err := bundle.ParseVersion(b.Version)
			sub.Ready = err == nil && satisfies(w, version, b.Digest) == nil
			sub.Version, sub.Digest = b.Version, b.Digest
		}
		st.Subscriptions = append(st.Subscriptions, sub)
	}
	return st
}
