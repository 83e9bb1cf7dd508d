package policy

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

func TestPromptly(t *testing.T) {
	t.Parallel()
	own := errors.New("its own end")
	forever := make(chan struct{})
	defer close(forever)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name     string
		ctx      context.Context
		patience time.Duration
		run      func(context.Context, *command.Env) error
		want     error
	}{
		{"ends by itself", t.Context(), 0, func(context.Context, *command.Env) error { return own }, own},
		{"ends with its context", canceled, time.Hour, func(ctx context.Context, _ *command.Env) error { <-ctx.Done(); return own }, own},
		{"does not look at its context", canceled, 0, func(context.Context, *command.Env) error { <-forever; return nil }, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			streams, _, _, _ := iostreams.Test()
			if err := promptlyWithin(tt.ctx, tt.patience, command.NewEnv(streams), tt.run); !errors.Is(err, tt.want) {
				t.Errorf("it ends with %v, want %v", err, tt.want)
			}
		})
	}
	if command.ExitCode(canceled.Err()) != command.ExitInterrupted {
		t.Error("the exit code is another")
	}
}

// TestWhatIsLeftBehindIsSilent writes after the command has ended.
func TestWhatIsLeftBehindIsSilent(t *testing.T) {
	t.Parallel()
	streams, _, out, errOut := iostreams.Test()
	streams.SetTerminal(true, false, 80)
	ctx, cancel := context.WithCancel(t.Context())
	ended, silent := make(chan struct{}), make(chan struct{})
	err := promptlyWithin(ctx, 10*time.Millisecond, command.NewEnv(streams), func(_ context.Context, env *command.Env) error {
		defer close(silent)
		progress := env.IO.Progress()
		progress.Step("mutant 50")
		_, _ = io.WriteString(env.IO.Out, "before\n")
		cancel()
		<-ended
		progress.Step("mutant 100")
		progress.Done()
		return env.WriteJSON("after")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	_, _ = io.WriteString(streams.Err, "error: interrupted\n")
	close(ended)
	<-silent
	if got, want := out.String(), "before\n"; got != want {
		t.Errorf("the output is %q, want %q", got, want)
	}
	if got, want := errOut.String(), "mutant 50\nerror: interrupted\n"; got != want {
		t.Errorf("beside it there is %q, want %q", got, want)
	}
}

// stuck is an output that nobody reads.
type stuck struct{ begun, ended chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	<-s.ended
	return len(p), nil
}

// TestWatchEndsInTheMiddle interrupts --watch while the cases run.
func TestWatchEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &watching{dir: dir}
	w.write(t, "policy.yaml", watchedPolicy)
	w.write(t, "policy_test.yaml", watchedCases)
	streams, _, _, _ := iostreams.Test()
	out := stuck{make(chan struct{}, 1), make(chan struct{})}
	defer close(out.ended)
	streams.Out = out
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-out.begun; cancel() }()
	cmd := newCmdTest(command.NewEnv(streams), nil)
	cmd.SetArgs([]string{filepath.Join(dir, "policy.yaml"), "--watch"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}
