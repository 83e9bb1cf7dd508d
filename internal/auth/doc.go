// Package auth says who calls the hub and what they may do.
//
// There are three kinds of [Principal]: administrators, runtimes and
// anonymous callers. A [Authenticator] makes one of a request's credentials.
// Administrators and runtimes hold a [Token], 256 random bits that the hub
// keeps only as a hash; the first start of a hub writes the administrator's
// with [EnsureAdmin]. [Registry] guards the OCI registry: it accepts the same
// tokens by Basic authentication and by the token flow of the distribution
// specification, for which an [Issuer] signs short-lived tokens.
//
// What a principal may do is small enough to be methods on it. Users, roles
// and sessions are not part of this package.
//
// Secrets never appear in errors, logs or String methods.
package auth
