package ingest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	many := `{"runtimeId":"r","journalId":"j","firstSeq":1,"root":"","signature":"","records":[` + strings.Repeat("1,", hubapi.MaxBatchRecords) + `1]}`
	for name, test := range map[string]struct {
		data string
		want mesh.Code
	}{
		"not JSON":        {`{`, mesh.CodeInvalid},
		"empty":           {``, mesh.CodeInvalid},
		"a list":          {`[]`, mesh.CodeInvalid},
		"unknown field":   {`{"runtimeId":"r","journalId":"j","firstSeq":1,"records":[1],"color":1}`, mesh.CodeInvalid},
		"trailing":        {`{"runtimeId":"r","journalId":"j","firstSeq":1,"records":[1]} x`, mesh.CodeInvalid},
		"no records":      {`{"runtimeId":"r","journalId":"j","firstSeq":1,"records":[]}`, mesh.CodeInvalid},
		"no journal":      {`{"runtimeId":"r","firstSeq":1,"records":[1]}`, mesh.CodeInvalid},
		"sequence 0":      {`{"runtimeId":"r","journalId":"j","firstSeq":0,"records":[1]}`, mesh.CodeInvalid},
		"sequence -1":     {`{"runtimeId":"r","journalId":"j","firstSeq":-1,"records":[1]}`, mesh.CodeInvalid},
		"sequence at end": {`{"runtimeId":"r","journalId":"j","firstSeq":18446744073709551615,"records":[1]}`, mesh.CodeInvalid},
		"too many":        {many, mesh.CodeTooLarge},
		"too large":       {strings.Repeat(" ", hubapi.MaxBatchBytes+1), mesh.CodeTooLarge},
	} {
		if _, err := Decode([]byte(test.data)); mesh.CodeOf(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// TestDecodeLeavesRecordsAlone: what is signed are the record's own bytes.
func TestDecodeLeavesRecordsAlone(t *testing.T) {
	t.Parallel()
	records := []string{`{"a":1,"a":2}`, `{ "b" : "\u00e9" }`, `"x"`, `null`}
	b, err := Decode([]byte(`{"runtimeId":"r","journalId":"j","firstSeq":1,"root":"","signature":"","records":[` + strings.Join(records, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range b.Records {
		if string(r) != records[i] {
			t.Errorf("record %d became %s", i, r)
		}
	}
}

func encode(t *testing.T, e mesh.Event) []byte {
	t.Helper()
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRecordCounts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := &mesh.DecisionRecord{
		Entry: mesh.AuditEntry{
			AgentID: "agent-1", Outcome: mesh.OutcomeDenied,
			PolicyEvaluations: []mesh.PolicyEvaluation{
				{Controls: []mesh.ControlID{"gdpr:Art.6", "gdpr:Art.5"}},
				{Controls: []mesh.ControlID{"gdpr:Art.6", "no-framework"}},
			},
		},
		RequestID: "req", Evaluated: true,
		Violations: []mesh.Violation{
			{Controls: []mesh.ControlID{"gdpr:Art.6"}, Severity: mesh.SeverityHigh},
			{Controls: []mesh.ControlID{"gdpr:Art.6", "hipaa:164.502"}, Severity: mesh.SeverityLow},
		},
	}
	got := Record(encode(t, mesh.Event{Kind: mesh.EventDecision, Time: at, Decision: d}))
	want := []catalog.Touch{
		{Control: "gdpr:Art.6", At: at, Denied: true, Violations: map[mesh.Severity]int64{mesh.SeverityHigh: 1, mesh.SeverityLow: 1}},
		{Control: "gdpr:Art.5", At: at, Denied: true},
		{Control: "hipaa:164.502", At: at, Denied: true, Violations: map[mesh.Severity]int64{mesh.SeverityLow: 1}},
	}
	if diff := cmp.Diff(want, got.Touches); diff != "" {
		t.Errorf("touches (-want +got):\n%s", diff)
	}
	if got.Kind != mesh.EventDecision || got.RequestID != "req" || got.AgentID != "agent-1" || got.Outcome != mesh.OutcomeDenied {
		t.Errorf("record is %+v", got)
	}
	d.Evaluated = false
	if got := Record(encode(t, mesh.Event{Kind: mesh.EventDecision, Time: at, Decision: d})); len(got.Touches) != 0 {
		t.Errorf("what is evaluated later counts now: %+v", got.Touches)
	}
}

func TestRecordMalformed(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"not JSON": `{`, "no kind": `{}`, "unknown kind": `{"kind":"riddle"}`, "decision without one": `{"kind":"decision"}`,
		"gap without one": `{"kind":"gap"}`, "refusal without one": `{"kind":"refusal"}`, "wrong type": `{"kind":7}`,
		"no outcome": `{"kind":"decision","decision":{"entry":{}}}`,
	} {
		r := Record([]byte(body))
		if r.Kind != catalog.KindMalformed || r.Problem == "" || string(r.Body) != body || len(r.Touches) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := Record([]byte(`{"kind":"set"}`)); r.Kind != mesh.EventSet {
		t.Errorf("an empty set in force is %+v", r)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"runtimeId":"rt_1","journalId":"j","firstSeq":1,"records":[{"kind":"decision"}],"root":"","signature":""}`))
	f.Add([]byte(`{"records":[[[[]]]]}`))
	f.Add([]byte(`{"firstSeq":1e400}`))
	f.Add([]byte("{\"records\":[\"\xff\"]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Decode(data)
		if err != nil {
			if code := mesh.CodeOf(err); code != mesh.CodeInvalid && code != mesh.CodeTooLarge {
				t.Fatalf("code %s: %v", code, err)
			}
			return
		}
		if b.FirstSeq == 0 || len(b.Records) == 0 || len(b.Records) > hubapi.MaxBatchRecords {
			t.Fatalf("decoded %+v", b)
		}
		for _, r := range b.Records {
			Record(r)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"kind":"decision","time":"2026-11-22T12:00:00Z","decision":{"entry":{"outcome":"allowed","policyEvaluations":[{"controls":["gdpr:Art.6"]}]},"evaluated":true}}`))
	f.Add([]byte(`{"kind":"gap","gap":{"denied":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := Record(body)
		if r.Kind == "" || string(r.Body) != string(body) {
			t.Fatalf("record is %+v", r)
		}
		if r.Kind == catalog.KindMalformed && (r.Problem == "" || r.Touches != nil) {
			t.Fatalf("malformed is %+v", r)
		}
		for _, touch := range r.Touches {
			if touch.Control.Framework() == "" {
				t.Fatalf("touch is %+v", touch)
			}
		}
	})
}
