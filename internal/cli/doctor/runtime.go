package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/ai-agent-mesh/mesh"
)

// runtimeFound is what was found out about the runtime.
type runtimeFound struct {
	answered bool
	status   runtimeStatus
}

// runtimeStatus is the part of a runtime's GET /v1/status that is looked at.
type runtimeStatus struct {
	RuntimeID mesh.RuntimeID `json:"runtimeId"`
	Name      string         `json:"name"`
	Hub       struct {
		URL   string `json:"url"`
		Error string `json:"error"`
	} `json:"hub"`
	Subscriptions []struct {
		Subscription string `json:"subscription"`
		Ready        bool   `json:"ready"`
		Reason       string `json:"reason"`
	} `json:"subscriptions"`
	Refusals []mesh.Refusal `json:"refusals"`
	Journal  struct {
		LastSeq  uint64 `json:"lastSeq"`
		Shipped  uint64 `json:"ackedThrough"`
		Writable bool   `json:"writable"`
		Reason   string `json:"reason"`
		// Recording is nil at a runtime that does not say, which records.
		Recording  *bool  `json:"recording"`
		Unrecorded uint64 `json:"unrecorded"`
	} `json:"journal"`
}

// checkHubPort looks whether a hub could be started, if the address is one of
// this machine.
func checkHubPort(_ context.Context, e *examination) Check {
	if e.hub.answered {
		return ok("the hub has %s", e.session.Hub.Host)
	}
	return checkPort(e.session.Hub, "--listen of `mesh hub serve`")
}

// checkRuntimePort also finds out whether the runtime answers.
func checkRuntimePort(ctx context.Context, e *examination) Check {
	u, err := url.Parse(e.opts.Runtime)
	if err != nil || u.Host == "" {
		return failed("for example --runtime http://127.0.0.1:7070", "%q is not the address of a runtime", e.opts.Runtime)
	}
	got, err := e.get(ctx, strings.TrimRight(e.opts.Runtime, "/")+"/v1/status", "")
	if err != nil {
		return checkPort(u, "--listen of `mesh runtime serve`")
	}
	if got.StatusCode != http.StatusOK || json.Unmarshal(got.body, &e.runtime.status) != nil || e.runtime.status.Name == "" {
		return failed("give the runtime another port with --listen, and name it with --runtime", "another program has %s", u.Host)
	}
	e.runtime.answered = true
	return ok("the runtime has %s", u.Host)
}

// checkPort tries to listen where nothing answered.
func checkPort(u *url.URL, flag string) Check {
	ip := net.ParseIP(u.Hostname())
	if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return skipped("%s is another machine", u.Host)
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // "http" and "https" are names of ports too
	}
	l, err := net.Listen("tcp", net.JoinHostPort(u.Hostname(), port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return failed("end the program that has it, or choose another port with "+flag, "another program has %s and does not answer", u.Host)
	case err != nil:
		return failed("choose another port with "+flag, "cannot listen on %s: %v", u.Host, err)
	}
	_ = l.Close()
	return ok("%s is free", u.Host)
}

// checkRuntime looks at what the runtime enforces.
func checkRuntime(_ context.Context, e *examination) Check {
	s := &e.runtime.status
	if !e.runtime.answered {
		return warning("start one with `mesh dev` or `mesh runtime serve`, or name another with --runtime", "no runtime answers at %s", e.opts.Runtime)
	}
	for _, sub := range s.Subscriptions {
		if !sub.Ready {
			return failed("see `mesh catalog show` for the bundle and `mesh runtime status` for the runtime", "%s is not in force, so everything is denied: %s", sub.Subscription, sub.Reason)
		}
	}
	for _, r := range s.Refusals {
		return warning("the version before it stays in force; see `mesh runtime status "+s.Name+"`", "%s %s was refused: %s", r.Bundle, r.Version, r.Reason)
	}
	switch {
	case s.Hub.Error != "":
		return warning("it goes on with the last good set; see that the hub at "+s.Hub.URL+" answers", "%s cannot reach its hub: %s", s.Name, s.Hub.Error)
	case len(s.Subscriptions) == 0:
		return warning("subscribe it: `mesh runtime subscribe "+s.Name+" gdpr`", "%s is subscribed to nothing and allows everything", s.Name)
	}
	return ok("%s enforces %d bundles", s.Name, len(s.Subscriptions))
}

// maxBacklog is how many records may wait for the hub without a warning.
const maxBacklog = 10_000

func checkJournal(_ context.Context, e *examination) Check {
	j := e.runtime.status.Journal
	switch {
	case !e.runtime.answered:
		return skipped("there is no runtime")
	case j.Recording != nil && !*j.Recording:
		return warning("start the runtime without --journal=off-unsafe", "decisions are NOT recorded, %d so far: there is no evidence of them, and audit mode evaluates nothing", j.Unrecorded)
	case !j.Writable:
		return failed("free space on the runtime's disk; it recovers by itself", "the journal cannot be written, so enforced actions are denied: %s", j.Reason)
	case j.LastSeq > j.Shipped+maxBacklog:
		return warning("see that the runtime reaches its hub", "%d records wait to be delivered to the hub", j.LastSeq-j.Shipped)
	}
	return ok("it is written, %d of %d records are at the hub", j.Shipped, j.LastSeq)
}
