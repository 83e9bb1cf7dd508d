package primitives

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// The test that compares the reference page of the library writes it.
//go:generate go test -run TestReference$ -update .

// files are the sections of the language, one a file.
//
//go:embed library/*.yaml
var files embed.FS

//go:embed schema.json
var schemaSource []byte

// schema is the compiled schema of the library's files.
var schema = sync.OnceValue(func() *yamldoc.Schema {
	s, err := yamldoc.CompileSchema(schemaSource)
	if err != nil {
		panic(err)
	}
	return s
})

// variantMark stands for the variant in whatever a primitive says. othersMark
// is a CEL list of all other variants, anotherMark one of them.
const (
	variantMark = "{variant}"
	othersMark  = "{others}"
	anotherMark = "{another}"
)

// load reads the sections, in the order of their names, and reports what is
// wrong with any of them.
func load(fsys fs.FS) ([]*Section, []mesh.Finding) {
	names, err := fs.Glob(fsys, "library/*.yaml") // sorted
	if err != nil {
		return nil, []mesh.Finding{{Level: mesh.LevelError, Rule: "library", Message: err.Error()}}
	}
	sections := make([]*Section, len(names))
	findings := make([][]mesh.Finding, len(names))
	var workers sync.WaitGroup // a program that starts waits for this
	for i, name := range names {
		workers.Go(func() {
			src, err := fs.ReadFile(fsys, name)
			if err != nil {
				findings[i] = []mesh.Finding{{Level: mesh.LevelError, Rule: "library", Message: err.Error()}}
				return
			}
			sections[i], findings[i] = parse(name, src)
		})
	}
	workers.Wait()
	return sections, slices.Concat(findings...)
}

// parse reads one section. It is nil if there are findings.
func parse(file string, src []byte) (*Section, []mesh.Finding) {
	doc, findings := yamldoc.Parse(file, src)
	if doc == nil {
		return nil, findings
	}
	if findings := schema().Validate(doc, doc.Root); len(findings) > 0 {
		return nil, findings
	}
	root := doc.Root
	p := parser{
		doc:     doc,
		section: &Section{Name: text(root, "section"), Summary: text(root, "summary"), Groups: map[string]string{}},
		options: map[string]Parameter{},
		paths:   map[string]bool{},
	}
	if p.section.Name+".yaml" != path.Base(file) {
		p.report(yamldoc.Get(root, "section"), "the file must have the name of its section")
	}
	p.groups(yamldoc.Get(root, "groups"), yamldoc.Get(root, "variants"))
	for _, n := range elements(root, "options") {
		option := p.parameter(n, text(n, "path"), "")
		p.options[option.Path] = option
		p.checkPath(n, option.Path)
	}
	p.primitives(root)
	p.checkOptions(root)
	if len(p.findings) > 0 {
		return nil, p.findings
	}
	return p.section, nil
}

// parser builds a section whose shape is known to be right.
type parser struct {
	doc      *yamldoc.Document
	section  *Section
	options  map[string]Parameter
	paths    map[string]bool // of parameters
	findings []mesh.Finding
}

func (p *parser) report(n *yaml.Node, format string, args ...any) {
	p.findings = append(p.findings, mesh.Finding{
		Position: p.doc.Position(n), Level: mesh.LevelError, Rule: "library", Message: fmt.Sprintf(format, args...),
	})
}

// groups reads what the mappings hold. A path with the mark is one group for
// each variant.
func (p *parser) groups(n, variants *yaml.Node) {
	for key, value := range entries(n) {
		if !strings.Contains(key.Value, variantMark) {
			p.section.Groups[key.Value] = value.Value
			continue
		}
		for variant := range entries(variants) {
			in := strings.NewReplacer(variantMark, variant.Value)
			p.section.Groups[in.Replace(key.Value)] = in.Replace(value.Value)
		}
	}
}

// primitives reads those without variants, and then variant by variant the
// others.
func (p *parser) primitives(root *yaml.Node) {
	varied := func(n *yaml.Node) bool { return strings.Contains(text(n, "id"), variantMark) }
	for _, n := range elements(root, "primitives") {
		if !varied(n) {
			p.primitive(n, yamldoc.Get(n, "controls"), "")
		}
	}
	var variants []string
	for variant := range entries(yamldoc.Get(root, "variants")) {
		variants = append(variants, variant.Value)
	}
	for variant, controls := range entries(yamldoc.Get(root, "variants")) {
		in := replacer(variants, variant.Value)
		for _, n := range elements(root, "primitives") {
			if varied(n) {
				p.primitive(vary(n, in), controls, variant.Value)
			}
		}
	}
}

// replacer writes for the marks what they stand for in a variant.
func replacer(variants []string, variant string) *strings.Replacer {
	others := slices.DeleteFunc(slices.Clone(variants), func(v string) bool { return v == variant })
	another := ""
	if len(others) > 0 {
		another = others[0]
	}
	return strings.NewReplacer(variantMark, variant, othersMark, quoted(others), anotherMark, another)
}

// vary copies the node for a variant. Its parts keep their places.
func vary(n *yaml.Node, in *strings.Replacer) *yaml.Node {
	out := *n
	out.Value = in.Replace(n.Value)
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		out.Content[i] = vary(child, in)
	}
	return &out
}

func (p *parser) primitive(n, controls *yaml.Node, variant string) {
	out := &Primitive{
		ID: text(n, "id"), Variant: variant, Summary: text(n, "summary"), Each: yamldoc.Texts(yamldoc.Get(n, "each")),
		AnyCase: yamldoc.Texts(yamldoc.Get(n, "any_case")), Vocabulary: map[string]string{},
		Contrary: text(n, "contrary"), Unless: text(n, "unless"), Types: yamldoc.Texts(yamldoc.Get(n, "looks_at")), Require: text(n, "require"),
		Message: text(n, "message"), Recommendation: text(n, "recommendation"),
	}
	for name, vocabulary := range entries(yamldoc.Get(n, "vocabulary")) {
		out.Vocabulary[name.Value] = vocabulary.Value
	}
	out.When = conjunction(typeIn(out.Types), text(n, "when"))
	out.Parameters = []Parameter{p.parameter(yamldoc.Get(n, "value"), out.ID, out.Summary)}
	p.checkPath(yamldoc.Get(n, "id"), out.ID)
	for _, path := range elements(n, "reads") {
		option, ok := p.options[path.Value]
		if !ok {
			p.report(path, "%s is none of the options", path.Value)
			continue
		}
		out.Parameters = append(out.Parameters, option)
	}
	for _, c := range yamldoc.Texts(controls) {
		out.Controls = append(out.Controls, mesh.ControlID(c))
	}
	for _, o := range elements(n, "obligations") {
		out.Obligations = append(out.Obligations, obligation(o))
	}
	p.check(n, out)
	types := valueTypes(out)
	out.Example = p.values(yamldoc.Get(n, "example"), types)
	if first := out.Parameters[0]; first.Type == Flag && out.Example[first.Name()] == nil {
		out.Example[first.Name()] = true
	}
	for _, c := range elements(n, "cases") {
		out.Cases = append(out.Cases, p.parseCase(c, out, types))
	}
	p.section.Primitives = append(p.section.Primitives, out)
}

func (p *parser) parameter(n *yaml.Node, path, description string) Parameter {
	out := Parameter{
		Path: path, Type: typeNames()[text(n, "type")], Description: description, Narrows: Narrowing(text(n, "narrows")),
		Minimum: number(n, "minimum"), Maximum: number(n, "maximum"),
		Enum: yamldoc.Texts(yamldoc.Get(n, "enum")), Format: text(n, "format"), as: text(n, "as"),
	}
	if own := text(n, "description"); own != "" {
		out.Description = own
	}
	if strings.HasSuffix(path, ".*") != (out.as != "") {
		p.report(n, "a path that ends in * needs a name for CEL (as), and no other does")
	}
	if fits := narrowings(out.Type); !slices.Contains(fits, out.Narrows) {
		p.report(n, "a %s cannot be narrowed by %s", out.Type, out.Narrows)
	}
	return out
}

// narrowings returns the ways in which a parameter of that type can be
// narrowed.
func narrowings(t Type) []Narrowing {
	switch t {
	case Flag:
		return []Narrowing{NarrowOn, NarrowOff}
	case Texts:
		return []Narrowing{NarrowSubset, NarrowSuperset, NarrowEqual}
	case Count, Number:
		return []Narrowing{NarrowAtMost, NarrowAtLeast, NarrowEqual}
	}
	return []Narrowing{NarrowEqual}
}

func obligation(n *yaml.Node) Obligation {
	out := Obligation{Type: text(n, "type")}
	for key, value := range entries(yamldoc.Get(n, "properties")) {
		property := Property{Name: key.Value}
		if reference := yamldoc.Get(value, "parameter"); reference != nil {
			property.Parameter = reference.Value
		} else {
			property.Value = yamldoc.Value(value)
		}
		out.Properties = append(out.Properties, property)
	}
	return out
}

func (p *parser) parseCase(n *yaml.Node, of *Primitive, types map[string]Type) Case {
	out := Case{Name: text(n, "name"), Want: Outcome(text(n, "want")), Absent: text(n, "absent"), Values: maps.Clone(of.Example)}
	out.Action, _ = yamldoc.Value(yamldoc.Get(n, "action")).(map[string]any)
	for name, value := range p.values(yamldoc.Get(n, "parameters"), types) {
		out.Values[name] = value
		if value == nil {
			delete(out.Values, name)
		}
	}
	return out
}

// values reads keys and parameters by name. What is null stays so.
func (p *parser) values(n *yaml.Node, types map[string]Type) map[string]any {
	out := map[string]any{}
	for key, value := range entries(n) {
		v := yamldoc.Value(value)
		if typ, known := types[key.Value]; !known {
			p.report(key, "%s is neither a key nor a parameter of the primitive", key.Value)
		} else if converted, ok := typ.Value(v); ok {
			v = converted
		} else if v != nil {
			p.report(value, "%s is a %s", key.Value, typ)
		}
		out[key.Value] = v
	}
	return out
}

// valueTypes returns the types of the keys and parameters by name.
func valueTypes(p *Primitive) map[string]Type {
	out := map[string]Type{}
	for _, key := range p.Each {
		out[key] = Text
	}
	for _, parameter := range p.Parameters {
		out[parameter.Name()] = parameter.Type
	}
	return out
}

// entries yields the keys and values of a mapping; none for nil.
func entries(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n == nil {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// elements returns the elements of the list at key; none where it is absent.
func elements(n *yaml.Node, key string) []*yaml.Node {
	if list := yamldoc.Get(n, key); list != nil {
		return list.Content
	}
	return nil
}

func text(n *yaml.Node, key string) string {
	if v := yamldoc.Get(n, key); v != nil {
		return v.Value
	}
	return ""
}

func number(n *yaml.Node, key string) *float64 {
	v := yamldoc.Get(n, key)
	if v == nil {
		return nil
	}
	f, _ := Number.Value(yamldoc.Value(v))
	out, _ := f.(float64)
	return &out
}
