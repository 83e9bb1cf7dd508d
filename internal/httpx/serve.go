package httpx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ai-agent-mesh/mesh"
)

// Bounds of a server. There is none for a whole request: blobs and event
// streams take as long as they take. Handlers that read slowly arriving
// bodies set deadlines of their own.
const (
	// DefaultDrain is how long running requests may take once a server stops.
	DefaultDrain = 10 * time.Second

	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Server is one address to serve at.
type Server struct {
	Listener net.Listener
	Handler  http.Handler
	TLS      *tls.Config // nil serves plain HTTP
}

// ServeOptions configure [Serve].
type ServeOptions struct {
	Logger *slog.Logger  // for what goes wrong outside of requests, such as TLS handshakes; nil discards it
	Drain  time.Duration // 0 means [DefaultDrain]
}

// Serve serves at every address until ctx is done or one of them fails, then
// stops all: no new connections, running requests may finish within the drain
// time, [Draining] tells those that would wait for something. It returns nil
// after an orderly stop and closes the listeners in any case.
func Serve(ctx context.Context, opts ServeOptions, servers ...Server) error {
	if opts.Drain <= 0 {
		opts.Drain = DefaultDrain
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	stop, stopped := context.WithCancel(context.WithoutCancel(ctx))
	defer stopped()
	// Requests outlive ctx, for as long as they are drained.
	base := context.WithValue(context.WithoutCancel(ctx), drainKey{}, stop.Done())
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range servers {
		srv := &http.Server{
			Handler:           s.Handler,
			TLSConfig:         s.TLS,
			ReadHeaderTimeout: readHeaderTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(opts.Logger.Handler(), slog.LevelWarn),
			BaseContext:       func(net.Listener) context.Context { return base },
		}
		group.Go(func() error { return serve(srv, s) })
		group.Go(func() error {
			<-ctx.Done()
			stopped()
			return shutdown(base, srv, opts.Drain)
		})
	}
	return group.Wait()
}

func serve(srv *http.Server, s Server) error {
	var err error
	if s.TLS != nil {
		err = srv.ServeTLS(s.Listener, "", "")
	} else {
		err = srv.Serve(s.Listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving at %s: %w", s.Listener.Addr(), err)
}

func shutdown(ctx context.Context, srv *http.Server, drain time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close() // whoever is still there was told to hurry
	}
	return err
}

type drainKey struct{}

// Draining returns a channel that is closed when the server that received the
// request begins to stop. Handlers that wait for news end then. Outside of
// [Serve] it is nil, which blocks.
func Draining(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(drainKey{}).(<-chan struct{})
	return c
}

// Listen listens for TCP connections at "host:port". An address that is taken
// is [mesh.CodeUnavailable] with what to do.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "listening at %s: %w", addr, err).
			WithHint("choose another address with --listen, or stop the program that has this one")
	}
	return l, nil
}

// socketMode lets the owner and nobody else connect.
const socketMode = 0o600

// ListenUnix listens at a unix socket that only the user the program runs as
// can connect to. A socket left over by a program that crashed is replaced;
// one that answers is not.
func ListenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "listening at socket %s: %w", path, err).
			WithHint("check that its directory exists and is writable, and that the path is shorter than 100 characters")
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("restricting socket %s: %w", path, err), l.Close())
	}
	return l, nil
}

func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at socket %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return mesh.Errorf(mesh.CodeConflict, "%s is there and is not a socket", path).WithHint("choose another path")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close() // it was only to see whether somebody answers
		return mesh.Errorf(mesh.CodeUnavailable, "another program serves at socket %s", path).WithHint("stop it, or choose another path")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing stale socket %s: %w", path, err)
	}
	return nil
}

// IsLoopback reports whether "host:port", or a host alone, can be reached from
// this machine only. An empty host means every address of the machine. A name
// other than localhost counts as reachable: it can come to mean anything.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// TLSConfig loads a certificate and its key. Clients need TLS 1.2; of its
// cipher suites only those with forward secrecy and authenticated encryption
// are offered (RFC 9325, section 4.2).
func TLSConfig(certFile, keyFile string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "loading the TLS certificate %s with key %s: %w", certFile, keyFile, err).
			WithHint("both must be PEM files and belong together; the certificate's file begins with the server's own, then its issuers'")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}, nil
}
