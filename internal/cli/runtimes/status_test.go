package runtimes

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

func subscription(t *testing.T, text string) mesh.Subscription {
	t.Helper()
	s, err := mesh.ParseSubscription(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStatusForPeople(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.Local)
	streams, _, out, _ := iostreams.Test()
	printStatus(command.NewEnv(streams), hubapi.Runtime{
		ID: "rt_1", Name: "edge", Version: "1.0.0", LastSeen: &at, Mode: mesh.ModeMonitor,
		Subscriptions: []hubapi.ResolvedSubscription{
			{Subscription: subscription(t, "gdpr@^3"), Source: hubapi.SourceLocal, Version: "3.1.0", Digest: "sha256:aa"},
			{Subscription: subscription(t, "acme/guard"), Source: hubapi.SourceHub, Reason: "there is no bundle acme/guard"},
		},
		InForce:  []mesh.BundleInForce{{Bundle: "mesh/gdpr", Version: "3.0.0", Mode: mesh.ModeMonitor, Weakened: true, Since: at, Digest: "sha256:bb"}},
		Refusals: []mesh.Refusal{{Bundle: "mesh/gdpr", Version: "3.1.0", Reason: "signed by another key"}},
		Journals: []hubapi.JournalStatus{{JournalID: "jr_1", AckedThrough: 7, LastSeq: 9, Gaps: []mesh.Gap{
			{From: at, To: at.Add(time.Minute), Denied: 3, Allowed: 1, Reason: "no space left on device"},
		}}},
	})
	want := strings.TrimLeft(`
edge offline (rt_1)
  last seen 2026-11-22 10:00:00, version 1.0.0
  weakened by its own --mode: no policy is stricter than monitor

Subscriptions
  mesh/gdpr@^3                 local  3.1.0
  acme/guard                   hub    there is no bundle acme/guard

In force
  mesh/gdpr:3.0.0              monitor (weakened) since 2026-11-22 10:00:00
    sha256:bb

Refused
  mesh/gdpr 3.1.0: signed by another key

Evidence
  journal jr_1: 7 of 9 records at the hub
    gap 2026-11-22 10:00:00 to 2026-11-22 10:01:00: 3 denied and 1 allowed decisions were not recorded: no space left on device
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("status differs (-want +got):\n%s", diff)
	}
}

// A runtime that leaves no evidence is marked wherever it is shown.
func TestARuntimeThatRecordsNothing(t *testing.T) {
	t.Parallel()
	r := hubapi.Runtime{ID: "rt_1", Name: "edge", Online: true, Unrecorded: true}
	if got := state(r).Text; got != "online, NOT recording" {
		t.Errorf("state = %q", got)
	}
	streams, _, out, _ := iostreams.Test()
	printStatus(command.NewEnv(streams), r)
	if !strings.Contains(out.String(), "its decisions are NOT recorded") {
		t.Errorf("status = %q", out)
	}
}

func TestInForceAndRefused(t *testing.T) {
	t.Parallel()
	s := subscription(t, "acme/guard@^1")
	follows := func(digest mesh.Digest) hubapi.Runtime {
		return hubapi.Runtime{Subscriptions: []hubapi.ResolvedSubscription{{Subscription: s, Digest: digest}}}
	}
	tests := []struct {
		name    string
		runtime hubapi.Runtime
		inForce bool
		refused bool
	}{
		{name: "not told yet"},
		{name: "nothing matches", runtime: follows("")},
		{name: "waiting", runtime: follows("sha256:aa")},
		{name: "the former version", runtime: func() hubapi.Runtime {
			r := follows("sha256:bb")
			r.InForce = []mesh.BundleInForce{{Digest: "sha256:aa"}}
			r.Refusals = []mesh.Refusal{{Digest: "sha256:aa"}}
			return r
		}()},
		{name: "in force", inForce: true, runtime: func() hubapi.Runtime {
			r := follows("sha256:aa")
			r.InForce = []mesh.BundleInForce{{Digest: "sha256:aa"}}
			return r
		}()},
		{name: "refused", refused: true, runtime: func() hubapi.Runtime {
			r := follows("sha256:bb")
			r.InForce = []mesh.BundleInForce{{Digest: "sha256:aa"}}
			r.Refusals = []mesh.Refusal{{Digest: "sha256:bb"}}
			return r
		}()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, isRefused := refused(tt.runtime, s)
			if got := inForce(tt.runtime, s); got != tt.inForce || isRefused != tt.refused {
				t.Errorf("in force %v, refused %v", got, isRefused)
			}
		})
	}
}
