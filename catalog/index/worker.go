package index

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
)

// The pace of the worker.
const (
	jobBatch     = 64
	recheckBatch = 16
	recheckPage  = 200

	// jobTimeout bounds one attempt. A bundle at every limit takes far less.
	jobTimeout = time.Minute

	minBackoff = 250 * time.Millisecond
	maxBackoff = 5 * time.Minute

	// idle is how long the worker sleeps when nothing wakes it: a net under
	// lost wake-ups, not the way events are noticed.
	idle = 30 * time.Second
)

// Outbox is what the worker takes events from; [metadata.Outbox] is one.
type Outbox interface {
	Pending(ctx context.Context, limit int) ([]metadata.Job, error)
	Done(ctx context.Context, ids ...int64) error
	Retry(ctx context.Context, id int64, at time.Time, reason string) error
	Enqueue(ctx context.Context, event registry.Event) (int64, error)
	Next(ctx context.Context) (time.Time, error)
	Wake() <-chan struct{}
}

// Observer is told of the worker's progress, for metrics. It must not block.
type Observer interface {
	// Indexed is called after an attempt; err is nil if it succeeded.
	Indexed(took time.Duration, err error)
}

// Worker indexes what the outbox reports, one event after the other.
type Worker struct {
	indexer  *Indexer
	outbox   Outbox
	rechecks catalog.RecheckStore
	notify   *catalog.Notifier
	observer Observer
	logger   *slog.Logger
	now      func() time.Time
}

// NewWorker returns a worker. Changed releases are announced on
// [catalog.TopicReleases]. The observer may be nil.
func NewWorker(x *Indexer, o Outbox, r catalog.RecheckStore, n *catalog.Notifier, obs Observer, logger *slog.Logger) *Worker {
	return &Worker{indexer: x, outbox: o, rechecks: r, notify: n, observer: obs, logger: logger, now: time.Now}
}

// Run works until ctx ends. What was begun then is begun again at the next
// start. Errors of single events are logged and tried again; Run itself only
// returns when it is told to.
func (w *Worker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		rechecks := w.notify.Watch(catalog.TopicRechecks)
		// Asked before the queue is read: an event that becomes due in between
		// is then in one of the two answers.
		next, err := w.outbox.Next(ctx)
		busy := false
		if err == nil {
			busy, err = w.round(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if busy && err == nil {
			continue
		}
		wait := w.until(next)
		if err != nil {
			w.logger.ErrorContext(ctx, "reading the index worker's queue", slog.String("error", err.Error()))
			wait = minBackoff
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.outbox.Wake():
		case <-rechecks:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// until returns how long to sleep when something is due at next, the zero time
// for never.
func (w *Worker) until(next time.Time) time.Duration {
	if next.IsZero() {
		return idle
	}
	return min(idle, max(time.Millisecond, next.Sub(w.now())))
}

// round works through what is pending and reports whether there was anything.
func (w *Worker) round(ctx context.Context) (busy bool, err error) {
	jobs, err := w.outbox.Pending(ctx, jobBatch)
	if err != nil {
		return false, err
	}
	for _, job := range jobs {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err := w.job(ctx, job); err != nil {
			return true, err
		}
	}
	requests, err := w.rechecks.Rechecks(ctx, recheckBatch)
	if err != nil {
		return len(jobs) > 0, err
	}
	for _, r := range requests {
		if err := w.recheck(ctx, r); err != nil {
			return false, fmt.Errorf("rechecking namespace %s: %w", r.Namespace, err)
		}
	}
	return len(jobs)+len(requests) > 0, nil
}

// job works on one event. The error is for the queue itself; an event that
// fails is put back.
func (w *Worker) job(ctx context.Context, job metadata.Job) error {
	start := w.now()
	changed, err := w.attempt(ctx, func(ctx context.Context) (bool, error) { return w.indexer.Event(ctx, job.Event) })
	if w.observer != nil {
		w.observer.Indexed(w.now().Sub(start), err)
	}
	if changed {
		w.notify.Notify(catalog.TopicReleases)
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopping; the event stays pending
	}
	if err == nil {
		return w.outbox.Done(ctx, job.ID)
	}
	delay := backoff(job.Attempts)
	w.logger.WarnContext(ctx, "indexing failed and will be tried again",
		slog.String("repository", string(job.Repository)), slog.String("digest", string(job.Digest)),
		slog.Int("attempt", job.Attempts+1), slog.Duration("in", delay), slog.String("error", err.Error()))
	return w.outbox.Retry(ctx, job.ID, w.now().Add(delay), err.Error())
}

// attempt runs fn within bounds. A panic is an error like any other: one
// bundle must not keep the hub from starting.
func (w *Worker) attempt(ctx context.Context, fn func(context.Context) (bool, error)) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(ctx)
}

// backoff doubles from minBackoff to maxBackoff.
func backoff(attempts int) time.Duration {
	d := minBackoff
	for range attempts {
		if d *= 2; d >= maxBackoff {
			return maxBackoff
		}
	}
	return d
}

// recheck concludes all releases of a namespace anew.
func (w *Worker) recheck(ctx context.Context, r catalog.Recheck) error {
	var after catalog.ReleaseKey
	for {
		page, err := w.indexer.releases.NamespaceReleases(ctx, r.Tenant, r.Namespace, after, recheckPage)
		if err != nil {
			return err
		}
		for _, key := range page {
			after = key
			if err := w.recheckRelease(ctx, r, key); err != nil {
				return err
			}
		}
		if len(page) < recheckPage {
			break
		}
	}
	return w.rechecks.RecheckDone(ctx, r)
}

func (w *Worker) recheckRelease(ctx context.Context, r catalog.Recheck, key catalog.ReleaseKey) error {
	ref := mesh.BundleRef{Namespace: r.Namespace, Name: key.Name}
	changed, err := w.attempt(ctx, func(ctx context.Context) (bool, error) {
		changed, err := w.indexer.Release(ctx, r.Tenant, ref, key.Version, true)
		if err != nil {
			return changed, err
		}
		return changed, w.indexer.moveLatest(ctx, r.Tenant, ref)
	})
	if changed {
		w.notify.Notify(catalog.TopicReleases)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	// One release must not keep the others from being looked at. As an event
	// of its own it is tried again.
	w.logger.WarnContext(ctx, "rechecking a release failed and will be tried again", slog.String("bundle", ref.String()),
		slog.String("version", key.Version), slog.String("error", err.Error()))
	_, err = w.outbox.Enqueue(ctx, registry.Event{
		Tenant: r.Tenant, Kind: registry.TagMoved, Repository: registry.Name(ref.String()), Tags: []registry.Tag{registry.Tag(key.Version)},
	})
	return err
}

var _ Outbox = metadata.Outbox(nil)
