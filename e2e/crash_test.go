package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestCrashLosesNothing kills runtime and hub with SIGKILL while decisions are
// asked for from many sides, and then asks the hub for every decision whose
// response was released: each has to be there, once, and the journal's sequence
// without a gap. `make soak` takes ten times as many decisions, and fifty kills.
func TestCrashLosesNothing(t *testing.T) {
	t.Parallel()
	total, kills := 20_000, 10
	if os.Getenv("MESH_SOAK") != "" {
		total, kills = 200_000, 50
	}
	f := newFleet(t)
	f.startHub(t)
	f.startRuntime(t)

	load := &load{url: "http://" + f.runtime + "/v1/decisions", total: int64(total)}
	done := load.run(8)
	for i := range kills {
		load.await(t, int64((i+1)*total/(kills+1)))
		f.kill(t, i)
		f.startHub(t)
		f.startRuntime(t)
	}
	select {
	case <-done:
	case <-time.After(10 * time.Minute):
		t.Fatalf("%d of %d decisions after 10 minutes", load.released.Load(), total)
	}
	t.Logf("%d decisions released, %d requests broken off by %d kills", load.released.Load(), load.broken.Load(), kills)
	if load.broken.Load() == 0 {
		t.Error("no request was broken off: the kills did not hit the load")
	}
	if err := eventually(2*time.Minute, func() error { return f.accountFor(load.ids(), kills+1) }); err != nil {
		t.Fatal(err)
	}
}

// fleet is a hub with one runtime, as processes.
type fleet struct {
	script        *script
	hub, runtime  string // addresses
	hubDir, token string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	root, dir := repository(t), t.TempDir()
	bin := filepath.Join(root, "bin")
	f := &fleet{
		script: &script{dir: dir, vars: []string{"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + dir}},
		hubDir: filepath.Join(dir, "hub"),
	}
	for _, addr := range []*string{&f.hub, &f.runtime} {
		var err error
		if *addr, err = freePort(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		f.script.stopAll()
		if t.Failed() {
			t.Log(f.script.logs())
		}
	})
	return f
}

func (f *fleet) startHub(t *testing.T) {
	t.Helper()
	if err := f.script.start("hub", nil, "mesh", hubArgs(f.hub, f.hubDir)...); err != nil {
		t.Fatal(err)
	}
	if err := f.script.ready("hub", "http://"+f.hub+"/readyz"); err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(f.hubDir, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	f.token = strings.TrimSpace(string(token))
}

func (f *fleet) startRuntime(t *testing.T) {
	t.Helper()
	args := append(runtimeArgs("edge", f.runtime, f.script.dir, "http://"+f.hub), "--subscribe", "gdpr@^3")
	if err := f.script.start("edge", nil, "mesh-runtime", args...); err != nil {
		t.Fatal(err)
	}
	if err := f.script.ready("edge", "http://"+f.runtime+"/readyz"); err != nil {
		t.Fatal(err)
	}
}

// kill ends both, in turns beginning with either.
func (f *fleet) kill(t *testing.T, turn int) {
	t.Helper()
	names := []string{"edge", "hub"}
	if turn%2 == 1 {
		names = []string{"hub", "edge"}
	}
	for _, name := range names {
		if err := f.script.end(name, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

// accountFor compares the hub's evidence with the released decisions.
func (f *fleet) accountFor(released []string, starts int) error {
	var runtimes struct {
		Items []struct {
			ID       string `json:"id"`
			Journals []struct {
				JournalID    string `json:"journalId"`
				AckedThrough uint64 `json:"ackedThrough"`
				LastSeq      uint64 `json:"lastSeq"`
			} `json:"journals"`
		} `json:"items"`
	}
	if err := f.get("/api/v1/runtimes", &runtimes); err != nil {
		return err
	}
	if len(runtimes.Items) != 1 || len(runtimes.Items[0].Journals) != 1 {
		return fmt.Errorf("the hub knows %+v, want one runtime with one journal", runtimes.Items)
	}
	journal := runtimes.Items[0].Journals[0]
	times, seqs, err := f.evidence()
	if err != nil {
		return err
	}
	missing := 0
	for _, id := range released {
		if times[id] == 0 {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d released decisions are not at the hub (acknowledged through %d)", missing, len(released), journal.AckedThrough)
	}
	for id, n := range times {
		if n != 1 {
			return fmt.Errorf("decision %s is at the hub %d times", id, n)
		}
	}
	if journal.AckedThrough < journal.LastSeq {
		return fmt.Errorf("acknowledged through %d of %d", journal.AckedThrough, journal.LastSeq)
	}
	return checkSequence(seqs, journal.AckedThrough, starts)
}

// checkSequence accepts numbers that carry no decision, for what each start
// records besides, but not many: every number up to the acknowledged one has
// to be there.
func checkSequence(seqs map[uint64]int, acked uint64, starts int) error {
	others := 3 * starts
	if missing := int(acked) - len(seqs); missing < 0 || missing > others {
		return fmt.Errorf("the journal has %d records, %d of them decisions", acked, len(seqs))
	}
	for seq, n := range seqs {
		if n != 1 || seq == 0 || seq > acked {
			return fmt.Errorf("sequence number %d is there %d times, acknowledged through %d", seq, n, acked)
		}
	}
	return nil
}

// evidence reads all decisions of the hub: how often each request id and each
// sequence number is there.
func (f *fleet) evidence() (times map[string]int, seqs map[uint64]int, err error) {
	times, seqs = map[string]int{}, map[uint64]int{}
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				RequestID string `json:"requestId"`
				Seq       uint64 `json:"seq"`
			} `json:"items"`
			Next string `json:"next"`
		}
		if err := f.get("/api/v1/decisions?limit=1000&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return nil, nil, err
		}
		for _, item := range page.Items {
			times[item.RequestID]++
			seqs[item.Seq]++
		}
		if cursor = page.Next; cursor == "" {
			return times, seqs, nil
		}
	}
}

func (f *fleet) get(path string, into any) error {
	out, err := request(http.MethodGet, "http://"+f.hub+path, http.Header{"Authorization": {"Bearer " + f.token}}, nil, http.StatusOK)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// load asks for decisions, singly and in batches, until enough were released.
type load struct {
	url      string
	total    int64
	next     atomic.Int64
	released atomic.Int64
	broken   atomic.Int64

	mu       sync.Mutex
	requests []string
}

// batch is how many decisions every other request asks for.
const batch = 10

func (l *load) run(clients int) (done chan struct{}) {
	done = make(chan struct{})
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for turn := 0; l.released.Load() < l.total; turn++ {
				size := 1
				if turn%2 == 1 {
					size = batch
				}
				l.ask(size)
			}
		})
	}
	go func() { group.Wait(); close(done) }()
	return done
}

// ask makes one request. Only what came back whole counts as released: the
// fate of a request that broke off is open.
func (l *load) ask(size int) {
	ids, actions := make([]string, size), make([]string, size)
	for i := range ids {
		ids[i] = fmt.Sprintf("req-%d", l.next.Add(1))
		actions[i] = fmt.Sprintf(`{"requestId":%q,"agent":{"id":"a"},"action":{"type":"data.read"},"data":{"categories":["pii"],"purpose":"advertising"}}`, ids[i])
	}
	body := actions[0]
	if size > 1 {
		body = `{"actions":[` + strings.Join(actions, ",") + `]}`
	}
	res, err := http.Post(l.url, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		l.broken.Add(1)
		time.Sleep(pause)
		return
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !json.Valid(data) {
		l.broken.Add(1)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, ids...)
	l.released.Add(int64(size))
}

func (l *load) ids() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests
}

func (l *load) await(t *testing.T, n int64) {
	t.Helper()
	err := eventually(2*time.Minute, func() error {
		if got := l.released.Load(); got < n {
			return fmt.Errorf("%d decisions released, want %d", got, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
