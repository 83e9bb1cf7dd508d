// Package sign makes signatures and the key files they need.
//
// [Sign] signs the digest of a bundle's manifest and returns a Sigstore bundle
// v0.3 of the kind `cosign sign --new-bundle-format` attaches, so that plain
// `cosign verify` accepts it; registry/remote attaches it. Keys are those of
// `cosign generate-key-pair`: [GenerateKey] makes one, [LoadKey] reads one, and
// cosign reads what [Key.WriteFiles] writes.
//
// A signature covers a digest alone. Namespace, name and version stand in the
// bundle's config, which the digest covers. Nothing is uploaded to a
// transparency log, and the package verifies nothing: see registry/trust. It
// links cosign and is kept out of the edge runtime.
package sign

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/types"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/ai-agent-mesh/mesh"
)

// PredicateType is the in-toto predicate type of what [Sign] makes: "the holder
// of this key signed this artifact", and nothing about it.
const PredicateType = types.CosignSignPredicateType

// Sign signs the digest of a bundle's manifest and returns a Sigstore bundle
// v0.3: a DSSE envelope around an in-toto statement whose only subject is the
// digest.
func Sign(ctx context.Context, key *Key, subject mesh.Digest) ([]byte, error) {
	return Attest(ctx, key, subject, PredicateType, nil)
}

// Attest is [Sign] for any predicate: it states something about the bundle,
// such as its provenance, and is no signature of it. A nil predicate is empty.
func Attest(ctx context.Context, key *Key, subject mesh.Digest, predicateType string, predicate map[string]any) ([]byte, error) {
	payload, err := statement(subject, predicateType, predicate)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", subject, err)
	}
	envelope, err := dsse.WrapSigner(key.signer, types.IntotoPayloadType).SignMessage(bytes.NewReader(payload), options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", subject, err)
	}
	public, err := key.signer.PublicKey(options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", subject, err)
	}
	out, err := bundle.MakeNewBundle(public, nil, payload, envelope, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("making the Sigstore bundle for %s: %w", subject, err)
	}
	return out, nil
}

// statement is the in-toto statement that is signed.
func statement(subject mesh.Digest, predicateType string, predicate map[string]any) ([]byte, error) {
	if _, err := mesh.ParseDigest(string(subject)); err != nil {
		return nil, err
	}
	algorithm, value, _ := strings.Cut(string(subject), ":")
	s := &intoto.Statement{
		Type:          intoto.StatementTypeUri,
		Subject:       []*intoto.ResourceDescriptor{{Digest: map[string]string{algorithm: value}}},
		PredicateType: predicateType,
	}
	if predicate != nil {
		p, err := structpb.NewStruct(predicate)
		if err != nil {
			return nil, mesh.Errorf(mesh.CodeInvalid, "the predicate: %w", err)
		}
		s.Predicate = p
	}
	return protojson.Marshal(s)
}
