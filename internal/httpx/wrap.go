package httpx

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// RequestIDHeader carries the id of a request, both ways: a client may choose
// it, and learns it.
const RequestIDHeader = "X-Request-Id"

// A client's id ends up in logs and headers.
var requestIDSyntax = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// scope is what a request's handlers share with the layer around them, and the
// context in which they find it. The nil scope, of a request that did not come
// through Wrap, works.
type scope struct {
	context.Context
	id       string
	err      error
	recorder recorder
}

type scopeKey struct{}

// Value returns the scope itself, or what the context around it has.
func (s *scope) Value(key any) any {
	if _, ok := key.(scopeKey); ok {
		return s
	}
	return s.Context.Value(key)
}

func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

func (s *scope) fail(err error) {
	if s != nil {
		s.err = err
	}
}

func (s *scope) requestID() string {
	if s == nil {
		return ""
	}
	return s.id
}

// RequestID returns the id of the request that ctx belongs to, "" outside of
// [Wrap].
func RequestID(ctx context.Context) string { return scopeOf(ctx).requestID() }

// RecordError puts an error into the access log's line of the request. It is
// for handlers that answer errors in the shape of another protocol;
// [WriteProblem] does it by itself.
func RecordError(ctx context.Context, err error) { scopeOf(ctx).fail(err) }

// Wrap puts the outer layer around a server's handler: every request gets an
// id, a line in the log, and a proper answer if its handler panics. Requests
// are logged at debug level, refused ones (4xx) at info, failed ones at error
// with the error's chain; what is only unavailable for now (503) warns, and is
// no news where the question was whether it is ([ReadyPath]). The query is left
// out, for people put secrets there.
func Wrap(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &scope{Context: r.Context(), id: r.Header.Get(RequestIDHeader), recorder: recorder{ResponseWriter: w}}
		if !requestIDSyntax.MatchString(s.id) {
			s.id = newRequestID()
		}
		w.Header().Set(RequestIDHeader, s.id)
		r = r.WithContext(s)
		rec := &s.recorder
		start := time.Now()
		defer func() { logRequest(logger, r, s, rec, time.Since(start)) }()
		defer recoverPanic(rec, r)
		next.ServeHTTP(rec, r)
	})
}

// newRequestID returns an id that no other request has, in a form that a client
// could have chosen.
func newRequestID() string { return "req_" + rand.Text() }

// recoverPanic answers 500 if nothing was sent yet and breaks the connection
// otherwise: the client must not take half an answer for a whole one.
func recoverPanic(rec *recorder, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	if rec.status != 0 {
		RecordError(r.Context(), err)
		panic(http.ErrAbortHandler)
	}
	WriteProblem(rec, r, err)
}

func logRequest(logger *slog.Logger, r *http.Request, s *scope, rec *recorder, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	level := levelOf(r, status, s.err)
	ctx := r.Context()
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("requestId", s.id),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", status),
		slog.Int64("bytes", rec.bytes),
		slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr),
	}
	if s.err != nil {
		attrs = append(attrs, slog.String("error", s.err.Error()))
	}
	logger.LogAttrs(ctx, level, "request", attrs...)
}

// ReadyPath is where a server says whether it can do its work.
const ReadyPath = "/readyz"

func levelOf(r *http.Request, status int, err error) slog.Level {
	switch {
	case err != nil && mesh.CodeOf(err) == mesh.CodeInternal:
		return slog.LevelError
	case status == http.StatusServiceUnavailable && r.URL.Path == ReadyPath:
		return slog.LevelDebug
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case status >= http.StatusBadRequest:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// recorder remembers what was answered. Optional abilities of the writer
// below stay reachable: Unwrap for [http.ResponseController], Flush for those
// who assert it, ReadFrom for sendfile.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	w.sending()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom copies a file to the connection without passing it through this
// program, where the writer below can.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	w.sending()
	n, err := io.Copy(w.ResponseWriter, src)
	w.bytes += n
	return n, err
}

// Flush sends what is buffered.
func (w *recorder) Flush() {
	w.sending()
	_ = http.NewResponseController(w.ResponseWriter).Flush() // best effort, as for http.Flusher
}

// Unwrap returns the writer below.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) sending() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}
