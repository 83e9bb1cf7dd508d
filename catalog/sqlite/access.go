package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/sqlite"
)

const (
	// The one read across tenants that serves a request: the token says which
	// tenant the caller belongs to.
	selectToken = `SELECT hash, tenant, kind, runtime, created_at FROM access_token WHERE hash = ?`

	insertToken = `INSERT INTO access_token (tenant, hash, kind, runtime, created_at) VALUES (?1, ?, ?, ?, ?)
		ON CONFLICT (hash) DO NOTHING`

	existsAdmin = `SELECT EXISTS (SELECT 1 FROM access_token WHERE tenant = ?1 AND kind = 'admin')`

	deleteRuntimeTokens = `DELETE FROM access_token WHERE tenant = ?1 AND kind = 'runtime' AND runtime = ?`

	selectResponse = `SELECT key_hash, request_hash, status, body, expires_at FROM stored_response
		WHERE tenant = ?1 AND principal = ? AND key_hash = ? AND expires_at > ?`

	insertResponse = `INSERT INTO stored_response (tenant, principal, key_hash, request_hash, status, body, expires_at)
		VALUES (?1, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, principal, key_hash) DO UPDATE SET request_hash = excluded.request_hash,
			status = excluded.status, body = excluded.body, expires_at = excluded.expires_at`

	deleteExpired = `DELETE FROM stored_response WHERE tenant = ?1 AND expires_at <= ?`
)

// Token implements [auth.TokenStore].
func (s *Store) Token(ctx context.Context, h auth.Hash) (t auth.StoredToken, err error) {
	err = s.db.System().Read(ctx, func(tx *sqlite.Tx) error {
		var hash []byte
		var created int64
		err := tx.QueryRow(selectToken, h[:]).Scan(&hash, &t.Principal.Tenant, &t.Principal.Kind, &t.Principal.Runtime, &created)
		copy(t.Hash[:], hash)
		t.CreatedAt = fromMicros(created)
		return err
	})
	return t, err
}

// PutToken implements [auth.TokenStore].
func (s *Store) PutToken(ctx context.Context, t auth.StoredToken) error {
	return s.db.Tenant(t.Principal.Tenant).Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(insertToken, t.Hash[:], t.Principal.Kind, t.Principal.Runtime, micros(t.CreatedAt))
		return err
	})
}

// HasAdmin implements [auth.TokenStore].
func (s *Store) HasAdmin(ctx context.Context, tenant mesh.TenantID) (has bool, err error) {
	err = s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(existsAdmin).Scan(&has)
	})
	return has, err
}

// Response implements [catalog.ResponseStore].
func (s *Store) Response(ctx context.Context, tenant mesh.TenantID, principal string, keyHash [32]byte, now time.Time) (catalog.StoredResponse, error) {
	r := catalog.StoredResponse{Principal: principal}
	err := s.db.Tenant(tenant).Read(ctx, func(tx *sqlite.Tx) error {
		var key, request []byte
		var expires int64
		err := tx.QueryRow(selectResponse, principal, keyHash[:], micros(now)).Scan(&key, &request, &r.Status, &r.Body, &expires)
		copy(r.KeyHash[:], key)
		copy(r.RequestHash[:], request)
		r.ExpiresAt = fromMicros(expires)
		return err
	})
	return r, err
}

// PutResponse implements [catalog.ResponseStore].
func (s *Store) PutResponse(ctx context.Context, tenant mesh.TenantID, r catalog.StoredResponse, now time.Time) error {
	return s.db.Tenant(tenant).Write(ctx, func(tx *sqlite.Tx) error {
		if _, err := tx.Exec(deleteExpired, micros(now)); err != nil {
			return fmt.Errorf("removing expired responses: %w", err)
		}
		_, err := tx.Exec(insertResponse, r.Principal, r.KeyHash[:], r.RequestHash[:], r.Status, r.Body, micros(r.ExpiresAt))
		return err
	})
}
