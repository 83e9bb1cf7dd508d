package policy

import (
	_ "embed"

	"github.com/ai-agent-mesh/mesh"
)

// Parse reads one policy document. file is only used in positions. All
// findings are returned at once, in the order of the file; the document is nil
// if any of them is an error.
func Parse(file string, src []byte) (*Document, []mesh.Finding) { return &Document{File: file}, nil }

// Expr is a CEL expression, and where each of its characters stands.
type Expr struct {
	Source   string
	Position mesh.Position
}

// IsZero reports whether there is no expression.
func (e Expr) IsZero() bool { return e.Source == "" }

// At returns the position in the file of the character at offset, counted in
// Unicode code points from the start of the expression.
func (e Expr) At(offset int) mesh.Position { return e.Position }

// Schema returns the JSON Schema (2020-12) of a policy, version 3.0.0.
func Schema() []byte { return policySchema }

// ActionSchema returns the JSON Schema (2020-12) of an action.
func ActionSchema() []byte { return actionSchema }

//go:embed schema/policy-v3.0.0.json
var policySchema []byte

//go:embed schema/action-v3.0.0.json
var actionSchema []byte
