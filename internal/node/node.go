// Package node is the wiring of the enforcement runtime: journal, decision
// point, subscriber, shipper and the HTTP and socket servers as one value with
// Run and Close. Programs and tests build it from a [Config] with [New].
//
// It decides nothing itself. What it adds is order: the last good set is in
// force before the first request is answered, and at the end requests are
// drained before the journal is closed.
//
// The data directory holds
//
//	runtime.key     the Ed25519 key that signs batches (0600)
//	enrolment.json  the runtime's id and token at its hub (0600)
//	journal/        the durable record of decisions, locked by one process
//	state.json      which bundles are in force, and the highest there ever were
//	bundles/        their content and signatures, an OCI image layout each
//	runtime.sock    the unix socket of the decision API
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/internal/official"
	"github.com/ai-agent-mesh/mesh/registry/trust"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/pdp"
	"github.com/ai-agent-mesh/mesh/runtime/ship"
	"github.com/ai-agent-mesh/mesh/runtime/subscribe"
)

const (
	dataDirMode = 0o700
	journalDir  = "journal"
	// lastShipment bounds the attempt to deliver what is left at the end. What
	// is not delivered is delivered after the next start.
	lastShipment = 3 * time.Second
)

// Node is one enforcement runtime.
type Node struct {
	cfg       Config
	logger    *slog.Logger
	started   time.Time
	journal   *journal.Journal
	point     *enforce.Point
	evaluator *enforce.Evaluator
	subscribe *subscribe.Subscriber
	shipper   *ship.Shipper
	handler   http.Handler
	tcp, unix net.Listener // unix is nil if there is no socket
	close     func() error
}

// New prepares a runtime: it validates the configuration, locks the data
// directory, opens the journal, puts the last good set into force and binds
// the listeners. It does not need the hub. The caller must call Close, whether
// or not it calls Run.
func New(ctx context.Context, cfg Config, logger *slog.Logger) (_ *Node, err error) {
	cfg.SetDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, logger: logger, started: time.Now().UTC()}
	n.close = sync.OnceValue(n.release)
	defer func() {
		if err != nil {
			_ = n.Close()
		}
	}()
	trusted, err := trustPolicy(cfg.TrustPolicy)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.DataDir, dataDirMode); err != nil {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "creating the data directory: %w", err).WithHint("name another with --data-dir")
	}
	if n.journal, err = journal.Open(filepath.Join(cfg.DataDir, journalDir), journal.Options{Notify: n.journalChanged}); err != nil {
		return nil, err
	}
	if cut := n.journal.Status().CutBytes; cut > 0 {
		logger.WarnContext(ctx, "the journal ended in the middle of a record that nobody was told of; it was cut off", slog.Int64("bytes", cut))
	}
	if err := n.assemble(trusted); err != nil {
		return nil, err
	}
	if err := n.subscribe.Restore(ctx); err != nil {
		return nil, err
	}
	return n, n.listen(ctx)
}

// trustPolicy loads the runtime's own trust policy. Without one it trusts the
// key of this build's official bundles, for their namespace alone.
func trustPolicy(file string) (*trust.Policy, error) {
	if file != "" {
		return trust.LoadPolicy(file)
	}
	key, err := official.PublicKey()
	if err != nil {
		return nil, err
	}
	return trust.TrustKeys(string(mesh.OfficialNamespace)+"/**", key)
}

// assemble makes the parts out of each other.
func (n *Node) assemble(trusted *trust.Policy) (err error) {
	m := newMetrics(n.cfg.Version)
	if n.point, err = enforce.New(n.journal, enforce.Options{
		Mode: n.cfg.Mode, Observe: m.observe, UnrecordedUnsafe: n.unrecorded(),
	}); err != nil {
		return err
	}
	n.evaluator = enforce.NewEvaluator(n.journal, n.point, n.logger)
	n.subscribe, err = subscribe.New(subscribe.Config{
		Dir: n.cfg.DataDir, Name: n.cfg.Name, Version: n.cfg.Version, Hub: n.cfg.Hub, Token: n.cfg.token,
		Local: n.cfg.Subscriptions, Mode: n.cfg.Mode, Parameters: n.cfg.Parameters, Trust: trusted,
		AllowDowngradeUnsafe: n.cfg.AllowDowngradeUnsafe, Unrecorded: n.unrecorded(),
	}, n.point, n.journal, n.logger)
	if err != nil {
		return err
	}
	n.shipper = ship.New(n.journal, func(ctx context.Context) (ship.Session, error) {
		s, err := n.subscribe.Session(ctx)
		return ship.Session{RuntimeID: s.RuntimeID, Key: s.Key, Sender: s.Client}, err
	}, n.logger)
	m.watch(n.Status)
	n.handler = pdp.New(pdp.Options{Decider: n.point, Status: n.Status, Logger: n.logger, Metrics: m.handler()})
	return nil
}

// journalChanged logs what operators have to know: while the journal cannot be
// written, enforcement denies everything, unless decisions are not recorded.
func (n *Node) journalChanged(c journal.Change) {
	ctx := context.Background()
	if c.Err != nil {
		consequence := "enforced actions are denied until it can"
		if n.unrecorded() {
			consequence = "changes of what is in force go unrecorded, as all decisions do"
		}
		n.logger.ErrorContext(ctx, "the journal cannot be written", slog.String("consequence", consequence),
			slog.Any("error", c.Err), slog.String("hint", mesh.HintOf(c.Err)))
		return
	}
	n.logger.WarnContext(ctx, "the journal is written again; what went unrecorded is counted in its next record, a gap",
		slog.Uint64("denied", c.Gap.Denied), slog.Uint64("allowed", c.Gap.Allowed))
}

func (n *Node) listen(ctx context.Context) (err error) {
	if n.tcp, err = httpx.Listen(ctx, n.cfg.Listen); err != nil {
		return err
	}
	if n.cfg.Socket == "" {
		return nil
	}
	n.unix, err = httpx.ListenUnix(ctx, n.cfg.Socket)
	return err
}

// URL is where the decision API answers, such as "http://127.0.0.1:7070".
func (n *Node) URL() string { return "http://" + n.tcp.Addr().String() }

// Socket is the path of the unix socket; empty if there is none.
func (n *Node) Socket() string { return n.cfg.Socket }

// Status returns how the runtime is.
func (n *Node) Status() pdp.Status {
	return pdp.Status{Status: n.subscribe.Status(), StartedAt: n.started, Journal: n.journalStatus(), Shipping: n.shipper.Status()}
}

// unrecorded reports whether the runtime was told not to record decisions.
func (n *Node) unrecorded() bool { return n.cfg.Journal == JournalOffUnsafe }

func (n *Node) journalStatus() pdp.JournalStatus {
	s := pdp.JournalStatus{Status: n.journal.Status(), Recording: !n.unrecorded()}
	s.Unrecorded += n.point.Skipped()
	if !s.Recording && s.Reason == "" {
		s.Reason = "decisions are NOT recorded: the runtime runs with --journal=" + JournalOffUnsafe
	}
	return s
}

// Run serves until ctx is done, then drains requests, ships what it can within
// a bound and returns nil. It returns an error if a server or the journal
// fails in a way that does not mend.
func (n *Node) Run(ctx context.Context) error {
	n.logger.InfoContext(ctx, "runtime is up", slog.String("url", n.URL()), slog.String("socket", n.cfg.Socket),
		slog.String("hub", n.cfg.Hub), slog.String("dataDir", n.cfg.DataDir), slog.Int("subscriptions", len(n.cfg.Subscriptions)))
	n.warn(ctx)
	serving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// The workers outlive the servers: requests that are drained are still
	// recorded, evaluated and shipped.
	working, finish := context.WithCancel(context.WithoutCancel(ctx))
	defer finish()
	var wg sync.WaitGroup
	for _, w := range []struct {
		what string
		run  func(context.Context) error
	}{{"following the hub", n.subscribe.Run}, {"audit mode", n.evaluator.Run}, {"shipping the journal", n.shipper.Run}} {
		wg.Go(func() {
			if err := w.run(working); err != nil {
				stop(fmt.Errorf("%s: %w", w.what, err))
			}
		})
	}
	servers := []httpx.Server{{Listener: n.tcp, Handler: n.handler}}
	if n.unix != nil {
		servers = append(servers, httpx.Server{Listener: n.unix, Handler: n.handler})
	}
	err := httpx.Serve(serving, httpx.ServeOptions{Logger: n.logger}, servers...)
	finish()
	wg.Wait()
	if ctx.Err() == nil {
		err = errors.Join(context.Cause(serving), err)
	}
	n.shipLast(context.WithoutCancel(ctx))
	return err
}

// warn says loudly what makes the runtime less safe than its defaults.
func (n *Node) warn(ctx context.Context) {
	if n.unrecorded() {
		n.logger.WarnContext(ctx, "DECISIONS ARE NOT RECORDED: there is no evidence of them, and audit mode evaluates nothing",
			slog.String("journal", n.cfg.Journal), slog.String("hint", "run without --journal=off-unsafe"))
	}
	if n.cfg.AllowDowngradeUnsafe {
		n.logger.WarnContext(ctx, "OLDER VERSIONS OF BUNDLES ARE ACCEPTED: whoever controls the registry can bring back what was repaired",
			slog.String("hint", "run without --allow-downgrade-unsafe"))
	}
	if u, err := url.Parse(n.cfg.Hub); err == nil && u.Scheme == "http" && !httpx.IsLoopback(u.Host) {
		n.logger.WarnContext(ctx, "ASKING A HUB BEYOND THIS MACHINE WITHOUT TLS: token and evidence travel readable for everybody in between",
			slog.String("hub", n.cfg.Hub), slog.String("hint", "give the hub a certificate and name it with https://"))
	}
}

// shipLast makes one more attempt to deliver what was recorded.
func (n *Node) shipLast(ctx context.Context) {
	if n.subscribe.Status().RuntimeID == "" {
		return // nobody to deliver to yet
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lastShipment, errors.New("the runtime is stopping"))
	defer cancel()
	if err := n.shipper.Flush(ctx); err != nil {
		n.logger.InfoContext(ctx, "some records wait for the next start to be shipped",
			slog.Uint64("records", n.shipper.Status().Lag), slog.Any("error", err))
	}
}

// Close releases the listeners, the journal and the lock. It is safe to call
// more than once, but not while Run runs.
func (n *Node) Close() error { return n.close() }

func (n *Node) release() error {
	var errs []error
	for _, l := range []net.Listener{n.tcp, n.unix} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("closing a listener: %w", err))
		}
	}
	if n.journal != nil {
		errs = append(errs, n.journal.Close())
	}
	return errors.Join(errs...)
}
