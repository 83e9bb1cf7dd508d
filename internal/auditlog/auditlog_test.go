package auditlog_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/auditlog"
)

// key returns the same key for the same seed byte.
func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// treeHash is RFC 6962 section 2.1 as it is written there.
func treeHash(records [][]byte) [32]byte {
	switch n := len(records); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, records[0]...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		left, right := treeHash(records[:k]), treeHash(records[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

func TestRootIsTheTreeHashOfTheRFC(t *testing.T) {
	t.Parallel()
	var records [][]byte
	for n := range 70 {
		if got, want := auditlog.Root(records), treeHash(records); got != want {
			t.Fatalf("root of %d records = %x, want %x", n, got, want)
		}
		records = append(records, bytes.Repeat([]byte{byte(n)}, n))
	}
}

// TestSignedBytesNeverChange holds a batch that was signed once. Evidence must
// verify for years: if this test fails, a new domain is needed, not a new
// expectation.
func TestSignedBytesNeverChange(t *testing.T) {
	t.Parallel()
	records := []json.RawMessage{json.RawMessage(`{"kind":"decision"}`), json.RawMessage(`{"kind":"gap"}`), json.RawMessage(`{}`)}
	origin := auditlog.Origin{RuntimeID: "rt_1", JournalID: "jr_1", FirstSeq: 41}
	root, signature, err := auditlog.SignBatch(key(7), origin, records)
	if err != nil {
		t.Fatal(err)
	}
	header := "aimesh.telemetry.batch.v1\nrt_1\njr_1\n41\n3\n" + root + "\n"
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(signature, "ed25519:"))
	if err != nil || !ed25519.Verify(public(key(7)), []byte(header), raw) {
		t.Errorf("the signature is not over %q (%v)", header, err)
	}
	sum := treeHash([][]byte{records[0], records[1], records[2]})
	if root != hex.EncodeToString(sum[:]) {
		t.Errorf("root = %s, want %x", root, sum)
	}
	const want = "ed25519:g62ii6-XyyiBTRatgQcYvwAELyYWk5WxJhqS0LHj_BA3N6ApMIgBfncZwWZP1zKeDHJIGfpVRfrRilG0UKB0Aw"
	if signature != want {
		t.Errorf("signature = %s, want %s", signature, want)
	}
	if err := auditlog.VerifyBatch(public(key(7)), origin, records, root, signature); err != nil {
		t.Errorf("a batch as it was signed: %v", err)
	}
}

func TestVerifyBatchRefuses(t *testing.T) {
	t.Parallel()
	origin := auditlog.Origin{RuntimeID: "rt_1", JournalID: "jr_1", FirstSeq: 5}
	records := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
	root, signature, err := auditlog.SignBatch(key(1), origin, records)
	if err != nil {
		t.Fatal(err)
	}
	type batch struct {
		key       ed25519.PublicKey
		origin    auditlog.Origin
		records   [][]byte
		root, sig string
	}
	tests := []struct {
		name   string
		change func(*batch)
		want   mesh.Code
	}{
		{"another key", func(b *batch) { b.key = public(key(2)) }, mesh.CodeSignatureRefused},
		{"another runtime", func(b *batch) { b.origin.RuntimeID = "rt_2" }, mesh.CodeSignatureRefused},
		{"another journal", func(b *batch) { b.origin.JournalID = "jr_2" }, mesh.CodeSignatureRefused},
		{"another place in the sequence", func(b *batch) { b.origin.FirstSeq++ }, mesh.CodeSignatureRefused},
		{"a changed record", func(b *batch) { b.records = [][]byte{[]byte("one"), []byte("2"), []byte("three")} }, mesh.CodeSignatureRefused},
		{"a missing record", func(b *batch) { b.records = b.records[:2] }, mesh.CodeSignatureRefused},
		{"records in another order", func(b *batch) { b.records = [][]byte{b.records[1], b.records[0], b.records[2]} }, mesh.CodeSignatureRefused},
		{"records cut elsewhere", func(b *batch) { b.records = [][]byte{[]byte("onet"), []byte("wo"), []byte("three")} }, mesh.CodeSignatureRefused},
		{"another root", func(b *batch) { b.root = strings.Repeat("0", 64) }, mesh.CodeSignatureRefused},
		{"a root in upper case", func(b *batch) { b.root = strings.ToUpper(b.root) }, mesh.CodeSignatureRefused},
		{"no signature", func(b *batch) { b.sig = "" }, mesh.CodeInvalid},
		{"another algorithm", func(b *batch) { b.sig = "rsa:" + b.sig[len("ed25519:"):] }, mesh.CodeInvalid},
		{"a short signature", func(b *batch) { b.sig = b.sig[:len(b.sig)-4] }, mesh.CodeInvalid},
		{"no records", func(b *batch) { b.records = nil }, mesh.CodeInvalid},
		{"sequence 0", func(b *batch) { b.origin.FirstSeq = 0 }, mesh.CodeInvalid},
		{"a sequence that overflows", func(b *batch) { b.origin.FirstSeq = ^uint64(0) - 1 }, mesh.CodeInvalid},
		{"a line feed in an id", func(b *batch) { b.origin.RuntimeID = "rt\n1" }, mesh.CodeInvalid},
		{"an empty id", func(b *batch) { b.origin.JournalID = "" }, mesh.CodeInvalid},
		{"a key of another size", func(b *batch) { b.key = b.key[:31] }, mesh.CodeInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := batch{key: public(key(1)), origin: origin, records: records, root: root, sig: signature}
			tt.change(&b)
			err := auditlog.VerifyBatch(b.key, b.origin, b.records, b.root, b.sig)
			if got := mesh.CodeOf(err); got != tt.want {
				t.Errorf("code = %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestSignBatchRefusesWhatCannotBeVerified(t *testing.T) {
	t.Parallel()
	ok := auditlog.Origin{RuntimeID: "rt_1", JournalID: "jr_1", FirstSeq: 1}
	records := [][]byte{[]byte("x")}
	if _, _, err := auditlog.SignBatch(nil, ok, records); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("without a key: %v", err)
	}
	if _, _, err := auditlog.SignBatch(key(1), auditlog.Origin{JournalID: "jr_1", FirstSeq: 1}, records); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("without a runtime: %v", err)
	}
	if _, _, err := auditlog.SignBatch(key(1), ok, [][]byte(nil)); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("without records: %v", err)
	}
}

// FuzzVerifyBatch looks for a batch that verifies although it is not the one
// that was signed.
func FuzzVerifyBatch(f *testing.F) {
	origin := auditlog.Origin{RuntimeID: "rt_1", JournalID: "jr_1", FirstSeq: 9}
	signed := [][]byte{[]byte("a"), []byte("bc")}
	root, signature, err := auditlog.SignBatch(key(3), origin, signed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("rt_1", "jr_1", uint64(9), []byte("a"), []byte("bc"), root, signature)
	f.Add("rt_1\njr_1", "9", uint64(9), []byte("ab"), []byte("c"), root, signature)
	f.Add("", "", uint64(0), []byte{}, []byte{}, "", "ed25519:")
	f.Fuzz(func(t *testing.T, runtime, journal string, first uint64, one, two []byte, r, s string) {
		o := auditlog.Origin{RuntimeID: mesh.RuntimeID(runtime), JournalID: mesh.JournalID(journal), FirstSeq: first}
		same := o == origin && bytes.Equal(one, signed[0]) && bytes.Equal(two, signed[1]) && r == root && s == signature
		if err := auditlog.VerifyBatch(public(key(3)), o, [][]byte{one, two}, r, s); (err == nil) != same {
			t.Errorf("verified = %v, the batch that was signed = %v", err == nil, same)
		}
	})
}
