package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

const (
	// listingTimeout bounds how long a push waits for what the hub makes of
	// the release; it indexes within a second.
	listingTimeout = 5 * time.Second
	// listingInterval is how often the hub is asked.
	listingInterval = 100 * time.Millisecond
)

// listing is what the hub makes of a release; empty where it does not say,
// because it is another registry or busy.
type listing struct {
	Status hubapi.Status `json:"status,omitzero"`
	Reason string        `json:"reason,omitzero"`
}

// awaitListing asks the hub for the status of a release until it has looked at
// its signature. That a registry is no hub is no error: the push is done.
func awaitListing(ctx context.Context, s *session.Session, ref mesh.BundleRef, d mesh.Digest, signed bool) listing {
	client, err := s.Client()
	if err != nil {
		return listing{}
	}
	ctx, cancel := context.WithTimeout(ctx, listingTimeout)
	defer cancel()
	tick := time.NewTicker(listingInterval)
	defer tick.Stop()
	var last listing
	for {
		b, err := client.Bundle(ctx, ref, string(d))
		switch {
		case err == nil:
			last = listing{b.Status, b.Reason}
			if !signed || b.Status != hubapi.StatusUnsigned {
				return last
			}
		case !errors.Is(err, &mesh.Error{Code: mesh.CodeNotFound}):
			return last
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
	}
}

// printListing tells what the hub makes of a release and, where it is not
// listed, why.
func printListing(env *command.Env, ref mesh.BundleRef, version string, l listing) {
	io := env.IO
	switch l.Status {
	case "":
	case hubapi.StatusVerified:
		_, _ = fmt.Fprintf(io.Out, "the hub lists it as %s\n", io.Paint(iostreams.Green, string(l.Status)))
	case hubapi.StatusUnsigned:
		_, _ = fmt.Fprintf(io.Err, "%s it is not signed, so it is not listed\n%s mesh policy sign %s:%s --key FILE\n",
			io.Paint(iostreams.Yellow, "warning:"), io.Paint(iostreams.Cyan, "hint:"), ref, version)
	case hubapi.StatusRefused:
		_, _ = fmt.Fprintf(io.Err, "%s the hub does not accept the signature, so it is not listed: %s\n%s register the key: mesh vendor key add --namespace %s KEY.pub\n",
			io.Paint(iostreams.Yellow, "warning:"), l.Reason, io.Paint(iostreams.Cyan, "hint:"), ref.Namespace)
	default:
		_, _ = fmt.Fprintf(io.Err, "%s the hub lists it as %s: %s\n", io.Paint(iostreams.Yellow, "warning:"), l.Status, l.Reason)
	}
}
