// Package posture says what the evidence shows for the controls of a
// framework: how many decisions touched each, how many were refused, what was
// violated.
//
// [Service.Framework] joins the roll-ups, which catalog/ingest adds to as
// evidence arrives, with the framework's own list of controls, so that a
// control nothing touched is listed with zeros. The numbers are counts. They
// never become a percentage of compliance, and they say nothing of duties that
// no decision can fulfil.
package posture

import (
	"context"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

// Count is the roll-up of one control over all days.
type Count struct {
	Control    mesh.ControlID
	Decisions  int64
	Allowed    int64
	Denied     int64
	Violations int64
	Severities map[mesh.Severity]int64
	LastAt     time.Time
}

// Store reads the roll-ups.
type Store interface {
	// PostureCounts returns how many decisions touched a framework, and the
	// counts of its controls that were touched.
	PostureCounts(ctx context.Context, tenant mesh.TenantID, framework mesh.FrameworkID) (decisions int64, counts []Count, err error)
}

// Controls lists the controls of frameworks; [frameworks.Catalog] does.
type Controls interface {
	// FrameworkID returns the id of the framework with a name.
	FrameworkID(label string) (mesh.FrameworkID, bool)
	// Controls lists the controls of a framework in its own order.
	Controls(id mesh.FrameworkID) []frameworks.Control
}

// Service answers for the posture of frameworks. It is safe for concurrent
// use.
type Service struct {
	store    Store
	controls Controls
}

// New returns the service.
func New(store Store, c Controls) *Service { return &Service{store: store, controls: c} }

// Framework returns the posture of a framework, named by its id or another of
// its names. Its controls come in the framework's order; controls of a
// vendor's own framework, or that the list does not have, follow by id.
// [mesh.CodeNotFound] if neither the list nor the evidence knows the
// framework.
func (s *Service) Framework(ctx context.Context, tenant mesh.TenantID, name string) (hubapi.Posture, error) {
	id, known := s.controls.FrameworkID(name)
	if !known {
		id = mesh.FrameworkID(name)
	}
	decisions, counts, err := s.store.PostureCounts(ctx, tenant, id)
	if err != nil {
		return hubapi.Posture{}, fmt.Errorf("reading the posture of %s: %w", id, err)
	}
	if !known && len(counts) == 0 {
		return hubapi.Posture{}, mesh.Errorf(mesh.CodeNotFound, "there is no framework %q", name).
			WithHint("`mesh framework list` shows the known ones")
	}
	touched := make(map[mesh.ControlID]Count, len(counts))
	for _, c := range counts {
		touched[c.Control] = c
	}
	p := hubapi.Posture{Framework: id, Decisions: decisions, Controls: []hubapi.ControlPosture{}}
	for _, c := range s.controls.Controls(id) {
		p.Controls = append(p.Controls, describe(c.ID, c.Name(), touched[c.ID]))
		delete(touched, c.ID)
	}
	for _, c := range counts {
		if _, left := touched[c.Control]; left {
			p.Controls = append(p.Controls, describe(c.Control, "", c))
		}
	}
	return p, nil
}

func describe(id mesh.ControlID, title string, c Count) hubapi.ControlPosture {
	p := hubapi.ControlPosture{
		ID: id, Title: title, Decisions: c.Decisions, Allowed: c.Allowed, Denied: c.Denied,
		Violations: c.Violations, Severities: map[mesh.Severity]int64{},
	}
	for severity, n := range c.Severities {
		if n > 0 {
			p.Severities[severity] = n
		}
	}
	if !c.LastAt.IsZero() {
		p.LastAt = &c.LastAt
	}
	return p
}
