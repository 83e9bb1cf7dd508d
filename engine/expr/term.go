package expr

import (
	"maps"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Term returns the expression in the engine's own form, with the values of
// records in place of what reads them. Parts that the form has no words for
// are opaque terms, which this package's CEL evaluates.
func (x *Expr) Term(records map[string]Values) *term.Term {
	if len(x.env.types.records) == 0 {
		return x.plain() // many rules may share it
	}
	return x.convert(records)
}

func (x *Expr) convert(records map[string]Values) *term.Term {
	c := converter{expr: x, ast: x.checked.NativeRep(), records: records}
	return c.boolean(c.ast.Expr())
}

// Opaque returns the whole expression as one opaque term, which cel-go
// evaluates: what every other way of evaluating it must equal.
func (x *Expr) Opaque(records map[string]Values) *term.Term {
	c := converter{expr: x, ast: x.checked.NativeRep(), records: records}
	return c.opaque(c.ast.Expr())
}

// converter makes terms of the nodes of one checked AST.
type converter struct {
	expr    *Expr
	ast     *ast.AST
	records map[string]Values
	loop    string    // the loop variable within a loop, else empty
	over    term.Kind // the kind of the list the loop runs over
	// constants are the values of the variables of loops that are unrolled, and
	// copies how often the node is converted for them.
	constants map[string]any
	copies    int
	matching  bool // patterns have words: in a meaning
}

// local reports whether a name is a loop's variable where the converter is.
func (c *converter) local(name string) bool {
	_, constant := c.constants[name]
	return constant || c.loop != "" && name == c.loop
}

// boolean converts a node that stands where a truth value is needed: what has
// another value there is an error, of a rule as of an operand of &&.
func (c *converter) boolean(x ast.Expr) *term.Term {
	t := c.truth(x)
	if t != nil {
		return c.placed(t, x)
	}
	if len(c.constants) > 0 {
		return nil // cel-go does not know them
	}
	return c.opaque(x)
}

func (c *converter) truth(x ast.Expr) *term.Term {
	if x.Kind() == ast.CallKind && x.AsCall().FunctionName() == operators.Conditional {
		return c.conditional(x.AsCall().Args(), term.Dyn)
	}
	return c.convert(x)
}

// term converts a node that stands where any value may, as an operand of ==; nil
// if the engine's form has no words for it. It has none for x && true and its
// like, which is folded to x, where x need not be a truth value.
func (c *converter) term(x ast.Expr) *term.Term {
	t := c.convert(x)
	if t == nil || t.Kind != term.Bool && t.Op != term.Fail && c.kind(x) == term.Bool {
		return nil
	}
	return c.placed(t, x)
}

// placed notes where the node is that a term was made of.
func (c *converter) placed(t *term.Term, x ast.Expr) *term.Term {
	if t.Offset == 0 { // else it is a part of x, which knows its place
		t.Offset = beginOf(c.ast, x)
	}
	return t
}

func (c *converter) convert(x ast.Expr) *term.Term {
	switch x.Kind() {
	case ast.LiteralKind:
		return literal(x.AsLiteral())
	case ast.ListKind:
		return c.list(x.AsList())
	case ast.IdentKind:
		return c.ident(x.AsIdent())
	case ast.SelectKind:
		return c.selection(x)
	case ast.CallKind:
		return c.call(x)
	case ast.ComprehensionKind:
		return c.comprehension(x.AsComprehension())
	}
	return nil
}

func literal(v ref.Val) *term.Term {
	if value, ok := goValue(v); ok {
		return term.Constant(value)
	}
	return nil
}

// goValue returns the Go value of a CEL constant.
func goValue(v ref.Val) (any, bool) {
	switch v := v.(type) {
	case types.Bool:
		return bool(v), true
	case types.Int:
		return int64(v), true
	case types.Double:
		return float64(v), true
	case types.String:
		return string(v), true
	case types.Null:
		return nil, true
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			e, ok := goValue(it.Next())
			if !ok {
				return nil, false
			}
			out = append(out, e)
		}
		return out, true
	}
	return nil, false
}

// list converts a list of constants.
func (c *converter) list(l ast.ListExpr) *term.Term {
	values := make([]any, 0, l.Size())
	for _, e := range l.Elements() {
		t := c.term(e)
		if t == nil || t.Op != term.Const || len(l.OptionalIndices()) > 0 {
			return nil
		}
		values = append(values, t.Value)
	}
	return term.Constant(values)
}

func (c *converter) ident(name string) *term.Term {
	if len(name) > 0 && name[0] == '.' {
		name = name[1:]
	} else if v, constant := c.constants[name]; constant {
		return term.Constant(v)
	} else if c.loop != "" && name == c.loop {
		return c.element("", false)
	}
	if predicate, ok := strings.CutPrefix(name, predicateMark); ok {
		return &term.Term{Op: term.Predicate, Kind: term.Bool, Name: predicate}
	}
	if leaf := shape.LeafAt(name); leaf != nil {
		return read(leaf)
	}
	return nil
}

var leafKinds = map[shape.Kind]term.Kind{
	shape.String: term.Text, shape.Bool: term.Bool, shape.Int: term.Int, shape.Float: term.Float,
	shape.Strings: term.Texts, shape.Structs: term.Findings, shape.FreeForm: term.Map,
}

// read is the value of a leaf. Objects have none, and times are for cel-go to
// compute with.
func read(leaf *shape.Leaf) *term.Term {
	kind, ok := leafKinds[leaf.Kind]
	if !ok {
		return nil
	}
	return &term.Term{Op: term.Read, Kind: kind, Leaf: leaf}
}

func (c *converter) selection(x ast.Expr) *term.Term {
	s := x.AsSelect()
	if operand := s.Operand(); operand.Kind() == ast.IdentKind {
		name := operand.AsIdent()
		if values, ok := c.records[name]; ok && !c.local(name) {
			return recordField(name, values, s)
		}
		if name == wholeAction {
			return c.presence(s.FieldName())
		}
		if name == c.loop && c.loop != "" {
			return c.element(s.FieldName(), s.IsTestOnly())
		}
	}
	if path := c.path(x); path != "" {
		if s.IsTestOnly() {
			return c.presence(path)
		}
		return read(shape.LeafAt(path))
	}
	of := c.term(s.Operand())
	if of == nil || (of.Kind != term.Map && of.Kind != term.Dyn) {
		return nil
	}
	return key(of, s.FieldName(), s.IsTestOnly())
}

func key(of *term.Term, name string, test bool) *term.Term {
	if test {
		return &term.Term{Op: term.HasKey, Kind: term.Bool, Name: name, Args: []*term.Term{of}}
	}
	return &term.Term{Op: term.Key, Kind: term.Dyn, Name: name, Args: []*term.Term{of}}
}

// path returns the path of a selection that is a leaf, or "".
func (c *converter) path(x ast.Expr) string {
	elements := pathOf(x)
	if len(elements) == 0 || c.local(elements[0]) {
		return ""
	}
	path := elements[0]
	for _, e := range elements[1:] {
		path += "." + e
	}
	if shape.LeafAt(path) == nil {
		return ""
	}
	return path
}

func (c *converter) presence(path string) *term.Term {
	leaf := shape.LeafAt(path)
	if leaf == nil {
		return nil
	}
	if leaf.Field.Required {
		return term.Constant(true)
	}
	return &term.Term{Op: term.Has, Kind: term.Bool, Leaf: leaf}
}

// recordField is the value of a parameter, which keeps its name.
func recordField(record string, values Values, s ast.SelectExpr) *term.Term {
	v, ok := values[s.FieldName()]
	switch {
	case s.IsTestOnly():
		return term.Constant(ok)
	case !ok:
		return &term.Term{Op: term.Fail, Kind: term.Dyn}
	}
	t := literal(v)
	if t != nil {
		t.Name = record + "." + s.FieldName()
	}
	return t
}

// element converts the loop variable, or a field of it.
func (c *converter) element(field string, test bool) *term.Term {
	kind, ok := term.Text, field == ""
	if c.over == term.Findings {
		kind, ok = findingKinds[field]
	}
	switch {
	case !ok:
		return nil
	case test:
		return &term.Term{Op: term.HasElement, Kind: term.Bool, Name: field}
	}
	return &term.Term{Op: term.Element, Kind: kind, Name: field}
}

// findingKinds are the kinds of a finding's fields.
var findingKinds = map[string]term.Kind{"type": term.Text, "count": term.Int}

var binary = map[string]term.Op{
	operators.Equals: term.Eq, operators.NotEquals: term.Ne,
	operators.Less: term.Lt, operators.LessEquals: term.Le, operators.Greater: term.Gt, operators.GreaterEquals: term.Ge,
	operators.In:  term.In,
	operators.Add: term.Add, operators.Subtract: term.Sub, operators.Multiply: term.Mul, operators.Divide: term.Div, operators.Modulo: term.Mod,
	overloads.StartsWith: term.StartsWith, overloads.EndsWith: term.EndsWith, overloads.Contains: term.Contains,
}

// nativeFunctions are the functions that call converts, whatever their
// arguments.
var nativeFunctions = func() map[string]bool {
	names := map[string]bool{
		operators.LogicalAnd: true, operators.LogicalOr: true, operators.LogicalNot: true, operators.Conditional: true,
		operators.Index: true, operators.Negate: true, overloads.Size: true,
	}
	for name := range binary {
		names[name] = true
	}
	return names
}()

// call converts the functions the engine has code for.
func (c *converter) call(x ast.Expr) *term.Term {
	call := x.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	switch call.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr:
		return c.logical(call.FunctionName(), args)
	case operators.LogicalNot:
		if t := c.boolean(args[0]); t != nil {
			return term.Negate(t)
		}
		return nil
	case operators.Conditional:
		return c.conditional(args, term.Bool)
	case operators.Index:
		return c.index(args)
	case operators.Negate:
		return c.unary(term.Neg, c.kind(x), args[0])
	case overloads.Size:
		return c.unary(term.Size, term.Int, args[0])
	}
	if c.matching && call.FunctionName() == overloads.Matches && len(args) == 2 {
		return c.matches(args[0], args[1])
	}
	if op, ok := binary[call.FunctionName()]; ok && len(args) == 2 {
		return c.binary(op, c.kind(x), args)
	}
	return nil
}

func (c *converter) logical(function string, args []ast.Expr) *term.Term {
	terms := make([]*term.Term, len(args))
	for i, a := range args {
		if terms[i] = c.boolean(a); terms[i] == nil {
			return nil
		}
	}
	if function == operators.LogicalAnd {
		return term.Conjunction(terms...)
	}
	return term.Disjunction(terms...)
}

// conditional converts a choice between truth values. A kind of [term.Dyn] says
// that values which only the run knows are taken for some, as where a truth value
// is needed.
func (c *converter) conditional(args []ast.Expr, branches term.Kind) *term.Term {
	for _, a := range args[1:] {
		if k := c.kind(a); k != term.Bool && k != branches {
			return nil
		}
	}
	test, then, otherwise := c.boolean(args[0]), c.boolean(args[1]), c.boolean(args[2])
	switch {
	case test == nil || then == nil || otherwise == nil:
		return nil
	case test.IsConst(true):
		return then
	case test.IsConst(false):
		return otherwise
	}
	return &term.Term{Op: term.Cond, Kind: term.Bool, Args: []*term.Term{test, then, otherwise}}
}

// index converts context["name"].
func (c *converter) index(args []ast.Expr) *term.Term {
	of, name := c.term(args[0]), c.term(args[1])
	if of == nil || name == nil || (of.Kind != term.Map && of.Kind != term.Dyn) {
		return nil
	}
	text, ok := name.Value.(string)
	if name.Op != term.Const || !ok {
		return nil
	}
	return key(of, text, false)
}

func (c *converter) unary(op term.Op, kind term.Kind, arg ast.Expr) *term.Term {
	a := c.term(arg)
	if a == nil || (op == term.Neg && (kind != a.Kind || kind != term.Int && kind != term.Float)) || a.Kind == term.Finding {
		return nil
	}
	return &term.Term{Op: op, Kind: kind, Args: []*term.Term{a}}
}

func (c *converter) binary(op term.Op, kind term.Kind, args []ast.Expr) *term.Term {
	a, b := c.term(args[0]), c.term(args[1])
	switch {
	case a == nil || b == nil:
		return nil
	case op == term.Add && a.Op == term.Const && b.Op == term.Const && a.Kind == term.Text && b.Kind == term.Text:
		return term.Constant(textOf(a) + textOf(b))
	case !native(op, a.Kind, b.Kind):
		return nil
	case op == term.In && a.Op == term.Const && b.Op == term.Read && b.Kind == term.Map:
		return key(b, textOf(a), true) // "amount" in tool.args is has(tool.args.amount)
	case kind == term.Bool:
		return term.Relation(op, a, b)
	}
	return &term.Term{Op: op, Kind: kind, Args: []*term.Term{a, b}}
}

// textOf returns the text that a constant is.
func textOf(t *term.Term) string {
	text, _ := t.Value.(string)
	return text
}

// native reports whether the engine has code for the operation on these kinds.
func native(op term.Op, a, b term.Kind) bool {
	switch op {
	case term.Eq, term.Ne:
		return scalar(a) && scalar(b)
	case term.Lt, term.Le, term.Gt, term.Ge:
		return scalar(a) && scalar(b) && a != term.Null && b != term.Null
	case term.In:
		switch b {
		case term.Texts, term.List:
			return scalar(a)
		case term.Map, term.Dyn:
			return a == term.Text
		}
		return false
	case term.StartsWith, term.EndsWith, term.Contains:
		return (a == term.Text || a == term.Dyn) && (b == term.Text || b == term.Dyn)
	}
	return a == b && (a == term.Int || a == term.Float) // arithmetic
}

func scalar(k term.Kind) bool {
	switch k {
	case term.Dyn, term.Bool, term.Int, term.Float, term.Text, term.Null:
		return true
	}
	return false
}

// kind returns the static kind of a node.
func (c *converter) kind(x ast.Expr) term.Kind {
	t := c.ast.GetType(x.ID())
	if t == nil {
		return term.Other
	}
	switch t.Kind() {
	case types.BoolKind:
		return term.Bool
	case types.IntKind:
		return term.Int
	case types.DoubleKind:
		return term.Float
	case types.StringKind:
		return term.Text
	case types.DynKind:
		return term.Dyn
	}
	return term.Other
}

// comprehension converts list.exists(x, …) and list.all(x, …) over a list of
// the action, or the keys of a free-form map, with no loop within; and over a
// list of constants.
func (c *converter) comprehension(x ast.ComprehensionExpr) *term.Term {
	list := c.term(x.IterRange())
	op, body := quantified(x)
	if list == nil || body == nil || x.HasIterVar2() {
		return nil
	}
	if values, ok := list.Value.([]any); ok && list.Op == term.Const {
		return c.unrolled(op, x.IterVar(), values, body)
	}
	if c.loop != "" || !loopable(list) {
		return nil
	}
	inner := *c
	inner.loop, inner.over = x.IterVar(), list.Kind
	inner.constants = maps.Clone(c.constants)
	delete(inner.constants, x.IterVar())
	test := inner.boolean(body)
	if test == nil {
		return nil
	}
	return &term.Term{Op: op, Kind: term.Bool, Args: []*term.Term{list, test}}
}

// loopable reports whether the engine has code for loops over a list or map.
func loopable(list *term.Term) bool {
	switch list.Kind {
	case term.Texts, term.Findings:
		return true
	case term.Map:
		return list.Op == term.Read
	}
	return false
}

// maxCopies bounds how often the body of loops over constants is converted. What
// has more is left to cel-go.
const maxCopies = 64

// unrolled is a loop over constants: what it says of each of them.
func (c *converter) unrolled(op term.Op, variable string, values []any, body ast.Expr) *term.Term {
	inner := *c
	inner.copies = max(c.copies, 1) * max(len(values), 1)
	if inner.copies > maxCopies {
		return nil
	}
	if inner.loop == variable {
		return nil // a loop's variable hides another's
	}
	parts := make([]*term.Term, len(values))
	for i, v := range values {
		inner.constants = maps.Clone(c.constants)
		if inner.constants == nil {
			inner.constants = map[string]any{}
		}
		inner.constants[variable] = v
		if parts[i] = inner.boolean(body); parts[i] == nil {
			return nil
		}
	}
	if op == term.All {
		return term.Conjunction(parts...)
	}
	return term.Disjunction(parts...)
}

// quantified recognizes the expansions of exists and all.
func quantified(x ast.ComprehensionExpr) (op term.Op, body ast.Expr) {
	if x.LoopStep().Kind() != ast.CallKind || x.AccuInit().Kind() != ast.LiteralKind || x.Result().Kind() != ast.IdentKind {
		return 0, nil
	}
	step := x.LoopStep().AsCall()
	args := step.Args()
	if len(args) != 2 || args[0].Kind() != ast.IdentKind || args[0].AsIdent() != x.AccuVar() || x.Result().AsIdent() != x.AccuVar() {
		return 0, nil
	}
	switch {
	case step.FunctionName() == operators.LogicalOr && x.AccuInit().AsLiteral() == types.False:
		return term.Exists, args[1]
	case step.FunctionName() == operators.LogicalAnd && x.AccuInit().AsLiteral() == types.True:
		return term.All, args[1]
	}
	return 0, nil
}
