package enforce

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

// Recorder is where decisions are recorded: a [journal.Journal].
type Recorder interface {
	Append(ctx context.Context, records []journal.Record) (firstSeq uint64, err error)
}

// Options configure a [Point].
type Options struct {
	// Tenant is the tenant the runtime belongs to; empty means
	// [mesh.DefaultTenant].
	Tenant mesh.TenantID
	// Mode is the runtime's own mode. It weakens what the runtime itself would
	// enforce: refusing where a set is missing or a record cannot be written.
	// Policies are weakened where they are compiled. Empty weakens nothing.
	Mode mesh.Mode
	// UnrecordedUnsafe releases decisions that were not recorded: there is no
	// evidence of them, and audit mode evaluates nothing. The recorder then
	// takes other events only.
	UnrecordedUnsafe bool
	// Observe is told of each decision that is released. It must be fast and
	// safe for concurrent use. Nil observes nothing.
	Observe func(Observation)
}

// Observation is a released decision and what it took.
type Observation struct {
	Decision *mesh.Decision
	Recorded bool          // false if the journal did not take it
	Total    time.Duration // of the whole request, with recording
}

// Point is a decision point. It is safe for concurrent use.
type Point struct {
	recorder Recorder
	opts     Options
	current  atomic.Pointer[Set]
	scratch  sync.Pool     // of *scratch
	skipped  atomic.Uint64 // decisions that were not even to be recorded
}

// scratch is what evaluating needs and may be used again.
type scratch struct {
	input   engine.Input
	verdict engine.Verdict
	result  engine.Result
}

// New returns a decision point without any policy: it allows what it is asked
// until a [Set] says otherwise.
func New(recorder Recorder, opts Options) (*Point, error) {
	if opts.Tenant == "" {
		opts.Tenant = mesh.DefaultTenant
	}
	p := &Point{recorder: recorder, opts: opts}
	p.scratch.New = func() any { return new(scratch) }
	return p, p.Swap(Set{})
}

// Swap puts a set into force. Requests that are under way finish on the set
// they began with.
func (p *Point) Swap(s Set) error {
	if s.Program == nil {
		program, err := emptyProgram()
		if err != nil {
			return fmt.Errorf("compiling a set without policies: %w", err)
		}
		s.Program = program
	}
	p.current.Store(&s)
	return nil
}

// Skipped returns how many decisions were released without any attempt to
// record them: none, unless [Options.UnrecordedUnsafe] says so.
func (p *Point) Skipped() uint64 { return p.skipped.Load() }

// Current returns the set in force. It must not be changed.
func (p *Point) Current() *Set { return p.current.Load() }

// Caller is who asks, as far as the transport knows.
type Caller struct {
	// RequestID is recorded for actions that do not bring an id of their own.
	RequestID string
}

// MaxBatchSteps is how many steps the rules may take for all actions that are
// decided together. When they are used up, rules that loop fail.
const MaxBatchSteps = 5 * engine.MaxSteps

// Decide decides the actions of one request, in order, on one set, and records
// all of them as one unit before it returns. A decision that cannot be recorded
// says so, and is a denial unless no policy in enforce mode is concerned.
//
// An error means that nothing may be released: [mesh.CodeInvalid] for an
// action that cannot be recorded as it is, or the cause why ctx is done.
func (p *Point) Decide(ctx context.Context, actions []*mesh.Action, caller Caller) ([]mesh.Decision, error) {
	return p.decideAll(ctx, actions, caller, func(*mesh.Decision) bool { return false })
}

// DecideUntil is [Point.Decide] up to and including the first action that is
// allowed, if last is true, or denied: what comes after is neither decided nor
// recorded. Where recording fails, an action in front of the last one may come
// back denied, too.
func (p *Point) DecideUntil(ctx context.Context, actions []*mesh.Action, last bool, caller Caller) ([]mesh.Decision, error) {
	return p.decideAll(ctx, actions, caller, func(d *mesh.Decision) bool { return d.Allowed == last })
}

func (p *Point) decideAll(ctx context.Context, actions []*mesh.Action, caller Caller, last func(*mesh.Decision) bool) ([]mesh.Decision, error) {
	start := time.Now()
	for i, a := range actions {
		if err := a.CheckRecordable(); err != nil {
			if len(actions) > 1 {
				return nil, fmt.Errorf("actions[%d]: %w", i, err)
			}
			return nil, err
		}
	}
	set := p.current.Load()
	decisions := make([]mesh.Decision, len(actions))
	if p.opts.UnrecordedUnsafe {
		return p.decideUnrecorded(ctx, set, decisions, actions, last)
	}
	left := MaxBatchSteps
	records := make([]journal.Record, len(actions))
	enforcing := make([]bool, len(actions))
	for i, a := range actions {
		d := p.decide(ctx, set, a, &left, &decisions[i])
		if err := interrupted(ctx); err != nil {
			return nil, err
		}
		d.describe(caller)
		enforcing[i] = d.enforcing
		var err error
		if records[i], err = d.record(set.Program.HasDeferred()); err != nil {
			return nil, err
		}
		if last(&decisions[i]) {
			decisions, records = decisions[:i+1], records[:i+1]
			break
		}
	}
	_, err := p.recorder.Append(ctx, records)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("recording a decision: %w", context.Cause(ctx))
	}
	total := time.Since(start)
	for i := range decisions {
		if err != nil {
			unrecorded(&decisions[i])
		}
		if err != nil && enforcing[i] {
			refuse(&decisions[i], RuleJournal, "the decision could not be recorded: "+err.Error())
		}
		if p.opts.Observe != nil {
			p.opts.Observe(Observation{Decision: &decisions[i], Recorded: err == nil, Total: total})
		}
	}
	return decisions, nil
}

// interrupted returns why nobody waits for a decision any more. What was decided
// meanwhile is none: its rules may have been interrupted, too.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("deciding: %w", context.Cause(ctx))
}

// decideUnrecorded is the rest of decideAll where nothing is recorded.
func (p *Point) decideUnrecorded(ctx context.Context, set *Set, decisions []mesh.Decision, actions []*mesh.Action, last func(*mesh.Decision) bool) ([]mesh.Decision, error) {
	start, left := time.Now(), MaxBatchSteps
	for i, a := range actions {
		p.decide(ctx, set, a, &left, &decisions[i])
		if err := interrupted(ctx); err != nil {
			return nil, err
		}
		unrecorded(&decisions[i])
		if last(&decisions[i]) {
			decisions = decisions[:i+1]
			break
		}
	}
	p.skipped.Add(uint64(len(decisions)))
	if p.opts.Observe != nil {
		total := time.Since(start)
		for i := range decisions {
			p.opts.Observe(Observation{Decision: &decisions[i], Total: total})
		}
	}
	return decisions, nil
}

// Record appends an event that is no decision, such as a change of the set.
func (p *Point) Record(ctx context.Context, event mesh.Event) error {
	data, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encoding a %s event: %w", event.Kind, err)
	}
	_, err = p.recorder.Append(ctx, []journal.Record{{Data: data}})
	return err
}

// weakened reports whether the runtime's own mode lets through what the
// runtime itself would refuse.
func (p *Point) weakened() bool {
	return p.opts.Mode != "" && p.opts.Mode.WeakerThan(mesh.ModeEnforce)
}

// enforces reports whether a decision with this result must be refused when it
// cannot be recorded. Where no policy ran at all, the runtime's mode decides.
func (p *Point) enforces(program *engine.Program, r *engine.Result) bool {
	switch r.Mode {
	case mesh.ModeEnforce:
		return true
	case "":
		return !p.weakened() && !program.HasDeferred()
	}
	return false
}
