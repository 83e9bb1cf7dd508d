package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/explain"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// TestExplainTellsPoliciesApart explains two files of the same name.
func TestExplainTellsPoliciesApart(t *testing.T) {
	t.Parallel()
	write := writerIn(t)
	const rule = "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: ID, controls: [], require: 'action.type == \"TYPE\"'}]}\n"
	satisfied := write("a/policy.yaml", strings.NewReplacer("ID", "first", "TYPE", "tool.call").Replace(rule))
	violated := write("b/policy.yaml", strings.NewReplacer("ID", "second", "TYPE", "egress").Replace(rule))
	action := write("action.json", `{"action": {"type": "tool.call"}}`)

	streams, _, out, _ := iostreams.Test()
	err := explainRun(t.Context(), command.NewEnv(streams), &explainOptions{Policies: []string{satisfied, violated}, File: action})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"local/policy (" + satisfied + ")", "local/policy (" + violated + ")"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not named in\n%s", want, out)
		}
	}
	head, tail, _ := strings.Cut(out.String(), "local/policy ("+violated+")")
	if !strings.Contains(head, "first") || strings.Contains(head, "violated: second") || !strings.Contains(tail, "violated: second") {
		t.Errorf("each policy should have its own decision:\n%s", out)
	}
}

// TestExplainRefusesWhatNoRuntimeDecides explains an action that no runtime
// would record.
func TestExplainRefusesWhatNoRuntimeDecides(t *testing.T) {
	t.Parallel()
	write := writerIn(t)
	source := write("policy.yaml", "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: r, controls: [], require: 'true'}]}\n")
	action := write("action.json", `{"action": {"type": "tool.call"}, "actor": {"userId": "`+strings.Repeat("u", 1025)+`"}}`)
	streams, _, out, _ := iostreams.Test()
	err := explainRun(t.Context(), command.NewEnv(streams), &explainOptions{Policies: []string{source}, File: action})
	const want = "actor.userId is 1025 bytes long; at most 1024 can be recorded"
	if err == nil || err.Error() != want || out.Len() > 0 {
		t.Errorf("got %v and %q, want %s", err, out, want)
	}
}

// writerIn returns what writes a file into a folder of the test's own and says
// where it is.
func writerIn(t *testing.T) func(name, content string) string {
	t.Helper()
	dir := t.TempDir()
	return func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// explained is what people are told of an action.
func explained(t *testing.T, source, action string) string {
	t.Helper()
	return explainedWith(t, source, action, false)
}

func explainedWith(t *testing.T, source, action string, asJSON bool) string {
	t.Helper()
	write := writerIn(t)
	streams, _, out, _ := iostreams.Test()
	opts := &explainOptions{Policies: []string{write("policy.yaml", source)}, File: write("action.json", action), JSON: asJSON}
	if err := explainRun(t.Context(), command.NewEnv(streams), opts); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestExplainWhatIsAllowedByItsMode: what is allowed anyway needs no change that
// would allow it.
func TestExplainWhatIsAllowedByItsMode(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\nenforcement: {mode: MODE}\nrules: {custom: [{id: r, controls: [], WHEN require: 'REQUIRE'}]}\n"
	tests := []struct{ mode, when, require, want string }{
		{"enforce", "", "has(data.region)", "any of these alone would allow it:\n  data.region"},
		{"monitor", "", "has(data.region)", "with any of these alone it would violate nothing:\n  data.region"},
		{"enforce", "", "false", "no single change was found that would allow it; 1 rule is in the way"},
		{"monitor", "", "false", "no single change was found with which it would violate nothing; 1 rule is in the way"},
		{"enforce", "when: 'has(tool.name)',", "false", "one of them does not look at it, and it is allowed:\n  tool.name left out"},
		{"monitor", "when: 'has(tool.name)',", "false", "one of them does not look at it, and nothing is violated:\n  tool.name left out"},
		{"monitor", "", `has(data.region) && data.region == "a" && has(data.purpose) && data.purpose == "b"`, "no single change was found with which it would violate nothing; "},
	}
	for _, tt := range tests {
		source := strings.NewReplacer("MODE", tt.mode, "WHEN", tt.when, "REQUIRE", tt.require).Replace(head)
		out := explained(t, source, `{"action": {"type": "tool.call"}, "tool": {"name": "x"}}`)
		if !strings.Contains(out, tt.want) {
			t.Errorf("%s, %s: %q is not in\n%s", tt.mode, tt.require, tt.want, out)
		}
	}
}

// TestExplainShowsWhatCannotBeSeen: what an action says cannot turn the line it is
// shown in, and does not look like what it is not.
func TestExplainShowsWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	source := "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: r, controls: [], require: 'action.type == \"donn\u00e9es.lire\" && data.fields.all(f, f == \"a\")'}]}\n"
	out := explained(t, source, "{\"action\": {\"type\": \"donne\u0301es.lire\"}, \"data\": {\"fields\": [\"a\", \"b\u202ec\"]}}")
	for _, want := range []string{`action.type is "donne\u0301es.lire"; wanted: données.lire`, `b\u202ec`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\u202e\u0301") {
		t.Errorf("shown as it is:\n%q", out)
	}
}

// TestExplainGivesUp: where lists are too long to try all that might allow the
// action, people and programs are told so, and nobody has to read the lists.
func TestExplainGivesUp(t *testing.T) {
	t.Parallel()
	var fields, list []string
	for i := range 9_000 {
		fields, list = append(fields, fmt.Sprintf(`"f%d"`, i)), append(list, fmt.Sprintf(`"g%d"`, i))
	}
	source := "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: r, controls: [], require: '!data.fields.exists(a, a in context.list)'}]}\n"
	action := `{"action": {"type": "data.read"}, "data": {"fields": [` + strings.Join(fields, ",") + `]}, "context": {"list": [` + strings.Join(list, ",") + `]}}`
	out := explained(t, source, action)
	for _, want := range []string{
		`data.fields is ["f0", "f1", "f2", "f3", "f4", … and 8,995 more], context.list is ["g0", "g1", "g2", "g3", "g4", … and 8,995 more]`,
		"(for example [])\n",
		"\nthe search for what would allow it was given up before all was tried",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	const enough = 2_000
	if len(out) > enough {
		t.Errorf("%d bytes are printed", len(out))
	}
	var trace explain.Trace
	if err := json.Unmarshal([]byte(explainedWith(t, source, action, true)), &trace); err != nil {
		t.Fatal(err)
	}
	if evidence, _ := trace.Policies[0].Rules[0].Require[0].Fields[0].Value.([]any); !trace.Remedy.GivenUp || len(evidence) != len(fields) {
		t.Errorf("given up: %v, %d elements", trace.Remedy.GivenUp, len(evidence))
	}
}

// TestExplainNamesEachPart: parts of a demand that look at the same field do not
// read the same.
func TestExplainNamesEachPart(t *testing.T) {
	t.Parallel()
	source := `version: "3.0.0"
name: n
rules:
  tools: {arguments: {pay: {values: {iban: {pattern: "[A-Z]{2}[0-9]{2}"}}}}}
  custom: [{id: r, controls: [], require: 'has(tool.args.n) && tool.args.n != "" && tool.args.n != null'}]
`
	out := explained(t, source, `{"action": {"type": "tool.call"}, "tool": {"name": "pay", "args": {"iban": "DE89", "n": "x"}}}`)
	if !strings.Contains(out, "tool.args.iban is DE89; wanted: matches [A-Z]{2}[0-9]{2}\n") {
		t.Errorf("the pattern is not named in\n%s", out)
	}
	seen := map[string]bool{}
	for rule := range strings.SplitSeq(out, "satisfied\n") {
		clear(seen)
		for line := range strings.Lines(rule) {
			if seen[line] {
				t.Errorf("twice: %s", line)
			}
			seen[line] = true
		}
	}
}
