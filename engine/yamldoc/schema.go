package yamldoc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/pattern"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
)

// Schema is a compiled JSON Schema. It is safe for concurrent use.
type Schema struct {
	root  *jsonschema.Schema
	byURL map[string]*jsonschema.Schema
}

// CompileSchema reads a JSON Schema (2020-12) that refers to nothing outside
// itself.
func CompileSchema(src []byte) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("reading a JSON Schema: %w", err)
	}
	const url = "schema.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.RegisterFormat(&jsonschema.Format{Name: formatDomain, Validate: validateDomain})
	c.UseRegexpEngine(boundedRegexp)
	c.UseLoader(closedLoader{})
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("reading a JSON Schema: %w", err)
	}
	root, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compiling a JSON Schema: %w", err)
	}
	s := &Schema{root: root, byURL: map[string]*jsonschema.Schema{}}
	s.index(root)
	return s, nil
}

// boundedRegexp compiles the regular expressions of schemas and of texts that
// have the format of one, which are RE2 here and bounded.
func boundedRegexp(source string) (jsonschema.Regexp, error) {
	if _, err := pattern.Compile(source); err != nil {
		return nil, err
	}
	return regexp.Compile(source)
}

// formatDomain is a format of texts beside those of JSON Schema: the name of a
// domain of which hosts are part.
const formatDomain = "domain"

// domainName has at least two labels (RFC 1035, section 2.3.1): a top-level
// domain alone would be half the Internet.
var domainName = regexp.MustCompile(`^(localhost|[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+)$`)

var errNoDomain = errors.New("it is no name of a domain")

func validateDomain(v any) error {
	if s, ok := v.(string); ok && !domainName.MatchString(s) {
		return errNoDomain
	}
	return nil
}

// closedLoader refuses to read other documents.
type closedLoader struct{}

func (closedLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("the schema refers to %s, which is outside itself", url)
}

// index remembers the subschemas that describe objects by their location,
// which is all an error says about them.
func (s *Schema) index(schema *jsonschema.Schema) {
	if schema == nil || s.byURL[schema.Location] != nil {
		return
	}
	s.byURL[schema.Location] = schema
	s.index(schema.Ref)
	for _, p := range schema.Properties {
		s.index(p)
	}
	for _, p := range schema.PatternProperties {
		s.index(p)
	}
	if additional, ok := schema.AdditionalProperties.(*jsonschema.Schema); ok {
		s.index(additional)
	}
	s.index(schema.Items2020)
}

// Validate checks the value n of d and returns a finding for each fault, in
// the order of the file.
func (s *Schema) Validate(d *Document, n *yaml.Node) []mesh.Finding {
	found := &Findings{}
	s.Check(d, n, found)
	return found.List()
}

// Check checks the value n of d, adds a finding for each fault to found, and
// returns the nodes that are at fault: keys that should not be there, and values
// that do not fit. What comes of something that [Mend] changed is no finding of
// its own.
func (s *Schema) Check(d *Document, n *yaml.Node, found *Findings) []*yaml.Node {
	err := s.root.Validate(Value(n))
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return nil
	}
	v := validation{schema: s, doc: d, root: n}
	v.collect(failed)
	return v.report(found)
}

type validation struct {
	schema *Schema
	doc    *Document
	root   *yaml.Node
	faults []fault
}

// fault is one fault. Of many that stand in a document only the first are put
// into words.
type fault struct {
	at   *yaml.Node
	rule string
	in   *yaml.Node // of a misplaced key: the mapping
	say  func() mesh.Finding
}

func (v *validation) add(n *yaml.Node, rule, message, hint string) {
	v.later(n, rule, func() (string, string) { return message, hint })
}

// later is add where the words take time to find.
func (v *validation) later(n *yaml.Node, rule string, words func() (message, hint string)) {
	v.faults = append(v.faults, fault{at: n, rule: rule, say: func() mesh.Finding {
		message, hint := words()
		return failure(v.doc.Position(n).File, n.Line, n.Column, rule, message, hint)
	}})
}

// unclear returns the nodes by which a schema may tell one kind of mapping from
// another, and that are at fault: which keys belong there is not known then.
func (v *validation) unclear() map[*yaml.Node]bool {
	out := maps.Clone(v.doc.mended)
	if out == nil {
		out = map[*yaml.Node]bool{}
	}
	for _, f := range v.faults {
		if f.rule == "unknown-key" || f.rule == "wrong-value" || f.rule == "wrong-type" {
			out[f.at] = true
		}
	}
	return out
}

// report puts the faults into words, in the order of the file, and returns the
// nodes.
func (v *validation) report(found *Findings) []*yaml.Node {
	slices.SortStableFunc(v.faults, func(a, b fault) int {
		return cmp.Or(a.at.Line-b.at.Line, a.at.Column-b.at.Column)
	})
	nodes := make([]*yaml.Node, len(v.faults))
	own, unclear := &Findings{}, v.unclear()
	for i, f := range v.faults {
		nodes[i] = f.at
		switch {
		case v.doc.mended[f.at]:
		case f.in != nil && slices.ContainsFunc(f.in.Content, func(n *yaml.Node) bool { return unclear[n] }):
		case len(own.list) < maxSaid:
			own.Add(f.say())
		default:
			own.more++
		}
	}
	found.Join(own)
	return nodes
}

// maxSaid bounds the faults that are put into words: enough for those that are
// reported, although some may say the same.
const maxSaid = 2 * MaxFindings

// collect turns the leaves of the error tree into faults.
func (v *validation) collect(e *jsonschema.ValidationError) {
	if _, ok := e.ErrorKind.(*kind.AnyOf); ok {
		v.anyOf(e)
		return
	}
	if len(e.Causes) > 0 {
		meant := v.misspelt(e)
		for _, cause := range e.Causes {
			if !comesOf(cause, meant) {
				v.collect(cause)
			}
		}
		return
	}
	key, value := v.locate(e.InstanceLocation)
	v.leaf(e, key, value)
}

// misspelt returns the keys that unknown ones were probably meant to be. That
// they are missing is the same fault.
func (v *validation) misspelt(e *jsonschema.ValidationError) []string {
	var meant []string
	for _, cause := range e.Causes {
		k, ok := cause.ErrorKind.(*kind.AdditionalProperties)
		if s := v.schema.byURL[cause.SchemaURL]; ok && s != nil && len(s.PatternProperties) == 0 && len(k.Properties) <= MaxFindings {
			known := slices.Sorted(maps.Keys(s.Properties))
			for _, name := range k.Properties {
				if near := spelling.Nearest(name, known); near != "" {
					meant = append(meant, near)
				}
			}
		}
	}
	return meant
}

// comesOf reports whether nothing but keys of a list are missing.
func comesOf(e *jsonschema.ValidationError, meant []string) bool {
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		k.Missing = slices.DeleteFunc(k.Missing, func(name string) bool { return slices.Contains(meant, name) })
		return len(k.Missing) == 0
	case *kind.AnyOf:
		return slices.ContainsFunc(e.Causes, func(cause *jsonschema.ValidationError) bool { return comesOf(cause, meant) })
	}
	return false
}

// anyOf says which keys would do, the one use of the keyword in our schemas.
func (v *validation) anyOf(e *jsonschema.ValidationError) {
	var missing []string
	for _, cause := range e.Causes {
		if r, ok := cause.ErrorKind.(*kind.Required); ok {
			missing = append(missing, r.Missing...)
		}
	}
	_, value := v.locate(e.InstanceLocation)
	v.add(value, "missing-key", "one of the keys "+strings.Join(missing, ", ")+" is needed", "")
}

func (v *validation) leaf(e *jsonschema.ValidationError, key, value *yaml.Node) {
	name, element := v.name(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		v.unknownKeys(e, value, k.Properties)
	case *kind.Required:
		for _, m := range k.Missing {
			v.add(value, "missing-key", "the key "+m+" is missing", "")
		}
	case *kind.Type:
		v.add(value, "wrong-type", fmt.Sprintf("expected %s, found %s", article(strings.Join(k.Want, " or ")), describe(value)), typeHint(k, value))
	case *kind.Enum:
		v.notOneOf(value, k.Want)
	case *kind.FalseSchema:
		v.add(key, "misplaced-key", "the key "+name+" has no meaning here", "remove it")
		_, v.faults[len(v.faults)-1].in = v.locate(e.InstanceLocation[:max(len(e.InstanceLocation)-1, 0)])
	case *kind.Pattern:
		v.add(value, "wrong-value", fmt.Sprintf("%s does not have the form %s", describe(value), k.Want), "")
	case *kind.Minimum:
		v.add(value, "wrong-value", fmt.Sprintf("%s is less than %s", Shorten(value.Value), k.Want.RatString()), name+" is at least "+k.Want.RatString())
	case *kind.Maximum:
		v.add(value, "wrong-value", fmt.Sprintf("%s is more than %s", Shorten(value.Value), k.Want.RatString()), name+" is at most "+k.Want.RatString())
	case *kind.MinLength, *kind.MinItems, *kind.MinProperties:
		v.add(value, "wrong-value", name+" is empty", emptyHint(e.ErrorKind, element))
	case *kind.MaxLength:
		v.add(value, "too-large", fmt.Sprintf("%s has %d characters, more than %d", name, k.Got, k.Want), "")
	case *kind.MaxItems:
		v.add(value, "too-large", fmt.Sprintf("%s has %d elements, more than %d", name, k.Got, k.Want), "")
	case *kind.MaxProperties:
		v.add(value, "too-large", fmt.Sprintf("%s has %d keys, more than %d", name, k.Got, k.Want), "")
	case *kind.UniqueItems:
		v.add(value.Content[k.Duplicates[1]], "duplicate-value", describe(value.Content[k.Duplicates[1]])+" stands in the list twice", "keep one of them in "+name)
	case *kind.Format:
		v.format(k, value)
	default:
		v.add(value, "wrong-value", describe(value)+" does not fit the schema", "")
	}
}

// name says what stands at a path: by its key, or as an element of the list at
// a key.
func (v *validation) name(path []string) (name string, element bool) {
	for i, step := range path {
		if _, in := v.locate(path[:i]); in.Kind == yaml.SequenceNode {
			element = true
		} else {
			name, element = Shorten(step), false
		}
	}
	if element {
		name = strings.TrimSpace("an element of " + name)
	}
	return name, element
}

// emptyHint says what to do about what is empty.
func emptyHint(k jsonschema.ErrorKind, element bool) string {
	_, text := k.(*kind.MinLength)
	switch {
	case element:
		return "write something, or remove the element"
	case text:
		return "write something into it"
	}
	return "write what belongs into it, or remove the key"
}

func (v *validation) format(k *kind.Format, value *yaml.Node) {
	what, hint := k.Want, ""
	switch k.Want {
	case "regex":
		what, hint = "regular expression", "write it in the syntax of RE2"
		if k.Err != nil {
			hint += "; this one " + k.Err.Error()
		}
	case formatDomain:
		what, hint = "domain", "write its name alone, as in example.com: no scheme, no path, no *, and more than its last part"
	}
	v.add(value, "wrong-value", fmt.Sprintf("%s is not a %s", describe(value), what), hint)
}

// notOneOf reports a value that is none of those there are. Where there are many
// it names those of the same beginning, and the page that lists all.
func (v *validation) notOneOf(n *yaml.Node, want []any) {
	values := texts(want)
	hint := spelling.DidYouMean(n.Value, values)
	if len(values) <= manyValues {
		v.add(n, "wrong-value", fmt.Sprintf("%s is not one of %s", describe(n), list(want)), hint)
		return
	}
	if hint == "" {
		begin, _, _ := strings.Cut(n.Value, ".")
		near := slices.DeleteFunc(values, func(s string) bool { return !strings.HasPrefix(s, begin+".") })
		if len(near) > 0 {
			const shown = 8
			hint = "for example " + strings.Join(near[:min(len(near), shown)], ", ") + "; "
		}
	} else {
		hint += " "
	}
	v.add(n, "wrong-value", fmt.Sprintf("%s is none of the %d values there are", describe(n), len(want)), hint+"docs/reference/primitives.md lists them all")
}

// manyValues is how many values a message lists.
const manyValues = 16

func (v *validation) unknownKeys(e *jsonschema.ValidationError, mapping *yaml.Node, names []string) {
	unknown := make(map[string]bool, len(names))
	for _, name := range names {
		unknown[name] = true
	}
	var known []string
	form := "" // of names that are free but for it
	if s := v.schema.byURL[e.SchemaURL]; s != nil {
		known = slices.Sorted(maps.Keys(s.Properties))
		for pattern := range s.PatternProperties {
			form = pattern.String()
		}
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		switch {
		case !unknown[key.Value]:
		case form != "":
			v.add(key, "wrong-value", Shorten(key.Value)+" is not a valid name", "a name has the form "+form)
		default:
			v.later(key, "unknown-key", func() (string, string) {
				return "unknown key " + Shorten(key.Value), spelling.DidYouMean(key.Value, known)
			})
		}
	}
}

// locate follows a path of keys and indexes. The key is that of the last
// mapping entry; the value itself where there is none.
func (v *validation) locate(path []string) (key, value *yaml.Node) {
	key, value = v.root, v.root
	for _, element := range path {
		switch value.Kind {
		case yaml.MappingNode:
			k, next := Find(value, element)
			if next == nil {
				return key, value // the fault is the key's name
			}
			key, value = k, next
		case yaml.SequenceNode:
			i, err := strconv.Atoi(element)
			if err != nil || i < 0 || i >= len(value.Content) {
				return key, value
			}
			value = value.Content[i]
			key = value
		}
	}
	return key, value
}

// typeHint catches the usual slip: a version or number without its quotes.
func typeHint(k *kind.Type, n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && slices.Contains(k.Want, "string") {
		return `put it in quotes: "` + Shorten(n.Value) + `"`
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && n.Style != 0 {
		return "write it without quotes"
	}
	return ""
}

func article(typ string) string {
	switch typ {
	case "object":
		return "a mapping"
	case "array":
		return "a list"
	case "string":
		return "text"
	case "integer":
		return "a whole number"
	case "boolean":
		return "true or false"
	case "number":
		return "a number"
	}
	return typ
}

// shownLength bounds how much of a value a message repeats.
const shownLength = 60

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	case n.ShortTag() == "!!str":
		return strconv.Quote(Shorten(n.Value))
	}
	return Shorten(n.Value)
}

// Shorten cuts what is too long for a message.
func Shorten(text string) string {
	shown := 0
	for i := range text {
		if shown++; shown > shownLength {
			return text[:i] + "…"
		}
	}
	return text
}

func texts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

func list(values []any) string { return strings.Join(texts(values), ", ") }
