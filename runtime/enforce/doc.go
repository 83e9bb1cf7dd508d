// Package enforce is the decision point of a runtime: an action goes in, a
// decision comes out, and in between it was recorded.
//
// [New] makes a [Point] over a journal; [Point.Swap] puts a [Set] of policies
// into force behind one atomic pointer; [Point.Decide] evaluates a request on
// the set it began with, whatever is swapped meanwhile, and appends all of its
// records to the journal as one unit before any decision is released. What
// policies in audit mode say is found out later by an [Evaluator], which reads
// the journal and adds a second record to the same event.
//
// The engine decides; this package adds what a pure evaluation cannot have: an
// event id, the time, the audit entry, the record, and what happens when there
// is nothing to decide with or nowhere to record. It does not talk to the hub
// and knows no protocol.
package enforce
