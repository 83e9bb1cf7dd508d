package catalog

import (
	"context"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// StoredResponse is the answer to a request that carried an Idempotency-Key,
// kept to be given again.
type StoredResponse struct {
	Principal   string   // who sent the request
	KeyHash     [32]byte // of the Idempotency-Key
	RequestHash [32]byte // of method, path and body
	Status      int
	Body        []byte // sealed by whoever stores it
	ExpiresAt   time.Time
}

// ResponseStore keeps answers for some time.
type ResponseStore interface {
	// Response returns the answer to a principal's key that has not expired.
	// [mesh.CodeNotFound] if there is none.
	Response(ctx context.Context, tenant mesh.TenantID, principal string, keyHash [32]byte, now time.Time) (StoredResponse, error)
	// PutResponse keeps an answer and removes those that have expired.
	PutResponse(ctx context.Context, tenant mesh.TenantID, r StoredResponse, now time.Time) error
}
