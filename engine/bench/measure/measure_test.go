package measure_test

import (
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/bench/measure"
)

func TestSpreadOf(t *testing.T) {
	t.Parallel()
	times := make([]float64, 200)
	for i := range times {
		times[i] = float64(200 - i)
	}
	if got, want := measure.SpreadOf(times), (measure.Spread{P50: 100, P99: 198}); got != want {
		t.Errorf("SpreadOf 1 to 200 = %v, want %v", got, want)
	}
	if got, want := measure.SpreadOf([]float64{7}), (measure.Spread{P50: 7, P99: 7}); got != want {
		t.Errorf("SpreadOf one = %v, want %v", got, want)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}, {[]float64{5}, 5}} {
		if got := measure.Median(tt.values); got != tt.want {
			t.Errorf("Median(%v) = %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestRatioPairsRepetitions(t *testing.T) {
	t.Parallel()
	// In the second repetition the machine was slow for both.
	base := []measure.Cost{{CPU: 1}, {CPU: 10}, {CPU: 2}}
	other := []measure.Cost{{CPU: 5}, {CPU: 50}, {CPU: 10}}
	if got := measure.Ratio(base, other); got != 5 {
		t.Errorf("Ratio = %v, want 5", got)
	}
}

func TestRunCountsAllocations(t *testing.T) {
	// Not parallel: what others allocate would count, too.
	var kept *[64]byte
	cost := measure.Run(10_000, func(int) { kept = new([64]byte) })
	if cost.Allocs < 1 || cost.Allocs > 1.1 || cost.Bytes < 64 {
		t.Errorf("a call that allocates 64 bytes once: %+v", cost)
	}
	if kept == nil {
		t.Error("nothing was called")
	}
}
