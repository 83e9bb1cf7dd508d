package engine

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// The variables of rules beside the action's.
const (
	paramsVariable = "params" // of custom rules: what the subscriber set
	ruleVariable   = "rule"   // of built-in rules: what the policy says
)

// checkedPolicy is a document whose expressions were compiled.
type checkedPolicy struct {
	checker  *checker
	doc      *policy.Document
	rules    []*rule                // like doc.Rules, without controls and values of params
	defaults map[string]expr.Values // of params
	findings []mesh.Finding
}

// check compiles every expression of a document.
func check(doc *policy.Document) *checkedPolicy { return newChecker(doc).check(doc) }

// checker compiles the expressions of documents, those that they share once.
type checker struct {
	env      *expr.Env // of what reads no parameter
	envs     map[*policy.Document]*expr.Env
	failed   map[*policy.Document]error
	compiled map[source]*compiled
}

// source is an expression and what it is checked against.
type source struct {
	env  *expr.Env
	text string
}

// compiled is what became of one expression.
type compiled struct {
	expr   *expr.Expr // nil if it has errors
	issues []expr.Issue
}

// newChecker compiles the expressions of custom rules on every processor:
// parsing CEL is what takes the time of large policies.
func newChecker(docs ...*policy.Document) *checker {
	k := &checker{
		env: plainEnv(), envs: map[*policy.Document]*expr.Env{}, failed: map[*policy.Document]error{}, compiled: map[source]*compiled{},
	}
	var sources []source
	for _, doc := range docs {
		if err := k.prepare(doc); err != nil {
			k.failed[doc] = err
			continue
		}
		for i := range doc.Rules {
			for _, e := range []policy.Expr{doc.Rules[i].When, doc.Rules[i].Require} {
				if s := k.source(doc, e); !e.IsZero() && k.compiled[s] == nil {
					k.compiled[s] = &compiled{}
					sources = append(sources, s)
				}
			}
		}
	}
	compileAll(sources, k.compiled)
	return k
}

// plainEnv is what expressions are checked against that read no parameter.
var plainEnv = sync.OnceValue(func() *expr.Env {
	env, err := expr.NewEnv(nil, predicateNames()...)
	if err != nil {
		panic(err) // the tests of this package make it
	}
	return env
})

// prepare makes the env of a document in which something reads parameters. The
// error is a name that policy.Parse let through and CEL refuses.
func (k *checker) prepare(doc *policy.Document) (err error) {
	reads := func(r policy.Rule) bool { return readsParams(r.When) || readsParams(r.Require) }
	if len(doc.Params) > 0 || slices.ContainsFunc(doc.Rules, reads) {
		k.envs[doc], err = expr.NewEnv([]expr.Record{paramsRecord(doc)}, predicateNames()...)
	}
	return err
}

// readsParams reports whether an expression may read parameters, or was meant
// to.
func readsParams(e policy.Expr) bool { return strings.Contains(e.Source, "param") }

func (k *checker) source(doc *policy.Document, e policy.Expr) source {
	if readsParams(e) {
		return source{k.envs[doc], e.Source}
	}
	return source{k.env, e.Source}
}

// compileAll fills compiled for the sources.
func compileAll(sources []source, compiled map[source]*compiled) {
	var next atomic.Int64
	var crashed atomic.Pointer[string]
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(sources)) {
		workers.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					trace := fmt.Sprintf("%v\n%s", p, debug.Stack())
					crashed.Store(&trace)
				}
			}()
			for i := next.Add(1) - 1; i < int64(len(sources)); i = next.Add(1) - 1 {
				s := sources[i]
				out := compiled[s]
				out.expr, out.issues = s.env.Compile(s.text)
				runtime.Gosched() // decisions that are due go first
			}
		})
	}
	workers.Wait()
	if trace := crashed.Load(); trace != nil {
		panic(*trace) // where the caller can recover it, as without workers
	}
}

// check puts together what became of a document that the checker was made for.
func (k *checker) check(doc *policy.Document) *checkedPolicy {
	if err := k.failed[doc]; err != nil {
		return &checkedPolicy{findings: []mesh.Finding{{
			Position: mesh.Position{File: doc.File}, Level: mesh.LevelError, Rule: "cel-type", Message: err.Error(),
		}}}
	}
	c := &checkedPolicy{checker: k, doc: doc, defaults: defaultsOf(doc)}
	if doc.Unresolved() && !doc.Partial() {
		c.findings = append(c.findings, mesh.Finding{
			Position: doc.Extends.Position, Level: mesh.LevelError, Rule: "unresolved-base", Message: "the base " + doc.Extends.String() + " was not read",
		})
	}
	for i := range doc.Rules {
		r := &doc.Rules[i]
		if r.Primitive != "" {
			c.builtIn(doc, r)
		} else {
			c.custom(r)
		}
	}
	return c
}

// defaultsOf returns the defaults of parameters, where there are any.
func defaultsOf(doc *policy.Document) map[string]expr.Values {
	if len(doc.Params) == 0 {
		return nil
	}
	defaults := map[string]any{}
	for _, p := range doc.Params {
		defaults[p.Name] = p.Default
	}
	return map[string]expr.Values{paramsVariable: plainEnv().Bind(defaults)}
}

func paramsRecord(doc *policy.Document) expr.Record {
	rec := expr.Record{Name: paramsVariable}
	for _, p := range doc.Params {
		rec.Fields = append(rec.Fields, expr.RecordField{Name: p.Name, Type: paramType(p), Bounds: paramBounds(p)})
	}
	return rec
}

func paramBounds(p policy.Param) *expr.Bounds {
	b := &expr.Bounds{Minimum: p.Minimum, Maximum: p.Maximum, Enum: p.Enum, MinSize: p.MinLength, MaxSize: p.MaxLength}
	if p.Type == policy.TypeArray {
		b.MinSize, b.MaxSize = p.MinItems, p.MaxItems
	}
	return b
}

func paramType(p policy.Param) expr.Type {
	element := map[policy.ParamType][2]expr.Type{
		policy.TypeString:  {expr.StringType, expr.ListOfString},
		policy.TypeBoolean: {expr.BoolType, expr.ListOfBool},
		policy.TypeInteger: {expr.IntType, expr.ListOfInt},
		policy.TypeNumber:  {expr.FloatType, expr.ListOfFloat},
	}
	if p.Type == policy.TypeArray {
		return element[p.Items][1]
	}
	return element[p.Type][0]
}

func (c *checkedPolicy) custom(source *policy.Rule) {
	r := &rule{
		id: source.ID, source: source, severity: source.Severity, message: source.Message,
		recommendation: source.Recommendation, obligations: source.Obligations, added: source.Added,
	}
	r.when = c.compile(source.When)
	r.require = c.compile(source.Require)
	c.lintPatterns(r)
	c.rules = append(c.rules, r)
}

// lintPresence warns of what expressions of custom rules read although it may be
// absent.
func (c *checkedPolicy) lintPresence() {
	for _, r := range c.rules {
		if r.source == nil || r.source.Primitive != "" {
			continue
		}
		if r.when != nil {
			c.report(r.source.When, r.when.Unguarded(nil))
		}
		if r.require != nil {
			c.report(r.source.Require, r.require.Unguarded(r.when))
		}
	}
}

// compile reports what is wrong with an expression and returns nil for no
// expression and for one with errors.
func (c *checkedPolicy) compile(e policy.Expr) *expr.Expr {
	if e.IsZero() {
		return nil
	}
	out := c.checker.compiled[c.checker.source(c.doc, e)]
	c.report(e, out.issues)
	return out.expr
}

func (c *checkedPolicy) report(e policy.Expr, issues []expr.Issue) {
	for _, i := range issues {
		c.findings = append(c.findings, mesh.Finding{Position: e.At(i.Offset), Level: i.Level, Rule: i.Rule, Message: i.Message, Hint: i.Hint})
	}
}

func (c *checkedPolicy) builtIn(doc *policy.Document, source *policy.Rule) {
	compile := compiledPrimitives()[source.Primitive]
	if compile == nil { // no document of policy.Parse has it
		c.findings = append(c.findings, mesh.Finding{
			Position: source.Position, Level: mesh.LevelError, Rule: "unknown-rule", Message: source.Primitive + " is not a built-in rule",
		})
		c.rules = append(c.rules, &rule{id: source.ID})
		return
	}
	compiled := compile()
	p := compiled.primitive
	r := &rule{
		id: source.ID, source: source, when: compiled.when, require: compiled.require,
		records:  map[string]expr.Values{ruleVariable: compiled.env.Bind(p.Spell(source.Values))},
		severity: doc.Enforcement.Severity, message: p.Message, recommendation: p.Recommendation,
		obligations: source.Obligations, added: source.Added,
	}
	c.lintPatterns(r)
	c.rules = append(c.rules, r)
}

// compiledPrimitive is a primitive whose CEL was compiled.
type compiledPrimitive struct {
	primitive     *primitives.Primitive
	env           *expr.Env
	when, require *expr.Expr // nil: always true
}

// compiledPrimitives holds the library by id. Each primitive is compiled once,
// when the first policy uses it: most use few of them.
var compiledPrimitives = sync.OnceValue(func() map[string]func() *compiledPrimitive {
	out := map[string]func() *compiledPrimitive{}
	for _, p := range primitives.All() {
		out[p.ID] = sync.OnceValue(func() *compiledPrimitive { return compilePrimitive(p) })
	}
	return out
})

// compilePrimitive compiles CEL that is ours, so that a fault in it is one of
// the program; the tests of this package compile all of it.
func compilePrimitive(p *primitives.Primitive) *compiledPrimitive {
	rec := expr.Record{Name: ruleVariable}
	for _, key := range p.Each {
		typ := expr.StringType
		if slices.Contains(p.AnyCase, key) {
			typ = expr.ListOfString
		}
		rec.Fields = append(rec.Fields, expr.RecordField{Name: key, Type: typ})
	}
	for _, parameter := range p.Parameters {
		rec.Fields = append(rec.Fields, expr.RecordField{Name: parameter.Name(), Type: parameterType(parameter.Type)})
	}
	env, err := expr.NewEnv([]expr.Record{rec}, predicateNames()...)
	if err != nil {
		panic(err)
	}
	return &compiledPrimitive{primitive: p, env: env, when: mustCompile(env, p.When), require: mustCompile(env, p.Require)}
}

// compiledPredicates are the predicates that rules share, by name.
var compiledPredicates = sync.OnceValue(func() map[string]*expr.Expr {
	env, err := expr.NewEnv(nil)
	if err != nil {
		panic(err)
	}
	out := map[string]*expr.Expr{}
	for _, p := range primitives.Predicates() {
		out[p.Name] = mustCompile(env, p.CEL)
	}
	return out
})

func predicateNames() []string {
	var names []string
	for _, p := range primitives.Predicates() {
		names = append(names, p.Name)
	}
	return names
}

// mustCompile returns nil for no expression.
func mustCompile(env *expr.Env, source string) *expr.Expr {
	if source == "" {
		return nil
	}
	x, issues := env.Compile(source)
	if x == nil {
		panic(fmt.Sprintf("engine: primitive %q: %v", source, issues))
	}
	return x
}

func parameterType(t primitives.Type) expr.Type {
	switch t {
	case primitives.Flag:
		return expr.BoolType
	case primitives.Count:
		return expr.IntType
	case primitives.Texts:
		return expr.ListOfString
	case primitives.Number:
		return expr.FloatType
	}
	return expr.StringType
}
