package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// bases are documents by the name of the bundle that is said to hold them.
type bases map[string]string

func (b bases) Base(bundle mesh.BundleRef, _ mesh.Digest) ([]byte, error) {
	src, ok := b[bundle.String()]
	if !ok {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "the hub does not answer").WithHint("name it with --base")
	}
	return []byte(src), nil
}

// digestOf is a digest for a name.
func digestOf(name string) string {
	return "sha256:" + strings.Repeat("0", 64-2*len(name)) + fmt.Sprintf("%x", name)
}

const baseSrc = `version: "3.0.0"
name: Base
description: What all must keep
framework: GDPR
params:
  hosts: {type: array, items: {type: string, maxLength: 20}, maxItems: 5, default: [a.example]}
  limit: {type: integer, minimum: 1, maximum: 100, default: 50}
  level: {type: string, enum: [low, mid, high], default: low}
  code: {type: string, pattern: "^a"}
  tags: {type: array, items: {type: string}, uniqueItems: true, default: []}
controls:
  data_storage.retention.max_days: ["gdpr:Art.5"]
rules:
  data_collection: {consent_required: true, purpose_limitation: true, valid_purposes: [a, b, c], prohibited_purposes: [x, y]}
  data_storage:
    encryption: {algorithm: AES-256-GCM, key_rotation_days: 90}
    retention: {max_days: 365}
    location_restrictions: {allowed_regions: [eu-west-1, eu-central-1]}
  data_subject_rights:
    right_to_access: {enabled: true, response_time_hours: 720}
    right_to_erasure: {response_time_hours: 48}
  custom:
    - {id: tls, when: 'action.type == "egress"', require: 'has(egress.tls) && egress.tls', controls: ["gdpr:Art.32"]}
enforcement:
  mode: monitor
  actions_on_violation:
    - {action: block, severity: medium}
    - {action: log, destination: audit_log}
`

// profile is a document that extends the base.
func profile(rest string) string {
	return "version: \"3.0.0\"\nname: Profile\nextends: acme/base@" + digestOf("base") + "\n" + rest
}

func resolve(t *testing.T, src string, r policy.Resolver) (*policy.Document, []mesh.Finding) {
	t.Helper()
	d, findings := policy.Parse("p.yaml", []byte(src))
	if d == nil {
		t.Fatalf("the profile: %v", findings)
	}
	if len(findings) > 0 {
		t.Errorf("the profile by itself: %v", findings)
	}
	return policy.Resolve(d, r)
}

func ruleIDs(d *policy.Document) []string {
	var ids []string
	for _, r := range d.Rules {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestResolve(t *testing.T) {
	t.Parallel()
	d, findings := resolve(t, profile(`default: deny
params:
  limit: {type: integer, maximum: 60, default: 50}
  code: {type: string, default: ab}
  level: {type: string, enum: [low]}
  hosts: {type: array, items: {type: string, minLength: 3}, maxItems: 2}
  owner: {type: string, default: dpo}
controls:
  data_storage.retention.max_days: ["gdpr:Art.17"]
  data_collection.consent_required: ["iso27001:A.5.34"]
rules:
  data_collection: {valid_purposes: [b], prohibited_purposes: [x, y, z]}
  data_storage: {encryption: {key_rotation_days: 30}, retention: {deletion_policy: secure_erase}}
  data_subject_rights: {right_to_erasure: {enabled: true, response_time_hours: 24}}
  custom:
    - {id: night, when: 'action.type == "egress"', require: 'params.owner == "dpo"'}
enforcement:
  mode: enforce
  actions_on_violation:
    - {action: block, severity: high}
    - {action: alert, channels: [email]}
`), bases{"acme/base": baseSrc})
	if d == nil || len(findings) > 0 {
		t.Fatalf("findings: %v", findings)
	}
	if d.File != "p.yaml" || d.Name != "Profile" || d.Description != "What all must keep" || d.Framework.Value != "GDPR" || !d.DenyByDefault || d.Unresolved() {
		t.Errorf("head: %+v", d)
	}
	want := []string{
		"data_collection.consent_required", "data_collection.purpose_limitation", "data_collection.prohibited_purposes",
		"data_storage.encryption.algorithm", "data_storage.encryption.key_rotation_days", "data_storage.retention.max_days",
		"data_storage.location_restrictions.allowed_regions",
		"data_subject_rights.right_to_access.enabled", "data_subject_rights.right_to_access.response_time_hours",
		"data_subject_rights.right_to_erasure.response_time_hours", "tls",
		"data_storage.retention.deletion_policy", "data_subject_rights.right_to_erasure.enabled", "night",
	}
	if diff := cmp.Diff(want, ruleIDs(d)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if len(d.Bases) != 1 || d.Bases[0].String() != "acme/base@"+digestOf("base") || d.Bases[0].Position.String() != "p.yaml:3:10" {
		t.Errorf("bases %v", d.Bases)
	}
	file := "acme/base@sha256:000000000000/policy.yaml"
	for id, at := range map[string]string{"data_collection.consent_required": file + ":14:21", "data_storage.encryption.key_rotation_days": "p.yaml:16:31", "tls": file + ":23:12", "night": "p.yaml:19:12"} {
		if r := d.Rules[indexOf(ruleIDs(d), id)]; r.Position.String() != at || r.Added {
			t.Errorf("%s stands at %s, want %s", id, r.Position, at)
		}
	}
	if diff := cmp.Diff(map[string]any{"purpose_limitation": true, "valid_purposes": []any{"b"}}, d.Rules[1].Values); diff != "" {
		t.Errorf("purposes (-want +got):\n%s", diff)
	}
	if e := d.Enforcement; e.Mode != mesh.ModeEnforce || e.Severity != mesh.SeverityHigh || len(e.Actions) != 3 || e.Actions[0].Action != "log" || e.Actions[1].Severity != mesh.SeverityHigh {
		t.Errorf("enforcement: %+v", e)
	}
	if b := d.Bindings; len(b) != 2 || len(b[0].Controls) != 2 || b[0].Further || b[1].Rule.Value != "data_collection.consent_required" || !b[1].Further {
		t.Errorf("controls: %+v", b)
	}
	if p := d.Param("limit"); *p.Minimum != 1 || *p.Maximum != 60 || p.Default != int64(50) || p.Position.File != "p.yaml" {
		t.Errorf("limit: %+v", p)
	}
	if p := d.Param("code"); p.Default != "ab" {
		t.Errorf("code, of which the base leaves the default to others: %+v", p)
	}
	if p := d.Param("hosts"); *p.MinLength != 3 || *p.MaxLength != 20 || *p.MaxItems != 2 || p.Default == nil {
		t.Errorf("hosts: %+v", p)
	}
	if len(d.Params) != 6 || d.Params[0].Name != "hosts" || d.Params[5].Name != "owner" {
		t.Errorf("params: %+v", d.Params)
	}
}

func indexOf(list []string, s string) int {
	for i, l := range list {
		if l == s {
			return i
		}
	}
	return 0
}

// TestResolveNothing: a profile that says nothing is its base.
func TestResolveNothing(t *testing.T) {
	t.Parallel()
	d, findings := resolve(t, profile("rules: {}\n"), bases{"acme/base": baseSrc})
	base, _ := policy.Parse("b.yaml", []byte(baseSrc))
	if d == nil || len(findings) > 0 {
		t.Fatal(findings)
	}
	if diff := cmp.Diff(ruleIDs(base), ruleIDs(d)); diff != "" {
		t.Errorf("rules (-base +profile):\n%s", diff)
	}
	if d.Enforcement.Mode != base.Enforcement.Mode || d.Enforcement.Severity != base.Enforcement.Severity || d.DenyByDefault || len(d.Params) != len(base.Params) {
		t.Errorf("not the base: %+v", d)
	}
	if again, findings := policy.Resolve(d, nil); again != d || findings != nil {
		t.Errorf("a document that was resolved: %v", findings)
	}
	alone, _ := policy.Parse("b.yaml", []byte(baseSrc))
	if same, findings := policy.Resolve(alone, nil); same != alone || findings != nil {
		t.Errorf("a document without a base: %v", findings)
	}
}

func TestResolveRefusesToWiden(t *testing.T) {
	t.Parallel()
	const denying = "version: \"3.0.0\"\nname: n\ndefault: deny\nrules: {custom: [{id: a, require: 'true', when: 'action.type == \"egress\"'}]}\nenforcement: {mode: enforce}\n"
	tests := []struct{ name, rest, want string }{ // want: of the first finding
		{"consent", "rules: {data_collection: {consent_required: false}}\n", `4:45 widens-base data_collection.consent_required is false, but the base acme/base has true: a profile may not switch it off (leave it out to keep the base's value)`},
		{"limitation", "rules: {data_collection: {purpose_limitation: false}}\n", `4:47 widens-base data_collection.purpose_limitation is false`},
		{"a further purpose", "rules: {data_collection: {valid_purposes: [a, d]}}\n", `4:43 widens-base data_collection.valid_purposes is ["a","d"], but the base acme/base has ["a","b","c"]: a profile may only leave out, and adds ["d"] (leave it out to keep the base's value, or list some of it)`},
		{"a prohibition less", "rules: {data_collection: {prohibited_purposes: [x]}}\n", `a profile may only add, and leaves out ["y"] (leave it out to keep the base's value, or list all of it and more)`},
		{"another algorithm", "rules: {data_storage: {encryption: {algorithm: ROT13}}}\n", `"ROT13", but the base acme/base has "AES-256-GCM": a profile must keep it`},
		{"older keys", "rules: {data_storage: {encryption: {key_rotation_days: 91}}}\n", `is 91, but the base acme/base has 90: a profile may only lower it (leave it out to keep the base's value, or write at most 90)`},
		{"longer retention", "rules: {data_storage: {retention: {max_days: 366}}}\n", `4:46 widens-base data_storage.retention.max_days is 366`},
		{"a further region", "rules: {data_storage: {location_restrictions: {allowed_regions: [us-east-1]}}}\n", `adds ["us-east-1"]`},
		{"a right taken back", "rules: {data_subject_rights: {right_to_access: {enabled: false}}}\n", `data_subject_rights.right_to_access.enabled is false`},
		{"a right switched off", "rules: {data_subject_rights: {right_to_erasure: {enabled: false}}}\n", `4:59 widens-base data_subject_rights.right_to_erasure.enabled is false, which switches off the rule data_subject_rights.right_to_erasure.response_time_hours of the base acme/base (leave the flag out`},
		{"a slower answer", "rules: {data_subject_rights: {right_to_erasure: {response_time_hours: 49}}}\n", `is 49, but the base acme/base has 48`},
		{"a rule again", "rules: {custom: [{id: tls, require: 'true'}]}\n", `4:23 widens-base the base acme/base has a rule of the id tls, in acme/base@sha256:000000000000/policy.yaml:23:12: a profile may only add rules (choose another id`},
		{"a weaker mode", "rules: {}\nenforcement: {mode: audit}\n", `5:21 widens-base mode is "audit", but the base acme/base has "monitor": a profile may only be stricter`},
		{"a lower severity", "rules: {}\nenforcement: {actions_on_violation: [{action: block, severity: low}]}\n", `5:38 widens-base the severity of block is "low", but the base acme/base has "medium"`},
		{"another framework", "framework: HIPAA\nrules: {}\n", `4:12 widens-base framework is "HIPAA", but the base acme/base has "GDPR"`},
		{"a higher maximum", "rules: {}\nparams: {limit: {type: integer, maximum: 101}}\n", `5:42 widens-base maximum of the parameter limit is 101, but the base acme/base has 100: a profile may only lower it`},
		{"a lower minimum", "rules: {}\nparams: {limit: {type: integer, minimum: 0}}\n", `minimum of the parameter limit is 0`},
		{"another type", "rules: {}\nparams: {limit: {type: number}}\n", `5:24 widens-base the type of the parameter limit is "number", but the base acme/base has "integer"`},
		{"other elements", "rules: {}\nparams: {hosts: {type: array, items: {type: integer}}}\n", `the type of the parameter hosts is "array of integer", but the base acme/base has "array of string"`},
		{"a further value", "rules: {}\nparams: {level: {type: string, enum: [low, top]}}\n", `5:38 widens-base enum of the parameter level is ["low","top"], but the base acme/base has ["low","mid","high"]: a profile may only leave out, and adds ["top"]`},
		{"longer texts", "rules: {}\nparams: {hosts: {type: array, items: {type: string, maxLength: 21}}}\n", `5:64 widens-base maxLength of the parameter hosts is 21`},
		{"more elements", "rules: {}\nparams: {hosts: {type: array, items: {type: string}, maxItems: 6}}\n", `maxItems of the parameter hosts is 6`},
		{"another pattern", "rules: {}\nparams: {code: {type: string, pattern: \"^ab\"}}\n", `pattern of the parameter code is "^ab", but the base acme/base has "^a": nobody can tell whether that is narrower`},
		{"elements twice", "rules: {}\nparams: {tags: {type: array, items: {type: string}, uniqueItems: false}}\n", `uniqueItems of the parameter tags is false`},
		{"a default that does not fit", "rules: {}\nparams: {code: {type: string, default: ba}}\n", `param-value default of parameter code: "ba" does not have the form "^a", which the base demands`},
		{"another default", "rules: {}\nparams: {limit: {type: integer, default: 49}}\n", `5:42 widens-base default of the parameter limit is 49, but the base acme/base has 50: nobody can tell whether that is narrower (leave it out to keep the base's default: the subscription sets the parameter`},
		{"a further host by default", "rules: {}\nparams: {hosts: {type: array, items: {type: string}, default: [evil.example]}}\n", `default of the parameter hosts is ["evil.example"], but the base acme/base has ["a.example"]`},
		{"a base's default that no longer fits", "rules: {}\nparams: {limit: {type: integer, maximum: 10}}\n", `5:24 param-value the base's default no longer fits: parameter limit: 50 is more than 10 (leave it among the values, or extend a base that names no default)`},
		{"bounds that leave nothing", "rules: {}\nparams: {limit: {type: integer, minimum: 101, default: 101}}\n", `5:42 param-value together with the base, minimum of the parameter limit is above maximum`},
		{"a value that does not fit", "rules: {}\nparams: {code: {type: string, enum: [ab, ba]}}\n", `enum of parameter code: "ba" does not have the form "^a", which the base demands`},
		{"all at once", "rules: {data_storage: {retention: {max_days: 366}}}\nenforcement: {mode: audit}\n", `5:21 widens-base mode`},
		{"no consent, no default", "extra", `5:10 widens-base default is "allow", but the base acme/base has "deny": a profile may not take that back`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := bases{"acme/base": baseSrc}
			if tt.rest == "extra" {
				r, tt.rest = bases{"acme/base": denying}, "rules: {}\ndefault: allow\n"
			}
			d, findings := resolve(t, profile(tt.rest), r)
			if d != nil || !mesh.HasErrors(findings) {
				t.Fatalf("accepted, with %v", findings)
			}
			var all []string
			for _, f := range findings {
				if f.File != "p.yaml" || f.Hint == "" {
					t.Errorf("finding without a place or a remedy: %v", f)
				}
				all = append(all, fmt.Sprintf("%d:%d %s %s (%s)", f.Line, f.Column, f.Rule, f.Message, f.Hint))
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestResolveChain: a base may have a base itself, and each narrows the one
// before.
func TestResolveChain(t *testing.T) {
	t.Parallel()
	link := func(n int, body string) string {
		return fmt.Sprintf("version: \"3.%d.0\"\nname: p%d\nextends: acme/p%d@%s\n%s", 0, n, n-1, digestOf(fmt.Sprint("p", n-1)), body)
	}
	days := func(n int) string { return fmt.Sprintf("rules: {data_storage: {retention: {max_days: %d}}}\n", n) }
	r := bases{"acme/p0": "version: \"3.0.9\"\nname: p0\ndefault: deny\n" + days(100)}
	for n := 1; n <= policy.MaxBases; n++ {
		r[fmt.Sprint("acme/p", n)] = link(n, days(100-n))
	}
	d, findings := resolve(t, link(policy.MaxBases, days(50)+"# the last\n"), r)
	if d == nil || len(findings) > 0 {
		t.Fatal(findings)
	}
	if len(d.Bases) != policy.MaxBases || d.Bases[0].Bundle.Name != "p7" || d.Bases[7].Bundle.Name != "p0" || d.Version != "3.0.9" || d.Rules[0].Values["max_days"] != int64(50) {
		t.Errorf("merged %+v", d)
	}
	_, findings = resolve(t, link(policy.MaxBases+1, days(40)), r)
	if len(findings) != 1 || findings[0].Rule != "unresolved-base" || !strings.Contains(findings[0].Message, "more than 8 policies") {
		t.Errorf("a chain that is too long: %v", findings)
	}
	r["acme/p3"] = link(3, days(99)) // wider than p2
	d, findings = resolve(t, link(5, days(50)), r)
	if d != nil || len(findings) != 1 || findings[0].Rule != "widens-base" || findings[0].File != "acme/p3@sha256:000000000000/policy.yaml" {
		t.Errorf("a base that widens its own: %v", findings)
	}
}

// TestResolveTooMany: a chain is no way around the bounds of a document.
func TestResolveTooMany(t *testing.T) {
	t.Parallel()
	rules := func(id string, n int) string {
		var b strings.Builder
		b.WriteString("rules:\n  custom:\n")
		for i := range n {
			fmt.Fprintf(&b, "    - {id: %s%d, require: 'true'}\n", id, i)
		}
		return b.String()
	}
	d, findings := resolve(t, profile(rules("b", 5_001)), bases{"acme/base": head + rules("a", 5_000)})
	if d != nil || len(findings) != 1 || findings[0].Rule != "too-large" || findings[0].Position.String() != "p.yaml:3:10" {
		t.Errorf("10,001 rules: %v", findings)
	}
}

// TestResolveSaysWhatTheBaseLacks shows no null to people.
func TestResolveSaysWhatTheBaseLacks(t *testing.T) {
	t.Parallel()
	base := "version: \"3.0.0\"\nname: n\nrules: {approvals: {actions: [data.export], max_age_seconds: 60}}\n"
	_, findings := resolve(t, profile("rules: {approvals: {break_glass: true}}\n"), bases{"acme/base": base})
	const want = "p.yaml:4:34: error: approvals.break_glass is true, but the base acme/base does not set it: a profile may not switch it on"
	if len(findings) != 1 || !strings.HasPrefix(findings[0].String(), want) {
		t.Errorf("%v, want %s", findings, want)
	}
}

// TestResolveRest checks what is left of a profile with faults with its base, and
// without a base what does not need one.
func TestResolveRest(t *testing.T) {
	t.Parallel()
	src := profile("nam: x\nrules:\n  data_collection: {consent_required: false}\n  custom:\n    - {id: own, require: 'true'}\n    - {id: reads, require: 'params.limit > 0'}\n")
	d, findings := policy.Salvage("p.yaml", []byte(src))
	if d == nil || !d.Partial() || len(findings) != 1 {
		t.Fatalf("%v, %v", d, findings)
	}
	if merged, _ := policy.Resolve(d, bases{"acme/base": baseSrc}); merged != nil {
		t.Error("a partial profile is resolved")
	}
	merged, findings := policy.ResolveRest(d, bases{"acme/base": baseSrc})
	if len(findings) != 1 || findings[0].Rule != "widens-base" || !merged.Partial() || merged.Lacks("extends") || merged.Param("limit") == nil {
		t.Errorf("with its base: %v", findings)
	}
	alone, findings := policy.ResolveRest(d, bases{})
	if len(findings) != 1 || findings[0].Rule != "unresolved-base" || !alone.Partial() || !alone.Lacks("extends") {
		t.Errorf("without its base: %v", findings)
	}
	for _, r := range alone.Rules {
		if r.ID == "reads" && (!r.Damaged || !r.Require.IsZero()) || r.ID == "own" && r.Damaged {
			t.Errorf("without its base: %+v", r)
		}
	}
}

func TestResolveWithoutItsBase(t *testing.T) {
	t.Parallel()
	d, findings := resolve(t, profile("rules: {}\n"), bases{})
	if d != nil || len(findings) != 1 {
		t.Fatalf("%v %v", d, findings)
	}
	if got := findings[0].String(); !strings.HasPrefix(got, "p.yaml:3:10: error: the base acme/base@sha256:0") || !strings.Contains(got, "cannot be read: the hub does not answer (name it with --base)") {
		t.Error(got)
	}
	if _, findings := resolve(t, profile("rules: {}\n"), nil); len(findings) != 1 || findings[0].Rule != "unresolved-base" {
		t.Errorf("without a resolver: %v", findings)
	}
	_, findings = resolve(t, profile("rules: {}\n"), bases{"acme/base": "version: \"3.0.0\"\nname: n\nrulse: {}\n"})
	if len(findings) != 2 || findings[0].Line != 3 || findings[1].File != "acme/base@sha256:000000000000/policy.yaml" {
		t.Errorf("a base that is no policy: %v", findings)
	}
	d, _ = policy.Parse("p.yaml", []byte(profile("rules: {}\n")))
	if !d.Unresolved() {
		t.Error("a profile counts as resolved before its base was read")
	}
}

func TestExtendsFindings(t *testing.T) {
	t.Parallel()
	const hint = "(write namespace/name@sha256:…"
	wantFindings(t, []findingsTest{
		{"a version", head + "rules: {}\nextends: acme/base:1.0.0\n", []string{`4:10 wrong-value "acme/base:1.0.0" does not name a base by its digest ` + hint}},
		{"a range", head + "rules: {}\nextends: acme/base@^1\n", []string{hint}},
		{"no name", head + "rules: {}\nextends: \"@" + digestOf("a") + "\"\n", []string{hint}},
		{"half a digest", head + "rules: {}\nextends: acme/base@sha256:0123\n", []string{"4:10 wrong-value", hint}},
		{"a list", head + "rules: {}\nextends: [a, b]\n", []string{"4:10 wrong-type expected text, found a list"}},
		{"a bad name", head + "rules: {}\nextends: Acme/base@" + digestOf("a") + "\n", []string{`4:10 wrong-value`, `"Acme" is not a valid name`}},
		{"a name of the official namespace", head + "rules: {}\nextends: gdpr@" + digestOf("a") + "\n", nil},
	})
}

var errNothing = errors.New("nothing here")

// fixed answers every question for a base with one document.
type fixed []byte

func (f fixed) Base(mesh.BundleRef, mesh.Digest) ([]byte, error) {
	if len(f) == 0 {
		return nil, errNothing
	}
	return f, nil
}

func FuzzResolve(f *testing.F) {
	f.Add([]byte(baseSrc), []byte(profile("rules: {data_collection: {valid_purposes: [a]}}\n")))
	f.Add([]byte(whole), []byte(profile("rules: {}\nparams: {limit: {type: integer, maximum: 3, default: 2}}\n")))
	f.Add([]byte(withParams), []byte(profile("rules: {custom: [{id: b, require: 'true'}]}\nparams: {ports: {type: array, items: {type: integer, maximum: 9}, default: [1]}}\n")))
	f.Add([]byte(profile("rules: {}\n")), []byte(profile("rules: {}\n")))
	f.Add([]byte{}, []byte(profile("rules: {}\n")))
	f.Fuzz(func(t *testing.T, base, src []byte) {
		d, _ := policy.Parse("p.yaml", src)
		if d == nil || d.Extends == nil {
			return
		}
		merged, findings := policy.Resolve(d, fixed(base))
		if (merged == nil) != mesh.HasErrors(findings) {
			t.Fatalf("document %v beside findings %v", merged, findings)
		}
		if merged == nil {
			return
		}
		alone, _ := policy.Parse("b.yaml", base)
		ids := ruleIDs(merged)
		for _, id := range ruleIDs(alone) {
			if ids[indexOf(ids, id)] != id {
				t.Fatalf("the rule %s of the base is gone", id)
			}
		}
		if alone.DenyByDefault && !merged.DenyByDefault || merged.Enforcement.Mode.WeakerThan(alone.Enforcement.Mode) || len(merged.Params) < len(alone.Params) {
			t.Fatal("the base is weakened")
		}
	})
}
