package policy

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/cases"
)

// junitRules are what Jenkins' schema of JUnit XML (junit-10.xsd) says of the
// elements that are written.
var junitRules = map[string]struct{ within, required, optional []string }{
	"testsuites": {within: []string{""}, optional: []string{"name", "time", "tests", "failures", "errors"}},
	"testsuite":  {within: []string{"testsuites"}, required: []string{"name", "tests", "failures", "errors"}, optional: []string{"skipped"}},
	"properties": {within: []string{"testsuite"}},
	"property":   {within: []string{"properties"}, required: []string{"name", "value"}},
	"testcase":   {within: []string{"testsuite"}, required: []string{"name"}, optional: []string{"classname"}},
	"skipped":    {within: []string{"testcase"}, optional: []string{"type", "message"}},
	"error":      {within: []string{"testcase"}, optional: []string{"type", "message"}},
	"failure":    {within: []string{"testcase"}, optional: []string{"type", "message"}},
}

func checkJUnit(t *testing.T, src []byte) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(string(src)))
	parents := []string{""}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, src)
		}
		switch token := token.(type) {
		case xml.StartElement:
			rule, ok := junitRules[token.Name.Local]
			if !ok || !slices.Contains(rule.within, parents[len(parents)-1]) {
				t.Errorf("there is no element %s in %q", token.Name.Local, parents[len(parents)-1])
			}
			var names []string
			for _, a := range token.Attr {
				names = append(names, a.Name.Local)
				if !slices.Contains(rule.required, a.Name.Local) && !slices.Contains(rule.optional, a.Name.Local) {
					t.Errorf("%s has no attribute %s", token.Name.Local, a.Name.Local)
				}
			}
			for _, r := range rule.required {
				if !slices.Contains(names, r) {
					t.Errorf("%s lacks the attribute %s", token.Name.Local, r)
				}
			}
			parents = append(parents, token.Name.Local)
		case xml.EndElement:
			parents = parents[:len(parents)-1]
		}
	}
}

// junitResult has all there can be in a result, with texts that XML must not
// have as they are.
func junitResult() *testResult {
	const nasty = "a\x00b\x1b[31m <&>\"'\n\u2028]]>"
	at := func(file string, line int) mesh.Position { return mesh.Position{File: file, Line: line, Column: 3} }
	report := &cases.Report{
		Passed: 2, Failed: 1,
		Cases: []cases.CaseResult{
			{Position: at("a_test.yaml", 1), Name: nasty, Passed: true},
			{Position: at("a_test.yaml", 2), Name: "fails", Failures: []string{nasty, "allowed is true, want false"}},
			{Position: at("b_test.yaml", 1), Name: "passes", Passed: true},
		},
		Coverage: []cases.RuleCoverage{{PolicyID: "acme/p", RuleID: "r", Fired: 1, Clauses: []cases.ClauseCoverage{{Clause: nasty, Met: 1, Violated: 1}}}},
	}
	mutation := &cases.Mutation{Tried: 2, Caught: 1, Mutants: []cases.MutantResult{
		{Position: at("p.yaml", 4), ID: "r#1", RuleID: "r", Kind: "rule-dropped", Change: "the rule left out", Caught: true},
		{Position: at("p.yaml", 5), ID: "r#2", RuleID: "r", Kind: "bound-moved", Change: nasty, Hint: nasty},
	}}
	return &testResult{
		Passed: 2, Failed: 1, runs: []policyRun{{report, mutation}},
		Mutation: &mutationResult{Score: 50, Mutation: *mutation},
	}
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	failed := mesh.Errorf(mesh.CodePolicyInvalid, "b.yaml does not compile").WithFindings([]mesh.Finding{{Level: mesh.LevelError, Message: "bad"}})
	file := filepath.Join(t.TempDir(), "report.xml")
	write := func(elapsed time.Duration, minimum float64, failed error) string {
		r := junitResult()
		r.elapsed = elapsed
		if err := writeJUnit(&testOptions{JUnit: file, MinMutation: minimum}, r, failed); err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkJUnit(t, src)
		return string(src)
	}
	first := write(1234*time.Millisecond, 0, failed)
	for _, want := range []string{
		`<testsuites name="mesh policy test" time="1.234" tests="6" failures="1" errors="1">`,
		`<testsuite name="a_test.yaml" tests="2" failures="1" errors="0" skipped="0">`,
		`<property name="coverage.rules" value="0 %">`, `<property name="coverage.clauses" value="100 %">`,
		`<testsuite name="b_test.yaml" tests="1" failures="0" errors="0" skipped="0">`,
		`<testsuite name="mutants of acme/p" tests="2" failures="0" errors="0" skipped="1">`,
		`<error type="policy_invalid" message="b.yaml does not compile">error: bad</error>`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %s in\n%s", want, first)
		}
	}
	// But for the time, nothing depends on when it ran.
	second := write(5678*time.Millisecond, 0, failed)
	elapsed := regexp.MustCompile(` time="[0-9.]+"`)
	if diff := cmp.Diff(elapsed.ReplaceAllString(first, ""), elapsed.ReplaceAllString(second, "")); diff != "" {
		t.Errorf("two runs (-first +second):\n%s", diff)
	}
	r := junitResult()
	if err := writeJUnit(&testOptions{JUnit: file, MinCoverage: r.Coverage, MinClauseCoverage: r.ClauseCoverage + 1}, r, nil); err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	checkJUnit(t, src)
	if want := `<testcase name="--min-clause-coverage `; !strings.Contains(string(src), want) || !strings.Contains(string(src), `<failure type="coverage"`) {
		t.Errorf("coverage that was demanded is no failure:\n%s", src)
	}
	if demanded := write(0, 90, nil); !strings.Contains(demanded, `<testsuite name="mutants of acme/p" tests="2" failures="1" errors="0" skipped="0">`) {
		t.Errorf("a mutant that had to be noticed is no failure:\n%s", demanded)
	}
}

// TestJUnitReplacesTheFile holds that a report is written beside the file and then
// put into its place, which a link goes on leading to.
func TestJUnitReplacesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "report.xml"), filepath.Join(dir, "latest.xml")
	if err := os.WriteFile(file, []byte("former"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("report.xml", link); err != nil {
		t.Skip("this machine has no links:", err)
	}
	reader, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if err := writeJUnit(&testOptions{JUnit: link}, junitResult(), nil); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || string(got) != "former" {
		t.Errorf("who had opened the file reads %q, %v", got, err)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	checkJUnit(t, src)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v, %v", info, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the permissions are others: %v, %v", info, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}
