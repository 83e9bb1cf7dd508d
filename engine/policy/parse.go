package policy

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// RuleDefault is the ruleId of what "default: deny" denies. No custom rule may
// have it.
const RuleDefault = "default"

// The severities of violations whose policy does not grade them.
const (
	DefaultSeverity       = mesh.SeverityHigh   // of built-in rules
	DefaultCustomSeverity = mesh.SeverityMedium // of custom rules
)

// Parse reads one policy document. file is only used in positions. All
// findings are returned at once, in the order of the file: of the YAML, of its
// shape, and of what ids and values mean, as far as the rest can be understood.
// The document is nil if any of them is an error. One that extends a base needs
// [Resolve] before anything can be decided by it.
func Parse(file string, src []byte) (*Document, []mesh.Finding) {
	d, findings := parse(file, src)
	if d != nil && d.Extends == nil {
		d.own = nil // nothing will be merged with it
	}
	return d, findings
}

// parse is Parse, and keeps what a merge needs.
func parse(file string, src []byte) (*Document, []mesh.Finding) {
	d, findings := Salvage(file, src)
	if mesh.HasErrors(findings) {
		return nil, findings
	}
	return d, findings
}

func byPlace(a, b mesh.Finding) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) }

// schema is the compiled policy schema. It is embedded, so that a fault in it
// is one of the program; the tests of this package compile it.
var schema = sync.OnceValue(func() *yamldoc.Schema {
	s, err := yamldoc.CompileSchema(policySchema)
	if err != nil {
		panic(err)
	}
	return s
})

// parser builds the tree of a document whose shape is known to be right.
type parser struct {
	doc      *yamldoc.Document
	lines    [][]byte
	findings []mesh.Finding
}

func (p *parser) report(level mesh.FindingLevel, n *yaml.Node, rule, message, hint string) {
	p.findings = append(p.findings, mesh.Finding{Position: p.doc.Position(n), Level: level, Rule: rule, Message: message, Hint: hint})
}

func (p *parser) label(n *yaml.Node) Label {
	return Label{Value: n.Value, Position: p.doc.Position(n)}
}

func (p *parser) labels(n *yaml.Node) []Label {
	if n == nil {
		return nil
	}
	out := make([]Label, len(n.Content))
	for i, child := range n.Content {
		out[i] = p.label(child)
	}
	return out
}

func (p *parser) document(root *yaml.Node) *Document {
	d := &Document{
		File:          p.doc.File,
		Version:       text(root, "version"),
		Name:          text(root, "name"),
		Description:   text(root, "description"),
		DenyByDefault: text(root, "default") == "deny",
		Enforcement:   p.enforcement(yamldoc.Get(root, "enforcement")),
	}
	if key, _ := yamldoc.Find(root, "default"); key != nil {
		d.DefaultAt = p.doc.Position(key)
	}
	if n := yamldoc.Get(root, "framework"); n != nil {
		d.Framework = p.label(n)
	}
	d.Extends = p.extends(yamldoc.Get(root, "extends"))
	d.Params = p.params(yamldoc.Get(root, "params"))
	rules := yamldoc.Get(root, "rules")
	d.own = &written{doc: p.doc, root: root, rules: rules}
	before := len(p.findings)
	builtIn := p.builtIn(rules)
	if d.Extends != nil { // whether anything is missing depends on the base
		p.findings = append(p.findings[:before], faults(p.findings[before:])...)
	}
	d.Rules = slices.Concat(builtIn, p.custom(yamldoc.Get(rules, "custom"), builtIn))
	slices.SortStableFunc(d.Rules, func(a, b Rule) int {
		return cmp.Or(a.Position.Line-b.Position.Line, a.Position.Column-b.Position.Column)
	})
	if d.Extends != nil {
		return d
	}
	d.Bindings = p.bindings(yamldoc.Get(root, "controls"), d.Rules)
	if len(d.Rules) == 0 && !d.DenyByDefault {
		p.report(mesh.LevelWarning, rules, "no-rules", "the policy has no rule and allows everything", "add a section below rules, or write default: deny")
	}
	return d
}

// faults returns the findings that are errors.
func faults(findings []mesh.Finding) []mesh.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f mesh.Finding) bool { return f.Level != mesh.LevelError })
}

func text(n *yaml.Node, key string) string {
	if v := yamldoc.Get(n, key); v != nil {
		return v.Value
	}
	return ""
}

func (p *parser) enforcement(n *yaml.Node) Enforcement {
	e := Enforcement{Mode: mesh.ModeEnforce, Severity: DefaultSeverity}
	if n == nil {
		return e
	}
	if mode := text(n, "mode"); mode != "" {
		e.Mode = mesh.Mode(mode)
	}
	actions := yamldoc.Get(n, "actions_on_violation")
	if actions == nil {
		return e
	}
	blocks := 0
	for _, child := range actions.Content {
		a := ViolationAction{
			Action:      text(child, "action"),
			Severity:    mesh.Severity(text(child, "severity")),
			Channels:    yamldoc.Texts(yamldoc.Get(child, "channels")),
			Recipients:  yamldoc.Texts(yamldoc.Get(child, "recipients")),
			Destination: text(child, "destination"),
			Position:    p.doc.Position(child),
		}
		if a.Action == ActionBlock {
			if blocks++; blocks > 1 {
				p.report(mesh.LevelError, child, "duplicate-action", "block stands here for the second time", "keep one: its severity is that of all built-in rules")
			}
			e.Severity = cmp.Or(a.Severity, DefaultSeverity)
		}
		e.Actions = append(e.Actions, a)
	}
	return e
}

// ruleHint names the rule that was probably meant: one of the document, or any.
func ruleHint(name string, rules []Rule) string {
	var ids []string
	for _, r := range rules {
		if r.Primitive != "" {
			ids = append(ids, r.ID)
		}
	}
	hint := spelling.DidYouMean(name, append(ids, primitives.IDs()...))
	if hint == "" && strings.Contains(name, "*") {
		return "a * stands for the whole key in the name of a rule, as in tools.by_role.*; name the rules one by one"
	}
	return hint
}

// bindings reads the controls section. A rule it names must be built-in; that
// the policy uses it is only expected. Where a primitive makes a rule for each
// entry of a mapping, its id binds them all, and a rule's id that one.
func (p *parser) bindings(n *yaml.Node, rules []Rule) []Binding {
	if n == nil {
		return nil
	}
	var out []Binding
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		used := slices.ContainsFunc(rules, func(r Rule) bool {
			return r.Primitive == key.Value || r.Primitive != "" && r.ID == key.Value
		})
		switch {
		case used:
		case primitives.Lookup(key.Value) == nil:
			p.report(mesh.LevelError, key, "unknown-rule", yamldoc.Shorten(key.Value)+" is not a built-in rule", ruleHint(key.Value, rules))
		default:
			p.report(mesh.LevelWarning, key, "unused-controls", "the policy does not use the rule "+key.Value, "")
		}
		out = append(out, Binding{Rule: p.label(key), Controls: p.labels(n.Content[i+1])})
	}
	return out
}
