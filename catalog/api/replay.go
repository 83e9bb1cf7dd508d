package api

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
	"github.com/ai-agent-mesh/mesh/internal/httpx"
)

const (
	headerIdempotencyKey = "Idempotency-Key"
	maxKeyLength         = 255

	// replayFor is how long an answer is kept.
	replayFor = 24 * time.Hour

	sealPurpose = "aimesh stored response v1"
)

// replayer answers a POST with an Idempotency-Key once: whoever repeats it
// with the same key and body gets the first answer again, which another body
// does not (draft-ietf-httpapi-idempotency-key-header). Requests of callers
// without credentials are not kept.
//
// An answer may hold a secret, such as the token of an enrolled runtime. It is
// kept sealed with a key made of the Idempotency-Key and the caller's
// credentials, neither of which is stored.
type replayer struct {
	store catalog.ResponseStore
	now   func() time.Time

	mu      sync.Mutex
	running map[replayKey]bool
}

// replayKey is whose key it is.
type replayKey struct {
	tenant    mesh.TenantID
	principal string
	key       [sha256.Size]byte
}

func newReplayer(store catalog.ResponseStore) *replayer {
	return &replayer{store: store, now: time.Now, running: map[replayKey]bool{}}
}

func (p *replayer) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(headerIdempotencyKey)
		if r.Method != http.MethodPost || key == "" || !auth.FromContext(r.Context()).Known() {
			next.ServeHTTP(w, r)
			return
		}
		if err := p.serve(w, r, key, next); err != nil {
			refuse(w, r, err)
		}
	})
}

// serve answers from what is kept, or lets the request through and keeps the
// answer. It has not written anything when it returns an error.
func (p *replayer) serve(w http.ResponseWriter, r *http.Request, key string, next http.Handler) error {
	if len(key) > maxKeyLength {
		return mesh.Errorf(mesh.CodeInvalid, "the %s is longer than %d bytes", headerIdempotencyKey, maxKeyLength)
	}
	// The largest body of any route; each has its own bound besides.
	body, err := httpx.ReadBody(w, r, hubapi.MaxBatchBytes)
	if err != nil {
		return err
	}
	principal := auth.FromContext(r.Context())
	id := replayKey{principal.Tenant, principal.String(), sha256.Sum256([]byte(key))}
	if !p.begin(id) {
		return mesh.Errorf(mesh.CodeConflict, "the request with this %s is still being answered", headerIdempotencyKey).
			WithHint("wait a moment and send it again")
	}
	defer p.end(id)
	request := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.RequestURI(), body))
	sealer, err := newSealer(key, r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	stored, err := p.store.Response(r.Context(), id.tenant, id.principal, id.key, p.now())
	switch {
	case err == nil:
		return replay(w, stored, request, sealer)
	case mesh.CodeOf(err) != mesh.CodeNotFound:
		return fmt.Errorf("looking for a stored answer: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := &recordedResponse{ResponseWriter: w}
	next.ServeHTTP(rec, r)
	return p.keep(r, id, request, rec, sealer)
}

func (p *replayer) begin(id replayKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[id] {
		return false
	}
	p.running[id] = true
	return true
}

func (p *replayer) end(id replayKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, id)
}

// keptAnswer is what is sealed.
type keptAnswer struct {
	ContentType string `json:"contentType"`
	Body        []byte `json:"body"`
}

// keep stores a successful answer; what failed may be tried again. The answer
// is on its way already, so an error is recorded and not answered. Whoever has
// gone meanwhile is the one who will ask again, so the answer is kept all the
// same.
func (p *replayer) keep(r *http.Request, id replayKey, request [sha256.Size]byte, rec *recordedResponse, sealer cipher.AEAD) error {
	if rec.status < http.StatusOK || rec.status >= http.StatusMultipleChoices {
		return nil
	}
	plain, err := json.Marshal(keptAnswer{rec.Header().Get("Content-Type"), rec.body.Bytes()})
	if err == nil {
		now := p.now()
		err = p.store.PutResponse(context.WithoutCancel(r.Context()), id.tenant, catalog.StoredResponse{
			Principal: id.principal, KeyHash: id.key, RequestHash: request, Status: rec.status,
			Body:      sealer.Seal(nil, nil, plain, request[:]),
			ExpiresAt: now.Add(replayFor),
		}, now)
	}
	if err != nil {
		httpx.RecordError(r.Context(), fmt.Errorf("keeping the answer: %w", err))
	}
	return nil
}

// replay answers with what was kept.
func replay(w http.ResponseWriter, stored catalog.StoredResponse, request [sha256.Size]byte, sealer cipher.AEAD) error {
	if subtle.ConstantTimeCompare(stored.RequestHash[:], request[:]) != 1 {
		return mesh.Errorf(mesh.CodeConflict, "this %s was used for another request", headerIdempotencyKey).
			WithHint("use a new key for each request, and the same one only to repeat it unchanged")
	}
	plain, err := sealer.Open(nil, nil, stored.Body, request[:])
	if err != nil {
		return mesh.Errorf(mesh.CodeConflict, "this %s was used with other credentials", headerIdempotencyKey).
			WithHint("use a new key")
	}
	var kept keptAnswer
	if err := json.Unmarshal(plain, &kept); err != nil {
		return fmt.Errorf("reading a stored answer: %w", err)
	}
	w.Header().Set("Content-Type", kept.ContentType)
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(stored.Status)
	_, _ = w.Write(kept.Body) // the client has gone: nobody is left to tell
	return nil
}

// newSealer returns the cipher of one answer. Its key is used for that one
// message, with a random nonce all the same.
func newSealer(key, credentials string) (cipher.AEAD, error) {
	secret, err := hkdf.Key(sha256.New, []byte(credentials), []byte(key), sealPurpose, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of an answer: %w", err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("preparing the cipher of an answer: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// recordedResponse keeps a copy of what is answered.
type recordedResponse struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements [http.ResponseWriter].
func (w *recordedResponse) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recordedResponse) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}
