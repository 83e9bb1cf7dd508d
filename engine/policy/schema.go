package policy

import (
	_ "embed"
	"slices"
)

// The test that compares the schema writes it.
//go:generate go test -run TestSchemaIsGenerated$ -update .

//go:embed schema/policy-v3.0.0.json
var policySchema []byte

//go:embed schema/action-v3.0.0.json
var actionSchema []byte

// Schema returns the JSON Schema (2020-12) of a policy, version 3.0.0, as it
// is published under schemas/policy/v3.0.0.json.
func Schema() []byte { return slices.Clone(policySchema) }

// ActionSchema returns the JSON Schema (2020-12) of an action, as it is
// published under schemas/action/v3.0.0.json.
func ActionSchema() []byte { return slices.Clone(actionSchema) }
