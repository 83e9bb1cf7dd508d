package policy

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// builtIn returns a rule for every primitive that the sections switch on.
func (p *parser) builtIn(rules *yaml.Node) []Rule {
	var out []Rule
	for _, primitive := range primitives.All() {
		key, value := descend(rules, primitive.ID)
		if value == nil || (primitive.Parameters[0].Type == primitives.Flag && yamldoc.Value(value) != true) {
			continue
		}
		if _, flag := descend(rules, primitive.Unless); flag != nil && yamldoc.Value(flag) == false {
			continue
		}
		r := Rule{ID: primitive.ID, Position: p.doc.Position(key), Primitive: primitive.ID, Values: map[string]any{}}
		for _, parameter := range primitive.Parameters {
			if _, v := descend(rules, parameter.Path); v != nil {
				r.Values[parameter.Name()] = yamldoc.Value(v)
			}
		}
		out = append(out, r)
	}
	p.checkPurposes(rules)
	return out
}

// checkPurposes warns of the two halves of purpose limitation without each
// other.
func (p *parser) checkPurposes(rules *yaml.Node) {
	key, limited := descend(rules, "data_collection.purpose_limitation")
	listKey, list := descend(rules, "data_collection.valid_purposes")
	on := limited != nil && yamldoc.Value(limited) == true
	switch {
	case on && list == nil:
		p.report(mesh.LevelWarning, key, "no-valid-purposes", "purpose_limitation has no valid_purposes: any purpose is valid that is stated", "list the valid purposes")
	case !on && list != nil:
		p.report(mesh.LevelWarning, listKey, "unused-purposes", "valid_purposes has no effect", "add purpose_limitation: true")
	}
}

// descend follows a dotted path.
func descend(n *yaml.Node, path string) (key, value *yaml.Node) {
	if path == "" {
		return nil, nil
	}
	value = n
	for name := range strings.SplitSeq(path, ".") {
		if key, value = yamldoc.Find(value, name); value == nil {
			return nil, nil
		}
	}
	return key, value
}

func (p *parser) custom(n *yaml.Node) []Rule {
	if n == nil {
		return nil
	}
	first := map[string]int{}
	var out []Rule
	for _, child := range n.Content {
		id := yamldoc.Get(child, "id")
		switch {
		case id.Value == RuleDefault:
			p.report(mesh.LevelError, id, "reserved-id", "the id "+RuleDefault+" is that of default: deny", "choose another")
		case primitives.Lookup(id.Value) != nil:
			p.report(mesh.LevelError, id, "reserved-id", "the id "+id.Value+" is that of a built-in rule", "choose another")
		case first[id.Value] != 0:
			p.report(mesh.LevelError, id, "duplicate-id", fmt.Sprintf("a rule in line %d has the id %s, too", first[id.Value], id.Value), "choose another")
		default:
			first[id.Value] = id.Line
		}
		out = append(out, p.customRule(child, id))
	}
	return out
}

func (p *parser) customRule(n, id *yaml.Node) Rule {
	r := Rule{
		ID:             id.Value,
		Position:       p.doc.Position(id),
		Controls:       p.labels(yamldoc.Get(n, "controls")),
		Severity:       DefaultCustomSeverity,
		Message:        text(n, "message"),
		Recommendation: text(n, "recommendation"),
		Obligations:    p.obligations(yamldoc.Get(n, "obligations")),
	}
	if when := yamldoc.Get(n, "when"); when != nil {
		r.When = newExpr(p.doc.File, p.lines, when)
	}
	if require := yamldoc.Get(n, "require"); require != nil {
		r.Require = newExpr(p.doc.File, p.lines, require)
	}
	if s := text(n, "severity"); s != "" {
		r.Severity = mesh.Severity(s)
	}
	if r.Message == "" {
		r.Message = "the action does not meet the rule " + r.ID
	}
	return r
}

// obligations reads the list and warns of one that stands there twice: each
// combination of rule and obligation occurs once.
func (p *parser) obligations(n *yaml.Node) []mesh.Obligation {
	if n == nil {
		return nil
	}
	seen := map[string]bool{}
	var out []mesh.Obligation
	for _, child := range n.Content {
		o := mesh.Obligation{Type: text(child, "type")}
		if properties := yamldoc.Get(child, "properties"); properties != nil {
			o.Properties, _ = yamldoc.Value(properties).(map[string]any)
		}
		key := fmt.Sprint(o.Type, o.Properties) // maps print in the order of their keys
		if seen[key] {
			p.report(mesh.LevelWarning, child, "duplicate-value", "the obligation stands in the list twice", "remove it")
			continue
		}
		seen[key] = true
		out = append(out, o)
	}
	return out
}
