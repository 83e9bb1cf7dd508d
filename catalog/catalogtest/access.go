package catalogtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
)

func testNamespaces(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.Namespace(ctx, tenant, "acme")
	wantCode(t, "a namespace that is not there", err, mesh.CodeNotFound)
	must(t, s.EnsureNamespace(ctx, tenant, "acme", noon))
	must(t, s.EnsureNamespace(ctx, tenant, "acme", noon.Add(time.Hour)))
	got, err := s.Namespace(ctx, tenant, "acme")
	must(t, err)
	want := hubapi.NamespaceInfo{Name: "acme", Visibility: hubapi.VisibilityPublic, CreatedAt: noon}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("namespace (-want +got):\n%s", diff)
	}
	for _, name := range []mesh.Namespace{"c", "b"} {
		_, err := s.PutNamespace(ctx, tenant, hubapi.NamespaceInfo{Name: name, Visibility: hubapi.VisibilityPrivate, CreatedAt: noon})
		must(t, err)
	}
	changed, err := s.PutNamespace(ctx, tenant, hubapi.NamespaceInfo{Name: "c", Visibility: hubapi.VisibilityPublic, CreatedAt: noon.Add(time.Hour)})
	must(t, err)
	if changed.Visibility != hubapi.VisibilityPublic || !changed.CreatedAt.Equal(noon) {
		t.Errorf("changed to %+v", changed)
	}
	list := func(private bool) (names []mesh.Namespace) {
		for after := ""; ; {
			page, err := s.Namespaces(ctx, tenant, private, after, 2)
			must(t, err)
			for _, n := range page {
				names, after = append(names, n.Name), string(n.Name)
			}
			if len(page) < 2 {
				return names
			}
		}
	}
	if diff := cmp.Diff([]mesh.Namespace{"acme", "b", "c"}, list(true)); diff != "" {
		t.Errorf("all namespaces (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]mesh.Namespace{"acme", "c"}, list(false)); diff != "" {
		t.Errorf("public namespaces (-want +got):\n%s", diff)
	}
	_, err = s.Namespace(ctx, other, "acme")
	wantCode(t, "another tenant's namespace", err, mesh.CodeNotFound)
}

func testKeys(t *testing.T, s Store) {
	ctx := t.Context()
	key := func(fingerprint string, at time.Time) hubapi.Key {
		return hubapi.Key{Fingerprint: fingerprint, Namespace: "acme", Algorithm: "ed25519", PublicKey: "PEM of " + fingerprint, AddedAt: at}
	}
	first, added, err := s.AddKey(ctx, tenant, key("bb", noon), 2)
	must(t, err)
	if !added || first.Fingerprint != "bb" {
		t.Errorf("added %v, %+v", added, first)
	}
	if _, err := s.Namespace(ctx, tenant, "acme"); err != nil {
		t.Errorf("the key's namespace: %v", err)
	}
	again, added, err := s.AddKey(ctx, tenant, key("bb", noon.Add(time.Hour)), 2)
	must(t, err)
	if added || !again.AddedAt.Equal(noon) {
		t.Errorf("added again %v, %+v", added, again)
	}
	_, _, err = s.AddKey(ctx, tenant, key("aa", noon.Add(time.Second)), 2)
	must(t, err)
	_, _, err = s.AddKey(ctx, tenant, key("cc", noon), 2)
	wantCode(t, "one key too many", err, mesh.CodeTooLarge)

	revokedAt := noon.Add(time.Minute)
	revoked, err := s.RevokeKey(ctx, tenant, "acme", "bb", revokedAt)
	must(t, err)
	if revoked.RevokedAt == nil || !revoked.RevokedAt.Equal(revokedAt) {
		t.Errorf("revoked at %v", revoked.RevokedAt)
	}
	revoked, err = s.RevokeKey(ctx, tenant, "acme", "bb", revokedAt.Add(time.Hour))
	must(t, err)
	if !revoked.RevokedAt.Equal(revokedAt) {
		t.Errorf("revoking again moved it to %v", revoked.RevokedAt)
	}
	_, err = s.RevokeKey(ctx, tenant, "acme", "dd", noon)
	wantCode(t, "revoking no key", err, mesh.CodeNotFound)
	_, added, err = s.AddKey(ctx, tenant, key("cc", noon.Add(time.Hour)), 2)
	must(t, err)
	if !added {
		t.Error("a revoked key still takes a place")
	}
	keys, err := s.Keys(ctx, tenant, "acme")
	must(t, err)
	var order []string
	for _, k := range keys {
		order = append(order, k.Fingerprint)
	}
	if diff := cmp.Diff([]string{"bb", "aa", "cc"}, order); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if strange, err := s.Keys(ctx, other, "acme"); err != nil || len(strange) > 0 {
		t.Errorf("another tenant sees %+v, %v", strange, err)
	}
}

func testRechecks(t *testing.T, s Store) {
	ctx := t.Context()
	_, _, err := s.AddKey(ctx, tenant, hubapi.Key{Fingerprint: "aa", Namespace: "acme", AddedAt: noon}, 9)
	must(t, err)
	_, _, err = s.AddKey(ctx, other, hubapi.Key{Fingerprint: "aa", Namespace: "zeta", AddedAt: noon.Add(time.Second)}, 9)
	must(t, err)
	pending, err := s.Rechecks(ctx, 10)
	must(t, err)
	if len(pending) != 2 || pending[0].Namespace != "acme" || pending[0].Tenant != tenant || pending[1].Tenant != other {
		t.Fatalf("rechecks are %+v", pending)
	}
	// A request that is made again while it is worked on is not lost.
	_, err = s.RevokeKey(ctx, tenant, "acme", "aa", noon)
	must(t, err)
	must(t, s.RecheckDone(ctx, pending[0]))
	again, err := s.Rechecks(ctx, 1)
	must(t, err)
	if len(again) != 1 || again[0].Namespace != "acme" {
		t.Fatalf("rechecks are %+v", again)
	}
	must(t, s.RecheckDone(ctx, again[0]))
	must(t, s.RecheckDone(ctx, pending[1]))
	if left, err := s.Rechecks(ctx, 10); err != nil || len(left) != 0 {
		t.Errorf("left are %+v, %v", left, err)
	}
}

func testTokens(t *testing.T, s Store) {
	ctx := t.Context()
	token := auth.StoredToken{Hash: auth.NewToken(auth.KindAdmin).Hash(), Principal: auth.Principal{Kind: auth.KindAdmin, Tenant: tenant}, CreatedAt: noon}
	_, err := s.Token(ctx, token.Hash)
	wantCode(t, "an unknown token", err, mesh.CodeNotFound)
	if has, err := s.HasAdmin(ctx, tenant); err != nil || has {
		t.Errorf("an administrator of nothing: %v, %v", has, err)
	}
	must(t, s.PutToken(ctx, token))
	must(t, s.PutToken(ctx, token))
	got, err := s.Token(ctx, token.Hash)
	must(t, err)
	if diff := cmp.Diff(token, got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	if has, err := s.HasAdmin(ctx, tenant); err != nil || !has {
		t.Errorf("the administrator is not known: %v, %v", has, err)
	}
	if has, err := s.HasAdmin(ctx, other); err != nil || has {
		t.Errorf("another tenant has the administrator: %v, %v", has, err)
	}
}

func testResponses(t *testing.T, s Store) {
	ctx := t.Context()
	want := catalog.StoredResponse{Principal: "admin", KeyHash: [32]byte{1}, RequestHash: [32]byte{2}, Status: 201, Body: []byte("sealed"), ExpiresAt: noon.Add(time.Hour)}
	_, err := s.Response(ctx, tenant, "admin", want.KeyHash, noon)
	wantCode(t, "no response", err, mesh.CodeNotFound)
	must(t, s.PutResponse(ctx, tenant, want, noon))
	got, err := s.Response(ctx, tenant, "admin", want.KeyHash, noon)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	_, err = s.Response(ctx, tenant, "runtime:rt_1", want.KeyHash, noon)
	wantCode(t, "another principal's", err, mesh.CodeNotFound)
	_, err = s.Response(ctx, other, "admin", want.KeyHash, noon)
	wantCode(t, "another tenant's", err, mesh.CodeNotFound)
	_, err = s.Response(ctx, tenant, "admin", want.KeyHash, noon.Add(time.Hour))
	wantCode(t, "an expired one", err, mesh.CodeNotFound)
}
