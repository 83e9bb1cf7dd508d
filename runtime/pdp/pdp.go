package pdp

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
)

// Bounds of the API.
const (
	// MaxBatch bounds the actions of one request; they are one append to the
	// journal and wait for each other.
	MaxBatch = 1000
	// DefaultMaxInFlight bounds the decision requests that are under way.
	// Beyond it the answer is 503: an enforcement point that waits too long
	// helps nobody.
	DefaultMaxInFlight = 1024

	// maxBodyBytes bounds what the bodies of all requests hold of memory.
	maxBodyBytes = 256 << 20
)

// Decider decides actions: an [enforce.Point].
type Decider interface {
	Decide(ctx context.Context, actions []*mesh.Action, caller enforce.Caller) ([]mesh.Decision, error)
	DecideUntil(ctx context.Context, actions []*mesh.Action, last bool, caller enforce.Caller) ([]mesh.Decision, error)
}

// Options configure the API. Decider, Status and Logger are required.
type Options struct {
	Decider Decider
	// Status tells how the runtime is; it is called for each request of
	// /readyz and /v1/status.
	Status func() Status
	// Logger takes the access log.
	Logger *slog.Logger
	// Metrics serves /metrics; nil leaves the path away.
	Metrics http.Handler
	// MaxInFlight is DefaultMaxInFlight if it is 0.
	MaxInFlight int
}

// server is the API.
type server struct {
	opts     Options
	inFlight chan struct{}
	bodies   *semaphore.Weighted // bytes of the bodies being read or decided
	memory   sync.Pool           // of *memory
}

// memory is what one request takes of it, to be used again by another.
type memory struct {
	body    []byte
	decoder decode.Decoder
	answer  encoder
}

// maxKept bounds the buffers that are kept for another request.
const maxKept = 1 << 20

// release keeps the memory of a request. Errors are written after that: what
// they say is copied.
func (s *server) release(m *memory) {
	if cap(m.body) > maxKept || cap(m.answer.out) > maxKept {
		return
	}
	s.memory.Put(m)
}

// New returns the handler of the API, with the outer layer of our servers
// around it: request ids, access log, recovery. Probes are not logged.
func New(opts Options) http.Handler {
	if opts.MaxInFlight <= 0 {
		opts.MaxInFlight = DefaultMaxInFlight
	}
	s := &server{opts: opts, inFlight: make(chan struct{}, opts.MaxInFlight), bodies: semaphore.NewWeighted(maxBodyBytes)}
	s.memory.New = func() any { return new(memory) }
	mux := http.NewServeMux()
	api := func(pattern string, h http.Handler) { mux.Handle(pattern, httpx.Wrap(localNames(h), opts.Logger)) }
	api("POST /v1/decisions", s.limited(s.decisions))
	api("POST "+evaluationPath, s.limited(s.evaluation))
	api("POST "+evaluationsPath, s.limited(s.evaluations))
	api("GET "+configurationPath, httpx.HandlerFunc(s.configuration))
	api("GET /v1/status", httpx.HandlerFunc(s.status))
	mux.Handle("GET /readyz", httpx.HandlerFunc(s.readyz))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	if opts.Metrics != nil {
		mux.Handle("GET /metrics", opts.Metrics)
	}
	for _, path := range []string{"/v1/decisions", evaluationPath, evaluationsPath} {
		api(path, httpx.MethodNotAllowed(http.MethodPost))
	}
	api("/", http.HandlerFunc(httpx.NotFound))
	return mux
}

// localNames refuses requests over TCP that call this machine by a name of
// somebody else's. A web page can have its own name resolve to 127.0.0.1 and
// then ask as if it were local (DNS rebinding); it cannot choose what the
// browser sends as Host.
func localNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if ok && addr.Network() != "unix" && !httpx.IsLoopback(r.Host) {
			httpx.WriteProblem(w, r, mesh.Errorf(mesh.CodeForbidden, "the runtime does not answer as %q", r.Host).
				WithHint("ask it as 127.0.0.1 or localhost, or over its unix socket"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handler answers a request whose body was read.
type handler func(w http.ResponseWriter, r *http.Request, m *memory) error

// limited reads a JSON body within the bounds of a batch and bounds what
// requests hold: memory from before their body is read, a place among the
// decisions under way only from then on. A client that sends slowly takes no
// place from others.
func (s *server) limited(next handler) http.Handler {
	return httpx.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if err := httpx.RequireJSON(r); err != nil {
			return err
		}
		size := r.ContentLength
		if size < 0 || size > decode.MaxBatchSize {
			size = decode.MaxBatchSize
		}
		if !s.bodies.TryAcquire(size) {
			return mesh.Errorf(mesh.CodeUnavailable, "the requests under way hold %d MiB already", maxBodyBytes>>20).WithHint("try again")
		}
		defer s.bodies.Release(size)
		m, _ := s.memory.Get().(*memory)
		defer s.release(m)
		body, err := httpx.ReadBodyInto(w, r, decode.MaxBatchSize, m.body)
		if err != nil {
			return err
		}
		m.body = body
		select {
		case s.inFlight <- struct{}{}:
			defer func() { <-s.inFlight }()
		default:
			return mesh.Errorf(mesh.CodeUnavailable, "%d decisions are under way already", cap(s.inFlight)).
				WithHint("try again; send many actions as one batch")
		}
		return next(w, r, m)
	})
}

// decisions decides one action or a batch. What is decoded lives in the memory
// of the request; once the answer is written and the decisions are recorded,
// nobody looks at it any more.
func (s *server) decisions(w http.ResponseWriter, r *http.Request, m *memory) error {
	actions, batch, err := m.decoder.Batch(m.body, MaxBatch)
	if err != nil {
		return err
	}
	if len(actions) == 0 {
		return m.write(w, r, nil, batch)
	}
	decided, err := s.opts.Decider.Decide(r.Context(), actions, enforce.Caller{RequestID: httpx.RequestID(r.Context())})
	if err != nil {
		return err
	}
	return m.write(w, r, decided, batch)
}

// write answers with decisions: one, or those of a batch in its order.
func (m *memory) write(w http.ResponseWriter, r *http.Request, decided []mesh.Decision, batch bool) error {
	e := &m.answer
	e.out, e.err = e.out[:0], nil
	if batch {
		list(e, `{"decisions":`, decided, (*encoder).decision)
		e.raw("}")
	} else {
		e.decision(&decided[0])
	}
	if e.err != nil {
		return e.err
	}
	e.raw("\n")
	httpx.WriteEncoded(w, r, http.StatusOK, e.out)
	return nil
}
