package product_test

import (
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/bench/product"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

func TestCompile(t *testing.T) {
	t.Parallel()
	got, err := product.Compile(20, 1)
	if err != nil || got.Rules != 20 || got.Parse.Wall <= 0 || got.Compile.Wall <= 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	got, err := product.Decode(workload.Shape{Rules: 20, Relevant: 10}, 2, time.Millisecond)
	if err != nil || len(got.Standard) != 2 || len(got.Decode) != 2 || len(got.Decide) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Bytes < 550 || got.Bytes > 650 {
		t.Errorf("actions have %.0f bytes on average, want about 600", got.Bytes)
	}
}

func TestSwap(t *testing.T) {
	t.Parallel()
	got, err := product.Swap(20, 2, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got.Swaps < 2 || len(got.Quiet) != 2 || got.P99Ratio() <= 0 {
		t.Errorf("%+v", got)
	}
}
