package policy

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

// The elements of JUnit XML as Jenkins' schema (junit-10.xsd) and those who read
// it have them. What is written depends on the results alone, but for the time
// of the whole run.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Time     string       `xml:"time,attr"` // seconds
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Skipped *junitSkipped `xml:"skipped"`
		Error   *junitFault   `xml:"error"`
		Failure *junitFault   `xml:"failure"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitFault struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes the results, and the error that ended the run before its
// end, if any.
func writeJUnit(opts *testOptions, r *testResult, failed error) error {
	doc := &junitSuites{Name: "mesh policy test", Time: fmt.Sprintf("%.3f", r.elapsed.Seconds())}
	demanded := r.Mutation != nil && r.Mutation.Score < opts.MinMutation
	for _, run := range r.runs {
		for _, s := range caseSuites(run.report) {
			doc.add(s)
		}
		if run.mutation != nil {
			doc.add(mutantSuite(run, demanded))
		}
	}
	if s := demandSuite(opts, r); failed == nil && len(s.Cases) > 0 {
		doc.add(s)
	}
	if failed != nil {
		doc.add(errorSuite(failed))
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	enc := xml.NewEncoder(&out)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("writing %s: %w", opts.JUnit, err)
	}
	out.WriteByte('\n')
	if err := replaceFile(opts.JUnit, out.Bytes()); err != nil {
		return mesh.Errorf(mesh.CodeInvalid, "%w", err)
	}
	return nil
}

// replaceFile writes a file that is there as a whole or not at all, whenever the
// process ends. A link to a file goes on leading to it, and what is no file, such
// as /dev/stdout, is written to.
func replaceFile(path string, content []byte) error {
	const fresh = 0o644
	info, err := os.Stat(path)
	if err != nil {
		return durable.WriteFile(path, content, fresh)
	}
	if !info.Mode().IsRegular() {
		return os.WriteFile(path, content, fresh)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	return durable.WriteFile(path, content, info.Mode().Perm())
}

// add appends a suite and counts what is in it.
func (d *junitSuites) add(s junitSuite) {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	d.Tests += s.Tests
	d.Failures += s.Failures
	d.Errors += s.Errors
	d.Suites = append(d.Suites, s)
}

// caseSuites makes a suite of each file of cases.
func caseSuites(r *cases.Report) []junitSuite {
	var out []junitSuite
	for _, c := range r.Cases {
		if len(out) == 0 || out[len(out)-1].Name != c.File {
			out = append(out, junitSuite{Name: c.File, Properties: coverageProperties(r)})
		}
		s := &out[len(out)-1]
		jc := junitCase{Name: c.Name, Class: c.File}
		if !c.Passed {
			jc.Failure = &junitFault{
				Type: "case", Message: strings.Join(c.Failures, "; "), Text: c.Position.String() + ": " + strings.Join(c.Failures, "\n"),
			}
		}
		s.Cases = append(s.Cases, jc)
	}
	return out
}

// coverageProperties say how much the cases of a policy exercise.
func coverageProperties(r *cases.Report) []junitProperty {
	return []junitProperty{
		{"coverage.rules", percent(percentOf(r.Covered()))},
		{"coverage.clauses", percent(percentOf(r.CoveredClauses()))},
	}
}

// mutantSuite makes a suite of a policy's mutants. One that survives is a failure
// where more of them were demanded to be noticed, else it is reported as
// skipped: whoever reads the file must not see a failure where the command has
// none.
func mutantSuite(run policyRun, demanded bool) junitSuite {
	s := junitSuite{Name: "mutants", Properties: []junitProperty{{"mutants.caught", percent(percentOf(run.mutation.Score()))}}}
	if len(run.report.Coverage) > 0 {
		s.Name = "mutants of " + run.report.Coverage[0].PolicyID
	}
	for _, m := range run.mutation.Mutants {
		c := junitCase{Name: m.ID + ": " + m.Change, Class: m.RuleID}
		if !m.Caught && demanded {
			c.Failure = &junitFault{Type: m.Kind, Message: m.Change + " is not noticed", Text: m.Position.String() + ": " + m.Hint}
		} else if !m.Caught {
			c.Skipped = &junitSkipped{Message: m.Change + " is not noticed: " + m.Hint}
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}

// demandSuite has a case for each coverage that was demanded, which fails where
// the command does.
func demandSuite(opts *testOptions, r *testResult) junitSuite {
	s := junitSuite{Name: "coverage demanded"}
	for _, d := range []struct {
		flag       string
		least, got float64
	}{
		{"--min-coverage", opts.MinCoverage, r.Coverage},
		{"--min-clause-coverage", opts.MinClauseCoverage, r.ClauseCoverage},
	} {
		if d.least <= 0 {
			continue
		}
		c := junitCase{Name: fmt.Sprintf("%s %s", d.flag, percent(d.least)), Class: "coverage"}
		if d.got < d.least {
			c.Failure = &junitFault{Type: "coverage", Message: fmt.Sprintf("%s of %s are covered", percent(d.got), percent(d.least))}
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}

// errorSuite says why the cases could not be run.
func errorSuite(err error) junitSuite {
	fault := &junitFault{Type: string(mesh.CodeOf(err)), Message: err.Error()}
	var lines []string
	coded := (*mesh.Error)(nil)
	if errors.As(err, &coded) {
		for _, f := range coded.Findings {
			lines = append(lines, f.String())
		}
	}
	fault.Text = strings.Join(lines, "\n")
	return junitSuite{Name: "mesh policy test", Cases: []junitCase{{Name: "the policy and its cases can be run", Class: "mesh policy test", Error: fault}}}
}
