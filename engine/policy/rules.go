package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// builtIn returns a rule for every primitive that the sections switch on, and
// for every entry of a mapping where the primitive is one for each.
func (p *parser) builtIn(rules *yaml.Node) []Rule {
	first := map[string]int{}
	var out []Rule
	for _, primitive := range primitives.All() {
		for _, keys := range instances(rules, strings.Split(primitive.ID, ".")) {
			r, key := p.instance(rules, primitive, keys)
			if r == nil {
				continue
			}
			if line := first[r.ID]; line != 0 {
				p.report(mesh.LevelError, key, "duplicate-id", fmt.Sprintf("the value in line %d makes a rule %s, too", line, r.ID), "choose another name")
				continue
			}
			first[r.ID] = key.Line
			out = append(out, *r)
		}
	}
	p.checkPurposes(rules)
	p.checkOptions(rules, out)
	p.checkSwitchedOff(rules)
	return out
}

// instance returns the rule of a primitive for the keys that stand for the * of
// its id, and where it is written; nil if it is switched off.
func (p *parser) instance(rules *yaml.Node, primitive *primitives.Primitive, keys []string) (*Rule, *yaml.Node) {
	key, value := descend(rules, primitive.ID, keys)
	if primitive.Parameters[0].Type == primitives.Flag && yamldoc.Value(value) != true {
		return nil, nil
	}
	if _, flag := descend(rules, primitive.Unless, keys); flag != nil && yamldoc.Value(flag) == false {
		return nil, nil
	}
	r := &Rule{ID: primitive.RuleID(keys...), Position: p.doc.Position(key), Primitive: primitive.ID, Values: map[string]any{}}
	for i, name := range primitive.Each {
		r.Values[name] = keys[i]
	}
	for _, parameter := range primitive.Parameters {
		if _, v := descend(rules, parameter.Path, keys); v != nil {
			r.Values[parameter.Name()], _ = parameter.Type.Value(yamldoc.Value(v))
		}
	}
	r.Words = p.words(rules, primitive, keys)
	for _, o := range primitive.Obligations {
		r.Obligations = append(r.Obligations, o.Bind(r.Values))
	}
	return r, key
}

// words returns the words of vocabularies that a rule names, and where.
func (p *parser) words(rules *yaml.Node, primitive *primitives.Primitive, keys []string) []Word {
	var out []Word
	add := func(name string, labels ...Label) {
		for _, label := range labels {
			out = append(out, Word{label, primitive.Vocabulary[name]})
		}
	}
	for i, name := range primitive.Each {
		if primitive.Vocabulary[name] != "" {
			key, _ := descend(rules, upToKey(primitive.ID, i), keys)
			add(name, p.label(key))
		}
	}
	for _, parameter := range primitive.Parameters {
		name := parameter.Name()
		if primitive.Vocabulary[name] == "" {
			continue
		}
		switch _, v := descend(rules, parameter.Path, keys); {
		case v == nil:
		case parameter.Type == primitives.Texts:
			add(name, p.labels(v)...)
		default:
			add(name, p.label(v))
		}
	}
	return out
}

// upToKey cuts a path behind one of its *.
func upToKey(path string, star int) string {
	end := 0
	for range star + 1 {
		end += strings.IndexByte(path[end:], '*') + 1
	}
	return path[:end]
}

// instances returns the keys that stand for the * of a path, for every place
// where the path leads. A path without * that leads somewhere has one instance
// without keys.
func instances(n *yaml.Node, path []string) [][]string {
	if len(path) == 0 {
		return [][]string{nil}
	}
	if path[0] != "*" {
		_, value := yamldoc.Find(n, path[0])
		if value == nil {
			return nil
		}
		return instances(value, path[1:])
	}
	var out [][]string
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		for _, keys := range instances(n.Content[i+1], path[1:]) {
			out = append(out, append([]string{n.Content[i].Value}, keys...))
		}
	}
	return out
}

// checkPurposes warns of the two halves of purpose limitation without each
// other.
func (p *parser) checkPurposes(rules *yaml.Node) {
	key, limited := descend(rules, "data_collection.purpose_limitation", nil)
	listKey, list := descend(rules, validPurposes, nil)
	on := limited != nil && yamldoc.Value(limited) == true
	switch {
	case on && list == nil:
		p.report(mesh.LevelWarning, key, "no-valid-purposes", "purpose_limitation has no valid_purposes: any purpose is valid that is stated", "list the valid purposes")
	case !on && list != nil:
		p.report(mesh.LevelWarning, listKey, "unused-purposes", "valid_purposes has no effect", "add purpose_limitation: true")
	}
}

// validPurposes is the one option without which a rule means little.
const validPurposes = "data_collection.valid_purposes"

// checkOptions warns of options that no rule of the document reads.
func (p *parser) checkOptions(rules *yaml.Node, used []Rule) {
	read := map[string]bool{validPurposes: true} // has a warning of its own
	for _, r := range used {
		for _, parameter := range primitives.Lookup(r.Primitive).Parameters {
			read[parameter.Path] = true
		}
	}
	for _, primitive := range primitives.All() {
		for _, option := range primitive.Parameters[1:] {
			if read[option.Path] {
				continue
			}
			read[option.Path] = true
			for _, keys := range instances(rules, strings.Split(option.Path, ".")) {
				key, _ := descend(rules, option.Path, keys)
				p.report(mesh.LevelWarning, key, "unused-option", option.Name()+" has no effect", "add "+strings.Join(readers(option.Path), " or "))
			}
		}
	}
}

// checkSwitchedOff warns of what is said beside a flag that switches it off.
func (p *parser) checkSwitchedOff(rules *yaml.Node) {
	for _, primitive := range primitives.All() {
		if primitive.Unless == "" {
			continue
		}
		for _, keys := range instances(rules, strings.Split(primitive.ID, ".")) {
			flagKey, flag := descend(rules, primitive.Unless, keys)
			if flag == nil || yamldoc.Value(flag) != false {
				continue
			}
			key, _ := descend(rules, primitive.ID, keys)
			p.report(mesh.LevelWarning, key, "unused-option", fmt.Sprintf("%s has no effect, since %s is false", key.Value, flagKey.Value), "write "+flagKey.Value+": true, or remove it")
		}
	}
}

// readers returns the primitives that read the parameter.
func readers(path string) []string {
	var out []string
	for _, p := range primitives.All() {
		if slices.ContainsFunc(p.Parameters, func(q primitives.Parameter) bool { return q.Path == path }) {
			out = append(out, p.ID)
		}
	}
	return out
}

// descend follows a dotted path, whose * stand for the keys.
func descend(n *yaml.Node, path string, keys []string) (key, value *yaml.Node) {
	if path == "" {
		return nil, nil
	}
	value = n
	for name := range strings.SplitSeq(path, ".") {
		if name == "*" {
			name, keys = keys[0], keys[1:]
		}
		if key, value = yamldoc.Find(value, name); value == nil {
			return nil, nil
		}
	}
	return key, value
}

// custom reads the rules of the document's own. builtIn are the others, whose
// ids they must not take.
func (p *parser) custom(n *yaml.Node, builtIn []Rule) []Rule {
	if n == nil {
		return nil
	}
	taken := map[string]bool{}
	for _, r := range builtIn {
		taken[r.ID] = true
	}
	first := map[string]int{}
	var out []Rule
	for _, child := range n.Content {
		id := yamldoc.Get(child, "id")
		switch {
		case id.Value == RuleDefault:
			p.report(mesh.LevelError, id, "reserved-id", "the id "+RuleDefault+" is that of default: deny", "choose another")
		case taken[id.Value] || primitives.Lookup(id.Value) != nil:
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
