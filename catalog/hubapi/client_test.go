package hubapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

// hub answers every request with a status and body and remembers the last.
type hub struct {
	*httptest.Server
	last *http.Request
}

func newHub(t *testing.T, status int, body string) (*hub, *hubapi.Client) {
	t.Helper()
	h := &hub{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.last = r.Clone(context.Background())
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client under test sees what is missing
	}))
	t.Cleanup(h.Close)
	c, err := hubapi.NewClient(h.URL+"/", "secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	return h, c
}

func TestRequests(t *testing.T) {
	t.Parallel()
	h, c := newHub(t, http.StatusOK, `{}`)
	ctx := t.Context()
	ref := mesh.BundleRef{Namespace: "acme", Name: "tickets"}
	for want, call := range map[string]func() error{
		"GET /api/v1": func() error { _, err := c.Info(ctx); return err },
		"GET /api/v1/bundles?control=gdpr%3AArt.17&limit=5&q=a+b&status=any": func() error {
			_, err := c.Search(ctx, hubapi.SearchQuery{Text: "a b", Control: "gdpr:Art.17", Status: "any", Limit: 5})
			return err
		},
		"GET /api/v1/bundles/acme/tickets?version=1.0.0":     func() error { _, err := c.Bundle(ctx, ref, "1.0.0"); return err },
		"GET /api/v1/frameworks/SOC%202/controls?limit=1000": func() error { _, err := c.Controls(ctx, "SOC 2", ""); return err },
		"POST /api/v1/namespaces/acme/keys":                  func() error { _, err := c.AddKey(ctx, "acme", "PEM"); return err },
		"DELETE /api/v1/namespaces/acme/keys/ff":             func() error { _, err := c.RevokeKey(ctx, "acme", "ff"); return err },
		"PUT /api/v1/runtimes/rt_1/report":                   func() error { return c.Report(ctx, "rt_1", hubapi.RuntimeReport{}) },
		"GET /api/v1/runtimes/a%2Fb":                         func() error { _, err := c.Runtime(ctx, "a/b"); return err },
		"GET /api/v1/decisions?after=now&agentId=x&wait=2": func() error {
			_, err := c.Decisions(ctx, hubapi.DecisionQuery{AgentID: "x", After: "now", Wait: 2 * time.Second})
			return err
		},
		"GET /api/v1/runtimes/rt_1/subscriptions?wait=30": func() error { _, _, err := c.Subscriptions(ctx, "rt_1", "rev", 30*time.Second); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got := h.last.Method + " " + h.last.URL.RequestURI(); got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
		if got := h.last.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("%s: Authorization %q", want, got)
		}
	}
}

func TestSubscriptionsNotModified(t *testing.T) {
	t.Parallel()
	h, c := newHub(t, http.StatusNotModified, "")
	_, changed, err := c.Subscriptions(t.Context(), "rt_1", "rev", 0)
	if err != nil || changed || h.last.Header.Get("If-None-Match") != `"rev"` {
		t.Errorf("%v, %v, If-None-Match %s", changed, err, h.last.Header.Get("If-None-Match"))
	}
}

func TestErrorsSurviveTheTrip(t *testing.T) {
	t.Parallel()
	problem := `{"type":"x","title":"Conflict","status":409,"detail":"it moved","code":"conflict","hint":"do this","requestId":"req_1","errors":[{"location":"policy.yaml:3:1","message":"here","hint":"that"}]}`
	_, c := newHub(t, http.StatusConflict, problem)
	_, err := c.Info(t.Context())
	var e *mesh.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v", err)
	}
	want := &mesh.Error{Code: mesh.CodeConflict, Message: "it moved", Hint: "do this", Findings: []mesh.Finding{
		{Position: mesh.Position{File: "policy.yaml", Line: 3, Column: 1}, Level: mesh.LevelError, Rule: "conflict", Message: "here", Hint: "that"},
	}}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestPlacesOfFindings(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]mesh.Position{
		"1:21":                  {Line: 1, Column: 21},
		`C:\p.yaml:3:1`:         {File: `C:\p.yaml`, Line: 3, Column: 1},
		"body.action.type":      {File: "body.action.type"},
		"p.yaml:3":              {File: "p.yaml:3"},
		"":                      {},
		"p:1:99999999999999999": {File: "p:1:99999999999999999"},
	} {
		_, c := newHub(t, http.StatusBadRequest, fmt.Sprintf(`{"code":"invalid","detail":"x","errors":[{"location":%q,"message":"y"}]}`, location))
		_, err := c.Info(t.Context())
		var e *mesh.Error
		if !errors.As(err, &e) || len(e.Findings) != 1 || e.Findings[0].Position != want {
			t.Errorf("%q is read as %+v, want %+v", location, err, want)
		}
	}
}

func TestACertificateNobodyTrusts(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the server notes that its client went away
	server.StartTLS()
	t.Cleanup(server.Close)
	c, err := hubapi.NewClient(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(t.Context()); mesh.CodeOf(err) != mesh.CodeUnavailable || !strings.Contains(mesh.HintOf(err), "SSL_CERT_FILE") {
		t.Errorf("%v; hint %q", err, mesh.HintOf(err))
	}
}

func TestErrorsThatAreNoProblems(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		want   mesh.Code
	}{
		{http.StatusBadGateway, "<html>", mesh.CodeUnavailable},
		{http.StatusTeapot, "", mesh.CodeInvalid},
		{http.StatusNotFound, "null", mesh.CodeNotFound},
		{http.StatusOK, "<html>", mesh.CodeUnavailable},
		{http.StatusInternalServerError, `{"code":"internal","detail":"internal error","requestId":"req_7"}`, mesh.CodeInternal},
	} {
		_, c := newHub(t, test.status, test.body)
		if _, err := c.Info(t.Context()); mesh.CodeOf(err) != test.want {
			t.Errorf("%d %s: %v", test.status, test.body, err)
		}
	}
	h, c := newHub(t, http.StatusOK, "{}")
	h.Close()
	if _, err := c.Info(t.Context()); mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" {
		t.Errorf("a hub that is gone: %v", err)
	}
	for _, base := range []string{"", "hub", "ftp://hub", "http://", ":"} {
		if _, err := hubapi.NewClient(base, "", nil); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestSequenceError(t *testing.T) {
	t.Parallel()
	err := hubapi.SequenceError(41, 50)
	if acked, ok := hubapi.AckedThrough(fmt.Errorf("sending: %w", err)); !ok || acked != 41 {
		t.Errorf("%d, %v", acked, ok)
	}
	// As internal/httpx writes it and the client reads it.
	var e *mesh.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	p := hubapi.Problem{Code: e.Code, Detail: e.Message}
	for _, f := range e.Findings {
		p.Errors = append(p.Errors, hubapi.ProblemDetail{Location: f.Position.String(), Message: f.Message})
	}
	body, merr := json.Marshal(p)
	if merr != nil {
		t.Fatal(merr)
	}
	_, c := newHub(t, http.StatusConflict, string(body))
	_, err = c.SendBatch(t.Context(), hubapi.Batch{})
	if acked, ok := hubapi.AckedThrough(err); !ok || acked != 41 {
		t.Errorf("after the trip: %d, %v (%v)", acked, ok, err)
	}
	if _, ok := hubapi.AckedThrough(mesh.Errorf(mesh.CodeConflict, "x")); ok {
		t.Error("another error is taken for a gap")
	}
}
