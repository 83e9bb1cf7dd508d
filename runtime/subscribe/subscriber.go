package subscribe

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/remote"
	"github.com/ai-agent-mesh/mesh/registry/trust"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

// MaxSubscriptions bounds what one runtime follows.
const MaxSubscriptions = 256

// Registry is where bundles are pulled from: a [remote.Client].
type Registry interface {
	Signatures(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) ([]trust.Signature, error)
	Pull(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) (*bundle.Bundle, error)
}

// Point is what the set is put into force at: an [enforce.Point].
type Point interface {
	Swap(s enforce.Set) error
	Record(ctx context.Context, event mesh.Event) error
}

// Journal is what the hub is told about: a [journal.Journal].
type Journal interface {
	Status() journal.Status
}

// Config says what to follow.
type Config struct {
	// Dir holds the key, the enrolment and the last good set.
	Dir string
	// Name is what the runtime enrols as; empty means the host's name. Once it
	// is enrolled it keeps its name: another is refused with
	// [mesh.CodeConflict].
	Name string
	// Version is the program's, as told to the hub.
	Version string
	// Hub is the hub's base URL.
	Hub string
	// Token returns the credential that enrols the runtime. It is called when
	// it is needed only.
	Token func() (string, error)
	// Local are the runtime's own subscriptions.
	Local []mesh.Subscription
	// Mode weakens policies that are stricter; empty weakens none.
	Mode mesh.Mode
	// Parameters are the values for each bundle's parameters, by
	// "namespace/name". They are the runtime's alone; the hub sets none.
	Parameters map[string]map[string]any
	// Trust says whose signatures count.
	Trust *trust.Policy
	// AllowDowngradeUnsafe accepts releases below the highest that was ever in
	// force, and other content for the same version.
	AllowDowngradeUnsafe bool
	// Unrecorded tells the hub that decisions are not recorded.
	Unrecorded bool
	// Registry makes the client that pulls from the hub; nil means
	// registry/remote.
	Registry func(token string) (Registry, error)
}

// Subscriber keeps a set in force. Its methods are safe for concurrent use;
// Restore and Run are called once, in this order.
type Subscriber struct {
	cfg     Config
	point   Point
	journal Journal
	logger  *slog.Logger
	client  *http.Client
	store   store
	key     ed25519.PrivateKey

	// These belong to Restore and then to Run.
	named    bool // somebody chose the name: it is not changed where it is taken
	state    state
	set      map[mesh.BundleRef]*held
	registry Registry
	lastSet  hubapi.SubscriptionSet
	reported hubapi.RuntimeReport // what the hub was told last
	toldAt   time.Time

	mu       sync.Mutex
	wanted   []wanted
	inForce  []mesh.BundleInForce
	reasons  map[string]string          // by subscription: why it is not what it should be
	refusals map[string]standingRefusal // by subscription
	session  *session
	sessions chan struct{} // closed when session changes
	hubSeen  time.Time
	hubErr   error
}

// New prepares a subscriber: it loads or makes the runtime's key and reads what
// was stored. It talks to nobody.
func New(cfg Config, point Point, j Journal, logger *slog.Logger) (*Subscriber, error) {
	if err := os.MkdirAll(cfg.Dir, dirMode); err != nil {
		return nil, fmt.Errorf("creating the data directory: %w", err)
	}
	s := &Subscriber{
		cfg: cfg, point: point, journal: j, logger: logger, store: store{dir: cfg.Dir},
		client: &http.Client{Timeout: requestTimeout}, set: map[mesh.BundleRef]*held{},
		reasons: map[string]string{}, refusals: map[string]standingRefusal{}, sessions: make(chan struct{}),
	}
	if cfg.Registry == nil {
		s.cfg.Registry = func(token string) (Registry, error) {
			// That the hub is asked over plain HTTP was decided where its
			// address was given.
			return remote.New(cfg.Hub, remote.Options{PlainHTTP: true, Token: token})
		}
	}
	var err error
	if s.key, err = loadKey(cfg.Dir); err != nil {
		return nil, err
	}
	if s.state, err = s.store.loadState(); err != nil {
		return nil, err
	}
	known, err := loadEnrolment(cfg.Dir, cfg.Hub)
	if err != nil {
		return nil, err
	}
	if s.cfg.Name, err = nameOf(cfg.Name, known, cfg.Dir); err != nil {
		return nil, err
	}
	s.named = cfg.Name != "" || known != nil
	if known != nil {
		if err := s.connect(known); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Restore puts the last good set into force, from disk alone. Everything is
// verified as if it were new, except that it need not be newer than itself.
func (s *Subscriber) Restore(ctx context.Context) error {
	desired := merge(s.cfg.Local, s.state.HubSubscriptions)
	for _, w := range desired {
		h, err := s.restore(ctx, w)
		if err == nil && h != nil {
			candidate := maps.Clone(s.set)
			candidate[w.Bundle] = h
			if _, err = compile(candidate); err == nil {
				s.set = candidate
				if err := satisfies(w, h.version, h.bundle.Digest); err != nil {
					s.reason(w, s.staying(h, err.Error()))
				}
				continue
			}
		}
		if err == nil {
			s.reason(w, "it was not fetched yet")
			continue
		}
		s.reason(w, "what was stored is refused: "+err.Error())
		s.logger.ErrorContext(ctx, "a bundle of the last good set is not put into force again",
			slog.String("subscription", w.String()), slog.Any("error", err), slog.String("hint", mesh.HintOf(err)))
	}
	return s.enforce(ctx, desired)
}

// restore loads the stored bundle of a subscription; nil if there is none.
func (s *Subscriber) restore(ctx context.Context, w wanted) (*held, error) {
	i := slices.IndexFunc(s.state.InForce, func(b stored) bool { return b.Bundle == w.Bundle.String() })
	if i < 0 {
		return nil, nil
	}
	entry := s.state.InForce[i]
	layout, signatures, err := s.store.get(ctx, entry.Digest)
	if err != nil {
		return nil, err
	}
	h, _, err := s.admit(ctx, w, entry.Digest, source{
		signatures: func(context.Context) ([]trust.Signature, error) { return signatures, nil },
		bundle:     func(ctx context.Context) (*bundle.Bundle, error) { return bundle.Read(ctx, layout, entry.Digest) },
	})
	if err != nil {
		return nil, err
	}
	h.since = entry.Since
	return h, nil
}

// reason notes why a subscription is not what it should be; empty: it is.
func (s *Subscriber) reason(w wanted, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reason == "" {
		delete(s.reasons, w.String())
		return
	}
	s.reasons[w.String()] = reason
}

// enforce puts the current set into force and tells the journal if it is
// another one.
func (s *Subscriber) enforce(ctx context.Context, desired []wanted) error {
	program, err := compile(s.set)
	if err != nil {
		return err
	}
	infos := map[string]int{}
	policies := program.Policies()
	for i, p := range policies {
		infos[p.ID] = i
	}
	set := enforce.Set{Program: program, Bundles: []mesh.BundleInForce{}}
	s.mu.Lock()
	for _, w := range desired {
		h, ok := s.set[w.Bundle]
		if !ok {
			set.Missing = append(set.Missing, enforce.Missing{Subscription: w.Subscription, Reason: s.reasons[w.String()]})
			continue
		}
		info := policies[infos[w.Bundle.String()]]
		set.Bundles = append(set.Bundles, mesh.BundleInForce{
			Subscription: w.String(), Bundle: w.Bundle.String(), Version: h.version.String(), Digest: h.bundle.Digest,
			Mode: info.Mode, Weakened: info.Weakened, Since: h.since,
		})
	}
	changed := !slices.Equal(set.Bundles, s.inForce) || s.wanted == nil
	s.wanted, s.inForce = desired, set.Bundles
	s.mu.Unlock()
	if err := s.point.Swap(set); err != nil {
		return err
	}
	if !changed {
		return nil
	}
	for _, b := range set.Bundles {
		s.logger.InfoContext(ctx, "in force", slog.String("bundle", b.Bundle), slog.String("version", b.Version),
			slog.String("digest", string(b.Digest)), slog.String("mode", string(b.Mode)), slog.Bool("weakened", b.Weakened))
	}
	s.record(ctx, mesh.Event{Kind: mesh.EventSet, Time: time.Now().UTC(), Set: set.Bundles})
	return nil
}

// record puts an event into the journal. A journal that cannot be written says
// so with every decision; the set is in force all the same.
func (s *Subscriber) record(ctx context.Context, event mesh.Event) {
	if err := s.point.Record(ctx, event); err != nil {
		s.logger.WarnContext(ctx, "an event was not recorded", slog.String("kind", string(event.Kind)), slog.Any("error", err))
	}
}

// save stores the set and the subscriptions it answers.
func (s *Subscriber) save(set map[mesh.BundleRef]*held, desired []wanted) error {
	st := state{HubSubscriptions: []mesh.Subscription{}, InForce: []stored{}, Highest: maps.Clone(s.state.Highest)}
	for _, w := range desired {
		if w.source == hubapi.SourceHub {
			st.HubSubscriptions = append(st.HubSubscriptions, w.Subscription)
		}
	}
	for ref, h := range set {
		name, version := ref.String(), h.version.String()
		st.InForce = append(st.InForce, stored{Bundle: name, Version: version, Digest: h.bundle.Digest, Since: h.since})
		known, err := bundle.ParseVersion(st.Highest[name].Version)
		if err != nil || h.version.Compare(known) >= 0 {
			st.Highest[name] = release{Version: version, Digest: h.bundle.Digest}
		}
	}
	slices.SortFunc(st.InForce, func(a, b stored) int { return strings.Compare(a.Bundle, b.Bundle) })
	if err := s.store.save(st); err != nil {
		return mesh.Errorf(mesh.CodeUnavailable, "the new set cannot be stored, so it is not put into force: %w", err).
			WithHint("look at the disk under the data directory")
	}
	s.state = st
	return nil
}
