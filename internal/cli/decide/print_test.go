package decide

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

func TestPrint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		decision mesh.Decision
		want     string
	}{
		{name: "allowed", decision: mesh.Decision{Allowed: true, WouldAllow: true, Evaluated: true}, want: "ALLOWED\n"},
		{name: "audit mode", decision: mesh.Decision{Allowed: true, WouldAllow: true}, want: "ALLOWED, to be evaluated afterwards (audit mode)\n"},
		{
			name: "monitor mode",
			decision: mesh.Decision{Allowed: true, Evaluated: true, Mode: mesh.ModeMonitor, Violations: []mesh.Violation{
				{PolicyID: "acme/guard", RuleID: "r", Severity: mesh.SeverityLow, Message: "no"},
			}},
			want: "ALLOWED although rules are violated, in a mode that only watches\n  acme/guard r (low)\n      no\n",
		},
		{
			name:     "not recorded",
			decision: mesh.Decision{Allowed: true, WouldAllow: true, Evaluated: true, Unrecorded: true},
			want:     "ALLOWED\n  NOT recorded: there is no evidence of this decision\n",
		},
		{
			name:     "audit mode, not recorded",
			decision: mesh.Decision{Allowed: true, WouldAllow: true, Unrecorded: true},
			want: "ALLOWED, and never evaluated: audit mode evaluates what was recorded\n" +
				"  NOT recorded: there is no evidence of this decision\n",
		},
		{
			name: "everything there is to say",
			decision: mesh.Decision{
				Evaluated: true,
				Violations: []mesh.Violation{{
					PolicyID: "acme/guard", RuleID: "r", Severity: mesh.SeverityHigh, Message: "no",
					Controls: []mesh.ControlID{"gdpr:Art.5", "gdpr:Art.6"}, Recommendation: "ask",
					Clauses: []mesh.Clause{
						{Clause: "data.retentionDays <= 30", Fields: []mesh.FieldValue{{Field: "data.retentionDays", Value: int64(90)}}, Wanted: "at most 30"},
						{Clause: "a == b", Fields: []mesh.FieldValue{{Field: "a", Value: "x"}, {Field: "b"}}, Wanted: "a == b"},
						{Clause: "night()", Wanted: "night()"},
					},
				}},
				Errors:      []mesh.RuleError{{PolicyID: "acme/guard", RuleID: "s", Message: "no such key: x"}},
				Obligations: []mesh.Obligation{{Type: "mask", Properties: map[string]any{"b": 2, "a": 1}}},
				AuditLog:    mesh.AuditEntry{EventID: "evt_1"},
			},
			want: strings.TrimLeft(`
DENIED
  acme/guard r (high)
      no
      data.retentionDays is 90; wanted: at most 30
      a is x, b is absent; wanted: a == b
      not met: night()
      controls: gdpr:Art.5, gdpr:Art.6
      do: ask
  could not be evaluated: acme/guard s: no such key: x
  obligation: mask [a:1 b:2]
  recorded as event evt_1
`, "\n"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			io, _, out, _ := iostreams.Test()
			Print(io, &tt.decision)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("output differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		body string
		want int // decisions; 0: refused
	}{
		{name: "one", body: `{"allowed": false}`, want: 1},
		{name: "several", body: `{"decisions": [{"allowed": true}, {"allowed": false}]}`, want: 2},
		{name: "not a decision", body: `{"version": "1.0.0"}`},
		{name: "no JSON", body: `<html>`},
		{name: "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseAnswer([]byte(tt.body))
			if (err != nil) != (tt.want == 0) || (got != nil && len(got.Decisions) != tt.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"allowed": true, "violations": []}`))
	f.Add([]byte(`{"decisions": [{}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseAnswer(body)
		if (got == nil) == (err == nil) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}
