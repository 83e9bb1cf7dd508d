package blobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

const repo registry.Name = "acme/privacy"

func openTenant(t *testing.T, opts Options) (*Store, *Tenant) {
	t.Helper()
	s, err := Open(t.TempDir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := s.Tenant(mesh.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	return s, tenant
}

func start(t *testing.T, tenant *Tenant) *Upload {
	t.Helper()
	u, err := tenant.Start(repo)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// commit returns the size that link was told.
func commit(t *testing.T, u *Upload, d mesh.Digest) (int64, error) {
	t.Helper()
	var size int64
	err := u.Commit(t.Context(), d, func(n int64) error {
		size = n
		return nil
	})
	return size, err
}

func uploads(t *testing.T, tenant *Tenant) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(tenant.dir, uploadsDir))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestBlobRoundTrip(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	for _, like := range []mesh.Digest{"sha256:", "sha512:"} {
		data := []byte("content by " + like)
		d := registry.DigestOf(like, data)
		u := start(t, tenant)
		if _, err := u.Append(t.Context(), 0, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if n, err := commit(t, u, d); err != nil || n != int64(len(data)) {
			t.Fatalf("Commit: %d, %v", n, err)
		}
		f, err := tenant.Open(d)
		if err != nil {
			t.Fatal(err)
		}
		answer := func(needed bool) func() (bool, error) { return func() (bool, error) { return needed, nil } }
		if removed, err := tenant.Collect(d, answer(true)); removed || err != nil {
			t.Errorf("collecting what is needed: %v, %v", removed, err)
		}
		if removed, err := tenant.Collect(d, answer(false)); !removed || err != nil {
			t.Fatalf("collecting what is not: %v, %v", removed, err)
		}
		got, err := io.ReadAll(f) // open files outlive their name
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %q, %v", got, err)
		}
		_ = f.Close()
		if _, err := tenant.Open(d); !errors.Is(err, registry.ErrBlobUnknown) {
			t.Errorf("after Collect: %v", err)
		}
		if removed, err := tenant.Collect(d, answer(false)); removed || err != nil {
			t.Errorf("collecting what is gone: %v, %v", removed, err)
		}
	}
	if n := uploads(t, tenant); n != 0 {
		t.Errorf("%d upload files left", n)
	}
}

func TestHostileDigestIsNoPath(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	u := start(t, tenant)
	for _, d := range []mesh.Digest{"sha256:../../../etc/passwd", "", "sha256", mesh.Digest("sha256:" + strings.Repeat("A", 64))} {
		if _, err := tenant.Open(d); !errors.Is(err, registry.ErrDigestInvalid) {
			t.Errorf("Open(%q): %v", d, err)
		}
		if _, err := commit(t, u, d); !errors.Is(err, registry.ErrDigestInvalid) {
			t.Errorf("Commit(%q): %v", d, err)
		}
	}
	for _, id := range []registry.UploadID{"../../etc/passwd", "", "short", "0123456789abcdeF"} {
		if _, err := tenant.Resume(repo, id); !errors.Is(err, registry.ErrUploadUnknown) {
			t.Errorf("Resume(%q): %v", id, err)
		}
	}
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []mesh.TenantID{"", "..", "a/b", "-x"} {
		if _, err := s.Tenant(id); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("Tenant(%q): %v", id, err)
		}
	}
}

// fullDisk is a disk that takes so many bytes.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		n := d.room
		d.room = 0
		return n, &os.PathError{Op: "write", Path: "/var/lib/mesh/upload", Err: syscall.ENOSPC}
	}
	d.room -= len(p)
	return len(p), nil
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	u := start(t, tenant)
	if err := u.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	readErr, err := u.copy(&fullDisk{room: 10}, strings.NewReader("more than ten bytes"))
	u.release()
	if readErr != nil || mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" || !strings.Contains(err.Error(), "full") || strings.Contains(err.Error(), "/var/lib") {
		t.Errorf("got %v, %v (hint %q)", readErr, err, mesh.HintOf(err))
	}
}

func TestUploadThatCannotBeWrittenIsOver(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	u := start(t, tenant)
	if _, err := u.Append(t.Context(), 0, strings.NewReader("half")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(u.path); err != nil { // stands for any failure of the disk
		t.Fatal(err)
	}
	if err := os.Mkdir(u.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Append(t.Context(), 4, strings.NewReader("more")); err == nil {
		t.Fatal("wrote to a directory")
	}
	if n := uploads(t, tenant); n != 0 {
		t.Errorf("%d files left", n)
	}
	if _, err := u.Append(t.Context(), 4, strings.NewReader("more")); !errors.Is(err, registry.ErrUploadUnknown) {
		t.Errorf("continued with %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{MaxBlobSize: 10})
	u := start(t, tenant)
	if _, err := u.Append(t.Context(), 0, strings.NewReader("0123456789")); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Append(t.Context(), 10, strings.NewReader("x")); !errors.Is(err, registry.ErrTooLarge) || mesh.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if n := uploads(t, tenant); n != 0 {
		t.Errorf("%d files left", n)
	}
}

func TestExpireUploads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	old, err := before.Tenant("other")
	if err != nil {
		t.Fatal(err)
	}
	resting, moving := start(t, old), start(t, old)
	long := time.Now().Add(-2 * DefaultUploadTTL)
	if err := os.Chtimes(resting.path, long, long); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{before, reopen(t, dir)} { // known to the process, and not
		if err := os.WriteFile(resting.path, []byte("x"), fileMode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(resting.path, long, long); err != nil {
			t.Fatal(err)
		}
		if n, err := s.ExpireUploads(t.Context()); n != 1 || err != nil {
			t.Errorf("ExpireUploads: %d, %v", n, err)
		}
	}
	if _, err := resting.Size(t.Context()); !errors.Is(err, registry.ErrUploadUnknown) {
		t.Errorf("the expired upload: %v", err)
	}
	if _, err := moving.Size(t.Context()); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

func reopen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConcurrentAppendsAreOrdered(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	u := start(t, tenant)
	const writers = 8
	var wg sync.WaitGroup
	taken := make(chan error, writers)
	for range writers {
		wg.Go(func() {
			other, err := tenant.Resume(repo, u.ID())
			if err == nil {
				_, err = other.Append(t.Context(), 0, strings.NewReader("the same chunk"))
			}
			taken <- err
		})
	}
	wg.Wait()
	close(taken)
	ok := 0
	for err := range taken {
		if err == nil {
			ok++
		} else if !errors.Is(err, registry.ErrRangeInvalid) {
			t.Errorf("got %v", err)
		}
	}
	if ok != 1 {
		t.Errorf("%d of the same chunk were taken", ok)
	}
}

func TestWaitingEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	u := start(t, tenant)
	r, w := io.Pipe()
	first := make(chan error, 1)
	go func() {
		_, err := u.Append(context.Background(), 0, r)
		first <- err
	}()
	if _, err := w.Write([]byte("x")); err != nil { // the first holds the upload now
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.Append(ctx, 0, strings.NewReader("y")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_ = w.Close()
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// A client that stops sending holds up its own upload and nothing else.
func TestNobodyWaitsForASlowClient(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	slow := start(t, tenant)
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	busy.Go(func() { _, _ = slow.Append(t.Context(), 0, r) })
	if _, err := w.Write([]byte("x")); err != nil { // the upload is held now
		t.Fatal(err)
	}
	busy.Go(func() {
		_ = slow.Commit(ctx, registry.DigestOf("", []byte("x")), func(int64) error { return nil })
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 { // some of them while Commit waits
			other := start(t, tenant)
			if _, err := commit(t, other, registry.DigestOf("", nil)); err != nil {
				t.Errorf("another upload: %v", err)
			}
			if _, err := tenant.Collect(registry.DigestOf("", nil), func() (bool, error) { return false, nil }); err != nil {
				t.Errorf("collecting: %v", err)
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("the collection and another upload wait for a client")
	}
	cancel()
	_ = w.Close()
	busy.Wait()
}

// Between being stored and being linked a blob looks like garbage.
func TestCollectWaitsForTheLink(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	d := registry.DigestOf("", nil)
	asked, collected := make(chan struct{}), make(chan bool, 1)
	err := start(t, tenant).Commit(t.Context(), d, func(int64) error {
		go func() {
			removed, err := tenant.Collect(d, func() (bool, error) {
				close(asked)
				return true, nil
			})
			collected <- removed || err != nil
		}()
		select {
		case <-asked:
			t.Error("asked whether a blob is needed while that is being written down")
		case <-time.After(50 * time.Millisecond): // time for it to go wrong
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if <-collected {
		t.Error("what is needed was collected")
	}
}

// What is written down nowhere must not stay for good.
func TestBlobThatCannotBeLinkedIsGarbage(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	d := registry.DigestOf("", nil)
	want := errors.New("no database")
	u := start(t, tenant)
	if err := u.Commit(t.Context(), d, func(int64) error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	if _, err := u.Size(t.Context()); !errors.Is(err, registry.ErrUploadUnknown) {
		t.Errorf("the upload: %v", err)
	}
	if removed, err := tenant.Collect(d, func() (bool, error) { return false, nil }); !removed || err != nil {
		t.Errorf("collecting: %v, %v", removed, err)
	}
}

func TestEachListsWhatIsStored(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	d := registry.DigestOf("", []byte("x"))
	u := start(t, tenant)
	if _, err := u.Append(t.Context(), -1, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := commit(t, u, d); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tenant.dir, blobsDir, "sha256", "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []mesh.Digest
	err := tenant.Each(t.Context(), func(digest mesh.Digest, stored time.Time) error {
		if time.Since(stored) > time.Minute {
			t.Errorf("stored at %s", stored)
		}
		got = append(got, digest)
		return nil
	})
	if err != nil || len(got) != 1 || got[0] != d {
		t.Errorf("%v, %v", got, err)
	}
}

func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	_, tenant := openTenant(t, Options{})
	for i := range maxUploads {
		tenant.sessions[registry.UploadID(rune(i))] = nil
	}
	if _, err := tenant.Start(repo); mesh.CodeOf(err) != mesh.CodeRateLimited {
		t.Errorf("got %v", err)
	}
}
