package policy

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

const (
	watchedPolicy = `version: "3.0.0"
name: plain
rules:
  custom:
    - id: plain
      require: 'action.type != "egress"'
`
	watchedCases = `policy: policy.yaml
cases:
  - name: nothing leaves
    given: {action: {type: egress}}
    want: {allowed: false, violations: [plain]}
`
)

// screen is an output that a test can wait for.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{} // has room for one: something was written
}

func newScreen() *screen { return &screen{written: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.written <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

// take waits until the output holds text and returns what there is up to its
// end. Meanwhile time passes.
func (s *screen) take(t *testing.T, tick chan<- time.Time, text string) string {
	t.Helper()
	for {
		s.mu.Lock()
		if before, _, found := strings.Cut(s.text.String(), text); found {
			s.text.Next(len(before) + len(text))
			s.mu.Unlock()
			return before + text
		}
		s.mu.Unlock()
		select {
		case <-t.Context().Done():
			t.Fatalf("the test ended before %q was printed", text)
		case <-s.written:
		case tick <- time.Date(2026, 11, 26, 10, 11, 12, 0, time.UTC):
		}
	}
}

// watching is policy test --watch at work.
type watching struct {
	dir  string
	out  *screen
	tick chan time.Time
	done chan error
	stop context.CancelFunc
}

func watch(t *testing.T, path func(dir string) string, bases ...string) *watching {
	t.Helper()
	w := &watching{dir: t.TempDir(), out: newScreen(), tick: make(chan time.Time), done: make(chan error, 1)}
	w.write(t, "policy.yaml", watchedPolicy)
	w.write(t, "policy_test.yaml", watchedCases)
	streams, _, _, _ := iostreams.Test()
	streams.Out, streams.Err = w.out, w.out
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	opts := &testOptions{Paths: []string{path(w.dir)}, Watch: true, baseFlags: baseFlags{Bases: bases}}
	go func() { w.done <- watchRun(ctx, command.NewEnv(streams), opts, w.tick) }()
	return w
}

func (w *watching) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// end stops it and waits until it has ended as Ctrl-C ends it.
func (w *watching) end(t *testing.T) {
	t.Helper()
	w.stop()
	if err := <-w.done; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

const untilChange = "; Ctrl-C ends\n"

func TestWatch(t *testing.T) {
	t.Parallel()
	w := watch(t, func(dir string) string { return filepath.Join(dir, "policy.yaml") })
	if got := w.out.take(t, w.tick, untilChange); !strings.HasPrefix(got, "not covered: ") || !strings.Contains(got, "\nok: 1 passed, 0 failed, ") {
		t.Errorf("at first: %s", got)
	}

	// A case that fails is no reason to end.
	w.write(t, "policy_test.yaml", strings.Replace(watchedCases, "false", "true", 1))
	got := w.out.take(t, w.tick, untilChange)
	separator, rest, _ := strings.Cut(strings.TrimPrefix(got, "\n"), "\n")
	if want := "--- 10:11:12 " + filepath.Join(w.dir, "policy_test.yaml") + " changed ---"; separator != want {
		t.Errorf("the separator is %q, want %q", separator, want)
	}
	if !strings.Contains(rest, "failed: 0 passed, 1 failed") || !strings.Contains(rest, "error: 1 of 1 case failed\n") {
		t.Errorf("with a case that fails: %s", got)
	}

	// Nor is a policy that does not compile.
	w.write(t, "policy.yaml", strings.Replace(watchedPolicy, "action.type", "action.typ", 1))
	if got := w.out.take(t, w.tick, untilChange); !strings.Contains(got, "did you mean type?") || !strings.Contains(got, "does not compile") {
		t.Errorf("with a policy that does not compile: %s", got)
	}

	// Nor one that is gone for a while.
	if err := os.Remove(filepath.Join(w.dir, "policy.yaml")); err != nil {
		t.Fatal(err)
	}
	if got := w.out.take(t, w.tick, untilChange); !strings.Contains(got, "does not exist") {
		t.Errorf("without a policy: %s", got)
	}
	w.write(t, "policy.yaml", watchedPolicy)
	w.write(t, "policy_test.yaml", watchedCases)
	if got := w.out.take(t, w.tick, untilChange); !strings.Contains(got, "and 1 more changed ---\n") || !strings.Contains(got, "ok: 1 passed") {
		t.Errorf("with all of it back: %s", got)
	}

	w.stop()
	if err := <-w.done; !errors.Is(err, context.Canceled) || command.ExitCode(err) != command.ExitInterrupted {
		t.Errorf("the watch ended with %v", err)
	}
}

func TestWatchDirectory(t *testing.T) {
	t.Parallel()
	w := watch(t, func(dir string) string { return dir })
	w.out.take(t, w.tick, "there is no bundle.yaml")
	w.out.take(t, w.tick, untilChange)
	w.write(t, "bundle.yaml", "namespace: acme\nname: plain\nversion: 1.0.0\n")
	w.out.take(t, w.tick, "bundle.yaml changed ---\n")
	w.out.take(t, w.tick, "ok: 1 passed")
	w.end(t)
}

// TestWatchPolicyOfCases watches a file of cases whose policy is elsewhere.
func TestWatchPolicyOfCases(t *testing.T) {
	t.Parallel()
	w := watch(t, func(dir string) string {
		cases := filepath.Join(dir, "cases")
		if err := os.Mkdir(cases, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(cases, "plain_test.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(watchedCases, "policy.yaml", "../policy.yaml", 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	})
	w.out.take(t, w.tick, "ok: 1 passed")
	w.out.take(t, w.tick, untilChange)
	w.write(t, "policy.yaml", strings.Replace(watchedPolicy, "!=", "==", 1))
	w.out.take(t, w.tick, "policy.yaml changed ---\n")
	w.out.take(t, w.tick, "failed: 0 passed")
	w.end(t)
}

// TestWatchBases watches what --base names, sources and layouts.
func TestWatchBases(t *testing.T) {
	t.Parallel()
	sources, layout := t.TempDir(), t.TempDir()
	touch(t, sources, "policy.yaml")
	touch(t, sources, publish.MetadataFile)
	touch(t, layout, layoutFile)
	touch(t, layout, layoutIndex)
	w := watch(t, func(dir string) string { return filepath.Join(dir, "policy.yaml") }, sources, layout)
	w.out.take(t, w.tick, untilChange)
	for _, file := range []string{filepath.Join(sources, "policy.yaml"), filepath.Join(layout, layoutIndex)} {
		if err := os.WriteFile(file, []byte("# changed\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		w.out.take(t, w.tick, file+" changed ---\n")
		w.out.take(t, w.tick, untilChange)
	}
	w.end(t)
}

// TestWatchWaitsForTheEndOfAChange writes a file in two steps, with a look in
// between.
func TestWatchWaitsForTheEndOfAChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a")
	w := newWatcher(t.Context(), []string{file})
	for _, step := range []struct{ write, want string }{
		{"", ""}, {"ab", ""}, {"abc", ""}, {"", file}, // it stayed as it is
	} {
		if step.write != "" {
			write(step.write)
		}
		if got := w.changed(); got != step.want {
			t.Errorf("after %q was written, changed is %q, want %q", step.write, got, step.want)
		}
	}
}
