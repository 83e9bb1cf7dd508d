package hub_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"math/big"
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
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config hub.Config
		says   string // empty: it is fine
	}{
		"the default":                {hub.Config{}, ""},
		"an address without a port":  {hub.Config{Listen: "127.0.0.1"}, "hub.listen"},
		"a certificate without key":  {hub.Config{TLSCert: "hub.pem"}, "hub.tlsCert"},
		"a key without certificate":  {hub.Config{TLSKey: "hub.key"}, "hub.tlsCert"},
		"both":                       {hub.Config{TLSCert: "hub.pem", TLSKey: "hub.key"}, ""},
		"a public address":           {hub.Config{PublicURL: "https://hub.example.com"}, ""},
		"a public address in clear":  {hub.Config{PublicURL: "http://hub.example.com", TLSCert: "hub.pem", TLSKey: "hub.key"}, "hub.publicURL"},
		"a public address with path": {hub.Config{PublicURL: "https://example.com/hub"}, "hub.publicURL"},
		"a public name":              {hub.Config{PublicURL: "hub.example.com"}, "hub.publicURL"},
		"a negative time":            {hub.Config{ShutdownTimeout: -1}, "hub.shutdownTimeout"},
	} {
		test.config.SetDefaults()
		findings := test.config.Validate()
		switch {
		case test.says == "" && len(findings) > 0:
			t.Errorf("%s: %v", name, findings)
		case test.says != "" && (len(findings) != 1 || !strings.HasPrefix(findings[0].Message, test.says+": ") || findings[0].Hint == ""):
			t.Errorf("%s: %v, want one about %s", name, findings, test.says)
		}
	}
	if _, err := hub.New(t.Context(), hub.Config{Listen: "nowhere", DataDir: t.TempDir()}, hub.Options{}); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("a hub with a wrong configuration: %v", err)
	}
}

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return write("hub.pem", "CERTIFICATE", cert), write("hub.key", "PRIVATE KEY", private), pool
}

// run runs a hub until the test ends and returns what it logs.
func run(t *testing.T, cfg hub.Config) (*hub.Hub, *log) {
	t.Helper()
	lines := &log{}
	h, err := hub.New(t.Context(), cfg, hub.Options{Logger: slog.New(slog.NewTextHandler(lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, lines
}

// log collects what is logged.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t)
	h, _ := run(t, hub.Config{Listen: "127.0.0.1:0", DataDir: t.TempDir(), TLSCert: cert, TLSKey: key})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := client.Get(h.URL() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(h.URL(), "https://") {
		t.Errorf("%s: %d, %v", h.URL(), resp.StatusCode, err)
	}
	if _, err := hub.New(t.Context(), hub.Config{Listen: "127.0.0.1:0", DataDir: t.TempDir(), TLSCert: key, TLSKey: cert}, hub.Options{}); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("certificate and key mixed up: %v", err)
	}
}

func TestServingInClearBeyondTheMachineIsLoud(t *testing.T) {
	t.Parallel()
	h, lines := run(t, hub.Config{Listen: "0.0.0.0:0", DataDir: t.TempDir()})
	eventually(t, "the warning is logged", func() bool { return strings.Contains(lines.String(), "WITHOUT TLS") })
	// Measurements are then for administrators.
	resp, err := http.Get(h.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("/metrics: %d, %v", resp.StatusCode, err)
	}
}

func TestStoppingDoesNotWaitForTheIdle(t *testing.T) {
	t.Parallel()
	r := start(t, t.TempDir())
	enrolled, err := r.api.Enrol(t.Context(), hubapi.EnrolRequest{Name: "edge", PublicKey: base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))})
	if err != nil {
		t.Fatal(err)
	}
	rt := r.client(t, enrolled.Token)
	set, _, err := rt.Subscriptions(t.Context(), enrolled.ID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, changed, err := rt.Subscriptions(context.Background(), enrolled.ID, set.Revision, time.Minute)
		if changed {
			t.Error("the set is said to have changed")
		}
		ended <- err
	}()
	waiting := func() bool {
		resp, err := http.Get(r.URL() + "/healthz")
		return err == nil && resp.Body.Close() == nil
	}
	eventually(t, "the hub answers while a request waits", waiting)
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > hub.DefaultShutdownTimeout/2 {
		t.Errorf("stopping took %v", took)
	}
	if err := <-ended; err != nil && mesh.CodeOf(err) != mesh.CodeUnavailable {
		t.Errorf("the request that waited: %v", err)
	}
}
