package compare_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/compare"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space/spacetest"
)

func parse(t testing.TB, src string) engine.Policy {
	t.Helper()
	doc, findings := policy.Parse("p.yaml", []byte(src))
	if doc == nil {
		t.Fatalf("%v\n%s", findings, src)
	}
	return engine.Policy{ID: "a/b", Document: doc}
}

func report(t testing.TB, older, newer engine.Policy) *compare.Report {
	t.Helper()
	r, err := compare.Policies(t.Context(), older, newer, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines writes a report in short: each change with its example and what became
// of it, and what is not known.
func lines(t testing.TB, r *compare.Report) []string {
	t.Helper()
	var out []string
	for _, c := range r.Changes {
		line := string(c.Kind) + " | " + c.Words
		if c.Example != nil {
			text, err := json.Marshal(c.Example)
			if err != nil {
				t.Fatal(err)
			}
			line += fmt.Sprintf(" | %s %s → %s", text, c.Before.Decision, c.After.Decision)
			if strings.Contains(c.Words, "some actions") != (c.Extent == compare.Some) {
				t.Errorf("the extent is %q: %s", c.Extent, c.Words)
			}
		}
		out = append(out, line)
	}
	for _, g := range r.Incomplete {
		out = append(out, fmt.Sprintf("? %s | %s: %s", g.Kind, g.What, g.Why))
	}
	if r.Identical {
		out = append(out, "identical")
	}
	return out
}

const head = "version: \"3.0.0\"\nname: n\n"

func rules(custom string) string { return head + "rules:\n  custom:\n" + custom }

type example struct {
	name, older, newer string
	want               []string
}

func examples() []example {
	const refund = "    - {id: refund, when: 'action.type == \"tool.call\" && has(tool.name) && tool.name == \"refund\"', require: 'has(tool.args.n) && tool.args.n <= %d'}\n"
	const consent = "    - {id: c, when: 'action.type == \"data.read\"', require: 'has(data.purpose) && has(data.consent.purposes) && data.purpose in data.consent.purposes'}\n"
	const tls = "    - {id: tls, when: 'action.type == \"egress\"', require: 'has(egress.tls) && egress.tls'}\n"
	return []example{
		{"nothing", rules(tls + consent), rules(tls + consent), []string{"identical"}},
		{"the same in other words", rules(tls), rules("    - {id: tls, when: 'action.type in [\"egress\"]', require: '!(!has(egress.tls) || !egress.tls)'}\n"), []string{"identical"}},
		{"a lower limit", rules(fmt.Sprintf(refund, 1000)), rules(fmt.Sprintf(refund, 500)), []string{
			`denied | denied now: tool.call where tool.name is refund and tool.args.n is more than 500 and at most 1000 (rule refund: at most 1000 → at most 500) | {"action":{"type":"tool.call"},"tool":{"name":"refund","args":{"n":1000}}} allowed → denied`,
		}},
		{"a higher limit", rules(fmt.Sprintf(refund, 500)), rules(fmt.Sprintf(refund, 1000)), []string{
			`allowed | allowed now: tool.call where tool.name is refund and tool.args.n is more than 500 and at most 1000 (rule refund: at most 500 → at most 1000) | {"action":{"type":"tool.call"},"tool":{"name":"refund","args":{"n":1000}}} denied → allowed`,
		}},
		{"a rule is added", rules(tls), rules(tls + "    - {id: region, when: 'action.type == \"egress\" && personalData()', require: 'has(data.region) && data.region in [\"eu\", \"us\"]'}\n"), []string{
			`denied | denied now: egress where personalData() and data.region is absent or none of eu, us (new rule region) | {"action":{"type":"egress"},"egress":{"tls":true}} allowed → denied`,
		}},
		{"a rule is removed", rules(tls + consent), rules(tls), []string{
			`allowed | allowed now: data.read where data.purpose is absent (rule c is gone) | {"action":{"type":"data.read"}} denied → allowed`,
			`allowed | allowed now: data.read where data.consent.purposes is absent (rule c is gone) | {"action":{"type":"data.read"}} denied → allowed`,
			`allowed | allowed now: data.read where !(data.purpose in data.consent.purposes) (rule c is gone) | {"action":{"type":"data.read"},"data":{"purpose":"other","consent":{"purposes":[]}}} denied → allowed`,
		}},
		{"a rule has another name", rules(tls), rules("    - {id: encrypted, when: 'action.type == \"egress\"', require: 'has(egress.tls) && egress.tls', message: the action does not meet the rule tls}\n"), []string{
			"rule | rule tls is called encrypted now",
		}},
		{"a rule that others cover", rules(fmt.Sprintf(refund, 500)), rules(fmt.Sprintf(refund, 500) + "    - {id: more, when: 'action.type == \"tool.call\" && has(tool.name) && tool.name == \"refund\"', require: 'has(tool.args.n) && tool.args.n <= 700'}\n"), []string{
			"rule | rule more is new, and denies nothing that was allowed: it is proved that by this rule alone no action is decided otherwise",
		}},
	}
}

// furtherExamples change lists, modes and what only a part of the actions meets.
func furtherExamples() []example {
	const refund = "    - {id: refund, when: 'action.type == \"tool.call\" && has(tool.name) && tool.name == \"refund\"', require: 'has(tool.args.n) && tool.args.n <= %d'}\n"
	const tls = "    - {id: tls, when: 'action.type == \"egress\"', require: 'has(egress.tls) && egress.tls'}\n"
	return []example{
		{"a list with other elements", rules("    - {id: r, when: 'has(data.region)', require: 'data.region in [\"eu\", \"us\"]'}\n"), rules("    - {id: r, when: 'has(data.region)', require: 'data.region in [\"eu\", \"uk\", \"ch\"]'}\n"), []string{
			`denied | denied now: any action where data.region is us (rule r: one of eu, us → one of eu, uk, ch) | {"action":{"type":"data.read"},"data":{"region":"us"}} allowed → denied`,
			`allowed | allowed now: any action where data.region is uk or ch (rule r: one of eu, us → one of eu, uk, ch) | {"action":{"type":"data.read"},"data":{"region":"uk"}} denied → allowed`,
		}},
		{"it looks at more", rules(tls), rules("    - {id: tls, when: 'action.type in [\"egress\", \"data.export\"]', require: 'has(egress.tls) && egress.tls'}\n"), []string{
			`denied | denied now: data.export where egress.tls is absent or false (rule tls looks at more actions) | {"action":{"type":"data.export"}} allowed → denied`,
		}},
		{"it demands more", rules(tls), rules("    - {id: tls, when: 'action.type == \"egress\"', require: 'has(egress.tls) && egress.tls && has(egress.host)'}\n"), []string{
			`denied | denied now: egress where egress.host is absent and egress.tls is true (rule tls also demands egress.host is stated) | {"action":{"type":"egress"},"egress":{"tls":true}} allowed → denied`,
		}},
		{"it fails", rules(fmt.Sprintf(refund, 500)), rules("    - {id: refund, when: 'action.type == \"tool.call\" && tool.name == \"refund\"', require: 'has(tool.args.n) && tool.args.n <= 500'}\n"), []string{
			`error | fails now: tool.call where tool.name is absent (rule refund) | {"action":{"type":"tool.call"}} allowed → error`,
		}},
		{"it fails where it was violated", rules("    - {id: a, require: 'has(data.purpose) && data.purpose == \"x\"'}\n"), rules("    - {id: a, require: 'data.purpose == \"x\"'}\n"), []string{
			`error | fails now instead of being violated: any action where data.purpose is absent (rule a) | {"action":{"type":"data.read"}} denied → error`,
		}},
		{"obligations", rules("    - {id: m, when: 'action.type == \"model.call\"', obligations: [{type: mask, properties: {categories: [pii]}}]}\n"),
			rules("    - {id: m, when: 'action.type == \"model.call\"', obligations: [{type: mask, properties: {categories: [phi]}}]}\n    - {id: l, when: 'action.type == \"egress\"', obligations: [{type: log}]}\n"), []string{
				`obligation | obliges now to mask {"categories":["phi"]} instead of mask {"categories":["pii"]}: model.call (rule m) | {"action":{"type":"model.call"}} allowed → allowed`,
				`obligation | obliges now to log: egress (rule l) | {"action":{"type":"egress"}} allowed → allowed`,
			}},
		{"labels", rules("    - {id: a, require: 'has(data.purpose)', severity: low, controls: [\"acme:1\", \"acme:2\"], message: m}\n"),
			rules("    - {id: a, require: 'has(data.purpose)', severity: high, controls: [\"acme:1\", \"acme:3\"], message: n, recommendation: r}\n"), []string{
				`severity | rule a is graded high instead of low | {"action":{"type":"data.read"}} denied → denied`,
				"controls | rule a serves now acme:3 and no longer acme:2",
				"text | rule a has another message: n",
				"text | rule a recommends something else: r",
			}},
		{"mode", rules(tls), rules(tls) + "enforcement: {mode: monitor}\n", []string{
			`mode | mode monitor instead of enforce: what violates the policy is recorded and let through | {"action":{"type":"egress"}} denied → allowed`,
		}},
		{"a stricter mode", rules(tls) + "enforcement: {mode: audit}\n", rules(tls), []string{
			`mode | mode enforce instead of audit: what violates the policy is refused | {"action":{"type":"egress"}} allowed → denied`,
		}},
		{"default", rules(tls), rules(tls) + "default: deny\n", []string{
			"default | default: deny instead of allow",
			`denied | denied now: what no rule looks at (default: allow → deny) | {"action":{"type":"other"}} allowed → denied`,
		}},
		{"parameters", head + "params: {most: {type: integer, default: 10, maximum: 50}, gone: {type: string, default: x}}\n" + "rules: {custom: [{id: a, require: 'has(tool.args.n) && tool.args.n <= params.most'}]}\n",
			head + "params: {most: {type: integer, default: 20, maximum: 50}, fresh: {type: boolean, default: true}}\n" + "rules: {custom: [{id: a, require: 'has(tool.args.n) && tool.args.n <= params.most'}]}\n", []string{
				"parameter | parameter gone is gone",
				"parameter | parameter most: default 10 → 20",
				"parameter | parameter fresh is new (default: true)",
				`allowed | allowed now: any action where tool.args.n is more than 10 and at most 20 (rule a: at most 10 → at most 20) | {"action":{"type":"data.read"},"tool":{"args":{"n":20}}} denied → allowed`,
			}},
		{"a parameter that has to be set", head + "params: {hosts: {type: array, items: {type: string}}}\nrules: {custom: [{id: a, require: 'has(egress.host) && egress.host in params.hosts'}]}\n",
			head + "params: {hosts: {type: array, items: {type: string}}}\nrules: {custom: [{id: a, require: 'has(egress.host) && egress.host in params.hosts'}]}\n", []string{
				"? parameter | whether other values of the parameter hosts make a difference: it has no default, and [] was taken for it",
			}},
		{"other values of parameters", head + "params: {most: {type: integer, default: 0}}\n" + "rules: {custom: [{id: a, require: 'has(data.retentionDays) && data.retentionDays <= params.most'}]}\n",
			head + "params: {most: {type: integer, default: 0}}\n" + "rules: {custom: [{id: a, require: 'has(data.retentionDays) && params.most >= data.retentionDays'}]}\n", []string{
				"? parameter | whether other values of the parameter most make a difference (rule a): it was compared with the values there are",
			}},
		{"a parameter that may have other values", head + "params: {most: {type: integer, default: 0, maximum: 5}}\n" + "rules: {custom: [{id: a, require: 'has(data.retentionDays) && data.retentionDays <= params.most'}]}\n",
			head + "params: {most: {type: integer, default: 0, maximum: 9}}\n" + "rules: {custom: [{id: a, require: 'has(data.retentionDays) && data.retentionDays <= params.most'}]}\n", []string{
				"parameter | parameter most may have other values: maximum 5 → 9",
			}},
	}
}

// wordExamples are about what is said.
func wordExamples() []example {
	return []example{
		{"a number becomes a text", rules("    - {id: a, require: 'has(tool.args.n) && tool.args.n == 1'}\n"), rules("    - {id: a, require: 'has(tool.args.n) && tool.args.n == \"1\"'}\n"), []string{
			`denied | denied now: any action where tool.args.n is 1 (rule a: 1 → "1") | {"action":{"type":"data.read"},"tool":{"args":{"n":1}}} allowed → denied`,
			`allowed | allowed now: any action where tool.args.n is "1" (rule a: 1 → "1") | {"action":{"type":"data.read"},"tool":{"args":{"n":"1"}}} denied → allowed`,
		}},
		{"a list with nothing else", rules("    - {id: a, when: 'has(data.fields)', require: 'data.fields.all(f, f in [\"a\", \"b\"])'}\n"), rules("    - {id: a, when: 'has(data.fields)', require: 'data.fields.all(f, f in [\"a\"])'}\n"), []string{
			`denied | denied now: any action where data.fields with something other than a and with nothing but a, b (rule a: with nothing but a, b → with nothing but a) | {"action":{"type":"data.read"},"data":{"fields":["b"]}} allowed → denied`,
		}},
		{"how a text begins", rules("    - {id: a, when: 'has(data.region)', require: 'data.region.startsWith(\"eu\")'}\n"), rules("    - {id: a, when: 'has(data.region)', require: 'data.region.startsWith(\"eu-\")'}\n"), []string{
			`denied | denied now: any action where data.region begins with eu and does not begin with eu- (rule a: begins with eu → begins with eu-) | {"action":{"type":"data.read"},"data":{"region":"euother"}} allowed → denied`,
		}},
		{"what cannot be proved", rules("    - {id: a, when: 'has(data.region)', require: 'data.region.startsWith(\"eu-\")'}\n"), rules("    - {id: a, when: 'has(data.region)', require: 'data.region.matches(\"^eu-.*$\")'}\n"), []string{
			`? denied | whether an action is denied now where data.region does not match ^eu-.*$ (rule a): nothing is proved about data.region.matches("^eu-.*$")`,
			`? allowed | whether an action is allowed now where data.region does not begin with eu- (rule a): nothing is proved about data.region.matches("^eu-.*$")`,
		}},
		{"bounds and default of a parameter", head + "params: {most: {type: integer, default: 1, minimum: 0}, one: {type: string, enum: [a, b], default: a}}\n" + "rules: {custom: [{id: a, require: 'has(data.purpose)'}]}\n",
			head + "params: {most: {type: integer, default: 2, maximum: 9}, one: {type: string, enum: [a], default: a}}\n" + "rules: {custom: [{id: a, require: 'has(data.purpose)'}]}\n", []string{
				"parameter | parameter most: default 1 → 2",
				"parameter | parameter most may have other values: minimum 0 → none, maximum none → 9",
				`parameter | parameter one may have other values: enum ["a", "b"] → ["a"]`,
			}},
		{"what only cel-go computes", rules("    - {id: a, require: 'has(timestamp) && timestamp.getHours() >= 8'}\n"), rules("    - {id: a, require: 'has(timestamp) && timestamp.getHours() >= 9'}\n"), []string{
			`denied | denied now: any action where !(timestamp.getHours() >= 9) and timestamp is stated and timestamp.getHours() >= 8 (rule a: (timestamp.getHours() >= 8) → (timestamp.getHours() >= 9)) | {"timestamp":"2026-01-05T08:00:00Z","action":{"type":"data.read"}} allowed → denied`,
		}},
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(examples(), furtherExamples(), wordExamples()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := report(t, parse(t, tt.older), parse(t, tt.newer))
			if diff := cmp.Diff(tt.want, lines(t, r)); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFinds holds that a change of what is computed is found by an action that
// both versions decide. What else the change does may not be known.
func TestFinds(t *testing.T) {
	t.Parallel()
	tests := []struct{ older, newer, want string }{
		{`size(tool.name) < 10`, `size(tool.name) < 12`, `allowed "xxxxxxxxxx"`},
		{`tool.name.matches("^a+$")`, `tool.name.matches("^a*b?$")`, `allowed ""`},
		{`tool.name.matches("^[A-Z][0-9]{3,40}$") && size(tool.name) <= 20`, `tool.name.matches("^[A-Z][0-9]{3,40}$") && size(tool.name) <= 21`, `allowed "A00000000000000000000"`},
		{`size(tool.name) < 10 && tool.name.startsWith("ab")`, `size(tool.name) < 12 && tool.name.startsWith("ab")`, `allowed "abxxxxxxxx"`},
		{`["a", "b"].exists(p, tool.name.matches("^" + p))`, `["a", "c"].exists(p, tool.name.matches("^" + p))`, `denied "b" allowed "c"`},
		{`size(data.fields) < 3`, `size(data.fields) < 5`, `allowed ["other","other","other"]`},
		{`data.fields.exists(f, f.matches("^x[0-9]$"))`, `data.fields.exists(f, f.matches("^x[0-9]+$"))`, `allowed ["x00"] ?`},
		{`double(tool.args.n) * 2.0 <= 10.0`, `double(tool.args.n) * 2.0 <= 11.0`, `allowed 5.5`},
		{`size(tool.args.n) < 4`, `size(tool.args.n) < 5`, `allowed "xxxx"`},
		{`tool.args.n.all(x, x in ["a"])`, `tool.args.n.all(x, x in ["a", "b"])`, `allowed ["b"] ?`},
		{`timestamp(tool.args.n) < timestamp("2026-01-01T00:00:00Z")`, `timestamp(tool.args.n) < timestamp("2027-01-01T00:00:00Z")`, `allowed 1767225600`},
		{`tool.args.all(k, k in ["a", "n"])`, `tool.args.all(k, k in ["n"])`, `denied {"a":"other"}`},
		{`["n", "m"].all(k, k in tool.args)`, `["n"].all(k, k in tool.args)`, `allowed {"n":"other"}`},
	}
	for _, tt := range tests {
		t.Run(tt.older, func(t *testing.T) {
			t.Parallel()
			rule := func(require string) engine.Policy {
				return parse(t, rules("    - {id: a, when: 'has(tool.name) && has(tool.args.n) && has(data.fields)', require: '"+require+"'}\n"))
			}
			if strings.Contains(tt.older, "tool.args)") || strings.Contains(tt.older, "tool.args.all") {
				rule = func(require string) engine.Policy { return parse(t, rules("    - {id: a, require: '"+require+"'}\n")) }
			}
			older, newer := rule(tt.older), rule(tt.newer)
			r := report(t, older, newer)
			checkExamples(t, r, older, newer)
			var got []string
			for _, c := range r.Changes {
				var shown any
				switch e := c.Example; {
				case strings.Contains(tt.older, "tool.name"):
					shown = e.Tool.Name
				case strings.Contains(tt.older, "data.fields"):
					shown = e.Data.Fields
				case strings.Contains(tt.older, "tool.args.n"):
					shown = e.Tool.Args["n"]
				default:
					shown = e.Tool.Args
				}
				text, err := json.Marshal(shown)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(c.Kind)+" "+string(text))
			}
			if len(r.Incomplete) > 0 {
				got = append(got, "?")
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("found (-want +got):\n%s%s", diff, strings.Join(lines(t, r), "\n"))
			}
		})
	}
}

// TestPacks compares two large policies with themselves and with each other.
func TestPacks(t *testing.T) {
	t.Parallel()
	read := func(name string) engine.Policy {
		src, err := os.ReadFile(filepath.Join("..", "..", "catalog", "frameworks", "packs", name, "policy.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, string(src))
	}
	gdpr, hipaa := read("gdpr"), read("hipaa")
	if r := report(t, gdpr, gdpr); !r.Identical {
		t.Errorf("a pack differs from itself: %v", lines(t, r))
	}
	r := report(t, gdpr, hipaa)
	for _, g := range r.Incomplete {
		if g.Kind != compare.Parameter {
			t.Errorf("not known %s: %s", g.What, g.Why)
		}
	}
	checkExamples(t, r, gdpr, hipaa)
}

// checkExamples holds the examples of a report to another back end than the one
// that found them.
func checkExamples(t *testing.T, r *compare.Report, older, newer engine.Policy) {
	t.Helper()
	programs := map[*policy.Document]*engine.Program{}
	for _, p := range []engine.Policy{older, newer} {
		program, err := engine.CompileWith([]engine.Policy{p}, engine.Closures)
		if err != nil {
			t.Fatal(err)
		}
		programs[p.Document] = program.Enforced()
	}
	decide := func(p engine.Policy, a *mesh.Action) string {
		program := programs[p.Document]
		var got engine.Result
		switch program.Evaluate(t.Context(), a, engine.Inline, &got); {
		case got.WouldAllow:
			return "allowed"
		case len(got.Violations) > 0:
			return "denied"
		}
		return "error"
	}
	for _, c := range r.Changes {
		if c.Kind != compare.Denied && c.Kind != compare.Allowed && c.Kind != compare.Failing {
			continue
		}
		before, after := decide(older, c.Example), decide(newer, c.Example)
		if before != c.Before.Decision || after != c.After.Decision || before == "allowed" && after == "allowed" {
			t.Errorf("%s: decided %s → %s, the report says %s → %s", c.Words, before, after, c.Before.Decision, c.After.Decision)
		}
	}
}

// oneBase is a resolver that knows a single base.
type oneBase string

func (b oneBase) Base(mesh.BundleRef, mesh.Digest) ([]byte, error) { return []byte(b), nil }

// TestProfiles: of a base that denies by default, what a profile adds allows
// nothing more.
func TestProfiles(t *testing.T) {
	t.Parallel()
	profile := func(rules string) engine.Policy {
		p := parse(t, "version: \"3.0.0\"\nname: n\nextends: acme/base@sha256:"+strings.Repeat("0", 64)+"\nrules: {custom: ["+rules+"]}\n")
		merged, findings := policy.Resolve(p.Document, oneBase(head+"default: deny\nrules: {custom: [{id: b, when: 'action.type == \"egress\"', require: 'has(egress.tls)'}]}\n"))
		if merged == nil {
			t.Fatal(findings)
		}
		return engine.Policy{ID: "a/b", Document: merged}
	}
	const first, second = `{id: p, when: 'action.type == "egress"', require: 'has(data.purpose)'}`, `{id: q, when: 'action.type == "data.read"', require: 'has(data.purpose)'}`
	for _, tt := range []struct {
		older, newer string
		want         []string
	}{
		{first, first, []string{"identical"}},
		{first, "", []string{`allowed | allowed now: egress where data.purpose is absent (rule p is gone) | {"action":{"type":"egress"},"egress":{"tls":true}} denied → allowed`}},
		{first, first + ", " + second, []string{"rule | rule q is new, and denies nothing that was allowed: it is proved that by this rule alone no action is decided otherwise"}},
	} {
		if diff := cmp.Diff(tt.want, lines(t, report(t, profile(tt.older), profile(tt.newer)))); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	sound := parse(t, rules("    - {id: a, require: 'has(data.purpose)'}\n"))
	broken := parse(t, rules("    - {id: a, require: 'dta'}\n"))
	for _, pair := range [][2]engine.Policy{{sound, broken}, {broken, sound}} {
		if _, err := compare.Policies(t.Context(), pair[0], pair[1], nil); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
			t.Errorf("comparing with what does not compile: %v", err)
		}
	}
}

// FuzzPolicies compares policies and holds the report to actions: examples are
// decided as it says, and what is identical decides every action alike.
func FuzzPolicies(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 4))
		src := spacetest.Policy(r)
		older, newer := parse(t, src), parse(t, spacetest.Policy(r))
		if r.IntN(3) > 0 {
			newer = parse(t, mutate(r, src))
		}
		rep, err := compare.Policies(t.Context(), older, newer, nil)
		if err != nil {
			return // an expression that does not type-check
		}
		checkExamples(t, rep, older, newer)
		checkSilence(t, r, rep, older, newer)
		checkWords(t, r, rep, older, newer)
	})
}

// mutate changes a policy in a few places, or not at all.
func mutate(r spacetest.Source, src string) string {
	changes := []string{`"x"`, `"y"`, "3", "4", "&&", "||", "||", "&&", "!(", "(", "default: deny", "default: allow", "true", "false"}
	for range r.IntN(4) {
		i := 2 * r.IntN(len(changes)/2)
		before, after, found := strings.Cut(src, "\nrules:")
		if !found {
			return src
		}
		parts := strings.SplitAfter(after, changes[i])
		if n := r.IntN(len(parts)); n < len(parts)-1 {
			parts[n] = strings.TrimSuffix(parts[n], changes[i]) + changes[i+1]
		}
		src = before + "\nrules:" + strings.Join(parts, "")
	}
	return src
}

// checkSilence looks for actions that are decided otherwise although the report
// says that there are none.
func checkSilence(t *testing.T, r spacetest.Source, rep *compare.Report, older, newer engine.Policy) {
	t.Helper()
	reported := map[compare.Kind]bool{}
	for _, c := range rep.Changes {
		reported[c.Kind] = true
	}
	for _, g := range rep.Incomplete {
		reported[g.Kind] = true
	}
	programs := [2]*engine.Program{}
	for i, p := range []engine.Policy{older, newer} {
		var err error
		if programs[i], err = engine.Compile([]engine.Policy{p}); err != nil {
			t.Fatal(err)
		}
	}
	for range 30 {
		a := spacetest.Action(r)
		var results [2]engine.Result
		for i, p := range programs {
			p.Evaluate(t.Context(), a, engine.Inline, &results[i])
		}
		text, _ := json.Marshal(a)
		switch before, after := &results[0], &results[1]; {
		case !before.Allowed && after.Allowed && !reported[compare.Allowed]:
			t.Errorf("%s is allowed now, which the report does not say", text)
		case before.Allowed && !after.Allowed && !reported[compare.Denied] && !reported[compare.Failing]:
			t.Errorf("%s is denied now, which the report does not say", text)
		case rep.Identical && len(before.Obligations) != len(after.Obligations):
			t.Errorf("%s has other obligations although nothing differs", text)
		}
	}
}
