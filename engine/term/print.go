package term

import (
	"strconv"
	"strings"
)

// String returns the term as CEL, with parameters as the constants they are.
// Terms of the same text mean the same.
func (t *Term) String() string {
	var p printer
	p.term(t, 0)
	return p.String()
}

// Written returns the term as its author wrote it: [Term.String], but without the
// parentheses around what is left to cel-go.
func (t *Term) Written() string {
	if t.Op == Opaque {
		return t.Source
	}
	return t.String()
}

type printer struct{ strings.Builder }

// The precedences of CEL's operators, loosest first.
const (
	precedenceCond = iota
	precedenceOr
	precedenceAnd
	precedenceRelation
	precedenceSum
	precedenceProduct
	precedenceUnary
)

var infix = map[Op]struct {
	text       string
	precedence int
}{
	And: {" && ", precedenceAnd}, Or: {" || ", precedenceOr},
	Eq: {" == ", precedenceRelation}, Ne: {" != ", precedenceRelation},
	Lt: {" < ", precedenceRelation}, Le: {" <= ", precedenceRelation}, Gt: {" > ", precedenceRelation}, Ge: {" >= ", precedenceRelation},
	In:  {" in ", precedenceRelation},
	Add: {" + ", precedenceSum}, Sub: {" - ", precedenceSum},
	Mul: {" * ", precedenceProduct}, Div: {" / ", precedenceProduct}, Mod: {" % ", precedenceProduct},
}

var methods = map[Op]string{StartsWith: "startsWith", EndsWith: "endsWith", Contains: "contains", Exists: "exists", All: "all", Matches: "matches"}

// loopVariable is the name that loops are printed with.
const loopVariable = "x"

func (p *printer) term(t *Term, around int) {
	if op, ok := infix[t.Op]; ok {
		p.infix(t, op.text, op.precedence, around)
		return
	}
	switch t.Op {
	case Const:
		p.constant(t.Value)
	case Fail:
		p.WriteString("error")
	case Read:
		p.WriteString(t.Leaf.Path)
	case Has:
		p.WriteString("has(" + t.Leaf.Path + ")")
	case Key:
		p.key(t)
	case HasKey:
		p.WriteString("has(")
		p.key(t)
		p.WriteByte(')')
	case Element:
		p.WriteString(elementName(t.Name))
	case HasElement:
		p.WriteString("has(" + elementName(t.Name) + ")")
	case Not, Neg:
		p.WriteString(map[Op]string{Not: "!", Neg: "-"}[t.Op])
		p.term(t.Args[0], precedenceUnary)
	case Cond:
		p.conditional(t, around)
	case Size:
		p.WriteString("size(")
		p.term(t.Args[0], precedenceCond)
		p.WriteByte(')')
	case Predicate:
		p.WriteString(t.Name + "()")
	case Opaque:
		p.WriteString("(" + t.Source + ")")
	default:
		p.method(t)
	}
}

func elementName(field string) string {
	if field == "" {
		return loopVariable
	}
	return loopVariable + "." + field
}

func (p *printer) infix(t *Term, text string, own, around int) {
	if own < around {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	for i, a := range t.Args {
		if i > 0 {
			p.WriteString(text)
		}
		p.term(a, own+1)
	}
}

func (p *printer) conditional(t *Term, around int) {
	if around > precedenceCond {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	p.term(t.Args[0], precedenceOr)
	p.WriteString(" ? ")
	p.term(t.Args[1], precedenceOr)
	p.WriteString(" : ")
	p.term(t.Args[2], precedenceCond)
}

func (p *printer) method(t *Term) {
	p.term(t.Args[0], precedenceUnary)
	p.WriteString("." + methods[t.Op] + "(")
	if t.Op == Exists || t.Op == All {
		p.WriteString(loopVariable + ", ")
	}
	p.term(t.Args[1], precedenceCond)
	p.WriteByte(')')
}

// key prints names that CEL takes as such behind a dot, others as an index.
func (p *printer) key(t *Term) {
	p.term(t.Args[0], precedenceUnary)
	if identifier(t.Name) {
		p.WriteString("." + t.Name)
		return
	}
	p.WriteString("[" + strconv.Quote(t.Name) + "]")
}

func identifier(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func (p *printer) constant(v any) {
	switch v := v.(type) {
	case nil:
		p.WriteString("null")
	case bool:
		p.WriteString(strconv.FormatBool(v))
	case int64:
		p.WriteString(strconv.FormatInt(v, 10))
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		p.WriteString(text)
		if !strings.ContainsAny(text, ".eIN") {
			p.WriteString(".0")
		}
	case string:
		p.WriteString(strconv.Quote(v))
	case []any:
		p.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				p.WriteString(", ")
			}
			p.constant(e)
		}
		p.WriteByte(']')
	}
}
