package hubapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// maxResponseBytes bounds what the client reads of a response.
const maxResponseBytes = 64 << 20

// Client calls a hub. It is safe for concurrent use. Its errors are
// [*mesh.Error] with the code the hub answered, or [mesh.CodeUnavailable]
// where the hub did not answer.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// NewClient returns a client for the hub at base, such as
// "http://127.0.0.1:8080". The token may be empty: public bundles are readable
// without. A nil hc means [http.DefaultClient].
func NewClient(base, token string, hc *http.Client) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, mesh.Errorf(mesh.CodeInvalid, "hub address %q is not an http or https URL", base).
			WithHint("for example http://127.0.0.1:8080")
	}
	if hc == nil {
		hc = http.DefaultClient
	}
	return &Client{base: u, token: token, http: hc}, nil
}

// Base returns the hub's address without a path.
func (c *Client) Base() *url.URL { return c.base }

// Info says which hub answers.
func (c *Client) Info(ctx context.Context) (HubInfo, error) {
	return get[HubInfo](ctx, c, "", nil)
}

// Search lists bundles.
func (c *Client) Search(ctx context.Context, q SearchQuery) (SearchResult, error) {
	return get[SearchResult](ctx, c, "/bundles", values(
		"q", q.Text, "framework", string(q.Framework), "control", q.Control, "vendor", q.Vendor,
		"status", q.Status, "cursor", q.Cursor, "limit", count(q.Limit)))
}

// Bundle returns the release of ref that version names: a version, a digest,
// or "" for the newest listed one.
func (c *Client) Bundle(ctx context.Context, ref mesh.BundleRef, version string) (BundleDetail, error) {
	return get[BundleDetail](ctx, c, bundlePath(ref), values("version", version))
}

// Versions lists the releases of ref, newest first.
func (c *Client) Versions(ctx context.Context, ref mesh.BundleRef, cursor string) (Page[Version], error) {
	return get[Page[Version]](ctx, c, bundlePath(ref)+"/versions", values("cursor", cursor))
}

// Frameworks lists the frameworks of the catalog.
func (c *Client) Frameworks(ctx context.Context) (Page[Framework], error) {
	return get[Page[Framework]](ctx, c, "/frameworks", nil)
}

// Controls lists the controls of a framework.
func (c *Client) Controls(ctx context.Context, id mesh.FrameworkID, cursor string) (Page[Control], error) {
	return get[Page[Control]](ctx, c, "/frameworks/"+url.PathEscape(string(id))+"/controls", values("cursor", cursor, "limit", "1000"))
}

// Framework describes one framework, by its id or another of its names.
func (c *Client) Framework(ctx context.Context, id string) (Framework, error) {
	return get[Framework](ctx, c, "/frameworks/"+url.PathEscape(id), nil)
}

// Namespaces lists the namespaces the caller may see.
func (c *Client) Namespaces(ctx context.Context, cursor string) (Page[NamespaceInfo], error) {
	return get[Page[NamespaceInfo]](ctx, c, "/namespaces", values("cursor", cursor))
}

// PutNamespace creates a namespace or changes its visibility.
func (c *Client) PutNamespace(ctx context.Context, r NamespaceRequest) (NamespaceInfo, error) {
	return send[NamespaceInfo](ctx, c, http.MethodPost, "/namespaces", r)
}

// AddKey registers a signing key for a namespace and creates the namespace if
// it does not exist. A key that is registered already is returned as it is.
func (c *Client) AddKey(ctx context.Context, ns mesh.Namespace, pem string) (Key, error) {
	return send[Key](ctx, c, http.MethodPost, keysPath(ns), KeyRequest{PublicKey: pem})
}

// Keys lists the signing keys of a namespace.
func (c *Client) Keys(ctx context.Context, ns mesh.Namespace) (Page[Key], error) {
	return get[Page[Key]](ctx, c, keysPath(ns), nil)
}

// RevokeKey ends the use of a signing key. Releases whose signature the hub
// saw before stay verified. A key that is revoked already stays as it is.
func (c *Client) RevokeKey(ctx context.Context, ns mesh.Namespace, fingerprint string) (Key, error) {
	return remove[Key](ctx, c, keysPath(ns)+"/"+url.PathEscape(fingerprint))
}

// Enrol registers a runtime.
func (c *Client) Enrol(ctx context.Context, r EnrolRequest) (EnrolResponse, error) {
	return send[EnrolResponse](ctx, c, http.MethodPost, "/runtimes", r)
}

// Runtimes lists the enrolled runtimes.
func (c *Client) Runtimes(ctx context.Context, cursor string) (Page[Runtime], error) {
	return get[Page[Runtime]](ctx, c, "/runtimes", values("cursor", cursor))
}

// Runtime returns one runtime by its id or its name.
func (c *Client) Runtime(ctx context.Context, idOrName string) (Runtime, error) {
	return get[Runtime](ctx, c, "/runtimes/"+url.PathEscape(idOrName), nil)
}

// Report tells the hub about a runtime.
func (c *Client) Report(ctx context.Context, id mesh.RuntimeID, r RuntimeReport) error {
	_, err := send[struct{}](ctx, c, http.MethodPut, "/runtimes/"+url.PathEscape(string(id))+"/report", r)
	return err
}

// Subscribe adds a subscription to a runtime, named by id or name.
func (c *Client) Subscribe(ctx context.Context, idOrName string, s mesh.Subscription) (SubscriptionSet, error) {
	return send[SubscriptionSet](ctx, c, http.MethodPost, "/runtimes/"+url.PathEscape(idOrName)+"/subscriptions", SubscribeRequest{Subscription: s})
}

// Unsubscribe takes back what was added to a runtime, named by id or name, for
// a bundle. It cannot take back what the runtime subscribes to itself.
func (c *Client) Unsubscribe(ctx context.Context, idOrName string, ref mesh.BundleRef) (SubscriptionSet, error) {
	return remove[SubscriptionSet](ctx, c, "/runtimes/"+url.PathEscape(idOrName)+"/subscriptions/"+
		url.PathEscape(string(ref.Namespace))+"/"+url.PathEscape(ref.Name))
}

// Subscriptions returns what a runtime is to follow. With a known revision and
// a wait it blocks until the set is another one; changed is false if the time
// was over first.
func (c *Client) Subscriptions(ctx context.Context, id mesh.RuntimeID, known string, wait time.Duration) (set SubscriptionSet, changed bool, err error) {
	q := values("wait", seconds(wait))
	req, err := c.request(ctx, http.MethodGet, "/runtimes/"+url.PathEscape(string(id))+"/subscriptions", q, nil)
	if err != nil {
		return set, false, err
	}
	if known != "" {
		req.Header.Set("If-None-Match", strconv.Quote(known))
	}
	status, err := c.do(req, &set)
	return set, err == nil && status != http.StatusNotModified, err
}

// SendBatch delivers journal records. It returns once they are durable at the
// hub.
func (c *Client) SendBatch(ctx context.Context, b Batch) (BatchAck, error) {
	return send[BatchAck](ctx, c, http.MethodPost, "/telemetry/batches", b)
}

// Decisions lists evidence.
func (c *Client) Decisions(ctx context.Context, q DecisionQuery) (Page[Decision], error) {
	return get[Page[Decision]](ctx, c, "/decisions", values(
		"requestId", q.RequestID, "runtimeId", string(q.RuntimeID), "agentId", string(q.AgentID), "outcome", q.Outcome,
		"cursor", q.Cursor, "after", q.After, "wait", seconds(q.Wait), "limit", count(q.Limit)))
}

// Posture returns the counts of one framework.
func (c *Client) Posture(ctx context.Context, id mesh.FrameworkID) (Posture, error) {
	return get[Posture](ctx, c, "/posture", values("framework", string(id)))
}

func bundlePath(ref mesh.BundleRef) string {
	return "/bundles/" + url.PathEscape(string(ref.Namespace)) + "/" + url.PathEscape(ref.Name)
}

func keysPath(ns mesh.Namespace) string {
	return "/namespaces/" + url.PathEscape(string(ns)) + "/keys"
}

// values makes query parameters of name and value pairs, leaving out the
// empty ones.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func seconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.Itoa(int(d.Round(time.Second) / time.Second))
}

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	var out T
	req, err := c.request(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return out, err
	}
	_, err = c.do(req, &out)
	return out, err
}

func remove[T any](ctx context.Context, c *Client, path string) (T, error) {
	var out T
	req, err := c.request(ctx, http.MethodDelete, path, nil, nil)
	if err != nil {
		return out, err
	}
	_, err = c.do(req, &out)
	return out, err
}

func send[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var out T
	data, err := json.Marshal(body)
	if err != nil {
		return out, fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
	}
	req, err := c.request(ctx, method, path, nil, data)
	if err != nil {
		return out, err
	}
	_, err = c.do(req, &out)
	return out, err
}

func (c *Client) request(ctx context.Context, method, path string, q url.Values, body []byte) (*http.Request, error) {
	// The path is joined as text: its segments are escaped already.
	target := c.base.String() + BasePath + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("preparing %s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	req.Header.Set("Accept", "application/json, "+ProblemMediaType)
	return req, nil
}

func (c *Client) do(req *http.Request, out any) (status int, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if ctxErr := context.Cause(req.Context()); ctxErr != nil && errors.Is(err, req.Context().Err()) {
			return 0, fmt.Errorf("asking the hub at %s: %w", c.base.Host, ctxErr)
		}
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return 0, mesh.Errorf(mesh.CodeUnavailable, "the certificate of the hub at %s is not trusted: %w", c.base, untrusted.Err).
				WithHint("add the authority that issued it to the system's, or name its PEM file in SSL_CERT_FILE")
		}
		return 0, mesh.Errorf(mesh.CodeUnavailable, "the hub at %s does not answer: %w", c.base, err).
			WithHint("start it with `mesh hub serve`, or name another with --hub or MESH_HUB")
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponseBytes))
	if err != nil {
		return resp.StatusCode, mesh.Errorf(mesh.CodeUnavailable, "reading the answer of the hub at %s: %w", c.base, err)
	}
	switch {
	case resp.StatusCode >= 400:
		return resp.StatusCode, ErrorOf(resp, body)
	case resp.StatusCode == http.StatusNotModified, len(body) == 0:
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return resp.StatusCode, mesh.Errorf(mesh.CodeUnavailable, "%s answered %s %s with something that is no document of a hub: %w",
			c.base, req.Method, req.URL.Path, err).WithHint("check that the address is a hub's and that both sides have the same major version")
	}
	return resp.StatusCode, nil
}

// ErrorOf turns an error response of the hub's or the runtime's API back into
// the error the server had: a [*mesh.Error]. Where the body is no [Problem],
// the status decides its code.
func ErrorOf(resp *http.Response, body []byte) error {
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		code := mesh.CodeOfHTTPStatus(resp.StatusCode)
		return mesh.Errorf(code, "%s answered %s", resp.Request.URL.Host, resp.Status)
	}
	e := &mesh.Error{Code: p.Code, Message: p.Detail, Hint: p.Hint}
	if e.Message == "" {
		e.Message = p.Title
	}
	if p.Code == mesh.CodeInternal && p.RequestID != "" {
		e.Hint = "look for requestId " + p.RequestID + " in the hub's log"
	}
	for _, d := range p.Errors {
		e.Findings = append(e.Findings, mesh.Finding{
			Position: position(d.Location), Level: mesh.LevelError, Rule: string(p.Code), Message: d.Message, Hint: d.Hint,
		})
	}
	return e
}

// position reads what [mesh.Position.String] writes. What is no position, such
// as the path of a field, stands for the file.
func position(location string) mesh.Position {
	m := positionSyntax.FindStringSubmatch(location)
	if m == nil {
		return mesh.Position{File: location}
	}
	line, errLine := strconv.Atoi(m[2])
	column, errColumn := strconv.Atoi(m[3])
	if errLine != nil || errColumn != nil {
		return mesh.Position{File: location}
	}
	return mesh.Position{File: m[1], Line: line, Column: column}
}

var positionSyntax = regexp.MustCompile(`^(?:(.*):)?(\d{1,9}):(\d{1,9})$`)
