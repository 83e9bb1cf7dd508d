// Package registry says what an OCI registry stores and what can be asked of
// it: the interfaces between the distribution API in front (package ocihttp)
// and the places that keep the content (package store over blobs and
// metadata). [Store] is the sum of the small interfaces; ask for the smallest
// one that does.
//
// The package also holds the words all of them share: the names of
// repositories and tags, parsed manifests, the event of a push, the errors,
// and the rule which tags may move. It does no I/O.
//
// A registry stores any artifact. What a policy bundle is, package bundle
// knows; whether one is trusted, package trust.
//
// Specifications: OCI distribution spec 1.1 and OCI image spec 1.1,
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md and
// https://github.com/opencontainers/image-spec/tree/v1.1.1.
package registry
