package loopback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// Argument is the first argument of a program that is to call [Serve].
const Argument = "serve"

// The paths of what is asked.
const (
	decisionsPath = "/v1/decisions"
	emptyPrefix   = "/empty"
)

// Networks are those that servers listen on.
var Networks = []string{"tcp", "unix"}

// Server is what is measured.
type Server struct {
	Name   string // for the report
	decide addresses
	empty  addresses
	close  func() error
}

// addresses are where one path is served.
type addresses struct{ tcp, unix, path string }

func (a addresses) on(network string) Target {
	if network == "unix" {
		return Target{Network: network, Address: a.unix, Path: a.path}
	}
	return Target{Network: network, Address: a.tcp, Path: a.path}
}

// Decide is where the server decides actions.
func (s *Server) Decide(network string) Target { return s.decide.on(network) }

// Empty is where it answers the same requests with an empty decision.
func (s *Server) Empty(network string) Target { return s.empty.on(network) }

// Close stops the server.
func (s *Server) Close() error { return s.close() }

// Job is what a server of the benchmark's own is to do.
type Job struct {
	Shape   workload.Shape `json:"shape"`   // what it decides by
	Dir     string         `json:"dir"`     // where its socket and its journal are; it exists
	Journal bool           `json:"journal"` // records each decision on disk before it answers
}

// listening is what the server's process says once it serves.
type listening struct {
	TCP   string `json:"tcp,omitempty"`
	Unix  string `json:"unix,omitempty"`
	Error string `json:"error,omitempty"`
}

// Start starts a server of the benchmark's own in another process and returns
// once it listens.
func Start(ctx context.Context, job Job) (*Server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, Argument)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	stop := func() error {
		// The end of its input ends the server.
		return errors.Join(in.Close(), cmd.Wait())
	}
	at, err := handshake(job, in, out)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	name := "the decision API of this build, no journal"
	if job.Journal {
		name = "the same with the journal on"
	}
	return &Server{
		Name:   name,
		decide: addresses{at.TCP, at.Unix, decisionsPath}, empty: addresses{at.TCP, at.Unix, emptyPrefix + decisionsPath},
		close: stop,
	}, nil
}

func handshake(job Job, in io.Writer, out io.Reader) (listening, error) {
	var at listening
	if err := json.NewEncoder(in).Encode(job); err != nil {
		return at, fmt.Errorf("telling the server what to do: %w", err)
	}
	if err := json.NewDecoder(out).Decode(&at); err != nil {
		return at, fmt.Errorf("waiting for the server: %w", err)
	}
	if at.Error != "" {
		return at, fmt.Errorf("starting the server: %s", at.Error)
	}
	return at, nil
}
