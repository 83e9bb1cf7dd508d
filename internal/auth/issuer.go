package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

const (
	// Service is the name of the registry in challenges and the audience of
	// its tokens.
	Service = "aimesh-registry"

	// TokenLifetime bounds how long a registry token that leaked is of use.
	// Clients ask for a new one when it is over.
	TokenLifetime = 5 * time.Minute

	issuerName = "aimesh-hub"
	algorithm  = "EdDSA"
	pemType    = "PRIVATE KEY"

	// clockSkew is tolerated between issuing and checking, which are the same
	// machine unless its clock is set back.
	clockSkew = 30 * time.Second

	maxTokenLength = maxCredentialLength
)

// Actions on a repository (distribution specification, token scope
// documentation).
const (
	ActionPull   = "pull"
	ActionPush   = "push"
	ActionDelete = "delete"
)

// Grant is what a registry token allows in one repository.
type Grant struct {
	Type    string   `json:"type"` // always "repository"
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// Issuer signs and checks the short-lived tokens of the registry's token
// flow: JSON Web Tokens with Ed25519 (RFC 8037), and no other algorithm. It is
// safe for concurrent use.
type Issuer struct {
	key   ed25519.PrivateKey
	keyID string
}

// LoadIssuer reads the signing key at path, or makes one there.
func LoadIssuer(path string) (*Issuer, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createIssuer(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the hub's key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemType {
		return nil, errHubKey(path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errHubKey(path)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errHubKey(path)
	}
	return newIssuer(key), nil
}

func errHubKey(path string) error {
	return mesh.Errorf(mesh.CodeInvalid, "%s is not an Ed25519 private key", path).
		WithHint("remove the file; the hub then makes a new key, and clients log in again")
}

func createIssuer(path string) (*Issuer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the hub's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the hub's key: %w", err)
	}
	if err := durable.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), secretFileMode); err != nil {
		return nil, err
	}
	return newIssuer(key), nil
}

func newIssuer(key ed25519.PrivateKey) *Issuer {
	sum := sha256.Sum256(key.Public().(ed25519.PublicKey))
	return &Issuer{key: key, keyID: base64.RawURLEncoding.EncodeToString(sum[:8])}
}

// joseHeader is compared as a whole: there is nothing to negotiate.
type joseHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

type claims struct {
	Issuer    string         `json:"iss"`
	Audience  string         `json:"aud"`
	Subject   Kind           `json:"sub"`
	Tenant    mesh.TenantID  `json:"tenant"`
	Runtime   mesh.RuntimeID `json:"runtime,omitzero"`
	IssuedAt  int64          `json:"iat"`
	NotBefore int64          `json:"nbf"`
	Expires   int64          `json:"exp"`
	Access    []Grant        `json:"access"`
}

// issue signs a token for p that is valid from now for [TokenLifetime].
func (i *Issuer) issue(p Principal, grants []Grant, now time.Time) (string, error) {
	c := claims{
		Issuer: issuerName, Audience: Service, Subject: p.Kind, Tenant: p.Tenant, Runtime: p.Runtime,
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(TokenLifetime).Unix(), Access: grants,
	}
	header, err := json.Marshal(i.header())
	if err != nil {
		return "", fmt.Errorf("encoding a token: %w", err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding a token: %w", err)
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString(header) + "." + enc.EncodeToString(payload)
	return signed + "." + enc.EncodeToString(ed25519.Sign(i.key, []byte(signed))), nil
}

func (i *Issuer) header() joseHeader { return joseHeader{algorithm, i.keyID, "JWT"} }

// verify checks a token and returns whom it was issued to and for what. Every
// reason to refuse it is [mesh.CodeUnauthenticated].
func (i *Issuer) verify(token string, now time.Time) (Principal, []Grant, error) {
	refuse := func(why string) (Principal, []Grant, error) {
		return Principal{}, nil, mesh.Errorf(mesh.CodeUnauthenticated, "the registry token is not valid: %s", why).
			WithHint("log in again")
	}
	if len(token) > maxTokenLength || strings.Count(token, ".") != 2 {
		return refuse("it is not a signed token")
	}
	cut := strings.LastIndexByte(token, '.')
	signed := token[:cut]
	head, payload, _ := strings.Cut(signed, ".")
	// The header decides nothing; it is only compared with the one we write.
	var h joseHeader
	if err := decodePart(head, &h); err != nil || h != i.header() {
		return refuse("it was not issued by this hub")
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(token[cut+1:])
	if err != nil || !ed25519.Verify(i.key.Public().(ed25519.PublicKey), []byte(signed), sig) {
		return refuse("its signature is wrong")
	}
	var c claims
	if err := decodePart(payload, &c); err != nil {
		return refuse("its claims are not readable")
	}
	switch {
	case c.Issuer != issuerName || c.Audience != Service:
		return refuse("it is for another service")
	case now.After(time.Unix(c.Expires, 0)):
		return refuse("it has expired")
	case now.Add(clockSkew).Before(time.Unix(c.NotBefore, 0)):
		return refuse("it is not valid yet")
	}
	return Principal{Kind: c.Subject, Tenant: c.Tenant, Runtime: c.Runtime}, c.Access, nil
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("trailing data")
	}
	return nil
}

// allows reports whether grants cover an action in a repository.
func allows(grants []Grant, repository, action string) bool {
	return slices.ContainsFunc(grants, func(g Grant) bool {
		return g.Type == scopeRepository && g.Name == repository && slices.Contains(g.Actions, action)
	})
}
