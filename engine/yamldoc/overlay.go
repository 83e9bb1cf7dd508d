package yamldoc

import "go.yaml.in/yaml/v3"

// Choose is asked for every value that [Document.Overlay] puts in: the path to
// it, what stands there below, which is nil for nothing, and the value. It
// returns whether to put it in.
type Choose func(path []string, below, over *yaml.Node) bool

// Overlay lays the mapping over on the mapping below, which is of another
// document: mappings key by key, everything else as choose says. The values of
// below come first. Nothing that is given is changed, and the document returned
// knows where each node of its Root stands.
func (d *Document) Overlay(under *Document, below, over *yaml.Node, choose Choose) *Document {
	out := &Document{File: d.File, files: map[*yaml.Node]string{}}
	o := overlay{out: out, below: under, over: d, choose: choose}
	out.Root = o.mapping(nil, below, over)
	return out
}

type overlay struct {
	out, below, over *Document
	choose           Choose
}

// mapping returns the mapping that both make; either may be nil.
func (o *overlay) mapping(path []string, below, over *yaml.Node) *yaml.Node {
	at, of := below, o.below
	if at == nil {
		at, of = over, o.over
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: at.Tag, Line: at.Line, Column: at.Column}
	o.out.files[n] = of.Position(at).File
	if below != nil {
		for i := 0; i+1 < len(below.Content); i += 2 {
			o.entry(n, append(path, below.Content[i].Value), below.Content[i], below.Content[i+1], over)
		}
	}
	if over != nil {
		for i := 0; i+1 < len(over.Content); i += 2 {
			if key := over.Content[i]; Get(below, key.Value) == nil {
				o.added(n, append(path, key.Value), key, over.Content[i+1])
			}
		}
	}
	return n
}

// entry puts in the entry at key of below, which over may change.
func (o *overlay) entry(into *yaml.Node, path []string, key, value, over *yaml.Node) {
	overKey, overValue := Find(over, key.Value)
	switch {
	case overValue == nil:
		o.take(into, o.below, key, value)
	case value.Kind == yaml.MappingNode && overValue.Kind == yaml.MappingNode:
		o.put(into, o.below, key, o.mapping(path, value, overValue))
	case o.choose(path, value, overValue):
		o.take(into, o.over, overKey, overValue)
	default:
		o.take(into, o.below, key, value)
	}
}

// added puts in an entry that only over has.
func (o *overlay) added(into *yaml.Node, path []string, key, value *yaml.Node) {
	if value.Kind == yaml.MappingNode {
		o.put(into, o.over, key, o.mapping(path, nil, value))
	} else if o.choose(path, nil, value) {
		o.take(into, o.over, key, value)
	}
}

// take puts in an entry as it is.
func (o *overlay) take(into *yaml.Node, of *Document, key, value *yaml.Node) {
	o.mark(of, value)
	o.put(into, of, key, value)
}

func (o *overlay) put(into *yaml.Node, of *Document, key, value *yaml.Node) {
	o.mark(of, key)
	into.Content = append(into.Content, key, value)
}

// mark remembers where a node and all below it stand.
func (o *overlay) mark(of *Document, n *yaml.Node) {
	o.out.files[n] = of.Position(n).File
	for _, child := range n.Content {
		o.mark(of, child)
	}
}
