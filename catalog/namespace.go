package catalog

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

const (
	// MaxKeys bounds the keys of a namespace: every signature of its releases
	// is tried against each.
	MaxKeys = 32

	maxKeySize = 16 << 10 // bytes of PEM

	// minRSABits is what NIST SP 800-57 part 1 asks for until 2030.
	minRSABits = 2048

	pemPublicKey = "PUBLIC KEY"
)

// NamespaceStore keeps namespaces and the keys their releases are verified
// against.
type NamespaceStore interface {
	// Namespace returns one namespace. [mesh.CodeNotFound] if there is none.
	Namespace(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) (hubapi.NamespaceInfo, error)
	// Namespaces lists namespaces by name, behind after.
	Namespaces(ctx context.Context, tenant mesh.TenantID, private bool, after string, limit int) ([]hubapi.NamespaceInfo, error)
	// EnsureNamespace creates a public namespace unless it exists.
	EnsureNamespace(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace, now time.Time) error
	// PutNamespace creates a namespace or changes its visibility, and then
	// requests a recheck.
	PutNamespace(ctx context.Context, tenant mesh.TenantID, n hubapi.NamespaceInfo) (hubapi.NamespaceInfo, error)
	// Keys lists all keys of a namespace, revoked ones too, in the order they
	// were added. A namespace that does not exist has none.
	Keys(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) ([]hubapi.Key, error)
	// AddKey adds a key, creates its namespace if need be, and requests a
	// recheck, all or nothing. A key that is there is returned as it is and
	// added is false. More than max keys in use are [mesh.CodeTooLarge].
	AddKey(ctx context.Context, tenant mesh.TenantID, k hubapi.Key, max int) (stored hubapi.Key, added bool, err error)
	// RevokeKey ends the use of a key and requests a recheck.
	// [mesh.CodeNotFound] if there is none; one that is revoked stays as it is.
	RevokeKey(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace, fingerprint string, now time.Time) (hubapi.Key, error)
}

// Recheck is a namespace whose releases have to be concluded anew because its
// keys or its visibility changed.
type Recheck struct {
	Tenant      mesh.TenantID
	Namespace   mesh.Namespace
	RequestedAt time.Time
}

// RecheckStore is the queue of rechecks, of all tenants: it is a worker's.
type RecheckStore interface {
	// Rechecks lists the oldest requests.
	Rechecks(ctx context.Context, limit int) ([]Recheck, error)
	// RecheckDone removes a request unless it was made again meanwhile.
	RecheckDone(ctx context.Context, r Recheck) error
}

// Namespaces looks after namespaces and who may sign in them.
type Namespaces struct {
	store  NamespaceStore
	notify *Notifier
	now    func() time.Time
}

// NewNamespaces returns the service over store. Changes of keys are announced
// on [TopicRechecks].
func NewNamespaces(store NamespaceStore, n *Notifier) *Namespaces {
	return &Namespaces{store: store, notify: n, now: time.Now}
}

// Ensure creates a public namespace unless it exists.
func (s *Namespaces) Ensure(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) error {
	return s.store.EnsureNamespace(ctx, tenant, name, s.now())
}

// Private reports whether only the tenant's own callers may read a namespace.
// One that does not exist is not private.
func (s *Namespaces) Private(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) (bool, error) {
	n, err := s.store.Namespace(ctx, tenant, name)
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		return false, nil
	}
	return n.Visibility == hubapi.VisibilityPrivate, err
}

// Put creates a namespace or changes its visibility.
func (s *Namespaces) Put(ctx context.Context, tenant mesh.TenantID, r hubapi.NamespaceRequest) (hubapi.NamespaceInfo, error) {
	if err := checkNamespace(r.Name); err != nil {
		return hubapi.NamespaceInfo{}, err
	}
	switch r.Visibility {
	case "":
		r.Visibility = hubapi.VisibilityPublic
	case hubapi.VisibilityPublic, hubapi.VisibilityPrivate:
	default:
		return hubapi.NamespaceInfo{}, mesh.Errorf(mesh.CodeInvalid, "visibility %q is not one", r.Visibility).WithHint("use public or private")
	}
	n, err := s.store.PutNamespace(ctx, tenant, hubapi.NamespaceInfo{Name: r.Name, Visibility: r.Visibility, CreatedAt: s.now()})
	if err == nil {
		s.notify.Notify(TopicRechecks)
	}
	return n, err
}

// checkNamespace checks the syntax, which is that of a bundle's first part.
func checkNamespace(ns mesh.Namespace) error {
	_, err := mesh.ParseBundleRef(string(ns) + "/x")
	return err
}

// List lists the namespaces, private ones only if asked for.
func (s *Namespaces) List(ctx context.Context, tenant mesh.TenantID, private bool, cursor string, limit int) (hubapi.Page[hubapi.NamespaceInfo], error) {
	return paged("namespaces", cursor, limit, func(after string, n int) ([]hubapi.NamespaceInfo, error) {
		return s.store.Namespaces(ctx, tenant, private, after, n)
	}, func(n hubapi.NamespaceInfo) string { return string(n.Name) })
}

// Keys lists the keys of a namespace. [mesh.CodeNotFound] if it does not exist.
func (s *Namespaces) Keys(ctx context.Context, tenant mesh.TenantID, name mesh.Namespace) (hubapi.Page[hubapi.Key], error) {
	page := hubapi.Page[hubapi.Key]{Items: []hubapi.Key{}}
	if _, err := s.store.Namespace(ctx, tenant, name); err != nil {
		if mesh.CodeOf(err) == mesh.CodeNotFound {
			return page, ErrNoNamespace(name)
		}
		return page, err
	}
	keys, err := s.store.Keys(ctx, tenant, name)
	page.Items = list(keys)
	return page, err
}

// ErrNoNamespace is the error for a namespace that does not exist, and for one
// that the caller must not learn of.
func ErrNoNamespace(name mesh.Namespace) error {
	return mesh.Errorf(mesh.CodeNotFound, "there is no namespace %s", name).
		WithHint("an administrator's push or `mesh vendor key add` creates it; if it is private, send a token")
}

// AddKey registers a public key, PEM in PKIX form, that signatures of the
// namespace's releases are verified with, also of those that are there
// already. The namespace is created if it does not exist. What is not such a
// key is [mesh.CodeInvalid], a key that was revoked [mesh.CodeConflict].
func (s *Namespaces) AddKey(ctx context.Context, tenant mesh.TenantID, ns mesh.Namespace, text string) (hubapi.Key, error) {
	if err := checkNamespace(ns); err != nil {
		return hubapi.Key{}, err
	}
	key, err := parseKey(text)
	if err != nil {
		return hubapi.Key{}, err
	}
	key.Namespace, key.AddedAt = ns, s.now()
	stored, added, err := s.store.AddKey(ctx, tenant, key, MaxKeys)
	if err != nil {
		return hubapi.Key{}, fmt.Errorf("adding a key to %s: %w", ns, err)
	}
	if stored.RevokedAt != nil {
		return hubapi.Key{}, mesh.Errorf(mesh.CodeConflict, "key %s was revoked for %s, and stays so", stored.Fingerprint, ns).
			WithHint("sign with a new key and register that")
	}
	if added {
		s.notify.Notify(TopicRechecks)
	}
	return stored, nil
}

// RevokeKey ends the use of a key: signatures that the hub first saw before
// stay valid. [mesh.CodeNotFound] if there is no such key.
func (s *Namespaces) RevokeKey(ctx context.Context, tenant mesh.TenantID, ns mesh.Namespace, fingerprint string) (hubapi.Key, error) {
	fingerprint = strings.TrimPrefix(strings.ToLower(fingerprint), "sha256:")
	key, err := s.store.RevokeKey(ctx, tenant, ns, fingerprint, s.now())
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		return hubapi.Key{}, mesh.Errorf(mesh.CodeNotFound, "namespace %s has no key %s", ns, fingerprint).
			WithHint("list its keys first; a fingerprint is 64 hexadecimal characters")
	}
	if err == nil {
		s.notify.Notify(TopicRechecks)
	}
	return key, err
}

// parseKey reads a public key and describes it.
func parseKey(text string) (hubapi.Key, error) {
	refuse := func(why string) (hubapi.Key, error) {
		return hubapi.Key{}, mesh.Errorf(mesh.CodeInvalid, "not a public key: %s", why).
			WithHint("send the PEM file that begins with -----BEGIN PUBLIC KEY-----, such as cosign.pub")
	}
	if len(text) > maxKeySize {
		return refuse(fmt.Sprintf("it is longer than %d bytes", maxKeySize))
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return refuse("it is not PEM")
	case strings.Contains(block.Type, "PRIVATE"):
		return hubapi.Key{}, mesh.Errorf(mesh.CodeInvalid, "this is a private key; it was not stored").
			WithHint("send the public half; consider a private key that was sent over a network as compromised")
	case block.Type != pemPublicKey:
		return refuse("the PEM block is a " + block.Type)
	case len(strings.TrimSpace(string(rest))) > 0:
		return refuse("something follows the key")
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return refuse("it does not parse")
	}
	algorithm, err := keyAlgorithm(pub)
	if err != nil {
		return hubapi.Key{}, err
	}
	sum := sha256.Sum256(block.Bytes)
	return hubapi.Key{
		Fingerprint: hex.EncodeToString(sum[:]), Algorithm: algorithm,
		PublicKey: string(pem.EncodeToMemory(&pem.Block{Type: pemPublicKey, Bytes: block.Bytes})),
	}, nil
}

func keyAlgorithm(pub any) (string, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return "ecdsa-" + strings.ToLower(strings.ReplaceAll(k.Curve.Params().Name, "-", "")), nil
	case ed25519.PublicKey:
		return "ed25519", nil
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return "", mesh.Errorf(mesh.CodeInvalid, "an RSA key of %d bits is too weak", bits).WithHint(fmt.Sprintf("use at least %d bits, or an ECDSA P-256 key as `cosign generate-key-pair` makes", minRSABits))
		}
		return fmt.Sprintf("rsa-%d", k.N.BitLen()), nil
	}
	return "", mesh.Errorf(mesh.CodeInvalid, "keys of type %T are not supported", pub).WithHint("use ECDSA, Ed25519 or RSA")
}
