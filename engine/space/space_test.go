package space_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/space/spacetest"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// enough steps for any of these tests.
const enough = 20_000

func environment(t testing.TB) *expr.Env {
	t.Helper()
	env, err := expr.NewEnv([]expr.Record{{Name: "params", Fields: []expr.RecordField{{Name: "hosts", Type: expr.ListOfString}}}}, "personalData", "healthData")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func compile(t testing.TB, source string) *term.Term {
	t.Helper()
	x, issues := environment(t).Compile(source)
	if x == nil {
		t.Fatalf("%s: %v", source, issues)
	}
	return x.Term(nil)
}

func definitions(t testing.TB) map[string]*term.Term {
	t.Helper()
	out := map[string]*term.Term{}
	for _, p := range primitives.Predicates() {
		out[p.Name] = compile(t, p.CEL)
	}
	return out
}

func TestImpossible(t *testing.T) {
	t.Parallel()
	tests := []struct {
		source string
		want   space.Truths // what it can be; nothing else is proven
	}{
		{`true`, space.True},
		{`1 > 2`, space.False},
		{`action.type == "a" && action.type == "b"`, space.False},
		{`action.type in ["a", "b"] && action.type != "a"`, space.True | space.False},
		{`action.type in ["a", "b"] && action.type != "a" && action.type != "b"`, space.False},
		{`action.type != ""`, space.True},
		{`has(data.purpose) || !has(data.purpose)`, space.True},
		{`data.purpose == "x" || data.purpose != "x"`, space.True | space.Error},
		{`has(data.purpose) && data.purpose == "x" && data.purpose == "y"`, space.False},
		{`has(data.consent.given) && !has(data.consent)`, space.False},
		{`has(data.consent) && !has(data.consent.given)`, space.True | space.False},
		{`has(data.retentionDays) && data.retentionDays > 10 && data.retentionDays < 11`, space.False},
		{`has(data.retentionDays) && data.retentionDays > 10 && data.retentionDays < 12`, space.True | space.False},
		{`!has(data.retentionDays) || data.retentionDays >= 0`, space.True},
		{`has(content.injectionScore) && content.injectionScore > 0.5 && content.injectionScore < 0.50001`, space.True | space.False},
		{`has(content.injectionScore) && content.injectionScore > 1.0`, space.False},
		{`has(tool.args.amount) && tool.args.amount > 5 && tool.args.amount < 5`, space.False | space.Error},
		{`has(tool.args.amount) && tool.args.amount > 5 && tool.args.amount < 6`, space.True | space.False | space.Error},
		{`has(tool.args.amount) && tool.args.amount == 5 && tool.args.amount == "5"`, space.False},
		{`"amount" in tool.args && !has(tool.args.amount)`, space.False},
		{`has(tool.args.a) && !has(tool.args)`, space.False},
		{`has(context.a.b)`, space.True | space.False | space.Error},
		{`has(context.a.b) && context.a == 1`, space.False | space.Error},
		{`"a" in data.categories && !("a" in data.categories)`, space.False | space.Error},
		{`"a" in data.categories && !data.categories.exists(c, c in ["a", "b"])`, space.False | space.Error},
		{`data.categories.all(c, c == "a") && "b" in data.categories`, space.False | space.Error},
		{`data.categories.all(c, c == "a") && !("a" in data.categories)`, space.True | space.False | space.Error},
		{`has(data.categories) && data.categories.exists(c, c.startsWith("x.")) && data.categories.all(c, c in ["x.y", "z"])`, space.True | space.False},
		{`has(data.categories) && data.categories.exists(c, c.startsWith("x.")) && data.categories.all(c, c in ["y", "z"])`, space.False},
		{`action.type.startsWith("data.") && action.type == "egress"`, space.False},
		{`action.type.startsWith("data.") && !action.type.contains("ata")`, space.False},
		{`action.type.startsWith("data.") && action.type.endsWith(".read") && action.type != "data.read"`, space.True | space.False},
		{`personalData() && !personalData()`, space.False},
		{`personalData() && action.type == "tool.call" && !has(data) && !has(resource) && !has(content)`, space.False},
		{`healthData() && !personalData()`, space.False},
		{`content.findings.exists(f, has(f.type) && f.type == "A" && has(f.count) && f.count > 2) && content.findings.all(f, !has(f.count) || f.count < 2)`, space.False | space.Error},
		// What is not about a single place may be anything, but is one thing.
		{`data.purpose in data.consent.purposes`, space.True | space.False | space.Error},
		{`data.purpose in data.consent.purposes && !(data.purpose in data.consent.purposes)`, space.False | space.Error},
		{`has(data.purpose) && has(data.consent.purposes) && data.purpose in data.consent.purposes`, space.True | space.False},
		{`has(approval.approver) && !has(actor.userId) ? approval.approver == actor.userId : false`, space.False | space.Error},
		{`!has(actor.userId) ? approval.approver == actor.userId : false`, space.False | space.Error},
		{`!has(actor.userId) && approval.approver == actor.userId`, space.False | space.Error},
		{`has(tool.args.n) && has(tool.args.m) && tool.args.n == tool.args.m`, space.True | space.False},
		{`has(tool.args.n) && has(tool.args.m) && tool.args.n > tool.args.m`, space.True | space.False | space.Error},
		{`size(data.purpose) > 3 && size(data.purpose) < 2`, space.False | space.Error},
		{`size(data.purpose) > 3 && size(data.purpose) < 5`, space.True | space.False | space.Error},
		{`has(tool.args.n) && size(tool.args.n) >= 81 && size(tool.args.n) < 80`, space.False | space.Error},
		{`double(tool.args.n) + double(tool.args.m) <= 10.0 && !(10.5 >= double(tool.args.n) + double(tool.args.m))`, space.False | space.Error},
		{`double(tool.args.n) + double(tool.args.m) < 10.0 || double(tool.args.n) + double(tool.args.m) >= 10.0`, space.True | space.False | space.Error}, // no number is neither
		{`has(tool.name) && tool.name.matches("^a+$") && !tool.name.matches("^a*b?$")`, space.False},
		{`has(tool.name) && tool.name.matches("^a*b?$") && !tool.name.matches("^a+$")`, space.True | space.False},
		{`has(tool.args.n) && tool.args.n.matches("^[0-9]{2}$") && !tool.args["n"].matches("[0-9]")`, space.False | space.Error},
		{`has(tool.args) && ["a", "b"].all(k, k in tool.args) && !("a" in tool.args)`, space.False},
		{`["a", "b"].exists(k, k in tool.args) && !has(tool.args.b)`, space.True | space.False}, // a map that is absent is empty
		{`tool.args.all(k, k in ["a"])`, space.True | space.False},
		{`has(tool.args) && tool.args.all(k, k in ["a", "b"]) && has(tool.args.c)`, space.False},
		{`has(tool.args) && tool.args.all(k, k in ["a"]) && tool.args.exists(k, k != "a")`, space.False},
		{`has(tool.args) && !tool.args.all(k, k in ["a", "b"]) && !has(tool.args.c)`, space.True | space.False},
		{`has(tool.args) && tool.args.all(k, k.startsWith("a")) && has(tool.args.b)`, space.True | space.False | space.Error}, // of the loop nothing is known
		{`has(data.purpose) && size(data.purpose) > 3`, space.True | space.False},
		{`egress.host in params.hosts`, space.True | space.False | space.Error},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			t.Parallel()
			x := compile(t, tt.source)
			s := space.NewLibrary(definitions(t)).New(x)
			var got space.Truths
			for _, v := range []space.Truths{space.False, space.True, space.Error} {
				if !s.Impossible([]space.Goal{{Term: x, Want: v}}, &space.Budget{Steps: enough}) {
					got |= v
				}
			}
			if got != tt.want {
				t.Errorf("can be %03b, want %03b (error, true, false)", got, tt.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		source string
		truth  space.Truths
		want   string // the action; empty: none
	}{
		{`action.type == "egress"`, space.True, `{"action":{"type":"egress"}}`},
		{`action.type == "egress"`, space.False, `{"action":{"type":"other"}}`},
		{`has(data.purpose) && !(data.purpose in ["a", "b"])`, space.True, `{"action":{"type":"data.read"},"data":{"purpose":"other"}}`},
		{`data.purpose == "a"`, space.Error, `{"action":{"type":"data.read"}}`},
		{`action.type == "tool.call" && tool.args.amount > 500 && tool.args.amount <= 1000`, space.True, `{"action":{"type":"tool.call"},"tool":{"args":{"amount":1000}}}`},
		{`data.purpose in data.consent.purposes && data.purpose != "a"`, space.True, `{"action":{"type":"data.read"},"data":{"purpose":"other","consent":{"purposes":["other"]}}}`},
		{`has(approval.approver) && has(actor.userId) && approval.approver == actor.userId`, space.True, `{"actor":{"userId":"other"},"action":{"type":"data.read"},"approval":{"approver":"other"}}`},
		{`action.type == "tool.call" && personalData()`, space.True, `{"action":{"type":"tool.call"},"data":{"categories":["pii"]}}`},
		{`action.type == "data.read" && !personalData()`, space.True, `{"action":{"type":"data.read"},"data":{"categories":["other"]}}`},
		{`has(data.fields) && size(data.fields) > 2`, space.True, `{"action":{"type":"data.read"},"data":{"fields":["other","other","other"]}}`},
		{`timestamp.getHours() >= 22 && timestamp.getDayOfWeek() == 1`, space.True, `{"timestamp":"2026-01-05T22:00:00Z","action":{"type":"data.read"}}`},
		{`has(resource.id) && resource.id.matches("^doc-") && resource.id == "doc-1"`, space.True, `{"action":{"type":"data.read"},"resource":{"id":"doc-1"}}`},
		{`has(context.a.b) && context.a.b == "x"`, space.True, `{"action":{"type":"data.read"},"context":{"a":{"b":"x"}}}`},
		{`has(context.a.b)`, space.False, `{"action":{"type":"data.read"},"context":{"a":{}}}`},
		{`egress.tls && !egress.tls`, space.True, ``},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			t.Parallel()
			x := compile(t, tt.source)
			s := space.NewLibrary(definitions(t)).New(x)
			a := s.Find(t.Context(), []space.Goal{{Term: x, Want: tt.truth}}, &space.Budget{Steps: enough})
			if a == nil {
				if tt.want != "" {
					t.Errorf("found nothing, want %s", tt.want)
				}
				return
			}
			got, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("action (-want +got):\n%s", diff)
			}
			if v := lower.NewTest(x, definitions(t)).Truth(t.Context(), a); 1<<v != tt.truth {
				t.Errorf("the term is %s for %s", v, got)
			}
		})
	}
}

// TestBudget holds that a search without steps left claims nothing.
func TestBudget(t *testing.T) {
	t.Parallel()
	x := compile(t, `has(data.purpose) && data.purpose == "a" && data.region == "b" && data.purpose == "c"`)
	goals := []space.Goal{{Term: x, Want: space.True}}
	s := space.NewLibrary(nil).New(x)
	if s.Impossible(goals, &space.Budget{}) {
		t.Error("proven without a step")
	}
	if !s.Impossible(goals, &space.Budget{Steps: enough}) {
		t.Error("not proven")
	}
	other := []space.Goal{{Term: compile(t, `egress.tls`), Want: space.True}}
	if s.Impossible(other, &space.Budget{Steps: enough}) || s.Find(t.Context(), other, &space.Budget{Steps: enough}) != nil {
		t.Error("something is known of a term that the space was not made for")
	}
}

// TestManyConstants holds that what is beyond the bounds is not taken for
// impossible.
func TestManyConstants(t *testing.T) {
	t.Parallel()
	list := func(from, to int) *term.Term {
		var values []any
		for i := from; i < to; i++ {
			values = append(values, fmt.Sprint("c", i))
		}
		return &term.Term{Op: term.In, Kind: term.Bool, Args: []*term.Term{compile(t, `data.purpose == ""`).Args[0], term.Constant(values)}}
	}
	var all []*term.Term
	for i := range 20 {
		all = append(all, list(100*i, 100*i+100))
	}
	s := space.NewLibrary(nil).New(all...)
	for i, x := range all {
		if s.Impossible([]space.Goal{{Term: x, Want: space.True}}, &space.Budget{Steps: enough}) {
			t.Errorf("the list %d was proven to be of no purpose", i)
		}
	}
	first := []space.Goal{{Term: all[0], Want: space.True}, {Term: all[1], Want: space.True}}
	if !s.Impossible(first, &space.Budget{Steps: enough}) {
		t.Error("the first two lists have nothing in common, which was not proven")
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	const before = `{"action":{"type":"egress"},"data":{"purpose":"a","consent":{"given":true}},"context":{"k":{"l":1}}}`
	tests := []struct {
		path  string
		value space.Value
		want  string
	}{
		{"data.purpose", space.Stated("b"), `{"action":{"type":"egress"},"data":{"purpose":"b","consent":{"given":true}},"context":{"k":{"l":1}}}`},
		{"data.purpose", space.Absent(), `{"action":{"type":"egress"},"data":{"consent":{"given":true}},"context":{"k":{"l":1}}}`},
		{"data.consent", space.Absent(), `{"action":{"type":"egress"},"data":{"purpose":"a"},"context":{"k":{"l":1}}}`},
		{"tenantId", space.Stated("t"), `{"tenantId":"t","action":{"type":"egress"},"data":{"purpose":"a","consent":{"given":true}},"context":{"k":{"l":1}}}`},
		{"action.type", space.Absent(), before},
		{"egress.tls", space.Absent(), before},
		{"egress", space.Stated(nil), `{"action":{"type":"egress"},"data":{"purpose":"a","consent":{"given":true}},"egress":{},"context":{"k":{"l":1}}}`},
		{"context", space.Absent(), `{"action":{"type":"egress"},"data":{"purpose":"a","consent":{"given":true}}}`},
		{"context.k.l", space.Stated("x"), `{"action":{"type":"egress"},"data":{"purpose":"a","consent":{"given":true}},"context":{"k":{"l":"x"}}}`},
		{"context.k.m", space.Stated(nil), `{"action":{"type":"egress"},"data":{"purpose":"a","consent":{"given":true}},"context":{"k":{"l":1,"m":null}}}`},
		{"context.k.l", space.Absent(), `{"action":{"type":"egress"},"data":{"purpose":"a","consent":{"given":true}},"context":{"k":{}}}`},
		{"context.n", space.Absent(), before},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			a, err := decode.Action([]byte(before))
			if err != nil {
				t.Fatal(err)
			}
			p := space.PlaceAt(tt.path)
			if p.String() != tt.path {
				t.Fatalf("PlaceAt(%s) is %s", tt.path, p)
			}
			changed := p.With(a, tt.value)
			if diff := cmp.Diff(tt.want, marshal(t, changed)); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, marshal(t, a)); diff != "" {
				t.Errorf("the action itself changed (-want +got):\n%s", diff)
			}
			if got := p.ValueIn(changed); tt.path != "action.type" && !got.Equal(tt.value) {
				t.Errorf("ValueIn is %v, want %v", got, tt.value)
			}
		})
	}
	for _, path := range []string{"", "dta", "data.purpos", "data.purpose.x"} {
		if p := space.PlaceAt(path); p != (space.Place{}) {
			t.Errorf("PlaceAt(%q) is %s", path, p)
		}
	}
}

func marshal(t testing.TB, a *mesh.Action) string {
	t.Helper()
	out, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// FuzzImpossible holds proofs to actions: what is proven impossible must not
// happen, and what was found must be what was asked for.
func FuzzImpossible(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	env, predicates := environment(f), definitions(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		source := spacetest.Term(r, 4)
		x, issues := env.Compile(source)
		if x == nil && issues[0].Rule == "cel-type" {
			return // the two sides of a choice are of different types
		} else if x == nil {
			t.Fatalf("%s: %v", source, issues)
		}
		var actions []*mesh.Action
		for range 40 {
			actions = append(actions, spacetest.Action(r))
		}
		checkSpace(t, x.Term(nil), predicates, actions)
	})
}

func checkSpace(t *testing.T, x *term.Term, predicates map[string]*term.Term, actions []*mesh.Action) {
	t.Helper()
	const steps = 2000
	s := space.NewLibrary(predicates).New(x)
	test := lower.NewTest(x, predicates)
	for _, want := range []space.Truths{space.False, space.True, space.Error} {
		goals := []space.Goal{{Term: x, Want: want}}
		impossible := s.Impossible(goals, &space.Budget{Steps: steps})
		found := s.Find(t.Context(), goals, &space.Budget{Steps: steps})
		if found != nil {
			actions = append(actions, found)
			if 1<<test.Truth(t.Context(), found) != want {
				t.Errorf("%s is not %03b for %s", x, want, marshal(t, found))
			}
		}
		for _, a := range actions {
			if impossible && 1<<test.Truth(t.Context(), a) == want {
				t.Errorf("%s was proven never to be %03b, and is for %s", x, want, marshal(t, a))
			}
		}
	}
}

// TestSteps: making a space costs steps, the more the terms say.
func TestSteps(t *testing.T) {
	t.Parallel()
	library := space.NewLibrary(definitions(t))
	before := 0
	for _, source := range []string{
		`has(data.purpose)`,
		`has(data.purpose) && data.purpose == "a"`,
		`has(data.purpose) && data.purpose == "a" && (data.region == "b" || tool.args.n == 1)`,
		`has(data.purpose) && data.purpose == "a" && (data.region == "b" || tool.args.n == 1) && personalData()`,
	} {
		library.New(compile(t, source)) // whose classes are known from now on
		if got := library.New(compile(t, source)).Steps(); got <= before {
			t.Errorf("%s takes %d steps, less of it %d", source, got, before)
		} else {
			before = got
		}
	}
}
