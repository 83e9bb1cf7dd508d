package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
)

// casesOf reads a file of cases in testdata.
func casesOf(t testing.TB, name string) *cases.Suite {
	t.Helper()
	path := filepath.Join("testdata", name)
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	suite, findings := cases.Parse(t.Context(), path, src)
	if suite == nil {
		t.Fatalf("findings: %v", findings)
	}
	return suite
}

func mutants(t testing.TB, p *engine.Program) []*engine.Mutant {
	t.Helper()
	list, more := p.Mutants(10_000)
	if more {
		t.Fatal("there are more mutants")
	}
	return list
}

// mutantTests are policies, and the place, rule, kind and words of each mutant.
var mutantTests = []struct {
	name, src string
	want      []string
}{
	{"custom rule", custom(egressTLS), []string{
		`5:12 tls rule-dropped: the rule left out`,
		`5:59 tls condition-negated: the condition negated`,
		"5:59 tls part-dropped: `action.type == \"egress\"` left out of the condition",
		"5:95 tls clause-negated: `has(egress.tls) && egress.tls` negated",
		"5:114 tls part-dropped: `egress.tls` left out",
		`5:95 tls absent-accepted: absent egress.tls accepted`,
		`0:0 default default-swapped: default: allow turned into deny`,
	}},
	{"a rule that looks at everything", custom("    - {id: a, require: 'data.retentionDays < 2'}\n"), []string{
		`5:12 a rule-dropped: the rule left out`,
		"5:25 a clause-negated: `data.retentionDays < 2` negated",
		`5:46 a bound-moved: bound 2 moved to 3`,
		`5:46 a bound-moved: bound 2 moved to 1`,
	}},
	{"a rule that looks at nothing", custom("    - {id: a, when: 'has(data.purpose) && data.purpose in []', require: 'data.retentionDays < 2'}\n"), []string{
		`0:0 default default-swapped: default: allow turned into deny`,
	}},
	{"a rule that only obliges", custom("    - {id: a, when: personalData(), obligations: [{type: mask}]}\n"), []string{
		`5:12 a rule-dropped: the rule left out`,
		`5:21 a condition-negated: the condition negated`,
		"5:21 a part-dropped: `personalData()` left out of the condition",
		`0:0 default default-swapped: default: allow turned into deny`,
	}},
	{"a rule that also obliges", "default: deny\n" + custom("    - {id: a, when: personalData(), require: actor.mfa, obligations: [{type: mask}]}\n"), []string{
		`6:12 a rule-dropped: the rule left out`,
		`6:21 a condition-negated: the condition negated`,
		"6:21 a part-dropped: `personalData()` left out of the condition",
		"6:46 a clause-negated: `actor.mfa` negated",
		`6:46 a part-dropped: all that is required left out`,
		`6:12 a obligation-dropped: the obligation mask left out`,
		`0:0 default default-swapped: default: deny turned into allow`,
	}},
	{"a parameter that only cel-go reads", "params:\n  tag: {type: integer, default: 1}\n  tags: {type: array, items: {type: string}, default: [x]}\n" + custom("    - {id: a, when: personalData(), require: 'data.fields.filter(f, f in params.tags).size() == 1'}\n"), []string{
		`8:12 a rule-dropped: the rule left out`,
		`8:21 a condition-negated: the condition negated`,
		"8:21 a part-dropped: `personalData()` left out of the condition",
		"8:47 a clause-negated: `(data.fields.filter(f, f in [\"x\"]).size() == 1)` negated",
		`8:12 a element-dropped: x left out of params.tags`,
		`0:0 default default-swapped: default: allow turned into deny`,
	}},
	{"built-in rules", "version: \"3.0.0\"\nname: n\nrules:\n  data_storage:\n    retention: {max_days: 0}\n    location_restrictions: {allowed_regions: [eu, us]}\n", []string{
		`5:17 data_storage.retention.max_days rule-dropped: the rule left out`,
		`5:17 data_storage.retention.max_days bound-moved: max_days 0 moved to 1`,
		`5:17 data_storage.retention.max_days bound-moved: max_days 0 moved to -1`,
		`6:29 data_storage.location_restrictions.allowed_regions rule-dropped: the rule left out`,
		`6:29 data_storage.location_restrictions.allowed_regions element-dropped: eu left out of allowed_regions`,
		`6:29 data_storage.location_restrictions.allowed_regions element-dropped: us left out of allowed_regions`,
		`6:29 data_storage.location_restrictions.allowed_regions any-accepted: any value accepted for allowed_regions`,
		`0:0 default default-swapped: default: allow turned into deny`,
	}},
}

func TestMutants(t *testing.T) {
	t.Parallel()
	for _, tt := range mutantTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			ids := map[string]bool{}
			for _, m := range mutants(t, program(t, document(t, "p.yaml", tt.src))) {
				if ids[m.ID] || m.Position.File != "p.yaml" || m.Hint == "" {
					t.Errorf("mutant %+v", m)
				}
				ids[m.ID] = true
				got = append(got, fmt.Sprintf("%d:%d %s %s: %s", m.Position.Line, m.Position.Column, m.RuleID, m.Kind, m.What))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("mutants (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMutantsAreBounded(t *testing.T) {
	t.Parallel()
	p := program(t, load(t, "testdata/desk.yaml"))
	all := mutants(t, p)
	for _, limit := range []int{0, 1, len(all) - 1, len(all), len(all) + 1} {
		got, more := p.Mutants(limit)
		if len(got) != min(limit, len(all)) || more != (limit < len(all)) {
			t.Fatalf("of %d mutants at most %d: %d, more %t", len(all), limit, len(got), more)
		}
	}
}

// decided is what cases look at, and what the audit log says.
func decided(r *engine.Result) string {
	var out strings.Builder
	fmt.Fprintln(&out, r.Allowed, r.WouldAllow, r.Mode, r.Obligations)
	for _, v := range r.Violations {
		fmt.Fprintln(&out, "violated", v.PolicyID, v.RuleID)
	}
	for _, e := range r.Errors {
		fmt.Fprintln(&out, "failed", e.PolicyID, e.RuleID)
	}
	for _, p := range r.Policies {
		fmt.Fprintln(&out, p.PolicyID, p.Decision, p.Reason, p.Rules)
	}
	return out.String()
}

// TestTrial demands that trying a mutant decides as its program does, for
// several policies at once.
func TestTrial(t *testing.T) {
	t.Parallel()
	monitored := document(t, "m.yaml", custom(egressTLS)+"enforcement: {mode: monitor}\n")
	deferred := document(t, "d.yaml", custom(egressTLS)+"enforcement: {mode: audit}\n")
	p := program(t, monitored, load(t, "testdata/desk.yaml"), deferred)
	var actions []*mesh.Action
	for _, c := range casesOf(t, "desk_test.yaml").Cases {
		actions = append(actions, c.Action)
	}
	trial, differ := p.NewTrial(), 0
	var tried, whole, base engine.Result
	sieve, passed := engine.NewSieve(actions), 0
	for _, m := range mutants(t, p) {
		trial.Use(m)
		concerned := sieve.Concerned(m)
		passed += len(concerned)
		changed := m.Program()
		for i, a := range actions {
			changed.Evaluate(t.Context(), a, engine.Inline, &whole)
			p.Evaluate(t.Context(), a, engine.Inline, &base)
			want := decided(&whole)
			if !trial.Evaluate(t.Context(), a, &tried) {
				if diff := cmp.Diff(want, decided(&base)); diff != "" {
					t.Fatalf("%s %s, action %d: said to make no difference (-mutant +program):\n%s", m.ID, m.What, i, diff)
				}
				continue
			}
			differ++
			if !slices.Contains(concerned, i) {
				t.Fatalf("%s %s, action %d: decided otherwise, and not concerned", m.ID, m.What, i)
			}
			if diff := cmp.Diff(want, decided(&tried)); diff != "" {
				t.Fatalf("%s %s, action %d (-mutant's program +trial):\n%s", m.ID, m.What, i, diff)
			}
			ignore := cmpopts.IgnoreFields(mesh.Violation{}, "Controls")
			if diff := cmp.Diff(whole.Violations, tried.Violations, ignore); diff != "" {
				t.Fatalf("%s %s, action %d: violations (-mutant's program +trial):\n%s", m.ID, m.What, i, diff)
			}
			if diff := cmp.Diff(whole.Errors, tried.Errors); diff != "" {
				t.Fatalf("%s %s, action %d: errors (-mutant's program +trial):\n%s", m.ID, m.What, i, diff)
			}
		}
	}
	if all := len(mutants(t, p)) * len(actions); passed == all {
		t.Errorf("every mutant concerns every action")
	}
	if differ == 0 {
		t.Error("no mutant makes a difference")
	}
}

// TestEveryMutantIsNoticed demands that the cases of testdata catch what there
// is to catch.
func TestEveryMutantIsNoticed(t *testing.T) {
	t.Parallel()
	p := program(t, load(t, "testdata/desk.yaml"))
	suite := casesOf(t, "desk_test.yaml")
	for _, c := range cases.Run(t.Context(), p, []*cases.Suite{suite}).Cases {
		if !c.Passed {
			t.Errorf("%s: %v", c.Name, c.Failures)
		}
	}
	run, err := cases.Mutate(t.Context(), p, []*cases.Suite{suite}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range run.Mutants {
		if !m.Caught {
			t.Errorf("%s %s: %s is not noticed: %s", m.Position, m.RuleID, m.Change, m.Hint)
		}
	}
	t.Logf("%d mutants", run.Tried)
}

// TestMutantRules holds that a mutant's program tells the mutant's rules.
func TestMutantRules(t *testing.T) {
	t.Parallel()
	p := program(t, document(t, "p.yaml", custom("    - {id: a, require: 'has(data.retentionDays) && data.retentionDays < 2'}\n    - {id: b, require: 'has(data.purpose)'}\n")))
	before := fmt.Sprint(ruleTexts(p))
	for _, m := range mutants(t, p) {
		if got := fmt.Sprint(ruleTexts(m.Program())); got == before {
			t.Errorf("%s, %s: the rules are still %s", m.ID, m.What, got)
		}
	}
}

func ruleTexts(p *engine.Program) []string {
	var out []string
	for _, r := range p.Rules() {
		out = append(out, r.ID+": "+r.Require.String())
	}
	return out
}
