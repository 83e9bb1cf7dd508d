package httpx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

// call sends a request through Wrap and returns the answer and the log.
func call(t *testing.T, h http.Handler, r *http.Request) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	w := httptest.NewRecorder()
	httpx.Wrap(h, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))).ServeHTTP(w, r)
	return w, log.String()
}

func get(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func fails(err error) http.Handler {
	return httpx.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return err })
}

func TestProblem(t *testing.T) {
	t.Parallel()
	finding := mesh.Finding{Position: mesh.Position{File: "policy.yaml", Line: 3, Column: 7}, Level: mesh.LevelError, Rule: "unknown-key", Message: "unknown key"}
	err := fmt.Errorf("publishing: %w", mesh.Errorf(mesh.CodePolicyInvalid, "the policy does not compile").
		WithHint("fix it").WithFindings([]mesh.Finding{finding}))
	r := get("/x")
	r.Header.Set(httpx.RequestIDHeader, "req_1")
	w, log := call(t, fails(err), r)
	var got httpx.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := httpx.Problem{
		Type: httpx.ProblemTypePrefix + "policy_invalid", Title: "Policy invalid", Status: 422, Code: mesh.CodePolicyInvalid,
		Detail: "publishing: the policy does not compile", Hint: "fix it", RequestID: "req_1", Errors: []httpx.ProblemDetail{{Location: "policy.yaml:3:7", Message: "unknown key"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w.Code != 422 || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get(httpx.RequestIDHeader) != "req_1" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if !strings.Contains(log, "level=INFO") || !strings.Contains(log, "does not compile") {
		t.Errorf("log: %s", log)
	}
}

func TestInternalErrorsAreLoggedNotShown(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.Handler{
		"unknown error": fails(errors.New("the password is hunter2")),
		"own code":      fails(mesh.Errorf(mesh.CodeInternal, "the password is hunter2").WithHint("hunter2")),
		"panic":         http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the password is hunter2") }),
	} {
		w, log := call(t, h, get("/x?token=hunter3"))
		id := w.Header().Get(httpx.RequestIDHeader)
		if w.Code != 500 || strings.Contains(w.Body.String(), "hunter") || !strings.Contains(w.Body.String(), id) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if id == "" || !strings.Contains(log, id) || !strings.Contains(log, "hunter2") || !strings.Contains(log, "level=ERROR") {
			t.Errorf("%s: log: %s", name, log)
		}
		if strings.Contains(log, "hunter3") {
			t.Errorf("%s: the query is in the log", name)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for code, want := range map[mesh.Code]string{mesh.CodeRateLimited: "1", mesh.CodeUnavailable: "1", mesh.CodeNotFound: ""} {
		w, _ := call(t, fails(mesh.Errorf(code, "not now")), get("/"))
		if got := w.Header().Get("Retry-After"); got != want || w.Code != code.HTTPStatus() {
			t.Errorf("%s: status %d, Retry-After %q", code, w.Code, got)
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, httpx.RequestID(r.Context())) })
	for sent, kept := range map[string]bool{"abc-1:2.3_4": true, "": false, "with space": false, "new\nline": false, strings.Repeat("x", 65): false} {
		r := get("/")
		r.Header.Set(httpx.RequestIDHeader, sent)
		w, _ := call(t, h, r)
		if got := w.Body.String(); (got == sent) != kept || got == "" || got != w.Header().Get(httpx.RequestIDHeader) {
			t.Errorf("sent %q, handler saw %q, answer had %q", sent, got, w.Header().Get(httpx.RequestIDHeader))
		}
	}
}

func TestPanicInTheMiddleBreaksTheConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(httpx.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		w.(http.Flusher).Flush()
		panic("boom")
	}), slog.New(slog.DiscardHandler)))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client takes %q for the whole answer", body)
	}
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	read := func(body io.Reader, limit int64) (string, error) {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		data, err := httpx.ReadBody(httptest.NewRecorder(), r, limit)
		return string(data), err
	}
	if got, err := read(strings.NewReader("12345"), 5); got != "12345" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for name, body := range map[string]io.Reader{"length known": strings.NewReader("123456"), "length unknown": io.MultiReader(strings.NewReader("123456"))} {
		if _, err := read(body, 5); mesh.CodeOf(err) != mesh.CodeTooLarge || !strings.Contains(err.Error(), "5 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := read(io.MultiReader(strings.NewReader("1"), brokenReader{}), 5); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("broken off: %v", err)
	}
}

func TestReadBodyRefusesEncodings(t *testing.T) {
	t.Parallel()
	for encoding, want := range map[string]mesh.Code{"": "", "identity": "", "gzip": mesh.CodeInvalid, "identity, br": mesh.CodeInvalid} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("12345"))
		r.Header.Set("Content-Encoding", encoding)
		if got, err := httpx.ReadBody(httptest.NewRecorder(), r, 5); mesh.CodeOf(err) != want || want == "" && string(got) != "12345" {
			t.Errorf("%q: %q, %v", encoding, got, err)
		}
	}
}

// The buffer is used as far as it goes, and what it held before never becomes
// part of a body.
func TestReadBodyInto(t *testing.T) {
	t.Parallel()
	const limit = 4 << 20
	long := strings.Repeat("x", 2<<20)
	for _, tt := range []struct {
		name     string
		body     string
		announce int64 // -1: nothing
		buffer   int
		reused   bool
		want     mesh.Code
	}{
		{"it fits", "12345", 5, 8, true, ""},
		{"it just fits", "12345", 5, 5, true, ""},
		{"nothing", "", 0, 8, true, ""},
		{"no buffer", "12345", 5, 0, false, ""},
		{"a buffer too small", "12345", 5, 4, false, ""},
		{"no length", "12345", -1, 8, false, ""},
		{"no length and too long", strings.Repeat("x", limit+1), -1, 8, false, mesh.CodeTooLarge},
		{"too long", "", limit + 1, 8, false, mesh.CodeTooLarge},
		{"larger than is believed", long, int64(len(long)), 8, false, ""},
		{"as large as the buffer, and not to be believed otherwise", long, int64(len(long)), len(long), true, ""},
		{"less than announced", "123", 5, 8, false, mesh.CodeInvalid},
		{"nothing of what was announced", "", 5, 8, false, mesh.CodeInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			buffer := bytes.Repeat([]byte("?"), tt.buffer)
			r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(tt.body)))
			r.ContentLength = tt.announce
			got, err := httpx.ReadBodyInto(httptest.NewRecorder(), r, limit, buffer[:0])
			if tt.want != "" {
				if mesh.CodeOf(err) != tt.want {
					t.Errorf("got %d bytes, %v, want %s", len(got), err, tt.want)
				}
				return
			}
			if err != nil || string(got) != tt.body {
				t.Fatalf("got %d bytes, %v", len(got), err)
			}
			if reused := cap(got) > 0 && cap(buffer) > 0 && &got[:1][0] == &buffer[0]; reused != tt.reused {
				t.Errorf("the buffer is used: %v, want %v", reused, tt.reused)
			}
		})
	}
}

// Without a deadline of its own a body that never comes would hold its
// connection for good.
func TestReadBodyDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	deadline := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("1"), lateReader{}))
	_, err := httpx.ReadBody(deadline, r, 1<<20)
	if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), "did not arrive within") {
		t.Errorf("got %v", err)
	}
	if left := time.Until(deadline.set[0]); left <= 0 || left > time.Minute {
		t.Errorf("the deadline is in %s", left)
	}
	if len(deadline.set) != 1 {
		t.Errorf("the deadline is gone before the server has dropped the rest: %s", deadline.set)
	}

	deadline = &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
	if _, err := httpx.ReadBody(deadline, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("1")), 1<<20); err != nil {
		t.Fatal(err)
	}
	if last := deadline.set[len(deadline.set)-1]; !last.IsZero() {
		t.Errorf("a deadline stays behind: %s", last)
	}
}

type deadlineWriter struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (w *deadlineWriter) SetReadDeadline(at time.Time) error {
	w.set = append(w.set, at)
	return nil
}

type lateReader struct{}

func (lateReader) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type document struct {
	Name  string `json:"name"`
	Inner struct {
		Count int `json:"count"`
	} `json:"inner"`
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	read := func(body string) (document, error) {
		var d document
		err := httpx.DecodeJSON([]byte(body), &d)
		return d, err
	}
	if d, err := read(`{"name":"x","inner":{"count":3}}`); err != nil || d.Name != "x" || d.Inner.Count != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	for name, tt := range map[string]struct{ body, want string }{
		"unknown field":  {`{"named":"x"}`, "/named"},
		"other case":     {`{"Name":"x"}`, "/Name"},
		"repeated field": {`{"name":"x","name":"y"}`, "name"},
		"wrong type":     {`{"inner":{"count":"three"}}`, "/inner/count"},
		"two values":     {`{} {}`, "JSON"},
		"nothing":        {``, "JSON"},
		"too deep":       {strings.Repeat("[", 100), "deeper"},
	} {
		_, err := read(tt.body)
		if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A page of another site can post a Blob without a type, which sends no
// Content-Type and asks nobody.
func TestRequireJSONOfABrowser(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, contentType, header, value string
		refused                          bool
	}{
		{"a program that says nothing", "", "", "", false},
		{"a page that says nothing", "", "Origin", "https://evil.example", true},
		{"a page in a sandbox", "", "Origin", "null", true},
		{"a page without an origin", "", "Sec-Fetch-Site", "cross-site", true},
		{"a page that was allowed to send JSON", "application/json", "Origin", "https://hub.example", false},
		{"a form of a page", "text/plain", "Origin", "https://evil.example", true},
		{"curl, which calls it a form", "application/x-www-form-urlencoded", "", "", false},
		{"JSON by another name", "application/scim+json", "", "", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
		if tt.contentType != "" {
			r.Header.Set("Content-Type", tt.contentType)
		}
		if tt.header != "" {
			r.Header.Set(tt.header, tt.value)
		}
		if err := httpx.RequireJSON(r); (mesh.CodeOf(err) == mesh.CodeInvalid) != tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"name":"x","inner":{"count":3}}`))
	f.Add([]byte(`{"name":1}`))
	f.Add([]byte(`{"a":"\"[{"}`))
	f.Add([]byte(strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d document
		if err := httpx.DecodeJSON(data, &d); err != nil {
			if mesh.CodeOf(err) != mesh.CodeInvalid {
				t.Errorf("code %s: %v", mesh.CodeOf(err), err)
			}
		} else if !json.Valid(data) {
			t.Errorf("took %q", data)
		}
	})
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	h := httpx.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return httpx.WriteJSON(w, r, http.StatusCreated, map[string]int{"n": 1})
	})
	w, log := call(t, h, get("/"))
	if w.Code != 201 || w.Body.String() != "{\"n\":1}\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	if !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "status=201") || !strings.Contains(log, "bytes=8") {
		t.Errorf("log: %s", log)
	}
	unwritable := httpx.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return httpx.WriteJSON(w, r, http.StatusOK, func() {})
	})
	if w, _ := call(t, unwritable, get("/")); w.Code != 500 {
		t.Errorf("what cannot be written: %d", w.Code)
	}
	if w, _ := call(t, h, httptest.NewRequest(http.MethodHead, "/", nil)); w.Body.Len() != 0 || w.Header().Get("Content-Length") != "8" {
		t.Errorf("HEAD: %q %v", w.Body, w.Header())
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	w, _ := call(t, http.HandlerFunc(httpx.NotFound), get("/nowhere"))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "/nowhere") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// An operator watches the log for errors. Being asked whether one is ready and
// saying no is none.
func TestWrapLogsFailuresByWhoMustAct(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path  string
		err   error
		level string
	}{
		"our fault":     {path: "/v1/decisions", err: errors.New("nil map"), level: "ERROR"},
		"unavailable":   {path: "/v1/decisions", err: mesh.Errorf(mesh.CodeUnavailable, "the disk is full"), level: "WARN"},
		"not ready":     {path: httpx.ReadyPath, err: mesh.Errorf(mesh.CodeUnavailable, "no set in force"), level: "DEBUG"},
		"caller's side": {path: "/v1/decisions", err: mesh.Errorf(mesh.CodeInvalid, "not JSON"), level: "INFO"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, log := call(t, fails(tc.err), get(tc.path)); !strings.Contains(log, "level="+tc.level) {
				t.Errorf("logged\n%swant level %s", log, tc.level)
			}
		})
	}
}
