package compare

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
)

// complete gives a value to every parameter that has neither a default nor a
// value, and says so.
func (c *comparison) complete(p *engine.Policy) {
	if p.Document == nil {
		return
	}
	p.Params = maps.Clone(p.Params)
	if p.Params == nil {
		p.Params = map[string]any{}
	}
	for i := range p.Document.Params {
		param := &p.Document.Params[i]
		if _, given := p.Params[param.Name]; given || param.Default != nil {
			continue
		}
		v := assumed(param)
		p.Params[param.Name] = v
		gap := Gap{
			Kind: Parameter, What: "whether other values of the parameter " + param.Name + " make a difference",
			Why: fmt.Sprintf("it has no default, and %s was taken for it", wordsOf(v)),
		}
		if !slices.ContainsFunc(c.report.Incomplete, func(g Gap) bool { return g.What == gap.What && g.Why == gap.Why }) {
			c.report.Incomplete = append(c.report.Incomplete, gap)
		}
	}
}

// assumed is a value that fits most declarations of a parameter.
func assumed(p *policy.Param) any {
	least := int64(0)
	if p.Minimum != nil {
		least = int64(*p.Minimum)
	}
	switch {
	case p.Type == policy.TypeArray:
		return []any{}
	case len(p.Enum) > 0:
		return p.Enum[0]
	case p.Type == policy.TypeBoolean:
		return false
	case p.Type == policy.TypeString:
		return ""
	}
	return least
}

// document compares what is said beside the rules.
func (c *comparison) document() {
	older, newer := c.older.policy.Document, c.newer.policy.Document
	if a, b := older.Enforcement.Mode, newer.Enforcement.Mode; a != b {
		c.mode(a, b)
	}
	for i := range older.Params {
		if p := &older.Params[i]; newer.Param(p.Name) == nil {
			c.parameter(fmt.Sprintf("parameter %s is gone", p.Name), p.Default, nil)
		}
	}
	for i := range newer.Params {
		p := &newer.Params[i]
		switch o := older.Param(p.Name); {
		case o == nil:
			c.parameter(fmt.Sprintf("parameter %s is new (default: %s)", p.Name, wordsOf(p.Default)), nil, p.Default)
		case !reflect.DeepEqual(o.Default, p.Default):
			c.parameter(fmt.Sprintf("parameter %s: default %s → %s", p.Name, wordsOf(o.Default), wordsOf(p.Default)), o.Default, p.Default)
			c.bounds(o, p)
		default:
			c.bounds(o, p)
		}
	}
}

// bounds reports which other values a parameter may have.
func (c *comparison) bounds(o, p *policy.Param) {
	if a, b := *o, *p; a.Same(withDefault(b, a.Default)) {
		return
	}
	var parts []string
	add := func(name string, before, after any) {
		if x, y := pointed(before), pointed(after); !reflect.DeepEqual(x, y) {
			parts = append(parts, fmt.Sprintf("%s %s → %s", name, wordsOf(x), wordsOf(y)))
		}
	}
	add("type", string(o.Type), string(p.Type))
	add("items", string(o.Items), string(p.Items))
	add("minimum", o.Minimum, p.Minimum)
	add("maximum", o.Maximum, p.Maximum)
	add("enum", o.Enum, p.Enum)
	add("minItems", o.MinItems, p.MinItems)
	add("maxItems", o.MaxItems, p.MaxItems)
	add("uniqueItems", o.UniqueItems, p.UniqueItems)
	add("minLength", o.MinLength, p.MinLength)
	add("maxLength", o.MaxLength, p.MaxLength)
	add("pattern", o.Pattern, p.Pattern)
	add("format", o.Format, p.Format)
	words := fmt.Sprintf("parameter %s may have other values", p.Name)
	if len(parts) > 0 {
		words += ": " + strings.Join(parts, ", ")
	}
	c.parameter(words, nil, nil)
}

func withDefault(p policy.Param, v any) policy.Param {
	p.Default = v
	return p
}

// pointed returns what a pointer points to; nil for no value at all.
func pointed(v any) any {
	r := reflect.ValueOf(v)
	if !r.IsValid() || r.IsZero() {
		return nil
	}
	if r.Kind() == reflect.Pointer {
		return r.Elem().Interface()
	}
	return v
}

func (c *comparison) parameter(words string, before, after any) {
	change := Change{Kind: Parameter, Rules: []string{}, Words: words}
	if before != nil || after != nil {
		change.Before, change.After = &Outcome{Value: before}, &Outcome{Value: after}
	}
	c.report.Changes = append(c.report.Changes, change)
}

// mode reports another mode, with an action of which it decides.
func (c *comparison) mode(older, newer mesh.Mode) {
	does := map[mesh.Mode]string{
		mesh.ModeEnforce: "what violates the policy is refused",
		mesh.ModeMonitor: "what violates the policy is recorded and let through",
		mesh.ModeAudit:   "what violates the policy is found afterwards",
	}
	change := Change{Kind: Mode, Rules: []string{}, Words: fmt.Sprintf("mode %s instead of %s: %s", newer, older, does[newer])}
	if a := c.violation(); a != nil {
		change.Example, change.Before, change.After = a, c.decideInMode(c.older, a), c.decideInMode(c.newer, a)
	} else {
		change.Before, change.After = &Outcome{}, &Outcome{}
	}
	change.Before.Value, change.After.Value = older, newer
	c.report.Changes = append(c.report.Changes, change)
}

// violation looks for an action that both versions deny.
func (c *comparison) violation() *mesh.Action {
	const tried = 10
	for _, r := range c.newer.rules[:min(len(c.newer.rules), tried)] {
		for _, clause := range lower.Clauses(r.require) {
			for _, cube := range missed(clause) {
				a := c.find(&question{goals: append([]space.Goal{space.Is(r.when)}, cube...), test: func(a *mesh.Action) bool {
					return !c.decide(c.older, a).allowed() && !c.decide(c.newer, a).allowed()
				}})
				if a != nil {
					return a
				}
			}
		}
	}
	return nil
}
