package auditlog

import (
	"crypto/sha256"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// RootSize is the length of a root in bytes.
const RootSize = sha256.Size

// Root returns the Merkle tree hash over records in their order (RFC 6962
// section 2.1, with SHA-256): leaves are hashed with prefix 0x00, inner nodes
// with 0x01, so that no record can pass for a node. Of no records it is the
// hash of the empty string.
func Root[R ~[]byte](records []R) [RootSize]byte {
	hasher := rfc6962.DefaultHasher
	factory := compact.RangeFactory{Hash: hasher.HashChildren}
	tree := factory.NewEmptyRange(0)
	for _, record := range records {
		// Append fails only if the range and the visitor disagree about the
		// index; there is no visitor.
		_ = tree.Append(hasher.HashLeaf(record), nil)
	}
	var root [RootSize]byte
	if tree.End() == 0 {
		copy(root[:], hasher.EmptyRoot())
		return root
	}
	hash, err := tree.GetRootHash(nil)
	if err != nil { // only for a range that does not begin at 0
		panic("auditlog: " + err.Error())
	}
	copy(root[:], hash)
	return root
}
