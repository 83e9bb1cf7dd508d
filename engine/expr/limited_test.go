package expr_test

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// numbered returns texts that begin with a prefix.
func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(prefix, i)
	}
	return out
}

// keyed returns a map of n keys.
func keyed(n int) map[string]any {
	out := make(map[string]any, n)
	for _, key := range numbered("k", n) {
		out[key] = int64(1)
	}
	return out
}

// evaluated is what became of an evaluation.
type evaluated struct {
	holds     bool
	err       error
	steps     int
	allocated uint64 // bytes; of nobody else where the test is not parallel
}

func evaluate(t *testing.T, source string, a *mesh.Action) evaluated {
	t.Helper()
	x, issues := env(t).Compile(source)
	if x == nil {
		t.Fatalf("%s: %v", source, issues)
	}
	var out evaluated
	in := &expr.Input{Action: a, Spend: func(steps int) bool { out.steps += steps; return true }}
	_, _ = x.Eval(t.Context(), &expr.Input{Action: &mesh.Action{}}) // makes the program
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out.holds, out.err = x.Eval(t.Context(), in)
	runtime.ReadMemStats(&after)
	out.allocated = after.TotalAlloc - before.TotalAlloc
	return out
}

// TestKeysAreSortedOnce: a loop within a loop over the same map does not sort its
// keys again, and sorting counts. It is by itself: it looks at what is allocated.
func TestKeysAreSortedOnce(t *testing.T) {
	const keys = 10_000
	a := &mesh.Action{Tool: &mesh.Tool{Args: keyed(keys)}, Context: map[string]any{
		"m": keyed(keys), "l": []any{keyed(100), keyed(200)}, "few": keyed(2),
	}}
	for source, sorted := range map[string]int{ // keys
		`tool.args.all(k, tool.args.exists(j, j != k))`:                                  keys,
		`tool.args.all(k, context.m.exists(j, j != k))`:                                  2 * keys,
		`context.l.all(m, m.exists(j, j != "k0"))`:                                       300,
		`context.m.exists(k, true) && context.m.exists(k, context["m"].exists(j, true))`: keys,
	} {
		got := evaluate(t, source, a)
		if got.err != nil || !got.holds {
			t.Errorf("%s: %t, %v", source, got.holds, got.err)
		}
		if got.allocated > 50<<20 {
			t.Errorf("%s: %d bytes", source, got.allocated)
		}
		if got.steps < sorted*term.StepsOfCEL {
			t.Errorf("%s: %d steps, fewer than %d keys", source, got.steps, sorted)
		}
	}
	once, twice := evaluate(t, `tool.args.exists(k, true)`, a), evaluate(t, `tool.args.exists(k, tool.args.exists(j, true))`, a)
	if added := twice.steps - once.steps; added > 100*term.StepsOfCEL {
		t.Errorf("sorted keys cost %d steps", added)
	}
}

// TestKeysOfMapsThatAreMade come in order, too: where a loop over them ends does
// not differ from call to call.
func TestKeysOfMapsThatAreMade(t *testing.T) {
	t.Parallel()
	a := &mesh.Action{Context: map[string]any{"k": "c"}}
	for range 20 {
		for _, source := range []string{
			`{"b": 1, "a": 2, "d": 3, "c": 4}.map(k, k) == ["a", "b", "c", "d"]`,
			`{"b": 1, "a": 2, "d": 3, context.k: 4}.map(k, k) == ["a", "b", "c", "d"]`,
			`{true: 1, 3: 2, "a": 3, 2: 4}.map(k, string(k)) == ["true", "2", "3", "a"]`,
		} {
			if got := evaluate(t, source, a); !got.holds {
				t.Errorf("%s: %v", source, got.err)
			}
		}
	}
}

// TestKeysAreOfTheAction: an input that is used again knows nothing of the action
// before.
func TestKeysAreOfTheAction(t *testing.T) {
	t.Parallel()
	x, issues := env(t).Compile(`tool.args.map(k, k) == ["k0", "k1", "more"]`)
	if x == nil {
		t.Fatal(issues)
	}
	args := keyed(2)
	in := expr.Input{Action: &mesh.Action{Tool: &mesh.Tool{Args: args}}}
	for _, want := range []bool{false, true, false} {
		if got, err := x.Eval(t.Context(), &in); got != want || err != nil {
			t.Fatalf("%v: %t %v", args, got, err)
		}
		if !want {
			args["more"] = int64(1) // the same map, at the same place
		} else {
			maps.DeleteFunc(args, func(k string, _ any) bool { return k == "more" })
		}
	}
}

// TestWhatIsMadeIsBounded: the texts and lists that an evaluation makes are refused
// before they take more memory than its steps pay for. It is by itself: it looks at
// what is allocated.
func TestWhatIsMadeIsBounded(t *testing.T) {
	long := strings.Repeat("a", 400_000)
	elements := strings.Repeat("f, ", 2_000)
	var entries strings.Builder
	for i := range 1_000 {
		fmt.Fprintf(&entries, "%d: f, ", i)
	}
	sum := strings.Repeat("context.a + ", 90) + "context.a"
	a := &mesh.Action{
		Action: mesh.Operation{Type: "t"}, Data: &mesh.Data{Purpose: &long, Fields: numbered("f", 10_000)},
		Context: map[string]any{"a": long, "l": make([]any, 50_000)},
	}
	for _, source := range []string{
		`!("z" in data.fields.map(f, context.a + context.a))`,
		`!("z" in data.fields.map(f, context.a + "x"))`,
		`!("z" in data.fields.map(f, data.purpose + data.purpose))`,
		`!("z" in data.fields.map(f, f + context.a))`,
		`!(b"z" in data.fields.map(f, bytes(context.a)))`,
		`!(b"z" in data.fields.map(f, bytes(data.purpose)))`,
		`!("z" in data.fields.map(f, string(bytes(context.a))))`,
		`!(b"z" in data.fields.map(f, bytes(context.a) + bytes(context.a)))`,
		`!("z" in [context.a].map(x, x + x + x + x).map(x, x + x + x + x).map(x, x + x + x + x))`,
		`size(data.fields.map(f, context.l + context.l)) == 0`,
		`size(data.fields.map(f, [` + elements + `])) == 0`,
		`size(data.fields.map(f, {` + entries.String() + `})) == 0`,
		`data.fields.exists(f, int(context.a) == 1)`,
		`data.fields.exists(f, duration(context.a) > duration("1h"))`,
		`data.fields.exists(f, timestamp(context.a) > timestamp("2026-01-01T00:00:00Z"))`,
		`data.fields.exists(f, {"a": 1}[context.a] == 1)`,
		`data.fields.exists(f, context[context.a] == 1)`,
		sum + ` == "x"`,
	} {
		got := evaluate(t, source, a)
		if !errors.Is(got.err, term.ErrRuleSteps) {
			t.Errorf("%.80s: %t, %v", source, got.holds, got.err)
		}
		if got.allocated > 50<<20 {
			t.Errorf("%.80s: %d bytes", source, got.allocated)
		}
	}
}

// TestTextsCount: what looks at a whole text counts for its length, also within
// lists and maps; what differs in length is not looked at.
func TestTextsCount(t *testing.T) {
	t.Parallel()
	const repeats = 200
	text := func(last string) string { return strings.Repeat("a", 100_000) + last }
	a := func(text func(string) string) *mesh.Action {
		kind := func(last string) *string { s := text(last); return &s }
		return &mesh.Action{
			Action: mesh.Operation{Type: "t"}, Data: &mesh.Data{Fields: numbered("f", repeats), Purpose: kind("x"), Region: kind("y")},
			Content: &mesh.Content{Findings: []mesh.ContentFinding{{Type: kind("x")}, {Type: kind("y")}}},
			Context: map[string]any{
				"a": text("x"), "b": text("y"), "longer": text("more"), "l": []any{text("x")}, "m": []any{text("y")},
				"o": map[string]any{"k": text("x")}, "p": map[string]any{"k": text("y")}, "q": map[string]any{text("x"): int64(1)},
			},
		}
	}
	for _, body := range []string{
		`!(context.a in [f].map(c, context.b))`, `!(context.a in [context.b])`, `!(data.purpose in [f].map(c, data.region))`,
		`[data.purpose] != [data.region]`, `!(data.purpose in [data.region, "a"])`, `data.purpose != data.region`,
		`context.a != context.b`, `!(context.a == context.b)`, `context.l != context.m`, `[context.a] != [context.b]`,
		`context.o != context.p`, `!(context.l in [context.m])`, `content.findings[0] != content.findings[1]`,
		`bytes(context.a) != bytes(context.b)`,
		`size(context.a) > 1`, `data.purpose.size() > 1`, `context.a < context.b`, `!(context.a > context.b)`, `context.a <= context.b`,
		`data.purpose < data.region`,
		`!(context.a in context)`, `context.q[context.a] == 1`, `{context.a: 1} != {}`, `context.q == context.q`,
	} {
		source := `data.fields.all(f, ` + body + `)`
		if got := evaluate(t, source, a(text)); !errors.Is(got.err, term.ErrRuleSteps) {
			t.Errorf("%s of long texts: %t, %v, %d steps", source, got.holds, got.err, got.steps)
		}
		short := func(last string) string { return "a" + last }
		if got := evaluate(t, source, a(short)); !got.holds || got.steps > repeats*60*term.StepsOfCEL {
			t.Errorf("%s of short texts: %t, %v, %d steps", source, got.holds, got.err, got.steps)
		}
	}
	for _, body := range []string{
		`context.a != context.longer`, `!(context.a in [context.longer, f])`, `[context.a] != [context.longer]`, `context.a != f`, `f < context.a || true`,
	} {
		source := `data.fields.all(f, ` + body + `)`
		if got := evaluate(t, source, a(text)); !got.holds || got.steps > repeats*60*term.StepsOfCEL {
			t.Errorf("%s: %t, %v, %d steps", source, got.holds, got.err, got.steps)
		}
	}
}

// TestTimeZonesCount: a time zone is looked up each time, which takes far longer
// than an operation.
func TestTimeZonesCount(t *testing.T) {
	t.Parallel()
	a := &mesh.Action{Data: &mesh.Data{Fields: numbered("f", 200)}}
	for _, function := range []string{"getHours", "getFullYear"} {
		got := evaluate(t, `data.fields.exists(f, timestamp("2026-01-31T12:00:00Z").`+function+`("UTC") == 25)`, a)
		if got.err != nil || got.holds || got.steps < 200*100*term.StepsOfCEL {
			t.Errorf("%s: %t, %v, %d steps", function, got.holds, got.err, got.steps)
		}
	}
}
