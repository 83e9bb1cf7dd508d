package primitives

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// check reports what the schema of the library's files cannot see of a
// primitive. That its CEL compiles is for the tests of package engine.
func (p *parser) check(n *yaml.Node, of *Primitive) {
	id := yamldoc.Get(n, "id")
	if strings.Count(of.ID, "*") != len(of.Each) {
		p.report(id, "each must name as many keys as the id has *")
	}
	if len(valueTypes(of)) != len(of.Each)+len(of.Parameters) {
		p.report(id, "two keys or parameters of %s have the same name in CEL", of.ID)
	}
	if len(of.Controls) == 0 {
		p.report(id, "%s serves no controls", of.ID)
	}
	if (of.Require != "") != (of.Message != "" && of.Recommendation != "") {
		p.report(id, "what requires something needs a message and a recommendation, and nothing else does")
	}
	p.checkUnless(n, of)
	p.checkAnyCase(n, of)
	p.checkVocabulary(n, of)
	p.checkContrary(n, of)
	p.checkExample(n, of)
	p.checkEmpty(yamldoc.Get(n, "when"), of.When)
	p.checkEmpty(yamldoc.Get(n, "require"), of.Require)
	types := valueTypes(of)
	for _, o := range of.Obligations {
		for _, property := range o.Properties {
			if _, known := types[property.Parameter]; property.Parameter != "" && !known {
				p.report(yamldoc.Get(n, "obligations"), "%s is no parameter of %s", property.Parameter, of.ID)
			}
		}
	}
}

// absence is a question whether a place of the action is not stated.
var absence = regexp.MustCompile(`!has\(([A-Za-z.]+)\)`)

// checkEmpty refuses CEL that means something by the absence of a text and takes
// an empty one for a text like others: a rule about one tool would not look at a
// call of the tool "".
func (p *parser) checkEmpty(n *yaml.Node, cel string) {
	for _, at := range absence.FindAllStringSubmatchIndex(cel, -1) {
		path, rest := cel[at[2]:at[3]], cel[at[1]:]
		takesEmpty := func(alternative string) bool { return strings.HasPrefix(rest, " || "+alternative) }
		if isText(path) && !takesEmpty(path+` == ""`) && !takesEmpty(path+` != "`) && !takesEmpty("!("+path+" in [") && !takesEmpty(path+` in ["", `) {
			p.report(n, `!has(%s) must be followed by || %s == "", since an empty text is not stated either`, path, path)
		}
	}
}

// isText reports whether the path leads to a text of the action, or of a finding
// that a loop looks at.
func isText(path string) bool {
	if leaf := shape.LeafAt(path); leaf != nil {
		return leaf.Kind == shape.String
	}
	variable, name, _ := strings.Cut(path, ".")
	finding := shape.At([]string{"content", "findings"})
	if variable == "rule" || finding == nil || finding.Field(name) == nil {
		return false
	}
	return finding.Field(name).Kind == shape.String
}

func (p *parser) checkUnless(n *yaml.Node, of *Primitive) {
	if of.Unless == "" {
		return
	}
	isFlag := func(other *Primitive) bool { return other.ID == of.Unless && other.Parameters[0].Type == Flag }
	if !slices.ContainsFunc(p.section.Primitives, isFlag) {
		p.report(yamldoc.Get(n, "unless"), "%s is no flag of a primitive before this one", of.Unless)
	}
}

func (p *parser) checkVocabulary(n *yaml.Node, of *Primitive) {
	types := valueTypes(of)
	for name, vocabulary := range entries(yamldoc.Get(n, "vocabulary")) {
		if typ, known := types[name.Value]; !known || typ != Text && typ != Texts {
			p.report(name, "%s is neither a key nor a parameter that holds texts", name.Value)
		}
		if VocabularyOf(vocabulary.Value) == nil {
			p.report(vocabulary, "there is no vocabulary %s", vocabulary.Value)
		}
	}
}

func (p *parser) checkContrary(n *yaml.Node, of *Primitive) {
	if of.Contrary == "" {
		return
	}
	allows := func(q Parameter) bool { return q.Path == of.Contrary && q.Type == Texts && q.Narrows == NarrowSubset }
	before := func(other *Primitive) bool { return slices.ContainsFunc(other.Parameters, allows) }
	if own := of.Parameters[0]; own.Type != Texts || own.Narrows != NarrowSuperset || !slices.ContainsFunc(p.section.Primitives, before) {
		p.report(yamldoc.Get(n, "contrary"), "%s is no list of what is allowed before this one of what is not", of.Contrary)
	}
}

// checkAnyCase refuses what holds no words, and lists of what is allowed: a
// word more in those would allow more.
func (p *parser) checkAnyCase(n *yaml.Node, of *Primitive) {
	for _, name := range of.AnyCase {
		prohibits := func(q Parameter) bool {
			return q.Name() == name && q.Type == Texts && q.Narrows == NarrowSuperset
		}
		if !slices.Contains(of.Each, name) && !slices.ContainsFunc(of.Parameters, prohibits) {
			p.report(yamldoc.Get(n, "any_case"), "%s is neither a key nor a list to which elements may be added", name)
		}
	}
}

// checkExample asks for the values without which there is no rule.
func (p *parser) checkExample(n *yaml.Node, of *Primitive) {
	example := yamldoc.Get(n, "example")
	needed := slices.Clone(of.Each)
	if first := of.Parameters[0]; first.Type != Flag {
		needed = append(needed, first.Name())
	}
	for _, name := range needed {
		if yamldoc.Get(example, name) == nil {
			p.report(yamldoc.Get(n, "id"), "the example does not say %s", name)
		}
	}
}

// checkPath refuses a parameter that stands at the place of another, or within
// it, and mappings nobody described.
func (p *parser) checkPath(n *yaml.Node, path string) {
	if p.paths[path] {
		p.report(n, "a parameter at %s is there already", path)
	}
	p.paths[path] = true
	if _, group := p.section.Groups[path]; group {
		p.report(n, "%s is a group", path)
	}
	elements := strings.Split(path, ".")
	if elements[0] != p.section.Name {
		p.report(n, "%s is not in the section %s", path, p.section.Name)
	}
	for i := 2; i < len(elements); i++ {
		if group := strings.Join(elements[:i], "."); p.section.Groups[group] == "" {
			p.report(n, "the groups do not say what %s holds", group)
		}
	}
}

// checkOptions refuses options that nobody reads.
func (p *parser) checkOptions(root *yaml.Node) {
	for _, n := range elements(root, "options") {
		path := text(n, "path")
		reads := func(of *Primitive) bool {
			return slices.ContainsFunc(of.Parameters, func(q Parameter) bool { return q.Path == path })
		}
		if !slices.ContainsFunc(p.section.Primitives, reads) {
			p.report(n, "nobody reads the option %s", path)
		}
	}
}
