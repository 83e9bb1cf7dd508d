// Package worker measures each engine in a process of its own, so that none
// pays for the memory of another: a garbage collector walks all of a process.
//
// [Start] runs this program again with the argument [Argument], loads one
// engine with one set there and has it checked. The caller then measures
// several workers in turn: while one works, the others wait. [Serve] is the
// other side.
package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// Argument is the first argument of a program that is to call [Serve].
const Argument = "worker"

// Job is what a worker is to load.
type Job struct {
	Engine string         `json:"engine"` // a name of engines.Kinds
	Shape  workload.Shape `json:"shape"`
}

// request is one measurement; one of the two is set.
type request struct {
	For    time.Duration `json:"for,omitempty"`    // measure the cost for about so long
	Blocks int           `json:"blocks,omitempty"` // measure the spread of so many blocks
}

// answer is what a worker says: first about loading, then to each request.
type answer struct {
	Load   time.Duration  `json:"load,omitempty"` // processor time
	Denied float64        `json:"denied,omitempty"`
	Cost   measure.Cost   `json:"cost,omitzero"`
	Spread measure.Spread `json:"spread,omitzero"`
	Error  string         `json:"error,omitempty"`
}

// Worker is a process that has an engine loaded. Its answers were checked.
type Worker struct {
	Job    Job
	Load   time.Duration // processor time of loading rules and making inputs
	Denied float64       // the share of the set's actions that are denied

	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// Start starts a worker and waits until its engine is loaded and has decided
// every action of the set as the reference does. The caller must Close it.
func Start(ctx context.Context, job Job) (*Worker, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	w := &Worker{Job: job, cmd: exec.CommandContext(ctx, program, Argument)}
	w.cmd.Stderr = os.Stderr
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = json.NewDecoder(out)
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	loaded, err := w.ask(job)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	w.Load, w.Denied = loaded.Load, loaded.Denied
	return w, nil
}

// Cost measures what a decision costs, for about that long.
func (w *Worker) Cost(while time.Duration) (measure.Cost, error) {
	a, err := w.ask(request{For: while})
	return a.Cost, err
}

// Spread measures how evenly decisions take, over so many blocks.
func (w *Worker) Spread(blocks int) (measure.Spread, error) {
	a, err := w.ask(request{Blocks: blocks})
	return a.Spread, err
}

// Close ends the worker.
func (w *Worker) Close() error {
	if err := w.in.Close(); err != nil {
		return err
	}
	return w.cmd.Wait()
}

func (w *Worker) ask(question any) (answer, error) {
	var a answer
	if err := json.NewEncoder(w.in).Encode(question); err != nil {
		return a, fmt.Errorf("%s with %s: asking the worker: %w", w.Job.Engine, w.Job.Shape, err)
	}
	if err := w.out.Decode(&a); err != nil {
		return a, fmt.Errorf("%s with %s: reading the worker's answer: %w", w.Job.Engine, w.Job.Shape, err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("%s with %s: %s", w.Job.Engine, w.Job.Shape, a.Error)
	}
	return a, nil
}

// Serve is a worker: it reads its job and then requests until in ends.
func Serve(in io.Reader, out io.Writer) error {
	questions, answers := json.NewDecoder(in), json.NewEncoder(out)
	var job Job
	if err := questions.Decode(&job); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	s, loaded := load(job)
	if err := answers.Encode(loaded); err != nil || s == nil {
		return err
	}
	for {
		var r request
		if err := questions.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		if err := answers.Encode(s.answer(r)); err != nil {
			return err
		}
	}
}

// served is a loaded engine.
type served struct {
	engine  engines.Engine
	perCall time.Duration // about, from the calls made so far
}

// load does the job; without a server the answer says why.
func load(job Job) (*served, answer) {
	kind, err := engines.Named(job.Engine)
	if err != nil {
		return nil, answer{Error: err.Error()}
	}
	set, err := workload.Make(job.Shape)
	if err != nil {
		return nil, answer{Error: err.Error()}
	}
	before := measure.CPU()
	e, err := kind.Load(set)
	took := measure.CPU() - before
	if err != nil {
		return nil, answer{Error: err.Error()}
	}
	want := engines.Reference(set)
	if err := engines.Check(e, want); err != nil {
		return nil, answer{Error: err.Error()}
	}
	return &served{engine: e}, answer{Load: took, Denied: want.Denied()}
}

func (s *served) answer(r request) answer {
	decide := func(i int) { s.engine.Decide(int(uint(i) % workload.Actions)) }
	if r.Blocks > 0 {
		return answer{Spread: measure.Blocks(r.Blocks, decide)}
	}
	if s.perCall == 0 {
		s.perCall = r.For / time.Duration(measure.Calls(r.For, decide))
	}
	cost := measure.Run(max(int(r.For/max(s.perCall, 1)), 1), decide)
	s.perCall = time.Duration(cost.Wall)
	return answer{Cost: cost}
}
