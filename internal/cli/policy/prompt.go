package policy

import (
	"context"
	"time"
)

// patience is how long an interrupted command may take to end by itself.
const patience = time.Second

// promptly runs a command that only reads and prints, and returns soon after ctx
// ended whatever the command is doing: proofs and compilation do not look at
// ctx, and nothing is left half done. The process is expected to end then.
func promptly(ctx context.Context, run func(context.Context) error) error {
	return promptlyWithin(ctx, patience, run)
}

func promptlyWithin(ctx context.Context, patience time.Duration, run func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return ctx.Err()
	}
}
