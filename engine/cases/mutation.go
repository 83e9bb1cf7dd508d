package cases

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
)

// MaxMutants bounds the mutants that one run tries.
const MaxMutants = 10_000

// Mutation is the outcome of a mutation run.
type Mutation struct {
	Tried   int `json:"tried"`
	Caught  int `json:"caught"`
	Skipped int `json:"skipped"` // cases that fail without any change, and so tell nothing
	// Truncated is true if there are more mutants than [MaxMutants].
	Truncated bool           `json:"truncated"`
	Mutants   []MutantResult `json:"mutants"`
}

// MutantResult says whether the cases noticed one change of the policy.
type MutantResult struct {
	mesh.Position
	ID       string `json:"id"`
	PolicyID string `json:"policyId"`
	RuleID   string `json:"ruleId"`
	Kind     string `json:"kind"`
	Change   string `json:"change"` // in words
	Caught   bool   `json:"caught"`
	CaughtBy string `json:"caughtBy,omitzero"` // the first case that noticed
	Hint     string `json:"hint,omitzero"`     // the case that is missing
}

// Score returns the share of mutants that were caught, from 0 to 1; 1 if there
// are none.
func (m *Mutation) Score() float64 {
	return share(len(m.Mutants), func(i int) bool { return m.Mutants[i].Caught })
}

// Mutate changes the policies of p in many small ways, one at a time, and runs
// the cases: a change is caught if a case fails that passes without it.
// progress, which may be nil, is told how many are done. The error is that of
// ctx.
func Mutate(ctx context.Context, p *engine.Program, suites []*Suite, progress func(done, total int)) (*Mutation, error) {
	r := newRun(p)
	out := &Mutation{}
	usable := r.passing(ctx, suites)
	for _, s := range suites {
		out.Skipped += len(s.Cases)
	}
	out.Skipped -= len(usable)
	mutants, more := r.program.Mutants(MaxMutants)
	out.Truncated = more
	out.Tried = len(mutants)
	out.Mutants = make([]MutantResult, len(mutants))
	r.tryAll(ctx, mutants, usable, out.Mutants, progress)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range out.Mutants {
		if out.Mutants[i].Caught {
			out.Caught++
		}
	}
	return out, nil
}

// tryAll tries mutants on all processors, and tells progress one after the
// other.
func (r *run) tryAll(ctx context.Context, mutants []*engine.Mutant, usable []*Case, results []MutantResult, progress func(done, total int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	done := make(chan struct{})
	for range min(runtime.GOMAXPROCS(0), max(len(mutants), 1)) {
		group.Go(func() {
			t := newTrials(r, usable)
			for i := next.Add(1) - 1; i < int64(len(mutants)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				results[i] = t.try(ctx, mutants[i])
				done <- struct{}{}
			}
		})
	}
	go func() {
		group.Wait()
		close(done)
	}()
	n := 0
	for range done {
		if n++; progress != nil {
			progress(n, len(mutants))
		}
	}
}

// trials tries one mutant after the other.
type trials struct {
	run   *run
	trial *engine.Trial
	cases []*Case
	sieve *engine.Sieve
}

func newTrials(r *run, usable []*Case) *trials {
	own := *r
	own.in, own.verdict, own.result = engine.Input{}, engine.Verdict{}, engine.Result{}
	actions := make([]*mesh.Action, len(usable))
	for i, c := range usable {
		actions[i] = c.Action
	}
	return &trials{run: &own, trial: r.program.NewTrial(), cases: usable, sieve: engine.NewSieve(actions)}
}

func (t *trials) try(ctx context.Context, m *engine.Mutant) MutantResult {
	out := MutantResult{
		Position: m.Position, ID: m.ID, PolicyID: m.PolicyID, RuleID: m.RuleID, Kind: string(m.Kind), Change: m.What,
	}
	t.trial.Use(m)
	if c := t.catch(ctx, m); c != nil {
		out.Caught, out.CaughtBy = true, c.Name
	} else {
		out.Hint = m.Hint
	}
	return out
}

// catch returns the first case that a mutant decides otherwise than it wants;
// nil if there is none.
func (t *trials) catch(ctx context.Context, m *engine.Mutant) *Case {
	for _, i := range t.sieve.Concerned(m) {
		c := t.cases[i]
		if t.trial.Evaluate(ctx, c.Action, &t.run.result) && len(t.run.differences(&c.Want, &t.run.result)) > 0 {
			return c
		}
	}
	return nil
}

// passing returns the cases that pass without any change.
func (r *run) passing(ctx context.Context, suites []*Suite) []*Case {
	var out []*Case
	for _, s := range suites {
		for i := range s.Cases {
			c := &s.Cases[i]
			r.program.Evaluate(ctx, c.Action, engine.Inline, &r.result)
			if len(r.differences(&c.Want, &r.result)) == 0 {
				out = append(out, c)
			}
		}
	}
	return out
}
