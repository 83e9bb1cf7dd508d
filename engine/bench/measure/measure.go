// Package measure times calls.
//
// What a call costs is told in processor time of the process, which other
// processes disturb least, and in time on the wall. How evenly calls take is
// told in percentiles over blocks of calls, since a single one is shorter than
// reading the clock can resolve.
package measure

import (
	"math"
	"runtime"
	"slices"
	"time"
)

// Cost is what one call costs, as a mean over many.
type Cost struct {
	CPU    float64 `json:"cpu"`    // nanoseconds of processor time, of all threads
	Wall   float64 `json:"wall"`   // nanoseconds
	Allocs float64 `json:"allocs"` // of memory
	Bytes  float64 `json:"bytes"`  // allocated
}

// Calls counts how many calls fit into a while, at least one. The argument of
// the calls counts up from 0.
func Calls(while time.Duration, call func(int)) int {
	start := time.Now()
	n := 0
	for n == 0 || time.Since(start) < while {
		call(n)
		n++
	}
	return n
}

// Run makes so many calls and returns what one of them cost.
func Run(calls int, call func(int)) Cost {
	runtime.GC() // what was left over before is nobody's cost
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := CPU(), time.Now()
	for i := range calls {
		call(i)
	}
	wall, used := time.Since(start), CPU()-cpu
	runtime.ReadMemStats(&after)
	n := float64(calls)
	return Cost{
		CPU: float64(used) / n, Wall: float64(wall) / n,
		Allocs: float64(after.Mallocs-before.Mallocs) / n, Bytes: float64(after.TotalAlloc-before.TotalAlloc) / n,
	}
}

// BlockSize is the number of calls that are timed as one.
const BlockSize = 1000

// Spread is how long blocks of calls take.
type Spread struct {
	P50 float64 `json:"p50"` // nanoseconds a call, on the wall
	P99 float64 `json:"p99"`
}

// Blocks times so many blocks of [BlockSize] calls.
func Blocks(blocks int, call func(int)) Spread {
	runtime.GC()
	took := make([]float64, blocks)
	for b := range took {
		start := time.Now()
		for i := range BlockSize {
			call(b*BlockSize + i)
		}
		took[b] = float64(time.Since(start)) / BlockSize
	}
	return SpreadOf(took)
}

// SpreadOf returns the percentiles of times, of which there is at least one. It
// sorts them.
func SpreadOf[T uint32 | float64](times []T) Spread {
	slices.Sort(times)
	return Spread{P50: percentile(times, 0.50), P99: percentile(times, 0.99)}
}

// percentile returns the smallest value that a share p of the sorted values
// does not exceed.
func percentile[T uint32 | float64](sorted []T, p float64) float64 {
	return float64(sorted[max(int(math.Ceil(p*float64(len(sorted))))-1, 0)])
}

// Median returns the median of values, the mean of the middle two if their
// number is even; NaN of none.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Medians returns the medians of costs, each figure by itself.
func Medians(costs []Cost) Cost {
	of := func(figure func(Cost) float64) float64 {
		values := make([]float64, len(costs))
		for i, c := range costs {
			values[i] = figure(c)
		}
		return Median(values)
	}
	return Cost{
		CPU:    of(func(c Cost) float64 { return c.CPU }),
		Wall:   of(func(c Cost) float64 { return c.Wall }),
		Allocs: of(func(c Cost) float64 { return c.Allocs }),
		Bytes:  of(func(c Cost) float64 { return c.Bytes }),
	}
}

// Ratio returns how many times the processor time of base that of other is:
// the median over repetitions of which each measured both, one after the other.
func Ratio(base, other []Cost) float64 {
	ratios := make([]float64, min(len(base), len(other)))
	for i := range ratios {
		ratios[i] = other[i].CPU / base[i].CPU
	}
	return Median(ratios)
}
