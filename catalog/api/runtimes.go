package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

// RuntimeInput names a runtime in the path.
type RuntimeInput struct {
	Runtime string `path:"runtime" doc:"the runtime's id or name"`
}

// Waiting are the parameters of a request that may wait for a change.
type Waiting struct {
	Wait int `query:"wait" minimum:"0" maximum:"60" doc:"seconds to wait for a change"`
}

// wait ends with the server: who waits for news is told to come back.
func (w Waiting) wait(ctx context.Context) catalog.Wait {
	return catalog.Wait{For: time.Duration(w.Wait) * time.Second, Stop: httpx.Draining(ctx)}
}

func (r *routes) registerRuntimes() {
	send[hubapi.EnrolRequest](r, http.MethodPost, "/runtimes", "enrol-runtime", "runtimes",
		"Enrol a runtime; the answer is the only one with its token", http.StatusCreated, r.enrol)
	get(r, "/runtimes", "list-runtimes", "runtimes", "The enrolled runtimes, by name", r.listRuntimes)
	get(r, "/runtimes/{runtime}", "get-runtime", "runtimes", "One runtime", r.runtime)
	get(r, "/runtimes/{runtime}/subscriptions", "get-subscriptions", "runtimes",
		"What a runtime is to follow; with If-None-Match and wait, as soon as it changes", r.subscriptions)
	send[hubapi.SubscribeRequest](r, http.MethodPost, "/runtimes/{runtime}/subscriptions", "subscribe-runtime", "runtimes",
		"Add a subscription to a runtime", http.StatusOK, r.subscribe)
	handle(r, operation(http.MethodDelete, "/runtimes/{runtime}/subscriptions/{namespace}/{name}", "unsubscribe-runtime", "runtimes",
		"Take back a subscription that was added at the hub"), nil, r.unsubscribe)
	send[hubapi.RuntimeReport](r, http.MethodPut, "/runtimes/{runtime}/report", "report-runtime", "runtimes",
		"What a runtime tells about itself; also its heartbeat", http.StatusNoContent, r.report)
}

func (r *routes) enrol(ctx context.Context, in *JSONBody) (*output[hubapi.EnrolResponse], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	req, err := decode[hubapi.EnrolRequest](*in)
	if err != nil {
		return nil, err
	}
	return one(r.Fleet.Enrol(ctx, p.Tenant, req))
}

func (r *routes) listRuntimes(ctx context.Context, in *Paging) (*pageOutput[hubapi.Runtime], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	return page(r.Fleet.List(ctx, p.Tenant, in.Cursor, in.Limit))
}

func (r *routes) runtime(ctx context.Context, in *RuntimeInput) (*output[hubapi.Runtime], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireRuntime(mesh.RuntimeID(in.Runtime)); err != nil {
		return nil, err
	}
	return one(r.Fleet.Get(ctx, p.Tenant, in.Runtime))
}

type subscriptionsOutput struct {
	ETag string `header:"ETag"`
	Body hubapi.SubscriptionSet
}

func (r *routes) subscriptions(ctx context.Context, in *struct {
	RuntimeInput
	Waiting
	Known string `header:"If-None-Match" doc:"the revision the caller has, in quotes"`
}) (*subscriptionsOutput, error) {
	p := auth.FromContext(ctx)
	if err := p.RequireRuntime(mesh.RuntimeID(in.Runtime)); err != nil {
		return nil, err
	}
	known := strings.Trim(strings.TrimPrefix(in.Known, "W/"), `"`)
	wait := in.wait(ctx)
	if known == "" {
		wait.For = 0 // nothing is known: the set as it is now is news
	}
	set, err := r.Fleet.WaitSubscriptions(ctx, p.Tenant, in.Runtime, known, wait)
	if err != nil {
		return nil, err
	}
	return &subscriptionsOutput{ETag: strconv.Quote(set.Revision), Body: set}, nil
}

func (r *routes) subscribe(ctx context.Context, in *struct {
	RuntimeInput
	JSONBody
}) (*output[hubapi.SubscriptionSet], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	req, err := decode[hubapi.SubscribeRequest](in.JSONBody)
	if err != nil {
		return nil, err
	}
	return one(r.Fleet.Subscribe(ctx, p.Tenant, in.Runtime, req.Subscription))
}

func (r *routes) unsubscribe(ctx context.Context, in *struct {
	RuntimeInput
	BundleInput
}) (*output[hubapi.SubscriptionSet], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	ref, err := in.ref()
	if err != nil {
		return nil, err
	}
	return one(r.Fleet.Unsubscribe(ctx, p.Tenant, in.Runtime, ref))
}

func (r *routes) report(ctx context.Context, in *struct {
	RuntimeInput
	JSONBody
}) (*struct{}, error) {
	p := auth.FromContext(ctx)
	// Not even an administrator speaks for a runtime.
	if err := p.RequireRuntime(mesh.RuntimeID(in.Runtime)); err != nil {
		return nil, err
	}
	if p.Kind != auth.KindRuntime {
		return nil, mesh.Errorf(mesh.CodeForbidden, "a report is sent with the runtime's own token")
	}
	req, err := decode[hubapi.RuntimeReport](in.JSONBody)
	if err != nil {
		return nil, err
	}
	return nil, r.Fleet.Report(ctx, p.Tenant, p.Runtime, req)
}
