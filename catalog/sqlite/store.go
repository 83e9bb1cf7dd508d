// Package sqlite keeps the catalog in the hub's SQLite file.
//
// [New] returns a [Store], which implements every store interface of package
// catalog and its neighbors: releases and search, namespaces and keys,
// runtimes and evidence, tokens and repeated requests. Statements are
// constants beside the methods that run them; lists are read by key, never by
// offset; every statement names the tenant, which package internal/sqlite
// enforces.
//
// What is stored is the services' business. The two things this package
// decides are how search ranks (bm25 over weighted columns) and which releases
// are the newest of their bundle.
package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/posture"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

// Store is the catalog on SQLite. It is safe for concurrent use.
type Store struct {
	db *sqlite.DB
}

// New returns the store on db, whose migrations must have been applied.
func New(db *sqlite.DB) *Store { return &Store{db: db} }

var (
	_ catalog.BundleStore    = (*Store)(nil)
	_ catalog.ReleaseWriter  = (*Store)(nil)
	_ catalog.SightingStore  = (*Store)(nil)
	_ catalog.SearchStore    = (*Store)(nil)
	_ catalog.NamespaceStore = (*Store)(nil)
	_ catalog.RecheckStore   = (*Store)(nil)
	_ catalog.RuntimeStore   = (*Store)(nil)
	_ catalog.EvidenceWriter = (*Store)(nil)
	_ catalog.DecisionStore  = (*Store)(nil)
	_ catalog.ResponseStore  = (*Store)(nil)
	_ posture.Store          = (*Store)(nil)
	_ auth.TokenStore        = (*Store)(nil)
)

// micros is how times are stored: whole microseconds since 1970 in UTC.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// encode writes a list or document as JSON. What it is given always has a JSON
// form, so an error is a fault of ours.
func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding %T: %w", v, err)
	}
	return string(data), nil
}

// decode reads what encode wrote.
func decode(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return mesh.Errorf(mesh.CodeInternal, "a stored %T is damaged: %w", into, err)
	}
	return nil
}

// flag is how a bool is stored.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
