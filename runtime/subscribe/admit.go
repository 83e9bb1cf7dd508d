package subscribe

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// wanted is a subscription and where it comes from.
type wanted struct {
	mesh.Subscription
	source string // hubapi.SourceLocal or hubapi.SourceHub
}

// held is a bundle that passed every check.
type held struct {
	bundle  *bundle.Bundle
	version bundle.Version
	policy  engine.Policy
	since   time.Time
}

// source is whoever holds a bundle: the hub's registry, or the store.
type source struct {
	signatures func(context.Context) ([]trust.Signature, error)
	bundle     func(context.Context) (*bundle.Bundle, error)
}

// admit fetches a bundle and checks everything but its age and how it compiles
// with others. The order matters: nothing of a bundle is interpreted before
// its signatures were accepted.
func (s *Subscriber) admit(ctx context.Context, w wanted, d mesh.Digest, from source) (*held, []trust.Signature, error) {
	signatures, err := from.signatures(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.cfg.Trust.Verify(ctx, trust.Subject{Bundle: w.Bundle, Digest: d}, signatures); err != nil {
		return nil, nil, err
	}
	b, err := from.bundle(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := (publish.Expect{Ref: w.Bundle}).Verify(b); err != nil {
		return nil, nil, err
	}
	version, err := bundle.ParseVersion(b.Config.Version)
	if err != nil {
		return nil, nil, err
	}
	policy, err := publish.Policy(b, s.cfg.Mode, s.cfg.Parameters[w.Bundle.String()])
	if err != nil {
		return nil, nil, err
	}
	return &held{bundle: b, version: version, policy: policy, since: time.Now().UTC()}, signatures, nil
}

// satisfies checks that a release is one the subscription means: the hub's word
// for it is not enough.
func satisfies(w wanted, version bundle.Version, d mesh.Digest) error {
	switch w.Kind() {
	case mesh.SelectDigest:
		if string(d) != w.Selector {
			return mesh.Errorf(mesh.CodePolicyInvalid, "%s is not the content that %s pins", d, w)
		}
	case mesh.SelectRange:
		rng, err := bundle.ParseRange(w.Selector)
		if err != nil {
			return err
		}
		if !rng.Contains(version) {
			return mesh.Errorf(mesh.CodePolicyInvalid, "version %s is not in the range of %s", version, w)
		}
	case mesh.SelectLatest:
		if version.IsPrerelease() {
			return mesh.Errorf(mesh.CodePolicyInvalid, "version %s is a pre-release, which %s does not ask for", version, w)
		}
	}
	return nil
}

// checkAge refuses what is older than the highest release that was ever in
// force, or claims its version with other content: old policies were replaced
// for a reason, and whoever controls the hub could bring them back.
func (s *Subscriber) checkAge(ref mesh.BundleRef, version bundle.Version, d mesh.Digest) error {
	highest, ok := s.state.Highest[ref.String()]
	if !ok || s.cfg.AllowDowngradeUnsafe {
		return nil
	}
	known, err := bundle.ParseVersion(highest.Version)
	if err != nil {
		return err
	}
	switch c := version.Compare(known); {
	case c < 0:
		return mesh.Errorf(mesh.CodeDowngrade, "%s %s is older than %s, which was in force before", ref, version, known).
			WithHint("publish what should apply as a higher version; --allow-downgrade-unsafe goes back all the same")
	case c == 0 && d != highest.Digest:
		return mesh.Errorf(mesh.CodeConflict, "%s %s was in force before with other content (%s)", ref, version, highest.Digest).
			WithHint("a version never changes; publish a higher one, or start with --allow-downgrade-unsafe")
	}
	return nil
}

// compile compiles a whole set, in the order of the bundles' names.
func compile(set map[mesh.BundleRef]*held) (*engine.Program, error) {
	refs := slices.SortedFunc(maps.Keys(set), func(a, b mesh.BundleRef) int {
		return strings.Compare(a.String(), b.String())
	})
	policies := make([]engine.Policy, 0, len(set))
	for _, ref := range refs {
		policies = append(policies, set[ref].policy)
	}
	return engine.Compile(policies)
}

// permanent reports whether asking again for the same content cannot help.
func permanent(code mesh.Code) bool {
	switch code {
	case mesh.CodePolicyInvalid, mesh.CodeInvalid, mesh.CodeConflict, mesh.CodeDowngrade, mesh.CodeTooLarge, mesh.CodeUnsupported:
		return true
	}
	return false
}

// refused reports whether an error says that a bundle must not be put into
// force, and not merely that it cannot be had now.
func refused(code mesh.Code) bool { return permanent(code) || code == mesh.CodeSignatureRefused }

// merge adds what the hub added to the runtime's own subscriptions. Of two to
// one bundle the runtime's own counts.
func merge(local, fromHub []mesh.Subscription) []wanted {
	var all []wanted
	taken := map[mesh.BundleRef]bool{}
	for i, list := range [][]mesh.Subscription{local, fromHub} {
		source := hubapi.SourceLocal
		if i == 1 {
			source = hubapi.SourceHub
		}
		for _, sub := range list {
			if !taken[sub.Bundle] && len(all) < MaxSubscriptions {
				taken[sub.Bundle] = true
				all = append(all, wanted{sub, source})
			}
		}
	}
	return all
}
