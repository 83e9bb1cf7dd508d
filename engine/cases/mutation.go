package cases

import (
	"context"

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
	out := &Mutation{Mutants: []MutantResult{}}
	usable := r.passing(ctx, suites)
	for _, s := range suites {
		out.Skipped += len(s.Cases)
	}
	out.Skipped -= len(usable)
	mutants, more := r.program.Mutants(MaxMutants)
	out.Truncated = more
	trial := r.program.NewTrial()
	for i, m := range mutants {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		result := MutantResult{
			Position: m.Position, ID: m.ID, PolicyID: m.PolicyID, RuleID: m.RuleID, Kind: string(m.Kind), Change: m.What,
		}
		trial.Use(m)
		if c := r.catch(ctx, trial, usable); c != nil {
			result.Caught, result.CaughtBy = true, c.Name
			out.Caught++
		} else {
			result.Hint = m.Hint
		}
		out.Mutants = append(out.Mutants, result)
		if progress != nil {
			progress(i+1, len(mutants))
		}
	}
	out.Tried = len(mutants)
	return out, ctx.Err()
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

// catch returns the first case that the mutant decides otherwise than it wants;
// nil if there is none.
func (r *run) catch(ctx context.Context, trial *engine.Trial, cases []*Case) *Case {
	for _, c := range cases {
		if trial.Evaluate(ctx, c.Action, &r.result) && len(r.differences(&c.Want, &r.result)) > 0 {
			return c
		}
	}
	return nil
}
