package policy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
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
		run      func(context.Context) error
		want     error
	}{
		{"ends by itself", t.Context(), 0, func(context.Context) error { return own }, own},
		{"ends with its context", canceled, time.Hour, func(ctx context.Context) error { <-ctx.Done(); return own }, own},
		{"does not look at its context", canceled, 0, func(context.Context) error { <-forever; return nil }, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := promptlyWithin(tt.ctx, tt.patience, tt.run); !errors.Is(err, tt.want) {
				t.Errorf("it ends with %v, want %v", err, tt.want)
			}
		})
	}
	if command.ExitCode(canceled.Err()) != command.ExitInterrupted {
		t.Error("the exit code is another")
	}
}
