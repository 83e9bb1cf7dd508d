// Package remote pushes bundles to and pulls them from any registry that
// speaks the OCI distribution API.
//
// A [Client] is for one registry. [Client.Push] stores a packed artifact under
// a tag, [Client.Resolve] asks what a tag points to, [Client.Pull] fetches by
// digest and never by tag, [Client.Signatures] reads what was attached to a
// bundle and [Client.AttachSignature] attaches. Sizes are enforced while bytes
// arrive, failures that may pass are retried a bounded number of times, and no
// byte is believed before its digest matched.
//
// The package does not decide whether a bundle is trusted: see registry/trust.
// Standard: OCI distribution specification 1.1; registries without its
// referrers API are served by the referrers tag schema. The transport is
// oras-go, whose types stay inside.
package remote

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// The bounds of the transport.
const (
	// maxRetries bounds how often one request is repeated, and how often a
	// pull is begun anew after its connection broke.
	maxRetries   = 3
	minRetryWait = 100 * time.Millisecond
	maxRetryWait = 2 * time.Second
	// requestTimeout is what the largest blob needs at 2 Mbit/s.
	requestTimeout = 5 * time.Minute
	// maxPages bounds a listing of tags or referrers.
	maxPages = 1000
	// maxReferrers bounds how many referrers of one bundle are listed.
	maxReferrers = 10_000
	maxRedirects = 10
)

// userAgent tells a registry's operator who calls.
const userAgent = "ai-agent-mesh"

// Options says how to reach a registry. The zero value is anonymous, over
// HTTPS, and over plain HTTP where the registry is on loopback.
type Options struct {
	// PlainHTTP allows HTTP without TLS to a host beyond loopback. Credentials
	// then cross the network readable.
	PlainHTTP bool
	// Token is sent as a bearer token with every request to the registry, and
	// never to where it redirects.
	Token string
	// Username and Password answer the registry's challenge, Basic or token.
	// Token wins over them.
	Username, Password string
	// Client does the requests; nil means one with this package's timeout.
	Client *http.Client
	// Progress, if set, is told of every manifest and blob when its transfer
	// begins and ends.
	Progress func(Progress)
}

// Progress is one step of a push or a pull.
type Progress struct {
	Digest    mesh.Digest
	MediaType string
	Size      int64
	Done      bool // false when the transfer begins
	Skipped   bool // the registry had it already
}

// Client talks to one registry. It is safe for concurrent use.
type Client struct {
	host     string
	plain    bool
	client   *auth.Client
	progress func(Progress)
}

// New makes a client for a registry: "host[:port]", or the same behind http://
// or https://. It does not connect. [mesh.CodeInvalid] if host is malformed or
// asks for plain HTTP that the options do not allow.
func New(host string, opts Options) (*Client, error) {
	addr, plain, err := parseHost(host, opts.PlainHTTP)
	if err != nil {
		return nil, err
	}
	c := &Client{host: addr, plain: plain, progress: opts.Progress}
	if c.progress == nil {
		c.progress = func(Progress) {}
	}
	c.client = &auth.Client{
		Client: httpClient(opts.Client, plain, bearer{host: addr, token: opts.Token}),
		Cache:  auth.NewCache(),
		Header: http.Header{"User-Agent": {userAgent}},
	}
	if opts.Token == "" && opts.Username != "" {
		c.client.Credential = auth.StaticCredential(addr, auth.Credential{Username: opts.Username, Password: opts.Password})
	}
	if isLoopback(addr) {
		// oras-go refuses to fetch tokens from loopback, lest a registry on
		// the internet points there. One that is on loopback itself may.
		c.client.BlockedRealmPrefixes = []netip.Prefix{}
	}
	return c, nil
}

// Host returns the registry's "host[:port]".
func (c *Client) Host() string { return c.host }

// parseHost returns "host[:port]" and whether to speak plain HTTP to it.
func parseHost(s string, plainAllowed bool) (addr string, plain bool, err error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		scheme, rest = "", s
	}
	addr = strings.TrimSuffix(rest, "/")
	u, err := url.Parse("//" + addr)
	if err != nil || u.Host == "" || u.Host != addr {
		return "", false, mesh.Errorf(mesh.CodeInvalid, "%q is not a registry", s).WithHint("write host:port, for example 127.0.0.1:8080 or registry.example.com")
	}
	switch scheme {
	case "https":
		return addr, false, nil
	case "http":
		if !plainAllowed && !isLoopback(addr) {
			return "", false, mesh.Errorf(mesh.CodeInvalid, "%s is beyond this machine, and plain HTTP would let anybody on the way read and change what is sent", addr).
				WithHint("use https://, or allow plain HTTP explicitly")
		}
		return addr, true, nil
	case "":
		return addr, plainAllowed || isLoopback(addr), nil
	}
	return "", false, mesh.Errorf(mesh.CodeInvalid, "a registry is not reached by %s://", scheme).WithHint("use https://")
}

// isLoopback reports whether "host[:port]" can only be this machine. Names
// other than localhost are not resolved: what they mean may change.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = strings.Trim(addr, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// bearer adds a token to the requests to one host, and to no other that a
// request is redirected to. As a header of [auth.Client] it would be sent
// twice where oras-go copies the headers of an answered request.
type bearer struct {
	host, token string
	next        http.RoundTripper // nil: the default
}

// RoundTrip implements [http.RoundTripper].
func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	if b.token != "" && req.URL.Host == b.host {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return next.RoundTrip(req)
}

// httpClient adds the token, bounded retries, and refuses to be redirected
// from TLS to plain HTTP.
func httpClient(base *http.Client, plain bool, token bearer) *http.Client {
	c := http.Client{Timeout: requestTimeout}
	if base != nil {
		c = *base
	}
	token.next = c.Transport
	c.Transport = &retry.Transport{Base: token, Policy: func() retry.Policy {
		return &retry.GenericPolicy{
			Retryable: retry.DefaultPredicate,
			Backoff:   retry.DefaultBackoff,
			MinWait:   minRetryWait,
			MaxWait:   maxRetryWait,
			MaxRetry:  maxRetries,
		}
	}}
	next := c.CheckRedirect
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= maxRedirects:
			return errors.New("too many redirects")
		case !plain && req.URL.Scheme != "https":
			return fmt.Errorf("refusing to be redirected to %s without TLS", req.URL.Host)
		case next != nil:
			return next(req, via)
		}
		return nil
	}
	return &c
}

// repository makes oras-go's handle of one repository.
func (c *Client) repository(ref mesh.BundleRef) (*remote.Repository, error) {
	if _, err := mesh.ParseBundleRef(ref.String()); err != nil {
		return nil, err
	}
	repo, err := remote.NewRepository(c.host + "/" + ref.String())
	if err != nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%s/%s is not a repository: %w", c.host, ref, err)
	}
	repo.Client = c.client
	repo.PlainHTTP = c.plain
	repo.MaxMetadataBytes = bundle.MaxManifestSize
	repo.TagListMaxPages = maxPages
	repo.ReferrerListMaxPages = maxPages
	// A registry without the referrers API keeps the list under a tag; the
	// list's former version is left for the registry's garbage collection,
	// because many registries do not let a publisher delete.
	repo.SkipReferrersGC = true
	return repo, nil
}
