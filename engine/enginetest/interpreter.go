package enginetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
)

// Outcome is what a back end makes of one action. Every list is sorted. In a
// set of several policies a rule is named policyId:ruleId.
type Outcome struct {
	Allowed     bool
	WouldAllow  bool
	Violated    []string
	Failed      []string // rules that could not be evaluated
	Looked      []string // rules that looked at the action
	Obligations []string // type and properties, each once

	// Unsupported says what the back end does not know; the outcome is then
	// not to be compared.
	Unsupported []string
}

// Source is a policy as it is put into force.
type Source struct {
	ID     string
	YAML   string
	Mode   mesh.Mode      // weakens the document's own; empty for none
	Params map[string]any // what the subscriber sets
}

// Interpreter decides actions by the documents. It is safe for concurrent use.
type Interpreter struct {
	// Sections are the built-in rules it knows by itself, by rule id.
	Sections map[string]Section
	// Given returns, for a policy, the built-in rules of sections that are not
	// in Sections, as CEL. Nil: a policy that uses one is unsupported.
	Given func(Source) ([]GivenRule, error)

	shape *Shape
}

// GivenRule is a built-in rule whose meaning the interpreter is told in CEL.
// It reads its parameters as rule.NAME.
type GivenRule struct {
	ID            string
	When, Require string
	Values        map[string]any
	Obligations   []mesh.Obligation
}

// NewInterpreter returns an interpreter that knows the documented sections.
func NewInterpreter() (*Interpreter, error) {
	shape, err := actionShape()
	if err != nil {
		return nil, err
	}
	return &Interpreter{Sections: documentedSections(), shape: shape}, nil
}

// Policy is a policy that the interpreter has read.
type Policy struct {
	ID            string
	Mode          mesh.Mode
	DenyByDefault bool

	rules       []rule
	unsupported []string
}

type rule struct {
	id          string
	judge       func(action map[string]any) (looks, met bool, err error)
	obligations []string
}

// document is a policy's YAML, as far as it says what is allowed.
type document struct {
	Default     string
	Params      map[string]declaration
	Rules       map[string]any
	Enforcement struct{ Mode mesh.Mode }
}

// declaration is what a policy says of one of its parameters.
type declaration struct {
	Type    string
	Items   struct{ Type string }
	Default any
}

// doublesOf makes doubles of a whole number, or of those in a list.
func doublesOf(v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = doublesOf(element)
		}
		return list
	}
	return v
}

// Read reads a policy that the linter accepts; nothing is checked again. What
// the interpreter does not know makes its decisions unsupported.
func (i *Interpreter) Read(source Source) (*Policy, error) {
	var doc document
	if err := yaml.Unmarshal([]byte(source.YAML), &doc); err != nil {
		return nil, fmt.Errorf("reading policy %s: %w", source.ID, err)
	}
	p := &Policy{ID: source.ID, Mode: doc.Enforcement.Mode, DenyByDefault: doc.Default == "deny"}
	if p.Mode == "" {
		p.Mode = mesh.ModeEnforce
	}
	if source.Mode != "" && source.Mode.WeakerThan(p.Mode) {
		p.Mode = source.Mode
	}
	rules, _ := plain(doc.Rules).(map[string]any)
	if err := i.readSections(p, source, rules); err != nil {
		return nil, err
	}
	params := map[string]any{}
	for name, declared := range doc.Params {
		params[name] = plain(declared.Default)
		if given, ok := source.Params[name]; ok {
			params[name] = plain(given)
		}
		if declared.Type == "number" || declared.Items.Type == "number" {
			params[name] = doublesOf(params[name])
		}
	}
	custom, _ := rules["custom"].([]any)
	for _, v := range custom {
		rule, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("reading policy %s: a custom rule is %T", source.ID, v)
		}
		if err := i.readCustom(p, rule, params); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// readSections reads the built-in rules: those it knows by their meaning, the
// others as they are given.
func (i *Interpreter) readSections(p *Policy, source Source, rules map[string]any) error {
	var others []string
	for _, path := range leaves(rules, "") {
		section, ok := i.Sections[path]
		if !ok {
			others = append(others, path)
			continue
		}
		value := settings(rules).at(path)
		if !section.on(value, rules) {
			continue
		}
		p.rules = append(p.rules, rule{id: path, judge: func(action map[string]any) (looks, met bool, err error) {
			return section.Looks(action), section.Met(action, value, rules), nil
		}})
	}
	others = slices.DeleteFunc(others, i.parameterOnly)
	if len(others) == 0 {
		return nil
	}
	if i.Given == nil {
		for _, path := range others {
			p.unsupported = append(p.unsupported, "the section "+path)
		}
		return nil
	}
	given, err := i.Given(source)
	if err != nil {
		return fmt.Errorf("asking for the built-in rules of %s: %w", source.ID, err)
	}
	for _, g := range given {
		if _, own := i.Sections[g.ID]; own {
			continue
		}
		values := map[string]any{}
		for name, v := range g.Values {
			if v != nil {
				values[name] = plain(v)
			}
		}
		var obligations []string
		for _, o := range g.Obligations {
			obligations = append(obligations, obligation(o))
		}
		if err := i.add(p, g.ID, g.When, g.Require, obligations, map[string]map[string]any{"rule": values}); err != nil {
			return err
		}
	}
	return nil
}

// parameterOnly reports whether a path below rules is no rule but a parameter
// of one that the interpreter knows.
func (i *Interpreter) parameterOnly(path string) bool {
	return path == "data_collection.valid_purposes" && i.Sections["data_collection.purpose_limitation"].Met != nil
}

// leaves returns the paths of all values of the built-in sections that are no
// objects, sorted.
func leaves(v map[string]any, prefix string) []string {
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if prefix == "" && name == "custom" {
			continue
		}
		if inner, ok := v[name].(map[string]any); ok {
			paths = append(paths, leaves(inner, prefix+name+".")...)
			continue
		}
		paths = append(paths, prefix+name)
	}
	return paths
}

func (i *Interpreter) readCustom(p *Policy, custom facts, params map[string]any) error {
	id, _ := custom.text("id")
	when, _ := custom.text("when")
	require, _ := custom.text("require")
	obligations, _ := custom.at("obligations").([]any)
	var written []string
	for _, o := range obligations {
		if fields, ok := o.(map[string]any); ok {
			kind, _ := facts(fields).text("type")
			properties, _ := fields["properties"].(map[string]any)
			written = append(written, obligation(mesh.Obligation{Type: kind, Properties: properties}))
		}
	}
	return i.add(p, id, when, require, written, map[string]map[string]any{"params": params})
}

// obligation writes an obligation as an Outcome names it.
func obligation(o mesh.Obligation) string {
	if len(o.Properties) == 0 {
		return o.Type
	}
	data, err := json.Marshal(o.Properties)
	if err != nil {
		return o.Type + " " + err.Error()
	}
	return o.Type + " " + string(data)
}

// add adds a rule in CEL.
func (i *Interpreter) add(p *Policy, id, when, require string, obligations []string, records map[string]map[string]any) error {
	var nodes [2]*node
	for n, source := range []string{when, require} {
		nodes[n] = &node{kind: nodeLiteral, value: true}
		if source == "" {
			continue
		}
		var err error
		switch nodes[n], err = parse(source); {
		case isUnsupported(err):
			p.unsupported = append(p.unsupported, fmt.Sprintf("rule %s: %v", id, err))
		case err != nil:
			return fmt.Errorf("reading rule %s of %s: %w", id, p.ID, err)
		}
	}
	p.rules = append(p.rules, rule{id, func(action map[string]any) (looks, met bool, err error) {
		s := i.scopeOf(action, records)
		// A rule that cannot say whether it looks has looked: it fails.
		if looks, err = s.truth(nodes[0]); err != nil || !looks {
			return err != nil, false, err
		}
		met, err = s.truth(nodes[1])
		return true, met, err
	}, obligations})
	return nil
}

// scopeOf returns what expressions can read: the action and the records.
func (i *Interpreter) scopeOf(action map[string]any, records map[string]map[string]any) *scope {
	return &scope{action: record{i.shape, action}, records: records, predicates: map[string]func() bool{
		personalData: func() bool { return personal(action) },
		healthData:   func() bool { return health(action) },
	}}
}

// plain turns what the YAML decoder and the product make into values: whole
// numbers are int64.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = plain(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = plain(element)
		}
		return list
	case []string:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = element
		}
		return list
	}
	return v
}

// Decide decides an action, as ReadAction returns it, by one policy. Rules
// are named by their id alone.
func (i *Interpreter) Decide(p *Policy, action map[string]any) Outcome {
	o := Outcome{Allowed: true, WouldAllow: true, Unsupported: p.unsupported}
	if len(o.Unsupported) > 0 {
		return o
	}
	for _, r := range p.rules {
		looks, met, err := r.judge(action)
		switch {
		case isUnsupported(err):
			o.Unsupported = append(o.Unsupported, fmt.Sprintf("rule %s: %v", r.id, err))
		case err != nil:
			o.Failed = append(o.Failed, r.id)
		case looks && !met:
			o.Violated = append(o.Violated, r.id)
		}
		if looks {
			o.Looked = append(o.Looked, r.id)
		}
		if looks && met && err == nil && p.Mode == mesh.ModeEnforce {
			o.Obligations = append(o.Obligations, r.obligations...)
		}
	}
	if p.DenyByDefault && len(o.Looked) == 0 {
		o.Violated = append(o.Violated, "default")
	}
	o.WouldAllow = len(o.Violated) == 0 && len(o.Failed) == 0
	o.Allowed = o.WouldAllow || p.Mode != mesh.ModeEnforce
	return o.tidy()
}

// DecideAll decides an action by a set of policies: one that refuses is
// enough.
func (i *Interpreter) DecideAll(policies []*Policy, action map[string]any) Outcome {
	all := Outcome{Allowed: true, WouldAllow: true}
	for _, p := range policies {
		o := i.Decide(p, action)
		all.Allowed = all.Allowed && o.Allowed
		all.WouldAllow = all.WouldAllow && o.WouldAllow
		for _, id := range o.Violated {
			all.Violated = append(all.Violated, p.ID+":"+id)
		}
		for _, id := range o.Failed {
			all.Failed = append(all.Failed, p.ID+":"+id)
		}
		for _, id := range o.Looked {
			all.Looked = append(all.Looked, p.ID+":"+id)
		}
		all.Obligations = append(all.Obligations, o.Obligations...)
		all.Unsupported = append(all.Unsupported, o.Unsupported...)
	}
	return all.tidy()
}

// tidy brings an outcome into the form in which outcomes are compared.
func (o Outcome) tidy() Outcome {
	for _, list := range []*[]string{&o.Violated, &o.Failed, &o.Looked, &o.Obligations} {
		slices.Sort(*list)
	}
	o.Obligations = slices.Compact(o.Obligations)
	if !o.Allowed {
		o.Obligations = nil
	}
	return o
}

// ReadAction decodes an action: whole numbers are int64, others float64.
func ReadAction(data []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading an action: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading an action: more follows it")
	}
	action, ok := numbers(v).(map[string]any)
	if !ok {
		return nil, errors.New("reading an action: it is no object")
	}
	return action, nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil {
			return strings.Clone(v.String()) // no number that anything compares with
		}
		return f
	case map[string]any:
		for key, value := range v {
			v[key] = numbers(value)
		}
	case []any:
		for i, element := range v {
			v[i] = numbers(element)
		}
	}
	return v
}
