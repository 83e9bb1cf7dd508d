package engines

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
)

// This file is all that the benchmark knows of how the product reads actions.

// Decoder reads actions. It is for one goroutine.
type Decoder struct{ decoder decode.Decoder }

// Action reads one action of JSON. It is overwritten by the next call and shares
// data's memory.
func (d *Decoder) Action(data []byte) (*mesh.Action, error) { return d.decoder.Action(data) }
