package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// Release is one version of a bundle as the hub understands it. An invalid
// release has only names, digest, status, reason and time.
type Release struct {
	hubapi.Bundle
	Extends  []string // namespace/name@digest, the nearest first
	Controls []hubapi.BoundControl
	Rules    []hubapi.RuleSummary
	Readme   string
	SignedBy []hubapi.Signer
	// Words is what search finds beyond title, name, summary and readme, such
	// as the titles of the controls.
	Words string
	// TrustState identifies what Status was concluded from: digest, signatures
	// and keys. Concluding it again from the same is not necessary.
	TrustState string
}

// Ref returns the release's bundle.
func (r *Release) Ref() mesh.BundleRef {
	return mesh.BundleRef{Namespace: r.Namespace, Name: r.Name}
}

// Listed reports whether search shows a release of this status unasked.
func Listed(s hubapi.Status) bool {
	return s == hubapi.StatusVerified || s == hubapi.StatusDeprecated
}

// Followable reports whether a subscription may mean a release of this status.
func Followable(s hubapi.Status) bool { return Listed(s) }

// ReleaseReader reads releases.
type ReleaseReader interface {
	// Release returns one version. [mesh.CodeNotFound] if there is none.
	Release(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) (*Release, error)
	// ReleasesByDigest returns the versions of ref with a content, in the order
	// of their versions; none is no error.
	ReleasesByDigest(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, digest mesh.Digest) ([]Release, error)
	// TrustState returns what the status of a version was concluded from; see
	// [Release]. [mesh.CodeNotFound] if there is no such version.
	TrustState(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) (string, error)
	// Versions lists the versions of ref, newest first, that are older than
	// before; "" begins with the newest. A bundle that does not exist has none.
	Versions(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, before string, limit int) ([]hubapi.Version, error)
}

// ReleaseWriter changes releases together with what search knows of them.
type ReleaseWriter interface {
	// PutRelease writes a version and its search row in one transaction, in
	// place of what was there for that version.
	PutRelease(ctx context.Context, tenant mesh.TenantID, r *Release) error
	// DeleteRelease removes a version. One that is not there is no error.
	DeleteRelease(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) error
	// NamespaceReleases lists the versions of all bundles of a namespace in
	// the order of name and version, behind the given one.
	NamespaceReleases(ctx context.Context, tenant mesh.TenantID, ns mesh.Namespace, after ReleaseKey, limit int) ([]ReleaseKey, error)
}

// ReleaseKey names one release within a namespace.
type ReleaseKey struct {
	Name    string
	Version string
}

// SightingStore remembers when signatures were first seen.
type SightingStore interface {
	// Sight returns when each signature of a subject was first seen, which is
	// now for those that were not before.
	Sight(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, subject mesh.Digest, referrers []mesh.Digest, now time.Time) (map[mesh.Digest]time.Time, error)
}

// VersionKey returns a text that sorts bytewise as semantic versions do
// (semver 2.0 section 11), for stores that sort text.
func VersionKey(v string) (key string, prerelease bool, err error) {
	parsed, err := bundle.ParseVersion(v)
	if err != nil {
		return "", false, err
	}
	core, pre, _ := strings.Cut(parsed.String(), "-")
	var b strings.Builder
	for part := range strings.SplitSeq(core, ".") {
		fmt.Fprintf(&b, "%020s.", part)
	}
	if pre == "" {
		b.WriteByte('~') // behind every pre-release
		return b.String(), false, nil
	}
	for id := range strings.SplitSeq(pre, ".") {
		// Numeric identifiers are lower than others and compare as numbers.
		// The delimiter is lower than every character of an identifier, so a
		// shorter list of identifiers is lower than a longer one.
		if strings.Trim(id, "0123456789") == "" {
			fmt.Fprintf(&b, "0%0128s!", id)
		} else {
			b.WriteString("1" + id + "!")
		}
	}
	return b.String(), true, nil
}

// Bundles answers what the hub knows of single bundles.
type Bundles struct {
	store BundleStore
}

// BundleStore is what [Bundles] asks for.
type BundleStore interface {
	ReleaseReader
	// Newest returns the newest listed release of ref, a pre-release only if
	// there is no other, and the newest of any status if none is listed.
	// [mesh.CodeNotFound] if there is no release.
	Newest(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef) (*Release, error)
}

// NewBundles returns the service over store.
func NewBundles(store BundleStore) *Bundles { return &Bundles{store: store} }

// Get returns the release that version names: a version, a digest, or "" for
// the newest listed one. [mesh.CodeNotFound] if there is none.
func (b *Bundles) Get(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) (hubapi.BundleDetail, error) {
	r, err := b.find(ctx, tenant, ref, version)
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		return hubapi.BundleDetail{}, ErrNoBundle(ref, version)
	}
	if err != nil {
		return hubapi.BundleDetail{}, err
	}
	versions, err := b.store.Versions(ctx, tenant, ref, "", hubapi.DefaultPageSize)
	if err != nil {
		return hubapi.BundleDetail{}, fmt.Errorf("listing the versions of %s: %w", ref, err)
	}
	return hubapi.BundleDetail{
		Bundle: r.Bundle, Extends: list(r.Extends), Controls: list(r.Controls), Rules: list(r.Rules), Readme: r.Readme,
		SignedBy: list(r.SignedBy), Versions: list(versions),
	}, nil
}

func (b *Bundles) find(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) (*Release, error) {
	switch {
	case version == "" || version == "latest":
		return b.store.Newest(ctx, tenant, ref)
	case strings.Contains(version, ":"):
		d, err := mesh.ParseDigest(version)
		if err != nil {
			return nil, err
		}
		found, err := b.store.ReleasesByDigest(ctx, tenant, ref, d)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, ErrNoBundle(ref, version)
		}
		return &found[len(found)-1], nil
	}
	return b.store.Release(ctx, tenant, ref, version)
}

// ErrNoBundle is the error for a bundle, or a version of it, that does not
// exist, and for one that the caller must not learn of.
func ErrNoBundle(ref mesh.BundleRef, version string) error {
	if version == "" {
		return mesh.Errorf(mesh.CodeNotFound, "there is no bundle %s", ref).
			WithHint("look for it with `mesh catalog search`; if it is private, send a token")
	}
	return mesh.Errorf(mesh.CodeNotFound, "%s has no release %s", ref, version).
		WithHint("`mesh catalog versions " + ref.String() + "` lists what there is")
}

// Versions lists the releases of ref, newest first. [mesh.CodeNotFound] if
// there is none.
func (b *Bundles) Versions(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, cursor string, limit int) (hubapi.Page[hubapi.Version], error) {
	page, err := paged("versions", cursor, limit, func(after string, n int) ([]hubapi.Version, error) {
		return b.store.Versions(ctx, tenant, ref, after, n)
	}, func(v hubapi.Version) string { return v.Version })
	if err == nil && len(page.Items) == 0 && cursor == "" {
		return page, ErrNoBundle(ref, "")
	}
	return page, err
}

// list returns s, or an empty list for nil: lists are never null on the wire.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
