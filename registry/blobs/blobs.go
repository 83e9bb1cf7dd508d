// Package blobs keeps content-addressed bytes in a directory.
//
// [Open] opens the directory, [Store.Tenant] a tenant's part of it. There a
// blob is the file blobs/<algorithm>/<hex>, the layout an OCI image layout
// has, and an upload is a file in uploads/ until its digest is verified and it
// is renamed to be a blob. A blob that can be opened is therefore complete and
// was verified; it is on disk before [Upload.Commit] returns.
//
// An upload needs nothing but its file. After a restart the bytes that arrived
// are still there and are continued; what nobody continues,
// [Store.ExpireUploads] removes.
//
// The package does not know which repository may show which blob: that is
// package metadata's to say, and both are joined in package store.
package blobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

const (
	// DefaultMaxBlobSize is the largest blob taken, in bytes. A policy bundle
	// has 64 MiB at most; the rest is room for what people attach to one.
	DefaultMaxBlobSize = 256 << 20

	// DefaultUploadTTL is how long an upload may rest before it is given up.
	DefaultUploadTTL = 24 * time.Hour

	// maxUploads bounds a tenant's uploads in progress.
	maxUploads = 10_000

	dirMode  = 0o700
	fileMode = 0o600

	blobsDir   = "blobs"
	uploadsDir = "uploads"
)

// Options configure [Open]; the zero value has the defaults.
type Options struct {
	MaxBlobSize int64         // bytes; 0 means DefaultMaxBlobSize
	UploadTTL   time.Duration // 0 means DefaultUploadTTL
}

// Store is a directory of blobs. Only one process may use it at a time. Its
// methods are safe for concurrent use.
type Store struct {
	dir  string
	opts Options

	mu      sync.Mutex
	tenants map[mesh.TenantID]*Tenant
}

// Open opens a directory of blobs and creates it if it is not there.
func Open(dir string, opts Options) (*Store, error) {
	if opts.MaxBlobSize <= 0 {
		opts.MaxBlobSize = DefaultMaxBlobSize
	}
	if opts.UploadTTL <= 0 {
		opts.UploadTTL = DefaultUploadTTL
	}
	if err := makeDir(dir); err != nil {
		return nil, ioError("opening the blob directory", err)
	}
	return &Store{dir: dir, opts: opts, tenants: map[mesh.TenantID]*Tenant{}}, nil
}

// A tenant's id becomes the name of a directory.
var tenantSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// Tenant opens the part of one tenant.
func (s *Store) Tenant(id mesh.TenantID) (*Tenant, error) {
	if !tenantSyntax.MatchString(string(id)) {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%q cannot be the name of a tenant's directory", id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tenants[id]; ok {
		return t, nil
	}
	t := &Tenant{dir: filepath.Join(s.dir, string(id)), opts: s.opts, sessions: map[registry.UploadID]*session{}}
	for _, sub := range []string{uploadsDir, filepath.Join(blobsDir, "sha256"), filepath.Join(blobsDir, "sha512")} {
		if err := makeDir(filepath.Join(t.dir, sub)); err != nil {
			return nil, ioError("creating a tenant's blob directory", err)
		}
	}
	s.tenants[id] = t
	return t, nil
}

// Tenant is the blobs of one tenant. Its methods are safe for concurrent use.
type Tenant struct {
	dir  string
	opts Options

	mu       sync.Mutex
	sessions map[registry.UploadID]*session

	// storing is held shared while bytes have become a blob and nobody has
	// written down yet who needs it, and alone while garbage is removed.
	storing sync.RWMutex
}

func (t *Tenant) path(digest mesh.Digest) (string, error) {
	// The digest becomes a path: never trust that somebody parsed it.
	if _, err := registry.ParseDigest(string(digest)); err != nil {
		return "", err
	}
	algorithm, hex, _ := strings.Cut(string(digest), ":")
	return filepath.Join(t.dir, blobsDir, algorithm, hex), nil
}

// Open opens a blob. The file stays readable if the blob is removed
// meanwhile. The caller closes it.
//
// Errors: [registry.ErrBlobUnknown].
func (t *Tenant) Open(digest mesh.Digest) (*os.File, error) {
	path, err := t.path(digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, registry.ErrBlobUnknown.With("there is no blob %s", digest)
	}
	if err != nil {
		return nil, ioError("opening blob "+string(digest), err)
	}
	return f, nil
}

// Collect removes a blob unless it is needed, and reports whether it did; one
// that is not there is no error. needed is asked while no blob is between
// being stored and being linked, see [Upload.Commit]: its answer holds until
// the blob is gone. It must be quick, because uploads wait for it to end.
func (t *Tenant) Collect(digest mesh.Digest, needed func() (bool, error)) (bool, error) {
	path, err := t.path(digest)
	if err != nil {
		return false, err
	}
	t.storing.Lock()
	defer t.storing.Unlock()
	if keep, err := needed(); err != nil || keep {
		return false, err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, ioError("removing blob "+string(digest), err)
	}
	return true, nil
}

// Each calls fn for every blob with the time it was last stored, in no
// particular order, until fn returns an error.
func (t *Tenant) Each(ctx context.Context, fn func(digest mesh.Digest, stored time.Time) error) error {
	for _, algorithm := range []string{"sha256", "sha512"} {
		entries, err := os.ReadDir(filepath.Join(t.dir, blobsDir, algorithm))
		if err != nil {
			return ioError("listing blobs", err)
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			digest, err := mesh.ParseDigest(algorithm + ":" + e.Name())
			if err != nil {
				continue // not ours
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed since
			}
			if err != nil {
				return ioError("looking at blob "+string(digest), err)
			}
			if err := fn(digest, info.ModTime()); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeDir creates a directory so that it is there after a power failure.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// ioError says in our words what the operating system refused. Where our
// files are is no client's business, so that their paths are left out.
func ioError(doing string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return mesh.Errorf(mesh.CodeUnavailable, "%s: the disk of the registry is full: %w", doing, err).
			WithHint("free some space and push again; nothing was stored")
	case errors.Is(err, fs.ErrPermission):
		return mesh.Errorf(mesh.CodeUnavailable, "%s: %w", doing, err).
			WithHint("check that the blob directory belongs to the user the hub runs as")
	}
	return fmt.Errorf("%s: %w", doing, err)
}
