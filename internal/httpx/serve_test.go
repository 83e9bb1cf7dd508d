package httpx_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := httpx.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// deadline bounds the waits of a test that would otherwise hang.
const deadline = 20 * time.Second

func wait[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(deadline):
		t.Fatalf("waited too long for %s", what)
		panic("unreachable")
	}
}

func TestServeDrains(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	inside, release := make(chan struct{}), make(chan struct{})
	draining := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-httpx.Draining(r.Context())
		close(draining)
		<-release
		if r.Context().Err() != nil {
			t.Error("the request was canceled although it may finish")
		}
		_, _ = io.WriteString(w, "finished")
	})
	one, two := listen(t), listen(t)
	served := make(chan error, 1)
	go func() {
		served <- httpx.Serve(ctx, httpx.ServeOptions{}, httpx.Server{Listener: one, Handler: slow}, httpx.Server{Listener: two, Handler: slow})
	}()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + one.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	wait(t, "the request", inside)
	stop()
	wait(t, "the handler to hear of it", draining)
	close(release)
	if got := wait(t, "the answer", answer); got != "finished" {
		t.Errorf("got %q", got)
	}
	if err := wait(t, "Serve", served); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if c, err := net.Dial("tcp", two.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
}

func TestServeEndsWhenDrainingTakesTooLong(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	inside := make(chan struct{})
	l := listen(t)
	served := make(chan error, 1)
	go func() {
		served <- httpx.Serve(ctx, httpx.ServeOptions{Drain: time.Millisecond}, httpx.Server{Listener: l, Handler: http.HandlerFunc(
			func(_ http.ResponseWriter, r *http.Request) {
				close(inside)
				<-r.Context().Done()
			})})
	}()
	go func() {
		if resp, err := http.Get("http://" + l.Addr().String()); err == nil {
			_ = resp.Body.Close()
		}
	}()
	wait(t, "the request", inside)
	stop()
	if err := wait(t, "Serve", served); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeStopsAllWhenOneFails(t *testing.T) {
	t.Parallel()
	good, bad := listen(t), listen(t)
	_ = bad.Close()
	served := make(chan error, 1)
	go func() {
		served <- httpx.Serve(t.Context(), httpx.ServeOptions{},
			httpx.Server{Listener: good, Handler: http.NotFoundHandler()}, httpx.Server{Listener: bad, Handler: http.NotFoundHandler()})
	}()
	if err := wait(t, "Serve", served); err == nil {
		t.Error("nobody is told that an address is not served")
	}
}

func TestListenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	l := listen(t)
	defer l.Close()
	_, err := httpx.Listen(t.Context(), l.Addr().String())
	if mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestListenUnix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "mesh.sock")
	l, err := httpx.ListenUnix(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := httpx.ListenUnix(t.Context(), path); mesh.CodeOf(err) != mesh.CodeUnavailable {
		t.Errorf("a socket that answers was taken over: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as after a crash
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = httpx.ListenUnix(t.Context(), path)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	_ = l.Close()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := httpx.ListenUnix(t.Context(), file); mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("a file: %v", err)
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.1.2.3:1": true, "[::1]:8080": true, "localhost:80": true, "LOCALHOST": true, "::1": true, "[::ffff:127.0.0.1]:1": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "192.168.0.1:80": false, "example.com:80": false, "": false, "localhost.example.com:80": false,
	} {
		if got := httpx.IsLoopback(addr); got != want {
			t.Errorf("IsLoopback(%q) = %t", addr, got)
		}
	}
}

func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for file, data := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t)
	config, err := httpx.TLSConfig(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	l := listen(t)
	served := make(chan error, 1)
	go func() {
		served <- httpx.Serve(ctx, httpx.ServeOptions{}, httpx.Server{Listener: l, TLS: config, Handler: http.NotFoundHandler()})
	}()
	for version, ok := range map[uint16]bool{tls.VersionTLS13: true, tls.VersionTLS12: true, tls.VersionTLS11: false} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: version, NextProtos: []string{"h2"}})
		if (err == nil) != ok {
			t.Errorf("TLS version %x: %v", version, err)
		}
		if err == nil {
			if p := conn.ConnectionState().NegotiatedProtocol; p != "h2" {
				t.Errorf("negotiated %q", p)
			}
			_ = conn.Close()
		}
	}
	stop()
	if err := wait(t, "Serve", served); err != nil {
		t.Error(err)
	}
	if _, err := httpx.TLSConfig(certFile, certFile); mesh.CodeOf(err) != mesh.CodeInvalid || mesh.HintOf(err) == "" {
		t.Errorf("a key that is none: %v", err)
	}
}
