// Package pdp is the decision API of a runtime over HTTP: the policy decision
// point that enforcement points ask.
//
// [New] returns the handler of two dialects over one decision point. The native
// API, POST /v1/decisions, takes an action or a batch of them as the product
// defines it and is strict: a misspelt field is refused, because it must not
// fail open. The AuthZEN API (OpenID AuthZEN Authorization API 1.0) takes
// subject, action, resource and context and ignores what it does not know, as
// its standard demands. In both a denial is an answer, HTTP 200; errors are
// problem documents (RFC 9457) written by internal/httpx.
//
// Besides, it answers how the runtime is: /healthz, /readyz, /v1/status and
// /metrics. It authenticates nobody and decides nothing; where it listens is
// the wiring's business.
package pdp
