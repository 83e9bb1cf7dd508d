package posture_test

import (
	"context"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/catalog/posture"
)

// rollups are what was counted, by framework.
type rollups map[mesh.FrameworkID][]posture.Count

func (r rollups) PostureCounts(_ context.Context, _ mesh.TenantID, f mesh.FrameworkID) (int64, []posture.Count, error) {
	return int64(len(r[f])), r[f], nil
}

func TestFramework(t *testing.T) {
	t.Parallel()
	lists, err := frameworks.Load()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	counted := func(id mesh.ControlID) posture.Count {
		return posture.Count{Control: id, Decisions: 3, Allowed: 1, Denied: 2, Violations: 2, Severities: map[mesh.Severity]int64{mesh.SeverityHigh: 2, mesh.SeverityLow: 0}, LastAt: at}
	}
	s := posture.New(rollups{"gdpr": {counted("gdpr:Art.17"), counted("gdpr:Art.17a")}, "house-rules": {counted("house-rules:1")}}, lists)

	p, err := s.Framework(t.Context(), mesh.DefaultTenant, "GDPR")
	if err != nil {
		t.Fatal(err)
	}
	all := lists.Controls("gdpr")
	if p.Framework != "gdpr" || len(p.Controls) != len(all)+1 {
		t.Fatalf("%s has %d controls, want all %d and the one the list lacks", p.Framework, len(p.Controls), len(all))
	}
	for i, c := range p.Controls {
		switch c.ID {
		case "gdpr:Art.17", "gdpr:Art.17a":
			if c.Decisions != 3 || c.Denied != 2 || c.Severities[mesh.SeverityHigh] != 2 || len(c.Severities) != 1 || c.LastAt == nil {
				t.Errorf("%s is %+v", c.ID, c)
			}
		default:
			if c.ID != all[i].ID || c.Title == "" || c.Decisions != 0 || c.Severities == nil || c.LastAt != nil {
				t.Errorf("%s is %+v", c.ID, c)
			}
		}
	}
	own, err := s.Framework(t.Context(), mesh.DefaultTenant, "house-rules")
	if err != nil || len(own.Controls) != 1 {
		t.Errorf("a vendor's own framework: %+v, %v", own, err)
	}
	if _, err := s.Framework(t.Context(), mesh.DefaultTenant, "gpdr"); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("no framework: %v", err)
	}
}
