package subscribe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	"github.com/ai-agent-mesh/mesh/registry/trust"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/hubtest"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/subscribe"
)

// policySource allows data.read for the purpose that is the version.
const policySource = `version: "3.0.0"
name: "Reading"
framework: "acme"
params:
  extra: {type: string, default: "none"}
rules:
  custom:
    - id: purpose
      controls: ["acme:1"]
      when: 'action.type == "data.read"'
      require: 'has(data.purpose) && (data.purpose == "PURPOSE" || data.purpose == params.extra)'
      severity: high
      message: "Data is read for one purpose only"
enforcement:
  mode: enforce
`

// shelf is a registry in memory. It serves what is put into it, true or not.
type shelf struct {
	mu         sync.Mutex
	bundles    map[mesh.Digest]*bundle.Artifact
	signatures map[mesh.Digest][]trust.Signature
	pulls      atomic.Int64
	down       atomic.Bool
	damages    atomic.Bool
}

func newShelf() *shelf {
	return &shelf{bundles: map[mesh.Digest]*bundle.Artifact{}, signatures: map[mesh.Digest][]trust.Signature{}}
}

func (s *shelf) Signatures(_ context.Context, _ mesh.BundleRef, d mesh.Digest) ([]trust.Signature, error) {
	if s.down.Load() {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "the registry does not answer")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signatures[d], nil
}

func (s *shelf) Pull(ctx context.Context, _ mesh.BundleRef, d mesh.Digest) (*bundle.Bundle, error) {
	s.pulls.Add(1)
	if s.damages.Load() {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the content has another digest")
	}
	s.mu.Lock()
	a, ok := s.bundles[d]
	s.mu.Unlock()
	if !ok {
		return nil, mesh.Errorf(mesh.CodeNotFound, "no %s", d)
	}
	return bundle.Read(ctx, a, d)
}

// build packs a bundle of acme and puts it on the shelf.
func (s *shelf) build(t testing.TB, name, version, purpose string) mesh.Digest {
	t.Helper()
	a := pack(t, "acme/"+name+":"+version, strings.Replace(policySource, "PURPOSE", purpose, 1), nil)
	s.put(a)
	return a.Digest()
}

func (s *shelf) put(a *bundle.Artifact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bundles[a.Digest()] = a
}

// pack builds a bundle of a policy.
func pack(t testing.TB, ref, source string, find publish.BaseFunc) *bundle.Artifact {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	src, findings, err := publish.Load(t.Context(), file, publish.LoadOptions{Ref: ref, Base: find})
	if err != nil || src == nil {
		t.Fatalf("loading %s: %v %v", ref, findings, err)
	}
	a, err := src.Build()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// sign signs a digest.
func (s *shelf) sign(t testing.TB, key *sign.Key, d mesh.Digest) {
	t.Helper()
	sig, err := sign.Sign(t.Context(), key, d)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signatures[d] = append(s.signatures[d], trust.Signature{Referrer: d, Bundle: sig})
}

func newKey(t testing.TB) *sign.Key {
	t.Helper()
	key, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// world is a hub, a registry and a runtime's data directory.
type world struct {
	t     *testing.T
	hub   *hubtest.Hub
	shelf *shelf
	key   *sign.Key
	dir   string
	cfg   subscribe.Config
}

func newWorld(t *testing.T, local ...string) *world {
	t.Helper()
	w := &world{t: t, hub: hubtest.New(t), shelf: newShelf(), key: newKey(t), dir: t.TempDir()}
	policy, err := trust.TrustKeys("acme/**", w.key.PublicKeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	w.cfg = subscribe.Config{
		Dir: w.dir, Name: "test", Version: "1", Hub: w.hub.URL(), Trust: policy,
		Token:    func() (string, error) { return hubtest.EnrolToken, nil },
		Registry: func(string) (subscribe.Registry, error) { return w.shelf, nil },
	}
	for _, text := range local {
		w.cfg.Local = append(w.cfg.Local, subscription(t, text))
	}
	return w
}

func subscription(t testing.TB, text string) mesh.Subscription {
	t.Helper()
	s, err := mesh.ParseSubscription(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// release builds and signs a release and returns what the hub makes of it.
func (w *world) release(sub, version, purpose string) hubapi.ResolvedSubscription {
	w.t.Helper()
	s := subscription(w.t, sub)
	d := w.shelf.build(w.t, s.Bundle.Name, version, purpose)
	w.shelf.sign(w.t, w.key, d)
	return hubapi.ResolvedSubscription{Subscription: s, Source: hubapi.SourceLocal, Version: version, Digest: d, Status: hubapi.StatusVerified}
}

// runtime is a running subscriber with its decision point.
type runtime struct {
	*subscribe.Subscriber
	t       *testing.T
	point   *enforce.Point
	journal *journal.Journal
	stop    func()
}

// start begins the runtime. With run false it only restores.
func (w *world) start(run bool) *runtime {
	w.t.Helper()
	j, err := journal.Open(filepath.Join(w.dir, "journal"), journal.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	point, err := enforce.New(j, enforce.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := subscribe.New(w.cfg, point, j, slog.New(slog.DiscardHandler))
	if err != nil {
		_ = j.Close()
		w.t.Fatal(err)
	}
	if err := s.Restore(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	if run {
		wg.Go(func() {
			if err := s.Run(ctx); err != nil {
				w.t.Errorf("Run: %v", err)
			}
		})
	}
	r := &runtime{Subscriber: s, t: w.t, point: point, journal: j}
	r.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		_ = j.Close()
	})
	w.t.Cleanup(r.stop)
	return r
}

// allowed reports whether data may be read for a purpose.
func (r *runtime) allowed(purpose string) bool {
	r.t.Helper()
	a, err := decode.Action(fmt.Appendf(nil, `{"action":{"type":"data.read"},"data":{"purpose":%q}}`, purpose))
	if err != nil {
		r.t.Fatal(err)
	}
	ds, err := r.point.Decide(r.t.Context(), []*mesh.Action{a}, enforce.Caller{})
	if err != nil {
		r.t.Fatal(err)
	}
	return ds[0].Allowed
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// version returns the version in force of the only bundle.
func (r *runtime) version() string {
	if in := r.Status().InForce; len(in) == 1 {
		return in[0].Version
	}
	return ""
}

func (r *runtime) reason() string {
	st := r.Status()
	if len(st.Subscriptions) == 0 {
		return ""
	}
	return st.Subscriptions[0].Reason
}

func TestANewVersionComesIntoForceWithoutRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	r := w.start(true)
	if r.allowed("support") {
		t.Error("allowed before anything is in force")
	}
	w.hub.Offer(w.release("acme/reading@^1", "1.0.0", "support"))
	waitFor(t, "1.0.0", func() bool { return r.version() == "1.0.0" })
	if !r.allowed("support") || r.allowed("research") {
		t.Error("1.0.0 does not decide")
	}
	w.hub.Offer(w.release("acme/reading@^1", "1.1.0", "research"))
	began := time.Now()
	waitFor(t, "1.1.0", func() bool { return r.version() == "1.1.0" })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a new version took %v", took)
	}
	if r.allowed("support") || !r.allowed("research") {
		t.Error("1.1.0 does not decide")
	}
	waitFor(t, "the report", func() bool {
		rep, ok := w.hub.LastReport()
		return ok && len(rep.InForce) == 1 && rep.InForce[0].Version == "1.1.0" && len(rep.Subscriptions) == 1 && rep.JournalID == r.journal.ID()
	})
	if st := r.Status(); st.RuntimeID == "" || !st.Subscriptions[0].Ready || st.Subscriptions[0].Reason != "" || st.Hub.Error != "" {
		t.Errorf("status = %+v", st)
	}
}

// TestRefusals offers what must not come into force after 1.1.0, and wants
// 1.1.0 to stay and the hub to be told why.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		sub   string
		offer func(*world) hubapi.ResolvedSubscription
		code  mesh.Code
	}{
		{"not signed", "acme/reading@^1", func(w *world) hubapi.ResolvedSubscription {
			return w.offer("acme/reading@^1", w.shelf.build(w.t, "reading", "1.2.0", "x"))
		}, mesh.CodeSignatureRefused},
		{"signed by another key", "acme/reading@^1", func(w *world) hubapi.ResolvedSubscription {
			d := w.shelf.build(w.t, "reading", "1.2.0", "x")
			w.shelf.sign(w.t, newKey(w.t), d)
			return w.offer("acme/reading@^1", d)
		}, mesh.CodeSignatureRefused},
		{"an attestation instead of a signature", "acme/reading@^1", func(w *world) hubapi.ResolvedSubscription {
			d := w.shelf.build(w.t, "reading", "1.2.0", "x")
			att, err := sign.Attest(w.t.Context(), w.key, d, "https://slsa.dev/provenance/v1", map[string]any{})
			if err != nil {
				w.t.Fatal(err)
			}
			w.shelf.mu.Lock()
			w.shelf.signatures[d] = []trust.Signature{{Referrer: d, Bundle: att}}
			w.shelf.mu.Unlock()
			return w.offer("acme/reading@^1", d)
		}, mesh.CodeSignatureRefused},
		{"older", "acme/reading@^1", func(w *world) hubapi.ResolvedSubscription {
			return w.release("acme/reading@^1", "1.0.9", "x")
		}, mesh.CodeDowngrade},
		{"the same version with other content", "acme/reading@^1", func(w *world) hubapi.ResolvedSubscription {
			return w.release("acme/reading@^1", "1.1.0", "other")
		}, mesh.CodeConflict},
		{"outside of the range", "acme/reading@^1", func(w *world) hubapi.ResolvedSubscription {
			d := w.shelf.build(w.t, "reading", "2.0.0", "x")
			w.shelf.sign(w.t, w.key, d)
			return w.offer("acme/reading@^1", d)
		}, mesh.CodePolicyInvalid},
		{"a pre-release", "acme/reading", func(w *world) hubapi.ResolvedSubscription {
			d := w.shelf.build(w.t, "reading", "1.2.0-rc.1", "x")
			w.shelf.sign(w.t, w.key, d)
			return w.offer("acme/reading", d)
		}, mesh.CodePolicyInvalid},
		{"another bundle", "acme/reading@^1", func(w *world) hubapi.ResolvedSubscription {
			d := w.shelf.build(w.t, "writing", "1.2.0", "x")
			w.shelf.sign(w.t, w.key, d)
			return w.offer("acme/reading@^1", d)
		}, mesh.CodePolicyInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.sub)
			w.hub.Offer(w.release(tt.sub, "1.1.0", "support"))
			r := w.start(true)
			waitFor(t, "1.1.0", func() bool { return r.version() == "1.1.0" })
			offered := tt.offer(w)
			w.hub.Offer(offered)
			waitFor(t, "the report", func() bool {
				rep, ok := w.hub.LastReport()
				return ok && len(rep.Refusals) == 1 && rep.Refusals[0].Code == tt.code && rep.Refusals[0].Digest == offered.Digest && len(rep.InForce) == 1
			})
			if r.version() != "1.1.0" || !r.allowed("support") || r.allowed("x") {
				t.Errorf("in force: %+v", r.Status().InForce)
			}
			if !strings.Contains(r.reason(), "1.1.0 stays in force") {
				t.Errorf("reason = %q", r.reason())
			}
			w.hub.Offer(offered) // the same again
			waitFor(t, "another report", func() bool { _, ok := w.hub.LastReport(); return ok })
			if n := r.count(mesh.EventRefusal); n != 1 {
				t.Errorf("%d refusals are recorded, want 1", n)
			}
		})
	}
}

func (w *world) offer(sub string, d mesh.Digest) hubapi.ResolvedSubscription {
	return hubapi.ResolvedSubscription{Subscription: subscription(w.t, sub), Source: hubapi.SourceLocal, Version: "1.2.0", Digest: d, Status: hubapi.StatusVerified}
}

// count returns how many events of a kind the journal holds.
func (r *runtime) count(kind mesh.EventKind) (n int) {
	r.t.Helper()
	records, err := r.journal.Read(1, 10_000, 1<<30)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, rec := range records {
		if strings.HasPrefix(string(rec.Data), `{"kind":"`+string(kind)+`"`) {
			n++
		}
	}
	return n
}

func TestNothingOfAnUntrustedBundleIsFetched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	w.hub.Offer(w.offer("acme/reading@^1", w.shelf.build(t, "reading", "1.2.0", "x")))
	r := w.start(true)
	waitFor(t, "the refusal", func() bool { return len(r.Status().Refusals) == 1 })
	if n := w.shelf.pulls.Load(); n != 0 {
		t.Errorf("%d pulls of a bundle nobody trusted signed", n)
	}
	if r.allowed("x") {
		t.Error("allowed although the subscription has nothing in force")
	}
}

// TestASignatureTheHubMakesNothingOf has the hub call a release verified that
// this runtime refuses, so that the missing signature is no news to the hub.
func TestASignatureTheHubMakesNothingOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	d := w.shelf.build(t, "reading", "1.2.0", "x")
	w.shelf.sign(t, newKey(t), d)
	w.hub.Offer(w.offer("acme/reading@^1", d))
	r := w.start(true)
	waitFor(t, "the refusal", func() bool { return len(r.Status().Refusals) == 1 })
	w.shelf.sign(t, w.key, d)
	began := time.Now()
	waitFor(t, "1.2.0", func() bool { return r.version() == "1.2.0" })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestASignatureThatArrivesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	d := w.shelf.build(t, "reading", "1.2.0", "x")
	offered := w.offer("acme/reading@^1", d)
	w.hub.Offer(offered)
	r := w.start(true)
	waitFor(t, "the refusal", func() bool { return len(r.Status().Refusals) == 1 })
	w.shelf.sign(t, w.key, d)
	w.hub.Offer(offered)
	waitFor(t, "1.2.0", func() bool { return r.version() == "1.2.0" })
	if st := r.Status(); len(st.Refusals) != 0 || st.Subscriptions[0].Reason != "" {
		t.Errorf("status = %+v", st)
	}
}

func TestTheLastGoodSetSurvivesARestartOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	added := w.release("acme/writing@^2", "2.0.0", "x")
	added.Source = hubapi.SourceHub
	w.hub.Offer(w.release("acme/reading@^1", "1.1.0", "support"), added)
	r := w.start(true)
	waitFor(t, "two bundles", func() bool { return len(r.Status().InForce) == 2 })
	before := r.Status().InForce
	r.stop()

	w.hub.Fail(func(*http.Request) error { return mesh.Errorf(mesh.CodeUnavailable, "gone") })
	w.shelf.down.Store(true)
	r = w.start(true)
	waitFor(t, "the hub to fail", func() bool { return r.Status().Hub.Error != "" })
	after := r.Status().InForce
	if len(after) != 2 || after[0].Digest != before[0].Digest || !after[0].Since.Equal(before[0].Since) {
		t.Errorf("in force: %+v, before: %+v", after, before)
	}
	if !r.Status().Subscriptions[1].Ready || r.Status().Subscriptions[1].Source != hubapi.SourceHub {
		t.Errorf("subscriptions = %+v", r.Status().Subscriptions)
	}
	r.stop()

	// Whoever can change the disk still cannot make a signature.
	blobs, err := filepath.Glob(filepath.Join(w.dir, "bundles", "*", "blobs", "sha256", "*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(blobs, err)
	}
	for _, blob := range blobs {
		data, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), `data.purpose == "support"`) {
			if err := os.WriteFile(blob, []byte(strings.ReplaceAll(string(data), "support", "anybody")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	r = w.start(false)
	if r.allowed("anybody") || r.allowed("support") {
		t.Error("a bundle that was changed on disk decides")
	}
	if st := r.Status(); st.Subscriptions[0].Ready || st.Subscriptions[0].Reason == "" || len(st.InForce) != 1 {
		t.Errorf("status = %+v", st)
	}
}

// TestAProfileComesWithItsBase: a runtime needs nothing but the profile's
// bundle to enforce its base as well, offline too.
func TestAProfileComesWithItsBase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/profile@^1")
	base := pack(t, "acme/base:1.0.0", "version: \"3.0.0\"\nname: b\nrules: {custom: [{id: stated, require: 'has(data.purpose) && data.purpose != \"fun\"'}]}\n", nil)
	profile := pack(t, "acme/profile:1.0.0", "version: \"3.0.0\"\nname: p\nextends: acme/base@"+string(base.Digest())+"\nrules: {custom: [{id: narrow, require: 'data.purpose == \"support\" || data.purpose == \"fun\"'}]}\n",
		func(mesh.BundleRef, mesh.Digest) (*bundle.Base, error) {
			b, err := bundle.Read(t.Context(), base, base.Digest())
			if err != nil {
				return nil, err
			}
			return b.Base()
		})
	w.shelf.put(profile)
	w.shelf.sign(t, w.key, profile.Digest())
	s := subscription(t, "acme/profile@^1")
	w.hub.Offer(hubapi.ResolvedSubscription{Subscription: s, Source: hubapi.SourceLocal, Version: "1.0.0", Digest: profile.Digest(), Status: hubapi.StatusVerified})
	r := w.start(true)
	waitFor(t, "the profile", func() bool { return r.version() == "1.0.0" })
	check := func() {
		t.Helper()
		for purpose, want := range map[string]bool{"support": true, "fun": false, "marketing": false} {
			if r.allowed(purpose) != want {
				t.Errorf("reading for %s is allowed: %t, want %t", purpose, !want, want)
			}
		}
	}
	check()
	r.stop()
	w.shelf.down.Store(true)
	r = w.start(false)
	check()
}

func TestNoRollBackAcrossARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	old := w.release("acme/reading@^1", "1.0.0", "support")
	w.hub.Offer(w.release("acme/reading@^1", "1.1.0", "research"))
	r := w.start(true)
	waitFor(t, "1.1.0", func() bool { return r.version() == "1.1.0" })
	r.stop()
	w.hub.Offer(old)
	r = w.start(true)
	waitFor(t, "the refusal", func() bool { return len(r.Status().Refusals) == 1 })
	if got := r.Status(); got.Refusals[0].Code != mesh.CodeDowngrade || r.version() != "1.1.0" {
		t.Errorf("status = %+v", got)
	}
	r.stop()
	w.cfg.AllowDowngradeUnsafe = true
	r = w.start(true)
	waitFor(t, "1.0.0", func() bool { return r.version() == "1.0.0" })
	r.stop()
	w.cfg.AllowDowngradeUnsafe = false
	w.hub.Offer(w.release("acme/reading@^1", "1.0.5", "x"))
	r = w.start(true)
	waitFor(t, "the refusal", func() bool { return len(r.Status().Refusals) == 1 })
	if r.version() != "1.0.0" {
		t.Errorf("in force: %s; going back once must not forget the highest version", r.version())
	}
}

func TestTheHubAddsAndCannotRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	mine := w.release("acme/reading@^1", "1.0.0", "support")
	added := w.release("acme/writing@^2", "2.0.0", "x")
	added.Source = hubapi.SourceHub
	w.hub.Offer(mine, added)
	r := w.start(true)
	waitFor(t, "both", func() bool { return len(r.Status().InForce) == 2 })
	rival := w.release("acme/reading@^2", "2.0.0", "rival")
	rival.Source = hubapi.SourceHub
	w.hub.Offer(rival)
	waitFor(t, "the added one to go", func() bool { return len(r.Status().InForce) == 1 })
	if r.version() != "1.0.0" || !r.allowed("support") {
		t.Errorf("in force: %+v", r.Status().InForce)
	}
	if st := r.Status(); len(st.Subscriptions) != 1 || !st.Subscriptions[0].Ready {
		t.Errorf("subscriptions = %+v", st.Subscriptions)
	}
}

func TestARegistryThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	w.shelf.down.Store(true)
	w.hub.Offer(w.release("acme/reading@^1", "1.0.0", "support"))
	r := w.start(true)
	waitFor(t, "the reason", func() bool { return strings.Contains(r.reason(), "does not answer") })
	if len(r.Status().Refusals) != 0 {
		t.Error("a registry that does not answer is no refusal")
	}
	w.shelf.down.Store(false)
	waitFor(t, "1.0.0", func() bool { return r.version() == "1.0.0" })
}

// TestAContentThatWasDamagedOnItsWay is refused once for each piece of news the
// hub has, and taken when it arrives whole.
func TestAContentThatWasDamagedOnItsWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1", "acme/other")
	w.shelf.damages.Store(true)
	offered := w.release("acme/reading@^1", "1.0.0", "support")
	w.hub.Offer(offered)
	r := w.start(true)
	waitFor(t, "the refusal", func() bool { return len(r.Status().Refusals) == 1 })
	unsigned := w.offer("acme/other", w.shelf.build(t, "other", "1.2.0", "x"))
	w.hub.Offer(offered, unsigned) // has the set looked at every second
	waitFor(t, "the second refusal", func() bool { return len(r.Status().Refusals) == 2 })
	pulls := w.shelf.pulls.Load()
	if pulls != 2 {
		t.Errorf("%d pulls, want one for each of two sets", pulls)
	}
	w.shelf.damages.Store(false)
	w.shelf.sign(t, w.key, unsigned.Digest)
	waitFor(t, "the other bundle", func() bool { return r.version() == "1.2.0" })
	if n := w.shelf.pulls.Load(); n != pulls+1 {
		t.Errorf("%d pulls, want %d: without news what was refused is not asked for", n, pulls+1)
	}
	if n := r.count(mesh.EventRefusal); n != 2 {
		t.Errorf("%d refusals are recorded, want 2", n)
	}
	w.hub.Offer(offered, unsigned)
	waitFor(t, "1.0.0", func() bool { return len(r.Status().InForce) == 2 })
}

// TestALayoutThatACrashLeft puts there what a process left that was ended
// while it stored a bundle.
func TestALayoutThatACrashLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	offered := w.release("acme/reading@^1", "1.0.0", "support")
	for _, suffix := range []string{"", ".new"} {
		dir := filepath.Join(w.dir, "bundles", strings.Replace(string(offered.Digest), ":", "-", 1)+suffix)
		if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.hub.Offer(offered)
	r := w.start(true)
	waitFor(t, "1.0.0", func() bool { return r.version() == "1.0.0" })
	r.stop()
	if r = w.start(false); r.version() != "1.0.0" {
		t.Errorf("%q is in force after a restart: %s", r.version(), r.reason())
	}
}

func TestAHubThatForgotEnrolsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(true)
	waitFor(t, "the first enrolment", func() bool { return len(w.hub.Runtimes()) == 1 })
	key := w.hub.Runtimes()["rt_1"].Key
	w.hub.Forget()
	w.hub.Offer()
	waitFor(t, "another enrolment", func() bool { return len(w.hub.Runtimes()) == 1 })
	if !key.Equal(w.hub.Runtimes()["rt_1"].Key) {
		t.Error("it enrolled with another key")
	}
	session, err := r.Session(t.Context())
	if err != nil || session.RuntimeID != "rt_1" {
		t.Errorf("session = %+v, %v", session, err)
	}
}

func TestAnEnrolmentIsUsedAgainAndForItsHubOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(true)
	waitFor(t, "a report", func() bool { _, ok := w.hub.LastReport(); return ok })
	r.stop()
	for _, name := range []string{"runtime.key", "enrolment.json"} {
		if info, err := os.Stat(filepath.Join(w.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	w.cfg.Token = func() (string, error) { return "", nil }
	r = w.start(true)
	waitFor(t, "a report without a token", func() bool { return !r.Status().Hub.Since.IsZero() })
	r.stop()
	other := hubtest.New(t)
	w.cfg.Hub = other.URL()
	r = w.start(true)
	waitFor(t, "the failure", func() bool { return strings.Contains(r.Status().Hub.Error, "no token") })
	if r.Status().RuntimeID != "" {
		t.Error("the enrolment of one hub was used at another")
	}
}

func TestARuntimeKeepsItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(true)
	waitFor(t, "a report", func() bool { _, ok := w.hub.LastReport(); return ok })
	r.stop()
	w.cfg.Name = ""
	r = w.start(false)
	if got := r.Status().Name; got != "test" {
		t.Errorf("without a name it calls itself %q, not as it is enrolled", got)
	}
	r.stop()
	stored, err := subscribe.Inspect(w.dir)
	if err != nil || stored.Name != "test" || stored.Hub != w.hub.URL() || stored.RuntimeID != "rt_1" {
		t.Errorf("Inspect = %+v, %v", stored, err)
	}
	w.cfg.Name = "another"
	_, err = subscribe.New(w.cfg, nil, nil, slog.New(slog.DiscardHandler))
	if mesh.CodeOf(err) != mesh.CodeConflict || !strings.Contains(mesh.HintOf(err), "--name") {
		t.Errorf("under another name: %v (%s)", err, mesh.HintOf(err))
	}
}

func TestANameThatIsTakenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hub.Fail(func(*http.Request) error {
		return mesh.Errorf(mesh.CodeConflict, "a runtime named test is enrolled already")
	})
	var log lockedBuffer
	s, err := subscribe.New(w.cfg, nil, stillJournal{}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	waitFor(t, "the hint", func() bool { return strings.Contains(log.String(), "--name NAME") })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Nobody named it: the host's name being taken keeps no runtime out.
func TestAHostsNameThatIsTakenIsExtended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var names []string
	w.hub.Fail(func(r *http.Request) error {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/runtimes") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var req hubapi.EnrolRequest
		if err := json.Unmarshal(body, &req); err != nil {
			return err
		}
		if names = append(names, req.Name); len(names) == 1 {
			return mesh.Errorf(mesh.CodeConflict, "a runtime of that name with another key is enrolled already")
		}
		return nil
	})
	w.cfg.Name = ""
	r := w.start(true)
	waitFor(t, "a report", func() bool { _, ok := w.hub.LastReport(); return ok })
	r.stop()
	if len(names) != 2 || !strings.HasPrefix(names[1], names[0]+"-") {
		t.Errorf("it asked for the names %q", names)
	}
	if stored, err := subscribe.Inspect(w.dir); err != nil || stored.Name != names[1] {
		t.Errorf("Inspect = %+v, %v; want the name %s", stored, err, names[1])
	}
}

// stillJournal is a journal that nothing is written to.
type stillJournal struct{}

func (stillJournal) Status() journal.Status { return journal.Status{} }

// lockedBuffer is a buffer that a log may be written to while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(false).stop()
	if err := os.Chmod(filepath.Join(w.dir, "runtime.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := subscribe.New(w.cfg, nil, nil, slog.New(slog.DiscardHandler))
	if mesh.CodeOf(err) != mesh.CodeForbidden || !strings.Contains(mesh.HintOf(err), "chmod 600") {
		t.Errorf("%v (%s)", err, mesh.HintOf(err))
	}
}

func TestModeAndParametersAreTheRuntimesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "acme/reading@^1")
	w.cfg.Parameters = map[string]map[string]any{"acme/reading": {"extra": "research"}}
	w.hub.Offer(w.release("acme/reading@^1", "1.0.0", "support"))
	r := w.start(true)
	waitFor(t, "1.0.0", func() bool { return r.version() == "1.0.0" })
	if !r.allowed("research") || r.allowed("none") {
		t.Error("the parameter does not count")
	}
	r.stop()
	w.cfg.Mode = mesh.ModeMonitor
	r = w.start(false)
	if in := r.Status().InForce; len(in) != 1 || in[0].Mode != mesh.ModeMonitor || !in[0].Weakened || !r.allowed("none") {
		t.Errorf("in force: %+v", in)
	}
	r.stop()
	w.cfg.Parameters = map[string]map[string]any{"acme/reading": {"extra": 7}}
	r = w.start(false)
	if st := r.Status(); len(st.InForce) != 0 || !strings.Contains(r.reason(), "extra") {
		t.Errorf("status = %+v", st)
	}
}
