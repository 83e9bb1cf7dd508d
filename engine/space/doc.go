// Package space reasons about all the actions there are, as far as terms can
// tell them apart.
//
// What stands at a place of an action falls into few classes for a set of
// terms: it is absent, one of the constants they name, or something else. A
// [Space] knows the classes of every place its terms look at, each with a value
// that represents it. [Space.Impossible] goes through the combinations to prove
// that no action meets a number of goals at once; [Space.Find] looks for one
// that does. Both are deterministic and take no more steps than their [Budget]
// has, so that either may end without an answer.
//
// Classes are exact where a term compares a single place with constants, also
// within lists. Everything else (terms about several places, what only cel-go
// computes, parameters without values) can have any value where something is
// proved, and is evaluated where an action is looked for. So a proof holds for
// every action that engine/decode accepts, and an action that was found has
// still to be evaluated by whoever relies on it.
//
// Errors are truth values of their own throughout, as in CEL.
package space
