package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// revisionBytes is how much of the hash of a set names it: beyond coincidence.
const revisionBytes = 12

// Subscriptions returns what a runtime, named by id or name, is to follow
// now.
func (f *Fleet) Subscriptions(ctx context.Context, tenant mesh.TenantID, idOrName string) (hubapi.SubscriptionSet, error) {
	rec, err := f.record(ctx, tenant, idOrName)
	if err != nil {
		return hubapi.SubscriptionSet{}, err
	}
	return f.set(ctx, tenant, rec)
}

// Wait says how long a call may wait for a change. The zero value does not
// wait.
type Wait struct {
	For  time.Duration   // at most [hubapi.MaxWait]; more is cut
	Stop <-chan struct{} // ends the wait early, as if the time were over; nil: never
}

// WaitSubscriptions returns the set as soon as its revision is not known, and
// at the latest when the wait is over, then unchanged.
func (f *Fleet) WaitSubscriptions(ctx context.Context, tenant mesh.TenantID, idOrName, known string, wait Wait) (hubapi.SubscriptionSet, error) {
	rec, err := f.record(ctx, tenant, idOrName)
	if err != nil {
		return hubapi.SubscriptionSet{}, err
	}
	timeout := time.NewTimer(min(wait.For, hubapi.MaxWait))
	defer timeout.Stop()
	for {
		releases, own := f.notify.Watch(TopicReleases), f.notify.Watch(TopicRuntime(tenant, rec.ID))
		set, err := f.Subscriptions(ctx, tenant, string(rec.ID))
		if err != nil || set.Revision != known || wait.For <= 0 {
			return set, err
		}
		select {
		case <-releases:
		case <-own:
		case <-timeout.C:
			return set, nil
		case <-wait.Stop:
			return set, nil
		case <-ctx.Done():
			return set, errGone(ctx)
		}
	}
}

// set puts together a runtime's own subscriptions and the hub's. Of two to
// the same bundle the runtime's own counts: the hub only adds.
func (f *Fleet) set(ctx context.Context, tenant mesh.TenantID, rec RuntimeRecord) (hubapi.SubscriptionSet, error) {
	added, err := f.store.HubSubscriptions(ctx, tenant, rec.ID)
	if err != nil {
		return hubapi.SubscriptionSet{}, fmt.Errorf("reading the subscriptions of %s: %w", rec.Name, err)
	}
	set := hubapi.SubscriptionSet{Items: []hubapi.ResolvedSubscription{}}
	taken := map[mesh.BundleRef]bool{}
	// The revision covers the signatures too: a runtime that refused a content
	// under its own trust policy has to look again when one is added.
	var states []string
	for i, s := range append(append([]mesh.Subscription{}, rec.Report.Subscriptions...), added...) {
		source := hubapi.SourceLocal
		if i >= len(rec.Report.Subscriptions) {
			source = hubapi.SourceHub
		}
		if taken[s.Bundle] {
			continue
		}
		taken[s.Bundle] = true
		resolved, err := f.resolver.Resolve(ctx, tenant, s)
		if err != nil {
			return hubapi.SubscriptionSet{}, err
		}
		resolved.Source = source
		state, err := f.resolver.trustState(ctx, tenant, resolved)
		if err != nil {
			return hubapi.SubscriptionSet{}, err
		}
		states = append(states, state)
		set.Items = append(set.Items, resolved)
	}
	data, err := json.Marshal(struct {
		Items  []hubapi.ResolvedSubscription
		States []string
	}{set.Items, states})
	if err != nil {
		return hubapi.SubscriptionSet{}, fmt.Errorf("encoding a set: %w", err)
	}
	sum := sha256.Sum256(data)
	set.Revision = hex.EncodeToString(sum[:revisionBytes])
	return set, nil
}

// Subscribe adds a subscription to a runtime, named by id or name, in place of
// one to the same bundle that was added before, and returns the new set. What
// means no release now is [mesh.CodeNotFound]: a runtime denies everything
// while a subscription has nothing in force, so a misspelt one must not reach
// it. A bundle the runtime subscribes to itself in another way is
// [mesh.CodeConflict].
func (f *Fleet) Subscribe(ctx context.Context, tenant mesh.TenantID, idOrName string, s mesh.Subscription) (hubapi.SubscriptionSet, error) {
	var none hubapi.SubscriptionSet
	if s.Bundle.IsZero() {
		return none, mesh.Errorf(mesh.CodeInvalid, "the subscription names no bundle").WithHint("for example mesh/hipaa@^3")
	}
	if s.Kind() == mesh.SelectRange {
		if _, err := bundle.ParseRange(s.Selector); err != nil {
			return none, err
		}
	}
	rec, err := f.record(ctx, tenant, idOrName)
	if err != nil {
		return none, err
	}
	for _, own := range rec.Report.Subscriptions {
		if own.Bundle != s.Bundle {
			continue
		}
		if own == s {
			return f.set(ctx, tenant, rec)
		}
		return none, mesh.Errorf(mesh.CodeConflict, "runtime %s subscribes to %s itself, as %s", rec.Name, s.Bundle, own).
			WithHint("change it in the runtime's own configuration: the hub only adds")
	}
	resolved, err := f.resolver.Resolve(ctx, tenant, s)
	if err != nil {
		return none, err
	}
	if resolved.Digest == "" {
		return none, mesh.Errorf(mesh.CodeNotFound, "%s means no release now: %s", s, resolved.Reason).
			WithHint("publish and sign it first, or look for it with `mesh catalog search`")
	}
	if err := f.store.PutHubSubscription(ctx, tenant, rec.ID, s, MaxSubscriptions, f.now()); err != nil {
		return none, fmt.Errorf("subscribing %s to %s: %w", rec.Name, s, err)
	}
	f.notify.Notify(TopicRuntime(tenant, rec.ID))
	return f.set(ctx, tenant, rec)
}

// Unsubscribe takes back what the hub added for a bundle and returns the new
// set; that it added nothing is no error. What the runtime subscribes to itself
// is [mesh.CodeConflict]: the hub cannot take a runtime out from under a policy
// that its own configuration puts it under.
func (f *Fleet) Unsubscribe(ctx context.Context, tenant mesh.TenantID, idOrName string, ref mesh.BundleRef) (hubapi.SubscriptionSet, error) {
	var none hubapi.SubscriptionSet
	rec, err := f.record(ctx, tenant, idOrName)
	if err != nil {
		return none, err
	}
	for _, own := range rec.Report.Subscriptions {
		if own.Bundle == ref {
			return none, mesh.Errorf(mesh.CodeConflict, "runtime %s subscribes to %s itself, as %s", rec.Name, ref, own).
				WithHint("remove it from the runtime's own configuration")
		}
	}
	if err := f.store.DeleteHubSubscription(ctx, tenant, rec.ID, ref); err != nil {
		return none, fmt.Errorf("unsubscribing %s from %s: %w", rec.Name, ref, err)
	}
	f.notify.Notify(TopicRuntime(tenant, rec.ID))
	return f.set(ctx, tenant, rec)
}

// errGone is the error of a wait that ended because the caller went away.
func errGone(ctx context.Context) error {
	return mesh.Errorf(mesh.CodeCanceled, "the caller stopped waiting: %w", context.Cause(ctx))
}
