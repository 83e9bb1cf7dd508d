package decode_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

const full = `{"requestId": "req_abc", "timestamp": "2026-11-22T10:00:00.123Z", "tenantId": "tenant_789", "workflowId": "wf_456", "environment": "production",
 "agent":    {"id": "agent_123", "type": "conversational", "labels": {"a": [1, 2.5, null, {"b": true}]}},
 "actor":    {"userId": "user_456", "role": "data_scientist", "ipAddress": "192.168.1.1", "groups": [], "scopes": ["x"], "mfa": true, "properties": {}},
 "action":   {"type": "model.call", "name": "chat", "properties": {}},
 "resource": {"type": "pii_data", "id": "record_789", "classification": "sensitive", "region": "eu-west-1", "properties": {}},
 "data":     {"categories": ["pii"], "purpose": "user_support", "legalBasis": "consent", "consent": {"given": true, "purposes": ["user_support"], "withdrawn": false},
              "subject": {"id": "s", "child": false, "optOut": false}, "encryption": {"algorithm": "AES-256-GCM", "keyAgeDays": 12, "inTransit": true},
              "retentionDays": 30, "region": "eu-west-1", "destinationRegion": "eu-central-1", "fields": ["email"]},
 "request":  {"right": "access", "status": "open", "ageHours": 12, "format": "JSON"},
 "tool":     {"server": "crm", "name": "lookup", "args": {"account": 9007199254740993}, "pinned": true},
 "model":    {"provider": "openai", "name": "gpt-4", "region": "eu", "contract": "dpa-2026-01"},
 "egress":   {"host": "api.example.com", "tls": true},
 "content":  {"findings": [{"type": "EMAIL", "count": 2}], "injectionScore": 0.02, "malware": "clean", "inputTokens": 812},
 "session":  {"id": "s1", "taint": ["pii", "untrusted"], "mfaAgeSeconds": 60, "spentMicroUSD": 1200},
 "approval": {"id": "1", "approver": "p", "argsDigest": "sha256:0"},
 "context":  {}}`

func TestActionReadsEveryField(t *testing.T) {
	t.Parallel()
	a, err := decode.Action([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Tool.Args["account"]; got != int64(9007199254740993) {
		t.Errorf("tool.args.account = %v (%T), want all digits", got, got)
	}
	if got, want := a.Agent.Labels["a"], any([]any{int64(1), 2.5, nil, map[string]any{"b": true}}); !cmp.Equal(got, want) {
		t.Errorf("agent.labels.a: %s", cmp.Diff(want, got))
	}
	if a.Actor.Groups == nil || len(a.Actor.Groups) != 0 {
		t.Errorf("actor.groups = %#v, want an empty list that is present", a.Actor.Groups)
	}
	if a.Context == nil {
		t.Error("context is absent, want an empty map that is present")
	}
}

func TestActionNullIsAbsent(t *testing.T) {
	t.Parallel()
	a, err := decode.Action([]byte(`{"action":{"type":"egress","name":null},"data":null,"egress":{"tls":null}}`))
	if err != nil {
		t.Fatal(err)
	}
	if a.Action.Name != nil || a.Data != nil || a.Egress.TLS != nil {
		t.Errorf("got %+v", a)
	}
}

func TestActionRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, decode.MaxDepth) + "1" + strings.Repeat("}", decode.MaxDepth)
	tests := []struct {
		name, in      string
		message, hint string // substrings
		line, column  int
	}{
		{name: "empty", in: ``, message: "not JSON"},
		{name: "not JSON", in: `{"action": nope}`, message: "not JSON", line: 1, column: 13},
		{name: "truncated", in: `{"action": {"type": "egress"}`, message: "not JSON"},
		{name: "trailing", in: `{"action": {"type": "egress"}} {}`, message: "not JSON"},
		{name: "null", in: ` null `, message: "must be an object"},
		{name: "a list", in: `[]`, message: "expected an object, found a list"},
		{name: "no type", in: `{}`, message: "action.type: the field is missing or empty", hint: "model.call"},
		{name: "empty type", in: `{"action":{"type":""}}`, message: "action.type: the field is missing"},
		{name: "null type", in: `{"action":{"type":null}}`, message: "action.type: null stands where a value is needed"},
		{name: "type in capitals", in: `{"action":{"type":"Data.Read"}}`, message: "action.type: this is data.read in another spelling", hint: "write data.read", line: 1, column: 19},
		{name: "type with another sign", in: `{"action":{"type":"data_read"}}`, message: "data.read in another spelling", hint: "write data.read"},
		{name: "type as one word", in: `{"action":{"type":"toolCall"}}`, message: "tool.call in another spelling", hint: "write tool.call"},
		{name: "blank after the type", in: `{"action":{"type":"data.read "}}`, message: "data.read in another spelling"},
		{name: "NUL after the type", in: `{"action":{"type":"egress\u0000"}}`, message: "egress in another spelling"},
		{name: "nothing to see within the type", in: `{"action":{"type":"e\u200bgress"}}`, message: "egress in another spelling"},
		{name: "a letter not to be seen within the type", in: `{"action":{"type":"tool\u3164.call"}}`, message: "tool.call in another spelling"},
		{name: "a letter not to be seen behind a type of one's own", in: `{"action":{"type":"deploy\u115f"}}`, message: "no invisible characters"},
		{name: "another look of a type of one's own", in: `{"action":{"type":"deploy\ufe0f"}}`, message: "no invisible characters"},
		{name: "blank before a type of one's own", in: `{"action":{"type":" trade.settle"}}`, message: "no blanks around it"},
		{name: "nothing to see in a type of one's own", in: `{"action":{"type":"trade\u202e.settle"}}`, message: "no invisible characters", hint: "as your rules write it"},
		{name: "null action", in: `{"action":null}`, message: "action: null stands where a value is needed"},
		{name: "unknown field", in: `{"action":{"type":"egress"},"dta":{}}`, message: "dta: unknown field", hint: "did you mean data?"},
		{name: "unknown field deep", in: "{\"action\":{\"type\":\"egress\"},\n \"data\":{\"consent\":{\"gven\":true}}}", message: "data.consent.gven: unknown field", hint: "did you mean given?", line: 2, column: 21},
		{name: "case", in: `{"action":{"type":"egress"},"Data":{}}`, message: "Data: unknown field", hint: "did you mean data?"},
		{name: "in a list", in: `{"action":{"type":"egress"},"content":{"findings":[{"typ":"EMAIL"}]}}`, message: "content.findings.0.typ: unknown field", hint: "did you mean type?"},
		{name: "duplicate", in: `{"action":{"type":"egress","type":"data.read"}}`, message: "action.type: the field is given twice"},
		{name: "duplicate in free form", in: `{"action":{"type":"egress"},"context":{"a":1,"a":2}}`, message: "context.a: the field is given twice"},
		{name: "wrong type", in: `{"action":{"type":"egress"},"data":{"purpose":3}}`, message: "data.purpose: expected text, found a number"},
		{name: "text for a flag", in: `{"action":{"type":"egress"},"egress":{"tls":"true"}}`, message: "egress.tls: expected true or false, found text"},
		{name: "fraction for a count", in: `{"action":{"type":"egress"},"data":{"retentionDays":1.5}}`, message: "data.retentionDays: expected a whole number, found the number 1.5"},
		{name: "list for text", in: `{"action":{"type":["egress"]}}`, message: "action.type: expected text, found a list"},
		{name: "time", in: `{"action":{"type":"egress"},"timestamp":"yesterday"}`, message: "timestamp: expected a time"},
		{name: "null in a list", in: `{"action":{"type":"egress"},"data":{"categories":[null]}}`, message: "data.categories.0: null stands"},
		{name: "null finding", in: `{"action":{"type":"egress"},"content":{"findings":[null]}}`, message: "content.findings.0: null stands"},
		{name: "huge count", in: `{"action":{"type":"egress"},"data":{"retentionDays":99999999999999999999}}`, message: "data.retentionDays: expected a whole number of at most 9223372036854775807, found the number 99999999999999999999"},
		{name: "huge number", in: `{"action":{"type":"egress"},"context":{"x":1e999}}`, message: "context.x: the number is out of range"},
		{name: "negative", in: `{"action":{"type":"egress"},"data":{"retentionDays":-1}}`, message: "data.retentionDays: the number is negative"},
		{name: "negative age", in: `{"action":{"type":"subject.request"},"request":{"ageHours":-0.5}}`, message: "request.ageHours: the number is not at least 0"},
		{name: "score", in: `{"action":{"type":"egress"},"content":{"injectionScore":1.5}}`, message: "content.injectionScore: the number is not between 0 and 1"},
		{name: "UTF-8", in: "{\"action\":{\"type\":\"\xff\"}}", message: "not JSON"},
		{name: "deep", in: `{"action":{"type":"egress"},"context":` + deep + `}`, message: "levels deep"},
		{name: "long list", in: `{"action":{"type":"egress"},"data":{"fields":[` + strings.Repeat(`"a",`, decode.MaxListLength) + `"a"]}}`, message: "data.fields: the list has more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, err := decode.Action([]byte(tt.in))
			if a != nil || mesh.CodeOf(err) != mesh.CodeInvalid {
				t.Fatalf("Action = %v, %v, want an error of code invalid", a, err)
			}
			if !strings.Contains(err.Error(), tt.message) {
				t.Errorf("error %q does not say %q", err, tt.message)
			}
			if !strings.Contains(mesh.HintOf(err), tt.hint) {
				t.Errorf("hint %q does not say %q", mesh.HintOf(err), tt.hint)
			}
			var e *mesh.Error
			if !errors.As(err, &e) || len(e.Findings) != 1 {
				t.Fatalf("error has no finding: %#v", err)
			}
			if p := e.Findings[0].Position; tt.line != 0 && (p.Line != tt.line || p.Column != tt.column) {
				t.Errorf("position %s, want %d:%d", p, tt.line, tt.column)
			}
		})
	}
}

// TestTypesOfOnesOwn are accepted, also where they have words in common with known
// ones.
func TestTypesOfOnesOwn(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"trade.settle", "data.reads", "data", "tool.call2", "egress.dns", "can read", "Übertragung", "日本", "_"} {
		if a, err := decode.Action([]byte(`{"action":{"type":"` + typ + `"}}`)); err != nil || a.Action.Type != typ {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// TestAgreesWithTheSchema holds that what the published schema accepts is what
// the decoder accepts, but for null, which JSON callers use for absent.
func TestAgreesWithTheSchema(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(policy.ActionSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("action.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := c.MustCompile("action.json")
	for _, fields := range []string{
		``, `,"data":{}`, `,"dta":{}`, `,"Data":{}`, `,"data":[]`, `,"data":{"purpose":1}`, `,"data":{"consent":{"Given":true}}`,
		`,"data":{"retentionDays":12}`, `,"data":{"retentionDays":12.0}`, `,"data":{"retentionDays":1.2e1}`, `,"data":{"retentionDays":120e-1}`, `,"data":{"retentionDays":-0}`,
		`,"data":{"retentionDays":12.5}`, `,"data":{"retentionDays":-1}`, `,"data":{"retentionDays":-1.0}`, `,"data":{"retentionDays":"12"}`,
		`,"data":{"retentionDays":9223372036854775807}`, `,"data":{"retentionDays":9223372036854775808}`, `,"data":{"retentionDays":1e30}`,
		`,"content":{"findings":[{"count":2.0}]}`, `,"content":{"findings":[{"count":2.5}]}`, `,"content":{"findings":[null]}`, `,"content":{"findings":{}}`,
		`,"content":{"injectionScore":1}`, `,"content":{"injectionScore":1.01}`, `,"request":{"ageHours":1e3}`, `,"request":{"ageHours":-1}`,
		`,"timestamp":"2026-11-22T10:00:00.123+01:00"`, `,"timestamp":"2026-11-22"`, `,"timestamp":"2026-11-22T25:00:00Z"`,
		`,"context":{"a":[1,{"b":null}]}`, `,"context":[]`, `,"tool":{"args":{"n":1.5}}`, `,"tool":{"args":[]}`,
	} {
		in := `{"action":{"type":"egress"}` + fields + `}`
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		bySchema := schema.Validate(v)
		_, byDecoder := decode.Action([]byte(in))
		if (bySchema == nil) != (byDecoder == nil) {
			t.Errorf("%s: schema says %v, Action says %v", in, bySchema, byDecoder)
		}
	}
}

// TestBatchDepth holds that a batch takes every action that is accepted alone.
func TestBatchDepth(t *testing.T) {
	t.Parallel()
	deepest := func(levels int) string {
		return `{"action":{"type":"egress"},"context":` + strings.Repeat(`{"a":`, levels-1) + "1" + strings.Repeat("}", levels-1) + `}`
	}
	for levels, ok := range map[int]bool{decode.MaxDepth: true, decode.MaxDepth + 1: false} {
		_, alone := decode.Action([]byte(deepest(levels)))
		_, _, batch := new(decode.Decoder).Batch([]byte(`{"actions":[`+deepest(levels)+`]}`), 1)
		if (alone == nil) != ok || (batch == nil) != ok {
			t.Errorf("%d levels: alone %v, in a batch %v", levels, alone, batch)
		}
	}
}

func TestActionTooLarge(t *testing.T) {
	t.Parallel()
	in := `{"action":{"type":"egress"},"context":{"x":"` + strings.Repeat("a", decode.MaxActionSize) + `"}}`
	if _, err := decode.Action([]byte(in)); mesh.CodeOf(err) != mesh.CodeTooLarge {
		t.Errorf("Action: %v, want code too_large", err)
	}
	if _, _, err := new(decode.Decoder).Batch([]byte(`{"actions":[`+in+`]}`), 10); mesh.CodeOf(err) != mesh.CodeTooLarge {
		t.Errorf("Batch: %v, want code too_large", err)
	}
	if _, _, err := new(decode.Decoder).Batch(make([]byte, decode.MaxBatchSize+1), 10); mesh.CodeOf(err) != mesh.CodeTooLarge {
		t.Errorf("Batch above the size: %v, want code too_large", err)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	const one = `{"action":{"type":"egress"}}`
	tests := []struct {
		name, in string
		max      int
		want     int
		batch    bool
		code     mesh.Code
		message  string
	}{
		{name: "one action", in: one, want: 1},
		{name: "none", in: `{"actions":[]}`, batch: true},
		{name: "two", in: `{"actions":[` + one + `, ` + one + `]}`, max: 2, want: 2, batch: true},
		{name: "too many", in: `{"actions":[` + one + `,` + one + `]}`, max: 1, batch: true, code: mesh.CodeTooLarge, message: "more than 1 actions"},
		{name: "fault in the second", in: `{"actions":[` + one + `,{"action":{"typ":"x"}}]}`, batch: true, code: mesh.CodeInvalid, message: "actions.1.action.typ: unknown field"},
		{name: "field beside", in: `{"actions":[],"mode":"audit"}`, batch: true, code: mesh.CodeInvalid, message: "mode: unknown field"},
		{name: "twice", in: `{"actions":[],"actions":[]}`, batch: true, code: mesh.CodeInvalid, message: "given twice"},
		{name: "no list", in: `{"actions":{}}`, batch: true, code: mesh.CodeInvalid, message: "expected a list of actions, found an object"},
		{name: "null element", in: `{"actions":[null]}`, batch: true, code: mesh.CodeInvalid, message: "actions.0: an action must be an object"},
		{name: "trailing", in: `{"actions":[]}x`, batch: true, code: mesh.CodeInvalid, message: "follows"},
		{name: "truncated", in: `{"actions":[` + one, batch: true, code: mesh.CodeInvalid, message: "not JSON"},
		{name: "no object", in: `7`, code: mesh.CodeInvalid, message: "expected an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			actions, batch, err := new(decode.Decoder).Batch([]byte(tt.in), tt.max)
			if len(actions) != tt.want || batch != tt.batch || mesh.CodeOf(err) != tt.code {
				t.Fatalf("Batch = %d actions, %v, %v; want %d, %v, code %q", len(actions), batch, err, tt.want, tt.batch, tt.code)
			}
			if err != nil && !strings.Contains(err.Error(), tt.message) {
				t.Errorf("error %q does not say %q", err, tt.message)
			}
		})
	}
}

func FuzzAction(f *testing.F) {
	for _, s := range []string{full, `{}`, `null`, `{"action":{"type":"egress"},"context":{"a":1e308}}`, `{"action":{"type":"a","type":"b"}}`, "\xff", `{"actions":[{}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decode.Action(data)
		if (a == nil) == (err == nil) {
			t.Fatalf("Action = %v, %v: want exactly one", a, err)
		}
		if a != nil && a.Action.Type == "" {
			t.Fatal("an action without a type was accepted")
		}
		if err != nil && mesh.CodeOf(err) == mesh.CodeInternal {
			t.Fatalf("error without a code: %v", err)
		}
		if _, _, err := new(decode.Decoder).Batch(data, 10); a != nil && err != nil {
			t.Fatalf("Action accepts what Batch refuses: %v", err)
		}
	})
}
