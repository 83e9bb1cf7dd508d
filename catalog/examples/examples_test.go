// Package examples_test keeps the examples true: they lint without findings,
// pack into the same bundle each time, have cases that exercise every rule and
// pages that say what an action must state; and together they show the whole
// library of built-in rules.
package examples_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

// names are the examples, each a directory of its own.
var names = []string{
	"bank", "call-center", "coding-agent", "hospital", "pharma-research",
	"public-agency", "recruiter", "saas-platform", "school", "web-shop",
}

// The rules that make an example: fewer show nothing, more nobody reads.
const (
	fewestRules = 8
	mostRules   = 25
)

var controls = sync.OnceValues(frameworks.Load)

// load reads an example, whose sources must be without any finding.
func load(t *testing.T, name string) *publish.Source {
	t.Helper()
	catalog, err := controls()
	if err != nil {
		t.Fatal(err)
	}
	source, findings, err := publish.Load(t.Context(), name, publish.LoadOptions{Controls: catalog})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("%s", f)
	}
	if source == nil {
		t.FailNow()
	}
	return source
}

// each runs a test on every example.
func each(t *testing.T, test func(t *testing.T, name string)) {
	t.Helper()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, name)
		})
	}
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

func TestNamesAreTheDirectories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("*", publish.MetadataFile))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		found = append(found, filepath.Dir(f))
	}
	if !slices.Equal(found, names) {
		t.Errorf("there are %v, and the tests know %v", found, names)
	}
}

// TestCheck is the publish gate, without anything to complain about, and with
// cases that violate and meet every rule and every part of what it requires.
func TestCheck(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		report, err := load(t, name).Check(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, f := range report.Findings {
			t.Errorf("%s", f)
		}
		if report.Cases == nil {
			t.Fatal("there are no cases")
		}
		for _, c := range report.Cases.Cases {
			for _, failure := range c.Failures {
				t.Errorf("%s: %s: %s", c.Position, c.Name, failure)
			}
		}
		for _, rule := range report.Cases.Coverage {
			if !rule.Covered() {
				t.Errorf("rule %s fires in %d cases and does not in %d: it needs both", rule.RuleID, rule.Fired, rule.NotFired)
			}
			for _, clause := range rule.Clauses {
				if !clause.Covered() {
					t.Errorf("rule %s, %s: violated %d times and met %d times: %s", rule.RuleID, clause.Clause, clause.Violated, clause.Met, clause.Hint)
				}
			}
		}
	})
}

// TestEveryMutantIsCaught changes every rule of the examples in one place at a
// time and demands that a case then fails.
func TestEveryMutantIsCaught(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		source := load(t, name)
		run, err := source.Mutate(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if run.Truncated || run.Skipped > 0 {
			t.Errorf("truncated %t, %d cases fail", run.Truncated, run.Skipped)
		}
		for _, m := range run.Mutants {
			if !m.Caught {
				t.Errorf("%s %s: %s is not noticed: %s", m.Position, m.RuleID, m.Change, m.Hint)
			}
		}
		t.Logf("%d of %d mutants caught", run.Caught, run.Tried)
	})
}

func TestBuildIsDeterministic(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		var digests []mesh.Digest
		for range 2 {
			artifact, err := load(t, name).Build()
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, artifact.Digest())
		}
		if digests[0] != digests[1] {
			t.Errorf("the same sources make %s and %s", digests[0], digests[1])
		}
	})
}

// TestRules demands of each rule what whoever it refuses needs.
func TestRules(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		catalog, err := controls()
		if err != nil {
			t.Fatal(err)
		}
		source := load(t, name)
		doc := source.Document
		if want := "examples/" + name; source.Ref.String() != want {
			t.Errorf("the bundle is named %s, want %s", source.Ref, want)
		}
		if n := len(doc.Rules); n < fewestRules || n > mostRules {
			t.Errorf("there are %d rules, want %d to %d", n, fewestRules, mostRules)
		}
		index := engine.RuleIndex(doc, catalog)
		for _, rule := range doc.Rules {
			if len(index[rule.ID]) == 0 {
				t.Errorf("%s serves no control", rule.ID)
			}
			demands := rule.Primitive == "" && !rule.Require.IsZero()
			if demands && (rule.Message == "" || rule.Recommendation == "" || rule.Severity == "") {
				t.Errorf("%s lacks message, recommendation or severity", rule.ID)
			}
		}
		for _, p := range doc.Params {
			if p.Default == nil || p.Description == "" {
				t.Errorf("parameter %s lacks default or description", p.Name)
			}
		}
	})
}

// TestExamplesShowTheLibrary demands that the examples use each section and,
// but for rights of data subjects that differ in nothing but their name, each
// built-in rule at least once; and every mode, both defaults, obligations and
// parameters.
func TestExamplesShowTheLibrary(t *testing.T) {
	t.Parallel()
	sections, rules, shown := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, name := range names {
		doc := load(t, name).Document
		shown["mode "+string(doc.Enforcement.Mode)] = true
		shown["deny by default"] = shown["deny by default"] || doc.DenyByDefault
		shown["parameters"] = shown["parameters"] || len(doc.Params) > 0
		for _, rule := range doc.Rules {
			if rule.Primitive == "" {
				sections["custom"] = true
				shown["obligations"] = shown["obligations"] || len(rule.Obligations) > 0
				continue
			}
			section, _, _ := strings.Cut(rule.Primitive, ".")
			sections[section], rules[sameRight(rule.Primitive)] = true, true
		}
	}
	for _, section := range schemaSections(t) {
		if !sections[section] {
			t.Errorf("no example uses the section %s", section)
		}
	}
	for _, p := range primitives.All() {
		if !rules[sameRight(p.ID)] {
			t.Errorf("no example uses %s", p.ID)
		}
	}
	for _, what := range []string{"mode enforce", "mode monitor", "mode audit", "deny by default", "parameters", "obligations"} {
		if !shown[what] {
			t.Errorf("no example shows %s", what)
		}
	}
}

// sameRight leaves out which right of data subjects a rule is about.
func sameRight(id string) string {
	const prefix = "data_subject_rights.right_to_"
	if rest, ok := strings.CutPrefix(id, prefix); ok {
		if _, what, ok := strings.Cut(rest, "."); ok {
			return prefix + what
		}
	}
	return id
}

// schemaSections are the sections that the published schema knows.
func schemaSections(t *testing.T) []string {
	t.Helper()
	var schema struct {
		Properties struct {
			Rules struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"rules"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(policy.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	sections := slices.Sorted(maps.Keys(schema.Properties.Rules.Properties))
	if len(sections) == 0 {
		t.Fatal("the schema knows no sections")
	}
	return sections
}

// TestPagesSayWhatToState demands that the page of an example names every input
// that its rules look at, every parameter and every custom rule, and how its
// cases are run.
func TestPagesSayWhatToState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, name string) {
		page := read(t, name, "README.md")
		doc := *load(t, name).Document
		for _, p := range doc.Params {
			if !strings.Contains(page, "`"+p.Name+"`") {
				t.Errorf("the page does not explain the parameter %s", p.Name)
			}
		}
		for _, rule := range doc.Rules {
			if rule.Primitive == "" && !strings.Contains(page, "`"+rule.ID+"`") {
				t.Errorf("the page does not explain the rule %s", rule.ID)
			}
		}
		// What must be stated at all is a list of the policy's: the rule that
		// compares it could look at every field.
		doc.Rules = slices.DeleteFunc(slices.Clone(doc.Rules), func(r policy.Rule) bool { return r.Primitive == "operations.required_inputs.*" })
		for _, input := range engine.Inputs(&doc) {
			if !mentions(page, input) {
				t.Errorf("the page does not say when to state %s", input)
			}
		}
		if want := "mesh policy test catalog/examples/" + name + " --min-coverage 100"; !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	})
}

// mentions reports whether a page names an input, its object or, by a .*, all of
// that object's fields.
func mentions(page, input string) bool {
	if input == "action.type" {
		return true // there is no action without
	}
	for {
		if strings.Contains(page, "`"+input+"`") || strings.Contains(page, "`"+input+".*`") {
			return true
		}
		at := strings.LastIndexByte(input, '.')
		if at < 0 {
			return false
		}
		input = input[:at]
	}
}

// TestTableListsEveryExample follows the links of the examples' table.
func TestTableListsEveryExample(t *testing.T) {
	t.Parallel()
	page := read(t, "README.md")
	for _, name := range names {
		if !strings.Contains(page, "]("+name+"/README.md)") {
			t.Errorf("the table does not link to %s", name)
		}
	}
	for _, part := range strings.Split(page, "](")[1:] {
		target, _, _ := strings.Cut(part, ")")
		target, _, _ = strings.Cut(target, "#")
		if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
}
