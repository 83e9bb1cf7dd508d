package subscribe

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

const (
	// pollWait is how long the hub may hold a request for news. After it the
	// runtime looks again by itself and says that it is alive.
	pollWait = 20 * time.Second
	// requestTimeout bounds every request to the hub.
	requestTimeout = pollWait + 20*time.Second
	// minRecheck is how long a bundle that lacks a signature waits to be looked
	// at again. The pause grows to recheckPart of the time it has waited, up to
	// pollWait: the signature that is missing is one the hub need not know of,
	// so the hub has no news to tell.
	minRecheck  = time.Second
	recheckPart = 60
	// minBackoff and maxBackoff bound the pause after the hub failed.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// session is an enrolment in use.
type session struct {
	id     mesh.RuntimeID
	client *hubapi.Client
}

// Run follows the hub until ctx is done, then returns nil. It never gives up:
// what the hub cannot do now is tried again, and what is in force stays.
func (s *Subscriber) Run(ctx context.Context) error {
	failures, known := 0, ""
	for ctx.Err() == nil {
		revision, err := s.round(ctx, known)
		if ctx.Err() != nil {
			return nil
		}
		s.note(ctx, err)
		if err == nil {
			failures, known = 0, revision
			continue
		}
		failures, known = failures+1, ""
		d := min(minBackoff<<min(failures-1, 16), maxBackoff)
		t := time.NewTimer(d/2 + rand.N(d/2+1))
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
	return nil
}

// round reports once, waits for news once and follows them. It returns the
// revision that was followed.
func (s *Subscriber) round(ctx context.Context, known string) (string, error) {
	current, err := s.enrolled(ctx)
	if err != nil {
		return "", err
	}
	if err := s.report(ctx, current); err != nil {
		return "", s.maybeForgotten(ctx, err)
	}
	wait := s.recheck()
	if known == "" {
		wait = 0
	}
	news, changed, err := current.client.Subscriptions(ctx, current.id, known, wait)
	if err != nil {
		return "", s.maybeForgotten(ctx, err)
	}
	s.mu.Lock()
	s.hubSeen = time.Now().UTC()
	s.mu.Unlock()
	if changed {
		s.lastSet = news
	}
	// Also without news: a signature may have arrived that the hub makes
	// nothing of, but this runtime's own trust policy does.
	if err := s.reconcile(ctx, s.lastSet); err != nil {
		return "", err
	}
	return s.lastSet.Revision, nil
}

// recheck is how long to wait for news before looking at the registry again.
func (s *Subscriber) recheck() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := pollWait
	for _, r := range s.refusals {
		if r.Code == mesh.CodeSignatureRefused {
			wait = min(wait, max(minRecheck, time.Since(r.since)/recheckPart))
		}
	}
	return wait
}

// report tells the hub how the runtime is, if that changed or the hub has not
// heard of it for a while.
func (s *Subscriber) report(ctx context.Context, current *session) error {
	j := s.journal.Status()
	s.mu.Lock()
	r := hubapi.RuntimeReport{
		Version: s.cfg.Version, Mode: s.cfg.Mode, Subscriptions: append([]mesh.Subscription{}, s.cfg.Local...),
		InForce: append([]mesh.BundleInForce{}, s.inForce...), Refusals: s.standing(), JournalID: j.ID,
		Unrecorded: s.cfg.Unrecorded,
	}
	s.mu.Unlock()
	if time.Since(s.toldAt) < pollWait && reflect.DeepEqual(r, s.reported) {
		return nil
	}
	told := r
	told.LastSeq = j.LastSeq
	if err := current.client.Report(ctx, current.id, told); err != nil {
		s.toldAt = time.Time{}
		return err
	}
	s.reported, s.toldAt = r, time.Now()
	return nil
}

// standing returns the standing refusals in the order of the subscriptions;
// the caller holds mu.
func (s *Subscriber) standing() []mesh.Refusal {
	out := []mesh.Refusal{}
	for _, w := range s.wanted {
		if r, ok := s.refusals[w.String()]; ok {
			out = append(out, r.Refusal)
		}
	}
	return out
}

// enrolled returns the session, and enrols the runtime if there is none.
func (s *Subscriber) enrolled(ctx context.Context) (*session, error) {
	s.mu.Lock()
	current := s.session
	s.mu.Unlock()
	if current != nil {
		return current, nil
	}
	token, err := s.cfg.Token()
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, mesh.Errorf(mesh.CodeUnauthenticated, "the runtime is not enrolled at %s and has no token to enrol with", s.cfg.Hub).
			WithHint("run `mesh login`, set MESH_TOKEN, or name a file with --token-file")
	}
	client, err := hubapi.NewClient(s.cfg.Hub, token, s.client)
	if err != nil {
		return nil, err
	}
	public, ok := s.key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("enrolling: the runtime's key is of type %T", s.key.Public())
	}
	res, err := client.Enrol(ctx, hubapi.EnrolRequest{Name: s.cfg.Name, PublicKey: base64.StdEncoding.EncodeToString(public)})
	if mesh.CodeOf(err) == mesh.CodeConflict && !s.named {
		s.renameBy(public)
		return s.enrolled(ctx)
	}
	if mesh.CodeOf(err) == mesh.CodeConflict {
		return nil, mesh.Errorf(mesh.CodeConflict, "enrolling at %s as %q: %w", s.cfg.Hub, s.cfg.Name, err).
			WithHint("start this runtime with a name of its own, --name NAME; if it is that runtime, with the data directory it was enrolled with, --data-dir DIR")
	}
	if err != nil {
		return nil, fmt.Errorf("enrolling at %s as %q: %w", s.cfg.Hub, s.cfg.Name, err)
	}
	e := &enrolment{Hub: s.cfg.Hub, RuntimeID: res.ID, Name: s.cfg.Name, Token: res.Token}
	if err := storeEnrolment(s.cfg.Dir, e); err != nil {
		return nil, err
	}
	s.logger.InfoContext(ctx, "enrolled", slog.String("hub", s.cfg.Hub), slog.String("runtimeId", string(res.ID)), slog.String("name", s.cfg.Name))
	if err := s.connect(e); err != nil {
		return nil, err
	}
	return s.enrolled(ctx)
}

// renameBy adds to the host's name, which another runtime has, what tells this
// runtime's key from others: so a host whose data directory was lost can enrol
// anew, and one with two runtimes can enrol both.
func (s *Subscriber) renameBy(key ed25519.PublicKey) {
	sum := sha256.Sum256(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Name += "-" + hex.EncodeToString(sum[:nameSuffixBytes])
	s.named = true
}

// connect makes the clients of an enrolment and tells who waits for one.
func (s *Subscriber) connect(e *enrolment) error {
	client, err := hubapi.NewClient(e.Hub, e.Token, s.client)
	if err != nil {
		return err
	}
	if s.registry, err = s.cfg.Registry(e.Token); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = &session{id: e.RuntimeID, client: client}
	close(s.sessions)
	s.sessions = make(chan struct{})
	return nil
}

// maybeForgotten drops the enrolment if the hub does not know it, as after its
// data was replaced. The runtime then enrols again if it was given a token.
func (s *Subscriber) maybeForgotten(ctx context.Context, err error) error {
	switch mesh.CodeOf(err) {
	case mesh.CodeUnauthenticated, mesh.CodeNotFound:
	default:
		return err
	}
	if token, tokenErr := s.cfg.Token(); tokenErr != nil || token == "" {
		return fmt.Errorf("the hub does not know this runtime any more: %w", err)
	}
	s.logger.WarnContext(ctx, "the hub does not know this runtime any more; enrolling again", slog.Any("error", err))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.toldAt = nil, time.Time{}
	return err
}

// note remembers how the hub did, tells those who are denied why, and logs when
// it changes.
func (s *Subscriber) note(ctx context.Context, err error) {
	s.mu.Lock()
	before := s.hubErr
	s.hubErr = err
	s.mu.Unlock()
	switch {
	case err == nil && before != nil:
		s.logger.InfoContext(ctx, "following the hub again")
	case err != nil && (before == nil || before.Error() != err.Error()):
		s.logger.WarnContext(ctx, "following the hub failed; the set in force stays", slog.Any("error", err), slog.String("hint", mesh.HintOf(err)))
		s.explain(ctx, err)
	}
}

// explain makes the hub's failure the reason of what was never fetched.
func (s *Subscriber) explain(ctx context.Context, err error) {
	s.mu.Lock()
	desired := slices.Clone(s.wanted)
	changed := false
	for _, w := range desired {
		if _, has := s.set[w.Bundle]; !has && s.refusals[w.String()] == (standingRefusal{}) {
			s.reasons[w.String()] = err.Error()
			changed = true
		}
	}
	s.mu.Unlock()
	if !changed {
		return
	}
	if err := s.enforce(ctx, desired); err != nil {
		s.logger.ErrorContext(ctx, "saying why nothing is in force", slog.Any("error", err))
	}
}

// Session is an enrolment in use.
type Session struct {
	RuntimeID mesh.RuntimeID
	Key       ed25519.PrivateKey
	Client    *hubapi.Client
}

// Session returns the enrolment that is in use; it waits for one.
func (s *Subscriber) Session(ctx context.Context) (Session, error) {
	for {
		s.mu.Lock()
		current, changed := s.session, s.sessions
		s.mu.Unlock()
		if current != nil {
			return Session{RuntimeID: current.id, Key: s.key, Client: current.client}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Session{}, context.Cause(ctx)
		}
	}
}
