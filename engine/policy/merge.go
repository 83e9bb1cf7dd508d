package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// written is what the file itself says, as far as the document does not: what
// a profile leaves out it takes from its base.
type written struct {
	doc   *yamldoc.Document // knows where the nodes stand
	root  *yaml.Node        // of the file; nil for a document that was merged
	rules *yaml.Node
}

// merger lays a profile over its base.
type merger struct {
	base, profile *Document
	findings      []mesh.Finding
	// flags are the flags that the profile sets to false and the base leaves
	// out: they may switch rules of the base off.
	flags []flag
}

type flag struct {
	path []string
	at   mesh.Position
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
		DefaultAt:     cmp.Or(m.profile.DefaultAt, m.base.DefaultAt),
		Params:        m.params(),
		Enforcement:   m.enforcement(),
	}
	own := m.profile.own
	merged := own.doc.Overlay(m.base.own.doc, m.base.own.rules, own.rules, m.choose)
	d.own = &written{doc: merged, rules: merged.Root}
	p := parser{doc: merged}
	d.Rules = m.rules(p.builtIn(merged.Root))
	q := parser{doc: own.doc}
	d.Bindings = m.bindings(q.bindings(yamldoc.Get(own.root, "controls"), d.Rules), d.Rules)
	for _, f := range append(p.findings, q.findings...) {
		if f.File == m.profile.File || f.Level == mesh.LevelError { // the base's author was warned
			m.findings = append(m.findings, f)
		}
	}
	if len(d.Rules) > maxRules {
		m.findings = append(m.findings, mesh.Finding{
			Position: d.Extends.Position, Level: mesh.LevelError, Rule: "too-large",
			Message: fmt.Sprintf("with those of its bases the policy has %d rules, more than %d", len(d.Rules), maxRules), Hint: "split it",
		})
	}
	slices.SortStableFunc(m.findings, byPlace)
	return d
}

// maxRules bounds the rules of a merged document, as the schema bounds the
// custom ones of a file.
const maxRules = 10_000

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
	has := "has " + show(base)
	if base == nil {
		has = "does not set it"
	}
	m.findings = append(m.findings, mesh.Finding{
		Position: at, Level: mesh.LevelError, Rule: "widens-base",
		Message: fmt.Sprintf("%s is %s, but the base %s %s: %s", what, show(own), m.profile.Extends.Bundle, has, reason),
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
	own := yamldoc.Get(m.profile.own.root, "default")
	if m.base.DenyByDefault && own != nil && !m.profile.DenyByDefault {
		m.widens(m.profile.own.doc.Position(own), "default", own.Value, "deny", "a profile may not take that back", "remove it, or write default: deny")
	}
	return m.base.DenyByDefault || m.profile.DenyByDefault
}

// enforcement joins modes and actions. There is one block action, whose
// severity may rise.
func (m *merger) enforcement() Enforcement {
	e, own := m.base.Enforcement, m.profile.Enforcement
	if mode := yamldoc.Get(yamldoc.Get(m.profile.own.root, "enforcement"), "mode"); mode != nil {
		if own.Mode.WeakerThan(e.Mode) {
			m.widens(m.profile.own.doc.Position(mode), "mode", own.Mode, e.Mode, "a profile may only be stricter", "remove it to keep the base's mode")
		}
		e.Mode = own.Mode
	}
	e.Actions = slices.Clone(e.Actions)
	for _, a := range own.Actions {
		if a.Action == ActionBlock {
			if grade(own.Severity) < grade(e.Severity) {
				m.widens(a.Position, "the severity of block", own.Severity, e.Severity, "a profile may only raise it", "leave block out to keep the base's severity")
			}
			e.Severity = own.Severity
			e.Actions = slices.DeleteFunc(e.Actions, func(b ViolationAction) bool { return b.Action == ActionBlock })
		}
		e.Actions = append(e.Actions, a)
	}
	return e
}

// grade orders severities.
func grade(s mesh.Severity) int {
	return slices.Index([]mesh.Severity{mesh.SeverityLow, mesh.SeverityMedium, mesh.SeverityHigh, mesh.SeverityCritical}, s)
}

// choose says which parameters of built-in rules the profile may set: those
// that narrow. The custom rules are no parameters, and are joined apart.
func (m *merger) choose(path []string, below, over *yaml.Node) bool {
	if path[0] == "custom" {
		return false
	}
	at := m.profile.own.doc.Position(over)
	own := yamldoc.Value(over)
	var base any
	if below != nil {
		base = yamldoc.Value(below)
	} else if own == false {
		m.flags = append(m.flags, flag{slices.Clone(path), at})
	}
	ok, known := narrows(path, base, own)
	if ok || below == nil && known && !m.holds(path[:len(path)-1]) {
		return true // what allows, within what the base does not speak of
	}
	reason, remedy := explainOrder(path, base, own)
	m.widens(at, strings.Join(path, "."), own, base, reason, remedy)
	return false
}

// holds reports whether the base has anything at the path.
func (m *merger) holds(path []string) bool {
	n := m.base.own.rules
	for _, name := range path {
		if n = yamldoc.Get(n, name); n == nil {
			return false
		}
	}
	return true
}

// rules puts the rules in order: the base's first, as the profile narrows them,
// then the profile's own. builtIn are the built-in rules of both.
func (m *merger) rules(builtIn []Rule) []Rule {
	rest := map[string]Rule{}
	for _, r := range builtIn {
		rest[r.ID] = r
	}
	var out []Rule
	for _, r := range m.base.Rules {
		narrowed, ok := rest[r.ID]
		switch {
		case r.Primitive == "":
			out = append(out, r)
		case ok:
			narrowed.Added = r.Added
			m.looksFurther(r, narrowed)
			out = append(out, narrowed)
			delete(rest, r.ID)
		default:
			m.switchedOff(r)
		}
	}
	start := len(out)
	for _, r := range rest {
		out = append(out, r)
	}
	for _, r := range m.profile.Rules {
		if r.Primitive == "" {
			out = append(out, r)
		}
	}
	added := out[start:]
	slices.SortFunc(added, func(a, b Rule) int {
		return cmp.Or(a.Position.Line-b.Position.Line, a.Position.Column-b.Position.Column, cmp.Compare(a.ID, b.ID))
	})
	for i, r := range added {
		added[i].Added = m.base.DenyByDefault
		m.ownID(r)
	}
	return out
}

// looksFurther reports what the profile changes of what a rule of the base
// looks at. The base denies by default what none of its rules looks at, and a
// rule that looks at more leaves less to that: a narrower value may allow.
func (m *merger) looksFurther(base, narrowed Rule) {
	if !m.base.DenyByDefault || base.Added {
		return
	}
	primitive := primitives.Lookup(base.Primitive)
	keys := make([]string, len(primitive.Each))
	for i, name := range primitive.Each {
		keys[i], _ = base.Values[name].(string)
	}
	for _, parameter := range primitive.Parameters {
		before, now := base.Values[parameter.Name()], narrowed.Values[parameter.Name()]
		if !primitive.LooksBy(parameter) || same(before, now) {
			continue
		}
		_, value := descend(yamldoc.Get(m.profile.own.root, "rules"), parameter.Path, keys)
		if value == nil {
			continue // the base's own
		}
		m.widens(m.profile.own.doc.Position(value), strings.Join(filled(parameter.Path, keys), "."), now, before,
			"it says what the rule looks at, and the base denies by default what no rule of it looks at",
			"leave it out to keep the base's value, and demand more by a rule of your own")
	}
}

// filled puts the keys in the place of a path's asterisks.
func filled(of string, keys []string) []string {
	elements := strings.Split(of, ".")
	for i, e := range elements {
		if e == "*" {
			elements[i], keys = keys[0], keys[1:]
		}
	}
	return elements
}

// ownID reports a rule of the profile that has the id of one of the base.
func (m *merger) ownID(r Rule) {
	i := slices.IndexFunc(m.base.Rules, func(b Rule) bool { return b.ID == r.ID })
	if i < 0 {
		return
	}
	m.findings = append(m.findings, mesh.Finding{
		Position: r.Position, Level: mesh.LevelError, Rule: "widens-base",
		Message: fmt.Sprintf("the base %s has a rule of the id %s, in %s: a profile may only add rules", m.profile.Extends.Bundle, r.ID, m.base.Rules[i].Position),
		Hint:    "choose another id; both rules will hold",
	})
}

// switchedOff reports a rule of the base that the profile leaves nothing of, at
// the flag that does it.
func (m *merger) switchedOff(r Rule) {
	f := mesh.Finding{
		Position: m.profile.Extends.Position, Level: mesh.LevelError, Rule: "widens-base",
		Message: fmt.Sprintf("the rule %s of the base %s is switched off", r.ID, m.profile.Extends.Bundle),
		Hint:    "leave the flag out to keep the base's rule",
	}
	nearest := -1
	for _, flag := range m.flags {
		if n := shared(flag.path, strings.Split(r.ID, ".")); n > nearest {
			nearest = n
			f.Position = flag.at
			f.Message = fmt.Sprintf("%s is false, which switches off the rule %s of the base %s", strings.Join(flag.path, "."), r.ID, m.profile.Extends.Bundle)
		}
	}
	m.findings = append(m.findings, f)
}

// shared returns how many elements two paths have in common at their start.
func shared(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// bindings joins the controls of built-in rules. A rule serves what the base
// says of it, by its id or by that of all its like, and what the profile says
// in either way.
func (m *merger) bindings(own []Binding, rules []Rule) []Binding {
	out := slices.Clone(m.base.Bindings)
	used := map[string]bool{}
	for _, r := range rules {
		further := bindingOf(own, r)
		if further == nil {
			continue // what the base says stays
		}
		used[further.Rule.Value] = true
		joined := Binding{
			Rule: Label{Value: r.ID, Position: further.Rule.Position}, Controls: further.Controls,
			Further: slices.ContainsFunc(m.base.Rules, func(before Rule) bool { return before.ID == r.ID }),
		}
		if base := bindingOf(m.base.Bindings, r); base != nil {
			joined.Controls, joined.Further = slices.Concat(base.Controls, further.Controls), base.Further
		}
		if i := slices.IndexFunc(out, func(b Binding) bool { return b.Rule.Value == r.ID }); i >= 0 {
			out[i] = joined
		} else {
			out = append(out, joined)
		}
	}
	return append(out, slices.DeleteFunc(own, func(b Binding) bool { return used[b.Rule.Value] })...)
}

// bindingOf returns what is said of a rule: of it by its own id, else of all
// its like; nil if nothing is.
func bindingOf(bindings []Binding, r Rule) *Binding {
	if r.Primitive == "" {
		return nil
	}
	for _, id := range []string{r.ID, r.Primitive} {
		if i := slices.IndexFunc(bindings, func(b Binding) bool { return b.Rule.Value == id }); i >= 0 {
			return &bindings[i]
		}
	}
	return nil
}
