package primitives

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh"
)

// Section is one section of the language and its primitives.
type Section struct {
	Name    string // its key below rules
	Summary string
	// Groups says of every mapping below the section what it holds, by path.
	Groups     map[string]string
	Primitives []*Primitive
}

// Primitive is one built-in rule.
type Primitive struct {
	// ID is the ruleId: the YAML path, below rules, of the value that switches
	// the rule on. Each * in it stands for the keys of a mapping, for each of
	// which there is a rule of its own: [Primitive.RuleID].
	ID string
	// Variant is the word of the id that distinguishes the rule from others
	// that are the same but for it; empty if there are none.
	Variant string
	// Summary says in a sentence what the rule demands.
	Summary string
	// Each are the names under which CEL reads the keys, as rule.NAME: one for
	// each * of the ID.
	Each []string
	// Parameters are the values its CEL reads. The first is the one at ID; a
	// policy may leave the others out, which the CEL asks with has().
	Parameters []Parameter
	// AnyCase are the names of those keys and lists whose words count in lower
	// case, in upper case and capitalized, too. CEL reads each as the list that
	// [Primitive.Spell] makes of it.
	AnyCase []string
	// Vocabulary says which [Vocabulary] those keys and parameters hold words of
	// that have one, by their names.
	Vocabulary map[string]string
	// Contrary is the path of the parameter that lists what is allowed, where
	// the value at ID lists what is not; empty for others.
	Contrary string
	// Unless is the path of a flag that switches the rule off where it is
	// false; empty if there is none.
	Unless string

	// Types are the action types the rule looks at; nil if they are for When
	// to say.
	Types []string
	// When and Require are CEL over the action, rule and the predicates:
	// whenever an action meets When, it must meet Require. An input that is
	// absent never meets Require. An empty When is met by every action, and a
	// rule without Require only obliges.
	When    string
	Require string
	// Obligations are what an action that meets both obliges to.
	Obligations []Obligation

	Message        string
	Recommendation string
	// Controls are what the rule can serve, in the spelling of the catalog.
	Controls []mesh.ControlID

	// Example are the keys and parameters, by name, of a policy that uses the
	// rule.
	Example map[string]any
	// Cases show what the rule means.
	Cases []Case
}

// Obligation is an instruction of a primitive to the enforcement point.
type Obligation struct {
	Type       string
	Properties []Property
}

// Property is a property of an [Obligation]: a value, or a parameter's.
type Property struct {
	Name      string
	Value     any    // as encoding/json decodes it
	Parameter string // the name of the parameter; empty if there is a Value
}

// Bind fills in the parameters, given by name. A property whose parameter the
// policy leaves out is left out, too.
func (o Obligation) Bind(values map[string]any) mesh.Obligation {
	out := mesh.Obligation{Type: o.Type}
	for _, p := range o.Properties {
		value := p.Value
		if p.Parameter != "" {
			value = values[p.Parameter]
		}
		if value == nil {
			continue
		}
		if out.Properties == nil {
			out.Properties = map[string]any{}
		}
		out.Properties[p.Name] = value
	}
	return out
}

// Case is an action, and what the rule makes of it.
type Case struct {
	Name string
	// Values are the keys and parameters by name: the primitive's Example, as
	// the case changes it.
	Values map[string]any
	Action map[string]any // as encoding/json decodes it
	Want   Outcome
	// Absent is the path of the input that violates by being absent; empty if
	// the case is about something else.
	Absent string
}

// Outcome is what a rule makes of an action.
type Outcome string

// The outcomes.
const (
	Satisfied     Outcome = "satisfied" // and obliges
	Violated      Outcome = "violated"
	NotApplicable Outcome = "not-applicable"
)

// RuleID returns the ruleId of the rule for these keys, of which there must be
// one for each * of the ID.
func (p *Primitive) RuleID(keys ...string) string {
	var b strings.Builder
	for i, part := range strings.Split(p.ID, "*") {
		if i > 0 {
			b.WriteString(keys[i-1])
		}
		b.WriteString(part)
	}
	return b.String()
}

// LooksBy reports whether the parameter takes part in what the rule looks at,
// and not only in what it demands of that.
func (p *Primitive) LooksBy(parameter Parameter) bool {
	return regexp.MustCompile(`\brule\.` + regexp.QuoteMeta(parameter.Name()) + `\b`).MatchString(p.When)
}

// Spell returns what CEL reads of the keys and parameters, given by name as a
// policy writes them: those of AnyCase become lists of every spelling that
// counts, everything else stays.
func (p *Primitive) Spell(values map[string]any) map[string]any {
	if len(p.AnyCase) == 0 {
		return values
	}
	out := maps.Clone(values)
	for _, name := range p.AnyCase {
		if v, given := values[name]; given {
			out[name] = p.SpellOne(name, v)
		}
	}
	return out
}

// SpellOne is [Primitive.Spell] for one key or parameter.
func (p *Primitive) SpellOne(name string, value any) any {
	if !slices.Contains(p.AnyCase, name) {
		return value
	}
	words, list := value.([]any)
	if !list {
		words = []any{value}
	}
	out := []any{}
	for _, w := range words {
		word, _ := w.(string)
		for _, s := range append(spellings(word), word) {
			if !slices.Contains(out, any(s)) {
				out = append(out, s)
			}
		}
	}
	return out
}

// ControlsOf returns the controls of one framework that the rule can serve.
func (p *Primitive) ControlsOf(framework mesh.FrameworkID) []mesh.ControlID {
	var out []mesh.ControlID
	for _, c := range p.Controls {
		if c.Framework() == framework {
			out = append(out, c)
		}
	}
	return out
}

// Sections returns the sections of the language by name. What it returns must
// not be changed.
func Sections() []*Section { return library().sections }

// All returns every primitive, in the order of [Sections]. The slice and what
// it points to must not be changed.
func All() []*Primitive { return library().all }

// Lookup returns the primitive of that id, or nil.
func Lookup(id string) *Primitive { return library().byID[id] }

// IDs returns the ids of all primitives.
func IDs() []string {
	all := All()
	ids := make([]string, len(all))
	for i, p := range all {
		ids[i] = p.ID
	}
	return ids
}

type index struct {
	sections []*Section
	all      []*Primitive
	byID     map[string]*Primitive
}

// library is embedded, so that a fault in it is one of the program; the tests
// of this package load it.
var library = sync.OnceValue(func() *index {
	sections, findings := load(files)
	if len(findings) > 0 {
		panic(findings[0].String())
	}
	out := &index{sections: sections, byID: map[string]*Primitive{}}
	for _, s := range sections {
		out.all = append(out.all, s.Primitives...)
		for _, p := range s.Primitives {
			out.byID[p.ID] = p
		}
	}
	return out
})

// conjunction joins CEL by &&, leaving out what is empty.
func conjunction(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " && ")
}

// typeIn is the CEL that asks for one of the action types; empty if there are
// none.
func typeIn(types []string) string {
	switch len(types) {
	case 0:
		return ""
	case 1:
		return `action.type == "` + types[0] + `"`
	}
	return `action.type in ` + quoted(types)
}

// quoted is a CEL list of words that need no escapes.
func quoted(words []string) string {
	if len(words) == 0 {
		return "[]"
	}
	return `["` + strings.Join(words, `", "`) + `"]`
}
