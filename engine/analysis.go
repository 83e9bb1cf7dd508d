package engine

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/analyze"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// analyze reports what can be proved of the rules that compile.
func (c *checkedPolicy) analyze(doc *policy.Document, controls policy.ControlIndex) []mesh.Finding {
	if c.checker == nil {
		return nil
	}
	var defaults map[string]expr.Values
	if params, err := doc.BindParams(nil); err == nil {
		defaults = map[string]expr.Values{paramsVariable: plainEnv().Bind(params)}
	}
	index := RuleIndex(doc, controls)
	var rules []analyze.Rule
	for i := range doc.Rules {
		source, r := &doc.Rules[i], c.rules[i]
		if source.Damaged || !r.compiles(source) {
			continue
		}
		out := analyze.Rule{
			ID: r.id, BuiltIn: source.Primitive != "", At: source.Position, WhenAt: source.Position, RequireAt: source.Position,
			Controls: index[r.id], Severity: r.severity, Obligations: r.obligations,
			When: termOf(r.when, r.records), Require: termOf(r.require, r.records),
		}
		if contrary := contraryOf(doc, source); contrary != nil {
			out.Contrary = contrary.ID
		}
		out.Example.When, out.Example.Require = out.When, out.Require
		if !out.BuiltIn {
			out.Example.When, out.Example.Require = termOf(r.when, defaults), termOf(r.require, defaults)
		}
		if !source.When.IsZero() {
			out.WhenAt = source.When.At(0)
		}
		if !source.Require.IsZero() {
			out.RequireAt = source.Require.At(0)
		}
		if out.When != nil {
			out.Types = out.When.ActionTypes()
		}
		rules = append(rules, out)
	}
	return analyze.Rules(context.Background(), rules, Predicates())
}

// compiles reports whether the expressions that a rule has could be compiled.
func (r *rule) compiles(source *policy.Rule) bool {
	if source.Primitive != "" {
		return r.when != nil || r.require != nil
	}
	return (r.when != nil || source.When.IsZero()) && (r.require != nil || source.Require.IsZero())
}

// termOf returns the term of an expression; nil if there is none.
func termOf(x *expr.Expr, records map[string]expr.Values) *term.Term {
	if x == nil {
		return nil
	}
	return x.Term(records)
}

// Predicates returns the predicates that rules ask by name, as terms.
func Predicates() map[string]*term.Term { return definitions(Bitmaps) }
