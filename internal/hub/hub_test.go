package hub_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auditlog"
	"github.com/ai-agent-mesh/mesh/internal/hub"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/remote"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// running is a hub that serves, with an administrator's clients.
type running struct {
	*hub.Hub
	api   *hubapi.Client
	oci   *remote.Client
	token string
	stop  func()
}

// start runs a hub on dir until the test ends or stop is called.
func start(t *testing.T, dir string) *running {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := hub.New(t.Context(), hub.Config{Listen: "127.0.0.1:0", DataDir: dir}, hub.Options{Logger: logger, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	r := &running{Hub: h}
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, h.Close()); err != nil {
			t.Errorf("stopping the hub: %v", err)
		}
	}
	t.Cleanup(r.stop)
	if r.token, err = h.AdminToken(); err != nil {
		t.Fatal(err)
	}
	r.api = r.client(t, r.token)
	r.oci = r.registry(t, r.token)
	eventually(t, "the hub is ready", func() bool { return h.Ready(t.Context()) })
	return r
}

func (r *running) client(t *testing.T, token string) *hubapi.Client {
	t.Helper()
	c, err := hubapi.NewClient(r.URL(), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *running) registry(t *testing.T, token string) *remote.Client {
	t.Helper()
	u, err := url.Parse(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := remote.New(u.Host, remote.Options{PlainHTTP: true, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 seconds: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

const testPolicy = `version: "3.0.0"
name: "Retention of support tickets"
framework: "GDPR"
rules:
  custom:
    - id: keep-short
      controls: ["gdpr:Art.17"]
      when: 'action.type == "data.write"'
      require: 'has(data.retentionDays) && data.retentionDays <= 30'
      severity: high
      message: "Tickets are kept for 30 days at most"
enforcement:
  mode: enforce
`

// push publishes a version of acme/tickets without a signature.
func (r *running) push(t *testing.T, version string) (mesh.BundleRef, mesh.Digest) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("policy.yaml", testPolicy)
	write("bundle.yaml", "namespace: acme\nname: tickets\nversion: "+version+"\nsummary: Encryption and erasure of tickets\nvendor: Acme Corp\nlicence: Apache-2.0\n")
	src, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{})
	if err != nil || mesh.HasErrors(findings) {
		t.Fatal(err, findings)
	}
	artifact, err := src.Build()
	if err != nil {
		t.Fatal(err)
	}
	ref := mesh.BundleRef{Namespace: "acme", Name: "tickets"}
	d, err := r.oci.Push(t.Context(), ref, version, artifact)
	if err != nil {
		t.Fatal(err)
	}
	return ref, d
}

func (r *running) sign(t *testing.T, key *sign.Key, ref mesh.BundleRef, d mesh.Digest) {
	t.Helper()
	sig, err := sign.Sign(t.Context(), key, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.oci.AttachSignature(t.Context(), ref, d, sig); err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) *sign.Key {
	t.Helper()
	key, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (r *running) awaitStatus(t *testing.T, ref mesh.BundleRef, version string, want hubapi.Status) hubapi.BundleDetail {
	t.Helper()
	var b hubapi.BundleDetail
	eventually(t, string(want)+" "+ref.String()+" "+version, func() bool {
		var err error
		b, err = r.api.Bundle(t.Context(), ref, version)
		return err == nil && b.Status == want
	})
	return b
}

// TestFromPushToEvidence is the hub's whole job: a bundle is pushed, signed,
// found and subscribed to, and what a runtime reports becomes posture.
func TestFromPushToEvidence(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	ctx := t.Context()
	ref, d := r.push(t, "1.0.0")
	if b := r.awaitStatus(t, ref, "1.0.0", hubapi.StatusUnsigned); b.Digest != d {
		t.Errorf("digest is %s, not %s", b.Digest, d)
	}
	found, err := r.api.Search(ctx, hubapi.SearchQuery{Text: "tickets"})
	if err != nil || found.Total != 0 {
		t.Errorf("an unsigned bundle is listed: %+v, %v", found, err)
	}
	key := newKey(t)
	r.sign(t, key, ref, d)
	if b := r.awaitStatus(t, ref, "1.0.0", hubapi.StatusRefused); !strings.Contains(b.Reason, "no key") {
		t.Errorf("reason is %q", b.Reason)
	}
	added, err := r.api.AddKey(ctx, "acme", string(key.PublicKeyPEM()))
	if err != nil {
		t.Fatal(err)
	}
	b := r.awaitStatus(t, ref, "1.0.0", hubapi.StatusVerified)
	if len(b.SignedBy) != 1 || b.SignedBy[0].Fingerprint != added.Fingerprint {
		t.Errorf("signed by %+v, not %s", b.SignedBy, added.Fingerprint)
	}
	for _, q := range []hubapi.SearchQuery{
		{Text: "tickets"}, {Text: "encrytion tick"}, {Text: "Art. 17 tickets"}, {Control: "Article 17(2)", Vendor: "Acme Corp"},
		{Text: "erasre", Framework: "GDPR"}, {Vendor: "acme"},
	} {
		found, err := r.api.Search(ctx, q)
		if err != nil || len(found.Items) == 0 || found.Items[0].Name != "tickets" {
			t.Errorf("%+v finds %+v, %v", q, found.Items, err)
		}
	}
	eventually(t, "latest is the verified version", func() bool { // the tag follows the verification
		latest, err := r.oci.Resolve(ctx, ref, "latest")
		return err == nil && latest == d
	})
	r.follow(t, ref, key)
}

// follow enrols a runtime, and watches what it is to follow change.
func (r *running) follow(t *testing.T, ref mesh.BundleRef, key *sign.Key) {
	t.Helper()
	ctx := t.Context()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	enrolled, err := r.api.Enrol(ctx, hubapi.EnrolRequest{Name: "edge-1", PublicKey: base64.StdEncoding.EncodeToString(public)})
	if err != nil {
		t.Fatal(err)
	}
	rt := r.client(t, enrolled.Token)
	own, err := mesh.ParseSubscription("mesh/gdpr")
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.Report(ctx, enrolled.ID, hubapi.RuntimeReport{Version: "test", Subscriptions: []mesh.Subscription{own}}); err != nil {
		t.Fatal(err)
	}
	set, changed, err := rt.Subscriptions(ctx, enrolled.ID, "", 0)
	if err != nil || !changed || len(set.Items) != 1 || set.Items[0].Source != hubapi.SourceLocal || set.Items[0].Digest == "" {
		t.Fatalf("set is %+v, %v, %v", set, changed, err)
	}

	// While it waits, the hub adds a subscription, and then a new version is
	// signed: both end the wait.
	next := func(known string, act func()) hubapi.SubscriptionSet {
		t.Helper()
		type answer struct {
			set     hubapi.SubscriptionSet
			changed bool
			err     error
		}
		answers := make(chan answer, 1)
		go func() {
			set, changed, err := rt.Subscriptions(ctx, enrolled.ID, known, 20*time.Second)
			answers <- answer{set, changed, err}
		}()
		act()
		a := <-answers
		if a.err != nil || !a.changed {
			t.Fatalf("set is %+v, %v, %v", a.set, a.changed, a.err)
		}
		return a.set
	}
	set = next(set.Revision, func() {
		if _, err := r.api.Subscribe(ctx, "edge-1", mesh.Subscription{Bundle: ref, Selector: "^1"}); err != nil {
			t.Error(err)
		}
	})
	if len(set.Items) != 2 || set.Items[1].Version != "1.0.0" || set.Items[1].Source != hubapi.SourceHub {
		t.Fatalf("set is %+v", set)
	}
	_, d := r.push(t, "1.1.0")
	r.awaitStatus(t, ref, "1.1.0", hubapi.StatusUnsigned)
	began := time.Now()
	set = next(set.Revision, func() { r.sign(t, key, ref, d) })
	if set.Items[1].Version != "1.1.0" {
		t.Fatalf("set is %+v", set)
	}
	t.Logf("a signature reached the runtime after %v", time.Since(began))
	set = next(set.Revision, func() {
		for range 2 { // what is gone is no error
			if _, err := r.api.Unsubscribe(ctx, "edge-1", ref); err != nil {
				t.Error(err)
			}
		}
	})
	if len(set.Items) != 1 || set.Items[0].Source != hubapi.SourceLocal {
		t.Fatalf("set is %+v", set)
	}
	if _, err := r.api.Unsubscribe(ctx, "edge-1", set.Items[0].Subscription.Bundle); mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("taking a runtime's own subscription: %v, want a conflict", err)
	}
	r.report(t, rt, enrolled.ID, private)
}

// report delivers evidence and asks for it.
func (r *running) report(t *testing.T, rt *hubapi.Client, id mesh.RuntimeID, key ed25519.PrivateKey) {
	t.Helper()
	ctx := t.Context()
	record := func(requestID, outcome string, violations []mesh.Violation) json.RawMessage {
		data, err := json.Marshal(mesh.Event{Kind: mesh.EventDecision, Time: time.Now().UTC(), Decision: &mesh.DecisionRecord{
			Entry: mesh.AuditEntry{
				EventID: "evt_" + requestID, Timestamp: time.Now().UTC(), TenantID: "someone-else", AgentID: "agent-1", Action: "data.write", Outcome: outcome,
				PolicyEvaluations: []mesh.PolicyEvaluation{{PolicyID: "acme/tickets", Decision: "allow", Mode: mesh.ModeEnforce, Rules: []string{"keep-short"}, Controls: []mesh.ControlID{"gdpr:Art.17"}}},
			},
			RequestID: requestID, Mode: mesh.ModeEnforce, Evaluated: true, Violations: violations,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	denied := []mesh.Violation{{PolicyID: "acme/tickets", RuleID: "keep-short", Controls: []mesh.ControlID{"gdpr:Art.17"}, Severity: mesh.SeverityHigh, Message: "too long"}}
	records := []json.RawMessage{record("req-1", mesh.OutcomeAllowed, nil), record("req-2", mesh.OutcomeDenied, denied), json.RawMessage(`{"kind":"riddle","kind":"riddle"}`)}
	batch := func(first uint64, records []json.RawMessage) hubapi.Batch {
		root, signature, err := auditlog.SignBatch(key, auditlog.Origin{RuntimeID: id, JournalID: "j1", FirstSeq: first}, records)
		if err != nil {
			t.Fatal(err)
		}
		return hubapi.Batch{RuntimeID: id, JournalID: "j1", FirstSeq: first, Records: records, Root: root, Signature: signature}
	}
	if _, err := rt.SendBatch(ctx, batch(5, records)); mesh.CodeOf(err) != mesh.CodeSequence {
		t.Errorf("a gap is answered with %v", err)
	} else if acked, ok := hubapi.AckedThrough(err); !ok || acked != 0 {
		t.Errorf("the gap does not tell where to go on: %d, %v", acked, ok)
	}
	first := batch(1, records)
	for range 2 {
		if ack, err := rt.SendBatch(ctx, first); err != nil || ack.AckedThrough != 3 {
			t.Fatalf("ack is %+v, %v", ack, err)
		}
	}
	if _, err := rt.SendBatch(ctx, batch(2, []json.RawMessage{records[0]})); mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("another past is answered with %v", err)
	}
	forged := batch(4, records)
	forged.Records = []json.RawMessage{records[0], records[0], records[0]}
	if _, err := rt.SendBatch(ctx, forged); mesh.CodeOf(err) != mesh.CodeSignatureRefused {
		t.Errorf("a changed batch is answered with %v", err)
	}
	if _, err := r.api.SendBatch(ctx, first); mesh.CodeOf(err) != mesh.CodeForbidden {
		t.Errorf("an administrator's batch is answered with %v", err)
	}

	page, err := r.api.Decisions(ctx, hubapi.DecisionQuery{RequestID: "req-2"})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("decisions are %+v, %v", page, err)
	}
	if got := page.Items[0]; got.TenantID != mesh.DefaultTenant || got.Signature != first.Signature || got.Seq != 2 || got.Outcome != mesh.OutcomeDenied {
		t.Errorf("decision is %+v", got)
	}
	posture, err := r.api.Posture(ctx, "GDPR")
	if err != nil || posture.Decisions != 2 {
		t.Fatalf("posture is %d, %v", posture.Decisions, err)
	}
	for _, c := range posture.Controls {
		if c.ID == "gdpr:Art.17" && (c.Decisions != 2 || c.Allowed != 1 || c.Denied != 1 || c.Severities[mesh.SeverityHigh] != 1) {
			t.Errorf("posture of Art. 17 is %+v", c)
		}
	}
	if len(posture.Controls) < 90 {
		t.Errorf("the posture lists %d controls, not all", len(posture.Controls))
	}
	status, err := r.api.Runtime(ctx, "edge-1")
	if err != nil || !status.Online || len(status.Journals) != 1 || status.Journals[0].AckedThrough != 3 || status.Journals[0].Malformed != 1 {
		t.Errorf("runtime is %+v, %v", status, err)
	}
}

func TestTwoHubsCannotShareADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir)
	_, err := hub.New(t.Context(), hub.Config{Listen: "127.0.0.1:0", DataDir: dir}, hub.Options{})
	if mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("the second hub starts with %v", err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, dir)
	ref, _ := r.push(t, "1.0.0")
	r.stop()
	again := start(t, dir)
	if again.token != r.token {
		t.Error("the administrator got another token")
	}
	again.awaitStatus(t, ref, "1.0.0", hubapi.StatusUnsigned)
}

func TestWhatAnybodyMayDo(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	ctx := t.Context()
	anybody := r.client(t, "")
	if found, err := anybody.Search(ctx, hubapi.SearchQuery{Text: "gpdr"}); err != nil || found.Total == 0 || found.Corrected != "gdpr" {
		t.Errorf("search answers %+v, %v", found, err)
	}
	if _, err := anybody.Runtimes(ctx, ""); mesh.CodeOf(err) != mesh.CodeUnauthenticated {
		t.Errorf("runtimes are answered with %v", err)
	}
	if _, err := r.client(t, "meshadm_"+strings.Repeat("A", 43)).Info(ctx); mesh.CodeOf(err) != mesh.CodeUnauthenticated {
		t.Errorf("an unknown token is answered with %v", err)
	}
	ref := mesh.BundleRef{Namespace: "mesh", Name: "gdpr"}
	d, err := r.registry(t, "").Resolve(ctx, ref, "latest")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.registry(t, "").Pull(ctx, ref, d); err != nil {
		t.Errorf("pulling a public bundle: %v", err)
	}
	if _, err := r.api.PutNamespace(ctx, hubapi.NamespaceRequest{Name: "mesh", Visibility: hubapi.VisibilityPrivate}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.registry(t, "").Resolve(ctx, ref, "latest"); mesh.CodeOf(err) != mesh.CodeUnauthenticated {
		t.Errorf("a private bundle is answered with %v", err)
	}
	if found, err := anybody.Search(ctx, hubapi.SearchQuery{Framework: "gdpr"}); err != nil || found.Total != 0 {
		t.Errorf("a private bundle is found: %+v, %v", found, err)
	}
	if _, err := r.registry(t, r.token).Resolve(ctx, ref, "latest"); err != nil {
		t.Errorf("the administrator reads a private bundle: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	for path, want := range map[string]struct {
		status      int
		contentType string
	}{
		"/healthz":                    {http.StatusOK, "text/plain"},
		"/readyz":                     {http.StatusOK, "text/plain"},
		"/metrics":                    {http.StatusOK, "text/plain"},
		"/openapi.json":               {http.StatusOK, "application/vnd.oai.openapi+json"},
		"/schemas/policy/v3.0.0.json": {http.StatusOK, "application/schema+json"},
		"/schemas/action/v3.0.0.json": {http.StatusOK, "application/schema+json"},
		"/schemas/cases/v3.0.0.json":  {http.StatusOK, "application/schema+json"},
		"/":                           {http.StatusOK, "text/html"},
		"/bundles/mesh/gdpr":          {http.StatusOK, "text/html"},
		"/nothing":                    {http.StatusNotFound, "application/problem+json"},
		"/v2/":                        {http.StatusUnauthorized, "application/json"},
		"/api/v1/frameworks?limit=2":  {http.StatusOK, "application/json"},
		"/api/v1/nothing":             {http.StatusNotFound, "application/problem+json"},
		"/api/v1/bundles?color=green": {http.StatusBadRequest, "application/problem+json"},
	} {
		resp, err := http.Get(r.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if resp.StatusCode != want.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), want.contentType) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
}
