package enginetest

import (
	"fmt"
	"slices"
)

// The kinds of nodes.
type nodeKind int

const (
	nodeLiteral nodeKind = iota // value
	nodeName                    // name
	nodeSelect                  // kids[0].name
	nodeHas                     // has(kids[0].name), or has(name) without kids
	nodeIndex                   // kids[0][kids[1]]
	nodeCall                    // name(kids…) or kids[0].name(kids[1:]…)
	nodeUnary                   // name kids[0]
	nodeBinary                  // kids[0] name kids[1]
	nodeChoice                  // kids[0] ? kids[1] : kids[2]
	nodeList                    // [kids…]
	nodeMap                     // {kids[0]: kids[1], …}
	nodeMacro                   // kids[0].name(variable, kids[1:]…)
)

// node is one part of an expression, written at source[pos:end].
type node struct {
	kind     nodeKind
	name     string
	method   bool // of a call: kids[0] stands before the dot
	rooted   bool // of a name: the dot before it says that no variable of a loop is meant
	variable string
	value    any
	kids     []*node
	pos, end int
}

// parse reads a CEL expression. It knows no types: whether an expression makes
// sense is for the linter to say.
func parse(source string) (*node, error) {
	tokens, err := scan(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, fmt.Errorf("at %d: unexpected %q", t.pos, source[t.pos:t.end])
	}
	return n, check(n)
}

// parser climbs by precedence.
type parser struct {
	tokens []token
	at     int
	depth  int
}

const maxDepth = 250

// binds says how strongly an operator holds its operands. The conditional is
// below all of them.
var binds = map[string]int{
	"||": 2, "&&": 3,
	"==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "in": 4,
	"+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) sees(sign string) bool {
	t := p.peek()
	return t.kind == tokenSign && t.text == sign
}

func (p *parser) expect(sign string) (token, error) {
	if !p.sees(sign) {
		return token{}, fmt.Errorf("at %d: expected %q", p.peek().pos, sign)
	}
	return p.take(), nil
}

// expression reads operators that bind more strongly than least.
func (p *parser) expression(least int) (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, unsupported{"nesting as deep as this"}
	}
	defer func() { p.depth-- }()
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		t := p.peek()
		strength := binds[t.text]
		if t.kind != tokenSign || strength <= least {
			break
		}
		p.take()
		right, err := p.expression(strength)
		if err != nil {
			return nil, err
		}
		left = &node{kind: nodeBinary, name: t.text, kids: []*node{left, right}, pos: left.pos, end: right.end}
	}
	if least == 0 && p.sees("?") {
		return p.choice(left)
	}
	return left, nil
}

func (p *parser) choice(condition *node) (*node, error) {
	p.take()
	yes, err := p.expression(1)
	if err != nil {
		return nil, err
	}
	if _, err := p.expect(":"); err != nil {
		return nil, err
	}
	no, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	return &node{kind: nodeChoice, kids: []*node{condition, yes, no}, pos: condition.pos, end: no.end}, nil
}

func (p *parser) unary() (*node, error) {
	t := p.peek()
	if t.kind != tokenSign || t.text != "!" && t.text != "-" {
		return p.member()
	}
	p.take()
	if operand := p.peek(); t.text == "-" && operand.kind == tokenLiteral {
		if n := negative(operand); n != nil {
			p.take()
			n.pos = t.pos
			return p.members(n)
		}
	}
	kid, err := p.unary()
	if err != nil {
		return nil, err
	}
	return &node{kind: nodeUnary, name: t.text, kids: []*node{kid}, pos: t.pos, end: kid.end}, nil
}

// negative returns the literal of a number with a minus before it; nil if the
// token is no number.
func negative(t token) *node {
	n := &node{kind: nodeLiteral, pos: t.pos, end: t.end}
	switch v := t.value.(type) {
	case int64:
		n.value = -v
	case float64:
		n.value = -v
	case tooLarge:
		if t.text != "9223372036854775808" {
			return nil
		}
		n.value = int64(-1 << 63)
	default:
		return nil
	}
	return n
}

func (p *parser) member() (*node, error) {
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	return p.members(n)
}

// members reads what follows a value: fields, methods and indexes.
func (p *parser) members(n *node) (*node, error) {
	for {
		switch {
		case p.sees("."):
			p.take()
			name := p.take()
			if name.kind != tokenName {
				return nil, fmt.Errorf("at %d: expected a name", name.pos)
			}
			if !p.sees("(") {
				n = &node{kind: nodeSelect, name: name.text, kids: []*node{n}, pos: n.pos, end: name.end}
				continue
			}
			args, end, err := p.arguments("(", ")")
			if err != nil {
				return nil, err
			}
			if n, err = method(n, name, args, end); err != nil {
				return nil, err
			}
		case p.sees("["):
			args, end, err := p.arguments("[", "]")
			if err != nil {
				return nil, err
			}
			if len(args) != 1 {
				return nil, fmt.Errorf("at %d: expected one index", n.end)
			}
			n = &node{kind: nodeIndex, kids: []*node{n, args[0]}, pos: n.pos, end: end}
		case p.sees("{"):
			return nil, unsupported{"messages"}
		default:
			return n, nil
		}
	}
}

// macros are the methods that loop, with how many arguments they may have.
var macros = map[string][]int{"all": {2}, "exists": {2}, "exists_one": {2}, "existsOne": {2}, "map": {2, 3}, "filter": {2}}

func method(on *node, name token, args []*node, end int) (*node, error) {
	if counts, ok := macros[name.text]; ok && slices.Contains(counts, len(args)) {
		if args[0].kind != nodeName || args[0].rooted {
			return nil, fmt.Errorf("at %d: expected a variable", args[0].pos)
		}
		kids := append([]*node{on}, args[1:]...)
		return &node{kind: nodeMacro, name: name.text, variable: args[0].name, kids: kids, pos: on.pos, end: end}, nil
	}
	return &node{kind: nodeCall, name: name.text, method: true, kids: append([]*node{on}, args...), pos: on.pos, end: end}, nil
}

func (p *parser) primary() (*node, error) {
	t := p.peek()
	switch {
	case t.kind == tokenLiteral:
		p.take()
		if _, large := t.value.(tooLarge); large {
			return nil, fmt.Errorf("at %d: %s is no integer of 64 bits", t.pos, t.text)
		}
		return &node{kind: nodeLiteral, value: t.value, pos: t.pos, end: t.end}, nil
	case t.kind == tokenName:
		return p.name()
	case p.sees("("):
		p.take()
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		closing, err := p.expect(")")
		if err != nil {
			return nil, err
		}
		inner := *n
		inner.pos, inner.end = t.pos, closing.end
		return &inner, nil
	case p.sees("."):
		p.take()
		name := p.take()
		if name.kind != tokenName {
			return nil, fmt.Errorf("at %d: expected a name", name.pos)
		}
		if p.sees("(") {
			return nil, unsupported{"a call by its full name"}
		}
		return &node{kind: nodeName, name: name.text, rooted: true, pos: t.pos, end: name.end}, nil
	case p.sees("["):
		kids, end, err := p.arguments("[", "]")
		return &node{kind: nodeList, kids: kids, pos: t.pos, end: end}, err
	case p.sees("{"):
		return p.mapLiteral()
	}
	return nil, fmt.Errorf("at %d: expected a value", t.pos)
}

// name reads a name, or a call of a function that stands alone.
func (p *parser) name() (*node, error) {
	t := p.take()
	if !p.sees("(") {
		return &node{kind: nodeName, name: t.text, pos: t.pos, end: t.end}, nil
	}
	args, end, err := p.arguments("(", ")")
	if err != nil {
		return nil, err
	}
	if t.text != "has" {
		return &node{kind: nodeCall, name: t.text, kids: args, pos: t.pos, end: end}, nil
	}
	if len(args) == 1 {
		switch of := args[0]; of.kind {
		case nodeName:
			return &node{kind: nodeHas, name: of.name, pos: t.pos, end: end}, nil
		case nodeSelect:
			return &node{kind: nodeHas, name: of.name, kids: of.kids, pos: t.pos, end: end}, nil
		}
	}
	return nil, fmt.Errorf("at %d: has asks for a field", t.pos)
}

// arguments reads a list between two signs. A comma may end it, or be all there is
// of it, except in calls.
func (p *parser) arguments(open, closing string) (args []*node, end int, err error) {
	if _, err = p.expect(open); err != nil {
		return nil, 0, err
	}
	p.loneComma()
	for !p.sees(closing) {
		arg, err := p.expression(0)
		if err != nil {
			return nil, 0, err
		}
		args = append(args, arg)
		if !p.sees(",") {
			break
		}
		p.take()
	}
	t, err := p.expect(closing)
	return args, t.end, err
}

// loneComma reads the comma of [,] and {,}, which are empty.
func (p *parser) loneComma() {
	if p.sees(",") {
		p.take()
	}
}

func (p *parser) mapLiteral() (*node, error) {
	n := &node{kind: nodeMap, pos: p.take().pos}
	p.loneComma()
	for !p.sees("}") {
		key, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		if _, err := p.expect(":"); err != nil {
			return nil, err
		}
		value, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, key, value)
		if !p.sees(",") {
			break
		}
		p.take()
	}
	closing, err := p.expect("}")
	n.end = closing.end
	return n, err
}

// check returns an error for the first function that this interpreter does not
// know.
func check(n *node) error {
	if n.kind == nodeCall && !known(n) {
		return unsupported{fmt.Sprintf("the function %s with %d arguments", n.name, len(n.kids))}
	}
	for _, kid := range n.kids {
		if err := check(kid); err != nil {
			return err
		}
	}
	return nil
}

// unsupported is what the interpreter does not know. It is no error of the
// expression, and nothing hides it.
type unsupported struct{ what string }

func (u unsupported) Error() string { return "not supported: " + u.what }
