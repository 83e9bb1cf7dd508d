package cases_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

func TestParseMergesOverBase(t *testing.T) {
	t.Parallel()
	s, findings := cases.Parse(t.Context(), "p_test.yaml", []byte(`
policy: ../policy.yaml
base:
  action: {type: data.read, name: n}
  data: {categories: [pii, phi], purpose: a, consent: {given: true, purposes: [a]}}
  context: {keep: 1, drop: null}
cases:
  - name: as it is
    want: {allowed: true}
  - name: changed
    given:
      action: {type: egress}
      data: {categories: [], consent: {purposes: null}, retentionDays: 5}
      egress: {tls: null}
      timestamp: 2026-11-22T10:00:00Z
      context: {more: [1.5, null]}
    want: {violations: [a, b], obligations: [mask, {type: notify, properties: {to: dpo}}]}
  - name: without data
    given: {data: null}
    want: {allowed: false, violations: []}
`))
	if s == nil || len(findings) > 0 {
		t.Fatalf("findings: %v", findings)
	}
	if s.Policy != "../policy.yaml" || s.File != "p_test.yaml" {
		t.Errorf("suite: %+v", s)
	}
	want := []string{
		`{"action":{"type":"data.read","name":"n"},"data":{"categories":["pii","phi"],"purpose":"a","consent":{"given":true,"purposes":["a"]}},"context":{"keep":1}}`,
		`{"timestamp":"2026-11-22T10:00:00Z","action":{"type":"egress","name":"n"},"data":{"categories":[],"purpose":"a","consent":{"given":true},"retentionDays":5},"egress":{},"context":{"keep":1,"more":[1.5,null]}}`,
		`{"action":{"type":"data.read","name":"n"},"context":{"keep":1}}`,
	}
	for i, c := range s.Cases {
		got, err := json.Marshal(c.Action)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Name, diff)
		}
	}
	if s.Cases[0].Want.Violations != nil || s.Cases[2].Want.Violations == nil {
		t.Error("an absent set is not the empty one")
	}
	if p := s.Cases[1].Position; p.Line != 10 || p.Column != 11 {
		t.Errorf("position of the second case: %s", p)
	}
}

func TestParseFindings(t *testing.T) {
	t.Parallel()
	const one = "cases:\n  - name: a\n    given: {action: {type: x}}\n    want: {allowed: true}\n"
	tests := []struct{ name, src, want string }{
		{"no cases", "policy: p.yaml\n", "1:1 missing-key the key cases is missing"},
		{"empty", "cases: []\n", "1:8 wrong-value cases is empty"},
		{"unknown key", one + "bases: {}\n", "5:1 unknown-key unknown key bases (did you mean base?)"},
		{"no want", "cases:\n  - name: a\n", "2:5 missing-key the key want is missing"},
		{"empty want", "cases:\n  - name: a\n    want: {}\n", "3:11 missing-key one of the keys allowed, violations, obligations, errors is needed"},
		{"misspelt want", "cases:\n  - name: a\n    want: {alowed: true}\n", "3:12 unknown-key unknown key alowed (did you mean allowed?)"},
		{"no action", "cases:\n  - name: a\n    want: {allowed: true}\n", "2:11 missing-key the case gives no action"},
		{"no type", "cases:\n  - name: a\n    given: {data: {}}\n    want: {allowed: true}\n", "3:12 missing-key the key action is missing"},
		{"unknown field", "cases:\n  - name: a\n    given: {action: {type: x}, data: {purpos: a}}\n    want: {allowed: true}\n", "3:39 unknown-key unknown key purpos (did you mean purpose?)"},
		{"wrong type", "cases:\n  - name: a\n    given: {action: {type: x}, egress: {tls: 'yes'}}\n    want: {allowed: true}\n", `3:46 wrong-type expected true or false, found "yes"`},
		{"fault of base, once", "base: {action: {typ: x}}\ncases:\n  - {name: a, want: {allowed: true}}\n  - {name: b, want: {allowed: true}}\n", "1:17 unknown-key unknown key typ (did you mean type?)"},
		{"name twice", one + "  - {name: a, given: {action: {type: x}}, want: {allowed: true}}\n", "5:12 duplicate-name"},
		{"negative", "cases:\n  - name: a\n    given: {action: {type: x}, data: {retentionDays: -1}}\n    want: {allowed: true}\n", "3:54 wrong-value -1 is less than 0"},
		{"not YAML", "cases: [", "yaml-syntax"},
		{"obligation without a type", "cases:\n  - {name: a, given: {action: {type: x}}, want: {obligations: [{properties: {}}]}}\n", "missing-key the key type is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, findings := cases.Parse(t.Context(), "c.yaml", []byte(tt.src))
			if s != nil || !mesh.HasErrors(findings) {
				t.Fatalf("Parse = %v, %v, want errors", s, findings)
			}
			var all []string
			for _, f := range findings {
				line := strings.TrimPrefix(f.Position.String(), "c.yaml:") + " " + f.Rule + " " + f.Message
				if f.Hint != "" {
					line += " (" + f.Hint + ")"
				}
				all = append(all, line)
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, tt.want) || strings.Count(got, tt.want) != 1 {
				t.Errorf("want %q once in\n%s", tt.want, got)
			}
		})
	}
}

// many is a file of n cases with that base, which give nothing themselves.
func many(base string, n int) string {
	var src strings.Builder
	src.WriteString("base: {action: {type: x}, " + base + "}\ncases:\n")
	for i := range n {
		fmt.Fprintf(&src, "  - {name: c%d, want: {allowed: true}}\n", i)
	}
	return src.String()
}

// TestParseBoundsTheActions has files that are small by themselves: what they
// come to must be known before anything is done with it, of sound and of faulty
// actions.
func TestParseBoundsTheActions(t *testing.T) {
	t.Parallel()
	numbers := "context: {a: [" + strings.Repeat("1,", 30_000) + "1]}"
	tests := []struct{ name, src, want string }{
		{"much text", many("context: {a: "+strings.Repeat("a", 500_000)+"}", 100), "too-large the file holds actions with more than 16777216 bytes of text, once merged with base"},
		{"many values", many(numbers, 4_900), "too-large the file holds actions with more than 200000 values, once merged with base"},
		{"base at fault", many("unknwn: 1, "+numbers, 4_900), "unknown-key unknown key unknwn"},
		{"every case at fault", strings.ReplaceAll(many(numbers, 900), ", want:", ", given: {action: {type: null}}, want:"), "missing-key the key type is missing\ntoo-large the file holds actions with more than 200000 values, once merged with base"},
		{"many cases", many("", cases.MaxCases+1), "too-large cases has 5001 elements, more than 5000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, findings := cases.Parse(t.Context(), "c.yaml", []byte(tt.src))
			var got []string
			for _, f := range findings {
				if line := f.Rule + " " + f.Message; !slices.Contains(got, line) {
					got = append(got, line)
				}
			}
			if s != nil || strings.Join(got, "\n") != tt.want {
				t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(got, "\n"), tt.want)
			}
		})
	}
}

func TestReaderBoundsAllFiles(t *testing.T) {
	t.Parallel()
	src := []byte(many("", cases.MaxCases))
	var r cases.Reader
	for i := range cases.FullFiles {
		if s, findings := r.Salvage(t.Context(), "c.yaml", src); len(findings) > 0 || len(s.Cases) == 0 {
			t.Fatalf("file %d: %v", i, findings)
		}
	}
	for range 2 {
		s, findings := r.Salvage(t.Context(), "c.yaml", src)
		if len(s.Cases) > 0 || len(findings) != 1 || findings[0].Message != "the files of cases together hold more than 20000 cases" {
			t.Errorf("findings: %v", findings)
		}
	}
}

// TestManyUnknownRules: which rule was meant is looked for as often as somebody
// reads about it, not 50,000 times among 2,000.
func TestManyUnknownRules(t *testing.T) {
	t.Parallel()
	src := "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n"
	for i := range 2_000 {
		src += fmt.Sprintf("    - {id: rule-number-%d, require: has(data.purpose)}\n", i)
	}
	doc, findings := policy.Parse("p.yaml", []byte(src))
	if doc == nil {
		t.Fatalf("findings: %v", findings)
	}
	p, err := engine.Compile([]engine.Policy{{ID: "acme/many", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	var ids strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&ids, "rule-nmber-%d, ", i)
	}
	s, findings := cases.Parse(t.Context(), "c.yaml", []byte("cases: [{name: a, given: {action: {type: x}}, want: {violations: ["+ids.String()+"]}}]"))
	if s == nil {
		t.Fatalf("findings: %v", findings)
	}
	if found := s.Lint(doc); len(found) != 1_000 || found[0].Hint != "did you mean rule-number-0?" || found[999].Hint != "" {
		t.Errorf("%d findings, the first: %v", len(found), found[:min(len(found), 1)])
	}
	if failures := cases.Run(t.Context(), p, []*cases.Suite{s}).Cases[0].Failures; len(failures) != 52_000 || !strings.HasSuffix(failures[0], "(did you mean rule-number-0?)") {
		t.Errorf("%d failures", len(failures))
	}
}

func TestParseStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, findings := cases.Parse(ctx, "c.yaml", []byte(many("", 3))); s != nil || len(findings) > 0 {
		t.Errorf("a suite of %d cases, findings: %v", len(s.Cases), findings)
	}
}

const rules = `version: "3.0.0"
name: Egress
rules:
  custom:
    - id: tls
      when: action.type == "egress"
      require: has(egress.tls) && egress.tls
    - id: host
      when: action.type == "egress"
      require: egress.host.endsWith(".example.com")
    - id: mask
      when: action.type == "egress" && personalData()
      obligations: [{type: mask, properties: {fields: [email]}}]
enforcement: {mode: monitor}
`

func program(t testing.TB) *engine.Program {
	t.Helper()
	doc, findings := policy.Parse("policy.yaml", []byte(rules))
	if doc == nil {
		t.Fatalf("findings: %v", findings)
	}
	p, err := engine.Compile([]engine.Policy{{ID: "acme/egress", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, given, want string
		failures          []string
	}{
		{"passes", `egress: {tls: true, host: a.example.com}`, `{allowed: true, violations: [], obligations: [mask]}`, nil},
		{"passes, with properties", `egress: {tls: true, host: a.example.com}`, `{obligations: [{type: mask, properties: {fields: [email]}}]}`, nil},
		{"enforces a monitored policy", `egress: {host: a.example.com}`, `{allowed: false, violations: [tls], obligations: []}`, nil},
		{"wanted to be allowed", `egress: {host: a.example.com}`, `{allowed: true, violations: [tls]}`, []string{"allowed is false, want true"}},
		{"violation missing", `egress: {tls: true, host: a.example.com}`, `{violations: [tls]}`, []string{"violation tls is missing"}},
		{"violation not wanted", `egress: {host: a.example.org}`, `{violations: [tls]}`, []string{"violation host is not wanted"}},
		{"no such rule", `egress: {tls: true, host: a.example.com}`, `{violations: [tsl]}`, []string{"violation tsl is wanted, but the policy has no such rule (did you mean tls?)"}},
		{"rule fails", `egress: {tls: true}`, `{allowed: false, violations: []}`, []string{"host could not be evaluated: require: it reads egress.host, which is absent"}},
		{"rule is wanted to fail", `egress: {tls: true}`, `{allowed: false, violations: [], errors: [host]}`, nil},
		{"rule does not fail", `egress: {tls: true, host: a.example.com}`, `{errors: [host]}`, []string{"error host is missing"}},
		{"obligation missing", `egress: {tls: true, host: a.example.com}`, `{obligations: [mask, notify]}`, []string{"obligation notify is missing"}},
		{"obligation not wanted", `egress: {tls: true, host: a.example.com}`, `{obligations: []}`, []string{`obligation mask {"fields":["email"]} is not wanted`}},
		{"obligation with other properties", `egress: {tls: true, host: a.example.com}`, `{obligations: [{type: mask}]}`, []string{"obligation mask is missing", `obligation mask {"fields":["email"]} is not wanted`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, findings := cases.Parse(t.Context(), "c.yaml", []byte("base: {action: {type: egress}}\ncases:\n  - name: c\n    given: {"+tt.given+"}\n    want: "+tt.want+"\n"))
			if s == nil {
				t.Fatalf("findings: %v", findings)
			}
			report := cases.Run(t.Context(), program(t), []*cases.Suite{s})
			got := report.Cases[0].Failures
			if diff := cmp.Diff(append([]string{}, tt.failures...), got); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if report.OK() != (len(tt.failures) == 0) || report.Passed+report.Failed != 1 {
				t.Errorf("report: %+v", report)
			}
		})
	}
}

func TestRunCoverage(t *testing.T) {
	t.Parallel()
	s, findings := cases.Parse(t.Context(), "c.yaml", []byte(`
base: {action: {type: egress}, egress: {tls: true, host: a.example.com}}
cases:
  - {name: a, want: {allowed: true}}
  - {name: b, given: {egress: {tls: false}, data: {categories: []}}, want: {allowed: false}}
`))
	if s == nil {
		t.Fatalf("findings: %v", findings)
	}
	report := cases.Run(t.Context(), program(t), []*cases.Suite{s})
	want := []cases.RuleCoverage{
		{PolicyID: "acme/egress", RuleID: "tls", Fired: 1, NotFired: 1, Looked: 2, Clauses: []cases.ClauseCoverage{
			{Clause: "has(egress.tls) && egress.tls", Violated: 1, Met: 1},
		}},
		{PolicyID: "acme/egress", RuleID: "host", NotFired: 2, Looked: 2, Hint: "add a case that violates it", Clauses: []cases.ClauseCoverage{
			{Clause: `egress.host.endsWith(".example.com")`, Met: 2, Hint: "add a case where egress.host does not end with .example.com"},
		}},
		{PolicyID: "acme/egress", RuleID: "mask", Fired: 1, NotFired: 1, Looked: 1, Clauses: []cases.ClauseCoverage{}},
	}
	if diff := cmp.Diff(want, report.Coverage); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
	if got := report.Covered(); got < 0.66 || got > 0.67 {
		t.Errorf("Covered = %v, want two thirds", got)
	}
	if got := report.CoveredClauses(); got != 0.5 {
		t.Errorf("CoveredClauses = %v, want one half", got)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s, _ := cases.Parse(t.Context(), "c.yaml", []byte("cases: [{name: a, given: {action: {type: x}}, want: {allowed: true}}]"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report := cases.Run(ctx, program(t), []*cases.Suite{s}); report.OK() {
		t.Errorf("report: %+v", report)
	}
}

func TestSchemaCompiles(t *testing.T) {
	t.Parallel()
	if err := describesParts(cases.Schema()); err != nil {
		t.Error(err)
	}
	if _, err := yamldoc.CompileSchema(cases.Schema()); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"cases: [{name: a, given: {action: {type: x}}, want: {allowed: true}}]", "base: {action: {type: 1}}\ncases:\n- name: a\n  given: null\n  want: {}", "base: []\ncases: 1", "base: {context: {a: {b: 1}}}\ncases: [{name: a, given: {context: {a: 1}}, want: {errors: []}}]"} {
		f.Add([]byte(s))
	}
	p := program(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		s, findings := cases.Parse(t.Context(), "f.yaml", src)
		if (s == nil) != mesh.HasErrors(findings) {
			t.Fatalf("suite %v beside findings %v", s, findings)
		}
		if s != nil {
			cases.Run(t.Context(), p, []*cases.Suite{s})
		}
	})
}

func ExampleRun() {
	doc, _ := policy.Parse("policy.yaml", []byte(rules))
	p, err := engine.Compile([]engine.Policy{{ID: "acme/egress", Document: doc}})
	if err != nil {
		fmt.Println(err)
		return
	}
	suite, findings := cases.Parse(context.Background(), "egress_test.yaml", []byte(`
cases:
  - name: plain text is refused
    given: {action: {type: egress}, egress: {tls: false, host: a.example.com}}
    want: {allowed: false, violations: [tls]}
  - name: other hosts are refused
    given: {action: {type: egress}, egress: {tls: true, host: a.example.com}}
    want: {allowed: false, violations: [host]}
`))
	if suite == nil {
		fmt.Println(findings)
		return
	}
	report := cases.Run(context.Background(), p, []*cases.Suite{suite})
	fmt.Printf("%d passed, %d failed\n", report.Passed, report.Failed)
	for _, c := range report.Cases {
		for _, f := range c.Failures {
			fmt.Printf("%s: %s: %s\n", c.Position, c.Name, f)
		}
	}
	// Output:
	// 1 passed, 1 failed
	// egress_test.yaml:6:11: other hosts are refused: allowed is true, want false
	// egress_test.yaml:6:11: other hosts are refused: violation host is missing
}

// describesParts checks that editors learn of base and given what they hold, that
// nothing in them is required, and that null may stand everywhere.
func describesParts(src []byte) error {
	schema, err := yamldoc.CompileSchema(src)
	if err != nil {
		return err
	}
	for text, want := range map[string]string{
		"base: {action: {name: n}}\ncases: [{name: a, given: {data: {consent: {purposes: null}, fields: [a]}, egress: null, context: {a: 1}}, want: {allowed: true}}]\n": "",
		"base: {data: {purpos: x}}\ncases: [{name: a, want: {allowed: true}}]\n":                                                                                         "1:15 unknown key purpos",
		"cases: [{name: a, given: {egress: {tls: 3}}, want: {allowed: true}}]\n":                                                                                         "1:41 expected null or boolean, found 3",
		"cases: [{name: a, given: {content: {findings: [{typ: x}]}}, want: {allowed: true}}]\n":                                                                          "1:49 unknown key typ",
	} {
		doc, findings := yamldoc.Parse("c.yaml", []byte(text))
		if doc == nil {
			return fmt.Errorf("%v", findings)
		}
		got := ""
		for _, f := range schema.Validate(doc, doc.Root) {
			got += fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Message)
		}
		if got != want {
			return fmt.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	return nil
}
