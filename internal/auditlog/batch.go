package auditlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// batchDomain is the first line of the signed bytes. No other signature of the
// product begins with it, so none can be passed off as a batch's.
const batchDomain = "aimesh.telemetry.batch.v1"

// signaturePrefix names the algorithm in the text form of a signature.
const signaturePrefix = "ed25519:"

// maxIDLength bounds the names in a header.
const maxIDLength = 128

// Origin says where the records of a batch come from: the first of them has
// sequence FirstSeq in journal JournalID of runtime RuntimeID, and the others
// follow without a gap. Sequences start at 1.
type Origin struct {
	RuntimeID mesh.RuntimeID
	JournalID mesh.JournalID
	FirstSeq  uint64
}

// header returns the bytes that are signed: six lines, each ended by a line
// feed, so that any language can produce them.
//
//	aimesh.telemetry.batch.v1
//	<runtimeId>
//	<journalId>
//	<firstSeq, decimal>
//	<number of records, decimal>
//	<root, lower-case hexadecimal>
func (o Origin) header(count int, root [RootSize]byte) ([]byte, error) {
	for _, id := range []struct{ what, value string }{
		{"runtimeId", string(o.RuntimeID)}, {"journalId", string(o.JournalID)},
	} {
		if !validID(id.value) {
			return nil, mesh.Errorf(mesh.CodeInvalid, "batch header: %s %q is not 1 to %d visible ASCII characters", id.what, id.value, maxIDLength)
		}
	}
	if o.FirstSeq == 0 || count == 0 {
		return nil, mesh.Errorf(mesh.CodeInvalid, "batch header: a batch has at least one record and sequences start at 1")
	}
	if uint64(count)-1 > math.MaxUint64-o.FirstSeq {
		return nil, mesh.Errorf(mesh.CodeInvalid, "batch header: firstSeq %d leaves no room for %d records", o.FirstSeq, count)
	}
	return fmt.Appendf(nil, "%s\n%s\n%s\n%d\n%d\n%x\n", batchDomain, o.RuntimeID, o.JournalID, o.FirstSeq, count, root), nil
}

// validID accepts what cannot end a line of the header early.
func validID(s string) bool {
	if s == "" || len(s) > maxIDLength {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// SignBatch returns the root over records, in lower-case hexadecimal, and the
// signature over the batch's header: "ed25519:" and unpadded base64url. Its
// errors have [mesh.CodeInvalid].
func SignBatch[R ~[]byte](key ed25519.PrivateKey, origin Origin, records []R) (root, signature string, err error) {
	if len(key) != ed25519.PrivateKeySize {
		return "", "", mesh.Errorf(mesh.CodeInvalid, "signing a batch: the key is not an Ed25519 private key")
	}
	sum := Root(records)
	header, err := origin.header(len(records), sum)
	if err != nil {
		return "", "", err
	}
	text := signaturePrefix + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, header))
	return hex.EncodeToString(sum[:]), text, nil
}

// VerifyBatch checks that root is the Merkle root over records and that
// signature was made by the private half of key over the header of just this
// batch. A batch that is malformed has [mesh.CodeInvalid], one that another
// key signed or that was changed since [mesh.CodeSignatureRefused].
func VerifyBatch[R ~[]byte](key ed25519.PublicKey, origin Origin, records []R, root, signature string) error {
	if len(key) != ed25519.PublicKeySize {
		return mesh.Errorf(mesh.CodeInvalid, "verifying a batch: the key is not an Ed25519 public key")
	}
	encoded, ok := strings.CutPrefix(signature, signaturePrefix)
	if !ok {
		return mesh.Errorf(mesh.CodeInvalid, "verifying a batch: the signature does not begin with %q", signaturePrefix)
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(sig) != ed25519.SignatureSize {
		return mesh.Errorf(mesh.CodeInvalid, "verifying a batch: the signature is not %d bytes in unpadded base64url", ed25519.SignatureSize)
	}
	sum := Root(records)
	header, err := origin.header(len(records), sum)
	if err != nil {
		return err
	}
	// Nothing here is secret, so the comparison need not take constant time.
	if root != hex.EncodeToString(sum[:]) {
		return mesh.Errorf(mesh.CodeSignatureRefused, "verifying a batch: its root is %q, its records' is %x", root, sum)
	}
	if !ed25519.Verify(key, header, sig) {
		return mesh.Errorf(mesh.CodeSignatureRefused, "verifying a batch: not signed by the key runtime %s was enrolled with", origin.RuntimeID)
	}
	return nil
}
