// Package bundle is the policy bundle as an artifact: an OCI image manifest
// 1.1 with a signed config, one policy document and what belongs to it.
//
// [Pack] turns sources into an [Artifact], deterministically: the same sources
// give the same digest on every machine. [Artifact.WriteLayout] writes it as
// an OCI image layout that any OCI client can publish. [Read] takes it apart
// again from whatever holds the content, a [Fetcher], and is the only way to
// obtain a [Bundle]: everything it returns was within the limits of this
// package and matched its digest.
//
// The package knows nothing of the policy language, of signatures or of the
// network: see internal/publish, registry/trust and registry/remote. A Bundle
// is therefore well-formed, and nothing more: who made it and whether it may
// decide anything is for the others to say.
//
// Formats: OCI image specification 1.1 (manifest, layout, annotations). Its
// types and constants come from github.com/opencontainers/image-spec.
package bundle
