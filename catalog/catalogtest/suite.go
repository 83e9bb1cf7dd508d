// Package catalogtest is the suite that every store of the catalog passes.
//
// [Run] exercises a store through the interfaces of package catalog and its
// neighbors: what each method promises, that tenants do not see each other,
// and that names differing in case only are different. A change of an
// interface comes with a change here. The package is for tests only.
package catalogtest

import (
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/catalog/posture"
	"github.com/ai-agent-mesh/mesh/internal/auth"
)

// Store is everything a back end implements.
type Store interface {
	catalog.BundleStore
	catalog.ReleaseWriter
	catalog.SightingStore
	catalog.SearchStore
	catalog.NamespaceStore
	catalog.RecheckStore
	catalog.RuntimeStore
	catalog.EvidenceWriter
	catalog.DecisionStore
	catalog.ResponseStore
	posture.Store
	auth.TokenStore
}

// Run runs the suite. open returns an empty store, which it closes itself.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"releases": testReleases, "versions": testVersions, "release lists": testReleaseLists, "sightings": testSightings,
		"search": testSearch, "search status": testSearchStatus, "search controls": testSearchControls,
		"search hostile words": testSearchHostile, "search privacy": testSearchPrivacy,
		"namespaces": testNamespaces, "keys": testKeys, "rechecks": testRechecks,
		"runtimes": testRuntimes, "hub subscriptions": testHubSubscriptions,
		"evidence": testEvidence, "decisions": testDecisions, "posture": testPosture,
		"tokens": testTokens, "responses": testResponses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

const (
	tenant mesh.TenantID = "default"
	other  mesh.TenantID = "other"
)

// noon is when things happen; stores keep microseconds.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

func digestOf(c byte) mesh.Digest {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return mesh.Digest("sha256:" + string(b))
}

// release returns a verified release; edit changes it.
func release(name, version string, edit func(*catalog.Release)) *catalog.Release {
	r := &catalog.Release{
		Bundle: hubapi.Bundle{
			Namespace: "acme", Name: name, Version: version, Digest: digestOf('a'), Title: "Title of " + name, Summary: "Encryption at rest",
			Vendor: "Acme Corp", Licence: "Apache-2.0", Frameworks: []mesh.FrameworkID{"gdpr"}, Modes: []mesh.Mode{mesh.ModeEnforce},
			Status: hubapi.StatusVerified, PublishedAt: noon,
		},
		Extends:    []string{"acme/base@" + string(digestOf('c'))},
		Controls:   []hubapi.BoundControl{{ID: "gdpr:Art.17", Title: "Right to erasure", How: "enforced"}},
		Rules:      []hubapi.RuleSummary{{ID: "one", Controls: []mesh.ControlID{"gdpr:Art.17"}, Message: "no"}},
		Readme:     "How to use it",
		SignedBy:   []hubapi.Signer{{Fingerprint: "ff", Referrer: string(digestOf('b')), SeenAt: noon}},
		Words:      "Right to erasure",
		TrustState: "state",
	}
	if edit != nil {
		edit(r)
	}
	return r
}

func ref(name string) mesh.BundleRef { return mesh.BundleRef{Namespace: "acme", Name: name} }

// must is for what has to work before a test can test anything.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, want mesh.Code) {
	t.Helper()
	if got := mesh.CodeOf(err); got != want {
		t.Errorf("%s: code %q, want %q (%v)", what, got, want, err)
	}
}
