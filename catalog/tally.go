package catalog

import (
	"time"

	"github.com/ai-agent-mesh/mesh"
)

const secondsPerDay = 24 * 60 * 60

// ControlDay is what the roll-ups count: one control on one day.
type ControlDay struct {
	Control mesh.ControlID
	Day     int64 // days since 1970 in UTC
}

// FrameworkDay is one framework on one day.
type FrameworkDay struct {
	Framework mesh.FrameworkID
	Day       int64 // days since 1970 in UTC
}

// ControlTally is what records add to one [ControlDay].
type ControlTally struct {
	Decisions  int64
	Allowed    int64
	Denied     int64
	Violations int64
	Severities map[mesh.Severity]int64
	LastAt     time.Time
}

// Tally adds up what records touch. The second result counts the decisions
// that touched a framework at all, which is not the sum of its controls.
func Tally(records []EvidenceRecord) (map[ControlDay]*ControlTally, map[FrameworkDay]int64) {
	controls, frameworks := map[ControlDay]*ControlTally{}, map[FrameworkDay]int64{}
	for _, r := range records {
		touched := map[FrameworkDay]bool{}
		for _, t := range r.Touches {
			day := t.At.Unix() / secondsPerDay
			touched[FrameworkDay{t.Control.Framework(), day}] = true
			key := ControlDay{t.Control, day}
			c, ok := controls[key]
			if !ok {
				c = &ControlTally{Severities: map[mesh.Severity]int64{}}
				controls[key] = c
			}
			c.add(t)
		}
		for key := range touched {
			frameworks[key]++
		}
	}
	return controls, frameworks
}

func (c *ControlTally) add(t Touch) {
	c.Decisions++
	if t.Denied {
		c.Denied++
	} else {
		c.Allowed++
	}
	for severity, n := range t.Violations {
		c.Violations += n
		c.Severities[severity] += n
	}
	if t.At.After(c.LastAt) {
		c.LastAt = t.At
	}
}
