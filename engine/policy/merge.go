package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// merger lays a profile over its base.
type merger struct {
	base, profile *Document
	findings      []mesh.Finding
}

// merge returns the document of both. It is complete only if nothing was
// found that is an error.
func (m *merger) merge() *Document {
	d := &Document{
		File:          m.profile.File,
		Version:       newest(m.base.Version, m.profile.Version),
		Extends:       m.profile.Extends,
		Bases:         append([]Base{*m.profile.Extends}, m.base.Bases...),
		Name:          m.profile.Name,
		Description:   cmp.Or(m.profile.Description, m.base.Description),
		Framework:     m.framework(),
		DenyByDefault: m.denyByDefault(),
		Params:        m.params(),
		Enforcement:   m.enforcement(),
	}
	d.own = written{settings: m.settings(), custom: m.custom()}
	d.Rules = m.rules(&d.own)
	d.Bindings = m.bindings()
	for _, f := range append(checkPurposes(d.own.settings), unusedBindings(d.Bindings, d.Rules)...) {
		if f.File == m.profile.File { // those of the base were told its author
			m.findings = append(m.findings, f)
		}
	}
	slices.SortStableFunc(m.findings, byPlace)
	return d
}

func newest(a, b string) string {
	number := func(version string) int {
		_, patch, _ := strings.Cut(strings.TrimPrefix(version, majorVersion), ".")
		n, _ := strconv.Atoi(patch) // the schema demands digits, four at most
		return minor(version)*10_000 + n
	}
	if number(b) > number(a) {
		return b
	}
	return a
}

// widens reports a value of the profile that would allow more than the base's.
func (m *merger) widens(at mesh.Position, what string, own, base any, reason, remedy string) {
	m.findings = append(m.findings, mesh.Finding{
		Position: at, Level: mesh.LevelError, Rule: "widens-base",
		Message: fmt.Sprintf("%s is %s, but the base %s has %s: %s", what, show(own), m.profile.Extends.Bundle, show(base), reason),
		Hint:    remedy,
	})
}

// framework keeps the base's framework: another would take the evidence from
// the controls that the base's rules serve.
func (m *merger) framework() Label {
	own, base := m.profile.Framework, m.base.Framework
	if base.Value == "" {
		return own
	}
	if own.Value != "" && !strings.EqualFold(own.Value, base.Value) {
		m.widens(own.Position, "framework", own.Value, base.Value, "its rules would serve no control of that any more",
			"remove it; controls: names further controls for a built-in rule")
	}
	return base
}

func (m *merger) denyByDefault() bool {
	if own := m.profile.own.byDefault; m.base.DenyByDefault && own != nil && own.Value != "deny" {
		m.widens(own.Position, "default", own.Value, "deny", "a profile may not take that back", "remove it, or write default: deny")
	}
	return m.base.DenyByDefault || m.profile.DenyByDefault
}

// enforcement joins modes and actions. There is one block action, whose
// severity may rise.
func (m *merger) enforcement() Enforcement {
	e := m.base.Enforcement
	own := m.profile.own
	if own.mode != nil {
		mode := m.profile.Enforcement.Mode
		if mode.WeakerThan(e.Mode) {
			m.widens(own.mode.Position, "mode", mode, e.Mode, "a profile may only be stricter", "remove it to keep the base's mode")
		}
		e.Mode = mode
	}
	e.Actions = slices.Clone(e.Actions)
	if own.block != nil {
		severity := m.profile.Enforcement.Severity
		if grade(severity) < grade(e.Severity) {
			m.widens(own.block.Position, "the severity of block", severity, e.Severity, "a profile may only raise it", "leave block out to keep the base's severity")
		}
		e.Severity = severity
		e.Actions = slices.DeleteFunc(e.Actions, func(a ViolationAction) bool { return a.Action == ActionBlock })
	}
	e.Actions = append(e.Actions, m.profile.Enforcement.Actions...)
	return e
}

// grade orders severities.
func grade(s mesh.Severity) int {
	return slices.Index([]mesh.Severity{mesh.SeverityLow, mesh.SeverityMedium, mesh.SeverityHigh, mesh.SeverityCritical}, s)
}

// settings lays the profile's parameters of built-in rules over the base's.
func (m *merger) settings() map[string]setting {
	base := m.base.own.settings
	out := maps.Clone(base)
	for path, own := range m.profile.own.settings {
		before, given := base[path]
		switch {
		case given:
			if ok, known := narrows(path, before.value, own.value); !ok || !known {
				reason, remedy := explainOrder(path, before.value, own.value)
				m.widens(own.at, path, own.value, before.value, reason, remedy)
				continue
			}
		case m.completes(path):
			if ok, known := narrows(path, nil, own.value); !ok || !known {
				reason, remedy := explainOrder(path, nil, own.value)
				m.widens(own.at, path, own.value, nil, reason, remedy)
				continue
			}
		}
		out[path] = own
	}
	return out
}

// completes reports whether the path is a parameter that a rule of the base
// does without.
func (m *merger) completes(path string) bool {
	for _, r := range m.base.Rules {
		p := primitives.Lookup(r.Primitive)
		if p != nil && slices.ContainsFunc(p.Parameters[1:], func(parameter primitives.Parameter) bool { return parameter.Path == path }) {
			return true
		}
	}
	return false
}

// custom joins the rules in CEL. The base's stay as they are.
func (m *merger) custom() []Rule {
	out := slices.Clone(m.base.own.custom)
	for _, r := range m.profile.own.custom {
		if i := slices.IndexFunc(m.base.own.custom, func(b Rule) bool { return b.ID == r.ID }); i >= 0 {
			m.findings = append(m.findings, mesh.Finding{
				Position: r.Position, Level: mesh.LevelError, Rule: "widens-base",
				Message: fmt.Sprintf("the base %s has a rule of the id %s, in %s: a profile may only add rules", m.profile.Extends.Bundle, r.ID, m.base.own.custom[i].Position),
				Hint:    "choose another id; both rules will hold",
			})
			continue
		}
		r.Added = m.base.DenyByDefault
		out = append(out, r)
	}
	return out
}

// rules puts the rules in order: the base's first. One that the profile would
// switch off is an error.
func (m *merger) rules(merged *written) []Rule {
	rest := map[string]Rule{}
	for _, r := range append(builtInRules(merged.settings), merged.custom...) {
		rest[r.ID] = r
	}
	out := make([]Rule, 0, len(rest))
	for _, before := range m.base.Rules {
		r, ok := rest[before.ID]
		if !ok {
			m.switchedOff(before)
			continue
		}
		r.Added = before.Added
		out = append(out, r)
		delete(rest, before.ID)
	}
	start := len(out)
	for _, r := range rest {
		r.Added = m.base.DenyByDefault
		out = append(out, r)
	}
	slices.SortFunc(out[start:], func(a, b Rule) int {
		return cmp.Or(a.Position.Line-b.Position.Line, a.Position.Column-b.Position.Column, cmp.Compare(a.ID, b.ID))
	})
	return out
}

// switchedOff reports the flag by which the profile switches a rule of the base
// off, unless it was reported as a value that widens.
func (m *merger) switchedOff(r Rule) {
	p := primitives.Lookup(r.Primitive)
	flag, ok := m.profile.own.settings[p.Unless]
	if _, before := m.base.own.settings[p.Unless]; !ok || before {
		return
	}
	m.findings = append(m.findings, mesh.Finding{
		Position: flag.at, Level: mesh.LevelError, Rule: "widens-base",
		Message: fmt.Sprintf("%s is %s, which switches off the rule %s of the base %s", p.Unless, show(flag.value), r.ID, m.profile.Extends.Bundle),
		Hint:    "leave it out to keep the base's rule",
	})
}

// bindings joins the controls of built-in rules: the base's stay.
func (m *merger) bindings() []Binding {
	out := slices.Clone(m.base.Bindings)
	for _, own := range m.profile.Bindings {
		id := own.Rule.Value
		if i := slices.IndexFunc(out, func(b Binding) bool { return b.Rule.Value == id }); i >= 0 {
			out[i].Controls = slices.Concat(out[i].Controls, own.Controls)
			continue
		}
		own.Further = slices.ContainsFunc(m.base.Rules, func(r Rule) bool { return r.Primitive == id })
		out = append(out, own)
	}
	return out
}
