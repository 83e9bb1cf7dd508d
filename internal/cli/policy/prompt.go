package policy

import (
	"context"
	"time"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

// patience is how long an interrupted command may take to end by itself.
const patience = time.Second

// promptly runs a command that only reads and prints, and returns soon after ctx
// ended whatever the command is doing: proofs and compilation do not look at
// ctx, and nothing is left half done. The process is expected to end then; what
// is left behind cannot write to env's streams any more.
func promptly(ctx context.Context, env *command.Env, run func(context.Context, *command.Env) error) error {
	return promptlyWithin(ctx, patience, env, run)
}

func promptlyWithin(ctx context.Context, patience time.Duration, env *command.Env, run func(context.Context, *command.Env) error) error {
	lent := *env
	var takeBack func(context.Context)
	lent.IO, takeBack = env.IO.Lend()
	done := make(chan error, 1)
	go func() { done <- run(ctx, &lent) }()
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
	}
	waiting, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer stop()
	takeBack(waiting)
	return ctx.Err()
}
