package engines_test

import (
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// TestEnginesAgree is what makes the benchmark a comparison: every engine
// decides the same.
func TestEnginesAgree(t *testing.T) {
	t.Parallel()
	for _, shape := range []workload.Shape{{Rules: 10, Relevant: 10}, {Rules: 100, Relevant: 20}, {Rules: 200, Relevant: 100, Overlap: true}} {
		set, err := workload.Make(shape)
		if err != nil {
			t.Fatal(err)
		}
		want := engines.Reference(set)
		for _, kind := range engines.Kinds() {
			t.Run(shape.String()+"/"+kind.Name, func(t *testing.T) {
				t.Parallel()
				e, err := kind.Load(set)
				if err != nil {
					t.Fatal(err)
				}
				if err := engines.Check(e, want); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
