package decide

import (
	"fmt"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/explain"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// Print writes a decision for people: the verdict, then each violated rule
// with its controls and what to do instead.
func Print(io *iostreams.Streams, d *mesh.Decision) {
	out := io.Out
	_, _ = fmt.Fprintln(out, verdict(io, d))
	for _, v := range d.Violations {
		_, _ = fmt.Fprintf(out, "  %s %s %s\n", io.Paint(iostreams.Bold, v.PolicyID), v.RuleID, io.Paint(severityStyle(v.Severity), "("+string(v.Severity)+")"))
		_, _ = fmt.Fprintf(out, "      %s\n", v.Message)
		for i := range v.Clauses {
			_, _ = fmt.Fprintf(out, "      %s\n", unmet(&v.Clauses[i]))
		}
		if len(v.Controls) > 0 {
			_, _ = fmt.Fprintf(out, "      controls: %s\n", io.Paint(iostreams.Cyan, join(v.Controls)))
		}
		if v.Recommendation != "" {
			_, _ = fmt.Fprintf(out, "      do: %s\n", v.Recommendation)
		}
	}
	for _, e := range d.Errors {
		_, _ = fmt.Fprintf(out, "  %s %s %s: %s\n", io.Paint(iostreams.Red, "could not be evaluated:"), e.PolicyID, e.RuleID, e.Message)
	}
	for _, o := range d.Obligations {
		_, _ = fmt.Fprintf(out, "  obligation: %s %s\n", o.Type, properties(o.Properties))
	}
	if d.Unrecorded {
		_, _ = fmt.Fprintf(out, "  %s: there is no evidence of this decision\n", io.Paint(iostreams.Yellow, "NOT recorded"))
	} else if d.AuditLog.EventID != "" {
		_, _ = fmt.Fprintf(out, "  %s\n", io.Paint(iostreams.Faint, "recorded as event "+d.AuditLog.EventID))
	}
}

// verdict is the first line.
func verdict(io *iostreams.Streams, d *mesh.Decision) string {
	switch {
	case !d.Allowed:
		return io.Paint(iostreams.Red, "DENIED")
	case !d.Evaluated && d.Unrecorded:
		return io.Paint(iostreams.Yellow, "ALLOWED") + ", and never evaluated: audit mode evaluates what was recorded"
	case !d.Evaluated:
		return io.Paint(iostreams.Yellow, "ALLOWED") + ", to be evaluated afterwards (audit mode)"
	case !d.WouldAllow:
		return io.Paint(iostreams.Yellow, "ALLOWED") + " although rules are violated, in a mode that only watches"
	}
	return io.Paint(iostreams.Green, "ALLOWED")
}

// unmet says what a clause found and what it wanted.
func unmet(c *mesh.Clause) string {
	if len(c.Fields) == 0 {
		return "not met: " + c.Wanted
	}
	return strings.Join(explain.Found(c.Fields), ", ") + "; wanted: " + c.Wanted
}

func severityStyle(s mesh.Severity) iostreams.Style {
	switch s {
	case mesh.SeverityCritical, mesh.SeverityHigh:
		return iostreams.Red
	case mesh.SeverityMedium:
		return iostreams.Yellow
	}
	return iostreams.Faint
}

func join(controls []mesh.ControlID) string {
	texts := make([]string, len(controls))
	for i, c := range controls {
		texts[i] = string(c)
	}
	return strings.Join(texts, ", ")
}

// properties writes an obligation's properties; fmt sorts the keys of maps.
func properties(p map[string]any) string {
	if len(p) == 0 {
		return ""
	}
	return strings.TrimPrefix(fmt.Sprint(p), "map")
}
