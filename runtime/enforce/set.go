package enforce

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
)

// Set is what a runtime decides with. It is immutable once it is in force.
type Set struct {
	// Program holds the policies in force; nil if there are none.
	Program *engine.Program
	// Bundles are where the policies came from.
	Bundles []mesh.BundleInForce
	// Missing are the subscriptions that have no bundle in force.
	Missing []Missing
}

// Missing is a subscription that should be enforced and is not.
type Missing struct {
	Subscription mesh.Subscription
	Reason       string
}

// emptyProgram evaluates where nothing is in force.
func emptyProgram() (*engine.Program, error) { return engine.Compile(nil) }
