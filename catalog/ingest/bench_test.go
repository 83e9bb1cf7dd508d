package ingest_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/catalog/ingest"
	catalogsqlite "github.com/ai-agent-mesh/mesh/catalog/sqlite"
	"github.com/ai-agent-mesh/mesh/internal/auditlog"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/migrations"
)

// BenchmarkBatch stores batches of 1,000 decisions, each touching ten
// controls, until they are durable.
func BenchmarkBatch(b *testing.B) {
	const size = 1000
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "hub.db"), sqlite.Options{Migrations: migrations.SQLite()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	store := catalogsqlite.New(db)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	id, err := store.Enrol(b.Context(), mesh.DefaultTenant, catalog.RuntimeRecord{
		ID: "rt_1", Name: "edge", PublicKey: base64.StdEncoding.EncodeToString(public), EnrolledAt: time.Now(),
	}, auth.NewToken(auth.KindRuntime).Hash())
	if err != nil {
		b.Fatal(err)
	}
	service := ingest.New(store, store, &catalog.Notifier{}, nil)
	caller := auth.Principal{Kind: auth.KindRuntime, Tenant: mesh.DefaultTenant, Runtime: id}
	var controls []mesh.ControlID
	for i := range 10 {
		controls = append(controls, mesh.NewControlID("gdpr", fmt.Sprint("Art.", i)))
	}
	next := uint64(1)
	for b.Loop() {
		b.StopTimer()
		data := makeBatch(b, private, id, next, size, controls)
		next += size
		b.StartTimer()
		if _, err := service.Batch(b.Context(), caller, data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/record")
}

func makeBatch(b *testing.B, key ed25519.PrivateKey, id mesh.RuntimeID, first uint64, size int, controls []mesh.ControlID) []byte {
	b.Helper()
	records := make([]json.RawMessage, size)
	for i := range records {
		data, err := json.Marshal(mesh.Event{Kind: mesh.EventDecision, Time: time.Now(), Decision: &mesh.DecisionRecord{
			Entry: mesh.AuditEntry{
				EventID: fmt.Sprint("evt_", first+uint64(i)), Timestamp: time.Now(), AgentID: "agent-1", Action: "data.read", Outcome: mesh.OutcomeAllowed,
				PolicyEvaluations: []mesh.PolicyEvaluation{{PolicyID: "mesh/gdpr", Decision: mesh.EvaluationAllow, Mode: mesh.ModeEnforce, Controls: controls}},
			},
			RequestID: fmt.Sprint("req_", first+uint64(i)), Mode: mesh.ModeEnforce, Evaluated: true,
		}})
		if err != nil {
			b.Fatal(err)
		}
		records[i] = data
	}
	root, signature, err := auditlog.SignBatch(key, auditlog.Origin{RuntimeID: id, JournalID: "j", FirstSeq: first}, records)
	if err != nil {
		b.Fatal(err)
	}
	data, err := json.Marshal(hubapi.Batch{RuntimeID: id, JournalID: "j", FirstSeq: first, Records: records, Root: root, Signature: signature})
	if err != nil {
		b.Fatal(err)
	}
	return data
}
