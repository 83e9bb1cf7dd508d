package cases_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

const refunds = `default: deny
rules:
  custom:
    - id: refund-limit
      when: action.type == "tool.call"
      require: has(tool.args.amount) && tool.args.amount <= 500
`

// survivors lists the mutants that were not caught.
func survivors(m *cases.Mutation) []string {
	out := []string{}
	for _, x := range m.Mutants {
		if !x.Caught {
			out = append(out, fmt.Sprintf("%s %s: %s is not noticed: %s", x.Position, x.RuleID, x.Change, x.Hint))
		}
	}
	return out
}

func TestMutate(t *testing.T) {
	t.Parallel()
	p := compile(t, refunds)
	s := suite(t, `base: {action: {type: tool.call}}
cases:
  - {name: small, given: {tool: {args: {amount: 1}}}, want: {allowed: true, violations: []}}
  - {name: large, given: {tool: {args: {amount: 1000}}}, want: {allowed: false, violations: [refund-limit]}}
  - {name: other, given: {action: {type: data.read}}, want: {allowed: false, violations: [default]}}
  - {name: wrong, given: {action: {type: data.read}}, want: {allowed: true}}
`)
	var progress []int
	got, err := cases.Mutate(t.Context(), p, []*cases.Suite{s}, func(done, total int) { progress = append(progress, done, total) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"policy.yaml:8:16 refund-limit: absent tool.args.amount accepted is not noticed: add a case without tool.args.amount",
		"policy.yaml:8:61 refund-limit: bound 500 moved to 501 is not noticed: add a case with tool.args.amount 501",
		"policy.yaml:8:61 refund-limit: bound 500 moved to 499 is not noticed: add a case with tool.args.amount 500",
		"policy.yaml:8:61 refund-limit: <= turned into < in `tool.args.amount <= 500` is not noticed: add a case with tool.args.amount 500",
	}
	slices.Sort(want)
	lines := survivors(got)
	slices.Sort(lines)
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("survivors (-want +got):\n%s", diff)
	}
	if got.Tried != len(got.Mutants) || got.Caught != got.Tried-len(want) || got.Skipped != 1 || got.Truncated {
		t.Errorf("tried %d of %d, caught %d, skipped %d, truncated %t", got.Tried, len(got.Mutants), got.Caught, got.Skipped, got.Truncated)
	}
	if want := float64(got.Caught) / float64(got.Tried); got.Score() != want {
		t.Errorf("Score = %v, want %v", got.Score(), want)
	}
	if n := len(progress); n != 2*got.Tried || progress[n-1] != got.Tried || progress[n-2] != got.Tried {
		t.Errorf("progress: %v", progress)
	}
	if c := got.Mutants[0]; c.Kind != "rule-dropped" || c.CaughtBy != "small" || c.ID != "refund-limit#1" {
		t.Errorf("the first mutant: %+v", c)
	}
}

func TestMutateWithBoundaryCases(t *testing.T) {
	t.Parallel()
	s := suite(t, `base: {action: {type: tool.call}}
cases:
  - {name: at most, given: {tool: {args: {amount: 500}}}, want: {allowed: true, violations: []}}
  - {name: more, given: {tool: {args: {amount: 501}}}, want: {allowed: false, violations: [refund-limit]}}
  - {name: none, want: {allowed: false, violations: [refund-limit]}}
  - {name: other, given: {action: {type: data.read}}, want: {allowed: false, violations: [default]}}
`)
	got, err := cases.Mutate(t.Context(), compile(t, refunds), []*cases.Suite{s}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, survivors(got)); diff != "" {
		t.Errorf("survivors (-want +got):\n%s", diff)
	}
}

func TestMutateWithoutCases(t *testing.T) {
	t.Parallel()
	got, err := cases.Mutate(t.Context(), compile(t, refunds), nil, nil)
	if err != nil || got.Caught != 0 || got.Tried == 0 {
		t.Errorf("Mutate = %+v, %v", got, err)
	}
	if empty := (&cases.Mutation{}); empty.Score() != 1 {
		t.Errorf("Score of no mutants is %v", empty.Score())
	}
}

func TestMutateStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	got, err := cases.Mutate(ctx, compile(t, refunds), nil, func(int, int) { cancel() })
	if got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Mutate = %v, %v", got, err)
	}
}

// TestCaughtMutantsFail takes random parts of policies and of their cases: a
// mutant that is said to be caught must fail the case that is named, decided by
// its whole program, and one that is said to survive must fail none.
func TestCaughtMutantsFail(t *testing.T) {
	t.Parallel()
	const rounds = 8
	random := rand.New(rand.NewSource(1))
	for range rounds {
		name := []string{"desk", "sections"}[random.Intn(2)]
		p, s := part(t, random, name)
		run, err := cases.Mutate(t.Context(), p, []*cases.Suite{s}, nil)
		if err != nil {
			t.Fatal(err)
		}
		mutants, _ := p.Enforced().Mutants(cases.MaxMutants)
		if len(mutants) != run.Tried {
			t.Fatalf("%d mutants, tried %d", len(mutants), run.Tried)
		}
		before := failing(t, p, s)
		for i, m := range run.Mutants {
			after := failing(t, mutants[i].Program(), s)
			for name := range before {
				delete(after, name)
			}
			if m.Caught != after[m.CaughtBy] || m.Caught != (len(after) > 0) {
				t.Errorf("%s: %s %s: caught %t by %q; the cases that fail are %v", name, m.ID, m.Change, m.Caught, m.CaughtBy, after)
			}
		}
	}
}

// part takes some rules of a policy and some of its cases.
func part(t *testing.T, random *rand.Rand, name string) (*engine.Program, *cases.Suite) {
	t.Helper()
	read := func(file string) []byte {
		src, err := os.ReadFile(filepath.Join("..", "testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	doc, findings := policy.Parse("policy.yaml", read(name+".yaml"))
	if doc == nil {
		t.Fatalf("findings: %v", findings)
	}
	some := *doc
	some.DenyByDefault = random.Intn(2) == 0
	some.Rules = slices.DeleteFunc(slices.Clone(doc.Rules), func(policy.Rule) bool { return random.Intn(2) == 0 })
	p, err := engine.Compile([]engine.Policy{{ID: "acme/part", Document: &some}})
	if err != nil {
		t.Fatal(err)
	}
	all := suite(t, string(read(name+"_test.yaml")))
	s := &cases.Suite{File: all.File}
	for _, c := range all.Cases {
		if random.Intn(3) == 0 {
			continue
		}
		c.Want.Violations = slices.DeleteFunc(slices.Clone(c.Want.Violations), func(id string) bool {
			return id != policy.RuleDefault && !slices.ContainsFunc(some.Rules, func(r policy.Rule) bool { return r.ID == id })
		})
		s.Cases = append(s.Cases, c)
	}
	return p, s
}

// failing returns the names of the cases that fail.
func failing(t *testing.T, p *engine.Program, s *cases.Suite) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, c := range cases.Run(t.Context(), p, []*cases.Suite{s}).Cases {
		if !c.Passed {
			out[c.Name] = true
		}
	}
	return out
}

// TestManyCases runs as many cases as a file may hold, with all their mutants.
func TestManyCases(t *testing.T) {
	t.Parallel()
	const many = 5000
	s := &cases.Suite{File: "policy_test.yaml"}
	for i := range many {
		a := &mesh.Action{Action: mesh.Operation{Type: mesh.TypeToolCall}, Tool: &mesh.Tool{Args: map[string]any{"amount": int64(i)}}}
		allowed := i <= 500
		s.Cases = append(s.Cases, cases.Case{Name: fmt.Sprint(i), Action: a, Want: cases.Want{Allowed: &allowed}})
	}
	p := compile(t, refunds)
	if report := cases.Run(t.Context(), p, []*cases.Suite{s}); report.Passed != many {
		t.Errorf("%d passed, %d failed", report.Passed, report.Failed)
	}
	got, err := cases.Mutate(t.Context(), p, []*cases.Suite{s}, nil)
	if err != nil || got.Caught < got.Tried/2 {
		t.Errorf("Mutate = %+v, %v", got, err)
	}
}

// BenchmarkMutate tries every mutant of a policy of 100 rules with 300 cases.
func BenchmarkMutate(b *testing.B) {
	const rules, perRule = 100, 3
	source := strings.Builder{}
	source.WriteString("rules:\n  custom:\n")
	s := &cases.Suite{File: "policy_test.yaml"}
	for i := range rules {
		fmt.Fprintf(&source, `    - id: r%d
      when: action.type in ["tool.call", "egress"] && has(tool.name) && tool.name == "t%d" && personalData()
      require: has(tool.args.amount) && tool.args.amount <= %d && has(data.region) && data.region in ["eu", "us"]
`, i, i, i)
		for j := range perRule {
			region, tool, allowed := "eu", fmt.Sprintf("t%d", i), j < 2
			s.Cases = append(s.Cases, cases.Case{Name: fmt.Sprint(i, j), Want: cases.Want{Allowed: &allowed}, Action: &mesh.Action{
				Action: mesh.Operation{Type: mesh.TypeToolCall}, Data: &mesh.Data{Region: &region, Categories: []string{"pii"}},
				Tool: &mesh.Tool{Name: &tool, Args: map[string]any{"amount": int64(i + j - 1)}},
			}})
		}
	}
	p := compile(b, source.String())
	for b.Loop() {
		got, err := cases.Mutate(b.Context(), p, []*cases.Suite{s}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(got.Tried), "mutants")
	}
}
