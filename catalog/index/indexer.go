package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// concludedBy names how a status is concluded. It is part of every release's
// trust state, so that releases are looked at again when it changes.
const concludedBy = "3"

// referrerPage and maxReferrers bound what is listed of a bundle's referrers;
// everybody who may push can add some.
const (
	referrerPage = 16
	maxReferrers = 2000
)

// maxReason bounds the explanation that is stored with a status.
const maxReason = 2000

// tagLatest is the moving tag that the hub looks after.
const tagLatest registry.Tag = "latest"

// Content is what the indexer needs of a tenant's registry.
type Content interface {
	registry.BlobReader
	registry.ManifestReader
	registry.Lister
	registry.ManifestWriter
}

// Releases is where the indexer writes.
type Releases interface {
	catalog.ReleaseReader
	catalog.ReleaseWriter
	catalog.SightingStore
}

// Keys knows namespaces and their keys.
type Keys interface {
	// EnsureNamespace creates a public namespace unless it exists.
	EnsureNamespace(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace, now time.Time) error
	// Keys lists all keys of a namespace, revoked ones too.
	Keys(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) ([]hubapi.Key, error)
}

// Indexer brings releases up to date with what the registry holds. It is safe
// for concurrent use, though two calls for the same bundle do work twice.
type Indexer struct {
	content    func(mesh.TenantID) Content
	releases   Releases
	keys       Keys
	frameworks catalog.Frameworks
	now        func() time.Time
}

// NewIndexer returns an indexer. content returns a tenant's registry;
// frameworks name controls in the text that search reads.
func NewIndexer(content func(mesh.TenantID) Content, r Releases, k Keys, f catalog.Frameworks) *Indexer {
	return &Indexer{content: content, releases: r, keys: k, frameworks: f, now: time.Now}
}

// Event brings up to date what a registry event is about, and reports whether
// subscriptions can mean something else now: any release changed, or a channel
// moved. Events about repositories that cannot hold bundles are no error.
func (x *Indexer) Event(ctx context.Context, e registry.Event) (changed bool, err error) {
	ref, ok := e.Repository.BundleRef()
	if !ok {
		return false, nil
	}
	if err := x.keys.EnsureNamespace(ctx, e.Tenant, ref.Namespace, e.Time); err != nil {
		return false, fmt.Errorf("creating namespace %s: %w", ref.Namespace, err)
	}
	versions, err := x.concerned(ctx, ref, e)
	if err != nil {
		return false, err
	}
	changed = slices.ContainsFunc(e.Tags, isChannel)
	for _, v := range versions {
		c, err := x.Release(ctx, e.Tenant, ref, v, false)
		if err != nil {
			return changed, err
		}
		changed = changed || c
	}
	return changed, x.moveLatest(ctx, e.Tenant, ref)
}

// concerned returns the versions an event can have an effect on: those it
// names, and those whose content it, or its subject, is.
func (x *Indexer) concerned(ctx context.Context, ref mesh.BundleRef, e registry.Event) ([]string, error) {
	var versions []string
	for _, t := range e.Tags {
		if _, err := bundle.ParseVersion(string(t)); err == nil {
			versions = append(versions, string(t))
		}
	}
	for _, d := range []mesh.Digest{e.Digest, e.Subject} {
		if d == "" {
			continue
		}
		known, err := x.releases.ReleasesByDigest(ctx, e.Tenant, ref, d)
		if err != nil {
			return nil, fmt.Errorf("looking for releases of %s: %w", d, err)
		}
		for _, r := range known {
			versions = append(versions, r.Version)
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions), nil
}

// isChannel reports whether a tag is a moving one that subscriptions name. What
// "latest" means follows from the releases, not from the tag.
func isChannel(t registry.Tag) bool {
	if t == tagLatest {
		return false
	}
	s, err := mesh.ParseSubscription("namespace/name@" + string(t))
	return err == nil && s.Kind() == mesh.SelectChannel
}

// Release brings one version up to date and reports whether it changed. With
// force it is concluded and written anew even if nothing it depends on
// changed. A version that is no more there has no release; one that is no bundle
// is invalid, so that whoever pushed it finds out why nobody can follow it.
func (x *Indexer) Release(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string, force bool) (changed bool, err error) {
	content := x.content(tenant)
	repo := registry.Name(ref.String())
	m, err := content.StatManifest(ctx, repo, registry.ByTag(registry.Tag(version)))
	switch {
	case mesh.CodeOf(err) == mesh.CodeNotFound:
		return x.remove(ctx, tenant, ref, version)
	case err != nil:
		return false, fmt.Errorf("resolving %s %s: %w", ref, version, err)
	}
	ev, err := x.evidence(ctx, tenant, ref, m.Digest)
	if err != nil {
		return false, err
	}
	state := ev.state(m.Digest)
	if !force {
		known, err := x.releases.Release(ctx, tenant, ref, version)
		if err == nil && known.TrustState == state {
			return false, nil
		}
		if err != nil && mesh.CodeOf(err) != mesh.CodeNotFound {
			return false, fmt.Errorf("reading release %s %s: %w", ref, version, err)
		}
	}
	r, err := x.conclude(ctx, &fetcher{content, repo}, ref, version, m, ev)
	if err != nil {
		return false, err
	}
	r.TrustState = state
	if err := x.releases.PutRelease(ctx, tenant, r); err != nil {
		return false, fmt.Errorf("writing release %s %s: %w", ref, version, err)
	}
	return true, nil
}

// isBundle reports whether an artifact claims to be a policy bundle: by its
// type or, if it names none, by its config.
func isBundle(artifactType string) bool {
	return artifactType == bundle.ArtifactType || artifactType == bundle.MediaTypeConfig
}

// noBundle says why an artifact of another type is no policy bundle.
func noBundle(artifactType string) string {
	if artifactType == "" {
		artifactType = "no type"
	}
	return fmt.Sprintf("the artifact is %s, not %s: push policies with `mesh policy push`, or the layout that `mesh policy build` writes",
		artifactType, bundle.ArtifactType)
}

func (x *Indexer) remove(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, version string) (bool, error) {
	_, err := x.releases.Release(ctx, tenant, ref, version)
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading release %s %s: %w", ref, version, err)
	}
	if err := x.releases.DeleteRelease(ctx, tenant, ref, version); err != nil {
		return false, fmt.Errorf("removing release %s %s: %w", ref, version, err)
	}
	return true, nil
}

// conclude reads a bundle and decides what the hub makes of it. The error is
// only for what may be different at another attempt.
func (x *Indexer) conclude(ctx context.Context, f *fetcher, ref mesh.BundleRef, version string, m registry.ManifestInfo, ev *evidence) (*catalog.Release, error) {
	r := &catalog.Release{Bundle: hubapi.Bundle{
		Namespace: ref.Namespace, Name: ref.Name, Version: version, Digest: m.Digest, Title: ref.String(), PublishedAt: m.Created,
	}}
	if !isBundle(m.ArtifactType) {
		r.Status, r.Reason = hubapi.StatusInvalid, noBundle(m.ArtifactType)
		return r, nil
	}
	err := x.describe(ctx, f, ref, version, m.Digest, r)
	switch mesh.CodeOf(err) {
	case "":
	case mesh.CodePolicyInvalid, mesh.CodeCasesFailed, mesh.CodeInvalid:
		r.Status, r.Reason = hubapi.StatusInvalid, reason(err)
		return r, nil
	default:
		return nil, fmt.Errorf("reading %s %s: %w", ref, version, err)
	}
	r.Status, r.Reason, r.SignedBy, err = ev.verdict(ctx, ref, m.Digest)
	if err != nil {
		return nil, fmt.Errorf("verifying %s %s: %w", ref, version, err)
	}
	return r, nil
}

// describe fills in what the bundle says about itself, once everything it says
// fits together.
func (x *Indexer) describe(ctx context.Context, f *fetcher, ref mesh.BundleRef, version string, d mesh.Digest, r *catalog.Release) error {
	b, err := bundle.Read(ctx, f, d)
	if err != nil {
		return err
	}
	if err := (publish.Expect{Ref: ref, Version: version}).Verify(b); err != nil {
		return err
	}
	desc, err := publish.Describe(b)
	if err != nil {
		return err
	}
	if len(b.Tests()) > 0 {
		if _, err := publish.Check(ctx, b, nil); err != nil {
			return err
		}
	}
	if desc.Title != "" {
		r.Title = desc.Title
	}
	r.Summary, r.Vendor, r.Licence, r.Readme = desc.Summary, desc.Vendor, desc.Licence, desc.Readme
	r.Frameworks, r.Modes, r.Extends = desc.Frameworks, desc.Modes, desc.Extends
	words := []string{desc.Text}
	for _, c := range desc.Controls {
		bound := hubapi.BoundControl{ID: c.ControlID(), How: string(c.How)}
		if known, ok := x.frameworks.Control(bound.ID); ok {
			bound.Title = known.Name()
			words = append(words, known.Title, known.Topic)
		}
		r.Controls = append(r.Controls, bound)
	}
	for _, f := range desc.Frameworks {
		if known, ok := x.frameworks.Framework(f); ok {
			words = append(words, known.Title)
			words = append(words, known.Aliases...)
		}
	}
	for _, rule := range desc.Rules {
		r.Rules = append(r.Rules, hubapi.RuleSummary{ID: rule.ID, Controls: rule.Controls, Message: rule.Message})
	}
	r.Words = strings.Join(words, "\n")
	return nil
}

// reason says in one text why a bundle is not what it should be.
func reason(err error) string {
	text := err.Error()
	var e *mesh.Error
	if errors.As(err, &e) {
		for _, f := range e.Findings {
			if f.Level == mesh.LevelError {
				text += "; " + f.String()
			}
		}
	}
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}

// moveLatest makes the tag "latest" mean the highest version that may be
// followed. Whoever moves the tag at the same time is not overwritten
// unseen: the attempt fails and is made again.
func (x *Indexer) moveLatest(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef) error {
	resolver := catalog.NewResolver(x.releases, nil)
	best, err := resolver.Resolve(ctx, tenant, mesh.Subscription{Bundle: ref})
	if err != nil || best.Digest == "" {
		return err
	}
	content, repo := x.content(tenant), registry.Name(ref.String())
	cond := registry.Condition{Absent: true}
	current, err := content.StatManifest(ctx, repo, registry.ByTag(tagLatest))
	switch {
	case err == nil && current.Digest == best.Digest:
		return nil
	case err == nil:
		cond = registry.Condition{Match: current.Digest}
	case mesh.CodeOf(err) != mesh.CodeNotFound:
		return fmt.Errorf("looking at %s:latest: %w", ref, err)
	}
	m, err := content.Manifest(ctx, repo, registry.ByDigest(best.Digest))
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		return nil // deleted meanwhile; its event follows
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", best.Digest, err)
	}
	_, err = content.PushManifest(ctx, repo, registry.Push{
		Body: m.Body, MediaType: m.MediaType, Digest: m.Digest, Tags: []registry.Tag{tagLatest}, Condition: cond,
	})
	if err != nil {
		return fmt.Errorf("moving %s:latest to %s: %w", ref, best.Version, err)
	}
	return nil
}

// fetcher reads a bundle out of a registry.
type fetcher struct {
	content Content
	repo    registry.Name
}

var _ bundle.Fetcher = (*fetcher)(nil)

// Manifest implements [bundle.Fetcher].
func (f *fetcher) Manifest(ctx context.Context, d mesh.Digest) ([]byte, error) {
	m, err := f.content.Manifest(ctx, f.repo, registry.ByDigest(d))
	if err != nil {
		return nil, err
	}
	return bytes.Clone(m.Body), nil
}

// Blob implements [bundle.Fetcher].
func (f *fetcher) Blob(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	r, _, err := f.content.OpenBlob(ctx, f.repo, mesh.Digest(desc.Digest))
	return r, err
}

// stateHash names everything a status depends on.
func stateHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
