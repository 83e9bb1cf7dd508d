package pdp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/pdp"
)

// forgetful records nothing.
type forgetful struct{}

func (forgetful) Append(context.Context, []journal.Record) (uint64, error) { return 0, nil }

// BenchmarkHandler answers requests without a network: none, one and a
// hundred actions.
func BenchmarkHandler(b *testing.B) {
	doc, findings := policy.Parse("gdpr.yaml", []byte(benchmarkPolicy))
	if doc == nil {
		b.Fatal(findings)
	}
	program, err := engine.Compile([]engine.Policy{{ID: "acme/gdpr", Document: doc}})
	if err != nil {
		b.Fatal(err)
	}
	action, err := os.ReadFile("testdata/action.json")
	if err != nil {
		b.Fatal(err)
	}
	hundred := `{"actions":[` + strings.Repeat(string(action)+",", 99) + string(action) + `]}`
	for _, unrecorded := range []bool{true, false} {
		point, err := enforce.New(forgetful{}, enforce.Options{UnrecordedUnsafe: unrecorded})
		if err != nil {
			b.Fatal(err)
		}
		if err := point.Swap(enforce.Set{Program: program}); err != nil {
			b.Fatal(err)
		}
		h := pdp.New(pdp.Options{Decider: point, Status: func() pdp.Status { return pdp.Status{} }, Logger: slog.New(slog.DiscardHandler)})
		for _, body := range []struct{ name, text string }{{"none", `{"actions":[]}`}, {"one", string(action)}, {"hundred", hundred}} {
			b.Run(fmt.Sprintf("%s/unrecorded=%t", body.name, unrecorded), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r := httptest.NewRequest(http.MethodPost, "/v1/decisions", bytes.NewReader([]byte(body.text)))
					r.Host = "127.0.0.1"
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					if w.Code != http.StatusOK {
						answer, _ := io.ReadAll(w.Body)
						b.Fatalf("%d: %s", w.Code, answer)
					}
				}
			})
		}
	}
}

const benchmarkPolicy = `version: "3.0.0"
name: "Data protection"
framework: "GDPR"
rules:
  data_collection:
    consent_required: true
    purpose_limitation: true
    valid_purposes: [service_improvement, user_support]
    prohibited_purposes: [marketing_without_consent, third_party_sharing]
  data_storage:
    encryption: {algorithm: AES-256-GCM, key_rotation_days: 90}
    retention: {max_days: 365, deletion_policy: secure_erase}
    location_restrictions: {allowed_regions: [eu-west-1, eu-central-1]}
enforcement: {mode: enforce}
`
