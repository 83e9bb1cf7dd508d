package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/decls"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
)

var (
	undefinedField = regexp.MustCompile(`^undefined field '(.*)'$`)
	undeclaredName = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload     = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)
)

// explain turns cel-go's errors into issues, with the nearest name where one
// is misspelt. parsed is nil for syntax errors.
func (e *Env) explain(source string, parsed *cel.Ast, issues *cel.Issues) []Issue {
	lines, text := lineStarts(source), []rune(source)
	var out []Issue
	for _, err := range issues.Errors() {
		issue := Issue{Level: mesh.LevelError, Rule: "cel-syntax"}
		if line := err.Location.Line(); line >= 1 && line <= len(lines) {
			issue.Offset = lines[line-1] + max(err.Location.Column(), 0)
		}
		switch {
		case strings.Contains(err.Message, "recursion"):
			issue.Rule = "cel-depth"
			issue.Message = fmt.Sprintf("CEL: the expression is nested more than %d levels deep", maxNesting)
			issue.Hint = "split the rule into several"
		case parsed == nil:
			explainSyntax(&issue, text, err.Message)
		default:
			e.explainCheck(&issue, text, parsed.NativeRep(), err.ExprID, err.Message)
		}
		out = append(out, issue)
	}
	return withoutEchoes(out)
}

// withoutEchoes leaves out syntax errors, and unknown names, that only follow
// from one before them: those without a hint, or with the same.
func withoutEchoes(issues []Issue) []Issue {
	var out []Issue
	for _, issue := range issues {
		echo := func(before Issue) bool {
			return before.Rule == issue.Rule && (issue.Rule == "cel-syntax" || before.loop) &&
				before.Hint != "" && before.Offset <= issue.Offset && (issue.Hint == "" || issue.Hint == before.Hint)
		}
		if !slices.ContainsFunc(out, echo) {
			out = append(out, issue)
		}
	}
	return out
}

// explainSyntax words an error of the parser.
func explainSyntax(issue *Issue, source []rune, message string) {
	message = strings.TrimPrefix(message, "Syntax error: ")
	issue.Message = "CEL: " + reword(syntaxErrors, message)
	if issue.Hint = syntaxHint(source, issue.Offset); issue.Hint == "" {
		issue.Hint = hintOf(syntaxErrors, message)
	}
}

// explainCheck words an error of the type checker.
func (e *Env) explainCheck(issue *Issue, source []rune, a *ast.AST, id int64, message string) {
	issue.Rule = "cel-type"
	if m := undefinedField.FindStringSubmatch(message); m != nil {
		issue.Rule = "cel-unknown-field"
		path, names := e.siblings(a.Expr(), id)
		issue.Message = "CEL: unknown field " + m[1]
		if path != "" {
			issue.Message = fmt.Sprintf("CEL: %s has no field %s", path, m[1])
		}
		issue.Hint = spelling.DidYouMean(m[1], names)
		issue.Offset = fieldOffset(source, m[1], issue.Offset)
		return
	}
	if m := undeclaredName.FindStringSubmatch(message); m != nil {
		issue.Rule = "cel-unknown-name"
		e.explainName(issue, source, m[1])
		return
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		issue.Message, issue.Hint = e.mismatch(m[1], m[2])
		return
	}
	issue.Message = "CEL: " + reword(typeErrors, message)
	issue.Hint = hintOf(typeErrors, message)
}

// explainName words that nothing has a name, or only something else: a function
// where a value is read, a value where a function is called.
func (e *Env) explainName(issue *Issue, source []rune, name string) {
	issue.Message = "CEL: unknown name " + name
	called := issue.Offset < len(source) && source[issue.Offset] == '('
	if begin := issue.Offset - len([]rune(name)); called && begin >= 0 && string(source[begin:issue.Offset]) == name {
		issue.Offset = begin
	}
	variable, function := e.isVariable(name), e.isFunction(name)
	switch {
	case called && variable && e.types.records[name] != nil:
		issue.Message, issue.Hint = "CEL: "+name+" is no function", "a parameter is read as "+name+".NAME"
	case called && variable:
		issue.Message, issue.Hint = "CEL: "+name+" is a field of the action, not a function", "leave the parentheses out"
		if o := shape.At([]string{name}); o != nil {
			issue.Hint += ", and name a field of it, as in " + name + "." + o.Fields[0].Name
		}
	case called && function:
		issue.Message, issue.Hint, issue.loop = "CEL: "+name+"() is not called like this", "write "+usageOf(name), true
	case typeSamples[name] != "" && !called:
		issue.Message = "CEL: " + name + " is a function, not a type"
		issue.Hint = "the type of x is asked for by type(x) == type(" + typeSamples[name] + ")"
	case function:
		issue.Message, issue.Hint = "CEL: "+name+" is a function", "call it: "+usageOf(name)
	case strangeNames[name] != "":
		issue.Hint, issue.loop = strangeNames[name], called
	default:
		issue.Hint = spelling.DidYouMean(name, e.names())
		if near := spelling.Nearest(name, e.names()); !called && near != "" && e.isFunction(near) {
			issue.Hint = "did you mean " + near + "()?"
		}
	}
}

func (e *Env) isVariable(name string) bool {
	return slices.ContainsFunc(e.cel.Variables(), func(v *decls.VariableDecl) bool { return v.Name() == name })
}

func (e *Env) isFunction(name string) bool {
	return e.cel.HasFunction(name) || slices.ContainsFunc(e.cel.Macros(), func(m cel.Macro) bool { return m.Function() == name })
}

// names returns the variables and functions an expression can use.
func (e *Env) names() []string {
	var out []string
	for _, v := range e.cel.Variables() {
		if name := v.Name(); name != wholeAction && !strings.ContainsAny(name, ".@") {
			out = append(out, name)
		}
	}
	for name := range e.cel.Functions() {
		if !strings.ContainsAny(name, "_@!.") {
			out = append(out, name)
		}
	}
	for _, m := range e.cel.Macros() {
		out = append(out, m.Function())
	}
	return out
}

// siblings returns what the selection of that id selects from, as written, and
// the fields there are.
func (e *Env) siblings(root ast.Expr, id int64) (path string, names []string) {
	elementsOf := loopVariables(root)
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.SelectKind || x.ID() != id {
			return
		}
		elements := pathOf(x.AsSelect().Operand())
		if len(elements) == 0 {
			return
		}
		path = strings.Join(elements, ".")
		if list := elementsOf[elements[0]]; list != nil {
			elements = append(append(slices.Clone(list), "0"), elements[1:]...)
		}
		if t := e.types.records[path]; t != nil {
			names = t.names
		} else if o := shape.At(elements); o != nil {
			names = o.Names()
		}
	}))
	return path, names
}

// loopVariables returns the list that each loop variable runs over, where that
// is a field of the action.
func loopVariables(root ast.Expr) map[string][]string {
	out := map[string][]string{}
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() == ast.ComprehensionKind {
			c := x.AsComprehension()
			out[c.IterVar()] = pathOf(c.IterRange())
		}
	}))
	return out
}

// pathOf returns a chain of selections from a variable, as in data.consent;
// nil if x is anything else.
func pathOf(x ast.Expr) []string {
	switch x.Kind() {
	case ast.IdentKind:
		return []string{strings.TrimPrefix(x.AsIdent(), ".")}
	case ast.SelectKind:
		s := x.AsSelect()
		if operand := pathOf(s.Operand()); operand != nil {
			return append(operand, s.FieldName())
		}
	}
	return nil
}

// fieldOffset moves from the start of a selection, or its dot, to the name of
// the field.
func fieldOffset(source []rune, name string, offset int) int {
	if offset > len(source) {
		return offset
	}
	rest := string(source[offset:])
	if i := strings.Index(rest, "."+name); i >= 0 {
		return offset + utf8.RuneCountInString(rest[:i]) + 1
	}
	return offset
}

// lineStarts returns the offset of each line in code points.
func lineStarts(source string) []int {
	starts := []int{0}
	i := 0
	for _, r := range source {
		i++
		if r == '\n' {
			starts = append(starts, i)
		}
	}
	return starts
}
