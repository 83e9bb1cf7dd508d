package engines

import (
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// hand is what a programmer writes who knows the rules when the program is
// written: nothing is interpreted. It defines what the workload means.
type hand struct {
	byTarget map[workload.Target][]*workload.Policy
	inputs   []facts
	violated []int
}

// facts is what the rules read of an action, flat. A value that is absent is
// the zero value and its flag false.
type facts struct {
	target                                        workload.Target
	consent                                       bool // given; absent is not given
	purpose, algorithm, legalBasis, region        string
	right, format                                 string
	keyAgeDays, retentionDays                     int64
	ageHours                                      float64
	hasPurpose, hasAlgorithm, hasBasis, hasRegion bool
	hasKeyAge, hasRetention                       bool
	hasRight, hasAgeHours, hasFormat              bool
}

func loadHand(set *workload.Set) (Engine, error) { return newHand(set), nil }

func newHand(set *workload.Set) *hand {
	h := &hand{byTarget: byTarget(set, func(p *workload.Policy) []*workload.Policy { return []*workload.Policy{p} })}
	for _, a := range set.Actions {
		h.inputs = append(h.inputs, factsOf(a))
	}
	return h
}

// byTarget is the index that engines without one of their own stand behind.
func byTarget[T any](set *workload.Set, rules func(*workload.Policy) []T) map[workload.Target][]T {
	index := map[workload.Target][]T{}
	for i := range set.Policies {
		p := &set.Policies[i]
		index[p.Target] = append(index[p.Target], rules(p)...)
	}
	return index
}

func factsOf(a *mesh.Action) facts {
	f := facts{target: workload.TargetOf(a)}
	if d := a.Data; d != nil {
		f.consent = d.Consent != nil && d.Consent.Given != nil && *d.Consent.Given
		f.purpose, f.hasPurpose = value(d.Purpose)
		f.legalBasis, f.hasBasis = value(d.LegalBasis)
		f.region, f.hasRegion = value(d.Region)
		f.retentionDays, f.hasRetention = value(d.RetentionDays)
		if e := d.Encryption; e != nil {
			f.algorithm, f.hasAlgorithm = value(e.Algorithm)
			f.keyAgeDays, f.hasKeyAge = value(e.KeyAgeDays)
		}
	}
	if r := a.Request; r != nil {
		f.right, f.hasRight = value(r.Right)
		f.ageHours, f.hasAgeHours = value(r.AgeHours)
		f.format, f.hasFormat = value(r.Format)
	}
	return f
}

func value[T any](p *T) (v T, ok bool) {
	if p == nil {
		return v, false
	}
	return *p, true
}

func (h *hand) Decide(action int) bool {
	f := &h.inputs[action]
	h.violated = h.violated[:0]
	for _, p := range h.byTarget[f.target] {
		h.check(p, f)
	}
	return len(h.violated) == 0
}

func (h *hand) Violated(numbers []int) []int { return append(numbers, h.violated...) }

func (h *hand) check(p *workload.Policy, f *facts) {
	first := p.Number * workload.RulesPerPolicy
	if !f.consent {
		h.violated = append(h.violated, first+workload.Consent)
	}
	if !f.hasPurpose || !slices.Contains(p.Purposes, f.purpose) {
		h.violated = append(h.violated, first+workload.ValidPurpose)
	}
	if !f.hasPurpose || slices.Contains(p.Prohibited, f.purpose) {
		h.violated = append(h.violated, first+workload.BadPurpose)
	}
	if !f.hasAlgorithm || f.algorithm != p.Algorithm {
		h.violated = append(h.violated, first+workload.Algorithm)
	}
	if !f.hasKeyAge || f.keyAgeDays > p.MaxKeyAgeDays {
		h.violated = append(h.violated, first+workload.KeyAge)
	}
	if !f.hasRetention || f.retentionDays > p.MaxRetentionDays {
		h.violated = append(h.violated, first+workload.Retention)
	}
	if !f.hasBasis || !slices.Contains(p.LegalBases, f.legalBasis) {
		h.violated = append(h.violated, first+workload.LegalBasis)
	}
	if !f.hasRegion || !slices.Contains(p.Regions, f.region) {
		h.violated = append(h.violated, first+workload.Region)
	}
	if !f.hasRight {
		return
	}
	switch f.right {
	case "access", "erasure":
		if !f.hasAgeHours || f.ageHours > float64(p.MaxAnswerHours) {
			h.violated = append(h.violated, first+workload.AnswerTime)
		}
	case "portability":
		if !f.hasFormat || !slices.Contains(p.Formats, f.format) {
			h.violated = append(h.violated, first+workload.AnswerFormat)
		}
	}
}
