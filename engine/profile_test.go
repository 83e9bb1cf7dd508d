package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// oneBase is a resolver that knows a single base.
type oneBase string

func (b oneBase) Base(mesh.BundleRef, mesh.Digest) ([]byte, error) { return []byte(b), nil }

// dice makes policies and actions of a few values each, so that they meet.
type dice struct{ *rand.Rand }

func (d dice) of(choices ...string) string { return choices[d.IntN(len(choices))] }

// some returns a list of some of the choices, perhaps empty.
func (d dice) some(choices ...string) string {
	var out []string
	for _, c := range choices {
		if d.IntN(2) == 0 {
			out = append(out, c)
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// maybe returns the line most of the time.
func (d dice) maybe(format string, args ...any) string {
	if d.IntN(3) == 0 {
		return ""
	}
	return fmt.Sprintf(format, args...) + "\n"
}

// policy makes a document. ids keeps the custom rules of two documents apart.
func (d dice) policy(head, ids string) string {
	days := func() int { return 10 * (1 + d.IntN(3)) }
	flag := func() string { return d.of("true", "true", "false") }
	params, hosts := d.maybe("params: {limit: {type: integer, maximum: %d%s}, hosts: {type: array, items: {type: string}, enum: [a, b]%s}}",
		days()+20, d.of("", fmt.Sprint(", default: ", days())), d.of("", ", default: "+d.some("a", "b"))), `["a"]`
	if params != "" {
		hosts = "params.hosts"
	}
	return "version: \"3.0.0\"\nname: n\n" + head +
		d.maybe("default: %s", d.of("allow", "deny")) +
		params +
		"rules:\n  data_collection:\n    prohibited_purposes: [z]\n" +
		d.maybe("    consent_required: %s", flag()) +
		d.maybe("    purpose_limitation: %s", flag()) +
		d.maybe("    valid_purposes: %s", d.some("p", "q", "r")) +
		"  data_storage:\n    encryption: {algorithm: AES}\n" +
		d.maybe("    retention: {max_days: %d, deletion_policy: %s}", days(), d.of("erase", "erase", "shred")) +
		d.maybe("    location_restrictions: {allowed_regions: %s}", d.some("eu", "us")) +
		"  data_subject_rights:\n" +
		"    right_to_erasure: {" + d.of("", "enabled: true", "enabled: false") + "}\n" +
		d.maybe("    right_to_access: {response_time_hours: %d%s}", days(), d.of("", ", enabled: true", ", enabled: false", ", format: JSON")) +
		"  custom:\n" +
		d.maybe("    - {id: %s1, when: 'action.type == \"%s\"', require: 'has(egress.host) && egress.host in %s'}", ids, d.of("egress", "data.read"), hosts) +
		"    - {id: " + ids + "2, when: 'action.type == \"" + d.of("tool.call", "egress") + "\"', require: 'true'}\n" +
		d.maybe("enforcement: {mode: %s}", d.of("enforce", "monitor", "audit"))
}

func (d dice) action(t *testing.T) *mesh.Action {
	t.Helper()
	return action(t, fmt.Sprintf(`{"action":{"type":%q},"data":{"categories":[%s],"purpose":%q,"consent":{"given":%s,"purposes":["p","q"]},"retentionDays":%d,"region":%q,"destinationRegion":"eu","encryption":{"algorithm":%q}},
		"egress":{"host":%q},"request":{"right":%q,"status":%q,"ageHours":%d,"format":"JSON"},"context":{"deletionMethod":%q}}`,
		d.of("data.read", "data.write", "data.delete", "egress", "tool.call", "subject.request", "other"), d.of(`"pii"`, ""), d.of("p", "q", "r", "z"), d.of("true", "false"), 5*d.IntN(8),
		d.of("eu", "us"), d.of("AES", "ROT13"), d.of("a", "b"), d.of("access", "erasure"), d.of("answered", "refused", "open"), 5*d.IntN(8), d.of("erase", "shred")))
}

// TestProfilesOnlyNarrow makes bases and profiles at random: of those that are
// accepted, none allows an action that its base refuses.
func TestProfilesOnlyNarrow(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(3, 14))}
	accepted, refused, narrower := 0, 0, 0
	for range 800 {
		baseSrc, src := d.policy("", "b"), d.policy("extends: acme/base@sha256:"+strings.Repeat("0", 64)+"\n", "p")
		base, findings := policy.Parse("base.yaml", []byte(baseSrc))
		profile, found := policy.Parse("profile.yaml", []byte(src))
		if base == nil || profile == nil {
			t.Fatal(findings, found)
		}
		merged, findings := policy.Resolve(profile, oneBase(baseSrc))
		if merged == nil {
			refused++
			continue
		}
		accepted++
		strict, lax := compileOne(t, merged), compileOne(t, base)
		for range 20 {
			a := d.action(t)
			var s, l engine.Result
			strict.Evaluate(t.Context(), a, engine.Inline, &s)
			lax.Evaluate(t.Context(), a, engine.Inline, &l)
			if s.Allowed && !l.Allowed {
				t.Fatalf("the profile allows what its base refuses (%v)\naction %+v\nbase:\n%s\nprofile:\n%s\nfindings %v", l.Violations, a, baseSrc, src, findings)
			}
			if l.Allowed && !s.Allowed {
				narrower++
			}
		}
	}
	if accepted < 50 || refused < 50 || narrower < 50 {
		t.Errorf("%d profiles accepted, %d refused, %d actions refused by a profile alone: too few to show anything", accepted, refused, narrower)
	}
}

// compileOne compiles a document, with values of what has no default.
func compileOne(t *testing.T, doc *policy.Document) *engine.Program {
	t.Helper()
	given := map[string]any{}
	for name, v := range map[string]any{"limit": 10, "hosts": []any{"b"}} {
		if p := doc.Param(name); p != nil && p.Default == nil {
			given[name] = v
		}
	}
	p, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc, Params: given}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Enforced()
}

// TestUnresolvedIsNotCompiled: a profile by itself demands less than it means.
func TestUnresolvedIsNotCompiled(t *testing.T) {
	t.Parallel()
	doc, _ := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:"+strings.Repeat("0", 64)+"\nrules: {}\n"))
	if _, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}}); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
		t.Errorf("Compile: %v", err)
	}
	findings := engine.Lint(doc, nil)
	if len(findings) != 1 || findings[0].Rule != "unresolved-base" || findings[0].Position.String() != "p.yaml:3:10" {
		t.Errorf("Lint: %v", findings)
	}
}

// TestLintOfAProfile: an author is told what is wrong with the whole, and
// warned only of what is in the author's own file.
func TestLintOfAProfile(t *testing.T) {
	t.Parallel()
	const base = "version: \"3.0.0\"\nname: b\nframework: gdpr\nparams: {limit: {type: integer, default: 1}}\nrules:\n  data_collection: {consent_required: true}\n  custom: [{id: a, require: 'data.purpose == \"x\"'}]\n"
	doc, _ := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:"+strings.Repeat("0", 64)+"\ncontrols: {data_collection.consent_required: [\"soc2:CC6.1\"]}\nrules:\n  custom: [{id: b, require: 'data.purpose == \"x\" && params.limit > 0'}]\n"))
	merged, findings := policy.Resolve(doc, oneBase(base))
	if merged == nil {
		t.Fatal(findings)
	}
	findings = engine.Lint(merged, known)
	if len(findings) != 1 || findings[0].Position.String() != "p.yaml:6:30" {
		t.Errorf("findings %v", findings)
	}
	index := engine.RuleIndex(merged, known)
	if got := fmt.Sprint(index["data_collection.consent_required"]); got != "[gdpr:Art.6 gdpr:Art.7 soc2:CC6.1]" {
		t.Errorf("controls %s: those of the base must stay", got)
	}
}

// TestAddedRulesDoNotPermit: that a profile's rule looks at an action does not
// keep the base from denying it.
func TestAddedRulesDoNotPermit(t *testing.T) {
	t.Parallel()
	const base = "version: \"3.0.0\"\nname: b\ndefault: deny\nrules: {custom: [{id: read, when: 'action.type == \"data.read\"', require: 'true'}]}\n"
	doc, _ := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:"+strings.Repeat("0", 64)+"\nrules: {custom: [{id: all, require: 'true'}]}\n"))
	merged, findings := policy.Resolve(doc, oneBase(base))
	if merged == nil {
		t.Fatal(findings)
	}
	p := compileOne(t, merged)
	var r engine.Result
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"egress"}}`), engine.Inline, &r)
	if r.Allowed || len(r.Violations) != 1 || r.Violations[0].RuleID != policy.RuleDefault || !strings.Contains(r.Violations[0].Message, "base") {
		t.Errorf("egress: %+v", r)
	}
	if p := r.Policies; len(p) != 1 || p[0].Decision != mesh.EvaluationDeny || p[0].Reason != "violated: default" || len(p[0].Rules) != 1 {
		t.Errorf("policies %+v", p)
	}
	p.Evaluate(t.Context(), action(t, `{"action":{"type":"data.read"}}`), engine.Inline, &r)
	if !r.Allowed {
		t.Errorf("reading: %+v", r)
	}
}

// TestDefaultOfAProfile: what a profile adds to a base that denies by default
// takes nothing from that, and what a base looks at takes it from a profile's.
func TestDefaultOfAProfile(t *testing.T) {
	t.Parallel()
	const wide, narrow = "rules: {agents: {allowed: [a, b]}}\n", "rules: {tools: {allowed: [lookup]}}\n"
	for _, tt := range []struct{ name, base, profile, want string }{
		{"a rule on top of a base that denies", "default: deny\n" + narrow, wide, ""},
		{"the same, said again", "default: deny\n" + narrow, "default: deny\n" + wide, ""},
		{"a base whose default never applies", "default: deny\n" + wide, narrow, ""},
		{"a default on top of a base that looks at everything", wide, "default: deny\n" + narrow, "p.yaml:4:1"},
		{"a default with a rule that looks at everything", narrow, "default: deny\n" + wide, "p.yaml:4:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc, _ := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:"+strings.Repeat("0", 64)+"\n"+tt.profile))
			for _, f := range engine.Lint(doc, nil) {
				if f.Rule == "unreachable-default" {
					t.Errorf("of a profile whose base is not known: %s", f)
				}
			}
			merged, findings := policy.Resolve(doc, oneBase("version: \"3.0.0\"\nname: b\n"+tt.base))
			if merged == nil {
				t.Fatal(findings)
			}
			got := ""
			for _, f := range engine.Lint(merged, nil) {
				got += f.Position.String()
			}
			if got != tt.want {
				t.Errorf("findings at %q, want %q", got, tt.want)
			}
		})
	}
}

// TestProfilesKeepTheControlsOfTheirBases: whether they say it of one rule or of
// all that are alike.
func TestProfilesKeepTheControlsOfTheirBases(t *testing.T) {
	t.Parallel()
	const rules = "rules: {tools: {by_role: {refund: [manager], pay: [manager]}}}\n"
	tests := []struct{ name, base, profile, refund, pay string }{
		{"all, then one", `{tools.by_role.*: ["acme:C1"]}`, `{tools.by_role.refund: ["acme:C2"]}`, "[acme:C1 acme:C2]", "[acme:C1]"},
		{"one, then all", `{tools.by_role.refund: ["acme:C1"]}`, `{tools.by_role.*: ["acme:C2"]}`, "[acme:C1 acme:C2]", "[acme:C2]"},
		{"all, then all", `{tools.by_role.*: ["acme:C1"]}`, `{tools.by_role.*: ["acme:C2"]}`, "[acme:C1 acme:C2]", "[acme:C1 acme:C2]"},
		{"both, then both", `{tools.by_role.*: ["acme:C1"], tools.by_role.pay: ["acme:C3"]}`, `{tools.by_role.*: ["acme:C2"], tools.by_role.refund: ["acme:C4"]}`, "[acme:C1 acme:C4]", "[acme:C2 acme:C3]"},
		{"none, then one", `{}`, `{tools.by_role.refund: ["acme:C2"]}`, "[acme:C2]", "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc, _ := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:"+strings.Repeat("0", 64)+"\nrules: {}\ncontrols: "+tt.profile+"\n"))
			merged, findings := policy.Resolve(doc, oneBase("version: \"3.0.0\"\nname: b\n"+rules+"controls: "+tt.base+"\n"))
			if merged == nil {
				t.Fatal(findings)
			}
			index := engine.RuleIndex(merged, known)
			if refund, pay := fmt.Sprint(index["tools.by_role.refund"]), fmt.Sprint(index["tools.by_role.pay"]); refund != tt.refund || pay != tt.pay {
				t.Errorf("refund serves %s, want %s; pay serves %s, want %s", refund, tt.refund, pay, tt.pay)
			}
		})
	}
	doc, _ := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:"+strings.Repeat("0", 64)+"\nrules: {}\ncontrols: {tools.by_role.*: [\"gdpr:Art.999\"]}\n"))
	merged, findings := policy.Resolve(doc, oneBase("version: \"3.0.0\"\nname: b\n"+rules))
	if merged == nil {
		t.Fatal(findings)
	}
	if findings := engine.Lint(merged, known); len(findings) != 1 {
		t.Errorf("a control that does not exist, of two rules: %v", findings)
	}
}
