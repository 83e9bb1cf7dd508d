package httpx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ai-agent-mesh/mesh"
)

// DefaultBodyLimit is what servers accept of a request that carries no
// documents.
const DefaultBodyLimit = 1 << 20

// A client that sends slower than this is not waited for: what reads a body
// whole holds memory and a connection meanwhile.
const (
	minBodyTimeout = 10 * time.Second
	maxBodyTimeout = 60 * time.Second
	bodyRate       = 100_000 // bytes per second
)

// maxJSONDepth is deeper than any document of ours and far from exhausting a
// stack.
const maxJSONDepth = 64

// ReadBody reads a request's body of at most limit bytes. More is
// [mesh.CodeTooLarge], known before anything is read if the client says how
// much it sends. A body in a content encoding is [mesh.CodeInvalid], and so is
// one of a client that dawdles: servers have no deadline of their own behind the
// headers.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	return ReadBodyInto(w, r, limit, nil)
}

// ReadBodyInto is [ReadBody] into the memory of buffer, as far as the body fits
// there. The buffer must not be used otherwise while the result is.
func ReadBodyInto(w http.ResponseWriter, r *http.Request, limit int64, buffer []byte) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, mesh.Errorf(mesh.CodeInvalid, "the body of the request comes in a content encoding").
			WithHint("send it as it is, without Content-Encoding")
	}
	expected := limit
	if r.ContentLength >= 0 {
		expected = r.ContentLength
	}
	// A writer that knows no deadlines, as in tests, does without.
	control := http.NewResponseController(w)
	patience := min(minBodyTimeout+time.Duration(expected/bodyRate)*time.Second, maxBodyTimeout)
	_ = control.SetReadDeadline(time.Now().Add(patience))
	body, err := readAll(w, r, limit, buffer)
	if err == nil {
		// Left in place, the deadline would cancel a request that takes long to
		// answer. After a failure it has to stay: the server reads the rest of
		// the body before it sends the answer.
		_ = control.SetReadDeadline(time.Time{})
		return body, nil
	}
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge(limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, mesh.Errorf(mesh.CodeInvalid, "the body of the request did not arrive within %s: %w", patience, err)
	}
	if r.Context().Err() != nil {
		return nil, mesh.Errorf(mesh.CodeCanceled, "the client went away: %w", err)
	}
	return nil, mesh.Errorf(mesh.CodeInvalid, "the body of the request broke off: %w", err)
}

// readAll reads to the end, or as much as was announced: then one buffer will
// do. What is announced to be large is believed when it comes.
func readAll(w http.ResponseWriter, r *http.Request, limit int64, buffer []byte) ([]byte, error) {
	const believed = 1 << 20
	length := r.ContentLength
	if length < 0 || length > max(believed, int64(cap(buffer))) {
		return io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	}
	if int64(cap(buffer)) < length {
		buffer = make([]byte, length)
	}
	body := buffer[:length]
	n, err := io.ReadFull(r.Body, body)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return body[:n], err
}

func tooLarge(limit int64) error {
	return mesh.Errorf(mesh.CodeTooLarge, "the body of the request is larger than %d bytes", limit).
		WithHint("send less at a time")
}

// DecodeJSON reads one JSON value into v. An unknown or repeated field, a field
// spelled in another case, and anything behind the value are [mesh.CodeInvalid]
// with the place: what was misspelt must not be taken as absent.
func DecodeJSON(data []byte, v any) error {
	if deeper(data, maxJSONDepth) {
		return mesh.Errorf(mesh.CodeInvalid, "the JSON is nested deeper than %d levels", maxJSONDepth)
	}
	err := jsonv2.Unmarshal(data, v, jsonv2.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var semantic *jsonv2.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic):
		return mesh.Errorf(mesh.CodeInvalid, "the JSON does not fit at %s: %s", at(semantic.JSONPointer, semantic.ByteOffset), reason(semantic)).
			WithHint("the API document at /openapi.json describes the fields")
	case errors.As(err, &syntactic):
		return mesh.Errorf(mesh.CodeInvalid, "that is not JSON: at %s: %w", at(syntactic.JSONPointer, syntactic.ByteOffset), syntactic.Err)
	}
	return mesh.Errorf(mesh.CodeInvalid, "that is not JSON: %w", err)
}

func at(p jsontext.Pointer, offset int64) string {
	if p == "" {
		return "byte " + strconv.FormatInt(offset, 10)
	}
	return string(p)
}

// reason leaves out the Go types, which are of no use to a client.
func reason(e *jsonv2.SemanticError) string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("a %s does not belong there", e.JSONKind)
}

// deeper reports whether arrays and objects are nested deeper than limit. It
// trusts nothing: it also ends on what is not JSON.
func deeper(data []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// RequireJSON refuses with [mesh.CodeInvalid] what a web page posts without
// being asked: pages of other sites can send forms, plain text and bytes without
// a type, but no JSON (Fetch standard, "CORS-safelisted request-header"), and
// their browser says that it is one with the page's origin. Of other programs
// the type is not asked: curl calls everything a form.
func RequireJSON(r *http.Request) error {
	ct := r.Header.Get("Content-Type")
	browser := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
	if browser && !isJSON(ct) {
		return mesh.Errorf(mesh.CodeInvalid, "the body is %q, not JSON", ct).WithHint("send Content-Type: application/json")
	}
	return nil
}

func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// WriteJSON answers with v. An error means that v cannot be written as JSON
// and that nothing was sent.
func WriteJSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	WriteEncoded(w, r, status, append(body, '\n'))
	return nil
}

// WriteEncoded answers with JSON that was encoded already.
func WriteEncoded(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	values := [...]string{"application/json", strconv.Itoa(len(body)), "nosniff"} // one allocation for all
	if h.Get("Content-Type") == "" {
		h["Content-Type"] = values[0:1:1]
	}
	h["Content-Length"] = values[1:2:2]
	h["X-Content-Type-Options"] = values[2:3:3]
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has gone: nobody is left to tell
	}
}
