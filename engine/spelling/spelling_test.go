package spelling_test

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/spelling"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"purpose", "purposes", "consent_required", "action", "id", "approvedHosts"}
	tests := []struct{ word, want string }{
		{"purpos", "purpose"},
		{"pruposes", "purposes"},
		{"consentRequired", "consent_required"},
		{"consent-requierd", "consent_required"},
		{"Action", "action"},
		{"acton", "action"},
		{"approved_hosts", "approvedHosts"},
		{"weather", ""},
		{"x", ""},
		{"", ""},
		{"__", ""},
		{strings.Repeat("purpose", 100), ""},
	}
	for _, tt := range tests {
		if got := spelling.Nearest(tt.word, names); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
	if got := spelling.Nearest("a", nil); got != "" {
		t.Errorf("Nearest without candidates = %q", got)
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	if got := spelling.DidYouMean("blok", []string{"block", "alert"}); got != "did you mean block?" {
		t.Error(got)
	}
	if got := spelling.DidYouMean("zzzz", []string{"block", "alert"}); got != "known here: block, alert" {
		t.Error(got)
	}
	if got := spelling.DidYouMean("zzzz", make([]string, 100)); got != "" {
		t.Error(got)
	}
	if got := spelling.DidYouMean("zzzz", nil); got != "" {
		t.Error(got)
	}
}

func TestMisspelt(t *testing.T) {
	t.Parallel()
	known := []string{"data.export", "EMAIL", "legal_obligation", "health", "SSN", "active", "pii_data", "iso27001", "hipaa"}
	for word, want := range map[string]string{
		"data.exprot": "data.export", "Data.Export": "data.export", "data_export": "data.export", "data.import": "", "data": "",
		"EMIAL": "EMAIL", "EMALE": "", "legal_obligations": "legal_obligation", "legal_oblgation": "legal_obligation", "legal_opinion": "",
		"wealth": "", "heath": "health", "SIN": "", "ssn": "SSN", "atcive": "active", "inactive": "", "pii_dta": "pii_data", "phi_data": "",
		"active": "", "": "", "dataexport": "data.export", "iso27002": "", "isoo27001": "iso27001", "hippa": "hipaa",
	} {
		if got := spelling.Misspelt(word, known); got != want {
			t.Errorf("Misspelt(%q) = %q, want %q", word, got, want)
		}
	}
}
