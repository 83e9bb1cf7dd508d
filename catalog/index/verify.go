package index

import (
	"context"
	"fmt"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/trust"

	digest "github.com/opencontainers/go-digest"
)

// evidence is what a verdict about a bundle rests on.
type evidence struct {
	signatures []trust.Signature
	seen       map[mesh.Digest]time.Time // by the signature's referrer
	keys       []hubapi.Key
}

// evidence collects the signatures attached to a bundle and the keys of its
// namespace. A signature counts from when it was first seen.
func (x *Indexer) evidence(ctx context.Context, tenant mesh.TenantID, ref mesh.BundleRef, subject mesh.Digest) (*evidence, error) {
	content, repo := x.content(tenant), registry.Name(ref.String())
	referrers, err := listReferrers(ctx, content, repo, subject)
	if err != nil {
		return nil, fmt.Errorf("listing the signatures of %s: %w", subject, err)
	}
	ev := &evidence{}
	if ev.signatures, err = trust.Collect(ctx, &fetcher{content, repo}, subject, referrers); err != nil {
		return nil, fmt.Errorf("reading the signatures of %s: %w", subject, err)
	}
	digests := make([]mesh.Digest, len(ev.signatures))
	for i, s := range ev.signatures {
		digests[i] = s.Referrer
	}
	if ev.seen, err = x.releases.Sight(ctx, tenant, ref, subject, digests, x.now()); err != nil {
		return nil, fmt.Errorf("noting the signatures of %s: %w", subject, err)
	}
	if ev.keys, err = x.keys.Keys(ctx, tenant, ref.Namespace); err != nil {
		return nil, fmt.Errorf("reading the keys of %s: %w", ref.Namespace, err)
	}
	return ev, nil
}

func listReferrers(ctx context.Context, content Content, repo registry.Name, subject mesh.Digest) ([]ocispec.Descriptor, error) {
	var out []ocispec.Descriptor
	var after mesh.Digest
	for len(out) < maxReferrers {
		page, err := content.Referrers(ctx, repo, subject, "", after, referrerPage)
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			out = append(out, ocispec.Descriptor{
				MediaType: m.MediaType, ArtifactType: m.ArtifactType, Digest: digest.Digest(m.Digest), Size: m.Size, Annotations: m.Annotations,
			})
		}
		if len(page) < referrerPage {
			break
		}
		after = page[len(page)-1].Digest
	}
	return out, nil
}

// state names what a verdict about a content depends on.
func (ev *evidence) state(d mesh.Digest) string {
	parts := []string{concludedBy, string(d)}
	for _, s := range ev.signatures {
		parts = append(parts, "signature", string(s.Referrer))
	}
	for _, k := range ev.keys {
		revoked := ""
		if k.RevokedAt != nil {
			revoked = k.RevokedAt.Format(time.RFC3339Nano)
		}
		parts = append(parts, "key", k.Fingerprint, revoked)
	}
	return stateHash(parts...)
}

// verdict says who of the namespace signed a bundle. A key counts for
// signatures that were first seen before it was revoked, and also for those
// that were there before the key.
func (ev *evidence) verdict(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) (hubapi.Status, string, []hubapi.Signer, error) {
	if len(ev.signatures) == 0 {
		return hubapi.StatusUnsigned, "no signature is attached", nil, nil
	}
	var signers []hubapi.Signer
	for _, key := range ev.keys {
		policy, err := trust.TrustKeys(string(ref.Namespace)+"/**", []byte(key.PublicKey))
		if err != nil {
			return "", "", nil, fmt.Errorf("reading key %s: %w", key.Fingerprint, err)
		}
		for _, sig := range ev.signatures {
			if !counts(key, ev.seen[sig.Referrer]) {
				continue
			}
			_, err := policy.Verify(ctx, trust.Subject{Bundle: ref, Digest: d}, []trust.Signature{sig})
			switch mesh.CodeOf(err) {
			case "":
				signers = append(signers, hubapi.Signer{
					Fingerprint: key.Fingerprint, Referrer: string(sig.Referrer), SeenAt: ev.seen[sig.Referrer],
				})
			case mesh.CodeSignatureRefused:
			default:
				return "", "", nil, err
			}
		}
	}
	if len(signers) > 0 {
		return hubapi.StatusVerified, "", signers, nil
	}
	return hubapi.StatusRefused, ev.refusal(ctx, ref, d), nil, nil
}

// counts reports whether a key was in use when a signature was first seen.
func counts(key hubapi.Key, seen time.Time) bool {
	return key.RevokedAt == nil || seen.Before(*key.RevokedAt)
}

// refusal explains why no signature is accepted.
func (ev *evidence) refusal(ctx context.Context, ref mesh.BundleRef, d mesh.Digest) string {
	var pems [][]byte
	for _, k := range ev.keys {
		if k.RevokedAt == nil {
			pems = append(pems, []byte(k.PublicKey))
		}
	}
	if len(pems) == 0 {
		return fmt.Sprintf("it is signed, but namespace %s has no key in use; register one with `mesh vendor key add`", ref.Namespace)
	}
	policy, err := trust.TrustKeys(string(ref.Namespace)+"/**", pems...)
	if err != nil {
		return reason(err)
	}
	if _, err = policy.Verify(ctx, trust.Subject{Bundle: ref, Digest: d}, ev.signatures); err != nil {
		return reason(err)
	}
	// Verifiable by a key in use, and yet no signer was found: impossible
	// unless the keys changed in between, which is looked at again anyway.
	return "its signatures are being looked at again"
}
