package frameworks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// swaps are the small mistakes that the packs' cases must notice: each puts
// one operator of a rule in place of another.
var swaps = [][2]string{
	{"&&", "||"}, {"||", "&&"}, {"==", "!="}, {"!=", "=="}, {"<=", "<"}, {">=", ">"}, {" > ", " >= "},
	{"!has(", "has("}, {"!(", "("}, {".exists(", ".all("}, {" ? ", " ? !"}, {" : ", " : !"},
}

// equivalent are mutants no case can notice, each with the reason.
var equivalent = map[string]string{
	`gdpr/processor-contract: == for != in require before " \"\" && has(model.provider) && model.prov"`:  "cases have the parameters' defaults, by which no provider is trusted",
	`hipaa/business-associate: == for != in require before " \"\" && has(model.provider) && model.prov"`: "cases have the parameters' defaults, by which no provider is trusted",
}

// TestPackCasesCatchMutants changes every custom rule of the packs in one place
// at a time and demands that a case then comes out differently.
func TestPackCasesCatchMutants(t *testing.T) {
	t.Parallel()
	for _, name := range packs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := parsePack(t, name)
			actions := packActions(t, name)
			mutants, caught := 0, 0
			for _, rule := range doc.Rules {
				if rule.Primitive != "" {
					continue
				}
				want := outcomes(t, doc, rule, actions)
				for _, m := range mutate(rule) {
					got := outcomes(t, doc, m.rule, actions)
					if got == nil {
						continue // it does not compile: lint catches it
					}
					mutants++
					if !slices.Equal(want, got) {
						caught++
					} else if equivalent[name+"/"+rule.ID+": "+m.change] == "" {
						t.Errorf("%s: no case notices %s", rule.ID, m.change)
					}
				}
			}
			t.Logf("%d of %d mutants caught", caught, mutants)
		})
	}
}

// packActions returns the actions of all cases of a pack.
func packActions(t *testing.T, name string) []*mesh.Action {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("packs", name, "*_test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var actions []*mesh.Action
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite, findings := cases.Parse(file, src)
		if suite == nil {
			t.Fatal(findings)
		}
		for _, c := range suite.Cases {
			actions = append(actions, c.Action)
		}
	}
	return actions
}

// outcomes says what one rule by itself makes of each action; nil if it does
// not compile.
func outcomes(t *testing.T, doc *policy.Document, rule policy.Rule, actions []*mesh.Action) []string {
	t.Helper()
	alone := *doc
	alone.Rules, alone.Bindings = []policy.Rule{rule}, nil
	program, err := engine.Compile([]engine.Policy{{ID: "mesh/mutant", Document: &alone}})
	if err != nil {
		return nil
	}
	out := make([]string, len(actions))
	var result engine.Result
	for i, action := range actions {
		program.Evaluate(t.Context(), action, engine.Inline, &result)
		out[i] = fmt.Sprint(len(result.Violations), len(result.Errors))
	}
	return out
}

// mutant is a rule with one change.
type mutant struct {
	rule   policy.Rule
	change string
}

func mutate(rule policy.Rule) []mutant {
	var out []mutant
	for _, part := range []string{"when", "require"} {
		source := rule.When.Source
		if part == "require" {
			source = rule.Require.Source
		}
		for _, swap := range swaps {
			for at := 0; ; {
				i := strings.Index(source[at:], swap[0])
				if i < 0 {
					break
				}
				at += i
				m := rule
				changed := source[:at] + swap[1] + source[at+len(swap[0]):]
				if part == "when" {
					m.When.Source = changed
				} else {
					m.Require.Source = changed
				}
				after := source[at+len(swap[0]):]
				out = append(out, mutant{m, fmt.Sprintf("%s for %s in %s before %q", swap[1], swap[0], part, after[:min(len(after), 40)])})
				at += len(swap[0])
			}
		}
	}
	return out
}
