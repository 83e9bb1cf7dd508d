package decisions

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// An agent chooses its id; it must not make up a line of evidence with it.
func TestLineIsOneLine(t *testing.T) {
	t.Parallel()
	io, _, _, _ := iostreams.Test()
	d := &hubapi.Decision{AuditEntry: mesh.AuditEntry{
		AgentID: "a\n2026-11-22 allowed data.read by root", Action: "data.read\r\nx", Outcome: mesh.OutcomeDenied,
	}}
	if got := line(io, d); strings.ContainsAny(got, "\r\n") {
		t.Errorf("the evidence of one decision is %q", got)
	}
}
