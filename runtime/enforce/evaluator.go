package enforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

const (
	// evaluateRecords and evaluateBytes bound what is evaluated between two
	// appends, and with it the memory audit mode takes.
	evaluateRecords = 256
	evaluateBytes   = 1 << 20
	// evaluateRetry is how long the evaluator waits when the journal does not
	// take its records.
	evaluateRetry = 500 * time.Millisecond
)

// evaluationPrefix begins every evaluation event that this package writes.
var evaluationPrefix = []byte(`{"kind":"` + string(mesh.EventEvaluation) + `"`)

// Evaluator evaluates afterwards what policies in audit mode left for later.
// It is a reader of the journal: what it has not evaluated when the process
// ends, it evaluates when the next one starts, and it never drops anything.
type Evaluator struct {
	journal *journal.Journal
	point   *Point
	logger  *slog.Logger
}

// NewEvaluator returns the evaluator of a decision point that records in j.
func NewEvaluator(j *journal.Journal, p *Point, logger *slog.Logger) *Evaluator {
	return &Evaluator{journal: j, point: p, logger: logger}
}

// Run evaluates until ctx is done, then returns nil. An error means that the
// journal cannot be read.
func (e *Evaluator) Run(ctx context.Context) error {
	at := e.journal.Cursor(journal.Evaluated)
	done, err := e.evaluatedAlready(at)
	if err != nil {
		return err
	}
	for {
		if err := e.journal.Wait(ctx, at); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		records, err := e.journal.Read(at+1, evaluateRecords, evaluateBytes)
		if err != nil {
			return err
		}
		evaluations, err := e.evaluate(ctx, records, done)
		if err != nil {
			return err
		}
		if err := e.append(ctx, evaluations); err != nil {
			return nil // only when ctx is done: the cursor has not moved
		}
		at += uint64(len(records))
		if err := e.journal.Advance(journal.Evaluated, at); err != nil {
			e.logger.WarnContext(ctx, "the place of audit mode in the journal was not stored", slog.Any("error", err))
		}
	}
}

// evaluatedAlready finds the events that were evaluated behind the cursor: a
// process that dies between appending and moving the cursor must not count an
// event twice.
func (e *Evaluator) evaluatedAlready(at uint64) (map[string]bool, error) {
	done := map[string]bool{}
	for last := e.journal.Status().LastSeq; at < last; {
		records, err := e.journal.Read(at+1, evaluateRecords, evaluateBytes)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if !bytes.HasPrefix(r.Data, evaluationPrefix) {
				continue
			}
			var event mesh.Event
			if err := json.Unmarshal(r.Data, &event); err == nil && event.Decision != nil {
				done[event.Decision.Entry.EventID] = true
			}
		}
		at += uint64(len(records))
	}
	return done, nil
}

// evaluate returns the evaluations of the records that have an action beside
// them and were not evaluated yet.
func (e *Evaluator) evaluate(ctx context.Context, records []journal.Record, done map[string]bool) ([]journal.Record, error) {
	var evaluations []journal.Record
	for _, r := range records {
		if len(r.Local) == 0 {
			continue
		}
		var event mesh.Event
		if err := json.Unmarshal(r.Data, &event); err != nil || event.Decision == nil {
			return nil, fmt.Errorf("reading a decision that waits for its evaluation: %w", errors.Join(err, errNoDecision))
		}
		if id := event.Decision.Entry.EventID; done[id] {
			delete(done, id)
			continue
		}
		evaluation, err := e.evaluateOne(ctx, event.Decision, r.Local)
		if err != nil {
			return nil, err
		}
		evaluations = append(evaluations, journal.Record{Data: evaluation})
	}
	return evaluations, nil
}

var errNoDecision = errors.New("the record is no decision")

// evaluateOne composes the second record of an event. It is evaluated by the
// set in force now, and names the bundles that did it.
func (e *Evaluator) evaluateOne(ctx context.Context, rec *mesh.DecisionRecord, local []byte) ([]byte, error) {
	var r engine.Result
	now := time.Now()
	program := e.point.Current().Program
	action, actionErr := decode.Action(local)
	if actionErr == nil {
		program.Evaluate(ctx, action, engine.Deferred, &r)
	}
	rec.EvaluationNanos = time.Since(now).Nanoseconds()
	rec.Mode, rec.Weakened, rec.Evaluated, rec.WouldAllow = r.Mode, r.Weakened, r.Evaluated, r.WouldAllow
	rec.Violations, rec.Obligations, rec.Errors, rec.Bundles = withoutValues(r.Violations), nil, noneIsNil(r.Errors), noneIsNil(r.Bundles)
	rec.Entry.PolicyEvaluations = notNil(r.Policies)
	reason := ""
	switch {
	case actionErr != nil:
		reason = "the recorded action cannot be read: " + actionErr.Error()
	case !program.HasDeferred():
		reason = "when the action was to be evaluated, no policy in audit mode was in force any more"
	}
	if reason != "" {
		rec.Mode, rec.Evaluated, rec.WouldAllow = mesh.ModeAudit, false, false
		rec.Errors = []mesh.RuleError{{RuleID: RuleNoAudit, Message: reason}}
	}
	data, err := encodeRecord(mesh.EventEvaluation, now.UTC(), rec)
	if err != nil || len(data) <= journal.MaxDataBytes {
		return data, err
	}
	d := deciding{decision: &mesh.Decision{AuditLog: rec.Entry, WouldAllow: rec.WouldAllow}, rec: *rec}
	return d.reduce(len(data), mesh.EventEvaluation)
}

// append writes the evaluations, however long the journal takes to accept
// them. Its error is that ctx is done.
func (e *Evaluator) append(ctx context.Context, evaluations []journal.Record) error {
	for len(evaluations) > 0 {
		_, err := e.journal.Append(ctx, evaluations)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			e.logger.WarnContext(ctx, "evaluations of audit mode wait for the journal", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(evaluateRetry):
		}
	}
	return nil
}
