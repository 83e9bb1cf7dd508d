// Package report puts the benchmark's results into words: a page that says
// what was compared with what, how, on which machine, and which targets were
// met.
package report

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
	"github.com/ai-agent-mesh/mesh/engine/bench/suite"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// page is the report while it is written.
type page struct{ bytes.Buffer }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes a table; the first row is its head. Cells of columns after the
// first are figures.
func (p *page) table(rows [][]string) {
	for i, row := range rows {
		p.line("| %s |", strings.Join(row, " | "))
		if i == 0 {
			p.line("| --- |%s", strings.Repeat(" ---: |", len(row)-1))
		}
	}
	p.line("")
}

// Markdown is the report.
func Markdown(r *suite.Results) []byte {
	var p page
	p.line("# How fast decisions are\n")
	p.line("Written by `make bench-engine`; do not edit. %s, %d cores, %s, %s, on %s.\n",
		r.Machine.Processor, r.Machine.Cores, r.Machine.System, r.Machine.Go, r.Date.Format("2006-01-02"))
	if r.Plan.Quick {
		p.line("**A quick run: it shows that everything works. Its figures mean nothing.**\n")
	}
	p.targets(r)
	p.compared(r)
	p.decisions(r)
	p.product(r)
	p.loopback(r)
	p.method(r)
	return p.Bytes()
}

func (p *page) targets(r *suite.Results) {
	p.line("## Targets\n")
	rows := [][]string{{"What", "Target", "Measured", "Met"}}
	for _, t := range Targets(r) {
		met := "yes"
		if !t.Met {
			met = "**no**"
		}
		rows = append(rows, []string{t.What, t.Want, t.Got, met})
	}
	p.table(rows)
	p.line("A ratio says how the two compare on one machine in one run, and is what to look at: times on another machine differ.\n")
}

func (p *page) compared(r *suite.Results) {
	p.line("## What is compared\n")
	p.line("Policies of ten data protection rules each: consent given, purpose among the valid and not among the prohibited ones, algorithm and key")
	p.line("age of the encryption, retention, legal basis, region, and time and format of answers to data subjects. A policy looks at one action type")
	p.line("and one resource type and has constants of its own. Three in ten actions break one to three rules; what rules look at is absent now and then,")
	p.line("which violates. Every engine must name **all** violated rules of an action.\n")
	p.line("| Engine | As used |\n| --- | --- |")
	for _, k := range engines.Kinds() {
		p.line("| %s | %s |", k.Name, k.Uses)
	}
	p.line("")
	var versions []string
	for _, m := range r.Machine.Modules {
		versions = append(versions, m.Module+" "+m.Version)
	}
	if len(versions) > 0 {
		p.line("Versions: %s.\n", strings.Join(versions, ", "))
	}
}

func (p *page) decisions(r *suite.Results) {
	p.line("## One decision\n")
	p.line("Processor time of a decision, the median of %d repetitions; *of the table* and *mesh is faster* are medians of the ratios", r.Plan.Repetitions)
	p.line("within each repetition. Time on the wall tells how far the machine was busy otherwise. *Loading* is processor time, inputs included.\n")
	for _, t := range r.Tables {
		p.line("### %s\n", titleOf(t.Shape))
		p.line("%.0f %% of the actions are denied.\n", 100*t.Denied)
		p.decisionTable(&t)
	}
}

func (p *page) decisionTable(t *suite.Table) {
	rows := [][]string{{"Engine", "Processor", "Wall", "Of the table", "mesh is faster", "Allocations", "Bytes", "Loading"}}
	hand, ours := t.Row(engines.Hand).Costs, t.Row(engines.Mesh).Costs
	for _, row := range t.Rows {
		c := measure.Medians(row.Costs)
		rows = append(rows, []string{
			row.Engine, nanoseconds(c.CPU), nanoseconds(c.Wall),
			significant(measure.Ratio(hand, row.Costs)) + times, significant(measure.Ratio(ours, row.Costs)) + times,
			count(c.Allocs), whole(int(math.Round(c.Bytes))), duration(row.Load),
		})
	}
	p.table(rows)
	if len(t.Row(engines.Mesh).Spreads) == 0 {
		return // too slow to be measured so
	}
	rows = [][]string{{"Blocks of " + whole(measure.BlockSize) + " decisions, each", "p50", "p99", "p99 / p50"}}
	for _, row := range t.Rows {
		if len(row.Spreads) == 0 {
			continue
		}
		var p50, p99 []float64
		for _, s := range row.Spreads {
			p50, p99 = append(p50, s.P50), append(p99, s.P99)
		}
		rows = append(rows, []string{row.Engine, nanoseconds(measure.Median(p50)), nanoseconds(measure.Median(p99)), significant(evenness(row.Spreads))})
	}
	p.table(rows)
}

// product writes what only the product is measured for.
func (p *page) product(r *suite.Results) {
	p.line("## Rules loaded, compiling, swapping\n")
	g := r.Growth
	p.table([][]string{
		{"mesh", "Processor"},
		{"a decision with " + shapeOf(g.Few), nanoseconds(measure.Medians(g.FewCosts).CPU)},
		{"a decision with " + shapeOf(g.Many), nanoseconds(measure.Medians(g.ManyCosts).CPU)},
	})
	rules := whole(r.Compile.Rules)
	p.table([][]string{
		{"mesh", "Wall", "Processor"},
		{"parsing " + rules + " rules in " + whole(r.Compile.Rules/workload.RulesPerPolicy) + " documents", nanoseconds(r.Compile.Parse.Wall), nanoseconds(r.Compile.Parse.CPU)},
		{"compiling them", nanoseconds(r.Compile.Compile.Wall), nanoseconds(r.Compile.Compile.CPU)},
	})
	p.swapping(r)
	p.line("## Reading an action and deciding it\n")
	for _, d := range r.Decode {
		p.line("Actions of %s bytes on average, %s:\n", whole(int(d.Bytes)), shapeOf(d.Shape))
		rows := [][]string{{"", "Processor", "Allocations", "Of encoding/json"}}
		for _, row := range []struct {
			name  string
			costs []measure.Cost
		}{{"encoding/json into the same Go type", d.Standard}, {"mesh, decoding", d.Decode}, {"mesh, decoding and deciding", d.Decide}} {
			c := measure.Medians(row.costs)
			rows = append(rows, []string{row.name, nanoseconds(c.CPU), count(c.Allocs), significant(measure.Ratio(d.Standard, row.costs)) + times})
		}
		p.table(rows)
	}
}

func (p *page) swapping(r *suite.Results) {
	rules := whole(r.Swap.Rules)
	row := func(name string, spreads []measure.Spread) []string {
		var p50, p99 []float64
		for _, s := range spreads {
			p50, p99 = append(p50, s.P50), append(p99, s.P99)
		}
		return []string{name, nanoseconds(measure.Median(p50)), nanoseconds(measure.Median(p99))}
	}
	p.table([][]string{
		{"mesh, single decisions with " + rules + " rules loaded", "p50", "p99"},
		row("undisturbed", r.Swap.Quiet),
		row("while as many are compiled and put into force, over and over", r.Swap.Swapped),
	})
	p.line("%d sets were put into force meanwhile. These decisions include binding the action to the set, and reading the clock twice.\n", r.Swap.Swaps)
}

func (p *page) loopback(r *suite.Results) {
	if len(r.Loopback) == 0 {
		return
	}
	p.line("## Over HTTP\n")
	p.line("%s; the client runs on the same %d cores. An *empty* request is the same request, answered with an empty decision. Medians of %d repetitions.\n",
		titleOf(r.Plan.LoopbackShape), r.Machine.Cores, r.Plan.Loopback.Repetitions)
	rows := [][]string{{"Server", "Over", fmt.Sprintf("Decisions/s in batches of %d", loopback.BatchSize), "Single decisions/s", "Empty ones/s", "Single of empty"}}
	for _, f := range r.Loopback {
		rows = append(rows, []string{
			f.Server, f.Network, rate(measure.Median(f.Batches)), rate(measure.Median(f.Singles)), rate(measure.Median(f.Empties)), significant(f.Share()),
		})
	}
	p.table(rows)
	p.journal(r.Loopback)
}

// journal says what recording costs: the servers of the benchmark's own differ
// in nothing else.
func (p *page) journal(all []loopback.Figures) {
	n := len(loopback.Networks)
	if len(all) < 2*n {
		return
	}
	for i := range n {
		off, on := all[i], all[n+i]
		p.line("- With the journal on, over %s: %s of the decisions in batches, %s of the single ones.",
			on.Network, significant(measure.Median(on.Batches)/measure.Median(off.Batches)), significant(measure.Median(on.Singles)/measure.Median(off.Singles)))
	}
	p.line("")
}

func (p *page) method(r *suite.Results) {
	p.line("## How it was measured\n")
	p.line("```console\n$ make bench-engine%s\n```\n", flagsOf(r.Plan.Flags))
	p.line("- Rules and actions have fixed seeds. Each engine decides all %s actions of a set and must agree with the hand-written table on every",
		whole(workload.Actions))
	p.line("  one, rule by rule, before anything is timed; otherwise there is no report.")
	p.line("- Each engine runs in a process of its own, so that none pays for the memory of another. The engines take turns: in each repetition each")
	p.line("  is measured once, for about %s.", duration(r.Plan.For))
	p.line("- Inputs are made beforehand, in the form each engine reads fastest. What is timed ends when the engine has told all violated rules in its")
	p.line("  own terms; turning these into numbers is not timed.")
	p.line("- Processor time is that of the process, the garbage collector included.")
	p.line("- Percentiles are over blocks, for about %s a run, and medians of %d runs. They are on the wall: whatever else the machine does is in them.",
		duration(r.Plan.SpreadFor), r.Plan.Repetitions)
	p.line("- What answers over HTTP is checked in the same way. The client writes requests made beforehand over 8 open connections, one at a time on each.")
	if r.Machine.Load != "" {
		p.line("- The load average of the machine was %s when the run began.", r.Machine.Load)
	}
	p.line("\n## What it does not say\n")
	p.line("- The rules are comparisons of fields with constants, as most rules of such policies are. What compares fields with each other, or loops")
	p.line("  over texts of the action, is a closure and costs more; regular expressions and other loops run in cel-go here, too.")
	p.line("- cel-go and cedar-go are libraries without an index by target; they stand behind ours and are given only the rules that apply. Used alone")
	p.line("  they look at every rule.")
	p.line("- OPA's rules can do more than these, and are asked for a set, which it builds anew each time. Cedar has no numbers with a fraction: its")
	p.line("  hours are whole.")
	p.line("- The hand-written table knows the shape of the rules when it is compiled; its inputs are flat, and it cannot be changed at run time.")
	p.line("- Policies of a target agree on the algorithm and on consent, since no action could satisfy them otherwise; engines that share equal")
	p.line("  conditions gain from that. In *overlapping* sets there is more to share.")
}

// flagsOf writes the flags of the run as the verb takes them.
func flagsOf(flags []string) string {
	if len(flags) == 0 {
		return ""
	}
	return " BENCH='" + strings.Join(flags, " ") + "'"
}

// shapeOf writes a shape within a sentence.
func shapeOf(s workload.Shape) string {
	return fmt.Sprintf("%s relevant of %s rules%s", whole(s.Relevant), whole(s.Rules), overlap(s))
}

// titleOf writes it at the beginning of a sentence.
func titleOf(s workload.Shape) string {
	return fmt.Sprintf("%s rules loaded, %s relevant%s", whole(s.Rules), whole(s.Relevant), overlap(s))
}

func overlap(s workload.Shape) string {
	if s.Overlap {
		return ", overlapping"
	}
	return ""
}
