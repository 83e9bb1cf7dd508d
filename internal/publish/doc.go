// Package publish joins policy bundles and the policy engine: sources become a
// bundle, and a bundle becomes a policy the engine compiles.
//
// On the way out, [Load] reads the sources a person wrote, [Source.Check] is
// the publish gate (lint, and the policy's own cases), and [Source.Build]
// packs. On the way in, [Policy] turns a bundle whose signature was verified
// into what engine.Compile takes, and [Describe] into what a catalog lists.
// Both refuse a bundle whose signed config does not fit its document.
//
// The command line, the hub's index worker and the runtime all go through
// here, so they cannot disagree on what a bundle means. Verifying signatures
// is not part of it: see registry/trust.
package publish
