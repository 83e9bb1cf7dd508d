package suite

import (
	"context"
	"path/filepath"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// Plan says what is measured and for how long.
type Plan struct {
	Flags       []string      // that the program was given, but for where to write
	Quick       bool          // the figures mean nothing
	Repetitions int           // of everything
	For         time.Duration // of one engine's cost in one repetition
	SpreadFor   time.Duration // of its spread, about

	Shapes       []workload.Shape // decided by every engine
	Headline     workload.Shape   // of Shapes: what most targets are about
	Few, Many    workload.Shape   // compared with each other
	CompileRules int
	SwapRules    int
	SwapFor      time.Duration
	DecodeShapes []workload.Shape // the last is what the target is about

	LoopbackShape workload.Shape
	Loopback      loopback.Plan // without repetitions, HTTP is left away
	Runtime       *Runtime      // measured as well; nil measures the benchmark's own server alone
}

// Runtime is the product's program with a data directory of its own.
type Runtime struct {
	Program string
	Data    string
	Args    []string
}

// Full is what the published figures are measured by.
func Full() Plan {
	const repetitions = 5
	headline := workload.Shape{Rules: 1000, Relevant: 100}
	return Plan{
		Repetitions: repetitions, For: 300 * time.Millisecond, SpreadFor: 2 * time.Second,
		Shapes: []workload.Shape{
			{Rules: 10, Relevant: 10}, {Rules: 100, Relevant: 10}, {Rules: 1000, Relevant: 10}, {Rules: 10_000, Relevant: 10},
			{Rules: 100, Relevant: 100}, headline, {Rules: 1000, Relevant: 100, Overlap: true}, {Rules: 10_000, Relevant: 100},
		},
		Headline: headline,
		Few:      workload.Shape{Rules: 10, Relevant: 10}, Many: workload.Shape{Rules: 10_000, Relevant: 10},
		CompileRules: 10_000,
		SwapRules:    1000, SwapFor: 500 * time.Millisecond,
		DecodeShapes:  []workload.Shape{{Rules: 1000, Relevant: 10}, headline},
		LoopbackShape: workload.Shape{Rules: 1000, Relevant: 10},
		Loopback:      loopback.Plan{Repetitions: repetitions, Batches: 500, Singles: 20_000},
	}
}

// Quick does the same to sets so small, and so shortly, that its figures mean
// nothing: it shows that everything works and that all engines agree.
func Quick() Plan {
	small := workload.Shape{Rules: 100, Relevant: 20}
	return Plan{
		Quick: true, Repetitions: 1, For: time.Millisecond, SpreadFor: 10 * time.Millisecond,
		Shapes:   []workload.Shape{small, {Rules: 100, Relevant: 50, Overlap: true}},
		Headline: small,
		Few:      workload.Shape{Rules: 10, Relevant: 10}, Many: workload.Shape{Rules: 100, Relevant: 10},
		CompileRules: 100,
		SwapRules:    50, SwapFor: time.Millisecond,
		DecodeShapes:  []workload.Shape{small},
		LoopbackShape: small,
		Loopback:      loopback.Plan{Repetitions: 1, Batches: 8, Singles: 100},
	}
}

// servers are those to measure, each started with a directory for its files.
func (p *Plan) servers() []func(context.Context, string) (*loopback.Server, error) {
	if p.Loopback.Repetitions == 0 {
		return nil
	}
	own := func(journal bool) func(context.Context, string) (*loopback.Server, error) {
		return func(ctx context.Context, dir string) (*loopback.Server, error) {
			return loopback.Start(ctx, loopback.Job{Shape: p.LoopbackShape, Dir: dir, Journal: journal})
		}
	}
	all := []func(context.Context, string) (*loopback.Server, error){own(false), own(true)}
	if r := p.Runtime; r != nil {
		all = append(all, func(ctx context.Context, dir string) (*loopback.Server, error) {
			return loopback.StartRuntime(ctx, loopback.Runtime{Program: filepath.Clean(r.Program), Data: r.Data, Args: r.Args, Dir: dir})
		})
	}
	return all
}
