package explain

import (
	"context"
	"encoding/json"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/space"
)

// What the search counts besides the steps of rules.
const (
	bytesPerStep = 64 // of the action, of which every try copies some
	stepsOfTest  = 10 // to ask a clause about one element
	editShare    = 4  // to sort the elements of one list takes at most one of so many parts of what is left
)

// search tries changes to one action. All that it decides shares the steps that
// the explainer has left.
type search struct {
	ctx       context.Context
	program   *engine.Program
	action    *mesh.Action
	rules     []engine.RuleInfo
	modes     map[string]mesh.Mode
	phases    [2]phase // by engine.Phase
	enforced  bool     // only rules of policies in enforce mode are in the way
	tries     int      // that are left
	cost      int      // steps of each, besides those of the rules
	givenUp   bool
	explainer *explainer
}

// phase is what decides in one phase, and whose objection counts.
type phase struct {
	policies []bool // by policy that runs in it
	rules    []bool // by rule of theirs
	input    engine.Input
	verdict  engine.Verdict
}

func newSearch(x *explainer, p *engine.Program, enforced bool) *search {
	s := &search{ctx: x.ctx, program: p, action: x.action, rules: p.Rules(), modes: map[string]mesh.Mode{}, enforced: enforced, tries: MaxTries, explainer: x}
	s.cost = len(s.rules)
	if data, err := json.Marshal(x.action); err == nil {
		s.cost += len(data) / bytesPerStep
	}
	for _, info := range p.Policies() {
		s.modes[info.ID] = info.Mode
		runs := &s.phases[engine.Inline]
		if info.Mode == mesh.ModeAudit {
			runs = &s.phases[engine.Deferred]
		}
		counts := !enforced || info.Mode == mesh.ModeEnforce
		runs.policies = append(runs.policies, counts)
		for range info.Rules {
			runs.rules = append(runs.rules, counts)
		}
	}
	return s
}

// over reports whether nothing may be tried any more, which gives the search up.
func (s *search) over() bool {
	if s.tries > 0 && s.explainer.left > 0 && s.ctx.Err() == nil {
		return false
	}
	s.givenUp = true
	return true
}

// inTheWay returns the rules because of which the action is not allowed.
func (s *search) inTheWay(d *decision) []ruleName {
	var out []ruleName
	seen := map[ruleName]bool{}
	add := func(policyID, ruleID string) {
		name := ruleName{policyID, ruleID}
		if (!s.enforced || s.modes[policyID] == mesh.ModeEnforce) && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	for _, r := range []*engine.Result{&d.inline, &d.deferred} {
		for _, v := range r.Violations {
			add(v.PolicyID, v.RuleID)
		}
		for _, e := range r.Errors {
			add(e.PolicyID, e.RuleID)
		}
	}
	return out
}

// remaining returns how many rules are in the way of the action once v stands at
// a place. known is false where no action says that, or where it would take more
// steps than are left.
func (s *search) remaining(place space.Place, v space.Value) (n int, known bool) {
	s.tries--
	s.explainer.left -= s.cost + sizeOf(v.V)
	// What stands elsewhere was read, and can be said.
	if !space.Sayable(place.With(&mesh.Action{Action: s.action.Action}, v)) {
		return 0, false
	}
	changed := place.With(s.action, v)
	for i := range s.phases {
		ph := &s.phases[i]
		s.program.Bind(s.ctx, changed, engine.Phase(i), &ph.input)
		ph.input.Limit(s.explainer.left)
		s.program.Decide(&ph.input, &ph.verdict)
		s.explainer.left -= ph.input.Took()
		n += ph.objections()
	}
	if n > 0 && (s.explainer.left <= 0 || s.ctx.Err() != nil) {
		s.givenUp = true // rules fail then that would not otherwise
		return 0, false
	}
	return n, true
}

// sizeOf is the number of elements of a list or object.
func sizeOf(v any) int {
	switch v := v.(type) {
	case []string:
		return len(v)
	case []any:
		return len(v)
	case []mesh.ContentFinding:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

// objections returns how many rules object by the verdict.
func (p *phase) objections() int {
	n := 0
	last := int32(-1) // the rule that was counted last
	failures := p.verdict.Failures
	count := func(rule int32) {
		if rule != last && p.rules[rule] {
			n++
		}
		last = rule
	}
	for _, v := range p.verdict.Violations {
		for len(failures) > 0 && failures[0].Rule <= v.Rule {
			count(failures[0].Rule)
			failures = failures[1:]
		}
		count(v.Rule)
	}
	for _, f := range failures {
		count(f.Rule)
	}
	for _, policy := range p.verdict.Defaults {
		if p.policies[policy] {
			n++
		}
	}
	return n
}
