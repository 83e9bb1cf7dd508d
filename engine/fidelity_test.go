package engine_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/enginetest"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

// backends are all that must decide alike: what the documents say, what the
// primitives say in CEL, and the engine.
func backends(t testing.TB) []enginetest.Backend {
	t.Helper()
	documents, err := enginetest.NewInterpreter()
	if err != nil {
		t.Fatal(err)
	}
	documents.Given = given
	told, err := enginetest.NewInterpreter()
	if err != nil {
		t.Fatal(err)
	}
	told.Sections, told.Given = nil, given
	return []enginetest.Backend{
		documents.Backend("the documents"),
		told.Backend("the primitives, interpreted"),
		enginetest.EngineBackend("bitmaps", compileWith(engine.Bitmaps)),
		enginetest.EngineBackend("closures", compileWith(engine.Closures)),
		enginetest.EngineBackend("cel-go", compileWith(engine.CEL)),
	}
}

func compileWith(back engine.BackEnd) func([]engine.Policy) (*engine.Program, error) {
	return func(policies []engine.Policy) (*engine.Program, error) { return engine.CompileWith(policies, back) }
}

// given tells the interpreter what the built-in rules of a policy mean.
func given(source enginetest.Source) ([]enginetest.GivenRule, error) {
	doc, findings := policy.Parse(source.ID, []byte(source.YAML))
	if doc == nil {
		return nil, fmt.Errorf("parsing policy %s: %v", source.ID, findings)
	}
	var rules []enginetest.GivenRule
	for _, r := range doc.Rules {
		if r.Primitive == "" {
			continue
		}
		p := primitives.Lookup(r.Primitive)
		rules = append(rules, enginetest.GivenRule{ID: r.ID, When: p.When, Require: p.Require, Values: p.Spell(r.Values), Obligations: r.Obligations})
	}
	return rules, nil
}

// fromEnv reads a number from an environment variable.
func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s is %q: want a number", name, text)
	}
	return n
}

// TestFidelity compares the back ends over MESH_FIDELITY decisions (2,000
// where it is not set). They are the same in every run; MESH_FIDELITY_SEED
// begins elsewhere, and with the seed that a failure names repeats it.
func TestFidelity(t *testing.T) {
	t.Parallel()
	const actions = 100 // for each set of policies
	decisions, first := fromEnv(t, "MESH_FIDELITY", 2_000), fromEnv(t, "MESH_FIDELITY_SEED", 1)
	compared := backends(t)
	var (
		next  atomic.Int64
		mu    sync.Mutex
		total enginetest.Tally
		group sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for n := int(next.Add(1) - 1); n*actions < decisions && !t.Failed(); n = int(next.Add(1) - 1) {
				tally, difference, err := enginetest.Trial(compared, uint64(first+n), min(actions, decisions-n*actions))
				mu.Lock()
				before := total.Decisions
				total.Add(tally)
				if before/50_000 < total.Decisions/50_000 {
					t.Logf("%d of %d decisions", total.Decisions, decisions)
				}
				mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if difference != nil {
					t.Error(difference)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d decisions: %d denied, %d looks of rules, %d violations, %d failures", total.Decisions, total.Denied, total.Looks, total.Violations, total.Failures)
	if total.Unsupported > 0 {
		t.Errorf("%d decisions could not be compared", total.Unsupported)
	}
	// A generator of actions that nothing happens to would compare nothing.
	if total.Looks < total.Decisions || total.Violations < total.Decisions/2 || total.Failures < total.Decisions/20 || total.Denied == total.Decisions {
		t.Errorf("too little happens: %+v", total)
	}
}

// FuzzFidelity compares the back ends over what one seed generates.
func FuzzFidelity(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(seed)
	}
	compared := backends(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		_, difference, err := enginetest.Trial(compared, seed, 20)
		if err != nil {
			t.Fatal(err)
		}
		if difference != nil {
			t.Fatal(difference)
		}
	})
}

// FuzzSplice compares the back ends over an expression that has parts of others
// grafted into it.
func FuzzSplice(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed)
	}
	compared := backends(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		g, err := enginetest.NewGenerator(seed)
		if err != nil {
			t.Fatal(err)
		}
		source, err := g.Spliced("generated/p")
		if err != nil {
			t.Fatal(err)
		}
		compareAccepted(t, compared, g, seed, source)
	})
}

// FuzzExpression compares the back ends over expressions that nobody
// generated: whatever the engine accepts, the others must read.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{`"\x41\101\u0041\U00000041" == r"\d"`, `-9223372036854775808 / -1 > 0x1F`, `{1: "x", true: 2}[1] == 1e2`,
		`[0, 1].exists(x, 1 / x == 1) ? .5 < 1.0 : '''a''' in ["""b"""]`, `!has(data.purpose) || data.purpose.matches("^[a-z]+$")`,
		`timestamp.getHours("Europe/Oslo") >= 6 && size(context.x) - 1 < int("5")`, `content.findings.filter(f, f.count > 1).map(f, f.type) == []`,
		`dyn("").all(x, x == "a") || tool.args.tags.all(x, x.startsWith("p"))`, `[dyn("")].all(x, x.map(y, y) == [])`,
		`context.tags.filter(t, t != "a").size() == 0 || has(context.text) && context.text.exists_one(k, k == "")`,
		`["amount", "to"].all(a, a in tool.args)`, `tool.args.all(a, a in ["amount"] && a != "x")`, `context.exists(k, k.startsWith("a") || 1 / size(k) > 0)`,
		`["eu", "us"].exists(r, data.region == r || data.region.endsWith("-" + r))`, `data.fields.exists(f, ["a", "b"].all(p, f.contains(p)))`,
		`["a"].all(tool, tool in context) && [1, 2].exists(n, [n].all(m, m == n && tool.args.x == n))`, `["a", "b"].all(d, data.fields.exists(d, d == "a"))`,
		`(context.flag && true) == context.amount || !(!(tool.args.flag)) != context.flag`, `["a"].exists(k, context.amount) == tool.args.amount`,
		`[, ].exists(n, n in [{,}, {1: 2,}])`, `(has(context.flag) ? context.amount : context.number) > 4 || size(context.flag ? context.tags : context.text) == 3`,
		`[1, 2].exists(n, (n == 1 ? context.text : context.amount) in [5, 500])`, `(context.flag || egress.tls ? context.flag && true : false) in context.list`} {
		f.Add(seed, uint64(1))
	}
	compared := backends(f)
	f.Fuzz(func(t *testing.T, expression string, seed uint64) {
		g, err := enginetest.NewGenerator(seed)
		if err != nil {
			t.Fatal(err)
		}
		source, err := enginetest.SourceOf("generated/p", expression)
		if err != nil {
			t.Skip(err)
		}
		compareAccepted(t, compared, g, seed, source)
	})
}

// TestEndsOfNumbers compares the back ends over numbers where doubles have gaps,
// and over lists without elements, written out and as parameters.
func TestEndsOfNumbers(t *testing.T) {
	t.Parallel()
	compared := backends(t)
	numbers := []string{"9223372036854775807", "-9223372036854775808", "9223372036854775806", "9007199254740993", "9007199254740992",
		"9007199254740992.0", "9223372036854775808.0", "-9223372036854775808.0", "9223372036854777856.0", "1e300", "0.5", "0"}
	actions := []*enginetest.Action{enginetest.NewAction([]byte(`{"action":{"type":"tool.call"}}`))}
	for _, n := range append([]string{"18446744073709551615", "9223372036854775808", `{}`, `[]`, `null`}, numbers...) {
		actions = append(actions, enginetest.NewAction(fmt.Appendf(nil, `{"action":{"type":"tool.call"},"tool":{"args":{"n":%s}}}`, n)))
	}
	for _, n := range numbers {
		for _, expression := range []string{"tool.args.n == N", "tool.args.n < N", "tool.args.n >= N", "tool.args.n in [N]", "!(tool.args.n in [N, 1.5])",
			"[N, 1].exists(x, x == tool.args.n)", "tool.args.n in params.numbers", "!(tool.args.n in params.numbers)", "tool.args.n != params.number",
			"!(tool.args.absent in []) && tool.args.n == N", "tool.args.n in [\"\"] || tool.args.n == N", "tool.args.absent in params.none || tool.args.n == N", "!(tool.args.n in params.none)"} {
			policy := "version: \"3.0.0\"\nname: n\nparams:\n  none: {type: array, items: {type: string}, default: []}\n" +
				"  number: {type: number, default: " + n + "}\n  numbers: {type: array, items: {type: number}, default: [" + n + "]}\n" +
				"rules:\n  custom:\n    - {id: r, require: '" + strings.ReplaceAll(expression, "N", n) + "'}\n"
			_, difference, err := enginetest.Compare(compared, 1, []enginetest.Source{{ID: "acme/numbers", YAML: policy}}, actions)
			if err != nil {
				t.Fatal(err)
			}
			if difference != nil {
				t.Error(difference)
			}
		}
	}
}

// TestOperands compares the back ends over what is true or false, or a choice,
// where any value may stand: beside values that only the run knows.
func TestOperands(t *testing.T) {
	t.Parallel()
	compared := backends(t)
	var actions []*enginetest.Action
	for _, values := range []string{`"a":5,"b":5,"x":1,"l":[5,true]`, `"a":true,"b":true,"l":[true]`, `"a":true,"b":false,"x":1,"l":[]`, `"a":[1,2,3],"b":"abc","l":[5]`,
		`"b":5`, `"a":5`, `"a":null,"b":null,"x":1`, `"a":7,"b":true,"l":[7]`} {
		actions = append(actions, enginetest.NewAction(fmt.Appendf(nil, `{"action":{"type":"tool.call"},"data":{"categories":["x"]},"context":{%s}}`, values)))
	}
	truths := []string{"context.a && true", "context.a || false", "!(!(context.a))", "!context.a", "params.yes && context.a", "params.no || context.a", "context.a && context.b",
		`["a"].exists(k, context.a)`, `["a"].all(k, !!context.a)`, `data.categories.exists(k, context.a)`, "[1].exists(k, params.yes && context.a)", "params.yes ? context.a && true : false",
		"has(context.x) ? context.a && true : context.b || false"}
	choices := []string{"has(context.x) ? context.a : context.b", "params.yes ? context.a : context.b", "params.yes ? (context.a && true) : context.b", "has(context.x) ? context.a : true",
		"has(context.x) ? (has(context.l) ? context.a : context.b) : context.b", "has(context.x) ? (context.a && true) : context.b", "params.no ? context.a : has(context.x) ? 5 : context.b",
		"has(context.x) ? null : context.b", "context.a ? context.a : context.b", "context.a || true ? context.a : context.b"}
	var expressions []string
	for _, x := range append(truths, choices...) {
		for _, around := range []string{"(X) == context.b", "context.b != (X)", "(X) in context.l", "[X] == [context.b]", "(X) == (context.b && true)", "!(X)", "(X) && has(context.x)",
			"(X ? context.a : context.b) == context.b", "context.l.exists(k, k == (X))", "[1].exists(k, (X) == context.b)", `data.categories.exists(c, c == "x" && (X) == context.b)`, "[X].all(k, k == context.b)"} {
			expressions = append(expressions, strings.ReplaceAll(around, "X", x))
		}
	}
	for _, x := range choices {
		for _, around := range []string{"(X) == 5", "(X) > 4", "(X) != 7", "(X) in [5, 6]", "size(X) == 3", "[1, 2].exists(k, (k == 1 ? context.q : X) == 5)", `{"k": X}.k == 5`, "(X) == null", "(X) < (X) + 1"} {
			expressions = append(expressions, strings.ReplaceAll(around, "X", x))
		}
	}
	for some := range slices.Chunk(expressions, 20) { // few enough to look for the one that differs
		var rules strings.Builder
		for i, expression := range some {
			fmt.Fprintf(&rules, "    - {id: r%d, require: '%s'}\n", i, expression)
		}
		policy := "version: \"3.0.0\"\nname: n\nparams:\n  yes: {type: boolean, default: true}\n  no: {type: boolean, default: false}\nrules:\n  custom:\n" + rules.String()
		_, difference, err := enginetest.Compare(compared, 1, []enginetest.Source{{ID: "acme/operands", YAML: policy}}, actions)
		if err != nil {
			t.Fatal(err)
		}
		if difference != nil {
			t.Fatal(difference)
		}
	}
}

// TestFailingParameters compares the back ends over parameters that a function
// fails with, beside a pattern that a parameter makes or that is written out.
func TestFailingParameters(t *testing.T) {
	t.Parallel()
	const told = `{"action":{"type":"tool.call"},"data":{"categories":["x"]}}`
	compared := backends(t)
	for _, expression := range []string{
		`data.categories.exists(c, c.matches(PATTERN) && timestamp(params.s) > timestamp("2026-01-01T00:00:00Z")) || true`,
		`data.categories.exists(c, c.matches(PATTERN) && timestamp(params.s) > timestamp("2026-01-01T00:00:00Z") || true)`,
		`data.categories.exists(c, c.matches(PATTERN) && int(params.s) > 1) || has(data.categories)`,
		`data.categories.exists(c, c.matches(PATTERN + string(int(params.s)))) || true`,
		`params.list.exists(p, action.type.matches(p) && int(params.s) > 1) || true`,
	} {
		for _, pattern := range []string{"params.pat", `"x"`} {
			source := "version: \"3.0.0\"\nname: n\nparams:\n  pat: {type: string, default: x}\n  s: {type: string, default: \"\"}\n" +
				"  list: {type: array, items: {type: string}, default: [x, y]}\n" +
				"rules:\n  custom:\n    - {id: r, require: '" + strings.ReplaceAll(expression, "PATTERN", pattern) + "'}\n"
			policies := []enginetest.Source{{ID: "acme/failing", YAML: source}}
			_, difference, err := enginetest.Compare(compared, 1, policies, []*enginetest.Action{enginetest.NewAction([]byte(told))})
			if err != nil {
				t.Fatal(err)
			}
			if difference != nil {
				t.Error(difference)
			}
			doc := document(t, "p.yaml", source)
			p, err := engine.Compile([]engine.Policy{{ID: "acme/failing", Document: doc}})
			if err != nil {
				t.Fatal(err)
			}
			var result engine.Result
			p.Evaluate(t.Context(), action(t, told), engine.Inline, &result)
			if !result.Allowed || len(result.Errors) > 0 {
				t.Errorf("%s with %s: errors %v, want it to hold", expression, pattern, result.Errors)
			}
		}
	}
}

// compareAccepted compares the back ends over a policy, if the engine takes it
// for one.
func compareAccepted(t *testing.T, compared []enginetest.Backend, g *enginetest.Generator, seed uint64, source enginetest.Source) {
	t.Helper()
	policies := []enginetest.Source{source}
	if _, err := enginetest.EngineBackend("the engine", engine.Compile).Compile(policies); err != nil {
		return
	}
	actions := make([]*enginetest.Action, 10)
	for i := range actions {
		var err error
		if actions[i], err = g.Action(); err != nil {
			t.Fatal(err)
		}
	}
	_, difference, err := enginetest.Compare(compared, seed, policies, actions)
	if err != nil {
		t.Fatal(err)
	}
	if difference != nil {
		t.Fatal(difference)
	}
}
