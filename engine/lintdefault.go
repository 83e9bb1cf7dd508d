package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/analyze"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// allowedActions is the built-in rule that lists the types of actions there may
// be.
const allowedActions = "operations.allowed_actions"

// lintDefault warns of default: deny where rules leave nothing to it: adding a
// rule that looks at every action takes away what denied. A rule that denies
// whatever it looks at does the same as the default, and does no harm.
func (c *checkedPolicy) lintDefault(doc *policy.Document) []mesh.Finding {
	if c.checker == nil || !doc.DenyByDefault || doc.Unresolved() || doc.Lacks("extends") {
		return nil
	}
	var ids []string
	var conditions []*term.Term
	for i := range doc.Rules {
		source, r := &doc.Rules[i], c.rules[i]
		require := termOf(r.require, r.records)
		if source.Damaged || source.Added || !r.compiles(source) || require != nil && require.IsConst(false) {
			continue
		}
		ids, conditions = append(ids, r.id), append(conditions, termOf(r.when, r.records))
	}
	cover := analyze.Covers(conditions, Predicates())
	if cover == nil {
		return nil
	}
	var looking []string
	for _, i := range cover.Rules {
		looking = append(looking, ids[i])
	}
	return []mesh.Finding{{
		Position: doc.DefaultAt, Level: mesh.LevelWarning, Rule: analyze.RuleIdleDefault,
		Message: idleDefault(looking, cover.But), Hint: remedyOfDefault(doc, looking),
	}}
}

// idleDefault says which rules leave nothing to the default.
func idleDefault(looking, but []string) string {
	looks := named(looking) + " look"
	if len(looking) == 1 {
		looks += "s"
	}
	if len(but) == 0 {
		return "default: deny never applies: " + looks + " at every action"
	}
	return "default: deny applies to no action but those of type " + strings.Join(but, ", ") + ": " + looks + " at all others"
}

func remedyOfDefault(doc *policy.Document, looking []string) string {
	const leaveOut = "leave default out"
	isAllowList := func(r policy.Rule) bool { return r.Primitive == allowedActions }
	if slices.ContainsFunc(doc.Rules, isAllowList) {
		return leaveOut + ": " + allowedActions + " says which types of actions are allowed"
	}
	hint := "list the types of actions that are allowed in " + allowedActions + ", and " + leaveOut
	custom := func(id string) bool {
		return slices.ContainsFunc(doc.Rules, func(r policy.Rule) bool { return r.ID == id && r.Primitive == "" && r.Position.File == doc.File })
	}
	if i := slices.IndexFunc(looking, func(id string) bool { return !custom(id) }); i < 0 {
		hint = "give " + named(looking) + " a when that leaves actions to it; or " + hint
	}
	return hint
}

// named lists rules, of many the first.
func named(ids []string) string {
	const most = 3
	if n := len(ids); n > most {
		return strings.Join(ids[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	} else if n > 1 {
		return strings.Join(ids[:n-1], ", ") + " and " + ids[n-1]
	}
	return ids[0]
}

// IdleDefaults reports of every policy, in the order of [Compile], whether it is
// proved that its default never applies, with the values that parameters have.
func (p *Program) IdleDefaults() []bool {
	out := make([]bool, len(p.policies))
	for i, c := range p.policies {
		out[i] = c.idleDefault()
	}
	return out
}

// idleDefault reports whether it is proved that a rule looks at every action.
func (c *compiledPolicy) idleDefault() bool {
	var conditions []*term.Term
	for _, r := range c.rules {
		if !r.added {
			conditions = append(conditions, r.terms(Bitmaps).when)
		}
	}
	cover := analyze.Covers(conditions, Predicates())
	return cover != nil && len(cover.But) == 0
}
