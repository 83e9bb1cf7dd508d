// Package index turns pushes into releases.
//
// A [Worker] takes what the registry's outbox reports and has an [Indexer]
// look at the repository as it is now: it reads the bundle, verifies its
// signatures with the namespace's keys, and writes the release together with
// its search row. A signature arrives as a push of its own and makes its
// subject be looked at again; so does a change of the namespace's keys.
// Afterwards the tag "latest" means the highest verified version.
//
// The worker delivers at least once, and indexing is idempotent: a release
// records from which content, signatures and keys its status was concluded,
// and is left alone while they are the same. An event that fails is tried
// again later without holding up the others. What a bundle's author did wrong
// is not a failure: the release is invalid or refused, and says why.
package index
