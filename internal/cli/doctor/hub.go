package doctor

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

// How far the clock may be from the hub's. Signatures of batches carry no
// time, but evidence is ordered by it, and tokens expire by it.
const (
	clockWarning = 5 * time.Second
	clockFailure = 5 * time.Minute
)

// maxBody bounds what is read of an answer.
const maxBody = 1 << 20

// hubFound is what was found out about the hub.
type hubFound struct {
	answered bool
	status   int
	info     hubapi.HubInfo
	skew     time.Duration // of this clock; positive is ahead
}

// checkHub asks the hub who it is, without credentials.
func checkHub(ctx context.Context, e *examination) Check {
	address := e.session.Hub.String()
	sent := time.Now()
	got, err := e.get(ctx, address+hubapi.BasePath, "")
	if err != nil {
		return failed("start it with `mesh dev` or `mesh hub serve`, or name another with --hub or MESH_HUB", "%s does not answer: %v", address, err)
	}
	e.hub.status = got.StatusCode
	if date, err := http.ParseTime(got.Header.Get("Date")); err == nil {
		// The header counts whole seconds: half of one is added.
		middle := sent.Add(time.Since(sent) / 2)
		e.hub.skew = middle.Sub(date.Add(time.Second / 2))
	}
	if err := json.Unmarshal(got.body, &e.hub.info); err != nil || got.StatusCode != http.StatusOK || e.hub.info.Version == "" {
		return failed("check the address: another program listens there", "%s answers, but not as a hub (%s)", address, got.Status)
	}
	e.hub.answered = true
	return ok("%s answers, version %s", address, e.hub.info.Version)
}

func checkReady(_ context.Context, e *examination) Check {
	switch {
	case !e.hub.answered:
		return skipped("there is no hub")
	case !e.hub.info.Ready:
		return failed("give it a moment after its first start; if it stays so, look at its log", "the hub is not ready: the official packs are not indexed yet")
	}
	return ok("%d bundles are listed", e.hub.info.Bundles)
}

// checkToken presents the token: the hub refuses one it does not know.
func checkToken(ctx context.Context, e *examination) Check {
	const login = "log in with `mesh login --token-file FILE`; a new hub writes its administrator's token to admin-token in its data directory"
	switch {
	case !e.hub.answered:
		return skipped("there is no hub")
	case e.session.Token == "":
		return warning(login, "there is no token for %s; what is public can be read, nothing else", e.session.Hub)
	}
	got, err := e.get(ctx, e.session.Hub.String()+hubapi.BasePath, e.session.Token)
	if err != nil {
		return failed("try again", "the hub stopped answering: %v", err)
	}
	if got.StatusCode != http.StatusOK {
		err := hubapi.ErrorOf(got.Response, got.body)
		if code := mesh.CodeOf(err); code == mesh.CodeUnauthenticated || code == mesh.CodeForbidden {
			return failed(login, "the hub does not accept the token from %s", e.session.Source)
		}
		return failed(mesh.HintOf(err), "the hub answered: %v", err)
	}
	return ok("the hub accepts the token from %s", e.session.Source)
}

func checkClock(_ context.Context, e *examination) Check {
	if e.hub.status == 0 {
		return skipped("there is no hub to compare with")
	}
	off, direction := e.hub.skew, "ahead of"
	if off < 0 {
		off, direction = -off, "behind"
	}
	const hint = "synchronize the clock, for example with systemd-timesyncd or chrony"
	switch {
	case off > clockFailure:
		return failed(hint, "this clock is %v %s the hub's", off.Round(time.Second), direction)
	case off > clockWarning:
		return warning(hint, "this clock is %v %s the hub's", off.Round(time.Second), direction)
	}
	return ok("this clock agrees with the hub's")
}

// answer is a response whose body was read and closed.
type answer struct {
	*http.Response
	body []byte
}

// get does one request and reads its answer.
func (e *examination) get(ctx context.Context, url, token string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return answer{resp, body}, err
}
