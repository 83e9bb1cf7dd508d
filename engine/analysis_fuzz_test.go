package engine_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space/spacetest"
)

// claim is what a finding says must never happen.
type claim struct {
	finding mesh.Finding
	refuted func(fate map[string]string) bool // by what became of each rule
}

var (
	claimOfOne = regexp.MustCompile(`^(?:every action meets the condition of|no action meets the condition of|no action that) ([\w.]+)`)
	claimOfTwo = regexp.MustCompile(`^(?:whatever violates )?([\w.]+) (?:looks at the same actions as|violates|and) ([\w.]+)`)
)

func claimsOf(t *testing.T, findings []mesh.Finding) []claim {
	t.Helper()
	var out []claim
	for _, f := range findings {
		one, two := claimOfOne.FindStringSubmatch(f.Message), claimOfTwo.FindStringSubmatch(f.Message)
		denied := func(fate string) bool { return fate == "violated" || fate == "require" || fate == "when" }
		c := claim{finding: f}
		switch f.Rule {
		case "unreachable-rule":
			c.refuted = func(fate map[string]string) bool { return fate[one[1]] != "" && fate[one[1]] != "when" }
		case "always-true":
			c.refuted = func(fate map[string]string) bool { return fate[one[1]] == "violated" || fate[one[1]] == "require" }
			if strings.HasPrefix(f.Message, "every action") {
				c.refuted = func(fate map[string]string) bool { return fate[one[1]] == "" || fate[one[1]] == "when" }
			}
		case "never-satisfied":
			c.refuted = func(fate map[string]string) bool { return fate[one[1]] == "satisfied" }
		case "shadowed-rule":
			c.refuted = func(fate map[string]string) bool { return denied(fate[two[1]]) && !denied(fate[two[2]]) }
		case "duplicate-rule":
			c.refuted = func(fate map[string]string) bool { return denied(fate[two[1]]) != denied(fate[two[2]]) }
		case "contradicting-rules":
			c.refuted = func(fate map[string]string) bool { return fate[two[1]] == "satisfied" && fate[two[2]] == "satisfied" }
		case "unreachable-default":
			out = append(out, claimOfDefault(f))
			continue
		default:
			continue
		}
		if one == nil && two == nil {
			t.Fatalf("no rule in %q", f.Message)
		}
		out = append(out, c)
	}
	return out
}

// claimOfDefault: the default may deny actions of the types that are named.
func claimOfDefault(f mesh.Finding) claim {
	_, but, _ := strings.Cut(f.Message, "but those of type ")
	but, _, _ = strings.Cut(but, ":")
	types := strings.Split(but, ", ")
	return claim{finding: f, refuted: func(fate map[string]string) bool {
		return fate[policy.RuleDefault] != "" && !slices.Contains(types, fate["action.type"])
	}}
}

// fates says what became of each rule that looked at an action, and of which type
// that is.
func fates(t *testing.T, p *engine.Program, a *mesh.Action) map[string]string {
	t.Helper()
	var r engine.Result
	p.Evaluate(t.Context(), a, engine.Inline, &r)
	out := map[string]string{"action.type": string(a.Action.Type)}
	for _, e := range r.Policies {
		for _, id := range e.Rules {
			out[id] = "satisfied"
		}
	}
	for _, v := range r.Violations {
		out[v.RuleID] = "violated"
	}
	for _, e := range r.Errors {
		out[e.RuleID], _, _ = strings.Cut(e.Message, ":")
	}
	return out
}

// FuzzLint holds what lint proves of rules to actions.
func FuzzLint(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		src := spacetest.Policy(r)
		doc, findings := policy.Parse("p.yaml", []byte(src))
		if doc == nil {
			t.Fatalf("%v\n%s", findings, src)
		}
		p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}})
		if err != nil {
			return // an expression that does not type-check
		}
		claims := claimsOf(t, engine.Lint(doc, nil))
		for range 60 {
			if len(claims) == 0 {
				return
			}
			a := spacetest.Action(r)
			fate := fates(t, p, a)
			for _, c := range slices.Clone(claims) {
				if c.refuted(fate) {
					t.Errorf("%s\nis refuted by %v: %v\n%s", c.finding, a, fate, src)
				}
			}
		}
	})
}
