package cases

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

//go:embed schema.json
var casesSchema []byte

// Schema returns the JSON Schema (2020-12) of a file of cases, as it is
// published. Its actions are those of [policy.ActionSchema], in parts.
func Schema() []byte { return slices.Clone(published()) }

// published adds to the schema what base and given hold, for editors. Parse does
// not need it: it checks the actions that both make.
var published = sync.OnceValue(func() []byte {
	var file, action map[string]any
	if err := errors.Join(json.Unmarshal(casesSchema, &file), json.Unmarshal(policy.ActionSchema(), &action)); err != nil {
		panic(err) // both are embedded
	}
	properties := file["properties"].(map[string]any)
	list := properties["cases"].(map[string]any)["items"].(map[string]any)["properties"].(map[string]any)
	for _, part := range []any{properties["base"], list["given"]} {
		described := part.(map[string]any)
		described["additionalProperties"], described["properties"] = false, parts(action["properties"].(map[string]any), true)
	}
	out, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(out, '\n')
})

// parts returns the schemas of what an object may hold, each of a part: nothing
// is required, and null, where it may stand, removes.
func parts(properties map[string]any, null bool) map[string]any {
	out := make(map[string]any, len(properties))
	for name, schema := range properties {
		part := maps.Clone(schema.(map[string]any))
		delete(part, "required")
		if typ, ok := part["type"].(string); ok && null {
			part["type"] = []any{typ, "null"}
		}
		if inner, ok := part["properties"].(map[string]any); ok {
			part["properties"] = parts(inner, null)
		}
		out[name] = part
	}
	return out
}

// schemas are what a file is checked against.
type schemas struct {
	file   *yamldoc.Schema
	action *yamldoc.Schema
	part   *yamldoc.Schema // of an action, without null
}

// compiledSchemas are embedded, so that a fault in them is one of the program;
// the tests compile them.
var compiledSchemas = sync.OnceValue(func() schemas {
	var action map[string]any
	if err := json.Unmarshal(policy.ActionSchema(), &action); err != nil {
		panic(err)
	}
	delete(action, "required")
	action["properties"] = parts(action["properties"].(map[string]any), false)
	part, err := json.Marshal(action)
	if err != nil {
		panic(err)
	}
	return schemas{file: mustCompile(casesSchema), action: mustCompile(policy.ActionSchema()), part: mustCompile(part)}
})

func mustCompile(src []byte) *yamldoc.Schema {
	s, err := yamldoc.CompileSchema(src)
	if err != nil {
		panic(err)
	}
	return s
}

// Parse reads a file of cases and reports everything that is wrong with it at
// once, in the order of the file. The suite is nil if any finding is an error, or
// if ctx ended before the last case was read.
func Parse(ctx context.Context, file string, src []byte) (*Suite, []mesh.Finding) {
	s, findings := Salvage(ctx, file, src)
	if mesh.HasErrors(findings) {
		return nil, findings
	}
	return s, findings
}

// Salvage is [Parse] for checking as much as possible at once: of a file with
// errors it returns a suite without cases, which knows what they want. It is nil
// where nothing can be made of the file, or ctx ended.
func Salvage(ctx context.Context, file string, src []byte) (*Suite, []mesh.Finding) {
	return new(Reader).Salvage(ctx, file, src)
}

// Reader reads the files of cases of one bundle and bounds them together. The
// zero value is ready. It is for one goroutine.
type Reader struct{ read amount }

// amount is how much was read of cases.
type amount struct{ cases, values, bytes int }

func (a *amount) add(b amount) {
	a.cases += b.cases
	a.values += b.values
	a.bytes += b.bytes
}

// beyond says what there is more of than so many files may hold; "" for nothing.
func (a amount) beyond(files int) string {
	switch {
	case a.cases > files*MaxCases:
		return fmt.Sprintf("more than %d cases", files*MaxCases)
	case a.values > files*MaxValues:
		return fmt.Sprintf("actions with more than %d values, once merged with base", files*MaxValues)
	case a.bytes > files*MaxActions:
		return fmt.Sprintf("actions with more than %d bytes of text, once merged with base", files*MaxActions)
	}
	return ""
}

// Salvage is the function [Salvage], for the next file of the bundle.
func (r *Reader) Salvage(ctx context.Context, file string, src []byte) (*Suite, []mesh.Finding) {
	doc, found := yamldoc.Mend(file, src)
	if doc == nil {
		return nil, found.List()
	}
	p := parser{doc: doc, found: found, faults: map[*yaml.Node]bool{}, seen: map[mesh.Finding]bool{}, suite: &Suite{File: file}, before: r.read}
	for _, n := range append(compiledSchemas().file.Check(doc, doc.Root, found), doc.Unusable()...) {
		p.faults[n] = true
	}
	if doc.Root.Kind != yaml.MappingNode {
		return nil, found.List()
	}
	p.start()
	if n := p.text(doc.Root, "policy"); n != nil {
		p.suite.Policy = n.Value
	}
	if list := yamldoc.Get(doc.Root, "cases"); list != nil && list.Kind == yaml.SequenceNode {
		p.cases(ctx, list.Content)
	}
	r.read.add(p.read)
	if ctx.Err() != nil {
		return nil, found.List()
	}
	if found.HasErrors() {
		p.suite.Cases = nil
	}
	return p.suite, found.List()
}

type parser struct {
	doc         *yamldoc.Document
	found       *yamldoc.Findings
	faults      map[*yaml.Node]bool   // what does not fit the schema
	seen        map[mesh.Finding]bool // of actions: one may be a fault of every case
	base        *yaml.Node
	baseSize    amount
	baseUnknown bool   // what cases start from is not known
	before      amount // of the files read before this one
	read        amount // of this one
	full        bool   // more was there than is read
	suite       *Suite
}

// start looks at what all cases start from. A fault there is said once, and of
// the cases then only what they give is checked.
func (p *parser) start() {
	p.base = yamldoc.Get(p.doc.Root, "base")
	p.baseUnknown = p.faults[p.base] || p.base == nil && p.unknownKeys(p.doc.Root)
	if p.base == nil || p.baseUnknown {
		return
	}
	faults := compiledSchemas().part.Check(p.doc, strip(p.base), p.found)
	p.baseUnknown = len(faults) > 0
	p.baseSize = sizeOf(p.base)
}

// sizeOf counts the values and keys of a value, and the bytes of their text.
func sizeOf(n *yaml.Node) amount {
	if n == nil {
		return amount{}
	}
	size := amount{values: 1, bytes: len(n.Value)}
	for _, child := range n.Content {
		size.add(sizeOf(child))
	}
	return size
}

// fits counts what a case holds. It returns false, and says so once, where that
// is more than is read.
func (p *parser) fits(n, name *yaml.Node) bool {
	if p.full {
		return false
	}
	p.read.cases++
	p.read.add(sizeOf(yamldoc.Get(n, "given")))
	if !p.baseUnknown {
		p.read.add(p.baseSize)
	}
	all := p.before
	all.add(p.read)
	own, together := p.read.beyond(1), all.beyond(FullFiles)
	switch {
	case own == "" && together == "":
		return true
	case p.read.cases > MaxCases: // which the schema says
	case own != "":
		p.report(name, "too-large", "the file holds "+own, "make base smaller, or split the file")
	default:
		p.report(name, "too-large", "the files of cases together hold "+together, "leave out cases, or make base smaller")
	}
	p.full = true
	return false
}

func (p *parser) report(n *yaml.Node, rule, message, hint string) {
	p.found.Add(mesh.Finding{Position: p.doc.Position(n), Level: mesh.LevelError, Rule: rule, Message: message, Hint: hint})
}

// text returns the text at a key; nil for none, and for what is none.
func (p *parser) text(n *yaml.Node, key string) *yaml.Node {
	if v := yamldoc.Get(n, key); v != nil && v.Kind == yaml.ScalarNode && !p.faults[v] {
		return v
	}
	return nil
}

// unknownKeys reports whether a mapping has keys that should not be there: each
// may be a misspelt one.
func (p *parser) unknownKeys(n *yaml.Node) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if p.faults[n.Content[i]] {
			return true
		}
	}
	return false
}

// cases reads the cases as far as each can be understood.
func (p *parser) cases(ctx context.Context, list []*yaml.Node) {
	names := map[string]int{}
	for _, n := range list {
		if ctx.Err() != nil {
			return
		}
		if n.Kind != yaml.MappingNode {
			continue
		}
		name := p.text(n, "name")
		if name == nil {
			name = n
		} else if line := names[name.Value]; line != 0 {
			p.report(name, "duplicate-name", "a case of this name stands in line "+fmt.Sprint(line), "name what is different about this one")
		}
		names[name.Value] = name.Line
		c := Case{Name: name.Value, Position: p.doc.Position(name), Want: p.want(yamldoc.Get(n, "want"))}
		if p.fits(n, name) {
			c.Action = p.action(n, name)
		}
		p.suite.Cases = append(p.suite.Cases, c)
	}
}

// action returns the action of a case; nil if it is at fault or not known.
func (p *parser) action(n, name *yaml.Node) *mesh.Action {
	given := yamldoc.Get(n, "given")
	if p.faults[given] || given == nil && p.unknownKeys(n) {
		return nil
	}
	base := p.base
	if p.baseUnknown {
		base = nil
	}
	merged := merge(base, given)
	if merged == nil && p.baseUnknown {
		return nil
	}
	if merged == nil {
		p.report(name, "missing-key", "the case gives no action, and there is no base", "add given with an action.type")
		return nil
	}
	if found := compiledSchemas().action.Validate(p.doc, merged); len(found) > 0 {
		for _, f := range found {
			if baseMayHave := p.baseUnknown && f.Rule == "missing-key"; !p.seen[f] && !baseMayHave {
				p.found.Add(f)
			}
			p.seen[f] = true
		}
		return nil
	}
	data, err := json.Marshal(yamldoc.Value(merged))
	var action *mesh.Action
	if err == nil {
		action, err = decode.Action(data)
	}
	if err != nil {
		p.report(name, "wrong-value", err.Error(), mesh.HintOf(err))
	}
	return action
}

// merge lays the mapping over another. Its nodes keep their places in the
// file. Null removes the key.
func merge(base, over *yaml.Node) *yaml.Node {
	if over == nil {
		return strip(base)
	}
	if base == nil || base.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode {
		return strip(over)
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: over.Tag, Line: over.Line, Column: over.Column}
	under := map[string]*yaml.Node{}
	for i := 0; i+1 < len(base.Content); i += 2 {
		under[base.Content[i].Value] = base.Content[i+1]
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		key, value := over.Content[i], over.Content[i+1]
		if !isNull(value) {
			out.Content = append(out.Content, key, merge(under[key.Value], value))
		}
		delete(under, key.Value)
	}
	for i := 0; i+1 < len(base.Content); i += 2 {
		if key, value := base.Content[i], base.Content[i+1]; under[key.Value] != nil && !isNull(value) {
			out.Content = append(out.Content, key, strip(value))
		}
	}
	return out
}

// strip leaves out what is null, in mappings.
func strip(n *yaml.Node) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return n
	}
	out := *n
	out.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isNull(n.Content[i+1]) {
			out.Content = append(out.Content, n.Content[i], strip(n.Content[i+1]))
		}
	}
	return &out
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// want reads what a case wants, as far as it can be understood.
func (p *parser) want(n *yaml.Node) Want {
	var w Want
	if allowed := yamldoc.Get(n, "allowed"); allowed != nil {
		v := yamldoc.Value(allowed) == true
		w.Allowed = &v
	}
	w.Violations = p.ids(yamldoc.Get(n, "violations"))
	w.Errors = p.ids(yamldoc.Get(n, "errors"))
	obligations := yamldoc.Get(n, "obligations")
	if obligations == nil {
		return w
	}
	w.Obligations = []Obligation{}
	for _, child := range obligations.Content {
		if child.Kind == yaml.ScalarNode {
			w.Obligations = append(w.Obligations, Obligation{Obligation: mesh.Obligation{Type: child.Value}, TypeOnly: true})
			continue
		}
		typ := p.text(child, "type")
		if typ == nil {
			continue
		}
		o := mesh.Obligation{Type: typ.Value}
		if properties := yamldoc.Get(child, "properties"); properties != nil {
			o.Properties, _ = yamldoc.Value(properties).(map[string]any)
		}
		w.Obligations = append(w.Obligations, Obligation{Obligation: o})
	}
	return w
}

// ids reads a list of rule ids and remembers where each stands.
func (p *parser) ids(n *yaml.Node) []string {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]string, 0, len(n.Content))
	for _, child := range n.Content {
		if child.Kind == yaml.ScalarNode && !p.faults[child] {
			out = append(out, child.Value)
			p.suite.wanted = append(p.suite.wanted, policy.Label{Value: child.Value, Position: p.doc.Position(child)})
		}
	}
	return out
}

// Lint reports the rules that cases want to be violated, or not to be evaluated,
// and that the policy does not have: such a case can only fail. Of very many it
// reports the first. The document may be partial.
func (s *Suite) Lint(doc *policy.Document) []mesh.Finding {
	rules := newRuleNames()
	for i := range doc.Rules {
		rules.add(doc.Rules[i].ID)
	}
	var out []mesh.Finding
	for _, label := range s.wanted {
		if rules.known[label.Value] || doc.Mentions(label.Value) {
			continue
		}
		out = append(out, mesh.Finding{
			Position: label.Position, Level: mesh.LevelError, Rule: "unknown-rule",
			Message: "the policy has no rule " + yamldoc.Shorten(label.Value), Hint: rules.meant(label.Value),
		})
		if len(out) == maxUnknown {
			break
		}
	}
	return out
}

// maxUnknown bounds the rules that a policy does not have and that are looked for
// in all it has: several times what is reported.
const maxUnknown = 1_000

// ruleNames are the rules there are. To find which one was meant takes long, so
// that is done for as many as people read about.
type ruleNames struct {
	ids   []string
	known map[string]bool
	hints map[string]string // by id that is none of them
}

func newRuleNames() *ruleNames {
	return &ruleNames{known: map[string]bool{}, hints: map[string]string{}}
}

func (r *ruleNames) add(id string) {
	r.ids = append(r.ids, id)
	r.known[id] = true
}

// meant says which rule an unknown id was probably meant to be; "" for none.
func (r *ruleNames) meant(id string) string {
	hint, said := r.hints[id]
	if !said && len(r.hints) < yamldoc.MaxFindings {
		hint = spelling.DidYouMean(id, r.ids)
		r.hints[id] = hint
	}
	return hint
}
