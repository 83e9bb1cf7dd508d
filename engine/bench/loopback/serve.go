package loopback

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
	"github.com/ai-agent-mesh/mesh/runtime/pdp"
)

// Serve is a server of the benchmark's own: it reads its [Job], says where it
// listens and serves until in ends.
func Serve(in io.Reader, out io.Writer) error {
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	s, err := prepare(job)
	if err != nil {
		return json.NewEncoder(out).Encode(listening{Error: err.Error()})
	}
	defer s.close()
	served := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		go func() { served <- s.http.Serve(l) }()
	}
	if err := json.NewEncoder(out).Encode(listening{TCP: s.listeners[0].Addr().String(), Unix: s.listeners[1].Addr().String()}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	select {
	case err := <-served:
		return err
	case err := <-ended:
		return err
	}
}

// serving is a server that is ready to serve.
type serving struct {
	http      http.Server
	listeners []net.Listener // TCP, unix
	close     func()
}

func prepare(job Job) (*serving, error) {
	recorder, closeRecorder, err := openRecorder(job)
	if err != nil {
		return nil, err
	}
	s := &serving{close: closeRecorder}
	if s.http.Handler, err = handler(job.Shape, recorder); err != nil {
		s.close()
		return nil, err
	}
	for _, at := range []struct{ network, address string }{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(job.Dir, "bench.sock")}} {
		l, err := net.Listen(at.network, at.address)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("listening: %w", err)
		}
		s.listeners = append(s.listeners, l)
	}
	s.close = func() {
		_ = s.http.Close()
		closeRecorder()
	}
	return s, nil
}

// handler serves the decision API and, beside it, the same API with nobody
// behind it: it reads the same requests and answers with an empty decision.
func handler(shape workload.Shape, recorder enforce.Recorder) (http.Handler, error) {
	point, err := decisionPoint(shape, recorder)
	if err != nil {
		return nil, err
	}
	serve := func(decider pdp.Decider) http.Handler {
		return pdp.New(pdp.Options{Decider: decider, Status: func() pdp.Status { return pdp.Status{} }, Logger: slog.New(slog.DiscardHandler)})
	}
	mux := http.NewServeMux()
	mux.Handle("/", serve(point))
	mux.Handle(emptyPrefix+"/", http.StripPrefix(emptyPrefix, serve(undecided{})))
	return mux, nil
}

// undecided answers with empty decisions.
type undecided struct{}

// Decide returns an empty decision for each action.
func (undecided) Decide(_ context.Context, actions []*mesh.Action, _ enforce.Caller) ([]mesh.Decision, error) {
	decisions := make([]mesh.Decision, len(actions))
	for i := range decisions {
		decisions[i] = mesh.Decision{Allowed: true, WouldAllow: true}
	}
	return decisions, nil
}

// DecideUntil is Decide; nothing here asks it.
func (u undecided) DecideUntil(ctx context.Context, actions []*mesh.Action, _ bool, caller enforce.Caller) ([]mesh.Decision, error) {
	return u.Decide(ctx, actions, caller)
}

// decisionPoint decides by a set; it records if there is somewhere to.
func decisionPoint(shape workload.Shape, recorder enforce.Recorder) (*enforce.Point, error) {
	set, err := workload.Make(shape)
	if err != nil {
		return nil, err
	}
	policies, err := engines.Policies(set)
	if err != nil {
		return nil, err
	}
	program, err := engine.Compile(policies)
	if err != nil {
		return nil, err
	}
	point, err := enforce.New(recorder, enforce.Options{UnrecordedUnsafe: recorder == nil})
	if err != nil {
		return nil, err
	}
	return point, point.Swap(enforce.Set{Program: program})
}

// openRecorder opens a journal; nil for a job without one.
func openRecorder(job Job) (enforce.Recorder, func(), error) {
	if !job.Journal {
		return nil, func() {}, nil
	}
	j, err := journal.Open(filepath.Join(job.Dir, "journal"), journal.Options{})
	if err != nil {
		return nil, nil, err
	}
	return j, func() { _ = j.Close() }, nil
}
