package compare_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/compare"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// edit is a policy in which one value was changed.
type edit struct{ what, source string }

var (
	numbers  = regexp.MustCompile(`(^|[^\w.:\-/"])(\d+(?:\.\d+)?)(?:[\]\[,})\s]|$)`)
	elements = regexp.MustCompile(`\[[^\[\]{}]*\]`)
)

// edits changes each number, and takes away each element of a list, that a
// policy has beside its words for people.
func edits(src string) []edit {
	var out []edit
	lines := strings.Split(src, "\n")
	for i, line := range lines {
		text := strings.TrimSpace(line)
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "- "), ":")
		switch {
		case strings.HasPrefix(text, "#"), name == "version", name == "name", name == "message", name == "recommendation", name == "description", name == "controls", name == "framework":
			continue
		}
		put := func(from, to int, with string) {
			changed := append([]string(nil), lines...)
			changed[i] = line[:from] + with + line[to:]
			out = append(out, edit{fmt.Sprintf("%d: %s -> %s", i+1, strings.TrimSpace(line), strings.TrimSpace(changed[i])), strings.Join(changed, "\n")})
		}
		for at := 0; at < len(line); {
			m := numbers.FindStringSubmatchIndex(line[at:])
			if m == nil {
				break
			}
			from, to := at+m[4], at+m[5]
			if n, err := strconv.Atoi(line[from:to]); err == nil {
				put(from, to, strconv.Itoa(n+1))
			} else {
				put(from, to, line[from:to]+"5")
			}
			at = to
		}
		if strings.Contains(line, "pattern:") {
			continue // brackets are no lists there
		}
		for _, m := range elements.FindAllStringIndex(line, -1) {
			parts := strings.Split(line[m[0]+1:m[1]-1], ",")
			for n := range parts {
				rest := append(append([]string(nil), parts[:n]...), parts[n+1:]...)
				put(m[0]+1, m[1]-1, strings.TrimSpace(strings.Join(rest, ",")))
			}
		}
	}
	return out
}

// TestExamples compares each example with what it is after one value of it was
// changed. Whatever that does is found, with an action that both decided, or
// proved to be nothing. What is not known is only what other values of
// parameters would do to a rule that looks at other actions now.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "catalog", "examples", "*", "policy.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			older, compared := parse(t, string(src)), 0
			for _, e := range edits(string(src)) {
				doc, _ := policy.Parse("p.yaml", []byte(e.source))
				if doc == nil {
					continue // the value is needed
				}
				newer := engine.Policy{ID: "a/b", Document: doc}
				r, err := compare.Policies(t.Context(), older, newer, nil)
				if err != nil {
					continue // as above
				}
				compared++
				checkExamples(t, r, older, newer)
				if len(r.Changes) == 0 && !r.Identical {
					t.Errorf("%s\n    nothing is found, and nothing is proved", e.what)
				}
				for _, g := range r.Incomplete {
					if g.Kind != compare.Parameter {
						t.Errorf("%s\n    not known: %s %s: %s", e.what, g.Kind, g.What, g.Why)
					}
				}
			}
			if compared < 20 {
				t.Errorf("only %d changes were compared", compared)
			}
		})
	}
}
