package ocihttp

import (
	"net/http"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// kind is what a request asks for. Comments name the endpoint of the
// distribution spec ("Endpoints").
type kind int

const (
	kindPing           kind = iota // end-1
	kindBlobGet                    // end-2
	kindBlobDelete                 // end-10
	kindUploadStart                // end-4a, end-4b, end-11
	kindUploadStatus               // end-13
	kindUploadChunk                // end-5
	kindUploadFinish               // end-6
	kindUploadCancel               // end-14
	kindManifestGet                // end-3
	kindManifestPut                // end-7
	kindManifestDelete             // end-9
	kindTags                       // end-8a, end-8b
	kindReferrers                  // end-12a, end-12b
	kindCatalog                    // distribution's own, which clients use
	kindCount
)

// access is what each kind of request wants to do.
func (k kind) access() Access {
	switch k {
	case kindPing:
		return AccessPing
	case kindCatalog:
		return AccessCatalog
	case kindBlobGet, kindManifestGet, kindTags, kindReferrers:
		return AccessPull
	case kindBlobDelete, kindManifestDelete:
		return AccessDelete
	}
	return AccessPush
}

// request is a parsed method and path.
type request struct {
	kind   kind
	repo   registry.Name      // of all kinds but ping and catalog
	ref    registry.Reference // manifests
	digest mesh.Digest        // blobs, and the subject of referrers
	upload registry.UploadID  // an upload in progress
}

var errNoEndpoint = mesh.Errorf(mesh.CodeNotFound, "the registry has no such address").
	WithHint("see the distribution API at https://github.com/opencontainers/distribution-spec")

// methodError is a path that exists, but not for the method.
type methodError struct{ allow string }

func (e *methodError) Error() string { return "the method is not allowed here, only " + e.allow }

// byMethod picks the kind for a method; GET also answers HEAD.
func byMethod(method string, kinds map[string]kind) (kind, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if k, ok := kinds[method]; ok {
		return k, nil
	}
	var allow []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, ok := kinds[strings.Replace(m, http.MethodHead, http.MethodGet, 1)]; ok {
			allow = append(allow, m)
		}
	}
	return 0, &methodError{allow: strings.Join(allow, ", ")}
}

// parse reads a method and path. A repository's name has slashes itself, so
// paths are read from their end.
func parse(method, path string) (request, error) {
	rest, ok := strings.CutPrefix(path, "/v2")
	if !ok || (rest != "" && rest[0] != '/') {
		return request{}, errNoEndpoint
	}
	rest = strings.TrimPrefix(rest, "/")
	switch rest {
	case "":
		k, err := byMethod(method, map[string]kind{http.MethodGet: kindPing})
		return request{kind: k}, err
	case "_catalog":
		k, err := byMethod(method, map[string]kind{http.MethodGet: kindCatalog})
		return request{kind: k}, err
	}
	parts := strings.Split(rest, "/")
	if n := len(parts); n >= 3 {
		last := parts[n-1]
		switch {
		case parts[n-2] == "manifests":
			return parseManifest(method, parts[:n-2], last)
		case parts[n-2] == "referrers":
			return parseReferrers(method, parts[:n-2], last)
		case parts[n-2] == "tags" && last == "list":
			return withName(parts[:n-2], func(r *request) (err error) {
				r.kind, err = byMethod(method, map[string]kind{http.MethodGet: kindTags})
				return err
			})
		case parts[n-2] == "blobs" && last == "uploads":
			return parseUploads(method, parts[:n-2])
		case n >= 4 && parts[n-3] == "blobs" && parts[n-2] == "uploads" && last == "":
			return parseUploads(method, parts[:n-3])
		case n >= 4 && parts[n-3] == "blobs" && parts[n-2] == "uploads":
			return parseUpload(method, parts[:n-3], last)
		case parts[n-2] == "blobs":
			return parseBlob(method, parts[:n-2], last)
		}
	}
	return request{}, errNoEndpoint
}

func withName(parts []string, more func(*request) error) (request, error) {
	name, err := registry.ParseName(strings.Join(parts, "/"))
	if err != nil {
		return request{}, err
	}
	r := request{repo: name}
	return r, more(&r)
}

func parseManifest(method string, name []string, ref string) (request, error) {
	return withName(name, func(r *request) (err error) {
		r.kind, err = byMethod(method, map[string]kind{
			http.MethodGet: kindManifestGet, http.MethodPut: kindManifestPut, http.MethodDelete: kindManifestDelete,
		})
		if err != nil {
			return err
		}
		r.ref, err = registry.ParseReference(ref)
		if err != nil && r.kind != kindManifestPut && !strings.Contains(ref, ":") {
			// What cannot be a tag is a tag that does not exist.
			return registry.ErrManifestUnknown.With("there is no manifest %q in %s", ref, r.repo)
		}
		return err
	})
}

func parseReferrers(method string, name []string, digest string) (request, error) {
	return withName(name, func(r *request) (err error) {
		if r.kind, err = byMethod(method, map[string]kind{http.MethodGet: kindReferrers}); err != nil {
			return err
		}
		r.digest, err = registry.ParseDigest(digest)
		return err
	})
}

func parseBlob(method string, name []string, digest string) (request, error) {
	return withName(name, func(r *request) (err error) {
		r.kind, err = byMethod(method, map[string]kind{http.MethodGet: kindBlobGet, http.MethodDelete: kindBlobDelete})
		if err != nil {
			return err
		}
		r.digest, err = registry.ParseDigest(digest)
		return err
	})
}

func parseUploads(method string, name []string) (request, error) {
	return withName(name, func(r *request) (err error) {
		r.kind, err = byMethod(method, map[string]kind{http.MethodPost: kindUploadStart})
		return err
	})
}

func parseUpload(method string, name []string, id string) (request, error) {
	return withName(name, func(r *request) (err error) {
		r.kind, err = byMethod(method, map[string]kind{
			http.MethodGet: kindUploadStatus, http.MethodPatch: kindUploadChunk,
			http.MethodPut: kindUploadFinish, http.MethodDelete: kindUploadCancel,
		})
		if err != nil {
			return err
		}
		r.upload, err = registry.ParseUploadID(id)
		return err
	})
}
