package runtimes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// subscribeOptions are the arguments of `runtime subscribe`.
type subscribeOptions struct {
	session.Flags
	Runtime      string
	Subscription mesh.Subscription
	Wait         time.Duration
	JSON         bool
}

func newCmdSubscribe(env *command.Env, runF func(*subscribeOptions) error) *cobra.Command {
	opts := &subscribeOptions{}
	cmd := &cobra.Command{
		Use:   "subscribe RUNTIME SUBSCRIPTION",
		Short: "Put a running runtime under another bundle",
		Long: `Add a subscription to a runtime, named by its id or name. The runtime follows
without a restart, if its own trust policy accepts the bundle.

A subscription is [NAMESPACE/]NAME[@RANGE | @CHANNEL | @DIGEST]; without a
namespace it is an official bundle, without a selector the latest release.`,
		Example: `    mesh runtime subscribe edge-1 'hipaa@^3'
    mesh runtime subscribe edge-1 acme/guardrails@1.x --wait 10s`,
		Args: command.Arguments(2, 2, "a runtime and a subscription"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			opts.Runtime = args[0]
			if opts.Subscription, err = mesh.ParseSubscription(args[1]); err != nil {
				return command.Usage(err)
			}
			if opts.Wait < 0 {
				return command.UsageErrorf("--wait %v is negative", opts.Wait)
			}
			if runF != nil {
				return runF(opts)
			}
			return subscribeRun(cmd.Context(), env, opts)
		},
	}
	cmd.Flags().DurationVar(&opts.Wait, "wait", 0, "wait at most this `duration` for the bundle to be in force, else fail")
	session.AddFlags(cmd, &opts.Flags)
	command.AddJSON(cmd, &opts.JSON, hubapi.SubscriptionSet{})
	return cmd
}

func subscribeRun(ctx context.Context, env *command.Env, opts *subscribeOptions) error {
	client, err := session.Connect(env, opts.Flags)
	if err != nil {
		return err
	}
	set, err := client.Subscribe(ctx, opts.Runtime, opts.Subscription)
	if err != nil {
		return err
	}
	if opts.Wait > 0 {
		if err := awaitInForce(ctx, client, opts); err != nil {
			return err
		}
	}
	if opts.JSON {
		return env.WriteJSON(set)
	}
	for _, s := range set.Items {
		if s.Subscription.Bundle != opts.Subscription.Bundle {
			continue
		}
		if s.Digest == "" {
			_, _ = fmt.Fprintf(env.IO.Out, "%s follows %s\n%s %s\n", opts.Runtime, s.Subscription, env.IO.Paint(iostreams.Yellow, "nothing matches yet:"), s.Reason)
			continue
		}
		_, _ = fmt.Fprintf(env.IO.Out, "%s follows %s: version %s, %s\n", opts.Runtime, s.Subscription, s.Version, s.Digest)
	}
	return nil
}

// awaitInForce waits until the runtime reports the bundle as in force in the
// version that the hub resolves the subscription to.
func awaitInForce(ctx context.Context, client *hubapi.Client, opts *subscribeOptions) error {
	ctx, cancel := context.WithTimeout(ctx, opts.Wait)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	var last hubapi.Runtime
	for {
		r, err := client.Runtime(ctx, opts.Runtime)
		switch {
		case err == nil && inForce(r, opts.Subscription):
			return nil
		case err == nil:
			last = r
			if refusal, found := refused(r, opts.Subscription); found {
				return mesh.Errorf(refusal.Code, "%s refuses %s %s: %s", opts.Runtime, refusal.Bundle, refusal.Version, refusal.Reason)
			}
		case ctx.Err() == nil:
			return err
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return ctx.Err()
		}
		return notInForce(last, opts)
	}
}

// wanted returns what a subscription of a runtime means now.
func wanted(r hubapi.Runtime, s mesh.Subscription) (mesh.Digest, bool) {
	for _, want := range r.Subscriptions {
		if want.Subscription.String() == s.String() && want.Digest != "" {
			return want.Digest, true
		}
	}
	return "", false
}

// refused returns why the runtime did not put what the subscription means now
// into force.
func refused(r hubapi.Runtime, s mesh.Subscription) (mesh.Refusal, bool) {
	digest, known := wanted(r, s)
	for _, refusal := range r.Refusals {
		if known && refusal.Digest == digest {
			return refusal, true
		}
	}
	return mesh.Refusal{}, false
}

// inForce reports whether a runtime enforces what the subscription means now.
func inForce(r hubapi.Runtime, s mesh.Subscription) bool {
	digest, known := wanted(r, s)
	for _, b := range r.InForce {
		if known && b.Digest == digest {
			return true
		}
	}
	return false
}

// notInForce says what to look at when the time is over.
func notInForce(r hubapi.Runtime, opts *subscribeOptions) error {
	err := mesh.Errorf(mesh.CodeUnavailable, "%s is not in force at %s after %v", opts.Subscription, opts.Runtime, opts.Wait)
	if !r.Online {
		return err.WithHint("the runtime is not online; it will follow when it is back")
	}
	return err.WithHint("see `mesh runtime status " + opts.Runtime + "`")
}
