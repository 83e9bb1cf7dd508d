package subscribe

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// reconcile brings the set to what the hub says the subscriptions mean, as far
// as the runtime agrees. Its error says that something could not be done now
// and should be tried again; refusals are no errors.
func (s *Subscriber) reconcile(ctx context.Context, news hubapi.SubscriptionSet) error {
	meanings := map[string]hubapi.ResolvedSubscription{}
	var fromHub []mesh.Subscription
	for _, item := range news.Items {
		meanings[item.Subscription.String()] = item
		if item.Source == hubapi.SourceHub {
			fromHub = append(fromHub, item.Subscription)
		}
	}
	desired := merge(s.cfg.Local, fromHub)
	next, changed := s.keep(desired)
	var failed error
	for _, w := range desired {
		took, err := s.follow(ctx, w, meanings[w.String()], next)
		changed = changed || took
		if err != nil && failed == nil {
			failed = err
		}
	}
	s.forget(desired)
	if changed || !s.sameHubSubscriptions(desired) {
		if err := s.save(next, desired); err != nil {
			return err
		}
		s.set = next
	}
	if err := s.enforce(ctx, desired); err != nil {
		return err
	}
	return failed
}

// keep returns a copy of the set without bundles nobody subscribes to.
func (s *Subscriber) keep(desired []wanted) (next map[mesh.BundleRef]*held, changed bool) {
	next = map[mesh.BundleRef]*held{}
	for _, w := range desired {
		if h, ok := s.set[w.Bundle]; ok {
			next[w.Bundle] = h
		}
	}
	return next, len(next) != len(s.set)
}

// follow brings one bundle of the next set to what its subscription means. The
// last good release stays where that cannot be.
func (s *Subscriber) follow(ctx context.Context, w wanted, item hubapi.ResolvedSubscription, next map[mesh.BundleRef]*held) (changed bool, err error) {
	current, has := next[w.Bundle]
	switch {
	case item.Digest == "":
		reason := item.Reason
		if reason == "" {
			reason = "the hub has not said what it means yet"
		}
		s.clear(w)
		if has && satisfies(w, current.version, current.bundle.Digest) == nil {
			reason = ""
		}
		s.reason(w, s.staying(current, reason))
		return false, nil
	case has && current.bundle.Digest == item.Digest:
		if err := satisfies(w, current.version, item.Digest); err != nil {
			s.refuse(ctx, w, item, err, current)
			return false, nil
		}
		s.clear(w)
		s.reason(w, "")
		return false, nil
	case s.refusedForGood(w, item.Digest):
		return false, nil
	}
	h, err := s.fetch(ctx, w, item, next)
	switch {
	case err == nil:
		next[w.Bundle] = h
		s.clear(w)
		s.reason(w, "")
		return true, nil
	case refused(mesh.CodeOf(err)):
		s.refuse(ctx, w, item, err, current)
		return false, nil
	}
	s.reason(w, s.staying(current, err.Error()))
	return false, fmt.Errorf("following %s: %w", w, err)
}

// staying completes a reason with what remains in force.
func (s *Subscriber) staying(current *held, reason string) string {
	if current == nil || reason == "" {
		return reason
	}
	return fmt.Sprintf("%s; %s stays in force", reason, current.version)
}

// fetch pulls what a subscription means, checks it alone and together with the
// others, and stores it.
func (s *Subscriber) fetch(ctx context.Context, w wanted, item hubapi.ResolvedSubscription, next map[mesh.BundleRef]*held) (*held, error) {
	h, signatures, err := s.admit(ctx, w, item.Digest, source{
		signatures: func(ctx context.Context) ([]trust.Signature, error) {
			return s.registry.Signatures(ctx, w.Bundle, item.Digest)
		},
		bundle: func(ctx context.Context) (*bundle.Bundle, error) {
			return s.registry.Pull(ctx, w.Bundle, item.Digest)
		},
	})
	if err != nil {
		return nil, err
	}
	if err := satisfies(w, h.version, item.Digest); err != nil {
		return nil, err
	}
	if err := s.checkAge(w.Bundle, h.version, item.Digest); err != nil {
		return nil, err
	}
	candidate := maps.Clone(next)
	candidate[w.Bundle] = h
	if _, err := compile(candidate); err != nil {
		return nil, err
	}
	if err := s.store.put(h.bundle, signatures); err != nil {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "%w", err).WithHint("look at the disk under the data directory")
	}
	return h, nil
}

// standingRefusal is a refusal that nothing has ended yet.
type standingRefusal struct {
	mesh.Refusal
	since    time.Time
	revision string // of the hub's set when the content was last looked at
}

// refuse notes that a bundle is not put into force, and records it unless the
// same was said before.
func (s *Subscriber) refuse(ctx context.Context, w wanted, item hubapi.ResolvedSubscription, err error, current *held) {
	r := mesh.Refusal{
		Subscription: w.String(), Bundle: w.Bundle.String(), Version: item.Version, Digest: item.Digest,
		Code: mesh.CodeOf(err), Reason: err.Error(),
	}
	s.reason(w, s.staying(current, r.Reason))
	s.mu.Lock()
	standing := s.refusals[w.String()]
	known := standing.Refusal == r
	if !known {
		standing = standingRefusal{Refusal: r, since: time.Now()}
	}
	standing.revision = s.lastSet.Revision
	s.refusals[w.String()] = standing
	s.mu.Unlock()
	if known {
		return
	}
	s.logger.ErrorContext(ctx, "a bundle is refused", slog.String("subscription", r.Subscription), slog.String("version", r.Version),
		slog.String("digest", string(r.Digest)), slog.Any("error", err), slog.String("hint", mesh.HintOf(err)))
	s.record(ctx, mesh.Event{Kind: mesh.EventRefusal, Time: time.Now().UTC(), Refusal: &r})
}

// refusedForGood reports whether the same content was refused for a reason that
// does not pass, since the hub last had news. Signatures can still arrive, so
// those are looked at again without any. With news it is looked at once more:
// what was refused may have been what a broken hub made of the bundle.
func (s *Subscriber) refusedForGood(w wanted, d mesh.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.refusals[w.String()]
	return ok && r.Digest == d && permanent(r.Code) && r.revision == s.lastSet.Revision
}

// clear ends the standing refusal of a subscription.
func (s *Subscriber) clear(w wanted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refusals, w.String())
}

// forget drops what is known of subscriptions that are no more.
func (s *Subscriber) forget(desired []wanted) {
	names := map[string]bool{}
	for _, w := range desired {
		names[w.String()] = true
	}
	gone := func(name string) bool { return !names[name] }
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.refusals, func(name string, _ standingRefusal) bool { return gone(name) })
	maps.DeleteFunc(s.reasons, func(name, _ string) bool { return gone(name) })
}

// sameHubSubscriptions reports whether the stored state knows what the hub
// added.
func (s *Subscriber) sameHubSubscriptions(desired []wanted) bool {
	n := 0
	for _, w := range desired {
		if w.source != hubapi.SourceHub {
			continue
		}
		if n >= len(s.state.HubSubscriptions) || s.state.HubSubscriptions[n] != w.Subscription {
			return false
		}
		n++
	}
	return n == len(s.state.HubSubscriptions)
}
