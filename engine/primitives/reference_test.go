package primitives

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
)

var update = flag.Bool("update", false, "write docs/reference/primitives.md anew")

const referenceHead = `# Built-in rules

<!-- Written by go generate ./engine/primitives from the files in engine/primitives/library. -->

Every rule that a policy can switch on without writing CEL, by section. [The policy language](../policy-language.md)
explains the ideas; this page is exact.

- The id of a rule is its path below ` + "`rules`" + `. A ` + "`*`" + ` in it stands for a key that you choose, such as the name of a
  tool: there is a rule for each key, and its id has the key in the place of the ` + "`*`" + `. A key has up to 128 letters,
  digits and ` + "`_ . : / @ -`" + `. The ` + "`controls`" + ` of a policy can name one rule, or with the ` + "`*`" + ` all of them.
- *Looks at* lists the action types; every other action is none of the rule's business. Where there is a ` + "`when`" + `, it must
  hold, too.
- *Violated* is what the decision says. Exactly, a rule is violated where ` + "`require`" + ` does not hold; an input that is
  absent never satisfies it.
- ` + "`rule.NAME`" + ` is what the policy says; the other names are [the action's](action.md). ` + "`personalData()`" + ` and ` + "`healthData()`" + `
  are explained [with the language](../policy-language.md#personal-data).
- *A profile may* says how a policy that extends another may change the value, so that the rule never allows more. Over a base
  with ` + "`default: deny`" + ` it may not change what the condition of the rule reads either.
- The controls are those the rule can serve. A policy's ` + "`framework`" + ` selects the ones its decisions name.
`

// TestReference holds the reference page to the library.
func TestReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range Sections() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.Name, s.Summary)
		for _, family := range families(s) {
			describe(&b, family)
		}
	}
	page := filepath.Join("..", "..", "docs", "reference", "primitives.md")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	committed, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(committed), b.String()); diff != "" {
		t.Errorf("the page is stale, run go generate ./engine/primitives (-committed +library):\n%s", diff)
	}
}

// families groups the primitives that differ only in their variant.
func families(s *Section) [][]*Primitive {
	var out [][]*Primitive
	at := map[string]int{}
	for _, p := range s.Primitives {
		key := general(p, p.ID)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], p)
	}
	return out
}

// general writes the place of the variant for the variant itself.
func general(p *Primitive, s string) string {
	if p.Variant == "" {
		return s
	}
	return strings.ReplaceAll(s, p.Variant, "RIGHT")
}

func describe(b *strings.Builder, family []*Primitive) {
	p := family[0]
	fmt.Fprintf(b, "\n### %s\n\n%s\n", general(p, p.ID), general(p, p.Summary))
	if p.Variant != "" {
		names := make([]string, len(family))
		for i, v := range family {
			names[i] = "`" + v.Variant + "`"
		}
		fmt.Fprintf(b, "RIGHT is one of %s, and OTHERS a list of the other ones.\n", strings.Join(names, ", "))
	}
	fmt.Fprintf(b, "\n```yaml\nrules:\n%s```\n\n", exampleOf(p))
	for i, parameter := range p.Parameters {
		fmt.Fprintf(b, "- `%s`: %s\n", parameterPath(p, i), parameterWords(p, parameter))
	}
	fmt.Fprintf(b, "- Looks at %s\n", looksAt(p))
	if p.Unless != "" {
		fmt.Fprintf(b, "- Switched off where `%s` is false.\n", general(p, p.Unless))
	}
	if p.Message != "" {
		fmt.Fprintf(b, "- Violated: %s.\n", general(p, p.Message))
	}
	for _, o := range p.Obligations {
		fmt.Fprintf(b, "- Obliges to `%s`%s\n", o.Type, propertyWords(o))
	}
	fmt.Fprintf(b, "\n```cel\n")
	if when := furtherCondition(p); when != "" {
		fmt.Fprintf(b, "when:    %s\n", wrap(general(p, strings.ReplaceAll(when, othersOf(family), "OTHERS"))))
	}
	if p.Require != "" {
		fmt.Fprintf(b, "require: %s\n", wrap(general(p, p.Require)))
	}
	fmt.Fprintf(b, "```\n\n")
	for _, v := range family {
		if v.Variant != "" {
			fmt.Fprintf(b, "- Controls of `%s`: %s\n", v.Variant, controlWords(v))
		} else {
			fmt.Fprintf(b, "Controls: %s\n", controlWords(v))
		}
	}
}

// othersOf is the CEL list of the variants but the first.
func othersOf(family []*Primitive) string {
	var others []string
	for _, p := range family[1:] {
		others = append(others, p.Variant)
	}
	return quoted(others)
}

// parameterPath names the keys that stand for the * of the path.
func parameterPath(p *Primitive, i int) string {
	path := general(p, p.Parameters[i].Path)
	for _, key := range p.Each {
		path = strings.Replace(path, "*", strings.ToUpper(key), 1)
	}
	return path
}

func parameterWords(p *Primitive, of Parameter) string {
	kind := map[Type]string{Flag: "true or false", Text: "text", Texts: "list of texts", Count: "whole number", Number: "number"}[of.Type]
	switch of.Format {
	case "regex":
		kind = "regular expression"
	case "domain":
		kind = "list of domains"
	}
	plain := func(f *float64) string { return strconv.FormatFloat(*f, 'f', -1, 64) }
	switch {
	case of.Minimum != nil && of.Maximum != nil:
		kind += " from " + plain(of.Minimum) + " to " + plain(of.Maximum)
	case of.Minimum != nil:
		kind += " from " + plain(of.Minimum)
	}
	if of.Enum != nil {
		kind += ", each a field of [the action](action.md) with a value"
	}
	words := map[Narrowing]string{
		NarrowOn: "switch it on", NarrowOff: "switch it off", NarrowEqual: "not change it", NarrowSubset: "leave elements out", NarrowSuperset: "add elements",
		NarrowAtMost: "lower it", NarrowAtLeast: "raise it",
	}[of.Narrows]
	out := fmt.Sprintf("%s. A profile may %s. CEL reads it as `rule.%s`", kind, words, of.Name())
	if of.Description != p.Summary {
		out = fmt.Sprintf("%s %s", of.Description, strings.ToUpper(out[:1])+out[1:])
	}
	if len(p.Each) > 0 && of.Path == p.ID {
		for _, key := range p.Each {
			out += fmt.Sprintf(", and %s as `rule.%s`", strings.ToUpper(key), key)
		}
	}
	for _, name := range p.AnyCase {
		if name == of.Name() || of.Path == p.ID && slices.Contains(p.Each, name) {
			out += fmt.Sprintf("; `rule.%s` lists every word in lower case, in upper case and capitalized", name)
		}
	}
	return out + "."
}

// furtherCondition is what When asks beside the action types.
func furtherCondition(p *Primitive) string {
	return strings.TrimPrefix(strings.TrimPrefix(p.When, typeIn(p.Types)), " && ")
}

func looksAt(p *Primitive) string {
	if p.Types == nil {
		if p.When == "" {
			return "every action."
		}
		return "every action that meets `when`."
	}
	quoted := make([]string, len(p.Types))
	for i, t := range p.Types {
		quoted[i] = "`" + t + "`"
	}
	return strings.Join(quoted, ", ") + "."
}

func propertyWords(o Obligation) string {
	var parts []string
	for _, p := range o.Properties {
		value := fmt.Sprintf("`%v`", p.Value)
		if p.Parameter != "" {
			value = "`rule." + p.Parameter + "`"
		}
		parts = append(parts, fmt.Sprintf("`%s` is %s", p.Name, value))
	}
	if parts == nil {
		return "."
	}
	return ": " + strings.Join(parts, ", ") + "."
}

// controlWords lists the controls by framework.
func controlWords(p *Primitive) string {
	var frameworks []mesh.FrameworkID
	for _, c := range p.Controls {
		if !slices.Contains(frameworks, c.Framework()) {
			frameworks = append(frameworks, c.Framework())
		}
	}
	slices.Sort(frameworks)
	var parts []string
	for _, f := range frameworks {
		var ids []string
		for _, c := range p.ControlsOf(f) {
			ids = append(ids, c.Local())
		}
		parts = append(parts, fmt.Sprintf("%s %s", f, strings.Join(ids, ", ")))
	}
	return strings.Join(parts, "; ") + "."
}

// wrap breaks long CEL before its outermost operators.
func wrap(cel string) string {
	const width = 110
	if len(cel) <= width {
		return cel
	}
	var b strings.Builder
	depth := 0
	for i := range len(cel) {
		switch cel[i] {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		}
		if depth == 0 && (strings.HasPrefix(cel[i:], " && ") || strings.HasPrefix(cel[i:], " || ")) {
			b.WriteString("\n        ")
		}
		b.WriteByte(cel[i])
	}
	return b.String()
}

// exampleOf is the example as YAML below rules.
func exampleOf(p *Primitive) string {
	type entry struct {
		path  []string
		value any
	}
	var entries []entry
	for _, parameter := range p.Parameters {
		value, given := p.Example[parameter.Name()]
		if !given {
			continue
		}
		path := strings.Split(parameter.Path, ".")
		keys := p.Each
		for i, name := range path {
			if name == "*" {
				path[i], keys = p.Example[keys[0]].(string), keys[1:]
			}
		}
		entries = append(entries, entry{path, value})
	}
	var b strings.Builder
	var open []string
	for _, e := range entries {
		shared := 0
		for shared < len(open) && shared < len(e.path)-1 && open[shared] == e.path[shared] {
			shared++
		}
		for i := shared; i < len(e.path)-1; i++ {
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i+1), yamlText(e.path[i]))
		}
		open = e.path[:len(e.path)-1]
		fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", len(e.path)), yamlText(e.path[len(e.path)-1]), yamlValue(e.value))
	}
	return b.String()
}

func yamlValue(v any) string {
	switch v := v.(type) {
	case string:
		return yamlText(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = yamlValue(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// yamlText quotes what YAML would read as something else.
func yamlText(s string) string {
	if strings.ContainsAny(s, `:[]{},"'\#*&!|>%@`) || s == "" {
		quoted, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		return string(quoted)
	}
	return s
}
