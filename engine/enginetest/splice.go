package enginetest

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// fragments are what people do not write and engines lower badly.
var fragments = []string{`[]`, `{}`, `null`, `""`, `0`, `-1`, `9223372036854775807`, `0.0`, `[1, "a"]`, `context`, `tool.args`, `data.categories`,
	`.data.purpose`, `timestamp`, `duration("1s")`, `{"a": [1]}`, `[[1], [2]]`, `true`, `dyn(1)`, `dyn("a")`, `dyn("")`, `dyn([])`, `dyn("").all(x, x == "a")`, `content.findings[0]`, `context.nested`,
	`timestamp("2026-01-01T00:00:00Z")`, `'\u00e9'`, `[data.purpose]`, `{data.purpose: 1}`, `context.tags.map(x, x)`, `tool.args.amount`}

// Spliced makes a policy of one rule, whose expression has parts of others
// grafted into it. It reaches what Policy does not, but most of what it makes
// does not type-check.
func (g *Generator) Spliced(id string) (Source, error) {
	c := &celWriter{Generator: g}
	expression := c.truth(3).text
	for range 1 + g.random.IntN(3) {
		tree, err := parse(expression)
		if err != nil {
			break // it became no expression at all
		}
		graft := pick(g, fragments)
		if g.chance(60) {
			if graft, err = c.part(); err != nil {
				return Source{}, err
			}
		}
		if g.chance(40) {
			graft = "(" + graft + ")"
		}
		at := pick(g, tree.all())
		expression = expression[:at.pos] + graft + expression[at.end:]
	}
	return SourceOf(id, expression)
}

// part returns any part of a generated expression.
func (c *celWriter) part() (string, error) {
	source := c.truth(2).text
	tree, err := parse(source)
	if err != nil {
		return "", fmt.Errorf("the generator wrote %s: %w", source, err)
	}
	n := pick(c.Generator, tree.all())
	return source[n.pos:n.end], nil
}

// all returns a node and everything below it.
func (n *node) all() []*node {
	nodes := []*node{n}
	for _, kid := range n.kids {
		nodes = append(nodes, kid.all()...)
	}
	return nodes
}

// SourceOf returns a policy of one rule, which is named r and requires what
// the expression says.
func SourceOf(id, expression string) (Source, error) {
	rule := map[string]any{"id": "r", "require": expression}
	data, err := yaml.Marshal(map[string]any{"version": "3.0.0", "name": "generated", "rules": map[string]any{"custom": []any{rule}}})
	if err != nil {
		return Source{}, fmt.Errorf("writing a policy: %w", err)
	}
	return Source{ID: id, YAML: string(data)}, nil
}
