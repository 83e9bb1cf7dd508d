package ocihttp

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// wire is how an error looks to a client: a code of the distribution spec
// ("Error Codes"), or one of the few others clients know, and a status.
type wire struct {
	code   string
	status int
}

// faults is the one table between the store's faults and the wire.
func faults() []struct {
	fault *registry.Fault
	wire  wire
} {
	return []struct {
		fault *registry.Fault
		wire  wire
	}{
		{registry.ErrNameInvalid, wire{"NAME_INVALID", http.StatusBadRequest}},
		{registry.ErrNameUnknown, wire{"NAME_UNKNOWN", http.StatusNotFound}},
		{registry.ErrTagInvalid, wire{"TAG_INVALID", http.StatusBadRequest}},
		{registry.ErrTagImmutable, wire{"DENIED", http.StatusConflict}},
		{registry.ErrTagMoved, wire{"DENIED", http.StatusPreconditionFailed}},
		{registry.ErrDigestInvalid, wire{"DIGEST_INVALID", http.StatusBadRequest}},
		{registry.ErrManifestUnknown, wire{"MANIFEST_UNKNOWN", http.StatusNotFound}},
		{registry.ErrManifestInvalid, wire{"MANIFEST_INVALID", http.StatusBadRequest}},
		{registry.ErrManifestBlobUnknown, wire{"MANIFEST_BLOB_UNKNOWN", http.StatusBadRequest}},
		{registry.ErrBlobUnknown, wire{"BLOB_UNKNOWN", http.StatusNotFound}},
		{registry.ErrUploadUnknown, wire{"BLOB_UPLOAD_UNKNOWN", http.StatusNotFound}},
		{registry.ErrUploadInvalid, wire{"BLOB_UPLOAD_INVALID", http.StatusBadRequest}},
		{registry.ErrRangeInvalid, wire{"BLOB_UPLOAD_INVALID", http.StatusRequestedRangeNotSatisfiable}},
		{registry.ErrTooLarge, wire{"SIZE_INVALID", http.StatusRequestEntityTooLarge}},
		{registry.ErrInUse, wire{"DENIED", http.StatusConflict}},
	}
}

// ociCode is the wire code of an error that is no fault of the store.
func ociCode(code mesh.Code) string {
	switch code {
	case mesh.CodeUnauthenticated:
		return "UNAUTHORIZED"
	case mesh.CodeForbidden, mesh.CodeConflict, mesh.CodePrecondition:
		return "DENIED"
	case mesh.CodeNotFound:
		return "NAME_UNKNOWN"
	case mesh.CodeTooLarge:
		return "SIZE_INVALID"
	case mesh.CodeRateLimited:
		return "TOOMANYREQUESTS"
	case mesh.CodeUnavailable:
		return "UNAVAILABLE"
	case mesh.CodeInternal:
		return "UNKNOWN"
	}
	return "UNSUPPORTED"
}

func wireOf(err error) wire {
	var method *methodError
	switch {
	case errors.Is(err, errNoEndpoint):
		return wire{"UNSUPPORTED", http.StatusNotFound}
	case errors.As(err, &method):
		return wire{"UNSUPPORTED", http.StatusMethodNotAllowed}
	}
	for _, row := range faults() {
		if errors.Is(err, row.fault) {
			return row.wire
		}
	}
	code := mesh.CodeOf(err)
	return wire{ociCode(code), code.HTTPStatus()}
}

// errorBody is the error format of the distribution spec. Clients print the
// detail behind the message, so the hint goes there.
type errorBody struct {
	Errors []errorEntry `json:"errors"`
}

type errorEntry struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  string `json:"detail,omitzero"`
}

// retryAfterSeconds is what a client is told to wait when we cannot know
// better.
const retryAfterSeconds = 1

func (h *handler) writeError(w http.ResponseWriter, r *http.Request, req request, err error) {
	wire := wireOf(err)
	entry := errorEntry{Code: wire.code, Message: err.Error(), Detail: mesh.HintOf(err)}
	header := w.Header()
	if wire.status >= http.StatusInternalServerError {
		h.opts.Logger.ErrorContext(r.Context(), "registry request failed",
			slog.String("requestId", header.Get("X-Request-Id")), slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.String("error", err.Error()))
	}
	var method *methodError
	switch {
	case errors.As(err, &method):
		header.Set("Allow", method.allow)
	case wire.status == http.StatusInternalServerError:
		entry.Message, entry.Detail = "internal error", "the log of the server has the details"
	case wire.status == http.StatusUnauthorized && h.opts.Challenge != nil:
		for _, challenge := range h.opts.Challenge(r, req.repo, req.kind.access()) {
			header.Add("WWW-Authenticate", challenge)
		}
	case wire.status == http.StatusTooManyRequests || wire.status == http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	}
	body, merr := json.Marshal(errorBody{Errors: []errorEntry{entry}})
	if merr != nil { // strings always marshal
		body = []byte(`{"errors":[]}`)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(wire.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has gone: nobody is left to tell
	}
}
