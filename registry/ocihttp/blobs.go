package ocihttp

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// bodyIdleTimeout is how long a client may send nothing in the middle of a
// body. There is no limit on the whole: large blobs over slow lines are fine.
const bodyIdleTimeout = time.Minute

// noTime makes http.ServeContent leave out Last-Modified.
var noTime time.Time

func (c *call) getBlob() error {
	if c.r.Method == http.MethodHead && c.r.Header.Get("Range") == "" {
		info, err := c.store.StatBlob(c.ctx(), c.repo, c.digest)
		if err != nil {
			return err
		}
		c.describe(info.Digest, "application/octet-stream")
		c.w.Header().Set("Accept-Ranges", "bytes")
		c.w.Header().Set("Content-Length", strconv.FormatInt(info.Size, 10))
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	content, info, err := c.store.OpenBlob(c.ctx(), c.repo, c.digest)
	if err != nil {
		return err
	}
	defer content.Close()
	c.describe(info.Digest, "application/octet-stream")
	http.ServeContent(c.w, c.r, "", noTime, content) // ranges, conditions, sendfile
	return nil
}

func (c *call) deleteBlob() error {
	if err := c.store.DeleteBlob(c.ctx(), c.repo, c.digest); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// startUpload begins an upload, or does all of it: by mounting a blob of
// another repository, or with the bytes in this request.
func (c *call) startUpload() error {
	if c.query.Has("mount") {
		done, err := c.mount()
		if done || err != nil {
			return err
		}
	} else if c.query.Has("digest") {
		return c.uploadWhole()
	}
	up, err := c.store.StartUpload(c.ctx(), c.repo)
	if err != nil {
		return err
	}
	c.progress(up.ID(), 0)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// mount reports whether the blob was mounted. If it is not there, or is not
// the caller's to read, the spec wants an ordinary upload instead ("Mounting a
// blob from another repository"); which of both is not told.
func (c *call) mount() (bool, error) {
	digest, err := registry.ParseDigest(c.query.Get("mount"))
	if err != nil {
		return false, err
	}
	if !c.query.Has("from") {
		return false, nil
	}
	from, err := registry.ParseName(c.query.Get("from"))
	if err != nil || c.authorize(from, AccessPull) != nil {
		return false, nil
	}
	info, err := c.store.MountBlob(c.ctx(), c.repo, from, digest)
	if isFault(err, registry.ErrBlobUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.created("/blobs/", info.Digest)
	return true, nil
}

// uploadWhole is the monolithic upload of one request.
func (c *call) uploadWhole() error {
	digest, err := registry.ParseDigest(c.query.Get("digest"))
	if err != nil {
		return err
	}
	up, err := c.store.StartUpload(c.ctx(), c.repo)
	if err != nil {
		return err
	}
	if _, err := up.Append(c.ctx(), 0, c.body()); err != nil {
		_ = up.Abort(c.detached()) // it expires otherwise
		return err
	}
	return c.commit(up, digest)
}

func (c *call) uploadStatus() error {
	up, err := c.store.ResumeUpload(c.ctx(), c.repo, c.upload)
	if err != nil {
		return err
	}
	size, err := up.Size(c.ctx())
	if err != nil {
		return err
	}
	c.progress(c.upload, size)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *call) uploadChunk() error {
	up, err := c.append()
	if err != nil {
		return err
	}
	size, err := up.Size(c.ctx())
	if err != nil {
		return err
	}
	c.progress(c.upload, size)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (c *call) finishUpload() error {
	digest, err := registry.ParseDigest(c.query.Get("digest"))
	if err != nil {
		return err
	}
	up, err := c.append()
	if err != nil {
		return err
	}
	return c.commit(up, digest)
}

// append adds the request's body to the upload. A chunk at the wrong place is
// answered with the right one.
func (c *call) append() (registry.Upload, error) {
	offset, err := chunkOffset(c.r.Header.Get("Content-Range"), c.r.ContentLength)
	if err != nil {
		return nil, err
	}
	up, err := c.store.ResumeUpload(c.ctx(), c.repo, c.upload)
	if err != nil {
		return nil, err
	}
	size, err := up.Append(c.ctx(), offset, c.body())
	if isFault(err, registry.ErrRangeInvalid) {
		c.progress(c.upload, size)
	}
	return up, err
}

// chunkOffset reads where a chunk begins: -1 if the header is absent, and the
// chunk goes to the end. The spec's form is "start-end"; the one of RFC 9110,
// "bytes start-end/total", is understood too. length is that of the body, -1
// if unknown.
func chunkOffset(header string, length int64) (int64, error) {
	if header == "" {
		return -1, nil
	}
	span := strings.TrimSpace(strings.TrimPrefix(header, "bytes"))
	span, _, _ = strings.Cut(span, "/")
	first, last, ok := strings.Cut(span, "-")
	start, err1 := parseOffset(first)
	end, err2 := parseOffset(last)
	if !ok || err1 != nil || err2 != nil || end < start {
		return 0, registry.ErrUploadInvalid.With("Content-Range %.100q cannot be read", header).WithHint(`write it as "first-last", counting bytes from 0`)
	}
	if length >= 0 && end-start+1 != length {
		return 0, registry.ErrRangeInvalid.With("Content-Range %s has %d bytes, the body has %d", span, end-start+1, length)
	}
	return start, nil
}

// parseOffset reads digits and nothing else: no sign, no space.
func parseOffset(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("reading an offset: %w", err)
	}
	return int64(n), nil
}

func (c *call) commit(up registry.Upload, digest mesh.Digest) error {
	info, err := up.Commit(c.ctx(), digest)
	if err != nil {
		return err
	}
	c.created("/blobs/", info.Digest)
	return nil
}

func (c *call) cancelUpload() error {
	up, err := c.store.ResumeUpload(c.ctx(), c.repo, c.upload)
	if err != nil {
		return err
	}
	if err := up.Abort(c.ctx()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// progress says where an upload is continued. Of no bytes the spec writes
// "0-0", as of one.
func (c *call) progress(id registry.UploadID, size int64) {
	h := c.w.Header()
	h.Set("Location", "/v2/"+string(c.repo)+"/blobs/uploads/"+string(id))
	h.Set("Range", "0-"+strconv.FormatInt(max(size-1, 0), 10))
	h.Set("Docker-Upload-UUID", string(id))
}

// created answers that content is stored.
func (c *call) created(at string, digest mesh.Digest) {
	h := c.w.Header()
	h.Set("Location", "/v2/"+string(c.repo)+at+string(digest))
	h.Set("Docker-Content-Digest", string(digest))
	h.Set("ETag", `"`+string(digest)+`"`)
	h.Set("Content-Length", "0")
	c.w.WriteHeader(http.StatusCreated)
}

// body returns the request's body, which fails when the client stops sending.
func (c *call) body() io.ReadCloser {
	return &patientBody{ReadCloser: c.r.Body, control: http.NewResponseController(c.w)}
}

// patientBody moves the connection's deadline with every read.
type patientBody struct {
	io.ReadCloser

	control *http.ResponseController
}

func (b *patientBody) Read(p []byte) (int, error) {
	// A writer that knows no deadlines, as in tests, does without.
	_ = b.control.SetReadDeadline(time.Now().Add(bodyIdleTimeout))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(noTime)
	}
	return n, err
}
