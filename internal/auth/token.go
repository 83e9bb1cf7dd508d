package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"log/slog"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

const (
	// tokenBytes is the entropy of a token: 256 bits, beyond guessing, so a
	// plain hash of it is enough to store.
	tokenBytes = 32

	// The prefixes let people and secret scanners tell what a string is.
	prefixAdmin   = "meshadm_"
	prefixRuntime = "meshrt_"
)

// Token is a secret that stands for a principal. It does not print itself: use
// [Token.Reveal] where it has to leave.
type Token struct{ secret string }

// NewToken makes a random token for a kind of principal.
func NewToken(kind Kind) Token {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	prefix := prefixAdmin
	if kind == KindRuntime {
		prefix = prefixRuntime
	}
	return Token{prefix + base64.RawURLEncoding.EncodeToString(b[:])}
}

// ParseToken reads what [Token.Reveal] printed. Anything else is
// [mesh.CodeUnauthenticated].
func ParseToken(s string) (Token, error) {
	body, ok := strings.CutPrefix(s, prefixAdmin)
	if !ok {
		body, ok = strings.CutPrefix(s, prefixRuntime)
	}
	if ok {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
		ok = err == nil && len(raw) == tokenBytes && !strings.ContainsAny(body, "\r\n")
	}
	if !ok {
		return Token{}, mesh.Errorf(mesh.CodeUnauthenticated, "the credentials are not a token of this hub").
			WithHint("a token begins with " + prefixAdmin + " or " + prefixRuntime + "; look for cut-off characters")
	}
	return Token{s}, nil
}

// Reveal returns the secret itself.
func (t Token) Reveal() string { return t.secret }

// String returns a placeholder, so that a token that is printed by accident
// stays secret.
func (t Token) String() string { return "[token]" }

// GoString is [Token.String] for %#v.
func (t Token) GoString() string { return t.String() }

// LogValue is [Token.String] for logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Hash is what a store keeps of a token.
type Hash [sha256.Size]byte

// Hash returns the token's hash.
func (t Token) Hash() Hash { return sha256.Sum256([]byte(t.secret)) }

// StoredToken is what a store knows of a token.
type StoredToken struct {
	Hash      Hash
	Principal Principal // KindAdmin or KindRuntime
	CreatedAt time.Time
}

// TokenStore keeps tokens. Implementations are safe for concurrent use.
type TokenStore interface {
	// Token returns the token with this hash, of whatever tenant;
	// [mesh.CodeNotFound] if there is none.
	Token(ctx context.Context, h Hash) (StoredToken, error)
	// PutToken adds a token. Adding it again changes nothing.
	PutToken(ctx context.Context, t StoredToken) error
	// HasAdmin reports whether the tenant has an administrator's token.
	HasAdmin(ctx context.Context, tenant mesh.TenantID) (bool, error)
}

// lookup returns the principal a token stands for.
func lookup(ctx context.Context, store TokenStore, t Token) (Principal, error) {
	h := t.Hash()
	stored, err := store.Token(ctx, h)
	switch {
	case mesh.CodeOf(err) == mesh.CodeNotFound:
		return Principal{}, errUnknownToken()
	case err != nil:
		return Principal{}, err
	case subtle.ConstantTimeCompare(stored.Hash[:], h[:]) != 1:
		return Principal{}, errUnknownToken()
	}
	return stored.Principal, nil
}

func errUnknownToken() error {
	return mesh.Errorf(mesh.CodeUnauthenticated, "this hub does not know the token").
		WithHint("check that it is this hub's; enroll the runtime again if the hub's data was replaced")
}
