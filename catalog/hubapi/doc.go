// Package hubapi is the wire contract of the hub's REST API under /api/v1: the
// JSON documents and a Go client for them.
//
// Server, command line and runtime share these types, so they cannot drift.
// The package imports the vocabulary and the standard library only, because
// the runtime's edge build links it. The same contract for other languages is
// the OpenAPI document that the hub serves at /openapi.json.
//
// Lists are never null on the wire. Paged lists are a [Page]; a request for
// the next page passes its Next as the cursor parameter.
package hubapi
