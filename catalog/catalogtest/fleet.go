package catalogtest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
)

func enrol(t *testing.T, s Store, id, name string) {
	t.Helper()
	_, err := s.Enrol(t.Context(), tenant, catalog.RuntimeRecord{ID: mesh.RuntimeID(id), Name: name, PublicKey: "key of " + name, EnrolledAt: noon}, auth.NewToken(auth.KindRuntime).Hash())
	must(t, err)
}

func testRuntimes(t *testing.T, s Store) {
	ctx := t.Context()
	first, second := auth.NewToken(auth.KindRuntime).Hash(), auth.NewToken(auth.KindRuntime).Hash()
	rec := catalog.RuntimeRecord{ID: "rt_1", Name: "edge", PublicKey: "key", EnrolledAt: noon}
	id, err := s.Enrol(ctx, tenant, rec, first)
	must(t, err)
	if id != "rt_1" {
		t.Errorf("id is %s", id)
	}
	for _, by := range []string{"rt_1", "edge"} {
		got, err := s.Runtime(ctx, tenant, by)
		must(t, err)
		if diff := cmp.Diff(rec, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", by, diff)
		}
	}
	_, err = s.Runtime(ctx, tenant, "Edge")
	wantCode(t, "a name in another case", err, mesh.CodeNotFound)
	_, err = s.Runtime(ctx, other, "edge")
	wantCode(t, "another tenant's runtime", err, mesh.CodeNotFound)

	again := rec
	again.ID = "rt_2"
	id, err = s.Enrol(ctx, tenant, again, second)
	must(t, err)
	if id != "rt_1" {
		t.Errorf("enrolling again gives id %s", id)
	}
	_, err = s.Token(ctx, first)
	wantCode(t, "the former token", err, mesh.CodeNotFound)
	stranger := again
	stranger.PublicKey = "another key"
	third := auth.NewToken(auth.KindRuntime).Hash()
	_, err = s.Enrol(ctx, tenant, stranger, third)
	wantCode(t, "the name with another key", err, mesh.CodeConflict)
	_, err = s.Token(ctx, third)
	wantCode(t, "the token of a refused enrolment", err, mesh.CodeNotFound)

	report := hubapi.RuntimeReport{Version: "1", Mode: mesh.ModeMonitor, JournalID: "j", LastSeq: 7, Subscriptions: []mesh.Subscription{{Bundle: ref("a"), Selector: "^1"}}}
	must(t, s.PutReport(ctx, tenant, "rt_1", report, noon))
	got, err := s.Runtime(ctx, tenant, "rt_1")
	must(t, err)
	if got.LastSeen == nil || !got.LastSeen.Equal(noon) {
		t.Errorf("last seen %v", got.LastSeen)
	}
	if diff := cmp.Diff(report, got.Report, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	wantCode(t, "a report of nobody", s.PutReport(ctx, tenant, "rt_9", report, noon), mesh.CodeNotFound)

	enrol(t, s, "rt_b", "b")
	enrol(t, s, "rt_a", "a")
	var names []string
	after := ""
	for {
		page, err := s.Runtimes(ctx, tenant, after, 2)
		must(t, err)
		for _, r := range page {
			names = append(names, r.Name)
			after = r.Name
		}
		if len(page) < 2 {
			break
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "edge"}, names); diff != "" {
		t.Errorf("runtimes (-want +got):\n%s", diff)
	}
}

func testHubSubscriptions(t *testing.T, s Store) {
	ctx := t.Context()
	enrol(t, s, "rt_1", "edge")
	put := func(name, selector string) error {
		return s.PutHubSubscription(ctx, tenant, "rt_1", mesh.Subscription{Bundle: ref(name), Selector: selector}, 2, noon)
	}
	must(t, put("b", "^1"))
	must(t, put("a", ""))
	must(t, put("b", "^2"))
	wantCode(t, "one too many", put("c", ""), mesh.CodeTooLarge)
	got, err := s.HubSubscriptions(ctx, tenant, "rt_1")
	must(t, err)
	want := []mesh.Subscription{{Bundle: ref("a")}, {Bundle: ref("b"), Selector: "^2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}

	for range 2 { // what is gone stays gone
		must(t, s.DeleteHubSubscription(ctx, tenant, "rt_1", ref("b")))
	}
	got, err = s.HubSubscriptions(ctx, tenant, "rt_1")
	must(t, err)
	if diff := cmp.Diff(want[:1], got); diff != "" {
		t.Errorf("subscriptions after a deletion (-want +got):\n%s", diff)
	}
	must(t, put("c", ""))
}

// decision returns a record with a decision on control, at an hour of day.
func decision(requestID, agent, outcome string, touches ...catalog.Touch) catalog.EvidenceRecord {
	body, err := json.Marshal(mesh.Event{Kind: mesh.EventDecision, Time: noon, Decision: &mesh.DecisionRecord{
		Entry: mesh.AuditEntry{EventID: requestID, AgentID: mesh.AgentID(agent), Outcome: outcome}, RequestID: requestID,
	}})
	if err != nil {
		panic(err) // the document is a constant
	}
	return catalog.EvidenceRecord{
		Body: body, Kind: mesh.EventDecision, RequestID: requestID, AgentID: mesh.AgentID(agent), Outcome: outcome, Touches: touches,
	}
}

func batch(first uint64, records ...catalog.EvidenceRecord) catalog.EvidenceBatch {
	return catalog.EvidenceBatch{
		RuntimeID: "rt_1", JournalID: "j1", FirstSeq: first, Records: records, Root: "root",
		Signature: fmt.Sprintf("ed25519:batch-%d", first), ReceivedAt: noon,
	}
}

func testEvidence(t *testing.T, s Store) {
	ctx := t.Context()
	enrol(t, s, "rt_1", "edge")
	r := func(i int) catalog.EvidenceRecord {
		return decision(fmt.Sprint("req-", i), "agent", mesh.OutcomeAllowed)
	}
	expect := func(what string, b catalog.EvidenceBatch, want uint64) {
		t.Helper()
		acked, err := s.AppendEvidence(ctx, tenant, b)
		must(t, err)
		if acked != want {
			t.Errorf("%s: acknowledged through %d, want %d", what, acked, want)
		}
	}
	_, err := s.AppendEvidence(ctx, tenant, batch(2, r(2)))
	wantCode(t, "a gap at the beginning", err, mesh.CodeSequence)
	expect("the first batch", batch(1, r(1), r(2)), 2)
	expect("the same again", batch(1, r(1), r(2)), 2)
	expect("a part of it", batch(2, r(2)), 2)
	gap := mesh.Gap{From: noon, To: noon.Add(time.Minute), Denied: 3, Reason: "disk full"}
	body, err := json.Marshal(mesh.Event{Kind: mesh.EventGap, Time: noon, Gap: &gap})
	must(t, err)
	bad := catalog.EvidenceRecord{Body: []byte("{{"), Kind: catalog.KindMalformed, Problem: "not JSON"}
	expect("an overlap", batch(2, r(2), r(3), bad), 4)
	_, err = s.AppendEvidence(ctx, tenant, batch(6, r(6)))
	wantCode(t, "a gap", err, mesh.CodeSequence)
	if acked, ok := hubapi.AckedThrough(err); !ok || acked != 4 {
		t.Errorf("the gap says %d, %v", acked, ok)
	}
	_, err = s.AppendEvidence(ctx, tenant, batch(4, r(4), r(5)))
	wantCode(t, "another past", err, mesh.CodeConflict)
	elsewhere := batch(1, r(1))
	elsewhere.JournalID = "j2"
	elsewhere.ReceivedAt = noon.Add(time.Minute)
	expect("another journal", elsewhere, 1)
	expect("a gap the runtime reports", batch(5, catalog.EvidenceRecord{Body: body, Kind: mesh.EventGap}), 5)

	journals, err := s.Journals(ctx, tenant, "rt_1")
	must(t, err)
	want := []hubapi.JournalStatus{{JournalID: "j2", AckedThrough: 1}, {JournalID: "j1", AckedThrough: 5, Malformed: 1, Gaps: []mesh.Gap{gap}}}
	if diff := cmp.Diff(want, journals, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("journals (-want +got):\n%s", diff)
	}
	all, err := s.DecisionsAfter(ctx, tenant, catalog.DecisionFilter{}, 0, 100)
	must(t, err)
	if len(all) != 4 {
		t.Errorf("%d decisions are stored, want each once: 4", len(all))
	}
	if all[2].Seq != 3 || all[2].Signature != "ed25519:batch-2" || all[1].Signature != "ed25519:batch-1" {
		t.Errorf("decisions carry the signature of the batch they first came in: %+v", all)
	}
}

func testDecisions(t *testing.T, s Store) {
	ctx := t.Context()
	enrol(t, s, "rt_1", "edge")
	last, err := s.LastEvidence(ctx, tenant)
	must(t, err)
	if last != 0 {
		t.Errorf("the last of nothing is %d", last)
	}
	var records []catalog.EvidenceRecord
	for i := range 6 {
		outcome := mesh.OutcomeAllowed
		if i%2 == 1 {
			outcome = mesh.OutcomeDenied
		}
		records = append(records, decision(fmt.Sprint("req-", i), fmt.Sprint("agent-", i/3), outcome))
	}
	_, err = s.AppendEvidence(ctx, tenant, batch(1, records...))
	must(t, err)
	for _, test := range []struct {
		name   string
		filter catalog.DecisionFilter
		want   []uint64 // sequences, oldest first
	}{
		{"all", catalog.DecisionFilter{}, []uint64{1, 2, 3, 4, 5, 6}},
		{"request", catalog.DecisionFilter{RequestID: "req-2"}, []uint64{3}},
		{"agent", catalog.DecisionFilter{AgentID: "agent-1"}, []uint64{4, 5, 6}},
		{"outcome", catalog.DecisionFilter{Outcome: mesh.OutcomeDenied}, []uint64{2, 4, 6}},
		{"runtime", catalog.DecisionFilter{RuntimeID: "rt_1"}, []uint64{1, 2, 3, 4, 5, 6}},
		{"another runtime", catalog.DecisionFilter{RuntimeID: "rt_2"}, nil},
		{"several", catalog.DecisionFilter{AgentID: "agent-1", Outcome: mesh.OutcomeDenied, RuntimeID: "rt_1"}, []uint64{4, 6}},
	} {
		var after, before []uint64
		for id := int64(0); ; {
			page, err := s.DecisionsAfter(ctx, tenant, test.filter, id, 2)
			must(t, err)
			for _, d := range page {
				after, id = append(after, d.Seq), d.ID
			}
			if len(page) < 2 {
				break
			}
		}
		for id := int64(0); ; {
			page, err := s.DecisionsBefore(ctx, tenant, test.filter, id, 2)
			must(t, err)
			for _, d := range page {
				before, id = append([]uint64{d.Seq}, before...), d.ID
			}
			if len(page) < 2 {
				break
			}
		}
		if diff := cmp.Diff(test.want, after); diff != "" {
			t.Errorf("%s, oldest first (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.want, before); diff != "" {
			t.Errorf("%s, newest first (-want +got):\n%s", test.name, diff)
		}
	}
	if strange, err := s.DecisionsAfter(ctx, other, catalog.DecisionFilter{}, 0, 10); err != nil || len(strange) > 0 {
		t.Errorf("another tenant sees %+v, %v", strange, err)
	}
}

func testPosture(t *testing.T, s Store) {
	ctx := t.Context()
	enrol(t, s, "rt_1", "edge")
	touch := func(id mesh.ControlID, at time.Time, denied bool, violations map[mesh.Severity]int64) catalog.Touch {
		return catalog.Touch{Control: id, At: at, Denied: denied, Violations: violations}
	}
	tomorrow := noon.Add(24 * time.Hour)
	b := batch(1,
		decision("1", "a", mesh.OutcomeAllowed, touch("gdpr:Art.6", noon, false, nil), touch("gdpr:Art.5", noon, false, nil)),
		decision("2", "a", mesh.OutcomeDenied, touch("gdpr:Art.6", tomorrow, true, map[mesh.Severity]int64{mesh.SeverityHigh: 2, mesh.SeverityLow: 1})),
		decision("3", "a", mesh.OutcomeAllowed, touch("hipaa:164.312(e)(1)", noon, false, nil)),
	)
	for range 2 { // what is delivered twice counts once
		_, err := s.AppendEvidence(ctx, tenant, b)
		must(t, err)
	}
	decisions, counts, err := s.PostureCounts(ctx, tenant, "gdpr")
	must(t, err)
	if decisions != 2 || len(counts) != 2 || counts[0].Control != "gdpr:Art.5" || counts[1].Control != "gdpr:Art.6" {
		t.Fatalf("posture is %d, %+v", decisions, counts)
	}
	six := counts[1]
	if six.Decisions != 2 || six.Allowed != 1 || six.Denied != 1 || six.Violations != 3 || six.Severities[mesh.SeverityHigh] != 2 || six.Severities[mesh.SeverityLow] != 1 || !six.LastAt.Equal(tomorrow) {
		t.Errorf("Art. 6 is %+v", six)
	}
	if n, counts, err := s.PostureCounts(ctx, other, "gdpr"); err != nil || n != 0 || len(counts) != 0 {
		t.Errorf("another tenant's posture is %d, %+v, %v", n, counts, err)
	}
}
