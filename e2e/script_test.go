package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long a condition may take that has no deadline of its
	// own. It is long because a slow machine is no failure.
	patience = 60 * time.Second
	// pause is the time between two looks at a condition.
	pause = 50 * time.Millisecond
	// logTail is how much of a server's log is shown when a script fails.
	logTail = 8 << 10
)

type scriptKey struct{}

// script is the state of one running script: its servers and the output of its
// last step.
type script struct {
	vars []string // the environment that servers start with
	dir  string

	mu      sync.Mutex
	servers map[string]*server
}

// server is a program that runs beside the script.
type server struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait; read it once exited is closed
}

// start runs a program in the background. What it prints is appended to
// NAME.log in the script's directory.
func (s *script) start(name string, env []string, program string, args ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, running := s.servers[name]; running {
		return fmt.Errorf("%s runs already", name)
	}
	log, err := os.OpenFile(s.logFile(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	env = append(slices.Clone(s.vars), env...)
	cmd := exec.Command(lookPath(program, env), args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, s.dir, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	running := &server{cmd: cmd, exited: make(chan struct{})}
	go func() {
		running.err = cmd.Wait()
		close(running.exited)
	}()
	if s.servers == nil {
		s.servers = map[string]*server{}
	}
	s.servers[name] = running
	return nil
}

// lookPath finds a program by the PATH of the script, not of the test.
func lookPath(program string, env []string) string {
	var path string
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, program)
		if info, err := os.Stat(candidate); err == nil && !info.IsDir() && !strings.Contains(program, "/") {
			return candidate
		}
	}
	return program
}

// end sends the signal and waits for the exit, which has to be an orderly one
// unless the signal is SIGKILL.
func (s *script) end(name string, signal syscall.Signal) error {
	s.mu.Lock()
	running := s.servers[name]
	delete(s.servers, name)
	s.mu.Unlock()
	if running == nil {
		return fmt.Errorf("no server %q", name)
	}
	if err := running.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-running.exited:
	case <-time.After(patience):
		_ = running.cmd.Process.Kill()
		<-running.exited
		return fmt.Errorf("%s did not end within %v of %v", name, patience, signal)
	}
	if signal != syscall.SIGKILL && running.err != nil {
		return fmt.Errorf("%s ended with %w", name, running.err)
	}
	return nil
}

// alive returns an error once a server has ended by itself.
func (s *script) alive(name string) error {
	s.mu.Lock()
	running := s.servers[name]
	s.mu.Unlock()
	if running == nil {
		return fmt.Errorf("no server %q", name)
	}
	select {
	case <-running.exited:
		return fmt.Errorf("%s ended by itself: %v", name, running.cmd.ProcessState)
	default:
		return nil
	}
}

// pid returns the process of a running server.
func (s *script) pid(name string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if running := s.servers[name]; running != nil {
		return running.cmd.Process.Pid, nil
	}
	return 0, fmt.Errorf("no server %q", name)
}

// ready waits until the server answers 200 or has ended.
func (s *script) ready(name, url string) error {
	var ended error
	err := eventually(patience, func() error {
		if ended = s.alive(name); ended != nil {
			return nil
		}
		res, err := http.Get(url)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
			return fmt.Errorf("GET %s: %s: %s", url, res.Status, body)
		}
		return nil
	})
	return errors.Join(ended, err)
}

// stopAll ends what is left when the script is over.
func (s *script) stopAll() {
	s.mu.Lock()
	var names []string
	for name := range s.servers {
		names = append(names, name)
	}
	s.mu.Unlock()
	for _, name := range names {
		_ = s.end(name, syscall.SIGKILL)
	}
}

func (s *script) logFile(name string) string { return filepath.Join(s.dir, name+".log") }

// logs returns the last words of every server, for whoever reads a failure.
func (s *script) logs() string {
	var b strings.Builder
	files, err := fs.Glob(os.DirFS(s.dir), "*.log")
	if err != nil {
		return err.Error()
	}
	for _, name := range files {
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			continue
		}
		if len(data) > logTail {
			data = data[len(data)-logTail:]
			if _, rest, cut := bytes.Cut(data, []byte("\n")); cut {
				data = rest
			}
		}
		fmt.Fprintf(&b, "==== end of %s\n%s\n", name, data)
	}
	return b.String()
}

// freePort returns a loopback address that nobody listens on. Servers of a
// script keep their address across restarts, so that others find them again.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// eventually tries until it works or the deadline passes; then it returns the
// last error.
func eventually(deadline time.Duration, try func() error) error {
	end := time.Now().Add(deadline)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %w", deadline, err)
		}
		time.Sleep(pause)
	}
}
