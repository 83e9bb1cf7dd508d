package pdp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/pdp"
	"github.com/ai-agent-mesh/mesh/runtime/subscribe"
)

const policySource = `version: "3.0.0"
name: "Reading"
framework: "acme"
rules:
  custom:
    - id: purpose
      controls: ["acme:1"]
      when: 'action.type == "data.read"'
      require: 'has(data.purpose) && data.purpose == "support"'
      severity: high
      message: "Data is read for support only"
      obligations: [{type: mask, properties: {fields: [email]}}]
enforcement:
  mode: enforce
`

// spy decides with a real decision point and keeps the actions it was asked.
type spy struct {
	point   *enforce.Point
	journal *journal.Journal

	mu      sync.Mutex
	actions []*mesh.Action
	calls   int
}

func (s *spy) Decide(ctx context.Context, actions []*mesh.Action, caller enforce.Caller) ([]mesh.Decision, error) {
	s.note(actions)
	return s.point.Decide(ctx, actions, caller)
}

func (s *spy) DecideUntil(ctx context.Context, actions []*mesh.Action, last bool, caller enforce.Caller) ([]mesh.Decision, error) {
	s.note(actions)
	return s.point.DecideUntil(ctx, actions, last, caller)
}

func (s *spy) note(actions []*mesh.Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actions = append(s.actions, actions...)
	s.calls++
}

// server serves the API over a decision point with the test policy.
func server(t testing.TB, status func() pdp.Status) (*httptest.Server, *spy) {
	t.Helper()
	doc, findings := policy.Parse("policy.yaml", []byte(policySource))
	if doc == nil {
		t.Fatal(findings)
	}
	program, err := engine.Compile([]engine.Policy{{ID: "acme/reading", Document: doc, Controls: engine.RuleIndex(doc, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	point, err := enforce.New(j, enforce.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := point.Swap(enforce.Set{Program: program}); err != nil {
		t.Fatal(err)
	}
	if status == nil {
		status = func() pdp.Status { return pdp.Status{} }
	}
	s := &spy{point: point, journal: j}
	srv := httptest.NewServer(pdp.New(pdp.Options{Decider: s, Status: status, Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(srv.Close)
	return srv, s
}

func post(t testing.TB, srv *httptest.Server, path, body string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-ID", "request-7")
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, data
}

func into[T any](t testing.TB, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return v
}

func TestOneActionOneDecision(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, nil)
	status, header, body := post(t, srv, "/v1/decisions", `{"action":{"type":"data.read"},"data":{"purpose":"marketing"}}`)
	d := into[mesh.Decision](t, body)
	if status != http.StatusOK || d.Allowed || len(d.Violations) != 1 || d.Violations[0].RuleID != "purpose" ||
		!cmp.Equal(d.Violations[0].Controls, []mesh.ControlID{"acme:1"}) {
		t.Errorf("%d %s", status, body)
	}
	if got := header.Get("X-Request-ID"); got != "request-7" {
		t.Errorf("X-Request-ID = %q", got)
	}
	status, _, body = post(t, srv, "/v1/decisions", `{"action":{"type":"data.read"},"data":{"purpose":"support"}}`)
	if d := into[mesh.Decision](t, body); status != http.StatusOK || !d.Allowed || len(d.Obligations) != 1 {
		t.Errorf("%d %s", status, body)
	}
}

func TestABatchIsAnsweredInOrder(t *testing.T) {
	t.Parallel()
	srv, s := server(t, nil)
	status, _, body := post(t, srv, "/v1/decisions",
		`{"actions":[{"action":{"type":"egress"}},{"action":{"type":"data.read"}},{"action":{"type":"data.read"},"data":{"purpose":"support"}}]}`)
	type batch struct{ Decisions []mesh.Decision }
	b := into[batch](t, body)
	if status != http.StatusOK || len(b.Decisions) != 3 || !b.Decisions[0].Allowed || b.Decisions[1].Allowed || !b.Decisions[2].Allowed || s.calls != 1 {
		t.Errorf("%d %s (%d calls)", status, body, s.calls)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	srv, s := server(t, nil)
	for _, tt := range []struct {
		name, path, body string
		status           int
		says             string
	}{
		{"not JSON", "/v1/decisions", `{"action":`, 400, ""},
		{"a misspelt field", "/v1/decisions", `{"action":{"type":"data.read"},"data":{"purpos":"support"}}`, 400, "purpos"},
		{"a wrong type", "/v1/decisions", `{"action":{"type":7}}`, 400, "action.type"},
		{"no action", "/v1/decisions", `{}`, 400, "action"},
		{"10 MB", "/v1/decisions", `{"action":{"type":"x"},"context":{"a":"` + strings.Repeat("x", 10<<20) + `"}}`, 413, ""},
		{"an action over a megabyte", "/v1/decisions", `{"action":{"type":"x"},"context":{"a":"` + strings.Repeat("x", 2<<20) + `"}}`, 413, ""},
		{"too many actions", "/v1/decisions", `{"actions":[` + strings.Repeat(`{"action":{"type":"x"}},`, pdp.MaxBatch) + `{"action":{"type":"x"}}]}`, 413, ""},
		{"AuthZEN: not JSON", "/access/v1/evaluation", `subject`, 400, "JSON"},
		{"AuthZEN: no subject", "/access/v1/evaluation", `{"action":{"name":"x"},"resource":{"type":"a","id":"b"}}`, 400, "subject"},
		{"AuthZEN: no id", "/access/v1/evaluation", `{"subject":{"type":"user"},"action":{"name":"x"},"resource":{"type":"a","id":"b"}}`, 400, "subject.id"},
		{"AuthZEN: a wrong type", "/access/v1/evaluation", `{"subject":{"type":"user","id":"u","properties":{"mfa":"yes"}},"action":{"name":"x"},"resource":{"type":"a","id":"b"}}`, 400, "subject.properties.mfa"},
		{"AuthZEN: a name twice", "/access/v1/evaluation", `{"subject":{"type":"user","id":"u"},"action":{"name":"x"},"action":{"name":"y"},"resource":{"type":"a","id":"b"}}`, 400, "action"},
		{"AuthZEN: unknown semantic", "/access/v1/evaluations", `{"options":{"evaluations_semantic":"maybe"},"evaluations":[{}]}`, 400, "maybe"},
		{"no such path", "/v2/decisions", `{}`, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, header, body := post(t, srv, tt.path, tt.body)
			if status != tt.status || header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(body), tt.says) {
				t.Errorf("%d %s %.300s", status, header.Get("Content-Type"), body)
			}
			if !strings.Contains(string(body), "request-7") {
				t.Errorf("the problem does not name the request: %.300s", body)
			}
		})
	}
	t.Cleanup(func() {
		if s.calls != 0 {
			t.Errorf("%d bad requests were decided", s.calls)
		}
	})
}

func TestAFormFromAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, nil)
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		for origin, want := range map[string]int{"https://evil.example": http.StatusBadRequest, "": http.StatusOK} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/v1/decisions", strings.NewReader(`{"action":{"type":"x"}}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", contentType)
			if origin != "" {
				req.Header.Set("Origin", origin)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s from %q: %d, want %d", contentType, origin, res.StatusCode, want)
			}
		}
	}
}

func TestAnotherNameForThisMachineIsRefused(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, nil)
	for host, want := range map[string]int{
		"localhost:7070": http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]:7070": http.StatusOK,
		"rebound.example": http.StatusForbidden, "rebound.example:7070": http.StatusForbidden, "192.0.2.1:7070": http.StatusForbidden,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/v1/decisions", strings.NewReader(`{"action":{"type":"x"}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("as %s: %d, want %d", host, res.StatusCode, want)
		}
	}
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, nil)
	res, err := srv.Client().Get(srv.URL + "/v1/decisions")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
}

func TestAuthZENMapping(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, request, want string }{
		{
			"a user with properties",
			`{"subject":{"type":"user","id":"u1","properties":{"role":"clerk","groups":["a"],"mfa":true,"floor":3}},
			  "action":{"name":"data.read","properties":{"soft":true}},
			  "resource":{"type":"crm","id":"r1","properties":{"classification":"sensitive","region":"eu","rows":12345678901234567}},
			  "context":{"data":{"purpose":"support","unknown":1},"time":"now"},"unknown":{}}`,
			`{"actor":{"userId":"u1","role":"clerk","groups":["a"],"mfa":true,"properties":{"floor":3}},
			  "action":{"type":"data.read","name":"data.read","properties":{"soft":true}},
			  "resource":{"type":"crm","id":"r1","classification":"sensitive","region":"eu","properties":{"rows":12345678901234567}},
			  "data":{"purpose":"support"},"context":{"time":"now"}}`,
		},
		{
			"an agent and a tool",
			`{"subject":{"type":"agent","id":"a1","properties":{"type":"automation","team":"x"}},
			  "action":{"name":"tool.call"},"resource":{"type":"tool","id":"lookup"},
			  "context":{"tool":{"server":"crm","name":"lookup","args":{"id":7}},"model":{"name":"gpt-4"},"egress":{"host":"h"},
			    "content":{"injectionScore":0.5},"session":{"id":"s"},"request":{"right":"access"}}}`,
			`{"agent":{"id":"a1","type":"automation","labels":{"team":"x"}},"action":{"type":"tool.call","name":"tool.call"},
			  "resource":{"type":"tool","id":"lookup"},"tool":{"server":"crm","name":"lookup","args":{"id":7}},"model":{"name":"gpt-4"},
			  "egress":{"host":"h"},"content":{"injectionScore":0.5},"session":{"id":"s"},"request":{"right":"access"}}`,
		},
		{
			"a subject of another type",
			`{"subject":{"type":"service","id":"s1","properties":{"properties":{"zone":"b"}}},"action":{"name":"x","properties":{"type":"data.read","name":"n"}},"resource":{"type":"a","id":"b"}}`,
			`{"actor":{"userId":"s1","properties":{"type":"service","zone":"b"}},"action":{"type":"data.read","name":"n"},"resource":{"type":"a","id":"b"}}`,
		},
		{
			"properties cannot change who asks",
			`{"subject":{"type":"user","id":"u1","properties":{"userId":"u2","id":"u3"}},"action":{"name":"x"},"resource":{"type":"a","id":"b","properties":{"id":"c"}}}`,
			`{"actor":{"userId":"u1","properties":{"userId":"u2","id":"u3"}},"action":{"type":"x","name":"x"},"resource":{"type":"a","id":"b","properties":{"id":"c"}}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, s := server(t, nil)
			status, _, body := post(t, srv, "/access/v1/evaluation", tt.request)
			if status != http.StatusOK || len(s.actions) != 1 {
				t.Fatalf("%d %s", status, body)
			}
			got, err := json.Marshal(s.actions[0])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(into[any](t, []byte(tt.want)), into[any](t, got)); diff != "" {
				t.Errorf("action differs (-want +got):\n%s", diff)
			}
		})
	}
}

const question = `"subject":{"type":"user","id":"u1"},"action":{"name":"data.read"},"resource":{"type":"crm","id":"r1"}`

type answer struct {
	Decision bool
	Context  struct {
		EventID     string
		Violations  []mesh.Violation
		Obligations []mesh.Obligation
		Error       struct {
			Status  int
			Message string
		}
	}
}

func TestAuthZENEvaluation(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, nil)
	status, _, body := post(t, srv, "/access/v1/evaluation", `{`+question+`}`)
	if a := into[answer](t, body); status != http.StatusOK || a.Decision || len(a.Context.Violations) != 1 || a.Context.EventID == "" {
		t.Errorf("%d %s", status, body)
	}
	status, _, body = post(t, srv, "/access/v1/evaluation", `{`+question+`,"context":{"data":{"purpose":"support"}}}`)
	if a := into[answer](t, body); status != http.StatusOK || !a.Decision || len(a.Context.Obligations) != 1 {
		t.Errorf("%d %s", status, body)
	}
}

func TestAuthZENEvaluations(t *testing.T) {
	t.Parallel()
	yes, no, bad := `{"context":{"data":{"purpose":"support"}}}`, `{}`, `{"subject":{"type":"user"}}`
	for _, tt := range []struct {
		name, semantic string
		questions      []string
		want           []bool
		recorded       uint64
	}{
		{"all by default", "", []string{yes, no, yes}, []bool{true, false, true}, 3},
		{"all", "execute_all", []string{no, yes}, []bool{false, true}, 2},
		{"until the first denial", "deny_on_first_deny", []string{yes, no, yes}, []bool{true, false}, 2},
		{"until the first permit", "permit_on_first_permit", []string{no, yes, yes}, []bool{false, true}, 2},
		{"until a denial that never comes", "deny_on_first_deny", []string{yes, yes}, []bool{true, true}, 2},
		{"until a permit that never comes", "permit_on_first_permit", []string{no, no}, []bool{false, false}, 2},
		{"an override", "", []string{`{"action":{"name":"egress"}}`, no}, []bool{true, false}, 2},
		{"one that cannot be understood", "", []string{bad, yes}, []bool{false, true}, 1},
		{"it is a denial", "deny_on_first_deny", []string{yes, bad, yes}, []bool{true, false}, 1},
		{"it is no permit", "permit_on_first_permit", []string{no, bad, yes, no}, []bool{false, false, true}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, s := server(t, nil)
			status, _, body := post(t, srv, "/access/v1/evaluations",
				fmt.Sprintf(`{%s,"options":{"evaluations_semantic":%q,"x":1},"evaluations":[%s]}`, question, tt.semantic, strings.Join(tt.questions, ",")))
			type answers struct{ Evaluations []answer }
			var got []bool
			for _, a := range into[answers](t, body).Evaluations {
				got = append(got, a.Decision)
				if !a.Decision && a.Context.Error.Status != 400 && len(a.Context.Violations) == 0 {
					t.Errorf("a denial without a reason: %s", body)
				}
			}
			// A request is decided on one set and recorded as one unit.
			if status != http.StatusOK || !cmp.Equal(got, tt.want) || s.calls != 1 {
				t.Errorf("%d %v after %d calls, want %v after one: %s", status, got, s.calls, tt.want, body)
			}
			if n := s.journal.Status().LastSeq; n != tt.recorded {
				t.Errorf("%d decisions are recorded, want %d", n, tt.recorded)
			}
		})
	}
}

func TestAuthZENEvaluationsWithoutAnyIsOne(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, nil)
	for _, more := range []string{"", `,"evaluations":[]`} {
		status, _, body := post(t, srv, "/access/v1/evaluations", `{`+question+more+`}`)
		if a := into[answer](t, body); status != http.StatusOK || a.Decision || len(a.Context.Violations) != 1 {
			t.Errorf("%d %s", status, body)
		}
	}
}

func get(t testing.TB, srv *httptest.Server, path string) (int, []byte) {
	t.Helper()
	res, err := srv.Client().Get(srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, data
}

func TestAuthZENConfiguration(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, nil)
	status, body := get(t, srv, "/.well-known/authzen-configuration")
	want := map[string]string{
		"policy_decision_point":       srv.URL,
		"access_evaluation_endpoint":  srv.URL + "/access/v1/evaluation",
		"access_evaluations_endpoint": srv.URL + "/access/v1/evaluations",
	}
	if diff := cmp.Diff(want, into[map[string]string](t, body)); status != http.StatusOK || diff != "" {
		t.Errorf("%d, differs (-want +got):\n%s", status, diff)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	sub, err := mesh.ParseSubscription("gdpr@^3")
	if err != nil {
		t.Fatal(err)
	}
	st := pdp.Status{Status: subscribe.Status{Subscriptions: []subscribe.SubscriptionStatus{{Subscription: sub, Reason: "the hub does not answer"}}}}
	srv, _ := server(t, func() pdp.Status { return st })
	if status, body := get(t, srv, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(string(body), "mesh/gdpr@^3") || !strings.Contains(string(body), "does not answer") {
		t.Errorf("%d %s", status, body)
	}
	st.Subscriptions[0].Ready = true
	if status, body := get(t, srv, "/readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(t, srv, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	if status, body := get(t, srv, "/v1/status"); status != http.StatusOK || !strings.Contains(string(body), `"mesh/gdpr@^3"`) {
		t.Errorf("%d %s", status, body)
	}
}

// blocking is a decision point that waits.
type blocking struct{ entered, leave chan struct{} }

func (b blocking) DecideUntil(ctx context.Context, actions []*mesh.Action, _ bool, caller enforce.Caller) ([]mesh.Decision, error) {
	return b.Decide(ctx, actions, caller)
}

func (b blocking) Decide(context.Context, []*mesh.Action, enforce.Caller) ([]mesh.Decision, error) {
	b.entered <- struct{}{}
	<-b.leave
	return make([]mesh.Decision, 1), nil
}

func TestTooManyAtOnceAreTurnedAway(t *testing.T) {
	t.Parallel()
	b := blocking{make(chan struct{}), make(chan struct{})}
	srv := httptest.NewServer(pdp.New(pdp.Options{Decider: b, Status: func() pdp.Status { return pdp.Status{} }, Logger: slog.New(slog.DiscardHandler), MaxInFlight: 1}))
	t.Cleanup(srv.Close)
	const body = `{"action":{"type":"x"}}`
	first := make(chan int)
	go func() {
		status, _, _ := post(t, srv, "/v1/decisions", body)
		first <- status
	}()
	<-b.entered
	if status, header, _ := post(t, srv, "/v1/decisions", body); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("the second answered %d", status)
	}
	close(b.leave)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first answered %d", status)
	}
}

// A client that begins to send and then does nothing takes no place from
// others.
func TestDawdlersTakeNoPlace(t *testing.T) {
	t.Parallel()
	d := blocking{make(chan struct{}, 1), make(chan struct{})}
	close(d.leave)
	srv := httptest.NewServer(pdp.New(pdp.Options{Decider: d, Status: func() pdp.Status { return pdp.Status{} }, Logger: slog.New(slog.DiscardHandler), MaxInFlight: 1}))
	t.Cleanup(srv.Close)
	for range 20 {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := fmt.Fprint(conn, "POST /v1/decisions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		// The server says 100 once it waits for the body.
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if status, _, body := post(t, srv, "/v1/decisions", `{"action":{"type":"x"}}`); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

// FuzzAuthZEN wants an answer to whatever is sent, and never a failure of ours.
func FuzzAuthZEN(f *testing.F) {
	srv, _ := server(f, nil)
	f.Add(`{` + question + `}`)
	f.Add(`{` + question + `,"evaluations":[{},{"context":{"data":{"purpose":"support"},"x":[1,2.5e300,null]}}],"options":{"evaluations_semantic":"deny_on_first_deny"}}`)
	f.Add(`{"subject":{"type":"agent","id":"a","properties":{"labels":{"x":1},"type":"t"}},"action":{"name":"x","properties":{"properties":null}},"resource":{"type":"a","id":"b"},"context":{"tool":null,"data":[]}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/access/v1/evaluation", "/access/v1/evaluations"} {
			if status, _, answer := post(t, srv, path, body); status != http.StatusOK && status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %d %s", path, status, answer)
			}
		}
	})
}

func BenchmarkDecisions(b *testing.B) {
	srv, _ := server(b, nil)
	const one = `{"requestId":"r","agent":{"id":"a"},"actor":{"userId":"u","role":"clerk"},"action":{"type":"data.read"},"resource":{"type":"crm","id":"r1"},"data":{"categories":["pii"],"purpose":"support"}}`
	for _, n := range []int{1, 100} {
		body := one
		if n > 1 {
			body = `{"actions":[` + strings.Repeat(one+",", n-1) + one + `]}`
		}
		b.Run(fmt.Sprintf("actions=%d", n), func(b *testing.B) {
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if status, _, answer := post(b, srv, "/v1/decisions", body); status != http.StatusOK {
						b.Errorf("%d %s", status, answer)
						return
					}
				}
			})
		})
	}
}
