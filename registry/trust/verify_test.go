package trust_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/sign"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

const (
	digest = mesh.Digest("sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae")
	other  = mesh.Digest("sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9")
)

var subject = trust.Subject{Bundle: mesh.BundleRef{Namespace: "acme", Name: "export"}, Digest: digest}

func newKey(t testing.TB) *sign.Key {
	t.Helper()
	key, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t testing.TB, key *sign.Key, d mesh.Digest) trust.Signature {
	t.Helper()
	data, err := sign.Sign(t.Context(), key, d)
	if err != nil {
		t.Fatal(err)
	}
	return trust.Signature{Referrer: other, Bundle: data}
}

func attested(t testing.TB, key *sign.Key, predicateType string) trust.Signature {
	t.Helper()
	data, err := sign.Attest(t.Context(), key, digest, predicateType, map[string]any{"ok": true})
	if err != nil {
		t.Fatal(err)
	}
	return trust.Signature{Referrer: other, Bundle: data}
}

func trusting(t testing.TB, glob string, keys ...*sign.Key) *trust.Policy {
	t.Helper()
	var pems [][]byte
	for _, k := range keys {
		pems = append(pems, k.PublicKeyPEM())
	}
	p, err := trust.TrustKeys(glob, pems...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// edit changes a Sigstore bundle as JSON.
func edit(t testing.TB, s trust.Signature, change func(b map[string]any)) trust.Signature {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(s.Bundle, &b); err != nil {
		t.Fatal(err)
	}
	change(b)
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	s.Bundle = data
	return s
}

// repay replaces text in the signed payload.
func repay(t testing.TB, s trust.Signature, from, to string) trust.Signature {
	t.Helper()
	return edit(t, s, func(b map[string]any) {
		envelope := b["dsseEnvelope"].(map[string]any)
		payload, err := base64.StdEncoding.DecodeString(envelope["payload"].(string))
		if err != nil {
			t.Fatal(err)
		}
		envelope["payload"] = base64.StdEncoding.EncodeToString(bytes.ReplaceAll(payload, []byte(from), []byte(to)))
	})
}

func TestVerify(t *testing.T) {
	t.Parallel()
	ours, theirs := newKey(t), newKey(t)
	good := signed(t, ours, digest)
	const slsa = "https://slsa.dev/provenance/v1"
	for _, tt := range []struct {
		name       string
		policy     *trust.Policy
		signatures []trust.Signature
		want       string // in the refusal; empty: accepted
	}{
		{"signed", trusting(t, "acme/**", ours), []trust.Signature{good}, ""},
		{"one of two keys", trusting(t, "acme/**", theirs, ours), []trust.Signature{good}, ""},
		{"one of many signatures", trusting(t, "acme/**", ours), []trust.Signature{{Bundle: []byte("x")}, signed(t, theirs, digest), attested(t, ours, slsa), good}, ""},
		{"unsigned", trusting(t, "acme/**", ours), nil, "is not signed"},
		{"another key", trusting(t, "acme/**", ours), []trust.Signature{signed(t, theirs, digest)}, "another key (it names " + theirs.Fingerprint()},
		{"another artifact", trusting(t, "acme/**", ours), []trust.Signature{signed(t, ours, other)}, "about another artifact"},
		{"an attestation", trusting(t, "acme/**", ours), []trust.Signature{attested(t, ours, slsa)}, `an attestation of type "` + slsa},
		{"an attestation that claims to be a signature", trusting(t, "acme/**", ours), []trust.Signature{repay(t, attested(t, ours, slsa), slsa, trust.PredicateTypeSignature)}, "was changed"},
		{"a signature of another artifact that claims to be of this", trusting(t, "acme/**", ours), []trust.Signature{repay(t, signed(t, ours, other), string(other[7:]), string(digest[7:]))}, "was changed"},
		{"a signature that claims to be by our key", trusting(t, "acme/**", ours), []trust.Signature{edit(t, signed(t, theirs, digest), func(b map[string]any) {
			edit(t, good, func(g map[string]any) { b["verificationMaterial"] = g["verificationMaterial"] })
		})}, "not made by it"},
		{"an older format", trusting(t, "acme/**", ours), []trust.Signature{edit(t, good, func(b map[string]any) {
			b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
		})}, "older than v0.3"},
		{"no envelope", trusting(t, "acme/**", ours), []trust.Signature{edit(t, good, func(b map[string]any) { delete(b, "dsseEnvelope") })}, "not a Sigstore bundle"},
		{"no key named", trusting(t, "acme/**", ours), []trust.Signature{edit(t, good, func(b map[string]any) { delete(b, "verificationMaterial") })}, "not a Sigstore bundle"},
		{"too large", trusting(t, "acme/**", ours), []trust.Signature{{Bundle: make([]byte, trust.MaxSignatureSize+1)}}, "more than the"},
		{"not JSON", trusting(t, "acme/**", ours), []trust.Signature{{Bundle: []byte("<html>")}}, "not a Sigstore bundle"},
		{"no policy for the namespace", trusting(t, "mesh/**", ours), []trust.Signature{good}, "no trust policy is about acme"},
		{"no key for the namespace", trusting(t, "acme/**"), []trust.Signature{good}, "no key is trusted"},
		{"the zero policy", &trust.Policy{}, []trust.Signature{good}, "no trust policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			verdict, err := tt.policy.Verify(t.Context(), subject, tt.signatures)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				want := trust.Acceptance{Policy: "acme/**", Authority: ours.Fingerprint(), KeyFingerprint: ours.Fingerprint(), Referrer: other}
				if len(verdict.Accepted) != 1 || verdict.Accepted[0] != want || verdict.Subject != subject {
					t.Errorf("verdict %+v, want %+v", verdict, want)
				}
				return
			}
			if mesh.CodeOf(err) != mesh.CodeSignatureRefused || !strings.Contains(err.Error(), tt.want) || mesh.HintOf(err) == "" {
				t.Errorf("got %v (%s, hint %q), want %q", err, mesh.CodeOf(err), mesh.HintOf(err), tt.want)
			}
		})
	}
}

func TestVerifyLooksAtABoundedNumber(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	junk := make([]trust.Signature, trust.MaxSignatures)
	policy := trusting(t, "**", key)
	_, err := policy.Verify(t.Context(), subject, append(junk, signed(t, key, digest)))
	if mesh.CodeOf(err) != mesh.CodeSignatureRefused || !strings.Contains(err.Error(), "and 56 more") {
		t.Errorf("got %v, want a refusal that explains 8 of 64", err)
	}
}

func TestVerifyRefusesWhatIsNoDigest(t *testing.T) {
	t.Parallel()
	_, err := trusting(t, "**", newKey(t)).Verify(t.Context(), trust.Subject{Bundle: subject.Bundle, Digest: "latest"}, nil)
	if mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("got %v, want %s", err, mesh.CodeInvalid)
	}
}

func TestGlobs(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	signature := signed(t, key, digest)
	for _, tt := range []struct {
		glob, bundle string
		want         bool
	}{
		{"acme/**", "acme/export", true},
		{"acme/*", "acme/export", true},
		{"acme", "acme/export", true},
		{"**", "acme/export", true},
		{"*/export", "acme/export", true},
		{"ac*", "acme/export", true},
		{"acme/exp?rt", "acme/export", true},
		{"acme/gdpr-*", "acme/gdpr-strict", true},
		{"acme/**", "acme2/export", false},
		{"acme", "acme2/export", false},
		{"acme/gdpr", "acme/gdpr-strict", false},
		{"a.me", "acme/export", false},
		{"*", "acme/export", true},
		{"?", "acme/export", false},
	} {
		t.Run(tt.glob+" "+tt.bundle, func(t *testing.T) {
			t.Parallel()
			ref, err := mesh.ParseBundleRef(tt.bundle)
			if err != nil {
				t.Fatal(err)
			}
			_, err = trusting(t, tt.glob, key).Verify(t.Context(), trust.Subject{Bundle: ref, Digest: digest}, []trust.Signature{signature})
			if (err == nil) != tt.want {
				t.Errorf("got %v, want match %v", err, tt.want)
			}
		})
	}
	for _, glob := range []string{"", "/", "acme/", "/export", "a/b/c", "Acme/**", "acme/[a]", "acme **", strings.Repeat("a", 300)} {
		if _, err := trust.TrustKeys(glob, key.PublicKeyPEM()); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("the glob %q: %v, want %s", glob, err, mesh.CodeInvalid)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	good := signed(f, key, digest)
	policy := trusting(f, "acme/**", key)
	f.Add(good.Bundle)
	f.Add(fixture(f, "signature.sigstore.json"))
	f.Add(fixture(f, "attestation.sigstore.json"))
	f.Add(attested(f, key, "https://slsa.dev/provenance/v1").Bundle)
	f.Add(signed(f, key, other).Bundle)
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564="},"signature":"AA=="}}`))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{},"tlogEntries":[{}]},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		verdict, err := policy.Verify(t.Context(), subject, []trust.Signature{{Bundle: data}})
		if err != nil && mesh.CodeOf(err) != mesh.CodeSignatureRefused {
			t.Errorf("%v has code %s", err, mesh.CodeOf(err))
		}
		if err == nil && verdict.Accepted[0].KeyFingerprint != key.Fingerprint() {
			t.Errorf("accepted by %s", verdict.Accepted[0].KeyFingerprint)
		}
	})
}
