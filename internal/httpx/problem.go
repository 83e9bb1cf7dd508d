package httpx

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// ProblemContentType is the media type of a [Problem] (RFC 9457, section 3).
const ProblemContentType = "application/problem+json"

// ProblemTypePrefix and an error code are the type of a problem. It is a name,
// not an address: there is nothing to fetch.
const ProblemTypePrefix = "urn:ai-agent-mesh:problem:"

// retryAfterSeconds is what a client is told to wait when we cannot know
// better.
const retryAfterSeconds = 1

// Problem is the body of every error (RFC 9457). Code is what programs look
// at, Detail and Hint are for people.
type Problem struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail"`
	Code      mesh.Code       `json:"code"`
	Hint      string          `json:"hint,omitzero"`
	RequestID string          `json:"requestId,omitzero"`
	Errors    []ProblemDetail `json:"errors,omitzero"` // where in a document, if one was sent
}

// ProblemDetail is one finding as clients of the API know it: Location is a
// path such as "action.type", or "file:line:column".
type ProblemDetail struct {
	Location string `json:"location,omitzero"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitzero"`
}

// NewProblem says what a client is told about an error. Of an error without a
// code it is told nothing but the request id, under which the log has the
// rest.
func NewProblem(err error, requestID string) Problem {
	code := mesh.CodeOf(err)
	p := Problem{
		Type:      ProblemTypePrefix + string(code),
		Title:     title(code),
		Status:    code.HTTPStatus(),
		Code:      code,
		Detail:    "internal error",
		RequestID: requestID,
	}
	if code == mesh.CodeInternal {
		p.Hint = "the log of the server has the details under this request id"
		return p
	}
	p.Detail = err.Error()
	p.Hint = mesh.HintOf(err)
	var e *mesh.Error
	if errors.As(err, &e) {
		for _, f := range e.Findings {
			p.Errors = append(p.Errors, ProblemDetail{Location: f.Position.String(), Message: f.Message, Hint: f.Hint})
		}
	}
	return p
}

// title is the same for every problem of a type, as RFC 9457 asks.
func title(code mesh.Code) string {
	if code == mesh.CodeInternal {
		return "Internal error"
	}
	words := strings.ReplaceAll(string(code), "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// WriteProblem answers a request with an error. It is the only place that
// chooses the status of a failure. Under [Wrap] the error, with its whole
// chain, also appears in the access log.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	writeProblem(w, r, err, mesh.CodeOf(err).HTTPStatus())
}

func writeProblem(w http.ResponseWriter, r *http.Request, err error, status int) {
	s := scopeOf(r.Context())
	s.fail(err)
	p := NewProblem(err, s.requestID())
	p.Status = status
	body, merr := json.Marshal(p)
	if merr != nil { // only a finding's text could do that, and it cannot
		body = []byte(`{"status":500,"code":"internal"}`)
	}
	h := w.Header()
	h.Del("ETag")
	h.Del("Cache-Control")
	h.Set("Content-Type", ProblemContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Code == mesh.CodeRateLimited || p.Code == mesh.CodeUnavailable {
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
		}
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has gone: nobody is left to tell
	}
}

// HandlerFunc is a handler that returns its error. It must not have written
// anything when it returns one.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP calls f and answers with its error, if any.
func (f HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f(w, r); err != nil {
		WriteProblem(w, r, err)
	}
}

// NotFound answers every request with [mesh.CodeNotFound]; for the root of a
// router.
func NotFound(w http.ResponseWriter, r *http.Request) {
	WriteProblem(w, r, mesh.Errorf(mesh.CodeNotFound, "there is nothing at %s %s", r.Method, r.URL.Path))
}

// MethodNotAllowed answers every request with 405 and the methods that the
// path takes (RFC 9110, section 15.5.6). Among the codes it is
// [mesh.CodeInvalid]: the request must be changed.
func MethodNotAllowed(allow ...string) http.Handler {
	methods := strings.Join(allow, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", methods)
		err := mesh.Errorf(mesh.CodeInvalid, "%s takes no %s", r.URL.Path, r.Method).WithHint("use " + methods)
		writeProblem(w, r, err, http.StatusMethodNotAllowed)
	})
}

// HandleGet serves GET and HEAD of a path, given as a mux's pattern without a
// method, and answers every other method with [MethodNotAllowed]. A mux that has
// a handler for "/" as well would pass these on to it.
func HandleGet(mux *http.ServeMux, path string, h http.Handler) {
	mux.Handle("GET "+path, h)
	mux.Handle(path, MethodNotAllowed(http.MethodGet, http.MethodHead))
}
