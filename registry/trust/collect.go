package trust

import (
	"context"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// Collect fetches the signatures among the referrers of subject, as a registry
// or a layout lists them. Referrers that attach no Sigstore bundle are passed
// over, and so is whatever goes beyond [MaxSignatures]; what says it is a
// signature comes first, so that attestations do not crowd it out. Errors of
// the Fetcher other than [mesh.CodeNotFound] are passed on: a signature that
// cannot be fetched now is not the same as none.
func Collect(ctx context.Context, f bundle.Fetcher, subject mesh.Digest, referrers []ocispec.Descriptor) ([]Signature, error) {
	referrers = slices.DeleteFunc(slices.Clone(referrers), func(d ocispec.Descriptor) bool { return !bundle.MayBeSignature(d) })
	slices.SortStableFunc(referrers, func(a, b ocispec.Descriptor) int { return rank(a) - rank(b) })
	var out []Signature
	for _, d := range referrers[:min(len(referrers), MaxSignatures)] {
		data, err := bundle.ReadSignature(ctx, f, subject, mesh.Digest(d.Digest))
		if passable(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the signatures of %s: %w", subject, err)
		}
		out = append(out, Signature{Referrer: mesh.Digest(d.Digest), Bundle: data})
	}
	return out, nil
}

// rank sorts what the registry says about a referrer, which is not believed.
func rank(d ocispec.Descriptor) int {
	if d.Annotations[bundle.AnnotationSigstorePredicate] == PredicateTypeSignature {
		return 0
	}
	return 1
}

// passable tells content that is no signature from a failure to read.
func passable(err error) bool {
	return slices.Contains([]mesh.Code{mesh.CodeInvalid, mesh.CodePolicyInvalid, mesh.CodeNotFound, mesh.CodeTooLarge}, mesh.CodeOf(err))
}
