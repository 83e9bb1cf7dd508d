package mesh_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
)

// fullAction names every field of the contract once.
const fullAction = `{"requestId":"r","timestamp":"2026-11-22T10:00:00.123Z","tenantId":"t","workflowId":"w","environment":"production",
"agent":{"id":"a","type":"analytics","labels":{"team":"x"}},
"actor":{"userId":"u","role":"r","ipAddress":"192.168.1.1","groups":["g"],"scopes":[],"mfa":true,"properties":{"p":1}},
"action":{"type":"data.read","name":"n","properties":{}},
"resource":{"type":"pii_data","id":"i","classification":"sensitive","region":"eu-west-1","properties":{}},
"data":{"categories":["pii"],"purpose":"user_support","legalBasis":"consent","consent":{"given":true,"purposes":["user_support"],"withdrawn":false},
"subject":{"id":"s","child":false,"optOut":false},"encryption":{"algorithm":"AES-256-GCM","keyAgeDays":12,"inTransit":true},
"retentionDays":30,"region":"eu-west-1","destinationRegion":"eu-central-1","fields":["email"]},
"request":{"right":"access","status":"open","ageHours":12,"format":"JSON"},
"tool":{"server":"crm","name":"lookup","args":{},"pinned":true},
"model":{"provider":"openai","name":"m","region":"eu","contract":"dpa"},
"egress":{"host":"api.example.com","tls":true},
"content":{"findings":[{"type":"EMAIL","count":2}],"injectionScore":0.02,"malware":"clean","inputTokens":812},
"session":{"id":"s1","taint":["pii"],"mfaAgeSeconds":60,"spentMicroUSD":1200},
"approval":{"id":"p","approver":"b","argsDigest":"sha256:00"},
"context":{"k":"v"}}`

func TestActionKeepsEveryField(t *testing.T) {
	t.Parallel()
	var a mesh.Action
	if err := json.Unmarshal([]byte(fullAction), &a); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal([]byte(fullAction), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("an action changes on its way through Go (-want +got):\n%s", diff)
	}
}

// What was not said must stay unsaid: a policy decides by presence.
func TestActionAbsentIsNotZero(t *testing.T) {
	t.Parallel()
	a := mesh.Action{Action: mesh.Operation{Type: mesh.TypeDataRead}, Data: &mesh.Data{Categories: []string{}}}
	out, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"action":{"type":"data.read"},"data":{"categories":[]}}`; string(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
}

// TestCheckRecordable holds what a record can hold to 1024 bytes, counted in
// bytes.
func TestCheckRecordable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 512)
	a := &mesh.Action{Actor: &mesh.Actor{UserID: &long}}
	if err := a.CheckRecordable(); err != nil {
		t.Errorf("1024 bytes are refused: %v", err)
	}
	long += "x"
	const want = "actor.userId is 1025 bytes long; at most 1024 can be recorded"
	if err := a.CheckRecordable(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
