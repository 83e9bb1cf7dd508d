package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ai-agent-mesh/mesh"
)

// maxGroup bounds how many transactions share a commit, and so how long the
// first of them waits for the last.
const maxGroup = 64

// writer runs the writing transactions one after the other. Those that arrive
// while another runs join its commit: making a commit durable takes longer
// than most transactions themselves, and the disk does it once for all. To its
// caller each transaction is still one of its own: a failed one is undone by
// its savepoint and leaves the others alone, and nobody is told of success
// before the common commit is on disk.
//
// Transactions run in the goroutines of their callers, which the writer gives
// the connection in turn.
type writer struct {
	pool *pool
	jobs chan *job
	quit chan struct{}
	idle sync.WaitGroup
}

// job is one transaction.
type job struct {
	turn     chan *conn // receives the connection; closed if there is none
	finished chan error // what the transaction came to
	outcome  chan error // what its commit came to
}

// errAborted is what a transaction comes to whose function did not return.
var errAborted = errors.New("the transaction's function did not return")

func newWriter(p *pool) *writer {
	w := &writer{pool: p, jobs: make(chan *job), quit: make(chan struct{})}
	w.idle.Go(w.loop)
	return w
}

// close lets what has begun finish, and closes the connection.
func (w *writer) close() error {
	close(w.quit)
	w.idle.Wait()
	return w.pool.close()
}

// run runs fn as [Tenant.Write] describes.
func (w *writer) run(ctx context.Context, tenant *Tenant, fn func(*Tx) error) error {
	if tenant != nil && tenant.id == "" {
		return errNoTenant
	}
	j := &job{turn: make(chan *conn), finished: make(chan error, 1), outcome: make(chan error, 1)}
	select {
	case <-w.quit:
		return mapError(errClosed)
	default:
	}
	select {
	case w.jobs <- j:
	case <-w.quit:
		return mapError(errClosed)
	case <-ctx.Done():
		return mapError(fmt.Errorf("waiting to write: %w", ctx.Err()))
	}
	if c, ok := <-j.turn; ok {
		j.work(ctx, c, tenant, fn)
	}
	return mapError(<-j.outcome)
}

// work runs fn on the connection, and gives the connection back whatever fn
// does.
func (j *job) work(ctx context.Context, c *conn, tenant *Tenant, fn func(*Tx) error) {
	result := errAborted
	defer func() { j.finished <- result }()
	// Interrupting a statement would undo the whole group, so that a caller
	// who goes away is noticed between statements.
	uninterrupted := context.WithoutCancel(ctx)
	err := fn(&Tx{tenant: tenant, run: func() (context.Context, *conn, error) { return uninterrupted, c, ctx.Err() }})
	if err == nil {
		err = ctx.Err()
	}
	result = err
}

func (w *writer) loop() {
	for {
		select {
		case j := <-w.jobs:
			w.group(j)
		case <-w.quit:
			return
		}
	}
}

// group runs a transaction, and those that arrive meanwhile, up to their
// common commit.
func (w *writer) group(first *job) {
	ctx := context.Background() // how a group ends is no caller's to say
	c, err := w.begin(ctx)
	if err != nil {
		close(first.turn)
		first.outcome <- err
		return
	}
	var done []*job
	j := first
	for count := 1; j != nil; count++ {
		var failure error
		if failure, err = j.take(ctx, c); err != nil {
			j.outcome <- errors.Join(failure, err)
			break
		}
		if failure != nil {
			j.outcome <- failure
		} else {
			done = append(done, j)
		}
		j = w.next(count)
	}
	if err == nil && len(done) > 0 {
		err = c.exec(ctx, "COMMIT")
	}
	if (err != nil || len(done) == 0) && c.exec(ctx, "ROLLBACK") != nil {
		_ = c.close() // it is given up, which ends the transaction
		c = nil
	}
	w.pool.conns <- c
	if err != nil {
		err = lostGroup(err)
	}
	for _, j := range done {
		j.outcome <- err
	}
}

func (w *writer) begin(ctx context.Context) (*conn, error) {
	c, err := w.pool.draw(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.exec(ctx, w.pool.begin); err != nil {
		w.pool.conns <- c
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	return c, nil
}

// next returns a transaction that waits already, nil if there is none or the
// group is full.
func (w *writer) next(have int) *job {
	if have >= maxGroup {
		return nil
	}
	select {
	case j := <-w.jobs:
		return j
	default:
		return nil
	}
}

// take lets the job work within a savepoint. failure is the job's own and was
// undone; err means that the whole group is lost.
func (j *job) take(ctx context.Context, c *conn) (failure, err error) {
	if err := c.exec(ctx, "SAVEPOINT job"); err != nil {
		close(j.turn)
		return nil, err
	}
	j.turn <- c
	if failure = <-j.finished; failure != nil {
		if err := c.exec(ctx, "ROLLBACK TO job"); err != nil {
			return failure, err
		}
	}
	return failure, c.exec(ctx, "RELEASE job")
}

// lostGroup is what the transactions are told whose common commit failed: by
// its code, or as a fault of another they were grouped with.
func lostGroup(err error) error {
	mapped := mapError(fmt.Errorf("committing: %w", err))
	var ours *mesh.Error
	if errors.As(mapped, &ours) {
		return mapped
	}
	return mesh.Errorf(mesh.CodeUnavailable, "committing: %w", err).WithHint("nothing was stored; try again")
}
