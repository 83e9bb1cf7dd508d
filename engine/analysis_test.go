package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// proof is a policy and what lint says of it: "line:column rule message (hint)"
// or the beginning of it.
type proof struct {
	name, policy string
	want         []string
}

func proofs() []proof {
	const head = "version: \"3.0.0\"\nname: n\n"
	return []proof{
		{"a condition that nothing meets", custom(`    - {id: a, when: 'action.type == "egress" && action.type == "data.read"', require: 'has(egress.tls)'}
    - {id: b, when: 'action.type == "tool.call" && has(tool.args.n) && tool.args.n > 5 && tool.args.n < 5', require: 'has(tool.name)'}
    - {id: c, when: 'false', require: 'has(tool.name)'}
`), []string{
			"5:22 unreachable-rule no action meets the condition of a, so that it looks at none (correct when, or remove the rule)",
			"6:22 unreachable-rule", "7:22 unreachable-rule",
		}},
		{"a condition that everything meets", custom(`    - {id: a, when: 'true', require: 'has(egress.tls)'}
    - {id: b, when: 'has(tool) || !has(tool)', require: 'has(tool.name)'}
`), []string{"5:22 always-true every action meets the condition of a (leave when out, or correct it)", "6:22 always-true"}},
		{"a demand that nothing violates", custom(`    - {id: a, require: 'true'}
    - {id: b, when: 'has(data.purpose)', require: 'data.purpose != "a" || data.purpose != "b"'}
    - {id: c, when: 'action.type in ["tool.call", "egress"] && personalData()', require: 'action.type != "data.read"'}
    - {id: d, require: '!has(session.spentTokens) || session.spentTokens >= 0'}
`), []string{
			"5:25 always-true no action that a looks at can violate it (correct require, or remove the rule)",
			"6:52 always-true", "7:91 always-true", "8:25 always-true", "8:54 cel-constant",
		}},
		{"a demand that nothing satisfies", custom(`    - {id: a, when: 'action.type == "egress"', require: 'has(egress.host) && egress.host == "a" && egress.host == "b"'}
    - {id: b, when: 'action.type == "memory.write"', require: 'action.type == "data.write"'}
    - {id: c, when: 'action.type == "tool.call"', require: 'false'}
`), []string{
			`5:58 never-satisfied no action that a looks at can satisfy it: it denies all of them (if that is meant, require: "false" says it plainly)`,
			"6:64 never-satisfied",
		}},
		{"a built-in demand that nothing satisfies", head + "rules: {data_storage: {location_restrictions: {allowed_regions: []}}}\n", []string{
			"3:48 never-satisfied no action that data_storage.location_restrictions.allowed_regions looks at can satisfy it: it denies all of them (give it values that an action can have)",
		}},
		{"contradiction", custom(`    - {id: a, when: 'action.type == "egress"', require: 'has(egress.host) && egress.host in ["a", "b"]'}
    - {id: b, when: 'action.type in ["egress", "data.export"] && personalData()', require: 'has(egress.host) && egress.host == "c"'}
`), []string{
			`6:93 contradicting-rules a and b look at the same actions, and none can satisfy both: {"action":{"type":"egress"},"egress":{"host":"a"}} satisfies a and therefore violates b (have one of them`,
		}},
		{"contradiction with a built-in rule", head + `rules:
  data_collection: {purpose_limitation: true, valid_purposes: [support]}
  custom:
    - {id: a, when: 'action.type == "data.read" && personalData()', require: 'has(data.purpose) && data.purpose == "sale"'}
`, []string{"6:79 contradicting-rules data_collection.purpose_limitation and a look at"}},
		{"no contradiction", custom(`    - {id: a, when: 'action.type == "egress" && has(egress.tls) && egress.tls', require: 'has(egress.host) && egress.host == "a"'}
    - {id: b, when: 'action.type == "egress" && !(has(egress.tls) && egress.tls)', require: 'has(egress.host) && egress.host == "b"'}
    - {id: c, when: 'action.type == "data.read"', require: 'has(data.purpose)'}
    - {id: d, when: 'action.type == "data.read" && !has(data.purpose)', require: 'has(data.region)'}
`), nil},
		{"parameters may have any value", "version: \"3.0.0\"\nname: n\n" + `params: {on: {type: boolean, default: false}, hosts: {type: array, items: {type: string}, default: []}, most: {type: integer, default: 0}}
rules:
  custom:
    - {id: a, require: '!params.on || (has(actor.mfa) && actor.mfa)'}
    - {id: b, when: 'action.type == "egress"', require: 'has(egress.host) && egress.host in params.hosts'}
    - {id: c, when: 'action.type == "egress"', require: 'has(egress.host) && egress.host == "a"'}
    - {id: d, when: 'has(data.retentionDays)', require: 'data.retentionDays < params.most'}
`, nil},
		{"parameters are one thing", "version: \"3.0.0\"\nname: n\n" + `params: {hosts: {type: array, items: {type: string}, default: []}}
rules:
  custom:
    - {id: a, when: 'has(egress.host) && egress.host in params.hosts', require: '!(egress.host in params.hosts)'}
`, []string{"6:82 never-satisfied"}},
		{"duplicates", custom(`    - {id: a, when: 'action.type == "egress"', require: 'has(egress.tls) && egress.tls', controls: ["acme:1"]}
    - {id: b, when: 'action.type  ==  "egress"', require: 'has(egress.tls) && egress.tls', controls: ["acme:2"]}
    - {id: c, when: 'action.type in ["egress"]', require: 'has(egress.tls) && !(egress.tls == false)', severity: low}
    - {id: d, when: 'personalData()', obligations: [{type: mask}]}
    - {id: e, when: 'personalData()', obligations: [{type: mask}]}
    - {id: f, when: 'personalData()', obligations: [{type: redact}]}
`), []string{
			"6:12 duplicate-rule b looks at the same actions as a and demands the same (remove one of them, and give its controls to the other)",
			"7:12 duplicate-rule c looks at the same actions as a", "9:12 duplicate-rule e looks at the same actions as d",
		}},
		{"shadowed", custom(`    - {id: a, when: 'action.type == "tool.call"', require: 'has(tool.args.n) && tool.args.n <= 500'}
    - {id: b, when: 'action.type == "tool.call" && has(tool.name)', require: 'has(tool.args.n) && tool.args.n <= 1000'}
`), []string{"6:79 shadowed-rule whatever violates b violates a, too (remove b, or have it look at other actions)"}},
		{"shadowed, but for good reason", custom(`    - {id: a, when: 'action.type == "tool.call"', require: 'has(tool.args.n) && tool.args.n <= 500'}
    - {id: b, when: 'action.type == "tool.call"', require: 'has(tool.args.n) && tool.args.n <= 1000', severity: critical}
    - {id: c, when: 'action.type == "tool.call"', require: 'has(tool.args.n) && tool.args.n <= 2000', controls: ["acme:1"]}
    - {id: d, when: 'action.type == "tool.call"', require: 'has(tool.args.n) && tool.args.n <= 3000', obligations: [{type: log}]}
`), nil},
		{"what cannot be told", custom(`    - {id: a, when: 'has(timestamp) && timestamp.getHours() > 25 - data.retentionDays && has(data.retentionDays)', require: 'has(tool.name)'}
    - {id: b, when: 'has(data.purpose) && data.purpose > "b"', require: 'data.purpose > "a"'}
`), nil},
		{"a size that is known", custom(`    - {id: b, when: 'has(data.purpose) && size(data.purpose) > 2', require: 'size(data.purpose) > 1'}
`), []string{"5:78 always-true no action that b looks at can violate it (correct require, or remove the rule)"}},
	}
}

// defaultProofs are of policies that deny by default.
func defaultProofs() []proof {
	const head = "version: \"3.0.0\"\nname: n\n"
	return []proof{
		{"a default that a built-in rule takes everything from", head + "default: deny\nrules: {agents: {allowed: [a]}, tools: {allowed: [lookup]}}\n", []string{
			"3:1 unreachable-default default: deny never applies: agents.allowed looks at every action (list the types of actions that are allowed in operations.allowed_actions, and leave default out)",
		}},
		{"a default that is left one type", head + "default: deny\nrules: {access: {user_required: true}, tools: {allowed: [lookup]}}\n", []string{
			"3:1 unreachable-default default: deny applies to no action but those of type model.output: access.user_required looks at all others (list",
		}},
		{"a default beside a list of what is allowed", head + "default: deny\nrules: {operations: {allowed_actions: [tool.call]}}\n", []string{
			"3:1 unreachable-default default: deny never applies: operations.allowed_actions looks at every action (leave default out: operations.allowed_actions says which types of actions are allowed)",
		}},
		{"a default that rules of one's own take everything from", head + "default: deny\n" + `rules:
  custom:
    - {id: a, require: 'has(actor.userId)'}
    - {id: b, obligations: [{type: log}]}
    - {id: c, when: 'action.type == "egress"', require: 'has(egress.tls)'}
`, []string{
			"3:1 unreachable-default default: deny never applies: a and b look at every action (give a and b a when that leaves actions to it; or list the types",
		}},
		{"a default that conditions together take everything from", head + "default: deny\n" + `rules:
  custom:
    - {id: a, when: 'has(data.purpose)', require: 'data.purpose != "sale"'}
    - {id: b, when: 'action.type == "egress"', require: 'has(egress.tls)'}
    - {id: c, when: '!has(data.purpose) && action.type != "egress"', require: 'has(actor.userId)'}
`, []string{"3:1 unreachable-default default: deny never applies: a, b and c look at every action (give"}},
		{"a default that a failing condition takes everything from", head + "default: deny\n" + `rules:
  custom:
    - {id: a, when: 'has(data.purpose) && data.purpose == "x"', require: 'has(actor.userId)'}
    - {id: b, when: '!(has(data.purpose) && data.purpose == "x")', require: 'has(actor.mfa)'}
`, []string{"3:1 unreachable-default default: deny never applies: a and b look at every action"}},
		{"defaults that apply, or do no harm", head + "default: deny\n" + `rules:
  outputs: {no_personal_data: true}
  custom:
    - {id: a, when: 'has(data.purpose)', require: 'data.purpose != "sale"'}
    - {id: b, when: '!(action.type in ["egress", "tool.call"])', require: 'false'}
`, nil},
		{"nothing but denials", head + "default: deny\nrules: {custom: [{id: a, require: 'false'}]}\n", nil},
		{"no rules", head + "default: deny\nrules: {}\n", nil},
		{"a default that allows", head + "default: allow\nrules: {agents: {allowed: [a]}}\n", nil},
	}
}

func TestLintProves(t *testing.T) {
	t.Parallel()
	for _, tt := range append(proofs(), defaultProofs()...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc, findings := policy.Parse("p.yaml", []byte(tt.policy))
			if doc != nil {
				findings = append(findings, engine.Lint(doc, nil)...)
			}
			var got, want []string
			for i, f := range findings {
				got = append(got, fmt.Sprintf("%d:%d %s %s (%s)", f.Line, f.Column, f.Rule, f.Message, f.Hint))
				if i < len(tt.want) && strings.HasPrefix(got[i], tt.want[i]) {
					got[i] = tt.want[i]
				}
				if f.Level != mesh.LevelWarning && doc != nil {
					t.Errorf("%s is no warning", f)
				}
			}
			want = append(want, tt.want...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLintPatternsOfLines lints patterns with line breaks in them, which are told
// apart from several others.
func TestLintPatternsOfLines(t *testing.T) {
	t.Parallel()
	doc := document(t, "p.yaml", custom(`    - id: a
      when: 'has(tool.name) && tool.name.matches("^a\nb$") && tool.name.matches("^c$")'
      require: 'has(model.name) && model.name.matches("^a") && model.name.matches("b$") && model.name.matches("^c$")'
`))
	for _, f := range engine.Lint(doc, nil) {
		if f.Level == mesh.LevelError {
			t.Error(f)
		}
	}
}

// TestPacksLint holds that nothing is claimed of policies that are in use.
func TestPacksLint(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../catalog/*/*/*/policy.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no packs", err)
	}
	const sections = "testdata/sections.yaml" // says something of a right that it switches off
	for _, file := range append(files, sections) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, findings := policy.Parse(file, src)
		for _, f := range append(findings, engine.Lint(doc, nil)...) {
			if f.Rule != "unknown-control" && f.Rule != "no-controls" && (file != sections || f.Rule != "unused-option") {
				t.Error(f)
			}
		}
	}
}
