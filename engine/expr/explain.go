package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

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
	lines := lineStarts(source)
	var out []Issue
	for _, err := range issues.Errors() {
		issue := Issue{Level: mesh.LevelError, Rule: "cel-syntax", Message: "CEL: " + strings.TrimPrefix(err.Message, "Syntax error: ")}
		if line := err.Location.Line(); line >= 1 && line <= len(lines) {
			issue.Offset = lines[line-1] + max(err.Location.Column(), 0)
		}
		if strings.Contains(err.Message, "recursion") {
			issue.Rule = "cel-depth"
			issue.Message = fmt.Sprintf("CEL: the expression is nested more than %d levels deep", maxNesting)
			issue.Hint = "split the rule into several"
		}
		if parsed != nil {
			e.explainCheck(&issue, []rune(source), parsed.NativeRep(), err.ExprID, err.Message)
		}
		out = append(out, issue)
	}
	return out
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
		issue.Message = "CEL: unknown name " + m[1]
		issue.Hint = spelling.DidYouMean(m[1], e.names())
		return
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		issue.Message = fmt.Sprintf("CEL: %s does not apply to %s", operatorName(m[1]), m[2])
		return
	}
}

// operatorName turns cel-go's _==_ into ==.
func operatorName(function string) string {
	if name := strings.Trim(function, "_"); name != "" && !strings.ContainsAny(name, "abcdefghijklmnopqrstuvwxyz") {
		return name
	}
	return strings.Trim(function, "@_")
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
