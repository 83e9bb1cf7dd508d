package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// decoder fills structs from YAML nodes and collects what is wrong.
type decoder struct {
	file     *File
	findings []mesh.Finding
}

func (d *decoder) report(n *yaml.Node, rule, hint, format string, args ...any) {
	d.findings = append(d.findings, d.file.finding(n, rule, hint, fmt.Sprintf(format, args...)))
}

// mapping calls visit for every entry of a mapping and reports keys that occur
// twice or are no plain strings.
func (d *decoder) mapping(n *yaml.Node, path string, visit func(key string, keyNode, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		keyNode, value := n.Content[i], n.Content[i+1]
		switch {
		case keyNode.Kind != yaml.ScalarNode || keyNode.Tag == "!!merge":
			d.report(keyNode, "type", "", "a key must be a plain string")
		case seen[keyNode.Value]:
			d.report(keyNode, "repeated-key", "keep one of them", "%q is set twice", join(path, keyNode.Value))
		default:
			seen[keyNode.Value] = true
			visit(keyNode.Value, keyNode, value)
		}
	}
}

// section decodes one section; null leaves it as it is.
func (d *decoder) section(n *yaml.Node, key string, s Section) {
	d.value(n, key, reflect.ValueOf(s).Elem())
}

var (
	durationType        = reflect.TypeFor[time.Duration]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value decodes a node into target, descending into structs so that every
// finding has the position of its own value.
func (d *decoder) value(n *yaml.Node, path string, target reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.file.positions[path] = mesh.Position{File: d.file.name, Line: n.Line, Column: n.Column}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	switch {
	case target.Addr().Type().Implements(textUnmarshalerType):
		d.text(n, path, target.Addr().Interface().(encoding.TextUnmarshaler))
	case target.Kind() == reflect.Struct:
		d.structure(n, path, target)
	case target.Kind() == reflect.Slice:
		d.list(n, path, target)
	case target.Kind() == reflect.Map && target.Type().Key().Kind() == reflect.String:
		d.table(n, path, target)
	case target.Kind() == reflect.Interface:
		if v := d.free(n, path); v != nil {
			target.Set(reflect.ValueOf(v))
		}
	default:
		d.leaf(n, path, target)
	}
}

func (d *decoder) text(n *yaml.Node, path string, target encoding.TextUnmarshaler) {
	if n.Kind != yaml.ScalarNode {
		d.report(n, "type", "", "%s must be a text", path)
		return
	}
	if err := target.UnmarshalText([]byte(n.Value)); err != nil {
		d.report(n, "value", mesh.HintOf(err), "%s: %v", path, err)
	}
}

func (d *decoder) structure(n *yaml.Node, path string, target reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.report(n, "type", "", "%s must be a mapping", path)
		return
	}
	fields, names := yamlFields(target.Type())
	d.mapping(n, path, func(key string, keyNode, value *yaml.Node) {
		index, ok := fields[key]
		if !ok {
			d.report(keyNode, "unknown-key", spelling.DidYouMean(key, names), "unknown key %q in section %s", key, path)
			return
		}
		d.value(value, join(path, key), target.FieldByIndex(index))
	})
}

func (d *decoder) list(n *yaml.Node, path string, target reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.report(n, "type", "write it as a list: [a, b]", "%s must be a list", path)
		return
	}
	list := reflect.MakeSlice(target.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(item, fmt.Sprintf("%s[%d]", path, i), list.Index(i))
	}
	target.Set(list)
}

// table decodes a mapping whose keys are the user's.
func (d *decoder) table(n *yaml.Node, path string, target reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.report(n, "type", "", "%s must be a mapping", path)
		return
	}
	table := reflect.MakeMap(target.Type())
	d.mapping(n, path, func(key string, _, value *yaml.Node) {
		element := reflect.New(target.Type().Elem()).Elem()
		d.value(value, join(path, key), element)
		table.SetMapIndex(reflect.ValueOf(key).Convert(target.Type().Key()), element)
	})
	target.Set(table)
}

// free returns a value whose type is not known here, such as that of a policy's
// parameter, with the scalars of policies: a date is text.
func (d *decoder) free(n *yaml.Node, path string) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		d.mapping(n, path, func(key string, _, value *yaml.Node) { out[key] = d.free(value, join(path, key)) })
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			out[i] = d.free(item, fmt.Sprintf("%s[%d]", path, i))
		}
		return out
	case yaml.AliasNode:
		d.report(n, "type", "write the value out", "%s holds an alias", path)
		return nil
	}
	v, hint, err := yamldoc.Scalar(n)
	if err != nil {
		d.report(n, "value", hint, "%s: %v", path, err)
	}
	return v
}

func (d *decoder) leaf(n *yaml.Node, path string, target reflect.Value) {
	if target.Kind() == reflect.String && n.Kind == yaml.ScalarNode && n.Tag != "!!str" {
		// Without this check `yes` and 1.20 would become texts that differ
		// from what was meant.
		d.report(n, "type", "put it in quotes", "%s must be a text", path)
		return
	}
	if err := n.Decode(target.Addr().Interface()); err != nil {
		hint := ""
		if target.Type() == durationType {
			hint = "for example 30s or 5m"
		}
		d.report(n, "type", hint, "%s must be %s", path, describe(target.Type()))
	}
}

// describe names a type in the words of people who write YAML.
func describe(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Map:
		return "a mapping"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return "a whole number"
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return "a number"
	}
	return "a " + t.String()
}

// yamlFields maps the yaml names of a struct's fields to their index, as
// [reflect.Value.FieldByIndex] takes it, and lists the names in order. The
// fields of a struct tagged ",inline" count as its own.
func yamlFields(t reflect.Type) (map[string][]int, []string) {
	fields := map[string][]int{}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "" && options == "inline" && f.Type.Kind() == reflect.Struct:
			inner, innerNames := yamlFields(f.Type)
			for _, n := range innerNames {
				fields[n] = append([]int{i}, inner[n]...)
			}
			names = append(names, innerNames...)
		case name != "" && name != "-" && f.IsExported():
			fields[name] = []int{i}
			names = append(names, name)
		}
	}
	return fields, names
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
