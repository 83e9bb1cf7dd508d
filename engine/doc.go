// Package engine decides whether an action may happen. It compiles policies
// into a [Program] and evaluates an action against it.
//
// [Lint] says what is wrong with one policy: CEL that does not type-check
// against the action, controls that no catalog knows. [RuleIndex] names the
// controls each rule serves; it is signed with the bundle. [Compile] turns the
// policies in force into an immutable Program, and [Program.Evaluate] fills a
// [Result] that the caller owns and reuses.
//
// The package is pure: no clock, no network, no disk. Event ids, times and the
// audit entry are added by whoever enforces the decision. The language itself
// is read by engine/policy, the built-in sections are defined in
// engine/primitives, policies are tested by engine/cases, and actions are read
// by engine/decode.
package engine
