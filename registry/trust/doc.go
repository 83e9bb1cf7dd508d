// Package trust decides whether a bundle's signatures make it trustworthy.
//
// A [Policy], read from a trust.yaml with [LoadPolicy] or made of keys with
// [TrustKeys], says who may sign for which namespaces. [Policy.Verify] takes
// the digest of a bundle, where it was found and the signatures attached to
// it, and returns a [Verdict] or the reasons why not. [Collect] fetches the
// signatures from whoever holds them.
//
// Everything is offline: the policy holds the keys, and no service is asked.
// A policy belongs to whoever verifies and is never taken from where the
// bundle came from. What a signature does not say, namespace, name and
// version, is compared by internal/publish, from the signed config.
//
// Signatures are Sigstore bundles v0.3 (github.com/sigstore/protobuf-specs)
// that hold a DSSE envelope around an in-toto statement; sigstore-go does the
// cryptography and none of its types leave this package.
package trust
