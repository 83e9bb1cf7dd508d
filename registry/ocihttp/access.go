package ocihttp

import (
	"net/http"

	"github.com/ai-agent-mesh/mesh/registry"
)

// Access is what a request wants to do with a repository. Pull, push and
// delete are also the words of the token scopes of the distribution's token
// authentication.
type Access string

// The kinds of access.
const (
	AccessPing    Access = "ping"    // GET /v2/: which clients use to check their credentials; no repository
	AccessCatalog Access = "catalog" // list repositories; no repository
	AccessPull    Access = "pull"    // read content, tags and referrers
	AccessPush    Access = "push"    // upload blobs, put manifests
	AccessDelete  Access = "delete"  // delete manifests, tags and blobs
)

// AuthorizeFunc decides whether a request may do something; nil allows it. The
// request's body must not be read. Of the errors it returns,
// [mesh.CodeUnauthenticated] asks the client for credentials by way of
// [Options.Challenge], [mesh.CodeForbidden] is final, and [mesh.CodeNotFound]
// hides that the repository exists.
type AuthorizeFunc func(r *http.Request, repo registry.Name, access Access) error

// ChallengeFunc returns the values of WWW-Authenticate for a request that
// needs credentials, one a scheme, in the order of preference.
type ChallengeFunc func(r *http.Request, repo registry.Name, access Access) []string
