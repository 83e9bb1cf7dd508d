// Package suite is the benchmark: what is measured, in which order and how
// often. [Run] does it by a [Plan] and returns [Results], which package report
// puts into words.
package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
	"github.com/ai-agent-mesh/mesh/engine/bench/product"
	"github.com/ai-agent-mesh/mesh/engine/bench/worker"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// Results are everything that was measured.
type Results struct {
	Machine  Machine
	Date     time.Time
	Plan     Plan
	Tables   []Table
	Growth   Growth
	Compile  product.Compiling
	Swap     *product.Swapping
	Decode   []product.Decoding
	Loopback []loopback.Figures // none if the plan left it away
}

// Table is one set decided by every engine.
type Table struct {
	Shape  workload.Shape
	Denied float64 // the share of its actions
	Rows   []Row
}

// Row is what one engine needs.
type Row struct {
	Engine  string
	Load    time.Duration    // processor time
	Costs   []measure.Cost   // of a decision, by repetition: those of all rows were measured in turn
	Spreads []measure.Spread // of blocks of decisions, by run; none for most engines
}

// Growth is the product's decision with few and with many rules loaded, the
// same number of them relevant.
type Growth struct {
	Few, Many           workload.Shape
	FewCosts, ManyCosts []measure.Cost // by repetition, in turn
}

// Row returns the row of an engine, nil if there is none.
func (t *Table) Row(engine string) *Row {
	for i := range t.Rows {
		if t.Rows[i].Engine == engine {
			return &t.Rows[i]
		}
	}
	return nil
}

// Table returns the table of a shape, nil if there is none.
func (r *Results) Table(shape workload.Shape) *Table {
	for i := range r.Tables {
		if r.Tables[i].Shape == shape {
			return &r.Tables[i]
		}
	}
	return nil
}

// Run measures by the plan and writes what it is at to progress. An engine
// whose decisions differ from the reference's is an error.
func Run(ctx context.Context, plan Plan, progress io.Writer) (*Results, error) {
	r := &Results{Machine: thisMachine(), Date: time.Now().UTC(), Plan: plan}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"engines", func() error { return r.tables(ctx, progress) }},
		{"growth", func() error { return r.growth(ctx) }},
		{"compiling", func() (err error) { r.Compile, err = product.Compile(plan.CompileRules, plan.Repetitions); return err }},
		{"swapping", func() (err error) {
			r.Swap, err = product.Swap(plan.SwapRules, plan.Repetitions, plan.SwapFor)
			return err
		}},
		{"decoding", r.decoding},
		{"HTTP", func() error { return r.loopback(ctx) }},
	} {
		fmt.Fprintf(progress, "measuring %s\n", step.name)
		if err := step.run(); err != nil {
			return nil, fmt.Errorf("measuring %s: %w", step.name, err)
		}
	}
	return r, nil
}

func (r *Results) tables(ctx context.Context, progress io.Writer) error {
	for _, shape := range r.Plan.Shapes {
		fmt.Fprintf(progress, "  %s\n", shape)
		t, err := r.Plan.table(ctx, shape)
		if err != nil {
			return err
		}
		r.Tables = append(r.Tables, *t)
	}
	return nil
}

// table loads one set into every engine and measures them in turn.
func (p *Plan) table(ctx context.Context, shape workload.Shape) (_ *Table, err error) {
	var jobs []worker.Job
	for _, kind := range engines.Kinds() {
		jobs = append(jobs, worker.Job{Engine: kind.Name, Shape: shape})
	}
	workers, err := start(ctx, jobs)
	defer func() { err = errors.Join(err, stop(workers)) }()
	if err != nil {
		return nil, err
	}
	costs, err := p.costs(workers)
	if err != nil {
		return nil, err
	}
	t := &Table{Shape: shape, Denied: workers[0].Denied}
	for i, w := range workers {
		t.Rows = append(t.Rows, Row{Engine: w.Job.Engine, Load: w.Load, Costs: costs[i]})
	}
	return t, p.spreads(t, workers)
}

// costs measures each worker in each repetition.
func (p *Plan) costs(workers []*worker.Worker) ([][]measure.Cost, error) {
	all := make([][]measure.Cost, len(workers))
	for range p.Repetitions {
		for i, w := range workers {
			c, err := w.Cost(p.For)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], c)
		}
	}
	return all, nil
}

// spreads measures how even the decisions of the product are, and those of the
// hand-written table to tell how even this machine is.
func (p *Plan) spreads(t *Table, workers []*worker.Worker) error {
	for range p.Repetitions {
		for i, w := range workers {
			row := &t.Rows[i]
			if row.Engine != engines.Hand && row.Engine != engines.Mesh {
				continue
			}
			blocks := p.blocks(measure.Medians(row.Costs))
			if blocks < fewestBlocks {
				continue
			}
			s, err := w.Spread(blocks)
			if err != nil {
				return err
			}
			row.Spreads = append(row.Spreads, s)
		}
	}
	return nil
}

// Blocks of a run: with fewer there is no percentile to speak of, and more
// tell nothing new.
const (
	fewestBlocks = 20
	mostBlocks   = 2000
)

// blocks is how many blocks of calls of that cost there is time for.
func (p *Plan) blocks(c measure.Cost) int {
	return min(int(float64(p.SpreadFor)/(c.CPU*measure.BlockSize)), mostBlocks)
}

func (r *Results) growth(ctx context.Context) (err error) {
	g := Growth{Few: r.Plan.Few, Many: r.Plan.Many}
	workers, err := start(ctx, []worker.Job{{Engine: engines.Mesh, Shape: g.Few}, {Engine: engines.Mesh, Shape: g.Many}})
	defer func() { err = errors.Join(err, stop(workers)) }()
	if err != nil {
		return err
	}
	costs, err := r.Plan.costs(workers)
	if err != nil {
		return err
	}
	g.FewCosts, g.ManyCosts = costs[0], costs[1]
	r.Growth = g
	return nil
}

func (r *Results) decoding() error {
	for _, shape := range r.Plan.DecodeShapes {
		d, err := product.Decode(shape, r.Plan.Repetitions, r.Plan.For)
		if err != nil {
			return err
		}
		r.Decode = append(r.Decode, d)
	}
	return nil
}

func (r *Results) loopback(ctx context.Context) error {
	for _, with := range r.Plan.servers() {
		dir, err := os.MkdirTemp("", "enginebench")
		if err != nil {
			return err
		}
		figures, err := r.serve(ctx, dir, with)
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			return err
		}
		r.Loopback = append(r.Loopback, figures...)
	}
	return nil
}

// serve measures one server, which may use the directory.
func (r *Results) serve(ctx context.Context, dir string, with func(context.Context, string) (*loopback.Server, error)) (_ []loopback.Figures, err error) {
	s, err := with(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return loopback.Measure(ctx, s, r.Plan.LoopbackShape, r.Plan.Loopback)
}

// start starts workers; those that were started are returned with an error,
// too.
func start(ctx context.Context, jobs []worker.Job) ([]*worker.Worker, error) {
	var workers []*worker.Worker
	for _, job := range jobs {
		w, err := worker.Start(ctx, job)
		if err != nil {
			return workers, err
		}
		workers = append(workers, w)
	}
	return workers, nil
}

func stop(workers []*worker.Worker) error {
	var errs []error
	for _, w := range workers {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}
