package product

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
)

// maxSamples bounds what one run remembers.
const maxSamples = 10_000_000

// force is the set in force, as a runtime keeps it: readers load a pointer.
type force struct {
	current atomic.Pointer[engines.Program]
	swaps   atomic.Int64 // since swapping began
	actions []*mesh.Action
	took    []uint32 // reused by every run
}

func newForce(policies []engine.Policy, actions []*mesh.Action) (*force, error) {
	program, err := engines.Compile(policies)
	if err != nil {
		return nil, err
	}
	f := &force{actions: actions, took: make([]uint32, 0, maxSamples)}
	f.current.Store(program)
	return f, nil
}

// decide decides until all conditions hold and returns how long each decision
// took, in nanoseconds. The next call overwrites it. An input belongs to the
// program it was bound to, so that binding is part of each decision here.
func (f *force) decide(until ...func() bool) []uint32 {
	var in engines.Input
	var verdict engines.Verdict
	f.took = f.took[:0]
	for i := 0; len(f.took) < maxSamples; i++ {
		start := time.Now()
		program := f.current.Load()
		program.Bind(f.actions[i%len(f.actions)], &in)
		program.Decide(&in, &verdict)
		f.took = append(f.took, uint32(min(time.Since(start), math.MaxUint32)))
		if i%1000 == 999 && all(until) {
			break
		}
	}
	return f.took
}

func all(conditions []func() bool) bool {
	for _, holds := range conditions {
		if !holds() {
			return false
		}
	}
	return true
}

// swapping compiles the policies and puts them into force, over and over, until
// stop is called, which returns how often it was.
func (f *force) swapping(policies []engine.Policy) (stop func() (int, error)) {
	f.swaps.Store(0)
	var stopping atomic.Bool
	failed := make(chan error, 1)
	go func() {
		for !stopping.Load() {
			program, err := engines.Compile(policies)
			if err != nil {
				failed <- err
				return
			}
			f.current.Store(program)
			f.swaps.Add(1)
		}
		failed <- nil
	}()
	return func() (int, error) {
		stopping.Store(true)
		err := <-failed
		return int(f.swaps.Load()), err
	}
}

// swapped reports whether a set was swapped at all.
func (f *force) swapped() bool { return f.swaps.Load() > 0 }
