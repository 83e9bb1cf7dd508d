// Package hubtest is a small hub for tests of the runtime: it enrols, tells
// what to follow, takes reports and acknowledges batches over real HTTP, in
// the documents of catalog/hubapi, and keeps everything in memory.
//
// It checks what a hub must check (tokens, signatures, the sequence) and can
// be told to fail. It serves no registry.
package hubtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auditlog"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

// EnrolToken is the credential that enrols runtimes.
const EnrolToken = "enrol-token"

// Runtime is what the hub knows of an enrolled runtime.
type Runtime struct {
	Name    string
	Key     ed25519.PublicKey
	Token   string
	Reports []hubapi.RuntimeReport
}

// Hub is a running hub.
type Hub struct {
	server *httptest.Server

	mu       sync.Mutex
	runtimes map[mesh.RuntimeID]*Runtime
	items    []hubapi.ResolvedSubscription
	revision int
	changed  chan struct{}
	journals map[mesh.JournalID][]json.RawMessage
	batches  int
	fail     func(*http.Request) error
}

// New starts a hub that ends with the test.
func New(t testing.TB) *Hub {
	t.Helper()
	h := &Hub{
		runtimes: map[mesh.RuntimeID]*Runtime{}, revision: 1, changed: make(chan struct{}),
		journals: map[mesh.JournalID][]json.RawMessage{},
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+hubapi.BasePath+"/runtimes", httpx.HandlerFunc(h.enrol))
	mux.Handle("PUT "+hubapi.BasePath+"/runtimes/{id}/report", httpx.HandlerFunc(h.report))
	mux.Handle("GET "+hubapi.BasePath+"/runtimes/{id}/subscriptions", httpx.HandlerFunc(h.subscriptions))
	mux.Handle("POST "+hubapi.BasePath+"/telemetry/batches", httpx.HandlerFunc(h.batch))
	h.server = httptest.NewServer(httpx.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		h.mu.Lock()
		fail := h.fail
		h.mu.Unlock()
		if fail != nil {
			if err := fail(r); err != nil {
				return err
			}
		}
		mux.ServeHTTP(w, r)
		return nil
	}))
	t.Cleanup(h.server.Close)
	t.Cleanup(h.server.CloseClientConnections)
	return h
}

// URL is the hub's address.
func (h *Hub) URL() string { return h.server.URL }

// Fail lets requests fail with what fn returns; nil ends that.
func (h *Hub) Fail(fn func(*http.Request) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = fn
}

// Offer sets what runtimes are to follow and tells those that wait.
func (h *Hub) Offer(items ...hubapi.ResolvedSubscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items = items
	h.revision++
	close(h.changed)
	h.changed = make(chan struct{})
}

// Forget drops every enrolment, as a hub does whose database was replaced.
func (h *Hub) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.runtimes)
}

// Runtimes returns the enrolled runtimes.
func (h *Hub) Runtimes() map[mesh.RuntimeID]Runtime {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[mesh.RuntimeID]Runtime{}
	for id, r := range h.runtimes {
		out[id] = *r
	}
	return out
}

// LastReport returns the newest report of the only runtime.
func (h *Hub) LastReport() (hubapi.RuntimeReport, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.runtimes {
		if n := len(r.Reports); n > 0 {
			return r.Reports[n-1], true
		}
	}
	return hubapi.RuntimeReport{}, false
}

// Events returns what the hub has durably of the journal, in order.
func (h *Hub) Events(t testing.TB, id mesh.JournalID) []mesh.Event {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var events []mesh.Event
	for _, raw := range h.journals[id] {
		var e mesh.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatalf("a record is no event: %v: %s", err, raw)
		}
		events = append(events, e)
	}
	return events
}

// Batches returns how many batches were delivered, repeated ones too.
func (h *Hub) Batches() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.batches
}

// Truncate drops records behind n, as a restored backup does.
func (h *Hub) Truncate(id mesh.JournalID, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.journals[id] = h.journals[id][:n:n]
}

func (h *Hub) enrol(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Authorization") != "Bearer "+EnrolToken {
		return mesh.Errorf(mesh.CodeUnauthenticated, "enrolling needs a token")
	}
	var req hubapi.EnrolRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return mesh.Errorf(mesh.CodeInvalid, "reading the enrolment: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(req.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return mesh.Errorf(mesh.CodeInvalid, "the public key is not 32 bytes in base64")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := mesh.RuntimeID(fmt.Sprintf("rt_%d", len(h.runtimes)+1))
	rt := &Runtime{Name: req.Name, Key: key, Token: fmt.Sprintf("token-%d-%s", len(h.runtimes)+1, req.PublicKey[:8])}
	h.runtimes[id] = rt
	return httpx.WriteJSON(w, r, http.StatusCreated, hubapi.EnrolResponse{ID: id, Token: rt.Token})
}

// authorized returns the runtime that asks; the caller holds mu.
func (h *Hub) authorized(r *http.Request, id mesh.RuntimeID) (*Runtime, error) {
	rt, ok := h.runtimes[id]
	if !ok || r.Header.Get("Authorization") != "Bearer "+rt.Token {
		return nil, mesh.Errorf(mesh.CodeUnauthenticated, "no runtime %s with that token", id)
	}
	return rt, nil
}

func (h *Hub) report(w http.ResponseWriter, r *http.Request) error {
	var report hubapi.RuntimeReport
	if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
		return mesh.Errorf(mesh.CodeInvalid, "reading the report: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	rt, err := h.authorized(r, mesh.RuntimeID(r.PathValue("id")))
	if err != nil {
		return err
	}
	rt.Reports = append(rt.Reports, report)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Hub) subscriptions(w http.ResponseWriter, r *http.Request) error {
	wait, _ := strconv.Atoi(r.URL.Query().Get("wait"))
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(wait)*time.Second)
	defer cancel()
	for {
		h.mu.Lock()
		_, err := h.authorized(r, mesh.RuntimeID(r.PathValue("id")))
		revision, items, changed := strconv.Itoa(h.revision), h.items, h.changed
		h.mu.Unlock()
		if err != nil {
			return err
		}
		if strings.Trim(r.Header.Get("If-None-Match"), `"`) != revision {
			return httpx.WriteJSON(w, r, http.StatusOK, hubapi.SubscriptionSet{Revision: revision, Items: items})
		}
		select {
		case <-changed:
		case <-ctx.Done():
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
}

func (h *Hub) batch(w http.ResponseWriter, r *http.Request) error {
	var b hubapi.Batch
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, hubapi.MaxBatchBytes)).Decode(&b); err != nil {
		return mesh.Errorf(mesh.CodeInvalid, "reading the batch: %w", err)
	}
	if len(b.Records) > hubapi.MaxBatchRecords {
		return mesh.Errorf(mesh.CodeTooLarge, "%d records", len(b.Records))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	rt, err := h.authorized(r, b.RuntimeID)
	if err != nil {
		return err
	}
	origin := auditlog.Origin{RuntimeID: b.RuntimeID, JournalID: b.JournalID, FirstSeq: b.FirstSeq}
	if err := auditlog.VerifyBatch(rt.Key, origin, b.Records, b.Root, b.Signature); err != nil {
		return err
	}
	h.batches++
	have := h.journals[b.JournalID]
	if b.FirstSeq > uint64(len(have))+1 {
		return hubapi.SequenceError(uint64(len(have)), b.FirstSeq)
	}
	for i, record := range b.Records {
		at := int(b.FirstSeq) - 1 + i
		switch {
		case at == len(have):
			have = append(have, record)
		case !bytes.Equal(have[at], record):
			return mesh.Errorf(mesh.CodeConflict, "record %d differs from what is stored", at+1)
		}
	}
	h.journals[b.JournalID] = have
	return httpx.WriteJSON(w, r, http.StatusOK, hubapi.BatchAck{JournalID: b.JournalID, AckedThrough: uint64(len(have))})
}
