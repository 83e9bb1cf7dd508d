package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// whole uses every key of the language. Its built-in sections have the keys and
// values of the whitepaper's example.
const whole = `version: "3.0.0"
name: "GDPR Data Protection"
description: All there is
framework: "GDPR"
default: deny
params:
  approvedHosts:
    type: array
    items: {type: string}
    default: [api.example.com]
    description: Hosts data may leave to
  limit: {type: integer, minimum: 1, maximum: 100}
controls:
  data_storage.retention.max_days: ["gdpr:Art.5"]
rules:
  data_collection:
    consent_required: true
    purpose_limitation: true
    valid_purposes:
      - "service_improvement"
      - "user_support"
    prohibited_purposes:
      - "marketing_without_consent"
      - "third_party_sharing"
  data_storage:
    encryption:
      algorithm: "AES-256-GCM"
      key_rotation_days: 90
    retention:
      max_days: 365
      deletion_policy: "secure_erase"
    location_restrictions:
      allowed_regions: ["eu-west-1", "eu-central-1"]
  data_subject_rights:
    right_to_access:
      enabled: true
      response_time_hours: 720 # 30 days
    right_to_erasure:
      enabled: false
    right_to_portability:
      enabled: true
      format: "JSON"
  custom:
    - id: phi-egress
      controls: ["hipaa:164.312(e)(1)"]
      when: 'action.type == "egress"'
      require: egress.host in params.approvedHosts
      severity: critical
      message: only to an approved host
      recommendation: approve the host
      obligations: [{type: mask, properties: {categories: [phi]}}]
    - id: mask-pii
      when: action.type == "data.read"
      obligations: [{type: mask}]
enforcement:
  mode: "monitor"
  actions_on_violation:
    - action: "block"
      severity: "low"
    - action: "alert"
      channels: ["slack", "email"]
      recipients: ["dpo@company.com"]
    - action: "log"
      destination: "audit_log"
`

func TestParseWholeLanguage(t *testing.T) {
	t.Parallel()
	d, findings := policy.Parse("p.yaml", []byte(whole))
	if len(findings) > 0 {
		t.Fatalf("findings: %v", findings)
	}
	var ids []string
	for _, r := range d.Rules {
		ids = append(ids, r.ID)
	}
	want := []string{
		"data_collection.consent_required", "data_collection.purpose_limitation", "data_collection.prohibited_purposes",
		"data_storage.encryption.algorithm", "data_storage.encryption.key_rotation_days",
		"data_storage.retention.max_days", "data_storage.retention.deletion_policy", "data_storage.location_restrictions.allowed_regions",
		"data_subject_rights.right_to_access.enabled", "data_subject_rights.right_to_access.response_time_hours",
		"data_subject_rights.right_to_portability.enabled", "data_subject_rights.right_to_portability.format",
		"phi-egress", "mask-pii",
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if d.Version != "3.0.0" || d.Name != "GDPR Data Protection" || d.Framework.Value != "GDPR" || !d.DenyByDefault {
		t.Errorf("head: %+v", d)
	}
	if e := d.Enforcement; e.Mode != mesh.ModeMonitor || e.Severity != mesh.SeverityLow || len(e.Actions) != 3 || e.Actions[1].Channels[1] != "email" || e.Actions[2].Destination != "audit_log" {
		t.Errorf("enforcement: %+v", e)
	}
	purpose := d.Rules[1]
	if diff := cmp.Diff(map[string]any{"purpose_limitation": true, "valid_purposes": []any{"service_improvement", "user_support"}}, purpose.Values); diff != "" {
		t.Errorf("parameters of %s (-want +got):\n%s", purpose.ID, diff)
	}
	custom := d.Rules[12]
	if custom.Severity != mesh.SeverityCritical || custom.Controls[0].Value != "hipaa:164.312(e)(1)" || custom.Require.Source != "egress.host in params.approvedHosts" {
		t.Errorf("custom rule: %+v", custom)
	}
	if oblige := d.Rules[13]; oblige.Severity != policy.DefaultCustomSeverity || oblige.Message == "" || !oblige.Require.IsZero() {
		t.Errorf("obliging rule: %+v", oblige)
	}
}

// TestParseMappings reads sections that make a rule for each entry of a mapping.
func TestParseMappings(t *testing.T) {
	t.Parallel()
	d, findings := policy.Parse("p.yaml", []byte(`version: "3.0.0"
name: Shop
controls:
  tools.by_role.*: ["soc2:CC6.3"]
  tools.arguments.pay.values.amount.maximum: ["soc2:PI1.2"]
rules:
  tools:
    by_role:
      crm.lookup: [support]
      pay: [manager]
    arguments:
      pay:
        required: [amount]
        values:
          amount: {maximum: 1000, optional: true}
          note: {pattern: "[a-z ]*"}
  data_minimization: {mask_fields: [iban]}
  agents: {identity_required: false}
`))
	if len(findings) > 0 {
		t.Fatalf("findings: %v", findings)
	}
	type rule struct {
		ID, Primitive string
		Line          int
		Values        map[string]any
		Obligations   []mesh.Obligation
	}
	var got []rule
	for _, r := range d.Rules {
		got = append(got, rule{r.ID, r.Primitive, r.Position.Line, r.Values, r.Obligations})
	}
	want := []rule{
		{"tools.by_role.crm.lookup", "tools.by_role.*", 9, map[string]any{"tool": "crm.lookup", "roles": []any{"support"}}, nil},
		{"tools.by_role.pay", "tools.by_role.*", 10, map[string]any{"tool": "pay", "roles": []any{"manager"}}, nil},
		{"tools.arguments.pay.required", "tools.arguments.*.required", 13, map[string]any{"tool": "pay", "required": []any{"amount"}}, nil},
		{
			"tools.arguments.pay.values.amount.maximum", "tools.arguments.*.values.*.maximum", 15,
			map[string]any{"tool": "pay", "argument": "amount", "maximum": 1000.0, "optional": true}, nil,
		},
		{
			"tools.arguments.pay.values.note.pattern", "tools.arguments.*.values.*.pattern", 16,
			map[string]any{"tool": "pay", "argument": "note", "pattern": "[a-z ]*"}, nil,
		},
		{
			"data_minimization.mask_fields", "data_minimization.mask_fields", 17, map[string]any{"mask_fields": []any{"iban"}},
			[]mesh.Obligation{{Type: "mask", Properties: map[string]any{"fields": []any{"iban"}}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestParseFindings(t *testing.T) {
	t.Parallel()
	wantFindings(t, []findingsTest{
		{"empty", "", []string{"1:1 yaml-syntax the file is empty"}},
		{"only a comment", "# nothing\n", []string{"1:1 yaml-syntax the file is empty"}},
		{"not YAML", head + "rules: [\n", []string{"yaml-syntax not YAML"}},
		{"tab", head + "rules:\n\tcustom: []\n", []string{"yaml-syntax not YAML", "spaces"}},
		{"a list", "- a\n", []string{"1:1 wrong-type expected a mapping, found a list"}},
		{"two documents", head + "rules: {}\n---\nname: b\n", []string{"yaml-documents a second document begins here"}},
		{"NUL", head + "rules: {}\n# \x00\n", []string{"4:3 encoding the file is not text: it holds a NUL character"}},
		{"UTF-8", head + "rules: {}\n# ü\xff\n", []string{"4:4 encoding byte 0xFF is not UTF-8"}},
		{"alias", head + "rules: &r {}\nparams: *r\n", []string{"3:8 yaml-alias the anchor &r is not allowed", "4:9 yaml-alias aliases are not allowed"}},
		{"merge key", head + "rules: {<<: {custom: []}}\n", []string{"3:9 yaml-alias merge keys are not allowed"}},
		{"tag", head + "rules: !!set {}\n", []string{"3:8 yaml-tag the tag !!set is not allowed"}},
		{"duplicate key", head + "rules: {}\nname: m\n", []string{"4:1 duplicate-key the key name stands here for the second time (keep one of them; the first is in line 2, column 1)"}},
		{"key is a number", head + "rules: {}\nparams: {1: {type: string}}\n", []string{`4:10 yaml-key the key 1 is not text (write it as "1")`}},
		{"deep", head + "rules: " + strings.Repeat("[", 80) + strings.Repeat("]", 80), []string{"3:71 too-deep nested more than 64 levels deep"}},
		{"missing keys", "framework: gdpr\n", []string{"1:1 missing-key the key version is missing", "1:1 missing-key the key name is missing", "1:1 missing-key the key rules is missing"}},
		{"unknown keys, all at once", head + "rules:\n  data_colection: {}\nenforcment: {mode: enforce}\n", []string{
			"4:3 unknown-key unknown key data_colection (did you mean data_collection?)", "5:1 unknown-key unknown key enforcment (did you mean enforcement?)",
		}},
		{"unknown key in a section", head + "rules:\n  data_storage:\n    encryption: {algoritm: AES}\n", []string{"5:18 unknown-key unknown key algoritm (did you mean algorithm?)"}},
		{"unknown right", head + "rules:\n  data_subject_rights:\n    right_to_acess: {enabled: true}\n", []string{"5:5 unknown-key unknown key right_to_acess (did you mean right_to_access?)"}},
		{"unknown key in a custom rule", head + "rules:\n  custom:\n    - id: a\n      requires: 'true'\n", []string{
			"6:7 unknown-key unknown key requires (did you mean require?)", // and not that require is missing
		}},
		{"text for a flag", head + "rules:\n  data_collection:\n    consent_required: \"true\"\n", []string{`5:23 wrong-type expected true or false, found "true" (write it without quotes)`}},
		{"yes for a flag", head + "rules:\n  data_collection:\n    consent_required: yes\n", []string{`5:23 wrong-type expected true or false, found "yes"`}},
		{"null section", head + "rules:\n  data_collection:\n", []string{"wrong-type expected a mapping, found nothing"}},
		{"days out of range", head + "rules:\n  data_storage: {encryption: {key_rotation_days: 0}}\n", []string{"4:50 wrong-value 0 is less than 1 (key_rotation_days is at least 1)"}},
		{"infinite days", head + "rules:\n  data_storage: {retention: {max_days: .inf}}\n", []string{"4:40 yaml-value the number .inf is out of range"}},
		{"mode", head + "rules: {}\nenforcement: {mode: enfroce}\n", []string{`4:21 wrong-value "enfroce" is not one of enforce, monitor, audit (did you mean enforce?)`}},
		{"action", head + "rules: {}\nenforcement:\n  actions_on_violation:\n    - action: blok\n", []string{`6:15 wrong-value "blok" is not one of block, alert, log (did you mean block?)`}},
		{"channel", head + "rules: {}\nenforcement:\n  actions_on_violation:\n    - action: alert\n      channels: [slak]\n", []string{`7:18 wrong-value "slak" is not one of slack`, "did you mean slack?"}},
		{"key of another action", head + "rules: {}\nenforcement:\n  actions_on_violation:\n    - action: log\n      channels: [slack]\n", []string{"7:7 misplaced-key the key channels has no meaning here"}},
		{"two blocks", head + "rules: {}\nenforcement:\n  actions_on_violation:\n    - {action: block}\n    - {action: block, severity: low}\n", []string{"7:7 duplicate-action block stands here for the second time"}},
		{"rule id twice", head + "rules:\n  custom:\n    - {id: a, require: 'true'}\n    - {id: a, require: 'true'}\n", []string{"6:12 duplicate-id a rule in line 5 has the id a, too"}},
		{"reserved ids", head + "rules:\n  custom:\n    - {id: default, require: 'true'}\n    - {id: data_collection.consent_required, require: 'true'}\n", []string{"5:12 reserved-id", "6:12 reserved-id"}},
		{"rule id", head + "rules:\n  custom:\n    - {id: 'a b', require: 'true'}\n", []string{`5:12 wrong-value "a b" does not have the form`}},
		{"severity", head + "rules:\n  custom:\n    - {id: a, require: 'true', severity: hihg}\n", []string{`5:42 wrong-value "hihg" is not one of low, medium, high, critical (did you mean high?)`}},
		{"tagged key", head + "rules: {}\n!!str description: x\n", []string{"4:1 yaml-tag the tag !!str is not allowed"}},
		{"controls of no rule", head + "rules: {}\ncontrols: {data_collection.consent: [\"gdpr:Art.6\"]}\n", []string{"4:12 unknown-rule data_collection.consent is not a built-in rule"}},
		{"list element twice", head + "rules:\n  data_collection: {prohibited_purposes: [a, b, a]}\n", []string{`4:49 duplicate-value "a" stands in the list twice (keep one of them in prohibited_purposes)`}},
		{"warning: purposes", head + "rules:\n  data_collection: {purpose_limitation: true}\n", []string{"4:21 no-valid-purposes"}},
		{"warning: unused purposes", head + "rules:\n  data_collection: {consent_required: true, valid_purposes: [a]}\n", []string{"4:45 unused-purposes"}},
		{"warning: settings of what is switched off", head + "rules:\n  data_subject_rights: {right_to_access: {enabled: false, response_time_hours: 24}, right_to_erasure: {enabled: true}}\n", []string{
			"4:59 unused-option response_time_hours has no effect, since enabled is false (write enabled: true, or remove it)",
		}},
		{"warning: nothing", head + "rules: {}\n", []string{"3:8 no-rules"}},
	})
}

// head begins a document that lacks only its rules.
const head = "version: \"3.0.0\"\nname: n\n"

// findingsTest is a document and what Parse says about it.
type findingsTest struct {
	name, src string
	want      []string // position, rule, message and hint: "line:column rule message (hint)", each a prefix or more
}

// wantFindings parses documents and looks for what is wanted of each; where
// nothing is, nothing may be said.
func wantFindings(t *testing.T, tests []findingsTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkFindings(t, tt.src, tt.want, strings.Contains(tt.name, "nothing"))
		})
	}
}

// TestParseFindingsOfParameters holds the values of built-in rules to what
// their primitives say of them.
func TestParseFindingsOfParameters(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\n"
	tests := []struct {
		name, src string
		want      []string // as of TestParseFindings
	}{
		{"a name nobody can write", head + "rules:\n  tools: {by_role: {\"pay all\": [boss]}}\n", []string{"4:21 wrong-value pay all is not a valid name"}},
		{"no regular expression", head + "rules:\n  tools: {arguments: {pay: {values: {note: {pattern: \"[a\"}}}}}\n", []string{"4:54 wrong-value \"[a\" is not a regular expression (write it in the syntax of RE2; this one does not compile: missing closing ] in [a)"}},
		{"a regular expression that unfolds", head + "rules:\n  tools: {arguments: {pay: {values: {note: {pattern: \"[\\\\pL]{900}[\\\\pN]{900}[\\\\pL]{900}\"}}}}}\n",
			[]string{"4:54 wrong-value \"[\\\\pL]{900}[\\\\pN]{900}[\\\\pL]{900}\" is not a regular expression (write it in the syntax of RE2; this one unfolds into more than 2000 steps)"}},
		{"a score that cannot be", head + "rules:\n  content: {max_injection_score: 3}\n", []string{"4:34 wrong-value 3 is more than 1 (max_injection_score is at most 1)"}},
		{"an empty element", head + "rules:\n  agents: {allowed: [\"\"]}\n", []string{"4:22 wrong-value an element of allowed is empty (write something, or remove the element)"}},
		{"an empty text", "version: \"3.0.0\"\nname: \"\"\nrules: {}\n", []string{"2:7 wrong-value name is empty (write something into it)"}},
		{"a top-level domain", head + "rules:\n  egress: {allowed_domains: [com, localhost, example.com, a-b.c3.example]}\n", []string{"4:30 wrong-value \"com\" is not a domain (write its name alone, as in example.com"}},
		{"a wildcard", head + "rules:\n  egress: {allowed_domains: [\"*.example.com\"]}\n", []string{"4:30 wrong-value \"*.example.com\" is not a domain"}},
		{"an address", head + "rules:\n  egress: {allowed_domains: [\"https://example.com/\"]}\n", []string{"4:30 wrong-value \"https://example.com/\" is not a domain"}},
		{"an input that is an object", head + "rules:\n  operations: {required_inputs: {any: [egress]}}\n", []string{"4:40 wrong-value \"egress\" is none of the 85 values there are (for example egress.host, egress.tls; docs/reference/primitives.md lists them all)"}},
		{"an input that is like none", head + "rules:\n  operations: {required_inputs: {any: [qqqqqq]}}\n", []string{"4:40 wrong-value \"qqqqqq\" is none of the 85 values there are (docs/reference/primitives.md lists them all)"}},
		{"an input that is none", head + "rules:\n  operations: {required_inputs: {any: [agent.ident]}}\n", []string{"4:40 wrong-value \"agent.ident\" is none of the 85 values there are (did you mean agent.id? docs/reference/primitives.md lists them all)"}},
		{"two rules of one id", head + "rules:\n  tools:\n    arguments:\n      p: {values: {a.values.b: {maximum: 1}}}\n      p.values.a: {values: {b: {maximum: 1}}}\n",
			[]string{"7:33 duplicate-id the value in line 6 makes a rule tools.arguments.p.values.a.values.b.maximum, too"}},
		{"the id of a built-in rule's", head + "rules:\n  tools: {by_role: {pay: [boss]}}\n  custom: [{id: tools.by_role.pay, require: 'true'}]\n", []string{"5:17 reserved-id the id tools.by_role.pay is that of a built-in rule"}},
		{"controls of rules by a part of their names", head + "rules:\n  tools: {by_role: {pay: [boss]}}\ncontrols: {tools.*: [\"soc2:CC6.3\"], tools.by_role.pax: [\"soc2:CC6.3\"]}\n", []string{
			"5:12 unknown-rule tools.* is not a built-in rule (a * stands for the whole key in the name of a rule, as in tools.by_role.*; name the rules one by one)",
			"5:37 unknown-rule tools.by_role.pax is not a built-in rule (did you mean tools.by_role.pay?)",
		}},
		{"controls of an entry that is none", head + "rules:\n  tools: {by_role: {pay: [boss]}}\ncontrols: {tools.by_role.buy: [\"soc2:CC6.3\"]}\n", []string{"5:12 unknown-rule tools.by_role.buy is not a built-in rule"}},
		{"warning: an option nobody reads", head + "rules:\n  sessions: {step_up: {max_age_seconds: 60}}\n",
			[]string{"4:24 unused-option max_age_seconds has no effect (add sessions.step_up.tools or sessions.step_up.actions or sessions.step_up.classifications)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkFindings(t, tt.src, tt.want, false)
		})
	}
}

// checkFindings parses a policy and looks for each finding wanted; none wanted
// means none at all. That a policy has no rules counts only if it is asked for.
func checkFindings(t *testing.T, src string, want []string, noRules bool) {
	t.Helper()
	d, findings := policy.Parse("p.yaml", []byte(src))
	if (d == nil) != mesh.HasErrors(findings) {
		t.Errorf("document %v beside findings %v", d, findings)
	}
	var got []string
	for _, f := range findings {
		if f.Rule == "no-rules" && !noRules {
			continue
		}
		if f.File != "p.yaml" {
			t.Errorf("finding without its file: %v", f)
		}
		s := strings.TrimPrefix(f.Position.String(), "p.yaml:") + " " + f.Rule + " " + f.Message
		if f.Hint != "" {
			s += " (" + f.Hint + ")"
		}
		got = append(got, s)
	}
	all := strings.Join(got, "\n")
	for _, w := range want {
		if !strings.Contains(all, w) {
			t.Errorf("no finding %q", w)
		}
	}
	if len(want) == 0 && len(got) > 0 || t.Failed() {
		t.Errorf("findings:\n%s", all)
	}
}

func TestParseTooLarge(t *testing.T) {
	t.Parallel()
	big := append([]byte(whole), []byte(strings.Repeat("# comment\n", 110_000))...)
	if _, findings := policy.Parse("p.yaml", big); len(findings) != 1 || findings[0].Rule != "too-large" {
		t.Errorf("a file of %d bytes: %v", len(big), findings)
	}
	many := "version: \"3.0.0\"\nname: n\nrules: [" + strings.Repeat("1,", 210_000) + "1]\n"
	if _, findings := policy.Parse("p.yaml", []byte(many)); len(findings) != 1 || findings[0].Rule != "too-large" {
		t.Errorf("a file of many values: %v", findings)
	}
}

// TestParseManyFaults bounds what a hostile file costs: findings are cut off.
func TestParseManyFaults(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("version: \"3.0.0\"\nname: n\nrules: {}\n")
	for i := range 90_000 {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	_, findings := policy.Parse("p.yaml", []byte(b.String()))
	if len(findings) != 201 {
		t.Fatalf("%d findings", len(findings))
	}
	for i, f := range findings[:200] {
		if f.Rule != "unknown-key" || f.Line != i+4 {
			t.Fatalf("finding %d is not of line %d: %v", i, i+4, f)
		}
	}
	if got, want := findings[200].String(), "p.yaml:204:1: error: and 89800 more findings (correct these first)"; !strings.HasPrefix(got, want) {
		t.Errorf("the last is %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(withParams))
	for _, s := range []string{"", "a: &a [*a]", "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n  - id: a\n    when: >-\n      a\n      b\n    require: \"a\\n\\x41\"\n", "? [a]\n: b", "a: !!binary x", "--- |\n x", "\"\\ud800\": 1",
		"\uFEFFa: 1\r\n", "a: 1\rb: 2", "a: *b", "[[[[", "a: \"\\d\"", "{? , ? }", "%YAML 2.0\n---\n", "\xff\xfea\x00", "a\u2028b: 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if rest, _ := policy.Salvage("f.yaml", src); rest != nil && rest.Version == "" {
			t.Fatal("what is salvaged has no version")
		}
		d, findings := policy.Parse("f.yaml", src)
		if (d == nil) != mesh.HasErrors(findings) {
			t.Fatalf("document %v beside findings %v", d, findings)
		}
		if d == nil {
			return
		}
		for _, r := range d.Rules {
			for _, e := range []policy.Expr{r.When, r.Require} {
				for i := range len([]rune(e.Source)) {
					if p := e.At(i); p.Line < 1 || p.Column < 1 {
						t.Fatalf("character %d of %q stands at %v", i, e.Source, p)
					}
				}
			}
		}
		if len(d.ParamsSchema()) == 0 {
			t.Fatal("no params schema")
		}
	})
}

// TestSalvage checks what of a document with faults is still looked at.
func TestSalvage(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\n"
	tests := []struct {
		name, src string
		want      []string // ids of rules; nil: nothing can be read
	}{
		{"an unknown key", head + "rules:\n  data_collection: {consent_requird: true}\n  custom:\n    - {id: a, require: 'true'}\n", []string{"a"}},
		{"an unknown key that is the first", "nam: n\nversion: \"3.0.0\"\nrules:\n  custom:\n    - {id: a, require: 'true'}\n", []string{"a"}},
		{"a rule that is none", head + "rules:\n  custom:\n    - {require: 'true'}\n    - {id: b, require: 'true'}\n    - 7\n", []string{"rule-in-line-5-7", "b"}},
		{"a wrong type", head + "default: 3\nrules:\n  data_storage: {retention: {max_days: many}}\n  custom: [{id: a, severity: grave, require: 'true'}]\n", []string{"a"}},
		{"a parameter", head + "params: {x: {type: text}}\nrules:\n  custom: [{id: a, require: 'true'}, {id: b, require: 'params.x'}]\n", []string{"a", "b"}},
		{"rules that are none", head + "rules: 7\n", []string{}},
		{"no mapping", "[]", nil},
		{"no YAML", "a: [", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d, _ := policy.Parse("p.yaml", []byte(tt.src)); d != nil {
				t.Fatal("it parses")
			}
			d, _ := policy.Salvage("p.yaml", []byte(tt.src))
			if d == nil != (tt.want == nil) {
				t.Fatalf("document %v, want rules %v", d, tt.want)
			}
			if d == nil {
				return
			}
			ids := []string{}
			for _, r := range d.Rules {
				ids = append(ids, r.ID)
			}
			if diff := cmp.Diff(tt.want, ids); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}
