package blobs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

const (
	// copyBuffer is how much of an upload is in memory at a time.
	copyBuffer = 64 << 10

	// uploadIDBytes of randomness cannot be guessed.
	uploadIDBytes = 16
)

// session is what is known of an upload while this process runs. Its fields
// belong to whoever holds the lock.
type session struct {
	lock chan struct{} // holds one element while somebody works on the upload
	size int64
	// running is the sha256 of the bytes so far, so that they need not be read
	// again at the end; nil if the upload was begun by another process.
	running hash.Hash
	over    bool
}

// Upload is a blob on its way in. Its methods are safe for concurrent use:
// they wait for each other, also across values for the same upload.
type Upload struct {
	tenant  *Tenant
	id      registry.UploadID
	path    string
	session *session
}

// Start begins an upload into a repository.
func (t *Tenant) Start(repo registry.Name) (*Upload, error) {
	var random [uploadIDBytes]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("choosing an upload id: %w", err)
	}
	id := registry.UploadID(hex.EncodeToString(random[:]))
	s := &session{lock: make(chan struct{}, 1), running: sha256.New()}
	t.mu.Lock()
	if len(t.sessions) >= maxUploads {
		t.mu.Unlock()
		return nil, mesh.Errorf(mesh.CodeRateLimited, "%d uploads are in progress", maxUploads).WithHint("finish or cancel some, or try again later")
	}
	t.sessions[id] = s
	t.mu.Unlock()
	u := &Upload{tenant: t, id: id, path: t.uploadPath(repo, id), session: s}
	f, err := os.OpenFile(u.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.forget(id)
		return nil, ioError("starting an upload", err)
	}
	return u, nil
}

// Resume continues an upload that was begun in the same repository, by this
// process or one before it.
//
// Errors: [registry.ErrUploadUnknown].
func (t *Tenant) Resume(repo registry.Name, id registry.UploadID) (*Upload, error) {
	if _, err := registry.ParseUploadID(string(id)); err != nil {
		return nil, err
	}
	u := &Upload{tenant: t, id: id, path: t.uploadPath(repo, id)}
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(u.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, u.unknown()
	}
	if err != nil {
		return nil, ioError("resuming an upload", err)
	}
	s, ok := t.sessions[id]
	if !ok {
		s = &session{lock: make(chan struct{}, 1), size: info.Size()}
		t.sessions[id] = s
	}
	u.session = s
	return u, nil
}

// uploadPath names the file so that it is found only with the repository the
// upload was begun in.
func (t *Tenant) uploadPath(repo registry.Name, id registry.UploadID) string {
	sum := sha256.Sum256([]byte(repo))
	return filepath.Join(t.dir, uploadsDir, string(id)+"."+hex.EncodeToString(sum[:8]))
}

func (t *Tenant) forget(id registry.UploadID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, id)
}

// ID returns what [Tenant.Resume] takes.
func (u *Upload) ID() registry.UploadID { return u.id }

func (u *Upload) unknown() error {
	return registry.ErrUploadUnknown.With("there is no upload %s in this repository", u.id).
		WithHint("it was finished, canceled or given up; start another")
}

// acquire waits until nobody else works on the upload. On success the caller
// calls release.
func (u *Upload) acquire(ctx context.Context) error {
	select {
	case u.session.lock <- struct{}{}:
	case <-ctx.Done():
		return mesh.Errorf(mesh.CodeCanceled, "waiting for upload %s: %w", u.id, ctx.Err())
	}
	if u.session.over {
		u.release()
		return u.unknown()
	}
	return nil
}

func (u *Upload) release() { <-u.session.lock }

// Size returns how many bytes have arrived.
//
// Errors: [registry.ErrUploadUnknown] if the upload is over.
func (u *Upload) Size(ctx context.Context) (int64, error) {
	if err := u.acquire(ctx); err != nil {
		return 0, err
	}
	defer u.release()
	return u.session.size, nil
}

// Append adds the bytes of r at offset, which must be the upload's size; a
// negative one means at the end. It returns the new size. If r fails, what it
// yielded before stays and can be continued; if the disk fails, or the blob
// becomes too large, the upload is over and its space free.
//
// Errors: [registry.ErrRangeInvalid], [registry.ErrTooLarge],
// [registry.ErrUploadUnknown].
func (u *Upload) Append(ctx context.Context, offset int64, r io.Reader) (int64, error) {
	if err := u.acquire(ctx); err != nil {
		return 0, err
	}
	defer u.release()
	s := u.session
	if offset >= 0 && offset != s.size {
		return s.size, registry.ErrRangeInvalid.With("the chunk begins at byte %d, the upload has %d bytes", offset, s.size).
			WithHint("ask for the upload's range and continue there")
	}
	if err := u.warm(); err != nil {
		return s.size, err
	}
	f, err := os.OpenFile(u.path, os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		u.end()
		return s.size, ioError("continuing an upload", err)
	}
	readErr, err := u.copy(f, r)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = ioError("writing an upload", cerr)
	}
	if err != nil {
		u.end()
		return s.size, err
	}
	if readErr != nil {
		return s.size, mesh.Errorf(mesh.CodeInvalid, "the upload broke off after %d bytes: %w", s.size, readErr).
			WithHint("ask for the upload's range and continue there")
	}
	return s.size, nil
}

// copy tells what the sender did wrong, which the upload survives, from what
// it does not survive.
func (u *Upload) copy(w io.Writer, r io.Reader) (readErr, err error) {
	s := u.session
	limit := u.tenant.opts.MaxBlobSize
	buf := make([]byte, copyBuffer)
	for {
		n, rerr := r.Read(buf)
		if n > 0 {
			if s.size+int64(n) > limit {
				return nil, registry.ErrTooLarge.With("the blob is larger than %d bytes", limit).
					WithHint("publish it in smaller parts, or let the operator raise the limit")
			}
			if _, werr := w.Write(buf[:n]); werr != nil {
				return nil, ioError("writing an upload", werr)
			}
			s.running.Write(buf[:n])
			s.size += int64(n)
		}
		if rerr == io.EOF {
			return nil, nil
		}
		if rerr != nil {
			return rerr, nil
		}
	}
}

// warm computes the running digest of an upload that another process began.
func (u *Upload) warm() error {
	if u.session.running != nil {
		return nil
	}
	h := sha256.New()
	n, err := u.hashFile(h)
	if err != nil {
		return err
	}
	u.session.running, u.session.size = h, n
	return nil
}

func (u *Upload) hashFile(h hash.Hash) (int64, error) {
	f, err := os.Open(u.path)
	if err != nil {
		return 0, ioError("reading an upload", err)
	}
	n, err := io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, ioError("reading an upload", err)
	}
	return n, nil
}

// Commit ends the upload. If its bytes have the digest they become a durable
// blob, and link is called with their number to write down who needs it;
// until link returns, [Tenant.Collect] does not take the blob for garbage. If
// the bytes have another digest they are removed. An error of link is returned
// as it is and leaves the blob to be collected.
//
// Errors: [registry.ErrDigestInvalid], [registry.ErrUploadUnknown].
func (u *Upload) Commit(ctx context.Context, digest mesh.Digest, link func(size int64) error) error {
	path, err := u.tenant.path(digest)
	if err != nil {
		return err
	}
	if err := u.acquire(ctx); err != nil {
		return err
	}
	defer u.release()
	defer u.end() // a no-op for the file once it is renamed
	got, err := u.digest(digest)
	if err != nil {
		return err
	}
	if got != digest {
		return registry.ErrDigestInvalid.With("the uploaded bytes have digest %s, not %s", got, digest).
			WithHint("the bytes were changed on the way, or the digest is another blob's; upload again")
	}
	// Not before here: a lock held while a client still sends would make the
	// collection, and behind it every other upload, wait for that client.
	u.tenant.storing.RLock()
	defer u.tenant.storing.RUnlock()
	if err := u.store(path); err != nil {
		return ioError("storing blob "+string(digest), err)
	}
	return link(u.session.size)
}

func (u *Upload) digest(like mesh.Digest) (mesh.Digest, error) {
	if strings.HasPrefix(string(like), "sha512:") {
		h := sha512.New()
		if _, err := u.hashFile(h); err != nil {
			return "", err
		}
		return mesh.Digest("sha512:" + hex.EncodeToString(h.Sum(nil))), nil
	}
	if err := u.warm(); err != nil {
		return "", err
	}
	return mesh.Digest("sha256:" + hex.EncodeToString(u.session.running.Sum(nil))), nil
}

// store makes first the bytes durable, then the name. The new file replaces
// one that is there: it has the same bytes, and a fresh time for those who
// collect garbage.
func (u *Upload) store(path string) error {
	f, err := os.OpenFile(u.path, os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	err = f.Sync()
	now := time.Now()
	if err = errors.Join(err, f.Close(), os.Chtimes(u.path, now, now)); err != nil {
		return err
	}
	if err := os.Rename(u.path, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Abort removes the upload.
//
// Errors: [registry.ErrUploadUnknown].
func (u *Upload) Abort(ctx context.Context) error {
	if err := u.acquire(ctx); err != nil {
		return err
	}
	defer u.release()
	u.end()
	return nil
}

// end removes the file, if it is still there, and lets nobody continue. The
// caller holds the lock.
func (u *Upload) end() {
	u.session.over = true
	_ = os.Remove(u.path) // what cannot be removed now expires
	u.tenant.forget(u.id)
}

// ExpireUploads removes the uploads of every tenant that rested for longer
// than the options allow and returns their number.
func (s *Store) ExpireUploads(ctx context.Context) (int, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, ioError("listing tenants", err)
	}
	count := 0
	for _, e := range entries {
		if !e.IsDir() || !tenantSyntax.MatchString(e.Name()) {
			continue // not ours
		}
		t, err := s.Tenant(mesh.TenantID(e.Name()))
		if err != nil {
			return count, err
		}
		n, err := t.expire(ctx, time.Now().Add(-s.opts.UploadTTL))
		count += n
		if err != nil {
			return count, err
		}
	}
	return count, nil
}

func (t *Tenant) expire(ctx context.Context, before time.Time) (int, error) {
	dir := filepath.Join(t.dir, uploadsDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, ioError("listing uploads", err)
	}
	count := 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return count, err
		}
		info, err := e.Info()
		if err != nil || info.ModTime().After(before) {
			continue // ended since, or still moving
		}
		id, _, _ := strings.Cut(e.Name(), ".")
		if t.giveUp(registry.UploadID(id), filepath.Join(dir, e.Name()), before) {
			count++
		}
	}
	return count, nil
}

// giveUp ends an upload nobody works on right now, unless somebody did since
// it was found to rest.
func (t *Tenant) giveUp(id registry.UploadID, path string, before time.Time) bool {
	t.mu.Lock()
	s, ok := t.sessions[id]
	if !ok {
		// Under the lock, so that nobody resumes what is being removed.
		defer t.mu.Unlock()
		return os.Remove(path) == nil
	}
	t.mu.Unlock()
	u := &Upload{tenant: t, id: id, path: path, session: s}
	select {
	case s.lock <- struct{}{}:
		defer u.release()
	default:
		return false
	}
	if info, err := os.Stat(path); err == nil && info.ModTime().After(before) {
		return false
	}
	u.end()
	return true
}
