package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
	"github.com/ai-agent-mesh/mesh/engine/bench/product"
	"github.com/ai-agent-mesh/mesh/engine/bench/report"
	"github.com/ai-agent-mesh/mesh/engine/bench/suite"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

var update = flag.Bool("update", false, "write the golden file anew")

// costs are repetitions in which a call took ns nanoseconds, twice as many
// when the machine was busy.
func costs(ns, allocs float64) []measure.Cost {
	return []measure.Cost{
		{CPU: ns, Wall: ns, Allocs: allocs, Bytes: 32 * allocs},
		{CPU: 2 * ns, Wall: 3 * ns, Allocs: allocs, Bytes: 32 * allocs},
		{CPU: ns, Wall: ns * 1.04, Allocs: allocs, Bytes: 32 * allocs},
	}
}

func spreads(p50, p99 float64) []measure.Spread {
	return []measure.Spread{{P50: p50, P99: p99}, {P50: p50, P99: 10 * p99}, {P50: p50, P99: p99}}
}

// results are what a machine could have measured on which every target but one
// was met.
func results() *suite.Results {
	plan := suite.Full()
	table := suite.Table{Shape: plan.Headline, Denied: 0.297}
	for engine, row := range map[string]suite.Row{
		engines.Hand:      {Load: 900 * time.Microsecond, Costs: costs(230.4, 0), Spreads: spreads(231, 250)},
		engines.Mesh:      {Load: 140 * time.Millisecond, Costs: costs(180.25, 0.0004), Spreads: spreads(181, 402.3)},
		engines.CEL:       {Load: 90 * time.Millisecond, Costs: costs(20_111, 72.1)},
		engines.CELLimit:  {Load: 95 * time.Millisecond, Costs: costs(119_000, 364)},
		engines.Cedar:     {Load: 25 * time.Millisecond, Costs: costs(22_800, 12.04)},
		engines.CedarList: {Load: 26 * time.Millisecond, Costs: costs(15_000, 13)},
		engines.OPACode:   {Load: 125 * time.Millisecond, Costs: costs(420_000, 720)},
		engines.OPAData:   {Load: 47 * time.Millisecond, Costs: costs(231_157, 1617)},
	} {
		row.Engine = engine
		table.Rows = append(table.Rows, row)
	}
	order := map[string]int{}
	for i, k := range engines.Kinds() {
		order[k.Name] = i
	}
	rows := make([]suite.Row, len(table.Rows))
	for _, row := range table.Rows {
		rows[order[row.Engine]] = row
	}
	table.Rows = rows
	decode := product.Decoding{Bytes: 611.6, Standard: costs(8000, 57), Decode: costs(900, 0), Decide: costs(1200, 0), Shape: plan.Headline}
	server := func(name, network string, factor float64) loopback.Figures {
		return loopback.Figures{
			Server: name, Network: network,
			Batches: []float64{120_345 * factor}, Singles: []float64{23_456 * factor}, Empties: []float64{26_789},
		}
	}
	return &suite.Results{
		Machine: suite.Machine{
			Processor: "Quick Processor 3000", Cores: 2, System: "linux/amd64", Go: "go1.26.8", Load: "0.53",
			Modules: []suite.Version{{Module: "cel.dev/cel-go", Version: "v0.33.2"}},
		},
		Date: time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC), Plan: plan,
		Tables:  []suite.Table{table},
		Growth:  suite.Growth{Few: plan.Few, Many: plan.Many, FewCosts: costs(40, 0), ManyCosts: costs(140, 0)},
		Compile: product.Compiling{Rules: 10_000, Parse: measure.Cost{CPU: 2.5e8, Wall: 1.26e8}, Compile: measure.Cost{CPU: 3.1e9, Wall: 1.61e9}},
		Swap:    &product.Swapping{Rules: 1000, Quiet: spreads(210, 400), Swapped: spreads(220, 500), Swaps: 17},
		Decode:  []product.Decoding{decode},
		Loopback: []loopback.Figures{
			server("plain", "tcp", 1), server("plain", "unix", 1.1), server("with journal", "tcp", 0.5), server("with journal", "unix", 0.7),
		},
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	got := report.Markdown(results())
	golden := filepath.Join("testdata", "engine.md")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the report differs from %s; look at it with -update:\n%s", golden, got)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	var missed []string
	for _, target := range report.Targets(results()) {
		if !target.Met {
			missed = append(missed, target.String())
		}
	}
	want := "missed  a decision with 10,000 rules loaded, compared with one with 10: 3.50 × (target ≤ 3 ×)"
	if len(missed) != 1 || missed[0] != want {
		t.Errorf("missed %q, want %q", missed, want)
	}
}

// TestTargetsOfTheHeadline changes one engine at a time.
func TestTargetsOfTheHeadline(t *testing.T) {
	t.Parallel()
	met := func(change func(*suite.Table)) int {
		r := results()
		change(r.Table(workload.Shape{Rules: 1000, Relevant: 100}))
		n := 0
		for _, target := range report.Targets(r) {
			if target.Met {
				n++
			}
		}
		return n
	}
	all := met(func(*suite.Table) {})
	for engine, cost := range map[string]float64{engines.CEL: 14_000, engines.Cedar: 16_000, engines.OPAData: 180_000, engines.Hand: 170} {
		if got := met(func(t *suite.Table) { t.Row(engine).Costs = costs(cost, 0) }); got != all-1 {
			t.Errorf("with %s at %.0f ns %d targets are met, want %d", engine, cost, got, all-1)
		}
	}
	if got := met(func(t *suite.Table) { t.Row(engines.Mesh).Costs = costs(180, 1) }); got != all-1 {
		t.Errorf("with an allocation %d targets are met, want %d", got, all-1)
	}
	if got := met(func(t *suite.Table) { t.Row(engines.Mesh).Spreads = spreads(100, 401) }); got != all-1 {
		t.Errorf("with a wide spread %d targets are met, want %d", got, all-1)
	}
}
