package engines

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
)

// This file is all that the benchmark knows of how the product reads actions.

// Decoder reads actions. It is for one goroutine.
type Decoder struct{}

// Action reads one action of JSON. It may be overwritten by the next call.
func (d *Decoder) Action(data []byte) (*mesh.Action, error) { return decode.Action(data) }
