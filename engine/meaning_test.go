package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
)

// meaning is the language's reference once more, in plain Go: for each built-in
// rule the action types it looks at, whether it asks for personal data, and
// what satisfies it. It shares nothing with engine/primitives.
type meaning struct {
	rule     string
	types    []string
	personal bool
	inputs   []input
}

// input is one state of what a rule looks at.
type input struct {
	name      string
	set       func(*mesh.Action)
	satisfied bool
}

func ptr[T any](v T) *T { return &v }

var (
	usingTypes   = []string{"data.read", "data.write", "data.export", "memory.write", "model.call", "tool.call", "egress"}
	storingTypes = []string{"data.write", "memory.write"}
	movingTypes  = []string{"data.export", "egress", "model.call", "tool.call"}
)

func purposeAndConsent(purpose *string, consent *mesh.Consent) func(*mesh.Action) {
	return func(a *mesh.Action) { a.Data.Purpose, a.Data.Consent = purpose, consent }
}

func regionsOf(region, destination *string) func(*mesh.Action) {
	return func(a *mesh.Action) { a.Data.Region, a.Data.DestinationRegion = region, destination }
}

func request(right, status string, age *float64, format *string) func(*mesh.Action) {
	return func(a *mesh.Action) {
		a.Request = &mesh.RightsRequest{AgeHours: age, Format: format}
		if right != "" {
			a.Request.Right = &right
		}
		if status != "" {
			a.Request.Status = &status
		}
	}
}

func meanings() []meaning {
	support, marketing := ptr("user_support"), ptr("marketing_without_consent")
	forSupport := []string{"user_support"}
	europe, america := ptr("eu-west-1"), ptr("us-east-1")
	encryption := func(e *mesh.Encryption) func(*mesh.Action) {
		return func(a *mesh.Action) { a.Data.Encryption = e }
	}
	days := func(n *int64) func(*mesh.Action) { return func(a *mesh.Action) { a.Data.RetentionDays = n } }
	deletion := func(c map[string]any) func(*mesh.Action) { return func(a *mesh.Action) { a.Context = c } }
	nothing := func(*mesh.Action) {}
	all := []meaning{
		{"data_collection.consent_required", usingTypes, true, []input{
			{"given for the purpose", purposeAndConsent(support, &mesh.Consent{Given: ptr(true), Purposes: forSupport}), true},
			{"given and not withdrawn", purposeAndConsent(support, &mesh.Consent{Given: ptr(true), Purposes: forSupport, Withdrawn: ptr(false)}), true},
			{"withdrawn", purposeAndConsent(support, &mesh.Consent{Given: ptr(true), Purposes: forSupport, Withdrawn: ptr(true)}), false},
			{"refused", purposeAndConsent(support, &mesh.Consent{Given: ptr(false), Purposes: forSupport}), false},
			{"for an empty purpose", purposeAndConsent(ptr(""), &mesh.Consent{Given: ptr(true), Purposes: []string{""}}), false},
			{"for another purpose", purposeAndConsent(marketing, &mesh.Consent{Given: ptr(true), Purposes: forSupport}), false},
			{"for no purpose", purposeAndConsent(support, &mesh.Consent{Given: ptr(true), Purposes: []string{}}), false},
			{"purposes absent", purposeAndConsent(support, &mesh.Consent{Given: ptr(true)}), false},
			{"given absent", purposeAndConsent(support, &mesh.Consent{Purposes: forSupport}), false},
			{"consent absent", purposeAndConsent(support, nil), false},
			{"purpose absent", purposeAndConsent(nil, &mesh.Consent{Given: ptr(true), Purposes: forSupport}), false},
		}},
		{"data_collection.purpose_limitation", usingTypes, true, []input{
			{"valid", purposeAndConsent(support, nil), true},
			{"other", purposeAndConsent(ptr("curiosity"), nil), false},
			{"empty", purposeAndConsent(ptr(""), nil), false},
			{"absent", nothing, false},
		}},
		{"data_collection.prohibited_purposes", usingTypes, true, []input{
			{"other", purposeAndConsent(ptr("curiosity"), nil), true},
			{"prohibited", purposeAndConsent(marketing, nil), false},
			{"empty", purposeAndConsent(ptr(""), nil), false},
			{"absent", nothing, false},
		}},
		{"data_storage.encryption.algorithm", storingTypes, true, []input{
			{"the algorithm", encryption(&mesh.Encryption{Algorithm: ptr("AES-256-GCM")}), true},
			{"another", encryption(&mesh.Encryption{Algorithm: ptr("DES")}), false},
			{"absent", encryption(&mesh.Encryption{}), false},
			{"encryption absent", nothing, false},
		}},
		{"data_storage.encryption.key_rotation_days", storingTypes, true, []input{
			{"at the limit", encryption(&mesh.Encryption{KeyAgeDays: ptr(int64(90))}), true},
			{"above", encryption(&mesh.Encryption{KeyAgeDays: ptr(int64(91))}), false},
			{"absent", encryption(&mesh.Encryption{}), false},
		}},
		{"data_storage.retention.max_days", storingTypes, true, []input{
			{"at the limit", days(ptr(int64(365))), true},
			{"above", days(ptr(int64(366))), false},
			{"absent", nothing, false},
		}},
		{"data_storage.retention.deletion_policy", []string{"data.delete"}, true, []input{
			{"the method", deletion(map[string]any{"deletionMethod": "secure_erase"}), true},
			{"another", deletion(map[string]any{"deletionMethod": "unlink"}), false},
			{"no text", deletion(map[string]any{"deletionMethod": int64(1)}), false},
			{"absent", deletion(map[string]any{}), false},
			{"context absent", nothing, false},
		}},
		{"data_storage.location_restrictions.allowed_regions", storingTypes, true, []input{
			{"allowed", regionsOf(europe, nil), true},
			{"to an allowed one", regionsOf(europe, ptr("eu-central-1")), true},
			{"not allowed", regionsOf(america, nil), false},
			{"to one not allowed", regionsOf(europe, america), false},
			{"absent", nothing, false},
		}},
		{"data_storage.location_restrictions.allowed_regions", movingTypes, true, []input{
			{"within", regionsOf(europe, ptr("eu-central-1")), true},
			{"out", regionsOf(europe, america), false},
			{"in", regionsOf(america, europe), false},
			{"destination absent", regionsOf(europe, nil), false},
			{"region absent", regionsOf(nil, europe), false},
			{"absent", nothing, false},
		}},
	}
	return append(all, rightMeanings()...)
}

func rightMeanings() []meaning {
	const access, portability = "data_subject_rights.right_to_access", "data_subject_rights.right_to_portability"
	types := []string{"subject.request"}
	soon, late, json, xml := ptr(720.0), ptr(720.5), ptr("JSON"), ptr("XML")
	return []meaning{
		{access + ".enabled", types, false, []input{
			{"fulfilled", request("access", "fulfilled", soon, nil), true},
			{"open", request("access", "open", late, nil), true},
			{"another right is refused", request("erasure", "refused", soon, nil), true},
			{"refused", request("access", "refused", soon, nil), false},
			{"refused in capitals", request("access", "Refused", soon, nil), false},
			{"rejected", request("access", "rejected", soon, nil), false},
			{"another right in capitals is refused", request("Erasure", "refused", soon, nil), false},
			{"a right nobody knows", request("forgetting", "fulfilled", soon, nil), false},
			{"status absent", request("access", "", soon, nil), false},
			{"right absent", request("", "fulfilled", soon, nil), false},
			{"request absent", func(*mesh.Action) {}, false},
		}},
		{access + ".response_time_hours", types, false, []input{
			{"in time", request("access", "fulfilled", soon, nil), true},
			{"open for too long", request("access", "open", late, nil), true},
			{"another right is late", request("portability", "fulfilled", late, nil), true},
			{"late", request("access", "fulfilled", late, nil), false},
			{"refused late", request("access", "refused", late, nil), false},
			{"open in capitals for too long", request("access", "Open", late, nil), false},
			{"a right nobody knows", request("forgetting", "fulfilled", soon, nil), false},
			{"age absent", request("access", "fulfilled", nil, nil), false},
			{"status absent", request("access", "", soon, nil), false},
			{"right absent", request("", "fulfilled", soon, nil), false},
		}},
		{portability + ".format", types, false, []input{
			{"the format", request("portability", "fulfilled", nil, json), true},
			{"open", request("portability", "open", nil, nil), true},
			{"another right", request("access", "fulfilled", nil, xml), true},
			{"another format", request("portability", "fulfilled", nil, xml), false},
			{"refused in capitals, in no format", request("portability", "Refused", nil, nil), false},
			{"a right nobody knows", request("forgetting", "fulfilled", nil, json), false},
			{"format absent", request("portability", "fulfilled", nil, nil), false},
			{"right absent", request("", "fulfilled", nil, json), false},
		}},
	}
}

// sign is one way to say, or not to say, that personal data is in play.
type sign struct {
	name string
	set  func(*mesh.Action)
	// personal as far as this sign goes; absent where it leaves that to the
	// action's type.
	personal, absent bool
}

func categories(c ...string) func(*mesh.Action) {
	return func(a *mesh.Action) { a.Data.Categories = append([]string{}, c...) }
}

func resourceType(t string) func(*mesh.Action) {
	return func(a *mesh.Action) { a.Resource = &mesh.Resource{Type: &t} }
}

func found(t string, count *int64) func(*mesh.Action) {
	return func(a *mesh.Action) {
		a.Content = &mesh.Content{Findings: []mesh.ContentFinding{{Type: ptr("URL")}, {Type: &t, Count: count}}}
	}
}

// signs are combinations of categories, resource type and findings: none of
// the others takes back what one of them says.
func signs() []sign {
	category := []sign{
		{"categories absent", func(*mesh.Action) {}, false, true},
		{"none asserted", categories(), false, false},
		{"pii", categories("pii"), true, false},
		{"phi", categories("telemetry", "phi"), true, false},
		{"special category", categories("health"), true, false},
		{"mixed case", categories("Pii"), true, false},
		{"other categories", categories("telemetry"), false, false},
	}
	resource := []sign{
		{"no resource", func(*mesh.Action) {}, false, false},
		{"pii_data", resourceType("pii_data"), true, false},
		{"phi_data", resourceType("phi_data"), true, false},
		{"source_code", resourceType("source_code"), false, false},
	}
	content := []sign{
		{"no findings", func(*mesh.Action) {}, false, false},
		{"EMAIL", found("EMAIL", ptr(int64(2))), true, false},
		{"EMAIL without a count", found("EMAIL", nil), true, false},
		{"no EMAIL", found("EMAIL", ptr(int64(0))), false, false},
		{"API_KEY", found("API_KEY", ptr(int64(1))), false, false},
	}
	var all []sign
	for _, c := range category {
		for _, r := range resource {
			for _, f := range content {
				all = append(all, sign{
					name:     strings.Join([]string{c.name, r.name, f.name}, ", "),
					set:      func(a *mesh.Action) { c.set(a); r.set(a); f.set(a) },
					personal: c.personal || r.personal || f.personal, absent: c.absent,
				})
			}
		}
	}
	return all
}

// TestMeaning decides every state of every rule's inputs, on every action type
// and with every sign of personal data, and compares with the reference.
func TestMeaning(t *testing.T) {
	t.Parallel()
	p := program(t, load(t, "testdata/sections.yaml"))
	types := append(slices.Clone(usingTypes), "data.delete", "data.anonymize", "subject.request", "workflow.step", "vendor.own")
	for _, m := range meanings() {
		t.Run(m.rule+" on "+m.types[0], func(t *testing.T) {
			t.Parallel()
			var r engine.Result
			for _, actionType := range types {
				if m.rule == "data_storage.location_restrictions.allowed_regions" && !slices.Contains(m.types, actionType) &&
					slices.Contains(append(storingTypes, movingTypes...), actionType) {
					continue // the other row of the same rule
				}
				touches := strings.HasPrefix(actionType, "data.") || actionType == "memory.write" || actionType == "egress"
				for _, s := range signs() {
					looks := slices.Contains(m.types, actionType) && (!m.personal || s.personal || s.absent && touches)
					for _, in := range m.inputs {
						a := &mesh.Action{Action: mesh.Operation{Type: actionType}, Data: &mesh.Data{}}
						s.set(a)
						in.set(a)
						p.Evaluate(t.Context(), a, engine.Inline, &r)
						got := slices.ContainsFunc(r.Violations, func(v mesh.Violation) bool { return v.RuleID == m.rule })
						if want := looks && !in.satisfied; got != want || len(r.Errors) > 0 {
							t.Errorf("%s (%s), %s: violated is %t, want %t; errors %v", actionType, s.name, in.name, got, want, r.Errors)
						}
					}
				}
			}
		})
	}
}

// TestMeaningOfNothing decides actions that say nothing but their type: every
// rule that looks at the type is violated.
func TestMeaningOfNothing(t *testing.T) {
	t.Parallel()
	p := program(t, load(t, "testdata/sections.yaml"))
	for actionType, want := range map[string]int{
		"data.read": 3, "data.write": 7, "data.export": 4, "data.delete": 1, "memory.write": 7, "egress": 4,
		"model.call": 0, "tool.call": 0, "subject.request": 6, "workflow.step": 0,
	} {
		var r engine.Result
		p.Evaluate(t.Context(), &mesh.Action{Action: mesh.Operation{Type: actionType}}, engine.Inline, &r)
		if diff := cmp.Diff(want, len(r.Violations)); diff != "" || len(r.Errors) > 0 {
			t.Errorf("%s: violations (-want +got):\n%s%s", actionType, diff, fmt.Sprint(r.Violations, r.Errors))
		}
	}
}
