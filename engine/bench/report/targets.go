package report

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
	"github.com/ai-agent-mesh/mesh/engine/bench/suite"
)

// Target is something that the product is to reach, and whether it did.
type Target struct {
	What string
	Want string
	Got  string
	Met  bool
}

func (t Target) String() string {
	met := "met   "
	if !t.Met {
		met = "missed"
	}
	return fmt.Sprintf("%s  %s: %s (target %s)", met, t.What, t.Got, t.Want)
}

// atLeast and atMost are targets for a figure, in a unit.
func atLeast(what string, want, got float64, unit string) Target {
	return Target{what, "≥ " + strconv.FormatFloat(want, 'f', -1, 64) + unit, significant(got) + unit, got >= want}
}

func atMost(what string, want, got float64, unit string) Target {
	return Target{what, "≤ " + strconv.FormatFloat(want, 'f', -1, 64) + unit, significant(got) + unit, got <= want}
}

// times is the unit of a ratio.
const times = " ×"

// Targets returns every target that the results say something about.
func Targets(r *suite.Results) []Target {
	return slices.Concat(decisionTargets(r), productTargets(r), loopbackTargets(r))
}

// decisionTargets are about the headline set.
func decisionTargets(r *suite.Results) []Target {
	t := r.Table(r.Plan.Headline)
	ours := t.Row(engines.Mesh)
	than := func(engine string) float64 { return measure.Ratio(ours.Costs, t.Row(engine).Costs) }
	allocs := measure.Medians(ours.Costs).Allocs
	on := ", " + shapeOf(t.Shape)
	return []Target{
		atLeast("faster than cel-go (map, OptOptimize)"+on, 80, than(engines.CEL), times),
		atLeast("faster than cedar-go (PolicySet, behind our index)"+on, 90, than(engines.Cedar), times),
		atLeast("faster than OPA (the faster of its forms)"+on, 1000, min(than(engines.OPACode), than(engines.OPAData)), times),
		atMost("time of a decision, compared with the Go table"+on, 1, measure.Ratio(t.Row(engines.Hand).Costs, ours.Costs), times),
		{What: "allocations of a decision" + on, Want: "0", Got: count(allocs), Met: allocs < noAllocation},
		atMost("p99 of blocks of decisions, compared with their p50"+on, 4, evenness(ours.Spreads), times),
	}
}

// productTargets are about what only the product is measured for.
func productTargets(r *suite.Results) []Target {
	swapped := whole(r.Swap.Rules)
	d := r.Decode[len(r.Decode)-1]
	return []Target{
		atMost(fmt.Sprintf("a decision with %s rules loaded, compared with one with %s", whole(r.Growth.Many.Rules), whole(r.Growth.Few.Rules)),
			3, measure.Ratio(r.Growth.FewCosts, r.Growth.ManyCosts), times),
		atMost("compiling "+whole(r.Compile.Rules)+" rules", 2, r.Compile.Compile.Wall/1e9, " s"),
		atMost("p99 of decisions while "+swapped+" rules are compiled and swapped, compared with undisturbed", 2, r.Swap.P99Ratio(), times),
		atLeast(fmt.Sprintf("faster in decoding and deciding %s bytes than encoding/json in decoding alone, %s", whole(int(d.Bytes)), shapeOf(d.Shape)),
			6, measure.Ratio(d.Decide, d.Standard), times),
	}
}

// evenness is how many times its p50 the p99 is: the median over the runs.
func evenness(spreads []measure.Spread) float64 {
	ratios := make([]float64, len(spreads))
	for i, s := range spreads {
		ratios[i] = s.P99 / s.P50
	}
	return measure.Median(ratios)
}

// loopbackTargets are about the product's program, if that was measured, and
// else about the benchmark's own server without a journal.
func loopbackTargets(r *suite.Results) []Target {
	judged := r.Loopback
	if n := len(loopback.Networks); len(judged) > n {
		judged = judged[:n]
		if r.Plan.Runtime != nil {
			judged = r.Loopback[len(r.Loopback)-n:]
		}
	}
	var targets []Target
	for _, f := range judged {
		decisions := measure.Median(f.Batches)
		targets = append(targets,
			Target{
				What: fmt.Sprintf("decisions over HTTP, batches of %d over %s", loopback.BatchSize, f.Network),
				Want: "≥ 100,000/s", Got: rate(decisions) + "/s", Met: decisions >= 100_000,
			},
			atLeast("single decisions over "+f.Network+", compared with the rate of empty ones", 0.8, f.Share(), times),
		)
	}
	return targets
}
