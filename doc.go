// Package mesh is the vocabulary of AI-Agent Mesh: the names, documents and
// error codes that the registry, the policy engine, the enforcement runtime
// and the hub share.
//
// An agent asks to do something: an [Action]. A runtime answers with a
// [Decision], made by the policies of the bundles in force, each named by a
// [BundleRef] and a [Digest]. What was decided becomes an [Event] in the
// runtime's journal and, once reported to the hub, evidence per [ControlID] of
// a [FrameworkID].
//
// The package does no I/O, keeps no state, imports the standard library only
// and holds no behavior beyond parsing and printing its own names. JSON field
// names are a contract (docs/reference/action.md): they never change meaning, and
// minor versions only add optional fields.
package mesh
