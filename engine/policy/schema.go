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

// Schema returns the JSON Schema (2020-12) of a policy of this [Version], as it
// is published under [SchemaPath].
func Schema() []byte { return slices.Clone(policySchema) }

// ActionSchema returns the JSON Schema (2020-12) of an action, as it is
// published under [SchemaPath].
func ActionSchema() []byte { return slices.Clone(actionSchema) }
