package decide

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

const (
	// maxAnswerBytes bounds what is read of an answer.
	maxAnswerBytes = 64 << 20
	// timeout bounds one question.
	timeout = 30 * time.Second
	// readyInterval is how often a runtime is asked whether it is ready.
	readyInterval = 100 * time.Millisecond
)

// Target is a runtime.
type Target struct {
	URL    string
	Socket string // a unix socket; wins over URL
	Token  string // the agent's; may be empty
}

// String names the runtime for people.
func (t Target) String() string {
	if t.Socket != "" {
		return t.Socket
	}
	return t.URL
}

// Answer is what a runtime answers to one action or to several.
type Answer struct {
	Raw       json.RawMessage // as it came
	Decisions []mesh.Decision // in the order of the actions
}

// Ask sends an action, or a document {"actions": […]}, and reads the answer.
// The error has [mesh.CodeUnavailable] if the runtime does not answer, else the
// code that the runtime gave.
func Ask(ctx context.Context, t Target, action []byte) (*Answer, error) {
	client, base, err := t.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/decisions", bytes.NewReader(action))
	if err != nil {
		return nil, fmt.Errorf("preparing the question: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if t.Token != "" {
		req.Header.Set("Authorization", "Bearer "+t.Token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, t.unreachable(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return nil, t.unreachable(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, hubapi.ErrorOf(resp, body)
	}
	return parseAnswer(body)
}

// parseAnswer tells one decision from several. An answer that does not say
// whether the action is allowed is none.
func parseAnswer(body []byte) (*Answer, error) {
	var shape struct {
		Allowed   *bool           `json:"allowed"`
		Decisions []mesh.Decision `json:"decisions"`
	}
	notRuntime := func(err error) error {
		return mesh.Errorf(mesh.CodeUnavailable, "the answer is no decision: %w", err).WithHint("check that the address is a runtime's, not a hub's")
	}
	if err := json.Unmarshal(body, &shape); err != nil {
		return nil, notRuntime(err)
	}
	if shape.Decisions != nil {
		return &Answer{Raw: body, Decisions: shape.Decisions}, nil
	}
	if shape.Allowed == nil {
		return nil, notRuntime(errors.New("it does not say whether the action is allowed"))
	}
	var one mesh.Decision
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, notRuntime(err)
	}
	return &Answer{Raw: body, Decisions: []mesh.Decision{one}}, nil
}

// client returns a client for the runtime and the base of its URLs.
func (t Target) client() (*http.Client, string, error) {
	if t.Socket != "" {
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", t.Socket)
		}}
		return &http.Client{Timeout: timeout, Transport: transport}, "http://runtime", nil
	}
	base := strings.TrimRight(t.URL, "/")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, "", command.UsageErrorf("runtime address %q is not an http or https URL", t.URL).WithHint("for example " + DefaultRuntime)
	}
	return &http.Client{Timeout: timeout}, base, nil
}

func (t Target) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return mesh.Errorf(mesh.CodeUnavailable, "the runtime at %s does not answer: %w", t, err).
		WithHint("start one with `mesh dev` or `mesh runtime serve`, or name another with --runtime or --socket")
}

// awaitReady waits until the runtime is ready, as GET /readyz says it.
func awaitReady(ctx context.Context, t Target, limit time.Duration) error {
	client, base, err := t.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	why := "it does not answer"
	for {
		status, err := get(ctx, client, base+"/readyz")
		switch {
		case err == nil && status == http.StatusOK:
			return nil
		case err == nil:
			why = "a subscription has no bundle in force"
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return ctx.Err()
		}
		return mesh.Errorf(mesh.CodeUnavailable, "the runtime at %s is not ready after %v: %s", t, limit, why).
			WithHint("see what keeps it with `mesh doctor --runtime " + t.URL + "`")
	}
}

// get returns the status of a GET request.
func get(ctx context.Context, client *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswerBytes))
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}
