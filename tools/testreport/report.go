package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"time"
)

// event is a line of `go test -json` (see `go doc test2json`).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output and build-fail, in place of Package
	Test       string
	Output     string
	Elapsed    float64
}

// maxLine bounds a line of the event stream; a test that prints more than this
// in one line is a bug of the test.
const maxLine = 16 << 20

// slowest is how many of the slowest tests the report names.
const slowest = 5

// testID names a test across packages.
type testID struct{ pkg, name string }

// outcome is what became of one test.
type outcome struct {
	id      testID
	action  string // pass, fail or skip
	elapsed time.Duration
	output  string
}

// report collects the events of one or more runs.
type report struct {
	out      io.Writer
	output   map[testID]*strings.Builder
	parents  map[testID]bool // tests that have subtests: not counted
	outcomes []outcome
	packages int
	broken   []string // packages that failed, with or without a failing test
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[testID]*strings.Builder{}, parents: map[testID]bool{}}
}

// read takes the events of one run. A line that is no event is printed as it
// stands: the go command writes some errors that way.
func (r *report) read(stream io.Reader) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		var e event
		if line := lines.Bytes(); !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
			fmt.Fprintf(r.out, "%s\n", line)
			continue
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *report) take(e event) {
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "build-fail":
		r.broken = append(r.broken, e.ImportPath)
	case e.Action == "output":
		r.write(testID{e.Package, e.Test}, e.Output)
	case e.Action == "run":
		if parent, _, nested := cutLast(e.Test, "/"); nested {
			r.parents[testID{e.Package, parent}] = true
		}
	case e.Action != "pass" && e.Action != "fail" && e.Action != "skip":
		// start, pause, cont, bench: nothing to report.
	case e.Test != "":
		r.endTest(e)
	default:
		r.endPackage(e)
	}
}

func (r *report) write(id testID, text string) {
	b := r.output[id]
	if b == nil {
		b = &strings.Builder{}
		r.output[id] = b
	}
	b.WriteString(text)
}

func (r *report) endTest(e event) {
	id := testID{e.Package, e.Test}
	o := outcome{id: id, action: e.Action, elapsed: seconds(e.Elapsed)}
	if b := r.output[id]; b != nil && e.Action != "pass" {
		o.output = b.String()
	}
	delete(r.output, id)
	r.outcomes = append(r.outcomes, o)
}

func (r *report) endPackage(e event) {
	id := testID{pkg: e.Package}
	var own string
	if b := r.output[id]; b != nil {
		own = b.String()
	}
	delete(r.output, id)
	if strings.Contains(own, "[no test files]") {
		return
	}
	r.packages++
	label := "ok  "
	if e.Action == "fail" {
		label = "FAIL"
		r.broken = append(r.broken, e.Package)
		r.printFailures(e.Package, own)
	}
	note := ""
	if strings.Contains(own, "(cached)") {
		note = "  (cached)"
	}
	fmt.Fprintf(r.out, "%s  %-64s %7.2fs%s\n", label, e.Package, e.Elapsed, note)
}

// printFailures prints what the failing tests of a package wrote, then what the
// package wrote outside of any test: a panic, a data race, a time-out. A test
// that never ended, because the process died in it, is printed as well.
func (r *report) printFailures(pkg, own string) {
	for _, o := range r.outcomes {
		if o.id.pkg == pkg && o.action == "fail" {
			fmt.Fprint(r.out, o.output)
		}
	}
	for _, id := range r.unfinished(pkg) {
		fmt.Fprintf(r.out, "--- DID NOT END: %s\n%s", id.name, r.output[id])
		r.outcomes = append(r.outcomes, outcome{id: id, action: "fail"})
		delete(r.output, id)
	}
	fmt.Fprint(r.out, own)
}

func (r *report) unfinished(pkg string) []testID {
	var ids []testID
	for id := range r.output {
		if id.pkg == pkg && id.name != "" {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i].name < ids[j].name })
	return ids
}

func (r *report) failed() bool { return len(r.broken) > 0 }

// finish prints the summary and returns how many skips were refused.
func (r *report) finish(strict bool, allowed *regexp.Regexp) int {
	counts := map[string]int{}
	var leaves, skipped []outcome
	for _, o := range r.outcomes {
		if o.action == "skip" {
			skipped = append(skipped, o)
		}
		if !r.parents[o.id] {
			counts[o.action]++
			leaves = append(leaves, o)
		}
	}
	fmt.Fprintln(r.out)
	refused := r.printSkips(skipped, strict, allowed)
	r.printSlowest(leaves)
	for _, pkg := range r.broken {
		fmt.Fprintf(r.out, "failed: %s\n", pkg)
	}
	fmt.Fprintf(r.out, "%d packages\n%d passed, %d failed, %d skipped\n",
		r.packages, counts["pass"], counts["fail"], counts["skip"])
	return refused
}

func (r *report) printSkips(skipped []outcome, strict bool, allowed *regexp.Regexp) int {
	refused := 0
	for _, o := range skipped {
		reason := skipReason(o.output)
		verdict := ""
		if strict && (allowed == nil || !allowed.MatchString(reason)) {
			refused++
			verdict = "  <- not allowed here: make it run or remove it"
		}
		fmt.Fprintf(r.out, "skipped: %s %s: %s%s\n", o.id.pkg, o.id.name, reason, verdict)
	}
	return refused
}

func (r *report) printSlowest(leaves []outcome) {
	sort.SliceStable(leaves, func(i, j int) bool { return leaves[i].elapsed > leaves[j].elapsed })
	for i, o := range leaves {
		if i == slowest || o.elapsed < time.Second {
			return
		}
		fmt.Fprintf(r.out, "slow: %6.1fs %s %s\n", o.elapsed.Seconds(), o.id.pkg, o.id.name)
	}
}

// skipReason is what the test said, without the frame that `go test` puts
// around it.
func skipReason(output string) string {
	var reason []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		reason = append(reason, line)
	}
	if len(reason) == 0 {
		return "no reason given"
	}
	return strings.Join(reason, " ")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
