package enginetest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
)

func newInterpreter(t testing.TB) *Interpreter {
	t.Helper()
	i, err := NewInterpreter()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func read(t testing.TB, i *Interpreter, source Source) *Policy {
	t.Helper()
	p, err := i.Read(source)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func plainAction(t testing.TB, data string) map[string]any {
	t.Helper()
	action, err := ReadAction([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return action
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		tls = "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n" +
			"    - {id: tls, when: 'action.type == \"egress\"', require: 'has(egress.tls) && egress.tls', obligations: [{type: log}, {type: mask, properties: {categories: [pii]}}]}\n"
		broken = tls + "    - {id: broken, when: 'egress.host == \"x\"', require: 'true'}\n"
		limit  = "params: {n: {type: number, default: 5}}\nrules: {custom: [{id: limit, require: 'tool.args.n / params.n <= 1.0'}]}\n"
	)
	tests := []struct {
		name   string
		source Source
		action string
		want   Outcome
	}{
		{"violated", Source{YAML: tls}, `{"action":{"type":"egress"}}`, Outcome{Violated: []string{"tls"}, Looked: []string{"tls"}}},
		{"met", Source{YAML: tls}, `{"action":{"type":"egress"},"egress":{"tls":true}}`, Outcome{Allowed: true, WouldAllow: true, Looked: []string{"tls"}, Obligations: []string{"log", `mask {"categories":["pii"]}`}}},
		{"not looked at", Source{YAML: tls}, `{"action":{"type":"data.read"}}`, Outcome{Allowed: true, WouldAllow: true}},
		{"not looked at, which is denied", Source{YAML: tls + "default: deny\n"}, `{"action":{"type":"data.read"}}`, Outcome{Violated: []string{"default"}}},
		{"monitored", Source{YAML: tls + "enforcement: {mode: monitor}\n"}, `{"action":{"type":"egress"}}`, Outcome{Allowed: true, Violated: []string{"tls"}, Looked: []string{"tls"}}},
		{"weakened", Source{YAML: tls, Mode: mesh.ModeAudit}, `{"action":{"type":"egress"}}`, Outcome{Allowed: true, Violated: []string{"tls"}, Looked: []string{"tls"}}},
		{"not tightened", Source{YAML: tls + "enforcement: {mode: monitor}\n", Mode: mesh.ModeEnforce}, `{"action":{"type":"egress"}}`, Outcome{Allowed: true, Violated: []string{"tls"}, Looked: []string{"tls"}}},
		{"failed", Source{YAML: broken}, `{"action":{"type":"data.read"}}`, Outcome{Failed: []string{"broken"}, Looked: []string{"broken"}}},
		{"failed, monitored", Source{YAML: broken, Mode: mesh.ModeMonitor}, `{"action":{"type":"data.read"}}`, Outcome{Allowed: true, Failed: []string{"broken"}, Looked: []string{"broken"}}},
		{"a number's default may be whole", Source{YAML: limit}, `{"action":{"type":"x"},"tool":{"args":{"n":4.5}}}`, Outcome{Allowed: true, WouldAllow: true, Looked: []string{"limit"}}},
		{"what a subscriber sets", Source{YAML: limit, Params: map[string]any{"n": 4}}, `{"action":{"type":"x"},"tool":{"args":{"n":4.5}}}`, Outcome{Violated: []string{"limit"}, Looked: []string{"limit"}}},
		{"unknown section", Source{YAML: "rules: {other: {x: true}}\n"}, `{"action":{"type":"x"}}`, Outcome{Allowed: true, WouldAllow: true, Unsupported: []string{"the section other.x"}}},
		{"unknown function", Source{YAML: "rules: {custom: [{id: a, require: 'f(1)'}]}\n"}, `{"action":{"type":"x"}}`,
			Outcome{Allowed: true, WouldAllow: true, Unsupported: []string{"rule a: not supported: the function f with 1 arguments"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newInterpreter(t)
			got := i.Decide(read(t, i, tt.source), plainAction(t, tt.action))
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideAllDeniesIfOneDoes(t *testing.T) {
	t.Parallel()
	i := newInterpreter(t)
	policies := []*Policy{
		read(t, i, Source{ID: "a/yes", YAML: "rules: {custom: [{id: r, require: 'true', obligations: [{type: log}]}]}\n"}),
		read(t, i, Source{ID: "a/no", YAML: "rules: {custom: [{id: r, require: 'false'}]}\n"}),
	}
	got := i.DecideAll(policies, plainAction(t, `{"action":{"type":"x"}}`))
	want := Outcome{Violated: []string{"a/no:r"}, Looked: []string{"a/no:r", "a/yes:r"}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

// The interpreter's reading of the built-in sections passes the product's own
// cases of them.
func TestSectionsPassTheirCases(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../testdata/sections.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../testdata/sections_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	suite, findings := cases.Parse(t.Context(), "sections_test.yaml", file)
	if suite == nil {
		t.Fatal(findings)
	}
	i := newInterpreter(t)
	p := read(t, i, Source{YAML: string(source)})
	for _, c := range suite.Cases {
		data, err := json.Marshal(c.Action)
		if err != nil {
			t.Fatal(err)
		}
		got := i.Decide(p, plainAction(t, string(data)))
		want := cmp.Diff(c.Want.Violations, got.Violated, cmpopts.EquateEmpty(), cmpopts.SortSlices(strings.Compare))
		if want != "" || c.Want.Allowed != nil && *c.Want.Allowed != got.Allowed || len(got.Unsupported) > 0 {
			t.Errorf("%s: %v; violations (-want +got):\n%s", c.Name, got, want)
		}
	}
}

// What the product means by personal data and health data, in CEL, is what the
// document says of them.
func TestPredicates(t *testing.T) {
	t.Parallel()
	i, g := newInterpreter(t), newGenerator(t, 1)
	asked := map[string]*node{}
	for _, p := range primitives.Predicates() {
		n, err := parse(p.CEL)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		asked[p.Name] = n
	}
	said := map[string]int{}
	for range 500 {
		a := action(t, g)
		plain, err := a.plain()
		if err != nil {
			t.Fatal(err)
		}
		s := i.scopeOf(plain, nil)
		for name, predicate := range s.predicates {
			want := predicate()
			if got, err := s.truth(asked[name]); err != nil || got != want {
				t.Fatalf("%s is %t, %v in CEL, want %t\n%s", name, got, err, want, a.JSON)
			}
			if want {
				said[name]++
			}
		}
	}
	for name := range asked {
		if said[name] == 0 || said[name] == 500 {
			t.Errorf("%s was true %d times of 500", name, said[name])
		}
	}
}
