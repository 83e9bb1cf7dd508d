package main

import (
	"regexp"
	"strings"
	"testing"
)

const passing = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA/one","Elapsed":0.1}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p","Elapsed":0.1}
`

const skipping = `{"Action":"run","Package":"p","Test":"TestS"}
{"Action":"output","Package":"p","Test":"TestS","Output":"=== RUN   TestS\n"}
{"Action":"output","Package":"p","Test":"TestS","Output":"    s_test.go:1: MESH_SHARED is not set\n"}
{"Action":"output","Package":"p","Test":"TestS","Output":"--- SKIP: TestS (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestS","Elapsed":0}
{"Action":"pass","Package":"p","Elapsed":0.1}
`

const failing = `{"Action":"run","Package":"p","Test":"TestF"}
{"Action":"output","Package":"p","Test":"TestF","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestF","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":0.1}
`

const dying = `{"Action":"run","Package":"p","Test":"TestD"}
{"Action":"output","Package":"p","Test":"TestD","Output":"=== RUN   TestD\n"}
{"Action":"output","Package":"p","Output":"panic: boom\n"}
{"Action":"fail","Package":"p","Elapsed":0.1}
`

const notBuilding = `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","Elapsed":0}
`

func TestReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stream string
		strict       bool
		allow        string
		failed       bool
		refused      int
		want         []string
		wantNot      []string
	}{
		{name: "passing", stream: passing, want: []string{"1 passed, 0 failed, 0 skipped\n", "ok    p "}, wantNot: []string{"chatter"}},
		{name: "failing", stream: failing, failed: true, want: []string{"got 1, want 2", "FAIL  p ", "0 passed, 1 failed"}},
		{name: "dying", stream: dying, failed: true, want: []string{"panic: boom", "DID NOT END: TestD", "0 passed, 1 failed"}},
		{name: "not building", stream: notBuilding, failed: true, want: []string{"undefined: x", "failed: p"}},
		{name: "skip at home", stream: skipping, want: []string{"skipped: p TestS: s_test.go:1: MESH_SHARED is not set\n", "0 passed, 0 failed, 1 skipped"}},
		{name: "skip allowed", stream: skipping, strict: true, allow: "MESH_SHARED", want: []string{"1 skipped"}},
		{name: "skip refused", stream: skipping, strict: true, refused: 1, want: []string{"not allowed here"}},
		{name: "not json", stream: "go: cannot find main module\n", want: []string{"go: cannot find main module"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(tt.stream)); err != nil {
				t.Fatal(err)
			}
			var allowed *regexp.Regexp
			if tt.allow != "" {
				allowed = regexp.MustCompile(tt.allow)
			}
			if got := r.finish(tt.strict, allowed); got != tt.refused {
				t.Errorf("refused %d skips, want %d", got, tt.refused)
			}
			if got := r.failed(); got != tt.failed {
				t.Errorf("failed() = %v, want %v", got, tt.failed)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("report lacks %q:\n%s", want, out.String())
				}
			}
			for _, not := range tt.wantNot {
				if strings.Contains(out.String(), not) {
					t.Errorf("report has %q:\n%s", not, out.String())
				}
			}
		})
	}
}

func TestRunUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"go", "test"}, {"--"}, {"-no-such-flag", "--", "true"}, {"-allow-skip", "(", "--", "true"}} {
		var out, errs strings.Builder
		if got := run(args, &out, &errs); got != exitUsage {
			t.Errorf("run(%q) = %d, want %d", args, got, exitUsage)
		}
	}
}

func TestRunAddsUp(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	code := run([]string{"--", "printf", "%s", passing, "--", "printf", "%s", failing}, &out, &errs)
	if code != exitFail || !strings.Contains(out.String(), "2 packages\n1 passed, 1 failed, 0 skipped\n") {
		t.Errorf("exit %d:\n%s%s", code, out.String(), errs.String())
	}
}
