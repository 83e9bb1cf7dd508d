package enforce

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

// The rule ids of errors that are the runtime's own and not a policy's. A
// policy cannot have such an id: rules are named without a colon.
const (
	RuleNoSet    = "runtime:no-set"    // a subscription has no bundle in force
	RuleJournal  = "runtime:journal"   // the decision could not be recorded
	RuleTooLarge = "runtime:too-large" // its record would be too large
	RuleNoAudit  = "runtime:no-audit"  // nothing could evaluate what audit mode had left for later
)

// deciding is one decision on its way to the journal.
type deciding struct {
	action    *mesh.Action
	decision  *mesh.Decision
	rec       mesh.DecisionRecord
	enforcing bool
	weakened  bool
}

// decide evaluates one action and composes its decision into out. What is not
// described cannot be recorded.
//
// left are the steps that are left for this action and others, and what it takes
// is taken off.
func (p *Point) decide(ctx context.Context, set *Set, a *mesh.Action, left *int, out *mesh.Decision) deciding {
	s, _ := p.scratch.Get().(*scratch)
	r := &s.result
	start := time.Now()
	s.input.Limit(*left)
	set.Program.Bind(ctx, a, engine.Inline, &s.input)
	set.Program.Decide(&s.input, &s.verdict)
	*left -= s.input.Took()
	set.Program.Expand(&s.input, &s.verdict, r)
	took := time.Since(start)
	d := deciding{action: a, decision: out, enforcing: p.enforces(set.Program, r), weakened: r.Weakened}
	*out = mesh.Decision{
		Allowed: r.Allowed, WouldAllow: r.WouldAllow, Evaluated: r.Evaluated, Mode: r.Mode,
		Violations: notNil(r.Violations), Recommendations: notNil(r.Recommendations),
		Obligations: notNil(r.Obligations), Bundles: notNil(r.Bundles), Errors: noneIsNil(r.Errors),
		EvaluationNanos: took.Nanoseconds(),
		AuditLog:        p.entry(a, start.UTC()),
	}
	out.AuditLog.PolicyEvaluations = notNil(r.Policies)
	s.input.Release()
	s.result = engine.Result{} // what it holds belongs to the decision
	p.scratch.Put(s)
	p.requireSets(set, out)
	if !out.Allowed {
		out.AuditLog.Outcome = mesh.OutcomeDenied
		out.Obligations = []mesh.Obligation{}
	}
	return d
}

// describe fills the record of the decision.
func (d *deciding) describe(caller Caller) {
	a, out := d.action, d.decision
	d.rec = mesh.DecisionRecord{
		Entry: out.AuditLog, RequestID: requestID(a, caller), AgentAsserted: out.AuditLog.AgentID != "",
		Environment: text(a.Environment), WorkflowID: text(a.WorkflowID), Mode: out.Mode, Weakened: d.weakened,
		WouldAllow: out.WouldAllow, Evaluated: out.Evaluated, Violations: withoutValues(out.Violations), Obligations: noneIsNil(out.Obligations),
		Errors: out.Errors, Bundles: noneIsNil(out.Bundles), EvaluationNanos: out.EvaluationNanos,
	}
}

// withoutValues returns violations as they are recorded: evidence names the
// fields of an action, and does not repeat what stands in them.
func withoutValues(violations []mesh.Violation) []mesh.Violation {
	if len(violations) == 0 {
		return nil
	}
	out := slices.Clone(violations)
	for i := range out {
		out[i].Clauses = slices.Clone(out[i].Clauses)
		for j, c := range out[i].Clauses {
			fields := slices.DeleteFunc(slices.Clone(c.Fields), func(f mesh.FieldValue) bool { return f.Named })
			for k := range fields {
				fields[k].Value = nil
			}
			out[i].Clauses[j].Fields = fields
		}
	}
	return out
}

// requireSets refuses what would be decided without a subscribed bundle: that
// the bundle could not be fetched must not open the gate it is to guard.
func (p *Point) requireSets(set *Set, d *mesh.Decision) {
	for _, m := range set.Missing {
		message := fmt.Sprintf("no bundle is in force for subscription %s: %s", m.Subscription, m.Reason)
		id, mode := m.Subscription.Bundle.String(), mesh.ModeEnforce
		if p.weakened() {
			mode = p.opts.Mode
		} else {
			d.Allowed = false
			d.Mode = mesh.ModeEnforce
		}
		d.WouldAllow = false
		d.Errors = append(d.Errors, mesh.RuleError{PolicyID: id, RuleID: RuleNoSet, Message: message})
		d.AuditLog.PolicyEvaluations = append(d.AuditLog.PolicyEvaluations, mesh.PolicyEvaluation{
			PolicyID: id, Decision: mesh.EvaluationError, Reason: message, Mode: mode,
			Rules: []string{}, Controls: []mesh.ControlID{},
		})
	}
}

// refuse turns a decision that was made into a denial by the runtime itself.
func refuse(d *mesh.Decision, rule, message string) {
	d.Allowed, d.WouldAllow = false, false
	d.Obligations = []mesh.Obligation{}
	d.Errors = append(d.Errors, mesh.RuleError{RuleID: rule, Message: message})
	d.AuditLog.Outcome = mesh.OutcomeDenied
}

// unrecorded marks a decision that there is no evidence of. The name of its
// event goes: whoever looked for it would find nothing.
func unrecorded(d *mesh.Decision) {
	d.Unrecorded = true
	d.AuditLog.EventID = ""
}

// entry begins the audit entry of an action that is allowed so far.
func (p *Point) entry(a *mesh.Action, now time.Time) mesh.AuditEntry {
	e := mesh.AuditEntry{
		Timestamp: now, TenantID: p.opts.Tenant, Action: a.Action.Type, Outcome: mesh.OutcomeAllowed,
	}
	if !p.opts.UnrecordedUnsafe {
		e.EventID = newEventID()
	}
	// Without authenticated agents, tenant and agent are what the caller says.
	// They describe the event; which tenant's evidence it becomes follows from
	// the runtime's enrolment alone.
	if a.TenantID != nil && *a.TenantID != "" {
		e.TenantID = *a.TenantID
	}
	if a.Agent != nil && a.Agent.ID != nil {
		e.AgentID = *a.Agent.ID
	}
	if a.Actor != nil {
		e.Actor.UserID, e.Actor.Role, e.Actor.IPAddress = text(a.Actor.UserID), text(a.Actor.Role), text(a.Actor.IPAddress)
	}
	if a.Resource != nil {
		e.Resource.Type, e.Resource.ID, e.Resource.Classification = text(a.Resource.Type), text(a.Resource.ID), text(a.Resource.Classification)
	}
	return e
}

// newEventID returns the name of an event. It is random because nothing else
// keeps events of all runtimes apart, those that were copied with their disk
// too; and it has 128 bits because callers are given it, and who knows
// some names must not be able to ask for others.
func newEventID() string { return "evt_" + strings.ToLower(rand.Text()) }

func requestID(a *mesh.Action, caller Caller) string {
	if id := text(a.RequestID); id != "" {
		return id
	}
	return caller.RequestID
}

// record encodes the decision for the journal. With deferred policies in force
// the action is kept beside it, for the evaluator of this runtime only.
func (d *deciding) record(deferred bool) (journal.Record, error) {
	data, err := encodeRecord(mesh.EventDecision, d.rec.Entry.Timestamp, &d.rec)
	if err != nil {
		return journal.Record{}, err
	}
	if len(data) > journal.MaxDataBytes {
		if data, err = d.reduce(len(data), mesh.EventDecision); err != nil {
			return journal.Record{}, err
		}
	}
	r := journal.Record{Data: data, Loss: journal.LossAllowed}
	if d.enforcing || !d.decision.Allowed {
		r.Loss = journal.LossDenied
	}
	if deferred {
		if r.Local, err = jsonv2.Marshal(d.action); err != nil {
			return journal.Record{}, fmt.Errorf("keeping an action for audit mode: %w", err)
		}
		if len(r.Local) > journal.MaxLocalBytes {
			return journal.Record{}, mesh.Errorf(mesh.CodeTooLarge, "the action takes %d of at most %d bytes to keep for audit mode", len(r.Local), journal.MaxLocalBytes)
		}
	}
	return r, nil
}

// reduce records a decision whose details do not fit without them, and says so.
// An enforced action is refused: its evidence would not show what was decided.
func (d *deciding) reduce(size int, kind mesh.EventKind) ([]byte, error) {
	message := fmt.Sprintf("the record would take %d of at most %d bytes; violations, obligations and evaluations are left out", size, journal.MaxDataBytes)
	if d.enforcing {
		refuse(d.decision, RuleTooLarge, message)
	}
	rec := &d.rec
	rec.Entry.Outcome = d.decision.AuditLog.Outcome
	rec.Entry.PolicyEvaluations = []mesh.PolicyEvaluation{}
	rec.WouldAllow = d.decision.WouldAllow
	rec.Violations, rec.Obligations = nil, nil
	rec.Errors = []mesh.RuleError{{RuleID: RuleTooLarge, Message: message}}
	return encodeRecord(kind, rec.Entry.Timestamp, rec)
}

// encodeRecord makes the journal's bytes. encoding/json escapes what it would
// escape again when the bytes travel inside another document, so the hub hashes
// exactly what was written here.
func encodeRecord(kind mesh.EventKind, at time.Time, r *mesh.DecisionRecord) ([]byte, error) {
	data, err := json.Marshal(mesh.Event{Kind: kind, Time: at, Decision: r})
	if err != nil {
		return nil, fmt.Errorf("encoding a %s: %w", kind, err)
	}
	return data, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// noneIsNil makes lists that are left away where they are empty.
func noneIsNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

// notNil makes lists that are never null on the wire.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
