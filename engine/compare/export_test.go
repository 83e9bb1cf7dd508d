package compare

import (
	"context"

	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Within is [Policies] with a number of steps; it also returns how many were
// taken.
func Within(ctx context.Context, steps int, older, newer engine.Policy) (r *Report, taken int, err error) {
	c, err := within(ctx, steps, older, newer, nil)
	return c.report, steps - c.left, err
}

// Where is true of the actions that the words of a change describe.
func Where(c *Change) *term.Term { return term.Conjunction(c.where...) }
