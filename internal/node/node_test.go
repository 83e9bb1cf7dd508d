package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/hub"
	"github.com/ai-agent-mesh/mesh/internal/node"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/remote"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

const policySource = `version: "3.0.0"
name: "Reading"
framework: "acme"
rules:
  custom:
    - id: purpose
      controls: ["acme:1"]
      when: 'action.type == "data.read"'
      require: 'has(data.purpose) && data.purpose == "PURPOSE"'
      severity: high
      message: "Data is read for one purpose only"
enforcement:
  mode: enforce
`

// runHub runs a hub on its embedded defaults until the test ends.
func runHub(t *testing.T, dir, listen string) (h *hub.Hub, stop func()) {
	t.Helper()
	cfg := hub.Config{DataDir: dir, Listen: listen}
	cfg.SetDefaults()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	h, err := hub.New(ctx, cfg, hub.Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		cancel()
		t.Fatalf("starting the hub: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the hub ended with %v", err)
		}
		if err := h.Close(); err != nil {
			t.Errorf("closing the hub: %v", err)
		}
	})
	t.Cleanup(stop)
	return h, stop
}

// vendor publishes bundles of acme.
type vendor struct {
	t      *testing.T
	key    *sign.Key
	client *remote.Client
}

func newVendor(t *testing.T, h *hub.Hub) *vendor {
	t.Helper()
	key, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	api, err := hubapi.NewClient(h.URL(), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.AddKey(t.Context(), "acme", string(key.PublicKeyPEM())); err != nil {
		t.Fatal(err)
	}
	client, err := remote.New(h.URL(), remote.Options{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return &vendor{t, key, client}
}

// push pushes a release without a signature.
func (v *vendor) push(version, purpose string) mesh.Digest {
	v.t.Helper()
	file := filepath.Join(v.t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(policySource, "PURPOSE", purpose, 1)), 0o600); err != nil {
		v.t.Fatal(err)
	}
	src, findings, err := publish.Load(context.Background(), file, publish.LoadOptions{Ref: "acme/reading:" + version})
	if err != nil || src == nil {
		v.t.Fatalf("loading: %v %v", findings, err)
	}
	artifact, err := src.Build()
	if err != nil {
		v.t.Fatal(err)
	}
	d, err := v.client.Push(v.t.Context(), mesh.BundleRef{Namespace: "acme", Name: "reading"}, version, artifact)
	if err != nil {
		v.t.Fatal(err)
	}
	return d
}

func (v *vendor) sign(key *sign.Key, d mesh.Digest) {
	v.t.Helper()
	sig, err := sign.Sign(v.t.Context(), key, d)
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := v.client.AttachSignature(v.t.Context(), mesh.BundleRef{Namespace: "acme", Name: "reading"}, d, sig); err != nil {
		v.t.Fatal(err)
	}
}

// config is a runtime's that trusts the vendor.
func (v *vendor) config(h *hub.Hub, dir string) node.Config {
	v.t.Helper()
	trustDir := v.t.TempDir()
	if err := os.WriteFile(filepath.Join(trustDir, "acme.pub"), v.key.PublicKeyPEM(), 0o600); err != nil {
		v.t.Fatal(err)
	}
	file := filepath.Join(trustDir, "trust.yaml")
	if err := os.WriteFile(file, []byte("policies:\n  - namespaces: [\"acme/**\"]\n    authorities:\n      - key: {path: acme.pub}\n"), 0o600); err != nil {
		v.t.Fatal(err)
	}
	token, err := h.AdminToken()
	if err != nil {
		v.t.Fatal(err)
	}
	sub, err := mesh.ParseSubscription("acme/reading@^1")
	if err != nil {
		v.t.Fatal(err)
	}
	return node.Config{
		Name: "test", DataDir: dir, Hub: h.URL(), Token: token, TrustPolicy: file, Listen: "127.0.0.1:0",
		Socket: filepath.Join(v.t.TempDir(), "s"), Subscriptions: []mesh.Subscription{sub},
	}
}

// running is a runtime that runs.
type running struct {
	*node.Node
	t    *testing.T
	stop func()
}

func run(t *testing.T, cfg node.Config) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	n, err := node.New(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		cancel()
		t.Fatalf("starting the runtime: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the runtime ended with %v", err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("closing the runtime: %v", err)
		}
	})
	t.Cleanup(stop)
	return &running{n, t, stop}
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	res, err := http.Get(r.URL() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// decide asks whether data may be read for a purpose.
func (r *running) decide(client *http.Client, requestID, purpose string) mesh.Decision {
	r.t.Helper()
	body := fmt.Sprintf(`{"requestId":%q,"agent":{"id":"a1"},"action":{"type":"data.read"},"data":{"purpose":%q}}`, requestID, purpose)
	url := r.URL()
	if client != http.DefaultClient {
		url = "http://runtime"
	}
	res, err := client.Post(url+"/v1/decisions", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var d mesh.Decision
	if err := json.NewDecoder(res.Body).Decode(&d); err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return d
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func (r *running) version() string {
	if in := r.Status().InForce; len(in) == 1 {
		return in[0].Version
	}
	return ""
}

// TestFromPublishingToEvidence walks the main flow with a real hub.
func TestFromPublishingToEvidence(t *testing.T) {
	t.Parallel()
	h, _ := runHub(t, t.TempDir(), "127.0.0.1:0")
	v := newVendor(t, h)
	v.sign(v.key, v.push("1.0.0", "support"))
	cfg := v.config(h, t.TempDir())
	r := run(t, cfg)
	waitFor(t, "readiness", func() bool { status, _ := r.get("/readyz"); return status == http.StatusOK })

	denied := r.decide(http.DefaultClient, "req_denied", "marketing")
	if denied.Allowed || len(denied.Violations) != 1 || denied.Violations[0].PolicyID != "acme/reading" || len(denied.Violations[0].Controls) != 1 {
		t.Errorf("decision = %+v", denied)
	}
	socket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.Socket())
	}}}
	if d := r.decide(socket, "req_allowed", "support"); !d.Allowed {
		t.Errorf("over the socket: %+v", d)
	}
	if info, err := os.Stat(r.Socket()); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the socket is open to others: %v, %v", info, err)
	}
	api, err := hubapi.NewClient(h.URL(), cfg.Token, nil)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the evidence", func() bool {
		page, err := api.Decisions(t.Context(), hubapi.DecisionQuery{RequestID: "req_denied"})
		return err == nil && len(page.Items) == 1 && page.Items[0].EventID == denied.AuditLog.EventID && page.Items[0].Outcome == mesh.OutcomeDenied
	})

	d := v.push("1.1.0", "marketing")
	stranger, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	v.sign(stranger, d)
	if r.version() != "1.0.0" {
		t.Errorf("in force: %s, by a stranger's signature", r.version())
	}
	v.sign(v.key, d)
	began := time.Now()
	waitFor(t, "1.1.0", func() bool { return r.version() == "1.1.0" })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v from the signature to the new version", took)
	}
	if d := r.decide(http.DefaultClient, "req_new", "marketing"); !d.Allowed {
		t.Errorf("after the new version: %+v", d)
	}
	if status, body := r.get("/metrics"); status != http.StatusOK || !strings.Contains(body, `mesh_runtime_decisions_total{mode="enforce",outcome="denied"} 1`) ||
		!strings.Contains(body, `mesh_runtime_subscription_ready{subscription="acme/reading@^1",version="1.1.0"} 1`) {
		t.Errorf("%d %s", status, body)
	}
}

// TestARuntimeThatRecordsNothingSaysSo asks everybody who speaks of the journal.
func TestARuntimeThatRecordsNothingSaysSo(t *testing.T) {
	t.Parallel()
	h, _ := runHub(t, t.TempDir(), "127.0.0.1:0")
	v := newVendor(t, h)
	v.sign(v.key, v.push("1.0.0", "support"))
	cfg := v.config(h, t.TempDir())
	cfg.Journal = node.JournalOffUnsafe
	r := run(t, cfg)
	waitFor(t, "1.0.0", func() bool { return r.version() == "1.0.0" })
	if d := r.decide(http.DefaultClient, "req_1", "marketing"); d.Allowed || !d.Unrecorded || d.AuditLog.EventID != "" {
		t.Errorf("decision = %+v", d)
	}
	var status struct {
		Journal map[string]any `json:"journal"`
	}
	if _, body := r.get("/v1/status"); json.Unmarshal([]byte(body), &status) != nil ||
		status.Journal["recording"] != false || status.Journal["unrecorded"] != 1.0 || !strings.Contains(fmt.Sprint(status.Journal["reason"]), "NOT recorded") {
		t.Errorf("status of the journal = %v", status.Journal)
	}
	if _, body := r.get("/metrics"); !strings.Contains(body, "mesh_runtime_journal_recording 0") {
		t.Error("the metrics do not say so")
	}
	api, err := hubapi.NewClient(h.URL(), cfg.Token, nil)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the hub to say so", func() bool {
		known, err := api.Runtime(t.Context(), "test")
		return err == nil && known.Unrecorded
	})
}

// TestWithoutItsHub stops the hub, restarts the runtime and brings the hub
// back, and wants no decision to be lost or kept twice.
func TestWithoutItsHub(t *testing.T) {
	t.Parallel()
	hubDir := t.TempDir()
	h, stopHub := runHub(t, hubDir, "127.0.0.1:0")
	v := newVendor(t, h)
	v.sign(v.key, v.push("1.0.0", "support"))
	cfg := v.config(h, t.TempDir())
	r := run(t, cfg)
	waitFor(t, "1.0.0", func() bool { return r.version() == "1.0.0" })
	address := strings.TrimPrefix(h.URL(), "http://")
	stopHub()
	if d := r.decide(http.DefaultClient, "req_1", "support"); !d.Allowed {
		t.Errorf("without the hub: %+v", d)
	}
	r.stop()
	cfg.Token = ""
	r = run(t, cfg)
	if status, body := r.get("/readyz"); status != http.StatusOK {
		t.Errorf("after a restart without the hub: %d %s", status, body)
	}
	if d := r.decide(http.DefaultClient, "req_2", "marketing"); d.Allowed {
		t.Errorf("after a restart without the hub: %+v", d)
	}
	h, _ = runHub(t, hubDir, address)
	token, err := h.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	api, err := hubapi.NewClient(h.URL(), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"req_1", "req_2"} {
		waitFor(t, id+" at the hub", func() bool {
			page, err := api.Decisions(t.Context(), hubapi.DecisionQuery{RequestID: id})
			return err == nil && len(page.Items) == 1
		})
	}
	waitFor(t, "everything to be acknowledged", func() bool { return r.Status().Shipping.Lag == 0 })
}

func TestAHubThatNeverWasThere(t *testing.T) {
	t.Parallel()
	sub, err := mesh.ParseSubscription("acme/reading")
	if err != nil {
		t.Fatal(err)
	}
	trust := filepath.Join(t.TempDir(), "trust.yaml")
	if err := os.WriteFile(trust, []byte("policies: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := node.Config{DataDir: t.TempDir(), Hub: "http://127.0.0.1:1", Token: "t", Listen: "127.0.0.1:0", TrustPolicy: trust, Subscriptions: []mesh.Subscription{sub}}
	r := run(t, cfg)
	waitFor(t, "the reason", func() bool {
		status, body := r.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "acme/reading") && strings.Contains(body, "does not answer")
	})
	if d := r.decide(http.DefaultClient, "req_1", "support"); d.Allowed || len(d.Errors) != 1 || !strings.Contains(d.Errors[0].Message, "acme/reading") {
		t.Errorf("decision = %+v", d)
	}
	cfg.Listen = "127.0.0.1:0"
	if _, err := node.New(t.Context(), cfg, slog.New(slog.DiscardHandler)); mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("a second runtime in the same directory: %v", err)
	}
}

func TestAHubBeyondThisMachineWithoutTLSIsNoSecret(t *testing.T) {
	t.Parallel()
	trust := filepath.Join(t.TempDir(), "trust.yaml")
	if err := os.WriteFile(trust, []byte("policies: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for hub, want := range map[string]bool{
		"http://192.0.2.1:8080": true, "https://192.0.2.1:8080": false, "http://127.0.0.1:1": false, "http://localhost:1": false,
	} {
		var log bytes.Buffer // the logger locks it, and it is read when everybody has stopped
		cfg := node.Config{DataDir: t.TempDir(), Hub: hub, Listen: "127.0.0.1:0", TrustPolicy: trust}
		n, err := node.New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := errors.Join(n.Run(ctx), n.Close()); err != nil {
			t.Errorf("%s: %v", hub, err)
		}
		if got := strings.Contains(log.String(), "WITHOUT TLS"); got != want {
			t.Errorf("%s: warned = %v, want %v", hub, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*node.Config)
		says   string
	}{
		{"the defaults", func(*node.Config) {}, ""},
		{"no data directory", func(c *node.Config) { c.DataDir = "" }, "data directory"},
		{"every interface", func(c *node.Config) { c.Listen = ":7070" }, "refused"},
		{"another machine's address", func(c *node.Config) { c.Listen = "192.0.2.1:7070" }, "refused"},
		{"no port", func(c *node.Config) { c.Listen = "localhost" }, "host:port"},
		{"IPv6 loopback", func(c *node.Config) { c.Listen = "[::1]:7070" }, ""},
		{"a hub without scheme", func(c *node.Config) { c.Hub = "127.0.0.1:8080" }, "hub address"},
		{"an unknown mode", func(c *node.Config) { c.Mode = "strict" }, "strict"},
		{"one bundle twice", func(c *node.Config) {
			ref := mesh.BundleRef{Namespace: "mesh", Name: "gdpr"}
			c.Subscriptions = []mesh.Subscription{{Bundle: ref}, {Bundle: ref, Selector: "^3"}}
		}, "same bundle"},
		{"a range that is none", func(c *node.Config) {
			c.Subscriptions = []mesh.Subscription{{Bundle: mesh.BundleRef{Namespace: "mesh", Name: "gdpr"}, Selector: ">>3"}}
		}, "version range"},
		{"parameters of no bundle", func(c *node.Config) { c.Parameters = map[string]map[string]any{"gdpr": {}} }, "gdpr"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := node.Config{DataDir: "data"}
			c.SetDefaults()
			tt.change(&c)
			err := c.Validate()
			if (tt.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Validate = %v, want %q", err, tt.says)
			}
		})
	}
}
