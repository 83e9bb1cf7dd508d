package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/api"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/catalog/ingest"
	"github.com/ai-agent-mesh/mesh/catalog/posture"
	catalogsqlite "github.com/ai-agent-mesh/mesh/catalog/sqlite"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
	"github.com/ai-agent-mesh/mesh/migrations"
)

// server is the API over an empty store, with an administrator's token.
type server struct {
	*httptest.Server
	store *catalogsqlite.Store
	token string
}

func newServer(t *testing.T) *server {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), sqlite.Options{Migrations: migrations.SQLite()})
	if err != nil {
		t.Fatal(err)
	}
	store, notify := catalogsqlite.New(db), &catalog.Notifier{}
	f, err := frameworks.Load()
	if err != nil {
		t.Fatal(err)
	}
	token := auth.NewToken(auth.KindAdmin)
	err = store.PutToken(t.Context(), auth.StoredToken{Hash: token.Hash(), Principal: auth.Principal{Kind: auth.KindAdmin, Tenant: mesh.DefaultTenant}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := api.New(api.Services{
		Auth: auth.NewAuthenticator(store, mesh.DefaultTenant), Bundles: catalog.NewBundles(store),
		Search: catalog.NewSearch(store, f, notify), Frameworks: f, Namespaces: catalog.NewNamespaces(store, notify),
		Fleet: catalog.NewFleet(store, catalog.NewResolver(store, nil), notify), Evidence: catalog.NewEvidence(store, notify),
		Ingest: ingest.New(store, store, notify, nil), Posture: posture.New(store, f), Responses: store,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{httptest.NewServer(httpx.Wrap(a, slog.New(slog.DiscardHandler))), store, token.Reveal()}
	t.Cleanup(func() {
		s.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// answer is what a request was answered with.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem hubapi.Problem // of an error
}

// do sends a request as the administrator; header holds names and values.
func (s *server) do(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(data)}
	if a.status >= 400 {
		if ct := resp.Header.Get("Content-Type"); ct != hubapi.ProblemMediaType {
			t.Errorf("%s %s: an error of type %q: %s", method, path, ct, data)
		}
		if err := json.Unmarshal(data, &a.problem); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, data)
		}
		if a.problem.Status != a.status || a.problem.RequestID == "" {
			t.Errorf("%s %s: problem is %s", method, path, data)
		}
	}
	return a
}

func enrolment(name string) string {
	return fmt.Sprintf(`{"name":%q,"publicKey":%q}`, name, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
}

func TestProblems(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		want                     mesh.Code
		says                     string
	}{
		{name: "no route", method: "GET", path: "/nothing", want: mesh.CodeNotFound},
		{name: "unknown parameter", method: "GET", path: "/bundles?color=green", want: mesh.CodeInvalid, says: "query.color"},
		{name: "limit of 0", method: "GET", path: "/bundles?limit=0", want: mesh.CodeInvalid, says: "query.limit"},
		{name: "limit of 1001", method: "GET", path: "/frameworks?limit=1001", want: mesh.CodeInvalid, says: "query.limit"},
		{name: "limit that is no number", method: "GET", path: "/bundles?limit=many", want: mesh.CodeInvalid, says: "query.limit"},
		{name: "a cursor of another list", method: "GET", path: "/bundles?cursor=eDp5", want: mesh.CodeInvalid, says: "cursor"},
		{name: "a status there is not", method: "GET", path: "/bundles?status=good", want: mesh.CodeInvalid, says: "good"},
		{name: "a name in upper case", method: "GET", path: "/bundles/Acme/x", want: mesh.CodeInvalid, says: "Acme"},
		{name: "no bundle", method: "GET", path: "/bundles/acme/x", want: mesh.CodeNotFound, says: "acme/x"},
		{name: "no framework", method: "GET", path: "/frameworks/gpdr", want: mesh.CodeNotFound},
		{name: "posture of nothing", method: "GET", path: "/posture", want: mesh.CodeInvalid, says: "query.framework"},
		{name: "no runtime", method: "GET", path: "/runtimes/edge", want: mesh.CodeNotFound},
		{name: "an outcome there is not", method: "GET", path: "/decisions?outcome=maybe", want: mesh.CodeInvalid, says: "maybe"},
		{name: "no body", method: "POST", path: "/runtimes", want: mesh.CodeInvalid},
		{name: "not JSON", method: "POST", path: "/runtimes", body: "{", want: mesh.CodeInvalid},
		{name: "an unknown field", method: "POST", path: "/runtimes", body: `{"name":"a","publicKey":"","color":1}`, want: mesh.CodeInvalid, says: "color"},
		{name: "a field of the wrong type", method: "POST", path: "/runtimes", body: `{"name":7}`, want: mesh.CodeInvalid, says: "name"},
		{name: "no key", method: "POST", path: "/runtimes", body: `{"name":"a","publicKey":"AAAA"}`, want: mesh.CodeInvalid, says: "Ed25519"},
		{name: "a private key", method: "POST", path: "/namespaces/acme/keys", body: `{"publicKey":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`, want: mesh.CodeInvalid, says: "private"},
		{name: "a body that is too large", method: "POST", path: "/runtimes", body: `{"name":"` + strings.Repeat("x", 2<<20) + `"}`, want: mesh.CodeTooLarge},
		{name: "a batch that is too large", method: "POST", path: "/telemetry/batches", body: strings.Repeat(" ", hubapi.MaxBatchBytes+2), want: mesh.CodeTooLarge},
		{name: "no token", method: "GET", path: "/runtimes", header: []string{"Authorization", ""}, want: mesh.CodeUnauthenticated},
		{name: "a wrong token", method: "GET", path: "", header: []string{"Authorization", "Bearer x"}, want: mesh.CodeUnauthenticated},
		{name: "a subscription that does not parse", method: "POST", path: "/runtimes/edge/subscriptions", body: `{"subscription":"HIPAA@^3"}`, want: mesh.CodeInvalid, says: "HIPAA"},
	} {
		a := s.do(t, test.method, test.path, test.body, test.header...)
		if a.problem.Code != test.want || a.status != test.want.HTTPStatus() || !strings.Contains(a.body, test.says) {
			t.Errorf("%s: %d %s, want %s", test.name, a.status, a.body, test.want)
		}
		if test.want == mesh.CodeUnauthenticated && a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", test.name)
		}
	}
}

func TestPagesAreComplete(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	seen, cursor := 0, ""
	var total int
	for {
		var page hubapi.Page[hubapi.Control]
		a := s.do(t, "GET", "/frameworks/gdpr/controls?limit=40&cursor="+cursor, "")
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatal(err)
		}
		seen += len(page.Items)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	var f hubapi.Framework
	if err := json.Unmarshal([]byte(s.do(t, "GET", "/frameworks/GDPR", "").body), &f); err != nil {
		t.Fatal(err)
	}
	if total = f.Controls; seen != total || total < 90 {
		t.Errorf("pages hold %d controls of %d", seen, total)
	}
	for _, path := range []string{"/bundles", "/namespaces", "/runtimes", "/decisions"} {
		if a := s.do(t, "GET", path, ""); !strings.Contains(a.body, `"items":[]`) {
			t.Errorf("%s of nothing is %s", path, a.body)
		}
	}
}

func TestETags(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := s.do(t, "GET", "/frameworks/gdpr", "")
	tag := first.header.Get("ETag")
	if first.status != http.StatusOK || tag == "" {
		t.Fatalf("%d, ETag %q", first.status, tag)
	}
	for _, header := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		if again := s.do(t, "GET", "/frameworks/gdpr", "", "If-None-Match", header); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("If-None-Match %s: %d %s", header, again.status, again.body)
		}
	}
	if again := s.do(t, "GET", "/frameworks/gdpr", "", "If-None-Match", `"x"`); again.status != http.StatusOK {
		t.Errorf("another ETag: %d", again.status)
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const key = "Idempotency-Key"
	first := s.do(t, "POST", "/runtimes", enrolment("edge"), key, "one")
	again := s.do(t, "POST", "/runtimes", enrolment("edge"), key, "one")
	if first.status != http.StatusCreated || again.status != first.status || again.body != first.body || again.header.Get("Idempotent-Replayed") == "" {
		t.Errorf("%d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	if other := s.do(t, "POST", "/runtimes", enrolment("another"), key, "one"); other.problem.Code != mesh.CodeConflict {
		t.Errorf("another body with the same key: %d %s", other.status, other.body)
	}
	if fresh := s.do(t, "POST", "/runtimes", enrolment("edge"), key, "two"); fresh.body == first.body {
		t.Error("another key got the same answer")
	}
	// What failed may be tried again.
	if bad := s.do(t, "POST", "/runtimes", `{"name":""}`, key, "three"); bad.problem.Code != mesh.CodeInvalid {
		t.Errorf("%d %s", bad.status, bad.body)
	}
	if good := s.do(t, "POST", "/runtimes", enrolment("third"), key, "three"); good.status != http.StatusCreated {
		t.Errorf("%d %s", good.status, good.body)
	}
	if long := s.do(t, "POST", "/runtimes", enrolment("edge"), key, strings.Repeat("k", 256)); long.problem.Code != mesh.CodeInvalid {
		t.Errorf("%d %s", long.status, long.body)
	}
	// The answer held a token. It must not lie readable in the database.
	var enrolled hubapi.EnrolResponse
	if err := json.Unmarshal([]byte(first.body), &enrolled); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	answers := make([]answer, 4)
	for i := range answers {
		wg.Go(func() { answers[i] = s.do(t, "POST", "/runtimes", enrolment("race"), key, "race") })
	}
	wg.Wait()
	bodies := map[string]bool{}
	for _, a := range answers {
		if a.status == http.StatusCreated {
			bodies[a.body] = true
		} else if a.problem.Code != mesh.CodeConflict {
			t.Errorf("at the same time: %d %s", a.status, a.body)
		}
	}
	if len(bodies) != 1 {
		t.Errorf("%d different answers to one request", len(bodies))
	}
}

// gone is a client that goes away as soon as its request was carried out.
type gone struct {
	http.ResponseWriter
	leave func()
}

func (g gone) WriteHeader(int)             { g.leave() }
func (g gone) Write(p []byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAnAnswerThatDidNotArriveIsKept(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, leave := context.WithCancel(t.Context())
	req := httptest.NewRequestWithContext(ctx, "POST", "/api/v1/runtimes", strings.NewReader(enrolment("edge")))
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Idempotency-Key", "one")
	s.Config.Handler.ServeHTTP(gone{httptest.NewRecorder(), leave}, req)
	again := s.do(t, "POST", "/runtimes", enrolment("edge"), "Idempotency-Key", "one")
	if again.status != http.StatusCreated || again.header.Get("Idempotent-Replayed") == "" {
		t.Errorf("%d %s: the request was carried out twice", again.status, again.body)
	}
}

// TestAKeyDoesNotBoundTheBody: batches have a bound of their own.
func TestAKeyDoesNotBoundTheBody(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	batch := `{"runtimeId":"rt_x","journalId":"` + strings.Repeat("j", 2<<20) + `"}`
	if a := s.do(t, "POST", "/telemetry/batches", batch, "Idempotency-Key", "one"); a.problem.Code != mesh.CodeInvalid {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestPrivateNamespacesAreHidden asks anonymously: what is private looks like
// what does not exist.
func TestPrivateNamespacesAreHidden(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if a := s.do(t, "POST", "/namespaces", `{"name":"secret","visibility":"private"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, path := range []string{"/namespaces/%s/keys", "/bundles/%s/x", "/bundles/%s/x?version=1.0.0", "/bundles/%s/x/versions"} {
		var answers []string
		for _, ns := range []string{"secret", "absent"} {
			resp, err := http.Get(s.URL + "/api/v1" + fmt.Sprintf(path, ns))
			if err != nil {
				t.Fatal(err)
			}
			var p hubapi.Problem
			err = json.NewDecoder(resp.Body).Decode(&p)
			_ = resp.Body.Close()
			if err != nil || p.Code != mesh.CodeNotFound {
				t.Errorf("%s of %s: %+v, %v", path, ns, p, err)
			}
			answers = append(answers, strings.ReplaceAll(p.Detail+"; "+p.Hint, ns, "…"))
		}
		if answers[0] != answers[1] {
			t.Errorf("%s: %q where it is private, %q where there is nothing", path, answers[0], answers[1])
		}
	}
	if a := s.do(t, "GET", "/namespaces/secret/keys", ""); a.status != http.StatusOK {
		t.Errorf("the administrator: %d %s", a.status, a.body)
	}
}

func TestKeptAnswersAreSealed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.do(t, "POST", "/runtimes", enrolment("edge"), "Idempotency-Key", "one")
	var enrolled hubapi.EnrolResponse
	if err := json.Unmarshal([]byte(a.body), &enrolled); err != nil {
		t.Fatal(err)
	}
	stored, err := s.store.Response(t.Context(), mesh.DefaultTenant, "admin", sha256Of("one"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(stored.Body, []byte(enrolled.Token)) || bytes.Contains(stored.Body, []byte("token")) {
		t.Error("the answer is stored in clear")
	}
}

func TestRuntimesSeeOnlyThemselves(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var enrolled hubapi.EnrolResponse
	if err := json.Unmarshal([]byte(s.do(t, "POST", "/runtimes", enrolment("edge")).body), &enrolled); err != nil {
		t.Fatal(err)
	}
	s.do(t, "POST", "/runtimes", enrolment("other"))
	as := []string{"Authorization", "Bearer " + enrolled.Token}
	own := "/runtimes/" + string(enrolled.ID)
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", own, "", http.StatusOK},
		{"GET", own + "/subscriptions", "", http.StatusOK},
		{"PUT", own + "/report", `{"version":"1","subscriptions":["mesh/gdpr"],"inForce":[],"refusals":[],"lastSeq":0}`, http.StatusNoContent},
		{"GET", "/runtimes/other", "", http.StatusForbidden},
		{"GET", "/runtimes", "", http.StatusForbidden},
		{"GET", "/decisions", "", http.StatusForbidden},
		{"GET", "/posture?framework=gdpr", "", http.StatusForbidden},
		{"POST", own + "/subscriptions", `{"subscription":"mesh/gdpr"}`, http.StatusForbidden},
		{"POST", "/namespaces", `{"name":"acme"}`, http.StatusForbidden},
		{"GET", "/bundles", "", http.StatusOK},
	} {
		if a := s.do(t, test.method, test.path, test.body, as...); a.status != test.status {
			t.Errorf("%s %s: %d %s, want %d", test.method, test.path, a.status, a.body, test.status)
		}
	}
	// Nobody speaks for a runtime.
	if a := s.do(t, "PUT", own+"/report", `{"version":"1","subscriptions":[],"inForce":[],"refusals":[],"lastSeq":0}`); a.problem.Code != mesh.CodeForbidden {
		t.Errorf("the administrator's report: %d %s", a.status, a.body)
	}
}

func TestSubscribingToNothingIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do(t, "POST", "/runtimes", enrolment("edge"))
	a := s.do(t, "POST", "/runtimes/edge/subscriptions", `{"subscription":"hippa@^3"}`)
	if a.problem.Code != mesh.CodeNotFound || !strings.Contains(a.body, "mesh/hippa") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func sha256Of(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }
