// Package product measures what only this product is measured for: how long it
// takes to compile policies, what decisions notice of a new set that is
// compiled and put into force meanwhile, and what reading an action costs.
package product

import (
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// Compiling is what putting policy documents into force takes, as medians.
type Compiling struct {
	Rules   int
	Parse   measure.Cost // of all documents
	Compile measure.Cost // of all policies
}

// Compile measures the documents of a set with that many rules.
func Compile(rules, repetitions int) (Compiling, error) {
	set, err := workload.Make(workload.Shape{Rules: rules, Relevant: workload.RulesPerPolicy})
	if err != nil {
		return Compiling{}, err
	}
	var parsing, compiling []measure.Cost
	for range repetitions {
		policies, err := engines.Policies(set)
		if err != nil {
			return Compiling{}, err
		}
		if _, err := engines.Compile(policies); err != nil {
			return Compiling{}, err
		}
		parsing = append(parsing, measure.Run(1, func(int) { _, _ = engines.Policies(set) }))
		compiling = append(compiling, measure.Run(1, func(int) { _, _ = engines.Compile(policies) }))
	}
	return Compiling{Rules: rules, Parse: measure.Medians(parsing), Compile: measure.Medians(compiling)}, nil
}

// Decoding is what reading an action of JSON costs.
type Decoding struct {
	Bytes    float64        // mean size of the documents
	Standard []measure.Cost // encoding/json into mesh.Action, by repetition
	Decode   []measure.Cost // the product's decoder
	Decide   []measure.Cost // the product's decoder and a decision
	Shape    workload.Shape // what was decided with
}

// Decode measures the actions of a set, each repetition for about that long.
func Decode(shape workload.Shape, repetitions int, while time.Duration) (Decoding, error) {
	set, err := workload.Make(shape)
	if err != nil {
		return Decoding{}, err
	}
	docs, err := newDocuments(set)
	if err != nil {
		return Decoding{}, err
	}
	d := Decoding{Shape: shape, Bytes: docs.meanSize()}
	calls := []func(int){docs.standard, docs.decode, docs.decide}
	counts := make([]int, len(calls))
	for i, call := range calls {
		counts[i] = measure.Calls(while, call)
	}
	for range repetitions {
		d.Standard = append(d.Standard, measure.Run(counts[0], docs.standard))
		d.Decode = append(d.Decode, measure.Run(counts[1], docs.decode))
		d.Decide = append(d.Decide, measure.Run(counts[2], docs.decide))
	}
	if docs.err != nil {
		return Decoding{}, fmt.Errorf("decoding while measuring: %w", docs.err)
	}
	return d, nil
}

// Swapping is how long single decisions take, reading the clock included.
type Swapping struct {
	Rules   int              // compiled and swapped, in the background
	Quiet   []measure.Spread // without that, by run
	Swapped []measure.Spread // with
	Swaps   int              // in all runs
}

// P99Ratio returns how many times as long the slowest hundredth takes while
// sets are swapped: the median over the runs.
func (s *Swapping) P99Ratio() float64 {
	ratios := make([]float64, len(s.Quiet))
	for i := range ratios {
		ratios[i] = s.Swapped[i].P99 / s.Quiet[i].P99
	}
	return measure.Median(ratios)
}

// Swap measures decisions by a set of that many rules, ten of them relevant,
// while the set is compiled again and again and put into force. Each run takes
// about that long, longer if it takes longer to swap at all.
func Swap(rules, runs int, while time.Duration) (*Swapping, error) {
	set, err := workload.Make(workload.Shape{Rules: rules, Relevant: workload.RulesPerPolicy})
	if err != nil {
		return nil, err
	}
	policies, err := engines.Policies(set)
	if err != nil {
		return nil, err
	}
	force, err := newForce(policies, set.Actions)
	if err != nil {
		return nil, err
	}
	s := &Swapping{Rules: rules}
	for range runs {
		s.Quiet = append(s.Quiet, measure.SpreadOf(force.decide(deadline(while))))
		stop := force.swapping(policies)
		took := force.decide(deadline(while), force.swapped)
		swaps, err := stop()
		if err != nil {
			return nil, err
		}
		s.Swapped, s.Swaps = append(s.Swapped, measure.SpreadOf(took)), s.Swaps+swaps
	}
	return s, nil
}

// deadline returns a condition that holds once the time is over.
func deadline(while time.Duration) func() bool {
	end := time.Now().Add(while)
	return func() bool { return time.Now().After(end) }
}
