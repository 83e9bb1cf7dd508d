// Package subscribe keeps a runtime's set of policies what its subscriptions
// mean, and what its owner trusts.
//
// A [Subscriber] enrols the runtime at the hub, tells it how the runtime is and
// waits for it to say what the subscriptions mean now. The hub is a source of
// news and of bytes, and is believed in nothing else: each bundle is pulled by
// digest, its signatures are checked against the runtime's own trust policy
// before a byte of it is interpreted, and its signed config must be what was
// subscribed and no older than what was in force before. Then the whole new set
// is compiled beside the running one, stored, and swapped in.
//
// What is refused leaves the last good release of that bundle in force and is
// reported. The set is stored, so [Subscriber.Restore] brings it back after a
// restart without the hub, verified again.
//
// The package decides nothing about actions; see runtime/enforce.
package subscribe
