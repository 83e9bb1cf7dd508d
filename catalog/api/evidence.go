package api

import (
	"context"
	"net/http"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

type decisionsInput struct {
	Paging
	Waiting
	RequestID string `query:"requestId"`
	RuntimeID string `query:"runtimeId"`
	AgentID   string `query:"agentId"`
	Outcome   string `query:"outcome" doc:"allowed or denied"`
	After     string `query:"after" doc:"follow: the next of an answer, or now; then oldest first"`
}

func (r *routes) registerEvidence() {
	send[hubapi.Batch](r, http.MethodPost, "/telemetry/batches", "send-batch", "evidence",
		"Deliver journal records; answered once they are durable", http.StatusOK, r.batch)
	get(r, "/decisions", "list-decisions", "evidence", "What was decided, the last to arrive first, or followed as it arrives", r.decisions)
	get(r, "/posture", "get-posture", "evidence", "Counts per control of a framework", r.posture)
}

func (r *routes) batch(ctx context.Context, in *JSONBody) (*output[hubapi.BatchAck], error) {
	return one(r.Ingest.Batch(ctx, auth.FromContext(ctx), in.RawBody))
}

func (r *routes) decisions(ctx context.Context, in *decisionsInput) (*pageOutput[hubapi.Decision], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	return page(r.Evidence.Decisions(ctx, p.Tenant, hubapi.DecisionQuery{
		RequestID: in.RequestID, RuntimeID: mesh.RuntimeID(in.RuntimeID), AgentID: mesh.AgentID(in.AgentID), Outcome: in.Outcome,
		Cursor: in.Cursor, After: in.After, Wait: time.Duration(in.Wait) * time.Second, Limit: in.Limit,
	}, httpx.Draining(ctx)))
}

func (r *routes) posture(ctx context.Context, in *struct {
	Framework string `query:"framework" required:"true" doc:"a framework, by any of its names"`
}) (*output[hubapi.Posture], error) {
	p := auth.FromContext(ctx)
	if err := p.RequireAdmin(); err != nil {
		return nil, err
	}
	return one(r.Posture.Framework(ctx, p.Tenant, in.Framework))
}
