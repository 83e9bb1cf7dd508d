package loopback

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// BatchSize is the number of actions of a batch.
const BatchSize = 100

// connections is how many requests are under way at a time.
const connections = 8

// Figures are what one server does over one network, by repetition.
type Figures struct {
	Server  string
	Network string
	Batches []float64 // decisions a second, in batches of BatchSize
	Singles []float64 // requests a second with one action each
	Empties []float64 // the same requests, answered with an empty decision
}

// Share returns the rate of single decisions as a share of empty ones: the
// median over the repetitions.
func (f *Figures) Share() float64 {
	shares := make([]float64, len(f.Singles))
	for i := range shares {
		shares[i] = f.Singles[i] / f.Empties[i]
	}
	return measure.Median(shares)
}

// Plan says how much is sent.
type Plan struct {
	Repetitions int
	Batches     int // requests of each repetition
	Singles     int
}

// Measure asks a server over every network: in each repetition batches, single
// actions, and the same answered with an empty decision. A server that does not
// decide as the reference does is an error.
func Measure(ctx context.Context, s *Server, shape workload.Shape, plan Plan) ([]Figures, error) {
	set, err := workload.Make(shape)
	if err != nil {
		return nil, err
	}
	singles, batches, err := bodies(set)
	if err != nil {
		return nil, err
	}
	want := engines.Reference(set)
	var all []Figures
	for _, network := range Networks {
		f := Figures{Server: s.Name, Network: network}
		if err := check(ctx, s.Decide(network), batches, want); err != nil {
			return nil, fmt.Errorf("checking %s over %s: %w", s.Name, network, err)
		}
		for range plan.Repetitions {
			for _, part := range []struct {
				into   *[]float64
				target Target
				load   Load
				each   float64 // decisions a request
			}{
				{&f.Batches, s.Decide(network), Load{connections, plan.Batches, batches}, BatchSize},
				{&f.Singles, s.Decide(network), Load{connections, plan.Singles, singles}, 1},
				{&f.Empties, s.Empty(network), Load{connections, plan.Singles, singles}, 1},
			} {
				rate, err := Run(ctx, part.target, part.load)
				if err != nil {
					return nil, fmt.Errorf("%s over %s: %w", s.Name, network, err)
				}
				*part.into = append(*part.into, rate*part.each)
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// bodies are the actions of a set as requests.
func bodies(set *workload.Set) (singles, batches [][]byte, err error) {
	for i, a := range set.Actions {
		body, err := json.Marshal(a)
		if err != nil {
			return nil, nil, fmt.Errorf("encoding action %d: %w", i, err)
		}
		singles = append(singles, body)
	}
	for n := 0; n+BatchSize <= len(singles); n += BatchSize {
		var b bytes.Buffer
		b.WriteString(`{"actions":[`)
		b.Write(bytes.Join(singles[n:n+BatchSize], []byte(",")))
		b.WriteString(`]}`)
		batches = append(batches, b.Bytes())
	}
	return singles, batches, nil
}
