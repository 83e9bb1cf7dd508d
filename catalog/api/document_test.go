package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// TestDocument fails when the committed OpenAPI document is not what the routes
// say; `go generate` writes it.
func TestDocument(t *testing.T) {
	t.Parallel()
	a, err := New(Services{})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", a.Document(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(Document()), string(a.Document())); diff != "" {
		t.Fatalf("openapi.json is stale, run `go generate ./catalog/api` (-committed +routes):\n%s", diff)
	}
}

func TestDocumentSaysWhatClientsNeed(t *testing.T) {
	t.Parallel()
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string                     `json:"operationId"`
			Summary     string                     `json:"summary"`
			Responses   map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(Document(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	for _, path := range []string{
		"/api/v1", "/api/v1/bundles", "/api/v1/bundles/{namespace}/{name}", "/api/v1/bundles/{namespace}/{name}/versions",
		"/api/v1/frameworks", "/api/v1/frameworks/{framework}", "/api/v1/frameworks/{framework}/controls",
		"/api/v1/namespaces", "/api/v1/namespaces/{namespace}/keys", "/api/v1/runtimes", "/api/v1/runtimes/{runtime}",
		"/api/v1/runtimes/{runtime}/subscriptions", "/api/v1/runtimes/{runtime}/report",
		"/api/v1/telemetry/batches", "/api/v1/decisions", "/api/v1/posture",
	} {
		if len(doc.Paths[path]) == 0 {
			t.Errorf("%s is not described", path)
		}
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range item {
			if ids[op.OperationID] || op.OperationID == "" || op.Summary == "" {
				t.Errorf("%s %s: id %q, summary %q", method, path, op.OperationID, op.Summary)
			}
			ids[op.OperationID] = true
			if !bytes.Contains(op.Responses["default"], []byte("application/problem+json")) {
				t.Errorf("%s %s does not describe its errors", method, path)
			}
		}
	}
	if bytes.Contains(Document(), []byte("ErrorModel")) {
		t.Error("the document describes errors that are never sent")
	}
	if bytes.Contains(Document(), []byte(`"null"`)) {
		t.Error("the document says that something may be null")
	}
}
