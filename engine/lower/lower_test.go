package lower_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

func ptr[T any](v T) *T { return &v }

// compile returns the term of an expression.
func compile(t testing.TB, source string) *term.Term {
	t.Helper()
	e, err := expr.NewEnv(nil)
	if err != nil {
		t.Fatal(err)
	}
	x, issues := e.Compile(source)
	if x == nil {
		t.Fatalf("%s: %v", source, issues)
	}
	return x.Term(nil)
}

// match matches one action.
func match(t testing.TB, m *lower.Matcher, a *mesh.Action) *lower.Matches {
	t.Helper()
	var in lower.Input
	var out lower.Matches
	m.Bind(t.Context(), a, &in)
	m.Match(&in, &out)
	return &out
}

// TestManyRules has more rules than a block has clauses, and more constants than
// are looked at one by one.
func TestManyRules(t *testing.T) {
	t.Parallel()
	const n = 1500
	purpose := term.Term{Op: term.Read, Kind: term.Text, Leaf: shape.LeafAt("data.purpose")}
	days := term.Term{Op: term.Read, Kind: term.Int, Leaf: shape.LeafAt("data.retentionDays")}
	var rules []lower.Rule
	for i := range n {
		same := &term.Term{Op: term.Eq, Kind: term.Bool, Args: []*term.Term{&purpose, term.Constant(fmt.Sprint("p", i))}}
		most := &term.Term{Op: term.Le, Kind: term.Bool, Args: []*term.Term{&days, term.Constant(int64(i))}}
		rules = append(rules, lower.Rule{When: same, Require: most})
	}
	m := lower.Build(rules, lower.Options{})
	for _, i := range []int{0, 7, 8, 63, 64, 511, 512, n - 1} {
		for _, d := range []int{i - 1, i, i + 1} {
			got := match(t, m, &mesh.Action{Data: &mesh.Data{Purpose: ptr(fmt.Sprint("p", i)), RetentionDays: ptr(int64(d))}})
			var want []lower.Violation
			if d > i {
				want = []lower.Violation{{Rule: int32(i)}}
			}
			if !slices.Equal(got.Violations, want) || len(got.Failures) > 0 {
				t.Errorf("p%d, %d days: violations %v, failures %v", i, d, got.Violations, got.Failures)
			}
			if looked := got.AppendLooked(nil); !slices.Equal(looked, []int32{int32(i)}) {
				t.Errorf("p%d: looked %v", i, looked)
			}
		}
	}
	absent := match(t, m, &mesh.Action{Data: &mesh.Data{RetentionDays: ptr(int64(1))}})
	if len(absent.Failures) != n || absent.Failures[n-1] != (lower.Failure{Rule: n - 1, When: true}) {
		t.Errorf("without a purpose %d rules fail", len(absent.Failures))
	}
}

func TestSlices(t *testing.T) {
	t.Parallel()
	var rules []lower.Rule
	for _, when := range []string{
		`action.type == "a"`,
		`action.type in ["a", "b"] && has(resource.type) && resource.type == "r"`,
		`action.type == "b" && resource.type == "r"`, // an error without a resource
		`has(tenantId) && tenantId == "t"`,
		`true`,
		`action.type == "a" && action.type == "b"`,
		`action.type != "a"`,
		`has(tenantId) && tenantId in ["t", "u"] && action.type in ["a", "c"] && has(resource.type) && resource.type in ["r", "s"]`,
	} {
		rules = append(rules, lower.Rule{When: compile(t, when), Require: term.Constant(false)})
	}
	m := lower.Build(rules, lower.Options{})
	tests := []struct {
		action          *mesh.Action
		violated, fails []int32
	}{
		{&mesh.Action{Action: mesh.Operation{Type: "a"}}, []int32{0, 4}, nil},
		{&mesh.Action{Action: mesh.Operation{Type: "a"}, Resource: &mesh.Resource{Type: ptr("r")}}, []int32{0, 1, 4}, nil},
		{&mesh.Action{Action: mesh.Operation{Type: "b"}, Resource: &mesh.Resource{Type: ptr("r")}}, []int32{1, 2, 4, 6}, nil},
		{&mesh.Action{Action: mesh.Operation{Type: "b"}, Resource: &mesh.Resource{Type: ptr("other")}}, []int32{4, 6}, nil},
		{&mesh.Action{Action: mesh.Operation{Type: "b"}}, []int32{4, 6}, []int32{2}},
		{&mesh.Action{Action: mesh.Operation{Type: "c"}, TenantID: ptr(mesh.TenantID("t")), Resource: &mesh.Resource{Type: ptr("s")}}, []int32{3, 4, 6, 7}, nil},
		{&mesh.Action{TenantID: ptr(mesh.TenantID("v"))}, []int32{4, 6}, nil},
	}
	for _, tt := range tests {
		got := match(t, m, tt.action)
		var violated, fails []int32
		for _, v := range got.Violations {
			violated = append(violated, v.Rule)
		}
		for _, f := range got.Failures {
			fails = append(fails, f.Rule)
		}
		if !slices.Equal(violated, tt.violated) || !slices.Equal(fails, tt.fails) {
			t.Errorf("%+v: violated %v, failed %v; want %v, %v", tt.action, violated, fails, tt.violated, tt.fails)
		}
		looked := append(slices.Clone(tt.violated), tt.fails...)
		slices.Sort(looked)
		if diff := cmp.Diff(looked, got.AppendLooked(nil)); diff != "" {
			t.Errorf("%+v: looked (-want +got):\n%s", tt.action, diff)
		}
	}
}

func TestWatched(t *testing.T) {
	t.Parallel()
	rules := []lower.Rule{
		{When: compile(t, `action.type == "a"`), Policy: 3},
		{When: compile(t, `has(data.purpose) && data.purpose == "p"`), Require: compile(t, `false`), Policy: 5},
		{When: compile(t, `data.region == "r"`), Policy: 5},
	}
	m := lower.Build(rules, lower.Options{Watched: []int32{3, 5, 9}})
	for _, tt := range []struct {
		action *mesh.Action
		want   []bool
	}{
		{&mesh.Action{Action: mesh.Operation{Type: "a"}, Data: &mesh.Data{Region: ptr("x")}}, []bool{true, false, false}},
		{&mesh.Action{Data: &mesh.Data{Region: ptr("r")}}, []bool{false, true, false}},
		{&mesh.Action{Data: &mesh.Data{Region: ptr("x")}}, []bool{false, false, false}},
		{&mesh.Action{}, []bool{false, true, false}}, // it failed to find out
	} {
		got := match(t, m, tt.action).Looked
		for i, want := range tt.want {
			if (i < len(got) && got[i]) != want {
				t.Errorf("%+v: looked %v, want %v", tt.action, got, tt.want)
			}
		}
	}
}

// TestNumbers asks at, below and above each bound, and at the ends of what
// numbers there are.
func TestNumbers(t *testing.T) {
	t.Parallel()
	sources := []string{
		`data.retentionDays < 0`, `data.retentionDays <= 9223372036854775807`, `data.retentionDays > -9223372036854775808`, `data.retentionDays == 7`,
		`data.retentionDays in [1, 7]`, `data.retentionDays < 7.0`, `data.retentionDays <= 7.5`, `data.retentionDays < 9007199254740993`,
		`content.injectionScore < 0.5`, `content.injectionScore >= 1`, `content.injectionScore == 0.0`, `content.injectionScore != 0.5`, `0.5 >= content.injectionScore`,
	}
	var rules []lower.Rule
	for _, s := range sources {
		rules = append(rules, lower.Rule{Require: compile(t, s)})
	}
	bitmaps, closures := lower.Build(rules, lower.Options{}), lower.Build(rules, lower.Options{BackEnd: lower.Closures})
	ints := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, 2, 6, 7, 8, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64}
	floats := []float64{math.Inf(-1), -1, math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, 0.49, 0.5, 0.51, 1, 1e300, math.Inf(1), math.NaN()}
	for _, i := range ints {
		for _, f := range floats {
			a := &mesh.Action{Data: &mesh.Data{RetentionDays: &i}, Content: &mesh.Content{InjectionScore: &f}}
			x, y := match(t, bitmaps, a), match(t, closures, a)
			if !slices.Equal(x.Violations, y.Violations) || !slices.Equal(x.Failures, y.Failures) {
				t.Errorf("%d, %v: bitmaps %v %v, closures %v %v", i, f, x.Violations, x.Failures, y.Violations, y.Failures)
			}
		}
	}
}

// randomTerm makes a boolean term over few places, with errors where they are
// absent.
func randomTerm(r *rand.Rand, depth int) *term.Term {
	leaves := []string{"data.purpose", "data.region", "egress.tls", "data.retentionDays"}
	leaf := shape.LeafAt(leaves[r.IntN(len(leaves))])
	read := func(kind term.Kind) *term.Term { return &term.Term{Op: term.Read, Kind: kind, Leaf: leaf} }
	if depth == 0 {
		switch {
		case r.IntN(4) == 0:
			return &term.Term{Op: term.Has, Kind: term.Bool, Leaf: leaf}
		case leaf.Kind == shape.Bool:
			return read(term.Bool)
		case leaf.Kind == shape.Int:
			op := []term.Op{term.Lt, term.Le, term.Gt, term.Ge, term.Eq, term.Ne}[r.IntN(6)]
			return &term.Term{Op: op, Kind: term.Bool, Args: []*term.Term{read(term.Int), term.Constant(int64(r.IntN(3)))}}
		}
		return &term.Term{Op: term.In, Kind: term.Bool, Args: []*term.Term{read(term.Text), term.Constant([]any{"a", []any{"b", "c"}[r.IntN(2)]})}}
	}
	switch r.IntN(5) {
	case 0:
		return term.Negate(randomTerm(r, depth-1))
	case 1:
		return &term.Term{Op: term.Cond, Kind: term.Bool, Args: []*term.Term{randomTerm(r, depth-1), randomTerm(r, depth-1), randomTerm(r, depth-1)}}
	case 2:
		return term.Disjunction(randomTerm(r, depth-1), randomTerm(r, depth-1), randomTerm(r, depth-1))
	}
	return term.Conjunction(randomTerm(r, depth-1), randomTerm(r, depth-1))
}

func randomAction(r *rand.Rand) *mesh.Action {
	a := &mesh.Action{Data: &mesh.Data{}}
	texts := []string{"a", "b", "c", "d"}
	if r.IntN(3) > 0 {
		a.Data.Purpose = &texts[r.IntN(4)]
	}
	if r.IntN(3) > 0 {
		a.Data.Region = &texts[r.IntN(4)]
	}
	if r.IntN(3) > 0 {
		a.Data.RetentionDays = ptr(int64(r.IntN(4)))
	}
	if r.IntN(3) > 0 {
		a.Egress = &mesh.Egress{TLS: ptr(r.IntN(2) == 0)}
	}
	return a
}

// FuzzClauses compares rules as clauses with the same rules as one closure each.
func FuzzClauses(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		var rules []lower.Rule
		for range 5 {
			rules = append(rules, lower.Rule{When: randomTerm(r, r.IntN(4)), Require: randomTerm(r, r.IntN(4))})
		}
		bitmaps, closures := lower.Build(rules, lower.Options{}), lower.Build(rules, lower.Options{BackEnd: lower.Closures})
		for range 50 {
			a := randomAction(r)
			x, y := match(t, bitmaps, a), match(t, closures, a)
			if !slices.Equal(ruleIDs(x), ruleIDs(y)) || !slices.Equal(x.Failures, y.Failures) || !slices.Equal(x.AppendLooked(nil), y.AppendLooked(nil)) {
				t.Fatalf("action %+v %+v: bitmaps %v %v, closures %v %v of %v", a.Data, a.Egress, x.Violations, x.Failures, y.Violations, y.Failures, rules)
			}
			for _, v := range x.Violations {
				if len(bitmaps.Demands(int(v.Rule))) <= int(v.Clause) {
					t.Fatalf("violation %v names no clause", v)
				}
			}
		}
	})
}

func ruleIDs(m *lower.Matches) []int32 {
	var ids []int32
	for _, v := range m.Violations {
		ids = append(ids, v.Rule)
	}
	return slices.Compact(ids)
}

func TestAllocatesNothing(t *testing.T) {
	var rules []lower.Rule
	for _, s := range []string{
		`has(data.purpose) && data.purpose in ["a", "b"]`, `data.region == "eu"`, `data.retentionDays <= 30`, `"pii" in data.categories`,
		`data.categories.exists(c, c in ["pii", "phi"])`, `has(tool.args.amount) && tool.args.amount <= 500`, `data.region == data.destinationRegion`, `size(data.fields) < 3`,
	} {
		rules = append(rules, lower.Rule{Require: compile(t, s)})
	}
	m := lower.Build(rules, lower.Options{})
	a := &mesh.Action{Tool: &mesh.Tool{Args: map[string]any{"amount": int64(900)}}, Data: &mesh.Data{Categories: []string{"phi"}, Purpose: ptr("c"), Region: ptr("us")}}
	var in lower.Input
	var out lower.Matches
	ctx := t.Context()
	m.Bind(ctx, a, &in)
	m.Match(&in, &out)
	if len(out.Violations) == 0 || len(out.Failures) == 0 {
		t.Fatalf("violations %v, failures %v: want some of both", out.Violations, out.Failures)
	}
	if n := testing.AllocsPerRun(100, func() { m.Bind(ctx, a, &in); m.Match(&in, &out) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	small, found := lower.Build(rules[:2], lower.Options{}), len(out.Violations)
	both := func() { small.Bind(ctx, a, &in); small.Match(&in, &out); m.Bind(ctx, a, &in); m.Match(&in, &out) }
	if n := testing.AllocsPerRun(100, both); n > 0 || len(out.Violations) != found {
		t.Errorf("by turns with another matcher %v allocations, violations %v", n, out.Violations)
	}
}

func BenchmarkMatch(b *testing.B) {
	var rules []lower.Rule
	for i := range 100 {
		rules = append(rules, lower.Rule{
			When:    compile(b, `action.type == "data.read" && has(resource.type) && resource.type == "pii_data"`),
			Require: compile(b, fmt.Sprintf(`has(data.purpose) && data.purpose in ["p%d", "support"] && has(data.retentionDays) && data.retentionDays <= %d`, i, 100+i)),
		})
	}
	m := lower.Build(rules, lower.Options{})
	a := &mesh.Action{
		Action: mesh.Operation{Type: "data.read"}, Resource: &mesh.Resource{Type: ptr("pii_data")},
		Data: &mesh.Data{Purpose: ptr("support"), RetentionDays: ptr(int64(90))},
	}
	var in lower.Input
	var out lower.Matches
	m.Bind(b.Context(), a, &in)
	b.ReportAllocs()
	for b.Loop() {
		m.Match(&in, &out)
	}
}

// TestLongLists has rules that compare with long lists, which must take neither
// the square of their length to compile nor to match.
func TestLongLists(t *testing.T) {
	t.Parallel()
	const elements, rulesOfEach = 5_000, 100
	purpose := &term.Term{Op: term.Read, Kind: term.Text, Leaf: shape.LeafAt("data.purpose")}
	days := &term.Term{Op: term.Read, Kind: term.Int, Leaf: shape.LeafAt("data.retentionDays")}
	texts, numbers := make([]any, elements), make([]any, elements)
	for i := range elements {
		texts[i], numbers[i] = fmt.Sprint("purpose ", i), int64(2*i)
	}
	var rules []lower.Rule
	for i := range rulesOfEach {
		among := &term.Term{Op: term.In, Kind: term.Bool, Args: []*term.Term{purpose, term.Constant(texts[i:])}}
		even := &term.Term{Op: term.In, Kind: term.Bool, Args: []*term.Term{days, term.Constant(numbers[i:])}}
		rules = append(rules, lower.Rule{Require: among}, lower.Rule{Require: even})
	}
	m := lower.Build(rules, lower.Options{})
	for _, tt := range []struct {
		purpose string
		days    int64
		want    int
	}{
		{"purpose 4999", 2 * 4999, 0}, {"purpose 4999", 1, rulesOfEach}, {"purpose 50", 2 * 4999, rulesOfEach - 51}, {"purpose", -1, 2 * rulesOfEach},
	} {
		got := match(t, m, &mesh.Action{Data: &mesh.Data{Purpose: &tt.purpose, RetentionDays: &tt.days}})
		if len(got.Violations) != tt.want || len(got.Failures) > 0 {
			t.Errorf("%s, %d: %d violations, %d failures; want %d, 0", tt.purpose, tt.days, len(got.Violations), len(got.Failures), tt.want)
		}
	}
}

// compileWith is compile for an env with predicates.
func compileWith(t testing.TB, source string, predicates ...string) *term.Term {
	t.Helper()
	e, err := expr.NewEnv(nil, predicates...)
	if err != nil {
		t.Fatal(err)
	}
	x, issues := e.Compile(source)
	if x == nil {
		t.Fatalf("%s: %v", source, issues)
	}
	return x.Term(nil)
}

// TestPredicateInALoop asks a predicate that has a loop of its own from within a
// loop.
func TestPredicateInALoop(t *testing.T) {
	t.Parallel()
	opts := lower.Options{Definitions: map[string]*term.Term{"marked": compile(t, `data.categories.exists(c, c == "pii")`)}}
	for _, source := range []string{
		`data.fields.exists(f, marked() && f == "email")`, `data.fields.exists(f, f == "email" && marked())`,
		`!data.fields.all(f, !marked() || f != "email")`,
	} {
		for _, back := range []lower.BackEnd{lower.Bitmaps, lower.Closures} {
			opts.BackEnd = back
			m := lower.Build([]lower.Rule{{Require: compileWith(t, source, "marked")}}, opts)
			got := match(t, m, &mesh.Action{Data: &mesh.Data{Fields: []string{"name", "email"}, Categories: []string{"pii", "other"}}})
			if len(got.Violations)+len(got.Failures) > 0 {
				t.Errorf("%s, back end %d: violations %v, failures %v", source, back, got.Violations, got.Failures)
			}
		}
	}
}

// TestLoopsAreBounded compares two lists of the greatest length with each other,
// which has no value; each of them alone has one.
func TestLoopsAreBounded(t *testing.T) {
	t.Parallel()
	list := func(prefix string) []string {
		out := make([]string, 10_000)
		for i := range out {
			out[i] = fmt.Sprint(prefix, i)
		}
		return out
	}
	m := lower.Build([]lower.Rule{
		{Require: compile(t, `data.fields.exists(f, f in data.categories)`)},
		{Require: compile(t, `data.fields.exists(f, f == "f9999")`)},
		{Require: compile(t, `"c9999" in data.categories`)},
	}, lower.Options{})
	a := &mesh.Action{Data: &mesh.Data{Fields: list("f"), Categories: list("c")}}
	got := match(t, m, a)
	if want := []lower.Failure{{Rule: 0, Bound: term.RuleSteps}}; !slices.Equal(got.Failures, want) || len(got.Violations) > 0 {
		t.Errorf("failures %v, violations %v, want failures %v", got.Failures, got.Violations, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m = lower.Build([]lower.Rule{{Require: compile(t, `data.fields.all(f, f != "a" && f != "b" && f != "c")`)}}, lower.Options{})
	var in lower.Input
	var out lower.Matches
	m.Bind(ctx, a, &in)
	m.Match(&in, &out)
	if len(out.Failures) != 1 || out.Failures[0].Bound != term.Interrupted {
		t.Errorf("a loop that nobody waits for goes on: failures %v", out.Failures)
	}
}

// TestDecisionsAreBounded has many rules each stay below their own bound and
// exceed that of the decision together. What does not loop is still decided, and
// the next action begins anew.
func TestDecisionsAreBounded(t *testing.T) {
	t.Parallel()
	const looping = 40
	rules := []lower.Rule{{Require: compile(t, `data.purpose == "a"`)}}
	for i := range looping {
		rules = append(rules, lower.Rule{Require: compile(t, fmt.Sprintf(`!data.fields.exists(f, f != "x%d" && f in data.categories)`, i))})
	}
	many := make([]string, 900)
	for i := range many {
		many[i] = fmt.Sprint("f", i)
	}
	others := make([]string, 900)
	for i := range others {
		others[i] = fmt.Sprint("c", i)
	}
	large := &mesh.Action{Data: &mesh.Data{Purpose: new("a"), Fields: many, Categories: others}}
	small := &mesh.Action{Data: &mesh.Data{Purpose: new("a"), Fields: many[:10], Categories: others[:10]}}
	for _, back := range []lower.BackEnd{lower.Bitmaps, lower.Closures} {
		m := lower.Build(rules, lower.Options{BackEnd: back})
		var in lower.Input
		var out lower.Matches
		for range 2 {
			m.Bind(t.Context(), large, &in)
			m.Match(&in, &out)
			satisfied := looping - len(out.Failures)
			if steps := satisfied * 900 * 900; steps > term.MaxSteps || steps < term.MaxSteps/2 || len(out.Violations) > 0 {
				t.Fatalf("back end %d: %d of %d rules have a value, violations %v", back, satisfied, looping, out.Violations)
			}
			for _, f := range out.Failures {
				if f.Rule == 0 || f.When || f.Bound != term.AllSteps {
					t.Errorf("back end %d: failure %+v", back, f)
				}
			}
			m.Bind(t.Context(), small, &in)
			m.Match(&in, &out)
			if len(out.Failures)+len(out.Violations) > 0 {
				t.Errorf("back end %d: after it, a small action fails: %v", back, out.Failures)
			}
		}
	}
}

// TestFreeFormListsAndTextsCount has loops look through what has no bound of its
// own.
func TestFreeFormListsAndTextsCount(t *testing.T) {
	t.Parallel()
	list := make([]any, 1000)
	for i := range list {
		list[i] = int64(i)
	}
	fields := make([]string, 1000)
	a := &mesh.Action{Data: &mesh.Data{Fields: fields}, Context: map[string]any{"list": list, "same": slices.Clone(list), "text": strings.Repeat("x", 1<<20)}}
	for _, source := range []string{
		`data.fields.all(f, !(f in context.list))`, `data.fields.all(f, context.list == context.same)`,
		`data.fields.all(f, !context.text.contains("y" + f))`, `data.fields.all(f, size(context.text) > 3)`,
	} {
		m := lower.Build([]lower.Rule{{Require: compile(t, source)}}, lower.Options{})
		if got := match(t, m, a); len(got.Failures) != 1 || got.Failures[0].Bound != term.RuleSteps {
			t.Errorf("%s: failures %v", source, got.Failures)
		}
	}
}

// TestForeignValues puts into a free-form map what no JSON is decoded to.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	rules := []lower.Rule{
		{Require: compile(t, `has(context.x) && context.x == "5"`)}, {Require: compile(t, `context.x != "5"`)},
		{Require: compile(t, `has(context.x)`)}, {When: compile(t, `context.x in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "5"]`)},
	}
	for _, back := range []lower.BackEnd{lower.Bitmaps, lower.Closures} {
		m := lower.Build(rules, lower.Options{BackEnd: back})
		for _, v := range []any{mesh.AgentID("5"), &struct{}{}, []int{5}, uint64(5)} {
			got := match(t, m, &mesh.Action{Context: map[string]any{"x": v}})
			want := []lower.Failure{{Rule: 0}, {Rule: 1}, {Rule: 3, When: true}}
			if !slices.Equal(got.Failures, want) || len(got.Violations) > 0 {
				t.Errorf("%T, back end %d: failures %v, violations %v", v, back, got.Failures, got.Violations)
			}
		}
	}
}

// TestManyKeys has rules that are about many types of action each, with many
// demands: being in a slice for each would take the memory of thousands.
func TestManyKeys(t *testing.T) { // by itself: it looks at what is allocated
	var types, demands string
	for i := range 250 {
		types += fmt.Sprintf(`, "t%d"`, i)
	}
	for i := range 60 {
		demands += fmt.Sprintf(` && data.region != "r%d"`, i)
	}
	var rules []lower.Rule
	for i := range 40 {
		rules = append(rules, lower.Rule{
			When:    compile(t, fmt.Sprintf(`action.type in ["own%d"%s]`, i, types)),
			Require: compile(t, fmt.Sprintf(`data.purpose != "p%d"%s && data.retentionDays < 9`, i, demands)),
		})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := lower.Build(rules, lower.Options{})
	runtime.ReadMemStats(&after)
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 100 {
		t.Errorf("building the rules takes %d MiB", mib)
	}
	got := match(t, m, &mesh.Action{Action: mesh.Operation{Type: "t7"}, Data: &mesh.Data{Purpose: ptr("p7"), Region: ptr("x"), RetentionDays: ptr(int64(1))}})
	if want := []lower.Violation{{Rule: 7}}; !slices.Equal(got.Violations, want) || len(got.AppendLooked(nil)) != len(rules) {
		t.Errorf("violations %v of %d rules, want %v", got.Violations, len(got.AppendLooked(nil)), want)
	}
}

// TestPathsAreOne looks at keys whose paths read alike.
func TestPathsAreOne(t *testing.T) {
	t.Parallel()
	m := lower.Build([]lower.Rule{{Require: compile(t, `context["a.b"] == 1 || context.a.b == 2`)}}, lower.Options{})
	for _, tt := range []struct {
		context map[string]any
		met     bool
	}{
		{map[string]any{"a.b": int64(1), "a": map[string]any{"b": int64(7)}}, true},
		{map[string]any{"a.b": int64(7), "a": map[string]any{"b": int64(2)}}, true},
		{map[string]any{"a.b": int64(2), "a": map[string]any{"b": int64(1)}}, false},
	} {
		if got := match(t, m, &mesh.Action{Context: tt.context}); (len(got.Violations) == 0) != tt.met || len(got.Failures) > 0 {
			t.Errorf("%v: violations %v, failures %v", tt.context, got.Violations, got.Failures)
		}
	}
}

// TestAbsentParameters has two rules of the same text, of which one is given a
// parameter that only cel-go looks at.
func TestAbsentParameters(t *testing.T) {
	t.Parallel()
	e, err := expr.NewEnv([]expr.Record{{Name: "params", Fields: []expr.RecordField{{Name: "least", Type: expr.IntType, Optional: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	x, issues := e.Compile(`[has(params.least)].all(given, given)`)
	if x == nil {
		t.Fatal(issues)
	}
	given := lower.Rule{Require: x.Term(map[string]expr.Values{"params": {"least": types.Int(1)}})}
	absent := lower.Rule{Require: x.Term(map[string]expr.Values{"params": {}})}
	for _, back := range []lower.BackEnd{lower.Bitmaps, lower.Closures} {
		m := lower.Build([]lower.Rule{given, absent}, lower.Options{BackEnd: back})
		if diff := cmp.Diff([]lower.Violation{{Rule: 1}}, match(t, m, &mesh.Action{}).Violations); diff != "" {
			t.Errorf("back end %d: rules violated (-want +got):\n%s", back, diff)
		}
	}
}

// TestComparisonsCount: what lists and objects hold counts when they are compared,
// however deep it is, and what differs at once does not.
func TestComparisonsCount(t *testing.T) {
	t.Parallel()
	numbers := make([]any, 20_000)
	object := map[string]any{}
	for i := range numbers {
		numbers[i] = int64(i)
		object[fmt.Sprint("k", i)] = int64(i)
	}
	long := strings.Repeat("x", 1<<20)
	values := map[string]func() any{
		"nested lists": func() any { return []any{slices.Clone(numbers)} },
		"objects":      func() any { return map[string]any{"o": maps.Clone(object)} },
		"texts":        func() any { return []any{long, "x" + long[1:], long[1:] + "x"} },
	}
	for name, value := range values {
		for _, operator := range []string{"context.a%d == context.b", "!(context.a%d != context.b)"} {
			a := &mesh.Action{Context: map[string]any{"b": value()}}
			var rules []lower.Rule
			for i := range 400 {
				a.Context[fmt.Sprint("a", i)] = a.Context["b"]
				rules = append(rules, lower.Rule{Require: compile(t, fmt.Sprintf(operator, i))})
			}
			m := lower.Build(rules, lower.Options{})
			got := match(t, m, a)
			if len(got.Violations) > 0 || len(got.Failures) < 100 || got.Failures[0].Bound != term.AllSteps {
				t.Errorf("%s, %s: violations %d, failures %d of 400", name, operator, len(got.Violations), len(got.Failures))
			}
			a.Context["b"] = []any{"another", numbers}
			if got := match(t, m, a); len(got.Failures) > 0 || len(got.Violations) != 400 {
				t.Errorf("%s, %s: what differs at once: violations %d, failures %d", name, operator, len(got.Violations), len(got.Failures))
			}
		}
	}
}

// TestObjectsCountAlike: an object may hold too much to compare, and a difference.
// Which of them is found does not depend on the order of its keys.
func TestObjectsCountAlike(t *testing.T) {
	t.Parallel()
	many := make([]any, term.MaxRuleSteps/8)
	left, right := map[string]any{"differs": int64(1)}, map[string]any{"differs": int64(2)}
	for i := range 3 {
		left[fmt.Sprint("k", i)], right[fmt.Sprint("k", i)] = many, slices.Clone(many)
	}
	a := &mesh.Action{Context: map[string]any{"a": left, "b": right}}
	m := lower.Build([]lower.Rule{{Require: compile(t, `context.a == context.b`)}}, lower.Options{})
	for range 20 {
		if got := match(t, m, a); len(got.Failures) != 1 || got.Failures[0].Bound != term.RuleSteps {
			t.Fatalf("violations %v, failures %v", got.Violations, got.Failures)
		}
	}
}
