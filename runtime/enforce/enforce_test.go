package enforce_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
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
      recommendation: "State the purpose support"
      obligations: [{type: mask, properties: {fields: [email]}}]
enforcement:
  mode: MODE
`

// set compiles the test policy in a mode.
func set(t testing.TB, mode mesh.Mode) enforce.Set {
	t.Helper()
	doc, findings := policy.Parse("policy.yaml", []byte(strings.Replace(policySource, "MODE", string(mode), 1)))
	if doc == nil {
		t.Fatalf("the test policy: %v", findings)
	}
	program, err := engine.Compile([]engine.Policy{{
		ID: "acme/reading", Digest: "sha256:" + mesh.Digest(strings.Repeat("a", 64)), Document: doc, Controls: engine.RuleIndex(doc, nil),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return enforce.Set{Program: program}
}

func newJournal(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func newPoint(t testing.TB, r enforce.Recorder, opts enforce.Options, s enforce.Set) *enforce.Point {
	t.Helper()
	p, err := enforce.New(r, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Swap(s); err != nil {
		t.Fatal(err)
	}
	return p
}

func action(t testing.TB, src string) *mesh.Action {
	t.Helper()
	a, err := decode.Action([]byte(src))
	if err != nil {
		t.Fatalf("action %s: %v", src, err)
	}
	return a
}

const (
	good = `{"requestId":"req_1","agent":{"id":"agent_1"},"actor":{"userId":"u1","role":"clerk"},"action":{"type":"data.read"},"resource":{"type":"crm","id":"r1"},"data":{"categories":[],"purpose":"support"}}`
	bad  = `{"action":{"type":"data.read"},"data":{"categories":[],"purpose":"marketing"}}`
)

func decide(t testing.TB, p *enforce.Point, src string) mesh.Decision {
	t.Helper()
	ds, err := p.Decide(t.Context(), []*mesh.Action{action(t, src)}, enforce.Caller{RequestID: "from-transport"})
	if err != nil {
		t.Fatal(err)
	}
	return ds[0]
}

// events returns what the journal holds.
func events(t testing.TB, j *journal.Journal) []mesh.Event {
	t.Helper()
	records, err := j.Read(1, 10_000, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var out []mesh.Event
	for _, r := range records {
		var e mesh.Event
		if err := json.Unmarshal(r.Data, &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func TestDecideInEachMode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode                           mesh.Mode
		src                            string
		allowed, wouldAllow, evaluated bool
		violations, obligations        int
	}{
		{mesh.ModeEnforce, good, true, true, true, 0, 1},
		{mesh.ModeEnforce, bad, false, false, true, 1, 0},
		{mesh.ModeMonitor, bad, true, false, true, 1, 0},
		{mesh.ModeAudit, bad, true, true, false, 0, 0},
	} {
		t.Run(string(tt.mode)+"/"+map[bool]string{true: "good", false: "bad"}[tt.src == good], func(t *testing.T) {
			t.Parallel()
			j := newJournal(t, t.TempDir())
			p := newPoint(t, j, enforce.Options{}, set(t, tt.mode))
			d := decide(t, p, tt.src)
			if d.Allowed != tt.allowed || d.WouldAllow != tt.wouldAllow || d.Evaluated != tt.evaluated ||
				len(d.Violations) != tt.violations || len(d.Obligations) != tt.obligations {
				t.Errorf("decision = %+v", d)
			}
			outcome := map[bool]string{true: mesh.OutcomeAllowed, false: mesh.OutcomeDenied}[tt.allowed]
			if d.AuditLog.Outcome != outcome || !strings.HasPrefix(d.AuditLog.EventID, "evt_") {
				t.Errorf("audit entry = %+v", d.AuditLog)
			}
			recorded := events(t, j)
			if len(recorded) != 1 || recorded[0].Kind != mesh.EventDecision {
				t.Fatalf("events = %+v", recorded)
			}
			if diff := cmp.Diff(d.AuditLog, recorded[0].Decision.Entry); diff != "" {
				t.Errorf("the record's entry differs (-decision +record):\n%s", diff)
			}
		})
	}
}

func TestTheAuditEntrySaysWhoDidWhat(t *testing.T) {
	t.Parallel()
	j := newJournal(t, t.TempDir())
	p := newPoint(t, j, enforce.Options{}, set(t, mesh.ModeEnforce))
	d := decide(t, p, good)
	e := d.AuditLog
	if e.TenantID != mesh.DefaultTenant || e.AgentID != "agent_1" || e.Action != "data.read" || e.Actor.UserID != "u1" ||
		e.Actor.Role != "clerk" || e.Resource.Type != "crm" || e.Resource.ID != "r1" || e.Timestamp.IsZero() {
		t.Errorf("entry = %+v", e)
	}
	if len(e.PolicyEvaluations) != 1 || e.PolicyEvaluations[0].PolicyID != "acme/reading" ||
		!cmp.Equal(e.PolicyEvaluations[0].Controls, []mesh.ControlID{"acme:1"}) {
		t.Errorf("evaluations = %+v", e.PolicyEvaluations)
	}
	decide(t, p, `{"tenantId":"tenant_789","action":{"type":"egress"}}`)
	recorded := events(t, j)
	first, second := recorded[0].Decision, recorded[1].Decision
	if first.RequestID != "req_1" || !first.AgentAsserted {
		t.Errorf("first record = %+v", first)
	}
	if second.RequestID != "from-transport" || second.AgentAsserted || second.Entry.TenantID != "tenant_789" {
		t.Errorf("second record = %+v", second)
	}
}

// TestRecordsNameNoArguments holds that the record of a denial leaves out the
// names that the action itself gave, and all values.
func TestRecordsNameNoArguments(t *testing.T) {
	t.Parallel()
	doc, findings := policy.Parse("policy.yaml", []byte("version: \"3.0.0\"\nname: n\nrules: {tools: {arguments: {pay: {allowed: [amount]}}}}\n"))
	if doc == nil {
		t.Fatal(findings)
	}
	program, err := engine.Compile([]engine.Policy{{ID: "acme/pay", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	j := newJournal(t, t.TempDir())
	p := newPoint(t, j, enforce.Options{}, enforce.Set{Program: program})
	d := decide(t, p, `{"action":{"type":"tool.call"},"tool":{"name":"pay","args":{"amount":1,"secret":"x"}}}`)
	told := d.Violations[0].Clauses[0].Fields
	if len(told) != 2 || told[1].Field != "tool.args.secret" || told[1].Value != "x" {
		t.Errorf("the caller is told %+v", told)
	}
	recorded := events(t, j)[0].Decision.Violations[0].Clauses[0].Fields
	if diff := cmp.Diff([]mesh.FieldValue{{Field: "tool.args"}}, recorded); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	p := newPoint(t, newJournal(t, t.TempDir()), enforce.Options{}, enforce.Set{})
	data, err := json.Marshal(decide(t, p, `{"action":{"type":"x"}}`))
	if err != nil || strings.Contains(string(data), "null") {
		t.Errorf("decision = %s, %v", data, err)
	}
}

func TestASubscriptionWithoutASetDenies(t *testing.T) {
	t.Parallel()
	sub, err := mesh.ParseSubscription("acme/missing@^1")
	if err != nil {
		t.Fatal(err)
	}
	s := set(t, mesh.ModeEnforce)
	s.Missing = []enforce.Missing{{Subscription: sub, Reason: "the hub does not answer"}}
	j := newJournal(t, t.TempDir())
	d := decide(t, newPoint(t, j, enforce.Options{}, s), good)
	if d.Allowed || len(d.Errors) != 1 || d.Errors[0].RuleID != enforce.RuleNoSet || !strings.Contains(d.Errors[0].Message, "the hub does not answer") {
		t.Errorf("decision = %+v", d)
	}
	if len(d.Obligations) != 0 || d.AuditLog.Outcome != mesh.OutcomeDenied || len(d.AuditLog.PolicyEvaluations) != 2 {
		t.Errorf("decision = %+v", d)
	}
	d = decide(t, newPoint(t, j, enforce.Options{Mode: mesh.ModeMonitor}, s), good)
	if !d.Allowed || d.WouldAllow || len(d.Errors) != 1 {
		t.Errorf("with a weaker mode of the runtime's own: %+v", d)
	}
}

// failing is a journal that takes nothing.
type failing struct{ err error }

func (f failing) Append(context.Context, []journal.Record) (uint64, error) { return 0, f.err }

func TestAJournalThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	full := failing{mesh.Errorf(mesh.CodeUnavailable, "no space left")}
	for _, tt := range []struct {
		name    string
		mode    mesh.Mode
		allowed bool
	}{
		{"enforce denies", mesh.ModeEnforce, false},
		{"monitor lets through", mesh.ModeMonitor, true},
		{"audit lets through", mesh.ModeAudit, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := decide(t, newPoint(t, full, enforce.Options{}, set(t, tt.mode)), good)
			if d.Allowed != tt.allowed {
				t.Errorf("allowed = %v", d.Allowed)
			}
			if denied := len(d.Errors) == 1 && d.Errors[0].RuleID == enforce.RuleJournal && strings.Contains(d.Errors[0].Message, "no space left"); denied == tt.allowed {
				t.Errorf("errors = %+v", d.Errors)
			}
			if !d.Unrecorded || d.AuditLog.EventID != "" {
				t.Errorf("a decision without a record passes for one with: %+v", d)
			}
			if !d.Allowed && (d.AuditLog.Outcome != mesh.OutcomeDenied || len(d.Obligations) != 0) {
				t.Errorf("decision = %+v", d)
			}
		})
	}
	if d := decide(t, newPoint(t, full, enforce.Options{}, enforce.Set{}), good); d.Allowed {
		t.Error("without a policy, an unrecorded action was let through")
	}
	if d := decide(t, newPoint(t, full, enforce.Options{Mode: mesh.ModeMonitor}, enforce.Set{}), good); !d.Allowed {
		t.Error("a runtime in monitor mode refused")
	}
}

// A decision without evidence must not look like one with.
func TestDecisionsThatAreNotToBeRecorded(t *testing.T) {
	t.Parallel()
	p := newPoint(t, failing{errors.New("it was asked")}, enforce.Options{UnrecordedUnsafe: true}, set(t, mesh.ModeEnforce))
	ds, err := p.Decide(t.Context(), []*mesh.Action{action(t, good), action(t, bad)}, enforce.Caller{})
	if err != nil || len(ds) != 2 || !ds[0].Allowed || ds[1].Allowed {
		t.Fatalf("decisions = %+v, %v", ds, err)
	}
	for i, d := range ds {
		if !d.Unrecorded || d.AuditLog.EventID != "" {
			t.Errorf("decision %d passes for recorded: %+v", i, d)
		}
	}
	if p.Skipped() != 2 {
		t.Errorf("%d decisions are counted, want 2", p.Skipped())
	}
	recording := newPoint(t, newJournal(t, t.TempDir()), enforce.Options{}, set(t, mesh.ModeEnforce))
	if d := decide(t, recording, good); d.Unrecorded || d.AuditLog.EventID == "" || recording.Skipped() != 0 {
		t.Errorf("a recorded decision = %+v, %d skipped", d, recording.Skipped())
	}
}

func TestABatchIsOneAppendOnOneSet(t *testing.T) {
	t.Parallel()
	j := newJournal(t, t.TempDir())
	p := newPoint(t, j, enforce.Options{}, set(t, mesh.ModeEnforce))
	ds, err := p.Decide(t.Context(), []*mesh.Action{action(t, good), action(t, bad), action(t, good)}, enforce.Caller{})
	if err != nil || len(ds) != 3 || !ds[0].Allowed || ds[1].Allowed || !ds[2].Allowed {
		t.Fatalf("decisions = %+v, %v", ds, err)
	}
	for i, e := range events(t, j) {
		if e.Decision.Entry.EventID != ds[i].AuditLog.EventID {
			t.Errorf("record %d is another event", i)
		}
	}
}

func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	p := newPoint(t, newJournal(t, t.TempDir()), enforce.Options{}, set(t, mesh.ModeEnforce))
	long := action(t, `{"action":{"type":"x"},"actor":{"userId":"`+strings.Repeat("u", 2000)+`"}}`)
	_, err := p.Decide(t.Context(), []*mesh.Action{action(t, good), long}, enforce.Caller{})
	if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), "actions[1]") || !strings.Contains(err.Error(), "actor.userId") {
		t.Errorf("a text too long to record: %v", err)
	}
	gone := errors.New("the caller went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if ds, err := p.Decide(ctx, []*mesh.Action{action(t, good)}, enforce.Caller{}); !errors.Is(err, gone) || ds != nil {
		t.Errorf("canceled: %v, %v", ds, err)
	}
}

// impatient is a context that ends after it was asked a number of times.
type impatient struct {
	context.Context
	asked *atomic.Int64
	until int64
}

func (c impatient) Err() error {
	if c.asked.Add(1) > c.until {
		return context.Canceled
	}
	return nil
}

// slow is a context that takes a second to say whether it ended.
type slow struct {
	context.Context
	asked *time.Duration
}

func (c slow) Err() error {
	*c.asked += time.Second
	time.Sleep(time.Second) // of the clock of the test
	return nil
}

// The time of an evaluation is also that of finding out why a rule failed. Both
// look at the context, which takes all the time here; it is looked at once more
// when the decision is made.
func TestEvaluationNanosIsAllOfIt(t *testing.T) {
	t.Parallel()
	doc, findings := policy.Parse("p.yaml", []byte("version: \"3.0.0\"\nname: n\nrules:\n  custom:\n"+
		"    - {id: fails, require: 'data.fields.map(f, f + \"x\") == context.absent'}\n"))
	if doc == nil {
		t.Fatal(findings)
	}
	program, err := engine.Compile([]engine.Policy{{ID: "a/b", Document: doc}})
	if err != nil {
		t.Fatal(err)
	}
	p := newPoint(t, failing{}, enforce.Options{UnrecordedUnsafe: true}, enforce.Set{Program: program})
	a := action(t, `{"action":{"type":"data.read"},"data":{"fields":["a"]}}`)
	synctest.Test(t, func(t *testing.T) {
		ctx := slow{t.Context(), new(time.Duration)}
		ds, err := p.Decide(ctx, []*mesh.Action{a}, enforce.Caller{})
		if err != nil || len(ds[0].Errors) != 1 {
			t.Fatalf("decisions = %+v, %v", ds, err)
		}
		if took := time.Duration(ds[0].EvaluationNanos); took != *ctx.asked-time.Second {
			t.Errorf("it says that it took %v, of %v", took, *ctx.asked)
		}
	})
}

// A batch that nobody waits for any more ends where it is.
func TestABatchIsInterrupted(t *testing.T) {
	t.Parallel()
	actions := make([]*mesh.Action, 1000)
	for i := range actions {
		actions[i] = action(t, good)
	}
	for _, unrecordedUnsafe := range []bool{false, true} {
		j := newJournal(t, t.TempDir())
		p := newPoint(t, j, enforce.Options{UnrecordedUnsafe: unrecordedUnsafe}, set(t, mesh.ModeEnforce))
		ctx := impatient{t.Context(), new(atomic.Int64), 10}
		ds, err := p.Decide(ctx, actions, enforce.Caller{})
		if !errors.Is(err, context.Canceled) || ds != nil || p.Skipped() != 0 || j.Status().LastSeq != 0 {
			t.Errorf("unrecorded = %v: %d decisions, %v", unrecordedUnsafe, len(ds), err)
		}
		if asked := ctx.asked.Load(); asked > 20 {
			t.Errorf("unrecorded = %v: it went on until %d", unrecordedUnsafe, asked)
		}
	}
}

func TestSwapWhileDeciding(t *testing.T) {
	t.Parallel()
	p := newPoint(t, newJournal(t, t.TempDir()), enforce.Options{}, set(t, mesh.ModeEnforce))
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				ds, err := p.Decide(t.Context(), []*mesh.Action{action(t, bad), action(t, bad)}, enforce.Caller{})
				if err != nil || ds[0].Allowed != ds[1].Allowed {
					t.Errorf("one request was decided on two sets: %v", err)
					return
				}
			}
		})
	}
	for i := range 200 {
		mode := mesh.ModeEnforce
		if i%2 == 0 {
			mode = mesh.ModeMonitor
		}
		if err := p.Swap(set(t, mode)); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// runEvaluator runs an evaluator until stop is called.
func runEvaluator(t *testing.T, j *journal.Journal, p *enforce.Point) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- enforce.NewEvaluator(j, p, slog.New(slog.DiscardHandler)).Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the evaluator ended with %v", err)
		}
	}
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func evaluations(t *testing.T, j *journal.Journal) (out []*mesh.DecisionRecord) {
	t.Helper()
	for _, e := range events(t, j) {
		if e.Kind == mesh.EventEvaluation {
			out = append(out, e.Decision)
		}
	}
	return out
}

func TestAuditModeIsEvaluatedAfterwards(t *testing.T) {
	t.Parallel()
	j := newJournal(t, t.TempDir())
	p := newPoint(t, j, enforce.Options{}, set(t, mesh.ModeAudit))
	stop := runEvaluator(t, j, p)
	defer stop()
	d := decide(t, p, bad)
	waitFor(t, "the evaluation", func() bool { return len(evaluations(t, j)) == 1 })
	e := evaluations(t, j)[0]
	if e.Entry.EventID != d.AuditLog.EventID || !e.Evaluated || e.WouldAllow || len(e.Violations) != 1 || e.Mode != mesh.ModeAudit {
		t.Errorf("evaluation = %+v", e)
	}
	if e.Entry.Outcome != mesh.OutcomeAllowed || len(e.Entry.PolicyEvaluations) != 1 {
		t.Errorf("entry = %+v", e.Entry)
	}
}

// TestAuditModeSurvivesARestart leaves decisions unevaluated, and evaluations
// whose cursor was not stored, and wants each event evaluated once.
func TestAuditModeSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := newJournal(t, dir)
	p := newPoint(t, j, enforce.Options{}, set(t, mesh.ModeAudit))
	stop := runEvaluator(t, j, p)
	for range 5 {
		decide(t, p, bad)
	}
	waitFor(t, "five evaluations", func() bool { return len(evaluations(t, j)) == 5 })
	stop()
	for range 4 {
		decide(t, p, bad)
	}
	if err := j.Advance(journal.Evaluated, 0); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = newJournal(t, dir)
	p = newPoint(t, j, enforce.Options{}, set(t, mesh.ModeAudit))
	stop = runEvaluator(t, j, p)
	defer stop()
	waitFor(t, "the cursor", func() bool { return j.Cursor(journal.Evaluated) >= 14 && len(evaluations(t, j)) >= 9 })
	seen := map[string]int{}
	for _, e := range evaluations(t, j) {
		seen[e.Entry.EventID]++
	}
	if len(seen) != 9 {
		t.Errorf("%d events were evaluated, want 9", len(seen))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("event %s was evaluated %d times", id, n)
		}
	}
}

func TestAnEvaluationThatNothingCanDoSaysSo(t *testing.T) {
	t.Parallel()
	j := newJournal(t, t.TempDir())
	p := newPoint(t, j, enforce.Options{}, set(t, mesh.ModeAudit))
	decide(t, p, bad)
	if err := p.Swap(set(t, mesh.ModeEnforce)); err != nil {
		t.Fatal(err)
	}
	stop := runEvaluator(t, j, p)
	defer stop()
	waitFor(t, "the evaluation", func() bool { return len(evaluations(t, j)) == 1 })
	if e := evaluations(t, j)[0]; e.Evaluated || e.WouldAllow || len(e.Errors) != 1 || e.Errors[0].RuleID != enforce.RuleNoAudit {
		t.Errorf("evaluation = %+v", e)
	}
}

func BenchmarkDecide(b *testing.B) {
	p := newPoint(b, newJournal(b, b.TempDir()), enforce.Options{}, set(b, mesh.ModeEnforce))
	a := action(b, good)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Decide(b.Context(), []*mesh.Action{a}, enforce.Caller{}); err != nil {
				b.Error(err)
			}
		}
	})
}
